"""What each side showed while each side spoke, in words; nothing if too little was seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.report.figures import LONG_SEEN_S, TOO_LITTLE, TOO_VARIED, why_unreadable
from bot.text import words
from inference.schema.analysis import Reaction, SideScore

LABELS = {"rep": "Our side", "prospect": "Their side"}
"""What the sides are called, by "rep" and "prospect"."""
MIN_SEEN_S = 20.0
"""With less, nothing is said about a side: a few smiles would make the whole figure."""
EXPRESSIONS = {
    "angry": "angry-looking", "disgust": "disgusted-looking", "fear": "fearful-looking",
    "happy": "smiling", "sad": "sad-looking", "surprise": "surprised-looking",
    "neutral": "neutral",
}  # fmt: skip
"""What a face showed; the words say that it is a look, not a feeling."""


@dataclass(frozen=True, slots=True)
class SideRow:
    """What one side showed while only one side spoke. Numbers are None if nothing is said."""

    side: str
    label: str
    engagement: int | None
    low: int | None
    high: int | None
    seen: str
    shown: str


def side_rows(sides: Sequence[SideScore]) -> tuple[SideRow, ...]:
    """Return what each side showed while the other one spoke; their side first.

    Empty if there is nothing to say.
    """
    found = {side.side: side for side in sides}
    rows = []
    for name, speaking in (("prospect", "rep"), ("rep", "prospect")):
        shown = _reaction(found[name], speaking) if name in found else None
        if shown is not None and shown.spoken_s > 0:
            label = f"{LABELS[name]}, while {LABELS[speaking].lower()} spoke"
            rows.append(_row(name, label, shown))
    return tuple(rows) if any(row.engagement is not None for row in rows) else ()


def _reaction(side: SideScore, speaking: str) -> Reaction | None:
    return next((shown for shown in side.reactions if shown.speaking == speaking), None)


def _reportable(shown: Reaction | None) -> Reaction | None:
    """Return the reaction if enough was seen to report it, else None."""
    if shown is None or shown.engagement is None:
        return None
    seen_s = _seen_s(shown)
    if seen_s < MIN_SEEN_S or why_unreadable(shown.engagement, seen_s):
        return None
    return shown


def _seen_s(shown: Reaction) -> float:
    return shown.seen_s if shown.listening_s is None else shown.listening_s


def _row(side: str, label: str, shown: Reaction) -> SideRow:
    reported = _reportable(shown)
    seen = words.percent(shown.seen_s / shown.spoken_s)
    if reported is None or reported.engagement is None:
        why = TOO_VARIED if _seen_s(shown) > LONG_SEEN_S else TOO_LITTLE
        return SideRow(side, label, None, None, None, seen, why)
    low, high = words.points(reported.engagement.low), words.points(reported.engagement.high)
    name, share = _most(reported.shares)
    showing = f"likely {words.span(reported.engagement)} · {name} {words.percent(share)}"
    return SideRow(side, label, words.points(reported.engagement.value), low, high, seen, showing)


def _most(shares: Mapping[str, float]) -> tuple[str, float]:
    """Return the expression that most of the faces showed, in words, and its share."""
    name = max(shares, key=lambda name: shares[name])
    return EXPRESSIONS[name], shares[name]
