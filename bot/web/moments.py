"""The moments of a call as cards, in order of time, each with the words spoken then."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from bot.report.moments import MomentItem, Quote

MOST_MOMENTS = 8
NEAR_S = 10.0
"""An address of a time within this of a moment is that moment's."""
_ARROWS = {"fall": "▼", "rise": "▲", "silence": "‖"}


def moments_section(
    items: Sequence[MomentItem], led_by: MomentItem | None, *, at_s: float | None, has_video: bool
) -> str:
    """Return the section of the moments.

    Args:
        items: the moments to show, in order of time.
        led_by: the moment of the first sentence, which is marked.
        at_s: the time in the page's address; its moment is marked and scrolled to.
        has_video: whether a link can play a moment.
    """
    if not items:
        return "<section><h2>Moments</h2><p>Nothing stood out.</p></section>"
    here = moment_at(items, at_s)
    cards = "".join(
        _card(item, item == led_by, is_here=item == here, has_video=has_video) for item in items
    )
    return f'<section><h2>Moments</h2><ol class="cards">{cards}</ol></section>'


def moment_at(items: Sequence[MomentItem], at_s: float | None) -> MomentItem | None:
    """Return the moment that a time in an address means; None if none is near."""
    if at_s is None or not items:
        return None
    near = min(items, key=lambda item: min(abs(item.at_s - at_s), abs(item.watch_s - at_s)))
    return near if min(abs(near.at_s - at_s), abs(near.watch_s - at_s)) <= NEAR_S else None


def shown_moments(items: Sequence[MomentItem], led_by: MomentItem | None) -> list[MomentItem]:
    """Return the strongest moments and the first sentence's, in order of time."""
    shown = list(items[:MOST_MOMENTS])
    if led_by is not None and led_by not in shown:
        shown[-1] = led_by
    return sorted(shown, key=lambda item: item.at_s)


def _card(item: MomentItem, leads: bool, *, is_here: bool, has_video: bool) -> str:
    lasted = f" for {item.lasted}" if item.lasted else ""
    mark = f" · strongest {item.direction}" if leads else ""
    quotes = "".join(map(_quote, item.quotes))
    at = round(item.watch_s if has_video else item.at_s)
    label = f"▶ Watch from {item.watch_clock}" if has_video else f"Link to {item.clock}"
    # A focused element is scrolled to, which needs no script.
    attributes = ' class="here" tabindex="-1" autofocus' if is_here else ""
    return (
        f'<li id="t{round(item.at_s)}"{attributes}><h3>{item.clock} '
        f'<span aria-hidden="true">{_ARROWS[item.direction]}</span> '
        f"<bdi>{escape(item.who)}</bdi> {escape(item.did)}"
        f'<span class="small soft">{lasted}{mark}</span></h3>{quotes}'
        f'<a class="go" href="?t={at}">{label}</a></li>'
    )


def _quote(quote: Quote) -> str:
    silence = f'<p class="pause small soft">{quote.pause}</p>' if quote.pause else ""
    by = f'<span class="soft"><bdi>{escape(quote.speaker)}</bdi>: </span>' if quote.speaker else ""
    text = f"“{escape(quote.text)}”"
    if quote.at_change:
        return f'{silence}<blockquote class="at" dir="auto">{by}<b>{text}</b></blockquote>'
    return f'{silence}<blockquote dir="auto">{by}{text}</blockquote>'
