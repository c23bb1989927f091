"""`rapport backup` and `rapport restore`: what they save, and what they refuse."""

from __future__ import annotations

import json
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage import calls
from storage.backup.contents import CONTENTS
from storage.engine import open_engine, reading, transaction
from storage.errors import BadBackup
from storage.workers import leases
from storage.workers.installation import MARKER, check_folder, claim_folder
from tests.integration.cli.conftest import Run, one_line

DAY = datetime(2026, 9, 10, 13, 0, tzinfo=UTC)


def add_call(data_dir: Path, uuid: str, status: calls.Status) -> str:
    """Add a call with a report and a recording, and return its id."""
    engine = open_engine(f"sqlite:///{data_dir / 'rapport.db'}")
    with transaction(engine) as session:
        new = calls.NewCall(uuid, "1", "Harbourline: pilot", "maya@brightfield.example.com", DAY)
        call_id = calls.announce(session, new).id
        calls.begin_run(session, call_id)
        calls.set_status(session, call_id, status)
    engine.dispose()
    folder = data_dir / "calls" / call_id
    (folder / "media").mkdir(parents=True)
    (folder / "media" / "video-1.mp4").write_bytes(b"recording")
    (folder / "report.pdf").write_bytes(b"%PDF report of " + uuid.encode())
    (folder / ".writing-x").write_bytes(b"half")
    return call_id


@pytest.fixture
def data_dir(data_dir: Path, migrated_sqlite: Path) -> Path:
    """A data folder with an empty database."""
    data_dir.mkdir()
    shutil.copy(migrated_sqlite, data_dir / "rapport.db")
    return data_dir


@pytest.fixture
def saved(rapport: Run, data_dir: Path, tmp_path: Path) -> Path:
    """A backup of two calls, one of them in progress."""
    add_call(data_dir, "done+1==", "done")
    add_call(data_dir, "running+1==", "running")
    (data_dir / "link-secret").write_text("invented-link-secret\n")
    engine = open_engine(f"sqlite:///{data_dir / 'rapport.db'}")
    claim_folder(engine, data_dir)
    with transaction(engine) as session:
        leases.take(session, leases.lock(session, "abc-serve"), "this computer")
    engine.dispose()
    result = rapport("backup", tmp_path / "saved")
    assert result.exit_code == 0, result.stderr
    return tmp_path / "saved"


def test_a_restore_brings_back_calls_files_and_the_secret_of_the_links(
    rapport: Run, saved: Path, tmp_path: Path
) -> None:
    new = tmp_path / "new"

    result = rapport("restore", saved, DATA_DIR=str(new))

    assert result.exit_code == 0, result.stderr
    assert "Restored 2 calls" in result.stdout
    assert (new / "link-secret").read_text() == "invented-link-secret\n"
    reports = {path.read_bytes() for path in new.glob("calls/*/report.pdf")}
    assert reports == {b"%PDF report of done+1==", b"%PDF report of running+1=="}
    with sqlite3.connect(new / "rapport.db") as database:
        assert sorted(database.execute("SELECT status FROM calls")) == [("done",), ("running",)]
    database.close()
    assert not list(new.rglob(".writing-*"))
    open_to_others = [path for path in new.rglob("*") if path.stat().st_mode & 0o077]
    assert open_to_others == []


def test_only_recordings_of_calls_in_progress_are_saved_unless_asked_for(
    rapport: Run, saved: Path, data_dir: Path, tmp_path: Path
) -> None:
    everything = rapport("backup", tmp_path / "all", "--recordings")

    assert everything.exit_code == 0, everything.stderr
    assert len(list(saved.glob("calls/*/media/*.mp4"))) == 1
    assert len(list((tmp_path / "all").glob("calls/*/media/*.mp4"))) == 2


def test_after_a_restore_no_name_is_taken_and_the_folder_is_the_databases(
    rapport: Run, saved: Path, tmp_path: Path
) -> None:
    new = tmp_path / "new"
    rapport("restore", saved, DATA_DIR=str(new))

    engine = open_engine(f"sqlite:///{new / 'rapport.db'}")
    with reading(engine) as session:
        check_folder(session, new)
        assert [(seen.name, seen.is_held) for seen in leases.list_all(session)] == [
            ("abc-serve", False)
        ]
    engine.dispose()


def test_a_folder_that_is_not_the_databases_is_not_backed_up(
    rapport: Run, saved: Path, data_dir: Path, tmp_path: Path
) -> None:
    (data_dir / MARKER).unlink()

    result = rapport("backup", tmp_path / "again")

    assert result.exit_code == 1
    assert "is not the data folder of this database" in one_line(result.stderr)
    assert not (tmp_path / "again").exists()


