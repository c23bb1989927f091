"""Once the summary stands in Slack, the call is done; what Slack refuses then is noted."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime, timedelta

import pytest

from bot.demo.stand_ins.slack import SlackStandIn
from bot.pipeline.resources import Resources
from bot.pipeline.steps.notify import notify_call
from bot.service.left_to_do import retry_due
from integrations.errors import AuthFailed, NotFound, Unavailable
from storage import calls
from storage.delivery import notes
from storage.engine import reading, transaction
from tests.integration.delivery.conftest import (
    ALWAYS,
    COMPLETE,
    assert_done,
    let_time_pass,
    noted,
    posts,
    report,
    retry_now,
    run,
)


def test_a_workspace_that_allows_no_pdf_leaves_a_note_that_says_what_to_do(
    resources: Resources, slack: SlackStandIn, call_id: str
) -> None:
    slack.faults.refuse(COMPLETE, "file_uploads_except_images_disabled", times=ALWAYS)

    run(resources, call_id, 1)

    assert_done(resources, call_id)
    assert len(slack.messages) == 1
    (note,) = noted(resources, call_id)
    assert note.text == (
        "Slack does not allow PDF uploads in this workspace (files.completeUploadExternal: "
        "file_uploads_except_images_disabled). The PDF is behind the link in the message."
    )
    assert note.retry_at is not None
    hours = (note.retry_at - datetime.now(UTC)).total_seconds() / 3600
    assert hours == pytest.approx(24, abs=0.1)


def test_a_setting_that_stays_is_tried_for_a_week_and_not_for_ever(
    resources: Resources, slack: SlackStandIn, call_id: str
) -> None:
    slack.faults.refuse("/api/files.getUploadURLExternal", "file_uploads_disabled", times=ALWAYS)
    run(resources, call_id, 1)

    for _ in range(10):
        retry_now(resources)

    asked = slack.requests.to("/api/files.getUploadURLExternal")
    assert len(asked) == 1 + 7
    (note,) = noted(resources, call_id)
    assert note.retry_at is None
    assert note.text.endswith("Rapport has stopped trying.")


def test_a_pdf_that_slack_failed_to_take_follows_later_and_the_note_goes(
    resources: Resources, slack: SlackStandIn, call_id: str
) -> None:
    slack.faults.refuse(COMPLETE, "internal_error", times=3)
    run(resources, call_id, 1)
    assert_done(resources, call_id)
    assert slack.files == []

    waits = []
    for _ in range(3):
        (note,) = noted(resources, call_id)
        assert "files.completeUploadExternal: internal_error" in note.text
        assert note.retry_at is not None
        waits.append(round((note.retry_at - datetime.now(UTC)).total_seconds()))
        retry_now(resources)

    assert waits == pytest.approx([15, 30, 60], abs=3)
    assert noted(resources, call_id) == []
    assert [file.thread_ts for file in slack.files] == [slack.messages[0].ts]


def test_a_pdf_that_arrived_although_slack_said_otherwise_is_not_uploaded_twice(
    resources: Resources, slack: SlackStandIn, call_id: str
) -> None:
    slack.faults.drop(COMPLETE)
    run(resources, call_id, 1)
    assert_done(resources, call_id)

    retry_now(resources)

    assert len(slack.files) == 1
    assert noted(resources, call_id) == []


def test_an_earlier_pdf_that_cannot_be_deleted_is_deleted_later(
    resources: Resources, slack: SlackStandIn, call_id: str
) -> None:
    run(resources, call_id, 1)
    slack.faults.refuse("/api/files.delete", "cant_delete_file", times=2)

    run(resources, call_id, 2)
    run(resources, call_id, 3)

    assert_done(resources, call_id)
    (note,) = noted(resources, call_id)
    assert "files.delete: cant_delete_file" in note.text
    assert "delete it there" in note.text
    assert len(slack.files) == 2
    retry_now(resources)
    assert noted(resources, call_id) == []
    assert len(slack.files) == 1


def test_a_later_run_renews_or_clears_the_note(
    resources: Resources, slack: SlackStandIn, call_id: str
) -> None:
    slack.faults.refuse(COMPLETE, "file_type_not_allowed")
    slack.faults.refuse(COMPLETE, "internal_error")
    run(resources, call_id, 1)
    run(resources, call_id, 2)

    (note,) = noted(resources, call_id)
    assert ("internal_error" in note.text, note.attempts) == (True, 1)
    run(resources, call_id, 3)
    assert noted(resources, call_id) == []
    assert len(slack.files) == 1


def test_a_deleted_call_is_never_heard_of_again(
    resources: Resources, slack: SlackStandIn, call_id: str
) -> None:
    slack.faults.refuse(COMPLETE, "internal_error")
    run(resources, call_id, 1)
    resources.files.delete_call(call_id)
    with transaction(resources.engine) as session:
        calls.delete_call(session, call_id)
    before = len(slack.requests)

    retry_now(resources)

    assert len(slack.requests) == before
    assert slack.files == []
    assert list((resources.settings.data_dir / "calls").iterdir()) == []


def test_a_pdf_whose_call_is_deleted_while_it_is_uploaded_does_not_stay(
    resources: Resources, slack: SlackStandIn, call_id: str
) -> None:
    slack.faults.refuse(COMPLETE, "internal_error")
    run(resources, call_id, 1)
    slack.faults.delay(COMPLETE, 1.5)
    retry = threading.Thread(target=retry_now, args=(resources,))
    retry.start()
    while len(slack.requests.to(COMPLETE)) < 2:
        assert retry.is_alive()
    with transaction(resources.engine) as session:
        calls.delete_call(session, call_id)
    retry.join()

    assert slack.files == []


def test_a_run_waits_for_a_retry_in_progress_and_a_retry_for_a_run(
    resources: Resources, slack: SlackStandIn, call_id: str
) -> None:
    slack.faults.refuse(COMPLETE, "internal_error", times=2)
    run(resources, call_id, 1)
    now = datetime.now(UTC)
    late = now + timedelta(minutes=1)
    with transaction(resources.engine) as session:
        assert [note.kind for note in notes.claim(session, call_id, late, late)] == ["report_file"]
        assert notes.claim(session, call_id, now, late) == [], "another process"
    with pytest.raises(Unavailable, match="being done"):
        run(resources, call_id, 2)

    with transaction(resources.engine) as session:
        notes.release(session, call_id)
    uploads = len(slack.requests.to(COMPLETE))
    retry_now(resources)
    assert len(slack.requests.to(COMPLETE)) == uploads, "the run does it itself"


def test_processes_that_look_at_the_same_time_upload_one_pdf(
    resources: Resources, slack: SlackStandIn, call_id: str
) -> None:
    slack.faults.refuse(COMPLETE, "internal_error")
    run(resources, call_id, 1)
    let_time_pass(resources)
    slack.faults.delay("/api/conversations.replies", 1.0, times=ALWAYS)

    processes = [threading.Thread(target=retry_due, args=(resources,)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()

    assert len(slack.files) == 1
    assert len(slack.requests.to(COMPLETE)) == 2, "the one that was refused, and one more"
    assert noted(resources, call_id) == []


def test_a_call_that_slack_refuses_does_not_keep_the_others_waiting(
    resources: Resources, slack: SlackStandIn, call_id: str
) -> None:
    other = calls.NewCall("c/d==", "99", "Kick-off", "dana@example.com", datetime.now(UTC))
    with transaction(resources.engine) as session:
        other_id = calls.announce(session, other).id
        calls.begin_run(session, other_id)
    report(resources, other_id, 1)
    slack.faults.refuse(COMPLETE, "internal_error", times=3)
    for one in (call_id, other_id):
        run(resources, one, 1)

    let_time_pass(resources)
    retry_due(resources)  # fails for the first call
    retry_due(resources)  # the second one's turn

    assert len(slack.files) == 1


def test_the_summary_itself_is_retried_as_before_until_it_stands(
    resources: Resources, slack: SlackStandIn, call_id: str
) -> None:
    for method, error, kind in (
        ("chat.postMessage", "not_in_channel", AuthFailed),
        ("chat.postMessage", "channel_not_found", NotFound),
        ("chat.postMessage", "internal_error", Unavailable),
        ("conversations.history", "missing_scope", AuthFailed),
        ("conversations.history", "internal_error", Unavailable),
    ):
        slack.faults.refuse(f"/api/{method}", error)
        with pytest.raises(kind, match=method):
            notify_call(resources, call_id)
        let_time_pass(resources)
        assert noted(resources, call_id) == []
    notify_call(resources, call_id)
    assert len(posts(slack)) == 1


def test_a_missing_pdf_on_disk_does_not_undo_a_posted_call(
    resources: Resources, slack: SlackStandIn, call_id: str
) -> None:
    resources.files.report_path(call_id).unlink()

    run(resources, call_id, 1)

    assert_done(resources, call_id)
    assert "could not be read" in noted(resources, call_id)[0].text


def test_a_recording_that_cannot_be_deleted_is_noted_and_deleted_later(
    resources: Resources, slack: SlackStandIn, call_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    media = resources.files.media_folder(call_id)
    media.rename(media.with_name("aside"))
    media.write_bytes(b"a file, which cannot be deleted as a folder")
    caplog.set_level(logging.WARNING)

    run(resources, call_id, 1)

    with reading(resources.engine) as session:
        assert calls.get_call(session, call_id).status == "done"
    assert len(posts(slack)) == 1
    (note,) = noted(resources, call_id)
    assert f"calls/{call_id}/media" in note.text
    assert note.text in caplog.text
    media.unlink()
    media.with_name("aside").rename(media)
    retry_now(resources)
    assert noted(resources, call_id) == []
    assert_done(resources, call_id)
