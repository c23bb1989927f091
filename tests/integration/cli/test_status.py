"""`rapport status` and `rapport calls list`: what an operator sees, and is told to do."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import col, update

from storage import calls
from storage.calls import progress
from storage.engine import open_engine, transaction
from storage.schema.columns import utc_now
from storage.schema.tables import Call
from storage.workers import leases
from storage.workers.installation import MARKER, claim_folder
from tests.integration.cli.conftest import Run, one_line


@pytest.fixture
def data_dir(data_dir: Path, migrated_sqlite: Path) -> Path:
    """A data folder with an empty database."""
    data_dir.mkdir()
    shutil.copy(migrated_sqlite, data_dir / "rapport.db")
    return data_dir


@pytest.fixture
def running(data_dir: Path) -> None:
    """A process that works on the database."""
    add_process(data_dir, "abc-serve", silent_s=3)


def add_process(data_dir: Path, name: str, silent_s: float) -> None:
    engine = open_engine(f"sqlite:///{data_dir / 'rapport.db'}")
    with transaction(engine) as session:
        lease = leases.lock(session, name)
        leases.take(session, lease, "this computer")
        lease.heartbeat_at = utc_now() - timedelta(seconds=silent_s)
    engine.dispose()


def add_call(data_dir: Path, topic: str, status: calls.Status, *, hours: float = 0.1) -> str:
    """Add a call that has been in a status for some hours, and return its id."""
    engine = open_engine(f"sqlite:///{data_dir / 'rapport.db'}")
    now = utc_now()
    with transaction(engine) as session:
        new = calls.NewCall(f"{topic}==", "1", topic, "maya@brightfield.example.com", now)
        call_id = calls.announce(session, new).id
        calls.begin_run(session, call_id)
        failure = "The disk is full. Free some disk space." if status == "failed" else None
        calls.set_status(session, call_id, status, failure=failure)
        if status == "running":
            progress.record(session, call_id, 1, step="analyse", share=0.4, detail="minute 12")
        session.exec(
            update(Call).where(col(Call.id) == call_id).values(
                updated_at=now - timedelta(hours=hours)
            )
        )  # fmt: skip
    engine.dispose()
    return call_id


@pytest.mark.usefixtures("running")
def test_a_service_in_order_needs_nothing(rapport: Run, data_dir: Path) -> None:
    call_id = add_call(data_dir, "Harbourline", "running")

    result = rapport("status")

    assert result.exit_code == 0, result.output
    assert "abc-serve: running, heartbeat" in result.stdout
    assert call_id in result.stdout
    assert "analyse 40%: minute 12" in result.stdout
    assert result.stdout.rstrip().endswith("Nothing.")


@pytest.mark.usefixtures("running")
def test_a_failed_call_is_shown_with_the_reason_and_what_to_do(
    rapport: Run, data_dir: Path
) -> None:
    call_id = add_call(data_dir, "Harbourline", "failed", hours=5)

    result = rapport("status")

    assert result.exit_code == 1
    assert f"{call_id}  5 h ago  Harbourline" in result.stdout
    assert "The disk is full." in result.stdout
    assert "reanalyze" in result.stdout


@pytest.mark.usefixtures("running")
def test_a_long_queue_asks_for_another_worker(rapport: Run, data_dir: Path) -> None:
    for number in range(12):
        add_call(data_dir, f"Call {number}", "queued", hours=3 + number)

    result = rapport("status")

    assert result.exit_code == 1
    assert "12 queued" in result.stdout
    assert "and 2 more" in result.stdout
    assert "A call has waited for 14 h: start another `rapport worker`" in result.stdout


def test_a_stopped_service_is_told_apart_from_a_running_one(rapport: Run, data_dir: Path) -> None:
    add_process(data_dir, "abc-serve", silent_s=7200)

    result = rapport("status")

    assert result.exit_code == 1
    assert "abc-serve: not running, heartbeat 2 h ago" in result.stdout
    assert "start `rapport serve`" in result.stdout


@pytest.mark.usefixtures("running")
def test_a_data_folder_that_is_not_the_databases_is_named(rapport: Run, data_dir: Path) -> None:
    engine = open_engine(f"sqlite:///{data_dir / 'rapport.db'}")
    claim_folder(engine, data_dir)
    engine.dispose()
    assert rapport("status").exit_code == 0
    (data_dir / MARKER).write_text("another\n")

    result = rapport("status")

    assert result.exit_code == 1
    assert f"{data_dir} is not the data folder of this database" in result.stdout
    assert f"{data_dir} is not the data folder of this database" in rapport("check").stdout


@pytest.mark.usefixtures("running")
def test_the_disk_is_measured_in_days(rapport: Run, data_dir: Path) -> None:
    call_id = add_call(data_dir, "Harbourline", "done")
    folder = data_dir / "calls" / call_id
    folder.mkdir(parents=True)
    with (folder / "series.npz").open("wb") as file:
        file.truncate(3_000_000)

    fine = rapport("status", ZOOM__DISK_RESERVE_BYTES="0")
    full = rapport("status", ZOOM__DISK_RESERVE_BYTES=str(10**18))

    assert "at 3.0 MB a day" in fine.stdout
    assert "Downloads have stopped" in full.stdout
    assert full.exit_code == 1


def test_calls_are_listed_with_the_reason_of_a_failure(rapport: Run, data_dir: Path) -> None:
    failed = add_call(data_dir, "Harbourline", "failed")
    done = add_call(data_dir, "Renewal", "done")

    everything = rapport("calls", "list")
    only_failed = rapport("calls", "list", "--failed")

    assert failed in everything.stdout
    assert done in everything.stdout
    assert failed in only_failed.stdout
    assert "The disk is full." in only_failed.stdout
    assert done not in only_failed.stdout


def test_looking_makes_no_database(rapport: Run, data_dir: Path, tmp_path: Path) -> None:
    for command in (("status",), ("calls", "list")):
        result = rapport(*command, DATA_DIR=str(tmp_path / "wrong"))

        assert result.exit_code == 1
        assert "RAPPORT_DATA_DIR" in one_line(result.stderr)
    assert not (tmp_path / "wrong").exists()


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize(("minutes", "is_told"), [(0.1, False), (3.0, True)])
def test_a_call_that_waits_after_an_error_needs_attention(
    rapport: Run, data_dir: Path, minutes: float, is_told: bool
) -> None:
    call_id = add_call(data_dir, "Harbourline", "running", hours=minutes / 60)
    engine = open_engine(f"sqlite:///{data_dir / 'rapport.db'}")
    detail = "The token is not valid. Check RAPPORT_SLACK__TOKEN. Trying again in 180 s."
    with transaction(engine) as session:
        progress.record(session, call_id, 1, step="notify", share=0.0, detail=detail)
    engine.dispose()

    result = rapport("status")

    assert ("1 call waits after an error" in result.stdout) is is_told
    assert result.exit_code == is_told


@pytest.mark.parametrize("words", [("status",), ("calls", "list"), ("db", "status"), ("check",)])
def test_a_database_of_a_newer_version_is_not_said_to_need_an_upgrade(
    rapport: Run, data_dir: Path, words: tuple[str, ...]
) -> None:
    engine = open_engine(f"sqlite:///{data_dir / 'rapport.db'}")
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()

    result = rapport(*words)

    assert result.exit_code == 1
    assert "A newer Rapport made the database (schema 9999)" in result.output


def test_a_missing_database_is_told_apart_from_an_old_one(rapport: Run, data_dir: Path) -> None:
    (data_dir / "rapport.db").unlink()

    result = rapport("status")

    assert f"There is no database at {data_dir / 'rapport.db'}" in one_line(result.stderr)
    assert "folder that the service is started in" in result.stderr


def test_rescoring_everything_where_nothing_is_done_says_so(rapport: Run) -> None:
    assert rapport("rescore", "--all").stdout == "No call is done yet.\n"
