"""Write the data folder that `test_upgrade.py` upgrades.

    python -m tests.acceptance.write_data_folder CHECKOUT_OF_THE_OLD_VERSION OUT.zip

The service of the old version takes three calls and is killed: one is done, one stopped in
`analyse`, and one, done before, waits to be reported again after a correction.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from bot.demo.recording.make import make_recording
from bot.demo.stand_ins.slack import SlackStandIn
from bot.demo.stand_ins.zoom import ZoomStandIn
from bot.demo.stand_ins.zoom_meeting import MeetingFixture
from tests.acceptance.conftest import Rapport, running, wait_until

DONE, STOPPED, REPORT_AGAIN = "/old/Done+1==", "/old/Stopped+1==", "/old/Report+1=="
CORRECTED_NAME = "Maria Okafor"


def main(source: Path, out: Path) -> None:
    """Run the old version, kill it, and pack what it leaves behind."""
    with (
        tempfile.TemporaryDirectory() as folder,
        ZoomStandIn() as zoom,
        SlackStandIn() as slack,
    ):
        made = make_recording(Path(folder) / "recording", seconds=8, size=(320, 180))
        meetings = {uuid: made.meeting(uuid) for uuid in (DONE, STOPPED, REPORT_AGAIN)}
        for meeting in meetings.values():
            zoom.add_meeting(meeting)
        service = Rapport(Path(folder) / "data", zoom, slack, None, source=source)
        with running(service):
            for uuid in (DONE, REPORT_AGAIN):
                done(service, zoom, meetings[uuid])
            slow = {"ANALYSIS__SAMPLES_PER_S": "30"}  # it is killed in the middle
            service.terminate()
            service.more = slow
            service.start()
            send(service, zoom, STOPPED)
            wait_until(
                lambda: "analyse …" in service.log.split("Listening on")[-1],
                "analysing",
                every_s=0.001,
            )
            call = find(service, REPORT_AGAIN)
            person = service.get(f"/calls/{call['id']}").json()["participants"][0]
            answer = service.request(
                "PATCH",
                f"/calls/{call['id']}/participants/{person['id']}",
                json={"name": CORRECTED_NAME},
            )
            assert answer.status_code == 202, answer.text
            service.kill()
        pack(service.data_dir, out)


def send(service: Rapport, zoom: ZoomStandIn, uuid: str) -> None:
    """Announce a recording."""
    assert zoom.send(f"{service.url}/webhooks/zoom", uuid).status_code == 204


def find(service: Rapport, uuid: str) -> dict[str, Any]:
    """Return the call of a meeting."""
    return next(call for call in service.calls() if call["zoom_uuid"] == uuid)


def done(service: Rapport, zoom: ZoomStandIn, meeting: MeetingFixture) -> None:
    """Process a call to the end."""
    send(service, zoom, meeting.uuid)

    def is_done() -> bool:
        return any(
            call["zoom_uuid"] == meeting.uuid and call["status"] == "done"
            for call in service.calls()
        )

    wait_until(is_done, "the call is done")


def pack(data_dir: Path, out: Path) -> None:
    """Print the state of the workflows, and write the folder as a zip, without its log."""
    for name in ("rapport.db", "workflows.db"):
        database = sqlite3.connect(data_dir / name)
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if name == "workflows.db":
            query = "SELECT workflow_uuid, status, name FROM workflow_status"
            sys.stdout.write("".join(f"{row}\n" for row in database.execute(query)))
        database.execute("VACUUM")
        database.close()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for path in sorted(data_dir.rglob("*")):
            if path.is_file() and path.suffix not in (".log", ".lock") and "-wal" not in path.name:
                packed.write(path, path.relative_to(data_dir).as_posix())
    sys.stdout.write(f"{out}: {out.stat().st_size / 1000:.0f} kB\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]))
