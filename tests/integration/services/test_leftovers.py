"""Recordings of failed calls have a limit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import col, update

from bot.analysis.turns import Turns
from bot.pipeline.resources import Resources
from bot.service.leftovers import delete_failed_recordings
from bot.service.run import messenger
from bot.settings import Settings
from storage import calls
from storage.engine import reading, transaction
from storage.files import MediaFiles
from storage.schema.tables import Call

DAY = datetime(2026, 9, 10, 13, 0, tzinfo=UTC)
Add = Callable[..., str]


def resources_for(engine: Engine, folder: Path, **changes: object) -> Resources:
    settings = Settings(_env_file=None, data_dir=folder, **changes)  # type: ignore[arg-type]
    return Resources(
        settings=settings,
        engine=engine,
        files=MediaFiles(folder / "calls"),
        zoom=None,
        downloader=None,  # type: ignore[arg-type]
        messenger=messenger(settings),
        analysis=None,  # type: ignore[arg-type]
        link_secret="secret",
        analysing=Turns(1),
    )


@pytest.fixture
def add(engine: Engine, tmp_path: Path) -> Add:
    files = MediaFiles(tmp_path / "calls")

    def add(uuid: str, status: calls.Status, *, days_ago: float, is_partial: bool = False) -> str:
        path = None
        with transaction(engine) as session:
            new = calls.NewCall(uuid, "1", "Harbourline", "maya@brightfield.example.com", DAY)
            call_id = calls.announce(session, new).id
            calls.add_files(session, call_id, [calls.NewFile("f1", 0, "MP4")])
            calls.begin_run(session, call_id)
            path = files.media_path(call_id, "video-f1.mp4.part" if is_partial else "video-f1.mp4")
            path.write_bytes(b"recording")
            if not is_partial:
                calls.set_file(session, call_id, "f1", state="fetched", path=files.relative(path))
            calls.set_status(session, call_id, status, run=1)
            session.exec(
                update(Call)
                .where(col(Call.id) == call_id)
                .values(updated_at=datetime.now(UTC) - timedelta(days=days_ago))
            )
        return call_id

    return add


def test_the_recording_of_a_failed_call_is_deleted_after_the_limit(
    engine: Engine, tmp_path: Path, add: Add
) -> None:
    old = add("old+1==", "failed", days_ago=7.1)
    broken_off = add("partial+1==", "failed", days_ago=8, is_partial=True)
    recent = add("new+1==", "failed", days_ago=6.9)
    running = add("running+1==", "running", days_ago=30)
    waiting = add("waiting+1==", "waiting", days_ago=30)
    resources = resources_for(engine, tmp_path)

    assert delete_failed_recordings(resources) == 2

    with_media = {path.parent.name for path in tmp_path.glob("calls/*/media")}
    assert with_media == {recent, running, waiting}
    with reading(engine) as session:
        assert [file.state for file in calls.get_files(session, old)] == ["deleted"]
        assert [file.state for file in calls.get_files(session, broken_off)] == ["announced"]
        assert calls.get_call(session, old).status == "failed"
    assert delete_failed_recordings(resources) == 0


@pytest.mark.parametrize("changes", [{"keep_recordings": True}, {"failed_media_days": 0}], ids=str)
def test_recordings_of_failed_calls_stay_where_the_settings_say_so(
    engine: Engine, tmp_path: Path, add: Add, changes: dict[str, object]
) -> None:
    call_id = add("old+1==", "failed", days_ago=300)

    assert delete_failed_recordings(resources_for(engine, tmp_path, **changes)) == 0

    assert (tmp_path / "calls" / call_id / "media").exists()
