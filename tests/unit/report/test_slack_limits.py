"""Slack's message limits, and text escaped and shortened for Slack."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.slack.limits import check_blocks, clip, escape


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def test_user_text_cannot_form_a_link_mention_or_command() -> None:
    assert escape("<!channel> R&D <@U1>") == "&lt;!channel&gt; R&amp;D &lt;@U1&gt;"


def test_short_text_stays_and_long_text_is_cut_with_a_mark() -> None:
    assert clip("hello", 5) == "hello"
    assert clip("hello there", 8) == "hello t…"
    assert clip("hello there", 7) == "hello…"
    assert clip("hello", 0) == ""


def test_a_cut_never_leaves_half_an_entity() -> None:
    assert clip("R&amp;D and more", 5) == "R…"


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=40), st.integers(0, 30))
def test_clipped_text_always_fits(text: str, limit: int) -> None:
    assert len(clip(escape(text), limit)) <= limit


def test_a_good_message_breaks_no_limit() -> None:
    assert check_blocks([{"type": "header", "text": {"text": "Call"}}, section("words")]) == ()
    assert check_blocks([]) == ()


@pytest.mark.parametrize(
    ("blocks", "problem"),
    [
        ([{"type": "divider"}] * 51, "51 blocks; Slack allows 50."),
        ([section("x" * 3001)], "Block 0: the section's text is 3001; Slack allows 3000."),
        ([section("")], "Block 0: the section's text is empty."),
        (
            [{"type": "header", "text": {"text": "x" * 151}}],
            "Block 0: the header's text is 151; Slack allows 150.",
        ),
        (
            [{"type": "section", "fields": [{"text": "x"}] * 11}],
            "Block 0: the number of fields is 11; Slack allows 10.",
        ),
        (
            [{"type": "section", "fields": [{"text": "x" * 2001}]}],
            "Block 0: a field is 2001; Slack allows 2000.",
        ),
        (
            [{"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * 11}],
            "Block 0: the number of elements is 11; Slack allows 10.",
        ),
        (
            [{"type": "actions", "elements": [{"type": "button", "text": {"text": "x" * 76}}]}],
            "Block 0: a button's text is 76; Slack allows 75.",
        ),
        ([section("x" * 2900)] * 5, "The blocks total 14500 characters; Slack allows 13000."),
    ],
)
def test_each_broken_limit_is_reported(blocks: list[dict[str, Any]], problem: str) -> None:
    assert check_blocks(blocks) == (problem,)
