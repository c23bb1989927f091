"""`rapport rescore`: which calls it takes, and what it says."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.calls.record import Evidence, read_evidence, write_evidence
from storage import calls
from storage.calls.results import ResultRows, save_result
from storage.engine import open_engine, reading, transaction
from storage.files import MediaFiles
from tests.integration.cli.conftest import Run, one_line
from tests.unit.scoring.test_assess import observed


@pytest.fixture
def data_dir(data_dir: Path, migrated_sqlite: Path) -> Path:
    """A data folder with an empty database."""
    data_dir.mkdir()
    shutil.copy(migrated_sqlite, data_dir / "rapport.db")
    return data_dir


def add_call(data_dir: Path, topic: str, version: int, status: calls.Status = "done") -> str:
    """Add a call that was stored by a version of the scoring, and return its id."""
    engine = open_engine(f"sqlite:///{data_dir / 'rapport.db'}")
    files = MediaFiles(data_dir / "calls")
    with transaction(engine) as session:
        new = calls.NewCall(f"{topic}==", "1", topic, "ana@example.com", datetime.now(UTC))
        call_id = calls.announce(session, new).id
        calls.begin_run(session, call_id)
        path = files.series_path(call_id)
        write_evidence(path, Evidence(observed({1: "n" * 60})))
        row = {"scoring_version": version, "series_path": files.relative(path)}
        save_result(session, call_id, ResultRows(row, [], [], [], [], []))
        calls.set_status(session, call_id, status)
    engine.dispose()
    return call_id


def state(data_dir: Path, call_id: str) -> tuple[str, bool, int | None]:
    """Whether a run is due, and which version the evidence asks for."""
    engine = open_engine(f"sqlite:///{data_dir / 'rapport.db'}")
    with reading(engine) as session:
        call = calls.get_call(session, call_id)
    engine.dispose()
    path = MediaFiles(data_dir / "calls").series_path(call_id)
    return call.status, call.has_new_corrections, read_evidence(path).scoring_version


def test_all_takes_the_calls_of_other_versions_that_are_done(rapport: Run, data_dir: Path) -> None:
    old, new = add_call(data_dir, "old", 1), add_call(data_dir, "new", 2)
    failed = add_call(data_dir, "failed", 1, "failed")

    result = rapport("rescore", "--all")

    assert result.exit_code == 0, result.output
    assert "score 1 call by version 2" in one_line(result.stdout)
    assert state(data_dir, old) == ("queued", True, 2)
    assert state(data_dir, new) == ("done", False, None)
    assert state(data_dir, failed) == ("failed", False, None)


def test_one_call_goes_back_to_version_1_and_a_second_request_says_it_is_busy(
    rapport: Run, data_dir: Path
) -> None:
    call_id = add_call(data_dir, "new", 2)

    assert rapport("rescore", call_id, "--version", "1").exit_code == 0
    assert state(data_dir, call_id) == ("queued", True, 1)

    again = rapport("rescore", call_id)
    assert again.exit_code == 1
    assert f"The call {call_id} is queued" in one_line(again.stderr)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Name one call, or use --all."),
        (("abc", "--all"), "Name one call, or use --all."),
        (("--all", "--version", "3"), "There is no version 3 of the scoring; there are 1 and 2."),
        (("nosuchcall",), "There is no call nosuchcall."),
    ],
)
@pytest.mark.usefixtures("data_dir")
def test_a_request_that_cannot_be_met_says_why(
    rapport: Run, arguments: tuple[str, ...], said: str
) -> None:
    result = rapport("rescore", *arguments)
    assert result.exit_code == 1
    assert said in one_line(result.stderr)
