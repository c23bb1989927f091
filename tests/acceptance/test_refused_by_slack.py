"""Slack takes the summary and refuses what follows: the call is done, the rest comes later."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from bot.demo.stand_ins.slack import SlackStandIn
from bot.demo.stand_ins.slack_workspace import SlackMessage
from bot.demo.stand_ins.zoom_meeting import MeetingFixture
from tests.acceptance.conftest import Rapport, wait_until
from tests.acceptance.test_corrected_calls import correct, people
from tests.acceptance.test_whole_way import assert_reported_once

ALWAYS = 1000
COMPLETE = "/api/files.completeUploadExternal"


def notes_of(service: Rapport, call: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = service.get(f"/calls/{call['id']}").json()["notes"]
    return found


def posts(slack: SlackStandIn) -> list[SlackMessage]:
    return [message for message in slack.messages if not message.is_reply]


def test_a_replacement_killed_before_it_was_recorded_is_posted_once(
    rapport: Rapport, slack: SlackStandIn
) -> None:
    rapport.announce()
    call = rapport.wait_for("done")
    pid = next(iter(people(rapport, call).values()))["id"]
    posted = len(slack.requests.to("/api/chat.postMessage"))
    slack.faults.refuse("/api/chat.update", "edit_window_closed")
    slack.faults.delay("/api/chat.postMessage", 2.0)

    correct(rapport, call, pid, name="Maria Okafor")
    wait_until(
        lambda: len(slack.requests.to("/api/chat.postMessage")) > posted, "the post is under way"
    )
    rapport.kill()
    rapport.start()
    rapport.wait_for("done", run=2)

    old, new = posts(slack)
    assert "Replaces the message of" in str(new.blocks[0])
    assert "Maria Okafor" in str(new.blocks)
    assert not old.edited, "the edit that Slack would now allow is not made"
    assert [file.thread_ts for file in slack.files] == [new.ts]
    correct(rapport, call, pid, name="Lee Wu")
    rapport.wait_for("done", run=3)
    assert len(posts(slack)) == 2
    assert "Lee Wu" in str(posts(slack)[1].blocks)
    assert notes_of(rapport, call) == []


def test_a_call_that_an_earlier_version_kept_waiting_for_its_pdf_is_done_and_gets_it_later(
    embedded: Rapport, slack: SlackStandIn, tmp_path: Path
) -> None:
    today = embedded.source
    embedded.source = _waiting_version(today, tmp_path / "earlier")
    slack.faults.refuse(COMPLETE, "internal_error", times=ALWAYS)
    embedded.start()
    embedded.announce()
    embedded.wait_for_log("Trying again in 4 s")
    assert embedded.calls()[0]["status"] == "running"
    embedded.kill()

    embedded.source = today
    embedded.start()

    call = embedded.wait_for("done")
    (note,) = notes_of(embedded, call)
    assert "files.completeUploadExternal: internal_error" in note["text"]
    assert note["retry_at"] is not None
    assert not list((embedded.data_dir / "calls").rglob("*.mp4")), "the recording is deleted"
    assert slack.files == []
    embedded.kill()
    slack.faults.clear()
    embedded.start()
    wait_until(lambda: notes_of(embedded, call) == [], "the PDF has followed")
    assert_reported_once(slack)
    assert embedded.log.count("run 1: report …") == 1


def test_a_posted_call_whose_next_analysis_fails_stays_done_with_a_note(
    embedded: Rapport, slack: SlackStandIn, meeting: MeetingFixture, tmp_path: Path
) -> None:
    embedded.start()
    embedded.announce()
    call = embedded.wait_for("done")
    broken = tmp_path / "broken.mp4"
    announced_bytes = meeting.files[0].path.stat().st_size
    broken.write_bytes(b"\x00\x00\x00\x20ftypisom".ljust(announced_bytes, b"\x00"))
    meeting.files[0] = replace(meeting.files[0], path=broken)

    assert embedded.request("POST", f"/calls/{call['id']}/reanalyze").status_code == 202
    embedded.wait_for("done", run=2)

    (note,) = notes_of(embedded, call)
    assert "reanalyze" in note["text"]
    assert not list((embedded.data_dir / "calls").rglob("*.mp4")), "the recording is deleted"
    assert_reported_once(slack)


def _waiting_version(source: Path, target: Path) -> Path:
    """The same product, as it was when the step that posts waited until all was in Slack."""
    for package in ("bot", "integrations", "inference", "storage", "alembic"):
        shutil.copytree(
            source / package, target / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    module = target / "bot" / "pipeline" / "noting.py"
    text = module.read_text()
    edge = "    except Exception as exc:"
    assert text.count(edge) == 1
    module.write_text(text.replace(edge, "    except ZeroDivisionError as exc:"))
    return target
