"""The moments worth watching, strongest first, with what was said at the time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.report.chart_data import Mark
from bot.report.figures import NAME_LENGTH
from bot.report.sides import LABELS, with_sides
from bot.text import words
from inference.schema.analysis import CallAnalysis, Moment
from inference.schema.meeting import TranscriptLine

MAX_QUOTES = 3
QUOTE_LENGTH = 150
SPEAKER_LENGTH = 20
"""Fits the column next to the quotes."""
CAPTION_NAME_LENGTH, CAPTION_WIDTH = 28, 45.0
"""There is room for one line under a picture."""
WIDE_INTERVAL = 0.5
"""An average whose interval spans more than half of the scale says nothing about a call."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A line of the transcript for a moment. `speaker` is empty if the line names no one."""

    clock: str
    speaker: str
    text: str


@dataclass(frozen=True, slots=True)
class MomentPicture:
    """A small picture of a moment: when it was taken, and who is in it, in reading order."""

    jpeg: bytes
    at_s: float
    people: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MomentItem:
    """A moment to watch; `number` is its rank, which the timeline shows too."""

    number: int
    clock: str
    reason: str
    quotes: tuple[Quote, ...]
    people: tuple[int, ...]
    picture: str = ""
    """Name of its picture for the template; "" if it has none."""
    caption: str = ""
    """When the picture was taken and who is in it."""


def strongest_moments(analysis: CallAnalysis, limit: int) -> tuple[Moment, ...]:
    """Return the moments to report, by rank."""
    return analysis.moments[:limit]


def moment_items(
    analysis: CallAnalysis, limit: int, pictures: Mapping[int, MomentPicture] | None = None
) -> tuple[MomentItem, ...]:
    """Put the strongest moments into words, strongest first; `pictures` are keyed by rank."""
    return tuple(
        _moment_item(rank, moment, analysis, (pictures or {}).get(rank))
        for rank, moment in enumerate(strongest_moments(analysis, limit), 1)
    )


def picture_name(number: int) -> str:
    """Return the name under which the template finds a moment's picture."""
    return f"moment-{number}.jpg"


def _caption(picture: MomentPicture, analysis: CallAnalysis) -> str:
    said = words.clock(picture.at_s)
    names = [words.clean(analysis.participants[index].name) for index in picture.people]
    for number, name in enumerate(names):
        left = len(names) - number
        short = words.shorten(name, CAPTION_NAME_LENGTH)
        more = f" + {left - 1} more" if left > 1 else ""
        if number and words.width(f"{said}, {short}{more}") > CAPTION_WIDTH:
            return f"{said} + {left} more"
        said += f"{', ' if number else ' · '}{words.isolate(short)}"
    return said


def _speaker(line: TranscriptLine) -> str:
    name = words.shorten(words.clean(line.speaker or ""), SPEAKER_LENGTH)
    return f"{name} (chat)" if line.is_chat else name


def _moment_item(
    number: int, moment: Moment, analysis: CallAnalysis, picture: MomentPicture | None
) -> MomentItem:
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
        picture=picture_name(number) if picture else "",
        caption=_caption(picture, analysis) if picture else "",
    )


def moment_marks(analysis: CallAnalysis, items: Sequence[MomentItem]) -> tuple[Mark, ...]:
    """Return the same moments as numbered spans for the timeline."""
    strongest = strongest_moments(analysis, len(items))
    return tuple(
        Mark(item.number, moment.start_s, moment.end_s)
        for item, moment in zip(items, strongest, strict=True)
    )


def headline(analysis: CallAnalysis) -> str:
    """Answer in one or two sentences: how did the call go, and where did it turn?"""
    call = analysis.call.engagement
    if call is None:
        if analysis.turns:
            return "No face could be read in this call. Who spoke, and for how long, is below."
        return "No face could be read in this call, and nothing says who spoke."
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
    """Return a moment's sentence without its full stop, with right-to-left names isolated."""
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
