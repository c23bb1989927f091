"""The moments worth watching, strongest first, with what was said just then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.report import words
from bot.report.figures import NAME_LENGTH
from bot.report.series import Mark
from bot.report.sides import LABELS, with_sides
from inference.types import CallAnalysis, Moment, TranscriptLine

MAX_QUOTES = 3
QUOTE_LENGTH = 150
SPEAKER_LENGTH = 20
"""Fits the column beside quotes."""
WIDE_INTERVAL = 0.5
"""An average whose interval spans more than half of the scale says nothing about a call."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A line of the transcript beside a moment. `speaker` is empty where nobody is named."""

    clock: str
    speaker: str
    text: str


@dataclass(frozen=True, slots=True)
class MomentItem:
    """A moment to watch; `number` is its rank and stands on the timeline too."""

    number: int
    clock: str
    reason: str
    quotes: tuple[Quote, ...]
    people: tuple[int, ...]


def moment_items(analysis: CallAnalysis, limit: int) -> tuple[MomentItem, ...]:
    """Give the strongest moments, strongest first."""
    strongest = sorted(analysis.moments, key=lambda m: (-m.strength, m.start_s))[:limit]
    return tuple(_moment_item(i, moment, analysis) for i, moment in enumerate(strongest, 1))


def _speaker(line: TranscriptLine) -> str:
    name = words.shorten(words.clean(line.speaker or ""), SPEAKER_LENGTH)
    return f"{name} (chat)" if line.is_chat else name


def _moment_item(number: int, moment: Moment, analysis: CallAnalysis) -> MomentItem:
    quotes = [
        Quote(
            words.clock(line.start_s),
            _speaker(line),
            words.shorten(words.clean(line.text), QUOTE_LENGTH),
        )
        for line in moment.lines
        if words.clean(line.text)
    ]
    return MomentItem(
        number=number,
        clock=words.clock(moment.start_s),
        reason=_reason(moment, analysis),
        quotes=tuple(quotes[:MAX_QUOTES]),
        people=moment.participants,
    )


def moment_marks(analysis: CallAnalysis, items: Sequence[MomentItem]) -> tuple[Mark, ...]:
    """Give the same moments as numbered spans for the timeline."""
    strongest = sorted(analysis.moments, key=lambda m: (-m.strength, m.start_s))
    return tuple(
        Mark(item.number, moment.start_s, moment.end_s)
        for item, moment in zip(items, strongest, strict=False)
    )


def headline(analysis: CallAnalysis) -> str:
    """Answer in one or two sentences: how was it, and where did it turn?"""
    call = analysis.call.engagement
    if call is None:
        if analysis.turns:
            return "No face could be read in this call. Who spoke, and for how long, is below."
        return "No face could be read in this call, and nothing tells who spoke."
    falls = [moment for moment in analysis.moments if moment.kind in ("fall", "to_angry")]
    if not falls and call.high - call.low > WIDE_INTERVAL:
        return f"Too little was seen to tell how engaged people were ({words.likely(call)})."
    if not falls:
        return f"Engagement averaged {words.points(call.value)} of 100, without a marked drop."
    worst = max(falls, key=lambda m: m.strength)
    reason = _reason(worst, analysis, is_sided=False)
    if reason.startswith("Engagement "):
        reason = f"e{reason[1:]}"
    return (
        f"Engagement averaged {words.points(call.value)} of 100. The sharpest drop came at "
        f"{words.clock(worst.start_s)}: {reason}."
    )


def _reason(moment: Moment, analysis: CallAnalysis, *, is_sided: bool = True) -> str:
    """Give a moment's sentence without its full stop, right-to-left names set apart."""
    people = analysis.participants
    reason = words.clean(moment.reason).rstrip(".")
    if moment.speakers and is_sided:
        speaker = people[moment.speakers[0]]
        reason = with_sides(reason, moment.side, words.clean(speaker.name), speaker.side, LABELS)
    elif is_sided:
        reason = with_sides(reason, moment.side, "", "", LABELS)
    for person in people:
        name = words.clean(person.name)
        shown = words.isolate(words.shorten(name, NAME_LENGTH))
        if name and shown != name:
            reason = reason.replace(name, shown)
    return reason
