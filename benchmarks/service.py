"""What the benchmarks of the running service share: a database for it, and meetings to analyse."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, make_url, text

from bot.demo.recording.make import DemoRecording, make_recording
from bot.demo.stand_ins.zoom import ZoomStandIn
from storage.engine import open_engine

POSTGRES_URL = os.environ.get(
    "RAPPORT_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres"
)
MEDIA = ("*.mp4", "*.m4a", "*.part")


@contextmanager
def database(kind: str, data_dir: Path) -> Iterator[dict[str, str]]:
    """Make a data folder and a database for one measurement; yield the settings that name it.

    `kind` is "sqlite", which lies in the folder, or "postgresql": a database on the server of
    RAPPORT_TEST_POSTGRES_URL, dropped at the end.
    """
    data_dir.mkdir()
    if kind == "sqlite":
        yield {}
        return
    server = make_url(POSTGRES_URL).set(drivername="postgresql+psycopg")
    name = f"rapport_{uuid.uuid4().hex[:12]}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        url = server.set(drivername="postgresql", database=name)
        yield {"DATABASE_URL": url.render_as_string(hide_password=False)}
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        engine.dispose()


def open_database(settings: dict[str, str], data_dir: Path) -> Engine:
    """Open the database that `database` made."""
    url = settings.get("DATABASE_URL", f"sqlite:///{data_dir / 'rapport.db'}")
    return open_engine(url.replace("postgresql://", "postgresql+psycopg://"))


def query(engine: Engine, sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql))]


def add_meetings(zoom: ZoomStandIn, folder: Path, count: int, seconds: float = 8.0) -> list[str]:
    """Add meetings with the same short recording to Zoom, and return their identifiers."""
    recording: DemoRecording = make_recording(folder, seconds=seconds, size=(320, 180))
    names = [f"made-up-{number}==" for number in range(count)]
    for number, name in enumerate(names):
        began = recording.started_at + timedelta(minutes=number)
        meeting = replace(recording.meeting(name), topic=f"Call {number}", started_at=began)
        files = [replace(file, id=str(uuid.uuid4())) for file in meeting.files]
        zoom.add_meeting(replace(meeting, files=files))
    return names


def media_left(data_dir: Path) -> list[Path]:
    """Return the recordings, whole or in part, that still lie in the data folder."""
    return [path for kind in MEDIA for path in (data_dir / "calls").rglob(kind)]


def wait_for(condition: Callable[[], Any], timeout_s: float, log: Callable[[], str]) -> None:
    """Wait until a condition holds.

    Raises:
        TimeoutError: it does not; the message has the end of the log.
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(log()[-3000:])
        time.sleep(0.2)  # each look is a query or a request, which costs the service
