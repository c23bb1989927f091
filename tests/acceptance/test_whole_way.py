"""A recording becomes a message, a PDF and a row in the history, whatever happens meanwhile."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.demo.stand_ins.slack import SlackStandIn
from bot.demo.stand_ins.zoom import ZoomStandIn
from bot.demo.stand_ins.zoom_meeting import FileFixture, MeetingFixture
from tests.acceptance.conftest import CLIP_S, UUID, Rapport, running, wait_until

STEPS = ("fetch", "analyse", "store", "report", "notify", "clean up")


def _said(service: Rapport, call: dict[str, Any]) -> list[str]:
    """Return what was said, according to the stored transcript."""
    items = service.get(f"/calls/{call['id']}/transcript").json()["items"]
    return [item["text"] for item in items if not item["is_chat"]]


def assert_reported_once(slack: SlackStandIn) -> None:
    """Check that there is one message, with one PDF in its thread."""
    posts = [message for message in slack.messages if message.thread_ts in (None, message.ts)]
    assert len(posts) == 1
    assert len(slack.files) == 1
    assert slack.files[0].content.startswith(b"%PDF")
    assert slack.files[0].thread_ts == posts[0].ts


def test_a_recording_becomes_a_message_a_pdf_and_a_call_in_the_history(
    rapport: Rapport, slack: SlackStandIn, zoom: ZoomStandIn, meeting: MeetingFixture
) -> None:
    assert zoom.validate(f"{rapport.url}/webhooks/zoom")
    assert rapport.announce().status_code == 204

    call = rapport.wait_for("done")

    assert_reported_once(slack)
    assert meeting.topic in slack.messages[0].text
    assert call["engagement"] is not None
    host = next(person.name for person in meeting.participants if person.email)
    assert [found["id"] for found in rapport.get("/calls", host=host).json()["items"]] == [
        call["id"]
    ]
    detail = rapport.get(f"/calls/{call['id']}").json()
    spoke = {person["name"] for person in detail["participants"] if person["is_named"]}
    assert spoke == {person.name for person in meeting.participants}
    assert _said(rapport, call)
    assert rapport.get(f"/calls/{call['id']}/timeline", resolution=10).is_success
    report = rapport.get(f"/calls/{call['id']}/report.pdf")
    assert report.content == slack.files[0].content
    assert not list((rapport.data_dir / "calls").rglob("*.mp4")), "the recording is deleted"


def test_five_deliveries_in_any_order_make_one_call_one_message_one_pdf(
    rapport: Rapport, slack: SlackStandIn
) -> None:
    for event in ("recording.completed", "recording.completed", "recording.started"):
        assert rapport.announce(event).status_code == 204
    rapport.wait_for("done")
    for _ in range(3):
        assert rapport.announce().status_code == 204

    wait_until(lambda: rapport.log.count(": joined ") >= 4, "all deliveries are handled")

    assert len(rapport.calls()) == 1
    assert rapport.get(f"/workflows/{rapport.calls()[0]['id']}.2").status_code == 404
    assert_reported_once(slack)


def test_a_call_killed_in_every_step_is_reported_once(
    tmp_path: Path,
    zoom: ZoomStandIn,
    slack: SlackStandIn,
    meeting: MeetingFixture,
    any_database: str | None,
) -> None:
    service = Rapport(tmp_path / "data", zoom, slack, any_database)
    _make_store_slow(meeting, tmp_path)
    zoom.faults.delay("/cdn/", 3.0)
    slack.faults.delay("/api/chat.postMessage", 3.0)
    with running(service):
        assert service.announce().status_code == 204
        for step in STEPS:
            service.wait_for_log(f"run 1: {step} …", every_s=0.002)
            service.kill()
            assert f"run 1: {step} done" not in service.log, f"{step} was over before the kill"
            if step == "report":
                _make_clean_up_slow(service)
            service.start()

        call = service.wait_for("done")

        assert len(service.calls()) == 1
        assert call["failure"] is None
        assert_reported_once(slack)
        for step in STEPS:
            assert service.log.count(f"run 1: {step} done") == 1, f"{step} was done again"


def _make_store_slow(meeting: MeetingFixture, folder: Path) -> None:
    # A short call is stored faster than a test can hit: thousands of words take a while.
    path = folder / "long.vtt"
    cues = [f"{n}\n00:00:01.000 --> 00:00:02.000\nword {n}\n" for n in range(20_000)]
    path.write_text("WEBVTT\n\n" + "\n".join(cues))
    _without_transcript(meeting)
    meeting.files.append(FileFixture(path, "TRANSCRIPT"))


def _make_clean_up_slow(service: Rapport) -> None:
    # Deleting one file takes no time that a test could hit: thousands do.
    media = next((service.data_dir / "calls").glob("*/media"))
    for number in range(30_000):
        (media / f"filler-{number}").touch()


def test_ctrl_c_or_sigterm_stops_within_five_seconds_and_the_call_resumes_later(
    embedded: Rapport, slack: SlackStandIn
) -> None:
    embedded.start()
    embedded.announce()
    wait_until(lambda: "run 1: analyse …" in embedded.log, "the analysis")
    workflow = embedded.get(f"/workflows/{embedded.calls()[0]['id']}.1").json()
    assert (workflow["status"], workflow["step"]) == ("running", "analyse")

    assert embedded.terminate() < 5.0

    embedded.start()
    embedded.wait_for("done")
    assert_reported_once(slack)
    assert embedded.log.count("run 1: fetch …") == 1


def test_an_upgrade_in_the_middle_of_a_call_does_not_strand_it(
    embedded: Rapport, slack: SlackStandIn, tmp_path: Path
) -> None:
    slack.faults.delay("/api/chat.postMessage", 3.0)
    embedded.start()
    embedded.announce()
    wait_until(lambda: "run 1: notify …" in embedded.log, "the notify step")
    embedded.kill()

    embedded.source = _newer_version(embedded.source, tmp_path / "newer")
    embedded.start()

    embedded.wait_for("done")
    assert_reported_once(slack)
    assert embedded.log.count("run 1: report …") == 1, "finished steps are not repeated"


def _without_transcript(meeting: MeetingFixture) -> FileFixture:
    transcript = next(file for file in meeting.files if file.file_type == "TRANSCRIPT")
    meeting.files.remove(transcript)
    return transcript


def _newer_version(source: Path, target: Path) -> Path:
    """The same product with one more step before the report, guarded as an upgrade must be."""
    for package in ("bot", "integrations", "inference", "storage", "alembic"):
        shutil.copytree(
            source / package, target / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    pipeline = target / "bot" / "pipeline" / "workflow.py"
    text = pipeline.read_text()
    before_report = "            self._durably(self.report, call_id, run)\n"
    assert before_report in text
    text = text.replace(
        before_report,
        '            if DBOS.patch("count-words"):\n'
        "                self._durably(self.count_words, call_id, run)\n" + before_report,
    )
    first_step = '    @DBOS.step(name="CallPipeline.store")\n    def store('
    assert first_step in text
    text = text.replace(
        first_step,
        "    @DBOS.step()\n    def count_words(self, call_id: str, run: int) -> int:\n"
        "        return 0\n\n" + first_step,
    )
    pipeline.write_text(text)
    return target


def test_a_late_transcript_edits_the_message_and_replaces_the_pdf(
    embedded: Rapport, slack: SlackStandIn, meeting: MeetingFixture
) -> None:
    transcript = _without_transcript(meeting)
    embedded.start()
    embedded.announce()
    call = embedded.wait_for("done")
    assert _said(embedded, call) == []
    first_pdf = slack.files[0].content

    meeting.files.append(transcript)
    assert embedded.announce("recording.transcript_completed").status_code == 204
    embedded.wait_for("done", run=2)

    assert _said(embedded, call)
    assert_reported_once(slack)
    assert slack.messages[0].edited
    assert slack.files[0].content != first_pdf


def test_a_call_waits_for_its_transcript_and_uses_it_at_once(
    embedded: Rapport, slack: SlackStandIn, meeting: MeetingFixture
) -> None:
    transcript = _without_transcript(meeting)
    embedded.more["CALLS__TRANSCRIPT_WAIT_S"] = "600"
    embedded.start()
    embedded.announce()
    call = embedded.wait_for("waiting")
    assert slack.messages == []

    meeting.files.append(transcript)
    embedded.announce("recording.transcript_completed")
    embedded.wait_for("done")

    assert _said(embedded, call)
    assert_reported_once(slack)
    assert not slack.messages[0].edited


def test_two_segments_of_one_meeting_are_one_call(
    embedded: Rapport, slack: SlackStandIn, meeting: MeetingFixture
) -> None:
    first = list(meeting.files)
    pause_s = 60.0
    for file in first:
        file.duration_s = CLIP_S
    meeting.files += [
        replace(file, id=f"{file.id}-2", starts_after_s=CLIP_S + pause_s) for file in first
    ]
    embedded.start()
    embedded.announce()

    call = embedded.wait_for("done")

    assert_reported_once(slack)
    assert call["duration_s"] == pytest.approx(2 * CLIP_S, abs=1.0)
    said = _said(embedded, call)
    assert said[: len(said) // 2] == said[len(said) // 2 :], "the words of both stand in order"


def test_a_call_can_be_analysed_again_until_zoom_has_deleted_it(
    embedded: Rapport, slack: SlackStandIn, zoom: ZoomStandIn
) -> None:
    embedded.start()
    embedded.announce()
    call = embedded.wait_for("done")

    again = embedded.request("POST", f"/calls/{call['id']}/reanalyze")
    assert again.status_code == 202
    embedded.wait_for("done", run=2)
    assert_reported_once(slack)

    zoom.delete_recording(UUID)
    refused = embedded.request("POST", f"/calls/{call['id']}/reanalyze")
    assert refused.status_code == 409
    assert refused.headers["content-type"] == "application/problem+json"


def test_an_internal_call_is_skipped_and_can_be_started_by_hand(
    embedded: Rapport, slack: SlackStandIn, meeting: MeetingFixture
) -> None:
    colleague = "colleague@" + meeting.host_email.partition("@")[2]
    meeting.participants = [
        replace(person, is_internal=True, email=person.email or colleague)
        for person in meeting.participants
    ]
    embedded.start()
    embedded.announce()
    call = embedded.wait_for("skipped")
    assert "own side" in call["skipped_reason"]
    assert slack.messages == []

    assert embedded.request("POST", f"/calls/{call['id']}/reanalyze").status_code == 202
    embedded.wait_for("done", run=2)
    assert_reported_once(slack)


def test_a_transcript_that_arrives_during_the_report_is_used_by_the_next_run(
    embedded: Rapport, slack: SlackStandIn, meeting: MeetingFixture
) -> None:
    transcript = _without_transcript(meeting)
    slack.faults.delay("/api/chat.postMessage", 3.0)
    embedded.start()
    embedded.announce()
    wait_until(lambda: "run 1: notify …" in embedded.log, "the notify step")
    meeting.files.append(transcript)
    embedded.announce("recording.transcript_completed")

    call = embedded.wait_for("done", run=2)

    assert _said(embedded, call)
    assert_reported_once(slack)
    assert embedded.log.count("analyse …") == 1, "nobody looks at the pictures again"


def test_calls_that_end_together_are_posted_separately(
    embedded: Rapport, slack: SlackStandIn, zoom: ZoomStandIn, meeting: MeetingFixture
) -> None:
    topics = {f"{number}/call==": f"Renewal with customer {number}" for number in range(3)}
    for uuid, topic in topics.items():
        zoom.add_meeting(replace(meeting, uuid=uuid, topic=topic))
    embedded.more["ANALYSIS__WORKERS"] = "3"
    embedded.start()
    for uuid in topics:
        zoom.send(f"{embedded.url}/webhooks/zoom", uuid)

    wait_until(lambda: [call["status"] for call in embedded.calls()] == ["done"] * 3, "all done")

    posted = [message for message in slack.messages if message.thread_ts in (None, message.ts)]
    assert sorted(
        next(topic for topic in topics.values() if topic in message.text) for message in posted
    ) == sorted(topics.values())
    figures = {(call["engagement"], call["coverage"]) for call in embedded.calls()}
    assert len(figures) == 1, "one recording three times gives the same figures three times"
    assert len(slack.files) == 3
