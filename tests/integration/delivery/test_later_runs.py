"""A run that fails after the call's summary was posted leaves a note on a call that is done."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest

from bot.demo.stand_ins.slack import SlackStandIn
from bot.pipeline.resources import Resources
from bot.pipeline.steps.clean_up import fail_call
from bot.pipeline.steps.notify import notify_call, notify_failure
from storage import calls
from storage.calls import corrections
from storage.engine import reading, transaction
from tests.integration.delivery.conftest import (
    assert_done,
    let_time_pass,
    noted,
    posts,
    report,
    retry_now,
    run,
)

GONE = "Zoom does not have the recording any more."


def begin(resources: Resources, call_id: str) -> int:
    """Start the call's next run, with its recording on disk, and return its number."""
    let_time_pass(resources)
    (resources.files.media_folder(call_id) / "recording.mp4").write_bytes(b"x" * 1000)
    with transaction(resources.engine) as session:
        number = calls.begin_run(session, call_id, force=True)
    assert number is not None
    return number


def add_file(resources: Resources, call_id: str, file_type: str) -> None:
    file = calls.NewFile(
        zoom_file_id=f"file-{file_type}", segment=0, file_type=file_type,
        file_extension=file_type, recording_start=datetime.now(UTC), recording_end=None,
        size_bytes=1000,
    )  # fmt: skip
    with transaction(resources.engine) as session:
        calls.add_files(session, call_id, [file])


def test_a_later_run_that_fails_leaves_a_note_and_posts_nothing(
    resources: Resources, slack: SlackStandIn, call_id: str
) -> None:
    run(resources, call_id, 1)
    (summary,) = posts(slack)

    number = begin(resources, call_id)
    assert fail_call(resources, call_id, number, GONE) is False, "nothing to post"
    notify_failure(resources, call_id, GONE)

    assert_done(resources, call_id)
    assert [message.ts for message in posts(slack)] == [summary.ts]
    assert not posts(slack)[0].edited
    (note,) = noted(resources, call_id)
    assert note.text.startswith(GONE)
    assert f"POST /api/v1/calls/{call_id}/reanalyze" in note.text
    assert note.retry_at is None


def test_a_run_that_succeeds_clears_the_note_of_one_that_failed(
    resources: Resources, slack: SlackStandIn, call_id: str
) -> None:
    run(resources, call_id, 1)
    fail_call(resources, call_id, begin(resources, call_id), GONE)

    run(resources, call_id, 3)

    assert_done(resources, call_id)
    assert noted(resources, call_id) == []


def test_a_call_that_fails_before_its_summary_is_failed_and_says_so_in_slack(
    resources: Resources,
    slack: SlackStandIn,
    call_id: str,
    logged_errors: list[logging.LogRecord],
) -> None:
    assert fail_call(resources, call_id, 1, GONE) is True
    assert GONE in logged_errors[0].getMessage()
    notify_failure(resources, call_id, GONE)

    with reading(resources.engine) as session:
        call = calls.get_call(session, call_id)
    assert (call.status, call.failure) == ("failed", GONE)
    assert GONE in posts(slack)[0].text
    assert noted(resources, call_id) == []
    assert list(resources.files.media_folder(call_id).iterdir()), "kept for the next try"


def test_files_that_came_during_a_run_that_failed_are_fetched_by_one_more_run(
    resources: Resources, slack: SlackStandIn, call_id: str
) -> None:
    run(resources, call_id, 1)
    number = begin(resources, call_id)
    add_file(resources, call_id, "TRANSCRIPT")

    assert fail_call(resources, call_id, number, GONE) == (number + 1, False)
    # That run cannot fetch it either: starting over at once would never end.
    assert fail_call(resources, call_id, number + 1, GONE) is False
    assert_done(resources, call_id)


def test_corrections_that_a_run_that_failed_left_undone_are_tried_once_more(
    resources: Resources, slack: SlackStandIn, call_id: str
) -> None:
    run(resources, call_id, 1)
    number = begin(resources, call_id)
    said = corrections.NewCorrection("p1", "name", "Dana", "Maria Okafor", {}, "test")
    with transaction(resources.engine) as session:
        corrections.add(session, call_id, 0, [said])

    assert fail_call(resources, call_id, number, GONE) == (number + 1, None)
    assert fail_call(resources, call_id, number + 1, GONE) is False
    assert_done(resources, call_id)


def test_a_run_that_is_not_the_newest_changes_nothing_when_it_fails(
    resources: Resources, slack: SlackStandIn, call_id: str
) -> None:
    run(resources, call_id, 1)
    newest = begin(resources, call_id)

    assert fail_call(resources, call_id, newest - 1, GONE) is False

    assert list(resources.files.media_folder(call_id).iterdir()), "the newest run needs it"
    assert noted(resources, call_id) == []


@pytest.mark.parametrize("content", [b"no columns", None], ids=["damaged", "gone"])
def test_a_posted_call_whose_scores_cannot_be_read_is_done_with_a_note(
    resources: Resources, slack: SlackStandIn, call_id: str, content: bytes | None
) -> None:
    run(resources, call_id, 1)
    for path in (resources.files.analysis_path(call_id), resources.files.series_path(call_id)):
        path.write_bytes(content) if content is not None else path.unlink()

    begin(resources, call_id)
    notify_call(resources, call_id)

    assert len(posts(slack)) == 1
    (note,) = noted(resources, call_id)
    assert "series.npz" in note.text
    assert "is up to date" not in note.text
    report(resources, call_id, version=1)
    with transaction(resources.engine) as session:
        calls.set_status(session, call_id, "done")
    retry_now(resources)
    assert noted(resources, call_id) == []
