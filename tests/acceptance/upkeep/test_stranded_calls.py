"""A call in progress whose run nobody would go on with is started again."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from bot.demo.stand_ins.slack import SlackStandIn
from bot.demo.stand_ins.zoom import ZoomStandIn
from tests.acceptance.conftest import Rapport
from tests.acceptance.test_whole_way import assert_reported_once


def test_calls_go_on_after_an_older_database_was_put_beside_newer_workflows(
    embedded: Rapport, slack: SlackStandIn, tmp_path: Path
) -> None:
    embedded.start()
    embedded.announce()
    embedded.wait_for_log("run 1: fetch …", every_s=0.002)
    with sqlite3.connect(embedded.data_dir / "rapport.db") as live:
        older = sqlite3.connect(tmp_path / "older.db")
        live.backup(older)
        # As it would be by the time anybody restores it.
        older.execute("UPDATE calls SET updated_at = '2020-01-01 00:00:00.000000'")
        older.commit()
        older.close()
    live.close()
    embedded.wait_for("done")
    embedded.kill()
    for name in ("rapport.db", "rapport.db-wal", "rapport.db-shm"):
        (embedded.data_dir / name).unlink(missing_ok=True)
    shutil.copy(tmp_path / "older.db", embedded.data_dir / "rapport.db")

    embedded.start()
    embedded.wait_for("done", run=2)

    assert_reported_once(slack)


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ("DELETE FROM workflow_status", "done", None),
        ("UPDATE workflow_status SET status = 'CANCELLED'", "failed", "Its run was stopped."),
    ],
    ids=["unknown to the engine", "stopped by somebody"],
)
def test_a_call_whose_run_is_gone_is_started_or_given_up(
    embedded: Rapport, zoom: ZoomStandIn, change: str, status: str, said: str | None
) -> None:
    zoom.faults.delay("/cdn/", 5.0)
    embedded.start()
    embedded.announce()
    embedded.wait_for_log("run 1: fetch …", every_s=0.002)
    embedded.kill()
    for name, statement in (
        ("workflows.db", change),
        ("rapport.db", "UPDATE calls SET updated_at = '2020-01-01 00:00:00.000000'"),
    ):
        with sqlite3.connect(embedded.data_dir / name) as database:
            database.execute(statement)
        database.close()

    embedded.start()
    call = embedded.wait_for(status)

    assert (call["failure"] or "")[:20] == (said or "")
