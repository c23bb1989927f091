"""Where Slack refuses an edit, one new message takes the place of the old one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.demo.stand_ins.slack import SlackStandIn
from bot.demo.stand_ins.slack_workspace import DEFAULT_CHANNEL
from bot.pipeline.posting import MOST_REPLACEMENTS
from bot.pipeline.resources import Resources
from bot.pipeline.steps.notify import notify_failure
from tests.integration.delivery.conftest import (
    ALWAYS,
    assert_done,
    noted,
    posts,
    retry_now,
    run,
)


@pytest.mark.parametrize(
    "error",
    [
        "edit_window_closed", "cant_update_message", "restricted_action", "no_permission",
        "block_mismatch", "streaming_state_conflict", "as_user_not_supported",
    ],
)  # fmt: skip
def test_an_edit_that_is_refused_is_replaced_by_one_message_that_says_so(
    resources: Resources, slack: SlackStandIn, call_id: str, error: str
) -> None:
    run(resources, call_id, 1)
    (first,) = posts(slack)
    first_pdf = slack.files[0].id
    slack.faults.refuse("/api/chat.update", error)

    run(resources, call_id, 2)

    assert_done(resources, call_id)
    old, new = posts(slack)
    assert old.ts == first.ts
    assert "Replaces the message of" in str(new.blocks[0])
    assert "eplaces" not in new.text, "a notification starts with the sentence"
    (note,) = noted(resources, call_id)
    assert f"chat.update: {error}" in note.text
    assert "RAPPORT_SLACK__TOKEN" not in note.text
    assert ("administrators" in note.text) == (error == "restricted_action")
    assert note.retry_at is None
    # Slack holds one PDF, in the thread of the message that is current.
    assert [(file.thread_ts, file.id != first_pdf) for file in slack.files] == [(new.ts, True)]

    run(resources, call_id, 3)

    assert len(posts(slack)) == 2, "later runs edit the new message"
    assert posts(slack)[1].edited
    assert "Replaces the message of" in str(posts(slack)[1].blocks[0])
    assert noted(resources, call_id) == []
    assert len(slack.files) == 1


def test_where_no_edit_is_ever_allowed_the_messages_do_not_pile_up(
    resources: Resources, slack: SlackStandIn, call_id: str
) -> None:
    slack.faults.refuse("/api/chat.update", "edit_window_closed", times=ALWAYS)

    for version in range(1, 8):
        run(resources, call_id, version)
        assert_done(resources, call_id)
    for _ in range(3):
        retry_now(resources)

    assert len(posts(slack)) == 1 + MOST_REPLACEMENTS
    assert len(slack.files) == 1
    (note,) = noted(resources, call_id)
    assert "out of date" in note.text


def test_a_replacement_whose_response_was_lost_is_not_posted_twice(
    resources: Resources, slack: SlackStandIn, call_id: str
) -> None:
    run(resources, call_id, 1)
    slack.faults.refuse("/api/chat.update", "edit_window_closed")
    slack.faults.drop("/api/chat.postMessage")

    run(resources, call_id, 2)

    assert_done(resources, call_id)
    (note,) = noted(resources, call_id)
    assert "chat.postMessage" in note.text
    retry_now(resources)  # Slack would allow an edit again; the new message is the current one.
    assert len(posts(slack)) == 2
    assert not posts(slack)[0].edited
    assert noted(resources, call_id) == []
    assert [file.thread_ts for file in slack.files] == [posts(slack)[1].ts]


@pytest.mark.parametrize(
    "error", ["internal_error", "ratelimited", "token_revoked", "msg_too_long", "something_new"]
)
def test_an_edit_that_fails_for_another_reason_is_tried_again_without_a_new_message(
    resources: Resources, slack: SlackStandIn, call_id: str, error: str
) -> None:
    run(resources, call_id, 1)
    slack.faults.refuse("/api/chat.update", error)

    run(resources, call_id, 2)

    assert_done(resources, call_id)
    (note,) = noted(resources, call_id)
    assert "chat.update" in note.text
    assert "out of date" in note.text
    retry_now(resources)
    assert noted(resources, call_id) == []
    assert [message.edited for message in posts(slack)] == [True]
    assert len(slack.files) == 1


@pytest.mark.parametrize("error", ["is_inactive", "is_archived", "channel_not_found"])
def test_a_message_that_is_there_and_cannot_be_edited_leaves_a_note_that_names_the_reason(
    resources: Resources, slack: SlackStandIn, call_id: str, error: str
) -> None:
    run(resources, call_id, 1)
    slack.faults.refuse("/api/chat.update", error, times=ALWAYS)

    run(resources, call_id, 2)

    assert_done(resources, call_id)
    assert len(posts(slack)) == 1
    (note,) = noted(resources, call_id)
    assert f"chat.update ({error})" in note.text
    assert DEFAULT_CHANNEL in note.text


def test_a_message_in_a_channel_that_is_gone_is_posted_to_the_channel_now_set(
    resources: Resources, slack: SlackStandIn, call_id: str
) -> None:
    run(resources, call_id, 1)
    slack.workspace.channels["C0NEW"] = "new"
    del slack.workspace.channels[DEFAULT_CHANNEL]
    run(resources, call_id, 2)
    (note, *_) = noted(resources, call_id)
    assert DEFAULT_CHANNEL in note.text

    moved = resources.settings.slack.model_copy(update={"channel": "C0NEW"})
    settings = resources.settings.model_copy(update={"slack": moved})
    run(replace(resources, settings=settings), call_id, 3)

    assert_done(resources, call_id)
    assert [message.channel for message in posts(slack)] == [DEFAULT_CHANNEL, "C0NEW"]
    assert slack.files[-1].channel == "C0NEW"


def test_a_failure_that_cannot_be_edited_is_posted_anew(
    resources: Resources, slack: SlackStandIn, call_id: str
) -> None:
    notify_failure(resources, call_id, "The disk is full.")
    slack.faults.refuse("/api/chat.update", "edit_window_closed")

    notify_failure(resources, call_id, "Zoom does not have the recording.")

    assert ["full" in message.text for message in posts(slack)] == [True, False]
