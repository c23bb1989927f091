"""A call that crashes a library, or kills the whole service, fails alone and with the reason."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.demo.stand_ins.slack import SlackStandIn
from bot.demo.stand_ins.zoom import ZoomStandIn
from bot.demo.stand_ins.zoom_meeting import MeetingFixture
from storage.calls import call_id_for
from tests.acceptance.conftest import UUID, Rapport, running, wait_until

BAD_UUID = "crashing/call=="
BAD_ID = call_id_for(BAD_UUID)

SITE = """
import ctypes, os, signal, sys

def crash(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, os.PathLike)):
        path = os.fspath(arguments[0])
        if {call_id!r} in path and path.endswith({file!r}):
            {crash}

if ("bot.analysis.child" in sys.orig_argv) is {in_analysis}:
    sys.addaudithook(crash)
"""
"""A `sitecustomize` of the test: Python runs it when a process starts. Opening a file then is what
a damaged recording would be to a library with a bug."""


@dataclass
class CrashingRapport(Rapport):
    """A service in which opening a file of the bad call crashes the process that opens it."""

    site: Path = Path()

    def environment(self) -> dict[str, str]:
        given = super().environment()
        return given | {"PYTHONPATH": os.pathsep.join((str(self.site), given["PYTHONPATH"]))}


def crashing(
    tmp_path: Path, zoom: ZoomStandIn, slack: SlackStandIn, file: str, crash: str, where: str
) -> CrashingRapport:
    site = tmp_path / "site"
    site.mkdir()
    text = SITE.format(call_id=BAD_ID, file=file, crash=crash, in_analysis=where == "analysis")
    (site / "sitecustomize.py").write_text(text)
    return CrashingRapport(tmp_path / "data", zoom, slack, None, site=site)


def status_of(service: Rapport, call_id: str) -> str:
    return next((call["status"] for call in service.calls() if call["id"] == call_id), "")


@pytest.fixture
def two_calls(zoom: ZoomStandIn, meeting: MeetingFixture) -> ZoomStandIn:
    zoom.add_meeting(replace(meeting, uuid=BAD_UUID, topic="The one that crashes"))
    return zoom


def test_a_call_that_crashes_the_analysis_fails_after_three_tries_while_all_else_goes_on(
    tmp_path: Path, two_calls: ZoomStandIn, slack: SlackStandIn
) -> None:
    reason = "The analysis crashed (SIGSEGV)."
    crash = "ctypes.string_at(0)"
    service = crashing(tmp_path, two_calls, slack, "manifest.json", crash, "analysis")
    with running(service):
        assert service.process is not None
        for uuid in (BAD_UUID, UUID):
            assert two_calls.send(f"{service.url}/webhooks/zoom", uuid).status_code == 204

        def is_failed() -> bool:
            assert httpx.get(f"{service.url}/healthz", timeout=5).is_success
            return status_of(service, BAD_ID) == "failed"

        wait_until(is_failed, "the crashing call has failed")
        wait_until(lambda: status_of(service, call_id_for(UUID)) == "done", "the other is done")

        assert service.process.poll() is None
        bad: dict[str, Any] = service.get(f"/calls/{BAD_ID}").json()
        assert bad["failure"] == reason
        assert service.log.count(f"call {BAD_ID} run 1: analyse …") == 3
        assert service.log.count("Fatal Python error: Segmentation fault") == 3
        assert [reason in message.text for message in slack.messages].count(True) == 1


def test_a_call_that_kills_the_service_fails_after_three_starts_of_the_step(
    tmp_path: Path, two_calls: ZoomStandIn, slack: SlackStandIn
) -> None:
    kill = "os.kill(os.getpid(), signal.SIGKILL)"
    service = crashing(tmp_path, two_calls, slack, "series.npz", kill, "service")
    with running(service):
        two_calls.send(f"{service.url}/webhooks/zoom", BAD_UUID)
        for _ in range(3):
            assert service.process is not None
            service.process.wait(60)
            service.start()
        wait_until(lambda: status_of(service, BAD_ID) == "failed", "the call has failed")
        two_calls.send(f"{service.url}/webhooks/zoom", UUID)
        wait_until(lambda: status_of(service, call_id_for(UUID)) == "done", "the other is done")

        failure = service.get(f"/calls/{BAD_ID}").json()["failure"]
        assert failure == (
            'Rapport\'s process ended 3 times in the middle of the step "store" of this call, so '
            "it is not tried again."
        )
