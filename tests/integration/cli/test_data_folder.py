"""Only the service's user can read the data folder."""

from __future__ import annotations

import logging
import stat
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Run


def open_paths(folder: Path) -> list[str]:
    """Return what group or others have any right to, by name."""
    return [
        path.name
        for path in (folder, *folder.rglob("*"))
        if not path.is_symlink() and path.stat().st_mode & 0o077
    ]


def test_a_new_data_folder_is_for_its_user_alone(rapport: Run, data_dir: Path) -> None:
    assert rapport("keys", "add", "reports").exit_code == 0
    assert (data_dir / "rapport.db").is_file()
    assert open_paths(data_dir) == []


def test_an_existing_data_folder_is_closed_to_others(rapport: Run, data_dir: Path) -> None:
    call = data_dir / "calls" / "one"
    call.mkdir(parents=True)
    report = call / "report.pdf"
    report.write_bytes(b"%PDF")
    outside = data_dir.parent / "outside.txt"
    outside.touch()
    (call / "link").symlink_to(outside)
    for path in (data_dir, call, report, outside):
        path.chmod(0o755)
    assert rapport("keys", "list").exit_code == 0
    assert open_paths(data_dir) == []
    assert stat.S_IMODE(report.stat().st_mode) == 0o700
    assert stat.S_IMODE(outside.stat().st_mode) == 0o755, "links are not followed"


def test_a_shared_folder_keeps_its_rights_and_a_warning_says_what_to_do(
    rapport: Run, data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    data_dir.mkdir()
    data_dir.chmod(0o1777)
    assert rapport("keys", "list").exit_code == 0
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o1777
    assert "give Rapport a folder of its own" in caplog.text
    assert "other users can look into" in rapport("check").output.replace("\n", " ")
