"""The workflow engine forgets what ended long ago, and never what is in progress."""

from __future__ import annotations

import sqlite3

from bot.demo.stand_ins.slack import SlackStandIn
from bot.demo.stand_ins.zoom import ZoomStandIn
from tests.acceptance.conftest import Rapport
from tests.acceptance.test_whole_way import assert_reported_once


def test_runs_that_ended_long_ago_are_forgotten_and_one_in_progress_goes_on(
    embedded: Rapport, slack: SlackStandIn, zoom: ZoomStandIn
) -> None:
    embedded.start()
    embedded.announce()
    call = embedded.wait_for("done")
    # Run 2 cannot end before run 1 is forgotten: Zoom refuses its files until then.
    zoom.faults.status("/cdn/", 503, times=1000)
    embedded.request("POST", f"/calls/{call['id']}/reanalyze")
    embedded.wait_for_log("run 2: fetch …", every_s=0.002)
    embedded.kill()
    with sqlite3.connect(embedded.data_dir / "workflows.db") as engine:
        engine.execute("UPDATE workflow_status SET created_at = created_at - 31 * 86400000")
    engine.close()

    embedded.start()
    embedded.wait_for_log("the workflow engine forgot")
    with sqlite3.connect(embedded.data_dir / "workflows.db") as engine:
        kept = engine.execute("SELECT DISTINCT workflow_uuid FROM workflow_status")
        assert [row[0] for row in kept] == [f"{call['id']}.2"]
    engine.close()

    zoom.faults.clear()
    embedded.wait_for("done", run=2)
    assert_reported_once(slack)
