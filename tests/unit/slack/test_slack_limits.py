"""Text shortened to Slack's limits."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.report.message import escape
from integrations.slack.limits import clip


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
