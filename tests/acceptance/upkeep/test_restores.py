"""A backup made while the service works is enough to go on from, wherever the calls stood."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import make_url

from bot.demo.stand_ins.slack import SlackStandIn
from bot.demo.stand_ins.zoom import ZoomStandIn
from tests.acceptance.conftest import Rapport, running
from tests.acceptance.test_whole_way import assert_reported_once
from tests.conftest import scratch_postgres


def run(service: Rapport, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bot", *map(str, words)],
        cwd=service.data_dir.parent,
        env=service.environment() | {"COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
    )


@contextmanager
def elsewhere(service: Rapport, folder: Path) -> Iterator[Rapport]:
    """The same service on another disk, with an empty database."""
    if service.database_url is None:
        yield Rapport(folder, service.zoom, service.slack, None, key=service.key)
        return
    with scratch_postgres() as url:
        plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        yield Rapport(folder, service.zoom, service.slack, plain, key=service.key)


@pytest.mark.parametrize("step", ["fetch", "analyse"])
def test_a_call_in_the_middle_goes_on_after_a_restore_into_an_empty_folder(
    tmp_path: Path, zoom: ZoomStandIn, slack: SlackStandIn, any_database: str | None, step: str
) -> None:
    if any_database is not None and shutil.which("pg_dump") is None:
        pytest.skip("needs pg_dump, of PostgreSQL's client programs")
    service = Rapport(tmp_path / "data", zoom, slack, any_database)
    if step == "fetch":
        zoom.faults.delay("/cdn/", 4.0)
    with running(service):
        service.announce()
        service.wait_for_log(f"run 1: {step} …", every_s=0.002)
        saved = run(service, "backup", tmp_path / "saved")
        service.kill()
        assert saved.returncode == 0, saved.stderr
        assert "Saved 1 call" in saved.stdout
    # After the download Zoom is not asked again: what the backup holds has to be enough.
    with ZoomStandIn() as empty, elsewhere(service, tmp_path / "new") as restored:
        if step == "analyse":
            restored.zoom = empty
        done = run(restored, "restore", tmp_path / "saved")
        assert done.returncode == 0, done.stderr
        with running(restored):
            restored.wait_for("done")

            assert_reported_once(slack)
