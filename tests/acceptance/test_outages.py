"""Zoom and Slack fail in their usual ways; the call, or why it failed, is posted once."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psycopg
import pytest

from bot.demo.stand_ins.slack import SlackStandIn
from bot.demo.stand_ins.zoom import ZoomStandIn
from bot.demo.stand_ins.zoom_meeting import FileFixture, MeetingFixture
from tests.acceptance.conftest import UUID, Rapport, running, wait_until
from tests.acceptance.test_whole_way import assert_reported_once
from tests.places import ROOT


def test_an_interrupted_download_is_resumed(
    rapport: Rapport, slack: SlackStandIn, zoom: ZoomStandIn
) -> None:
    zoom.faults.drop("/cdn/", after_bytes=60_000)
    rapport.announce()

    rapport.wait_for("done")

    assert_reported_once(slack)
    ranges = [request.headers.get("range", "") for request in zoom.requests.to("/cdn/")]
    resumed = [re.fullmatch(r"bytes=(\d+)-", value) for value in ranges]
    assert any(0 < int(found[1]) <= 60_000 for found in resumed if found), ranges


def test_slack_answering_429_delays_the_message_and_posts_it_once(
    rapport: Rapport, slack: SlackStandIn
) -> None:
    slack.faults.status("/api/chat.postMessage", 429, retry_after=1, times=2)
    rapport.announce()

    rapport.wait_for("done")

    assert_reported_once(slack)


def test_a_message_that_slack_accepted_before_the_connection_broke_is_not_posted_again(
    embedded: Rapport, slack: SlackStandIn
) -> None:
    slack.faults.drop("/api/chat.postMessage")
    slack.faults.drop("/api/files.completeUploadExternal")
    embedded.start()
    embedded.announce()

    embedded.wait_for("done")

    assert_reported_once(slack)


def test_a_call_waits_while_zoom_is_down(
    embedded: Rapport, slack: SlackStandIn, zoom: ZoomStandIn
) -> None:
    zoom.faults.status("/rec/", 503, times=2)
    zoom.expire_tokens()
    embedded.start()
    embedded.announce()

    embedded.wait_for("done")

    assert_reported_once(slack)


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00\x00\x00\x20ftypisom" + b"\x00" * 5000],
    ids=["zero bytes", "no media behind the header"],
)
def test_an_unreadable_recording_is_reported_with_the_reason(
    embedded: Rapport,
    slack: SlackStandIn,
    meeting: MeetingFixture,
    tmp_path: Path,
    content: bytes,
) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(content)
    meeting.files[0] = FileFixture(broken)
    embedded.start()
    embedded.announce()

    call = wait_until(
        lambda: next((c for c in embedded.calls() if c["status"] == "failed"), None),
        "the call has failed",
    )

    assert call["failure"]
    posted = wait_until(lambda: slack.messages, "the failure is posted")
    assert len(posted) == 1
    assert meeting.topic in posted[0].text


def test_nothing_starts_without_a_valid_signature(embedded: Rapport, zoom: ZoomStandIn) -> None:
    embedded.start()
    target = f"{embedded.url}/webhooks/zoom"
    body = zoom.webhook_body(UUID)

    assert httpx.post(target, content=body).status_code == 401
    large = b"x" * 1_000_001
    headers = zoom.signed_headers(large)
    assert httpx.post(target, content=large, headers=headers).status_code == 413
    headers = zoom.signed_headers(b"not json")
    assert httpx.post(target, content=b"not json", headers=headers).status_code == 400
    counted = httpx.get(f"{embedded.url}/healthz").json()["webhooks_refused"]
    assert counted == {"signature": 1, "size": 1, "unreadable": 1}
    assert embedded.calls() == []


def test_nothing_is_readable_without_a_key(embedded: Rapport) -> None:
    embedded.start()

    assert httpx.get(f"{embedded.url}/api/v1/calls").status_code == 401
    assert httpx.get(f"{embedded.url}/healthz").status_code == 200
    assert httpx.get(f"{embedded.url}/readyz").status_code == 200


def test_a_call_deleted_while_it_is_analysed_leaves_nothing(
    embedded: Rapport, slack: SlackStandIn
) -> None:
    embedded.start()
    embedded.announce()
    wait_until(lambda: "run 1: analyse …" in embedded.log, "the analysis")
    call_id = embedded.calls()[0]["id"]

    assert embedded.request("DELETE", f"/calls/{call_id}").status_code == 204

    wait_until(lambda: "was deleted while" in embedded.log, "the step has noticed")
    assert embedded.calls() == []
    assert list((embedded.data_dir / "calls").iterdir()) == []
    embedded.announce()
    wait_until(lambda: "left alone" in embedded.log, "the repeat is seen")
    assert embedded.calls() == [], "a deleted call does not come back"
    assert slack.messages == []


def test_a_recording_whose_webhook_never_arrived_is_found_in_zoom(
    embedded: Rapport, slack: SlackStandIn, meeting: MeetingFixture
) -> None:
    meeting.started_at = datetime.now(UTC) - timedelta(days=1)
    embedded.more["RECONCILE_HOURS"] = "24"
    embedded.start()

    embedded.wait_for("done")

    assert_reported_once(slack)


def test_old_calls_are_deleted_if_the_setting_says_so(
    embedded: Rapport, slack: SlackStandIn
) -> None:
    embedded.start()
    embedded.announce()
    embedded.wait_for("done")
    embedded.terminate()

    embedded.more["RETENTION_DAYS"] = "1"
    embedded.start()

    wait_until(lambda: embedded.calls() == [], "the old call is deleted")
    assert list((embedded.data_dir / "calls").iterdir()) == []
    assert_reported_once(slack)


def test_a_call_survives_a_database_that_drops_every_connection(
    tmp_path: Path, zoom: ZoomStandIn, slack: SlackStandIn, empty_postgres: str
) -> None:
    service = Rapport(tmp_path / "data", zoom, slack, empty_postgres)
    with running(service), psycopg.connect(empty_postgres, autocommit=True) as admin:
        service.announce()
        for step in ("fetch", "analyse", "report"):
            service.wait_for_log(f"run 1: {step} …")
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

        service.wait_for("done")

        assert_reported_once(slack)


def test_a_transcript_that_zoom_announces_but_refuses_leaves_the_call_posted_once(
    embedded: Rapport, slack: SlackStandIn, meeting: MeetingFixture, tmp_path: Path
) -> None:
    page = tmp_path / "refused.vtt"
    page.write_text("<!doctype html><title>Sign in</title>")
    transcript = next(file for file in meeting.files if file.file_type == "TRANSCRIPT")
    meeting.files[meeting.files.index(transcript)] = FileFixture(page, "TRANSCRIPT")
    embedded.start()
    embedded.announce()
    embedded.wait_for("done")
    assert embedded.announce("recording.transcript_completed").status_code == 204
    wait_until(lambda: embedded.log.count("run 2: clean up done") == 1, "the refresh is over")

    assert embedded.calls()[0]["status"] == "done"
    assert_reported_once(slack)


def test_the_api_says_why_a_step_waits(embedded: Rapport, zoom: ZoomStandIn) -> None:
    embedded.more["ZOOM__DISK_RESERVE_BYTES"] = str(10**17)
    embedded.start()
    embedded.announce()

    def waiting_step() -> dict[str, object] | None:
        found = embedded.calls()
        workflow = embedded.get(f"/workflows/{found[0]['id']}.1").json() if found else {}
        return workflow if "Trying again" in str(workflow.get("detail")) else None

    workflow = wait_until(waiting_step, "the API gives the reason")

    assert workflow["status"] == "running"
    assert "disk" in workflow["detail"].lower()


def test_a_message_deleted_in_slack_is_posted_again_when_there_is_news(
    embedded: Rapport, slack: SlackStandIn, meeting: MeetingFixture
) -> None:
    transcript = next(file for file in meeting.files if file.file_type == "TRANSCRIPT")
    meeting.files.remove(transcript)
    embedded.start()
    embedded.announce()
    embedded.wait_for("done")
    posted, report = slack.messages[0], slack.files[0]
    as_admin = {"Authorization": f"Bearer {slack.token}"}
    for method, what in (
        ("chat.delete", {"channel": posted.channel, "ts": posted.ts}),
        ("files.delete", {"file": report.id}),
    ):
        assert httpx.post(slack.api_url + method, data=what, headers=as_admin).json()["ok"]

    meeting.files.append(transcript)
    embedded.announce("recording.transcript_completed")
    embedded.wait_for("done", run=2)

    assert_reported_once(slack)


def test_an_unusable_data_folder_is_reported_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    kept = {k: v for k, v in os.environ.items() if not k.startswith("RAPPORT_")}
    answer = subprocess.run(
        [sys.executable, "-m", "bot", "serve"],
        env=kept | {"RAPPORT_DATA_DIR": str(tmp_path / "file"), "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert answer.returncode == 1
    assert "RAPPORT_DATA_DIR" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_half_written_secret_is_created_again(embedded: Rapport) -> None:
    embedded.data_dir.mkdir()
    secret = embedded.data_dir / "link-secret"
    secret.touch()

    embedded.start()

    assert len(secret.read_text().strip()) > 30
