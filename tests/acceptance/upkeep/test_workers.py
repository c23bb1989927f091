"""Several processes on one database: one dies, one freezes, one restarts, one is set up wrongly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from bot.demo.stand_ins.slack import SlackStandIn
from bot.demo.stand_ins.zoom import ZoomStandIn
from bot.demo.stand_ins.zoom_meeting import MeetingFixture
from storage.calls import call_id_for
from tests.acceptance.conftest import UUID, Rapport, running, wait_until
from tests.acceptance.test_whole_way import assert_reported_once

TAKEOVER_S = 6
OTHER_UUID = "another/call=="


def process(service: Rapport, name: str, command: str = "worker") -> Rapport:
    """Another process of a service, with a name and a log of its own."""
    more = service.more | {"EXECUTOR_ID": name, "TAKEOVER_S": str(TAKEOVER_S)}
    return Rapport(
        service.data_dir, service.zoom, service.slack, service.database_url, more,
        command=command, log_name=f"{name}.log", key=service.key,
    )  # fmt: skip


@pytest.fixture
def first(
    tmp_path: Path, zoom: ZoomStandIn, slack: SlackStandIn, empty_postgres: str
) -> Iterator[Rapport]:
    """The service on PostgreSQL; it is started by the test."""
    service = process(Rapport(tmp_path / "data", zoom, slack, empty_postgres), "first", "serve")
    yield service
    if service.process is not None and service.process.poll() is None:
        service.kill()


def files_of(service: Rapport) -> dict[str, int]:
    """When each file of the calls was last written."""
    folder = service.data_dir / "calls"
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_a_process_that_froze_finds_its_calls_finished_by_another_and_does_nothing_more(
    first: Rapport, zoom: ZoomStandIn, slack: SlackStandIn, meeting: MeetingFixture
) -> None:
    """One call is about to be posted when it freezes, and one is being analysed."""
    zoom.add_meeting(replace(meeting, uuid=OTHER_UUID))
    posted, analysed = call_id_for(UUID), call_id_for(OTHER_UUID)
    slack.faults.delay("/api/conversations.history", 8.0)
    first.start()
    first.announce()
    first.wait_for_log(f"{posted} run 1: notify …")
    zoom.send(f"{first.url}/webhooks/zoom", OTHER_UUID)
    first.wait_for_log(f"{analysed} run 1: analyse …", every_s=0.002)
    assert first.process is not None
    os.kill(first.process.pid, signal.SIGSTOP)
    with running(process(first, "second")) as second:
        for call_id in (posted, analysed):
            second.wait_for_log(f"{call_id} run 1: clean up done")
        written, said = files_of(first), first.log

        os.kill(first.process.pid, signal.SIGCONT)
        assert first.process.wait(20) == 1

    assert "Another process has taken over the calls of first" in first.log
    assert " done in " not in first.log[len(said) :]
    assert files_of(first) == written
    assert len(slack.files) == 2
    assert len({message.ts for message in slack.messages if not message.thread_ts}) == 2
    assert not any(message.edited for message in slack.messages)


def test_a_killed_process_that_comes_back_while_another_takes_over_repeats_no_step(
    first: Rapport, slack: SlackStandIn
) -> None:
    first.start()
    with running(process(first, "second")) as second:
        first.announce()
        both = (first, second)
        worker = wait_until(
            lambda: next((one for one in both if "run 1: analyse …" in one.log), None),
            "the analysis",
            every_s=0.002,
        )
        worker.kill()
        worker.start()
        wait_until(lambda: any("clean up done" in one.log for one in both), "the call is done")

    steps = first.log + second.log
    assert_reported_once(slack)
    assert steps.count("run 1: fetch …") == 1, "finished steps are not repeated"
    assert steps.count("run 1: analyse …") == 2, "the step in progress is repeated once"
    for step in ("store", "report", "notify", "clean up"):
        assert steps.count(f"run 1: {step} …") == 1


def test_another_process_finishes_what_a_dead_one_started(
    first: Rapport, slack: SlackStandIn
) -> None:
    first.start()
    first.announce()
    first.wait_for_log("run 1: analyse …", every_s=0.002)
    first.kill()
    with running(process(first, "second")) as second:
        second.wait_for_log("clean up done")

    assert_reported_once(slack)
    assert "first gave no heartbeat for" in second.log
    assert "run 1: fetch …" not in second.log, "finished steps are not repeated"


def refused(service: Rapport, **changes: str) -> str:
    """Start a worker that is set up like a service but for some settings; return what it says."""
    changed = {f"RAPPORT_{name}": value for name, value in changes.items()}
    done = subprocess.run(
        [sys.executable, "-m", "bot", "worker"],
        env=service.environment() | changed,
        cwd=service.data_dir.parent,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    return " ".join(done.stderr.split())


def test_a_worker_with_the_same_name_or_another_data_folder_refuses_to_start(
    rapport: Rapport, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    url = rapport.database_url or f"sqlite:///{rapport.data_dir / 'rapport.db'}"
    name = f"{(rapport.data_dir / 'installation').read_text().strip()}-serve"

    folder = refused(rapport, DATABASE_URL=url, DATA_DIR=str(elsewhere))
    taken = refused(rapport, EXECUTOR_ID=name)

    assert f"{elsewhere} is not the data folder of this database: set RAPPORT_DATA_DIR" in folder
    assert list(elsewhere.iterdir()) == []
    assert f"Another process named '{name}' is running on this database." in taken
    assert "RAPPORT_EXECUTOR_ID" in taken
    assert rapport.get("/calls").status_code == 200


def test_without_its_data_folder_a_service_says_so_and_its_calls_wait(rapport: Rapport) -> None:
    """As when the disk of the folder is not mounted any more."""
    marker = rapport.data_dir / "installation"
    marker.rename(rapport.data_dir / "unmounted")

    ready = httpx.get(f"{rapport.url}/readyz", timeout=20)
    rapport.announce()
    rapport.wait_for_log("is not the data folder of this database")
    wait_until(lambda: "Trying again in 60 s" in rapport.log, "the step is tried again")

    assert ready.status_code == 503
    assert "The data folder is missing" in ready.json()["checks"]["disk"]
    assert files_of(rapport) == {}
