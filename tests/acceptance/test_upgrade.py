"""A data folder that an earlier version left goes on where it stood."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.demo.recording.make import DemoRecording
from bot.demo.stand_ins.slack import SlackStandIn
from bot.demo.stand_ins.zoom import ZoomStandIn
from inference.scoring.profiles import SCORING_VERSION
from tests.acceptance.conftest import Rapport, running, wait_until
from tests.acceptance.write_data_folder import CORRECTED_NAME, DONE, REPORT_AGAIN, STOPPED
from tests.places import DATA_FOLDERS


@pytest.fixture
def upgraded(
    tmp_path: Path, recording: DemoRecording, slack: SlackStandIn, request: pytest.FixtureRequest
) -> Iterator[Rapport]:
    """Today's version over the data folder that `write_data_folder.py` made with an old one."""
    with zipfile.ZipFile(DATA_FOLDERS / f"data-folder-{request.param}.zip") as packed:
        packed.extractall(tmp_path / "data")
    with ZoomStandIn() as zoom:
        for uuid in (DONE, STOPPED, REPORT_AGAIN):
            zoom.add_meeting(recording.meeting(uuid))
        service = Rapport(tmp_path / "data", zoom, slack, None)
        with running(service):
            yield service


@pytest.mark.parametrize("upgraded", ["0.1.0"], indirect=True)
def test_calls_started_by_an_earlier_version_are_finished(
    upgraded: Rapport, slack: SlackStandIn
) -> None:
    def all_done() -> bool:
        calls = upgraded.calls()
        failed = [call["failure"] for call in calls if call["status"] == "failed"]
        assert not failed, failed
        return len(calls) == 3 and all(call["status"] == "done" for call in calls)

    wait_until(all_done, "all three calls are done")

    calls = {call["zoom_uuid"]: call for call in upgraded.calls()}
    assert all(call["engagement"] is not None for call in calls.values())
    # What was stored keeps its version of the scoring, also when a name is corrected.
    versions = {uuid: call["scoring_version"] for uuid, call in calls.items()}
    assert versions == {DONE: 1, STOPPED: SCORING_VERSION, REPORT_AGAIN: 1}
    report = upgraded.get(f"/calls/{calls[STOPPED]['id']}/report.pdf")
    assert report.content.startswith(b"%PDF")
    people = upgraded.get(f"/calls/{calls[REPORT_AGAIN]['id']}").json()["participants"]
    assert CORRECTED_NAME in [person["name"] for person in people]
    # What the old version posted is unknown to this Slack: the corrected call is posted again.
    posted = [message for message in slack.messages if message.thread_ts is None]
    assert len(posted) == 2
    again = [line for line in upgraded.log.splitlines() if "run 2: " in line and "done" in line]
    steps = [line.split("run 2: ")[1].split(" done")[0] for line in again]
    assert steps == ["store", "report", "notify", "clean up"], "nothing is analysed again"
