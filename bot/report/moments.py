"""The moments worth watching, strongest first, with what was said just then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.report import words
from bot.report.figures import NAME_LENGTH, name_of
from bot.report.series import Mark
from inference.types import CallAnalysis, Moment

MAX_QUOTES = 3
QUOTE_LENGTH = 190


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
    kind: str
    reason: str
    change: str
    quotes: tuple[Quote, ...]
    people: tuple[int, ...]


def moment_items(analysis: CallAnalysis, limit: int) -> tuple[MomentItem, ...]:
    """Give the strongest moments, strongest first."""
    strongest = sorted(analysis.moments, key=lambda m: (-m.strength, m.start_s))[:limit]
    return tuple(_moment_item(i, moment, analysis) for i, moment in enumerate(strongest, 1))


def _moment_item(number: int, moment: Moment, analysis: CallAnalysis) -> MomentItem:
    reason = words.clean(moment.reason)
    for index in moment.participants:
        name = words.clean(analysis.participants[index].name)
        if name:
            reason = reason.replace(name, words.isolate(words.shorten(name, NAME_LENGTH)))
    has_change = moment.before is not None and moment.after is not None
    before, after = moment.before or 0.0, moment.after or 0.0
    quotes = [
        Quote(
            words.clock(line.start_s),
            words.shorten(words.clean(line.speaker or ""), NAME_LENGTH),
            words.shorten(words.clean(line.text), QUOTE_LENGTH),
        )
        for line in moment.lines
        if words.clean(line.text)
    ]
    return MomentItem(
        number=number,
        clock=words.clock(moment.start_s),
        kind=_KINDS.get(moment.kind, words.clean(moment.kind)),
        reason=reason,
        change=f"{words.points(before)} → {words.points(after)}" if has_change else "",
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
    falls = [
        m
        for m in analysis.moments
        if m.kind == "fall" and m.before is not None and m.after is not None
    ]
    if not falls:
        return f"Engagement averaged {words.points(call.value)} of 100, without a marked drop."
    worst = max(falls, key=lambda m: m.strength)
    before, after = words.points(worst.before or 0.0), words.points(worst.after or 0.0)
    speaker = _speaker_at(analysis, worst.start_s)
    who = [name_of(analysis.participants[i]) for i in worst.participants[:1]]
    whose = f"{words.isolate(who[0])} went" if len(worst.participants) == 1 else "it went"
    while_who = f" while {words.isolate(speaker)} was speaking" if speaker else ""
    return (
        f"Engagement averaged {words.points(call.value)} of 100. The sharpest drop came at "
        f"{words.clock(worst.start_s)}: {whose} from {before} to {after}{while_who}."
    )


def _speaker_at(analysis: CallAnalysis, t_s: float) -> str:
    for turn in analysis.turns:
        if turn.start_s <= t_s < turn.end_s:
            return words.shorten(words.clean(turn.speaker), NAME_LENGTH)
    return ""


_KINDS = {
    "rise": "Rise",
    "fall": "Drop",
    "to_happy": "Turned happy",
    "to_angry": "Turned angry",
    "silence": "Silence",
}
