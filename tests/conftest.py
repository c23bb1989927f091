"""What every test stands on: both databases, closed sockets, and no unnoticed ERROR in the log."""

from __future__ import annotations

import ipaddress
import logging
import os
import shutil
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import QueuePool

from storage import migrate
from storage.engine import open_engine
from storage.schema.tables import Table

POSTGRES_URL = os.environ.get(
    "RAPPORT_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres"
)
DATABASES = ("sqlite", "postgresql")


def _refuse_the_outside(event: str, args: tuple[object, ...]) -> None:
    if event in ("socket.connect", "socket.sendto"):
        address = args[1]
        host = address[0] if isinstance(address, tuple) else None  # a str is a Unix socket's path
    elif event == "socket.getaddrinfo":
        host = args[0]
    else:
        return
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host in (None, "", "localhost"):
        return
    try:
        if ipaddress.ip_address(str(host).split("%")[0]).is_loopback or host == "0.0.0.0":
            return
    except ValueError:
        pass  # a name that would have to be looked up outside
    raise RuntimeError(f"Tests reach nothing but loopback, and this one wanted {host!r}.")


# An audit hook sees every Python socket, whatever library opens it, and patches nothing.
sys.addaudithook(_refuse_the_outside)


class _Errors(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture(autouse=True)
def _no_error_logged(request: pytest.FixtureRequest) -> Iterator[list[logging.LogRecord]]:
    handler = _Errors()
    logging.getLogger().addHandler(handler)
    yield handler.records
    logging.getLogger().removeHandler(handler)
    if handler.records and "logged_errors" not in request.fixturenames:
        lines = [f"{record.name}: {record.getMessage()}" for record in handler.records]
        pytest.fail("an ERROR was logged and not asked for:\n" + "\n".join(lines), pytrace=False)


@pytest.fixture
def logged_errors(_no_error_logged: list[logging.LogRecord]) -> list[logging.LogRecord]:
    """The ERROR records of this test, which may log them because it asked."""
    return _no_error_logged


@contextmanager
def scratch_postgres() -> Iterator[str]:
    """Make an empty PostgreSQL database and give its URL; skip where no server answers."""
    server = make_url(POSTGRES_URL).set(drivername="postgresql+psycopg")
    name = f"rapport_test_{uuid.uuid4().hex[:12]}"
    engine = create_engine(
        server, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3}
    )
    try:
        try:
            with engine.connect() as connection:
                connection.execute(text(f"CREATE DATABASE {name}"))
        except OperationalError:
            pytest.skip("no PostgreSQL answers: set RAPPORT_TEST_POSTGRES_URL to test on it")
        try:
            yield server.set(database=name).render_as_string(hide_password=False)
        finally:
            with engine.connect() as connection:
                connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    finally:
        engine.dispose()


@pytest.fixture(scope="session")
def migrated_postgres() -> Iterator[str]:
    """URL of a PostgreSQL database at head, shared by the session: use `database_url`."""
    with scratch_postgres() as url:
        migrate.upgrade(url)
        yield url


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file at head, which tests copy: use `database_url`."""
    path = tmp_path_factory.mktemp("sqlite") / "head.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a database at head without rows, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        path = tmp_path / "rapport.db"
        shutil.copy(request.getfixturevalue("migrated_sqlite"), path)
        return f"sqlite:///{path}"
    url: str = request.getfixturevalue("migrated_postgres")
    engine = open_engine(url)
    with engine.begin() as connection:
        for table in reversed(Table.metadata.sorted_tables):
            connection.execute(table.delete())  # a tenth of what TRUNCATE takes on small tables
    engine.dispose()
    return url


@pytest.fixture(params=DATABASES)
def blank_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a database without any table, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'blank' / 'rapport.db'}"
        return
    with scratch_postgres() as url:
        yield url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine over `database_url`."""
    engine = open_engine(database_url)
    yield engine
    # A request whose client is gone may be in a transaction still: dispose leaves that one open.
    deadline = time.monotonic() + 5
    while isinstance(engine.pool, QueuePool) and engine.pool.checkedout():
        assert time.monotonic() < deadline, "a connection was not given back"
        time.sleep(0.01)
    engine.dispose()
