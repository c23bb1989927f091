"""Failures have a channel of their own, and one line an hour for each kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select

from bot.demo.stand_ins.slack import SlackStandIn
from bot.demo.stand_ins.slack_workspace import DEFAULT_CHANNEL
from bot.pipeline.resources import Resources
from bot.pipeline.steps.notify import notify_failure
from integrations.errors import Unavailable
from storage import calls
from storage.engine import transaction
from storage.schema.tables import Delivery
from tests.integration.delivery.conftest import posts

OPS = "C0OPS"
Fail = Callable[..., None]


@pytest.fixture
def with_ops(resources: Resources, slack: SlackStandIn) -> Resources:
    """The service with a channel for failures."""
    slack.workspace.channels[OPS] = "rapport-ops"
    there = resources.settings.slack.model_copy(update={"ops_channel": OPS})
    return replace(resources, settings=resources.settings.model_copy(update={"slack": there}))


@pytest.fixture
def fail(with_ops: Resources) -> Fail:
    def fail(name: str, kind: str = "NotFound", reason: str = "Zoom has no recording.") -> None:
        new = calls.NewCall(f"{name}+1==", "98", name, "dana@example.com", datetime.now(UTC))
        with transaction(with_ops.engine) as session:
            call_id = calls.announce(session, new).id
        notify_failure(with_ops, call_id, reason, kind)

    return fail


def an_hour_passes(resources: Resources) -> None:
    with transaction(resources.engine) as session:
        for row in session.exec(select(Delivery)):
            row.updated_at -= timedelta(minutes=61)
            session.add(row)


def test_a_failure_goes_to_the_operators_and_not_to_sales(fail: Fail, slack: SlackStandIn) -> None:
    fail("Harbourline")

    assert [message.channel for message in posts(slack)] == [OPS]
    assert "Harbourline" in posts(slack)[0].text


def test_an_outage_that_fails_every_call_is_one_line_an_hour(
    fail: Fail, with_ops: Resources, slack: SlackStandIn
) -> None:
    for name in ("first", "second", "third"):
        fail(name)
    fail("other", kind="NoSpace", reason="The disk is full.")
    assert ["“first”" in message.text for message in posts(slack)] == [True, False]

    an_hour_passes(with_ops)
    fail("fourth")
    fail("fifth")
    assert len(posts(slack)) == 3
    assert "2 other calls failed for a like reason since the last such line" in posts(slack)[2].text

    an_hour_passes(with_ops)
    fail("sixth")
    assert "1 other call failed for a like reason" in posts(slack)[3].text


def test_a_line_that_slack_did_not_take_is_posted_when_it_is_tried_again(
    fail: Fail, slack: SlackStandIn
) -> None:
    slack.faults.status("/api/chat.postMessage", 503)
    with pytest.raises(Unavailable):
        fail("first")

    fail("first")

    assert len(posts(slack)) == 1


def test_a_call_that_fails_again_edits_its_line(
    fail: Fail, with_ops: Resources, slack: SlackStandIn
) -> None:
    fail("first")
    fail("first", kind="NoSpace", reason="The disk is full.")

    assert len(posts(slack)) == 1
    assert "disk is full" in posts(slack)[0].text


def test_without_a_channel_for_failures_they_go_where_the_summary_would(
    resources: Resources, slack: SlackStandIn, call_id: str
) -> None:
    notify_failure(resources, call_id, "The disk is full.", "NoSpace")

    assert [message.channel for message in posts(slack)] == [DEFAULT_CHANNEL]
