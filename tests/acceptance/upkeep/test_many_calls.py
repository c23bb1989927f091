"""Many calls at once do not fill the disk: few recordings are fetched before others are done."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace

import psutil

from bot.demo.stand_ins.zoom import ZoomStandIn
from bot.demo.stand_ins.zoom_meeting import MeetingFixture
from bot.pipeline.resources import FETCHED_AHEAD
from tests.acceptance.conftest import Rapport, wait_until

CALLS = FETCHED_AHEAD + 2


def test_calls_wait_with_their_download_until_others_are_analysed(
    embedded: Rapport, zoom: ZoomStandIn, meeting: MeetingFixture
) -> None:
    embedded.more["ANALYSIS__WORKERS"] = "1"
    embedded.start()
    assert embedded.process is not None
    analysis = next(
        child.pid
        for child in psutil.Process(embedded.process.pid).children()
        if "bot.analysis.child" in child.cmdline()
    )
    os.kill(analysis, signal.SIGSTOP)
    for number in range(CALLS):
        zoom.add_meeting(replace(meeting, uuid=f"call-{number}=="))
        zoom.send(f"{embedded.url}/webhooks/zoom", f"call-{number}==")

    def fetched() -> int:
        return embedded.log.count("fetch done")

    try:
        wait_until(lambda: embedded.log.count(": fetch …") == CALLS, "all calls are begun")
        wait_until(lambda: fetched() == 1 + FETCHED_AHEAD, "some recordings are fetched")
        time.sleep(1.0)
        assert fetched() == 1 + FETCHED_AHEAD
        waiting = [embedded.get(f"/workflows/{call['id']}.1").json() for call in embedded.calls()]
        told = [each["detail"] for each in waiting if each["step"] == "fetch"]
        assert told == ["waiting for another call to be analysed"] * (CALLS - 1 - FETCHED_AHEAD)
    finally:
        os.kill(analysis, signal.SIGCONT)
    wait_until(lambda: embedded.log.count("clean up done") == CALLS, "all calls are done")