def test_a_restore_replaces_nothing(rapport: Run, saved: Path, data_dir: Path) -> None:
    before = (data_dir / "rapport.db").read_bytes()

    result = rapport("restore", saved)

    assert result.exit_code == 1
    assert "is not empty" in one_line(result.stderr)
    assert "move it away" in result.stderr
    assert (data_dir / "rapport.db").read_bytes() == before


@pytest.mark.parametrize("change", ["changed", "cut", "removed"])
def test_a_damaged_backup_is_refused_before_anything_is_written(
    rapport: Run, saved: Path, tmp_path: Path, change: str
) -> None:
    report = next(saved.glob("calls/*/report.pdf"))
    if change == "removed":
        report.unlink()
    else:
        whole = report.read_bytes()
        report.write_bytes(whole[:-4] if change == "cut" else whole[:-1] + b"?")

    result = rapport("restore", saved, DATA_DIR=str(tmp_path / "new"))

    assert result.exit_code == 1
    assert "The backup is damaged" in one_line(result.stderr)
    assert "report.pdf" in result.stderr
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "newer", [{"version": "99.0.0"}, {"format": 99}, {"schema": "9999"}], ids=str
)
def test_a_backup_of_a_newer_version_is_refused(
    rapport: Run, saved: Path, tmp_path: Path, newer: dict[str, object]
) -> None:
    listed = json.loads((saved / CONTENTS).read_text())
    (saved / CONTENTS).write_text(json.dumps(listed | newer))

    result = rapport("restore", saved, DATA_DIR=str(tmp_path / "new"))

    assert result.exit_code == 1
    assert "made by a newer Rapport" in one_line(result.stderr)
    assert "install that version" in result.stderr
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "listed", [None, "", "[]", '{"files": [{}]}', "{}", '{"files": 3}'], ids=repr
)
def test_a_folder_that_is_no_finished_backup_is_refused(
    rapport: Run, saved: Path, tmp_path: Path, listed: str | None
) -> None:
    (saved / CONTENTS).unlink()
    if listed is not None:
        (saved / CONTENTS).write_text(listed)

    result = rapport("restore", saved, DATA_DIR=str(tmp_path / "new"))

    assert result.exit_code == 1
    assert "backup" in one_line(result.stderr)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("path", ["../outside", "/tmp/outside", "calls/../../outside"])
def test_a_backup_cannot_name_files_outside_the_data_folder(
    rapport: Run, saved: Path, tmp_path: Path, path: str
) -> None:
    listed = json.loads((saved / CONTENTS).read_text())
    listed["files"][0]["path"] = path
    (saved / CONTENTS).write_text(json.dumps(listed))

    result = rapport("restore", saved, DATA_DIR=str(tmp_path / "new"))

    assert result.exit_code == 1
    assert not (tmp_path / "new").exists()


def test_a_backup_of_the_other_kind_of_database_is_refused(
    rapport: Run, saved: Path, tmp_path: Path
) -> None:
    result = rapport(
        "restore", saved,
        DATA_DIR=str(tmp_path / "new"), DATABASE_URL="postgresql://localhost/rapport",
    )  # fmt: skip

    assert result.exit_code == 1
    assert "unset RAPPORT_DATABASE_URL" in one_line(result.stderr)


def test_a_backup_goes_into_a_new_or_empty_folder_outside_the_data_folder(
    rapport: Run, saved: Path, data_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    for target, said in (
        (saved, "is not empty"),
        (data_dir / "backups", "in the data folder"),
        (tmp_path / "file", "is a file"),
    ):
        result = rapport("backup", target)
        assert result.exit_code == 1
        assert said in one_line(result.stderr)
    assert not (data_dir / "backups").exists()


def test_a_data_folder_without_a_database_is_not_saved(rapport: Run, tmp_path: Path) -> None:
    result = rapport("backup", tmp_path / "saved", DATA_DIR=str(tmp_path / "wrong"))

    assert result.exit_code == 1
    assert "There is nothing to back up" in one_line(result.stderr)
    assert not (tmp_path / "saved").exists()


def test_a_damaged_database_is_not_taken_for_a_backup(
    rapport: Run, data_dir: Path, tmp_path: Path
) -> None:
    add_call(data_dir, "done+1==", "done")
    (data_dir / "workflows.db").write_bytes(b"SQLite format 3\x00" + b"?" * 8000)

    result = rapport("backup", tmp_path / "saved")

    assert result.exit_code == 1
    assert "database" in one_line(result.stderr)
    assert not (tmp_path / "saved").exists()


def test_a_restore_into_a_database_with_tables_is_refused(
    saved: Path, tmp_path: Path, migrated_postgres: str
) -> None:
    from storage.backup.postgres import check_is_empty

    with pytest.raises(BadBackup, match="is not empty: make a new one with createdb"):
        check_is_empty(migrated_postgres)
