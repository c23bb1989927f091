"""A moment in words: what was seen, when, and what was said just then.

The one source for message, report, page and annotated recording. Each of them puts a `MomentItem`
together in its own layout; none looks at the lines of a moment itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.report.figures import NAME_LENGTH
from bot.text import words
from inference.schema.analysis import CallAnalysis, Moment, MomentLine

QUOTE_LENGTH = 240
"""Longer lines are cut: a cue of Zoom's transcript is seldom over 200 letters."""
SPEAKER_LENGTH = 20
"""Fits the column next to the quotes."""
MOST_NAMES = 3
CAPTION_NAME_LENGTH, CAPTION_WIDTH = 28, 45.0
"""There is room for one line under a picture."""
LEAD_IN_S = 5.0
"""A player starts this long before the change, so that the words are heard that led to it."""
TOLD_FROM_S = 20.0
"""How long something lasted is told from here on: shorter is what a moment shows anyway."""
STILL_SAID_S = 0.5
"""Cues end up to about half a second before the voice does."""
LATELY_SAID_S = 10.0
"""Somebody who speaks on may have lines that the transcript lacks: older words are not what they
were saying."""
NEAR_S = 30.0
"""Words spoken longer before a change, or after it, are not told beside it: nobody would take them
for what was said just then."""

EARLIER = {
    "fall": "looked less engaged", "rise": "looked more engaged", "to_happy": "began to smile",
    "to_angry": "looked tense",
}  # fmt: skip
"""What moments of versions say that did not store it in words."""
STATES = ("looked ", "smiled ")
"""How the words for something begin that goes on: it is so "from" a time, not "at" it."""


class Person(Protocol):
    """Somebody of a call, of its analysis or of its rows."""

    @property
    def name(self) -> str: ...
    @property
    def side(self) -> str: ...
    @property
    def is_named(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Quote:
    """A line of the transcript or chat beside a moment."""

    clock: str
    speaker: str
    """First name if only one person of the call has it; "" if the line names no one."""
    text: str
    at_change: bool = False
    """The words spoken at the change, which stand out."""
    is_chat: bool = False
    pause: str = ""
    """The silence before this line: "8 seconds of silence"; "" if there was none to tell."""


@dataclass(frozen=True, slots=True)
class MomentPicture:
    """A small picture of a moment: when it was taken, and who is in it, in reading order."""

    jpeg: bytes
    at_s: float
    people: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MomentItem:
    """A moment to watch, in words; `number` is its rank, which the timeline shows too."""

    number: int
    at_s: float
    """When it changed, in seconds: the time to show."""
    clock: str
    """The same as a clock: "0:28"."""
    watch_s: float
    """Where a player starts: 5 s earlier."""
    watch_clock: str
    direction: str  # "fall", "rise" or "silence"
    side: str
    is_greeting: bool
    people: tuple[int, ...]
    who: str
    """Full names, and "(our side)" behind ours."""
    did: str
    """"stopped smiling"."""
    at: str
    """"at 0:28", or "from 0:28" for what goes on."""
    lasted: str
    """"40 seconds"; "" where it was shorter than 20 s or is not known."""
    said: str
    """How the words at the change follow the claim: "while Maya said"; "" if none are known."""
    reason: str
    """The whole without time and words: "Dana stopped smiling for 40 seconds, while Maya spoke"."""
    quotes: tuple[Quote, ...]
    """The words at the change, those before and after, in order of time; then the chat."""
    picture: str = ""
    """Name of its picture for the template; "" if it has none."""
    caption: str = ""
    """When the picture was taken and who is in it."""

    @property
    def claim(self) -> str:
        """What happened and when: "Dana Whitfield stopped smiling at 0:28"."""
        return f"{self.who} {self.did} {self.at}"

    @property
    def words(self) -> str:
        """The words spoken at the change; "" if none are known."""
        return next((quote.text for quote in self.quotes if quote.at_change), "")


def strongest_moments(analysis: CallAnalysis, limit: int) -> tuple[Moment, ...]:
    """Return the moments to report, by rank."""
    return analysis.moments[:limit]


def moment_items(
    analysis: CallAnalysis, limit: int, pictures: Mapping[int, MomentPicture] | None = None
) -> tuple[MomentItem, ...]:
    """Put the strongest moments into words, strongest first; `pictures` are keyed by rank."""
    strongest = strongest_moments(analysis, limit)
    return items_of(strongest, analysis.participants, pictures or {})


def items_of(
    moments: Sequence[Moment],
    people: Sequence[Person],
    pictures: Mapping[int, MomentPicture] | None = None,
) -> tuple[MomentItem, ...]:
    """Put moments, which come by rank, into words; `people` are those of the call, in order."""
    return tuple(
        _item(rank, moment, people, (pictures or {}).get(rank))
        for rank, moment in enumerate(moments, 1)
    )


def sentence(item: MomentItem, room: float = 0.0, *, joint: str = "while") -> str:
    """Return a moment in one sentence with the words, without a full stop.

    "Dana Whitfield stopped smiling at 0:28, while Maya said “For all six depots, forty-eight
    thousand a year, billed up front.”"

    Args:
        item: the moment.
        room: letters that the sentence may have; the words are cut to fit, and left out where fewer
            than 12 letters of them would stand. 0 leaves them as they are.
        joint: what stands for the "while" of "while Maya said".
    """
    if not item.words:
        return item.claim
    said = re.sub(r"^while(?= .* said$)", joint, item.said)
    start = f"{item.claim}, {said} “"
    if not room:
        return f"{start}{item.words}”"
    left = room - words.width(start) - 1
    return f"{start}{words.shorten(item.words, int(left))}”" if left >= 12 else item.claim


def lead(item: MomentItem) -> tuple[str, str]:
    """Return the sentence above a moment's quotes: the claim, and what follows it.

    ("Dana Whitfield stopped smiling at 0:28", ", and it lasted 40 seconds, while Maya said:").
    """
    rest = f", and it lasted {item.lasted}" if item.lasted else ""
    return item.claim, f"{rest}, {item.said}:" if item.words else f"{rest}."


def names_of(people: Sequence[Person], indexes: Sequence[int], most: int = MOST_NAMES) -> str:
    """Return the full names of some people of a call: "Tom Becker, Priya Nair and 2 more"."""
    return words.listed([full_name(people, index) for index in indexes], most)


def full_name(people: Sequence[Person], index: int) -> str:
    """Return a person's name as one clean line."""
    name = words.clean(people[index].name) or f"Person {index + 1}"
    return words.isolate(words.shorten(name, NAME_LENGTH))


def first_name(people: Sequence[Person], index: int) -> str:
    """Return what to call a person who was named in full before."""
    if not people[index].is_named:
        return full_name(people, index)
    short = words.first_name(people[index].name, [person.name for person in people])
    return words.isolate(words.shorten(short, SPEAKER_LENGTH))


def picture_name(number: int) -> str:
    """Return the name under which the template finds a moment's picture."""
    return f"moment-{number}.jpg"


def _item(
    number: int, moment: Moment, people: Sequence[Person], picture: MomentPicture | None
) -> MomentItem:
    is_silence = moment.kind == "silence"
    clock = words.clock(moment.change_s)
    watch_s = max(moment.change_s - LEAD_IN_S, 0.0)
    if is_silence:
        who, did = "Nobody", f"spoke for {words.spelled_length(moment.silence_s or 0.0)}"
    else:
        ours = " (our side)" if moment.side == "rep" else ""
        who = f"{names_of(people, moment.participants)}{ours}"
        did = moment.what or EARLIER.get(moment.kind, "changed")
    goes_on = is_silence or (did.startswith(STATES) and not did.startswith("looked back"))
    lasted = ""
    if moment.lasted_s is not None and moment.lasted_s >= TOLD_FROM_S:
        lasted = words.spelled_length(moment.lasted_s)
    said = _said(moment, people)
    return MomentItem(
        number=number,
        at_s=moment.change_s,
        clock=clock,
        watch_s=watch_s,
        watch_clock=words.clock(watch_s),
        direction=_DIRECTIONS.get(moment.kind, "fall"),
        side=moment.side,
        is_greeting=moment.is_greeting,
        people=moment.participants,
        who=who,
        did=did,
        at=f"{'from' if goes_on else 'at'} {clock}",
        lasted=lasted,
        said=said,
        reason=f"{who} {did}{f' for {lasted}' if lasted else ''}{_meanwhile(moment, people)}",
        quotes=tuple(_quote(line, people) for line in _told_lines(moment)),
        picture=picture_name(number) if picture else "",
        caption=_caption(picture, people) if picture else "",
    )


_DIRECTIONS = {"rise": "rise", "to_happy": "rise", "silence": "silence"}


def _told_lines(moment: Moment) -> list[MomentLine]:
    """Return the lines to quote: the chat alone where the words at the change are far from it."""
    lines = [line for line in moment.lines if words.clean(line.text)]
    at_change = [line for line in lines if line.at_change]
    if at_change and _apart_s(at_change[0], moment.change_s) > NEAR_S:
        return [line for line in lines if line.is_chat]
    return lines


def _apart_s(line: MomentLine, change_s: float) -> float:
    return max(line.start_s - change_s, change_s - line.end_s, 0.0)


def _said(moment: Moment, people: Sequence[Person]) -> str:
    """Return how the words at the change follow the claim; "" if there are none.

    "While" needs words that were still being said at the change, or somebody who spoke before and
    after it.
    """
    line = next((line for line in _told_lines(moment) if line.at_change), None)
    if line is None:
        return ""
    owner = _owner(line, people)
    by = f" {_speaker(line, people)} said" if line.speaker else ""
    if line.start_s > moment.change_s:
        return f"before{by or ' the words'}"
    speaks_on = owner is not None and owner == moment.said_by
    apart_s = _apart_s(line, moment.change_s)
    is_going_on = apart_s <= (LATELY_SAID_S if speaks_on else STILL_SAID_S)
    if moment.kind == "silence" or not is_going_on:
        return f"after{by or ' the words'}"
    if owner is not None and moment.participants == (owner,):
        return "while saying"
    return f"while{by}" if by else "at the words"


def _meanwhile(moment: Moment, people: Sequence[Person]) -> str:
    if moment.said_by is None or not 0 <= moment.said_by < len(people):
        return ""
    if moment.participants == (moment.said_by,):
        return ", while speaking"
    return f", while {first_name(people, moment.said_by)} spoke"


def _quote(line: MomentLine, people: Sequence[Person]) -> Quote:
    return Quote(
        words.clock(line.start_s),
        _speaker(line, people),
        words.shorten(words.clean(line.text), QUOTE_LENGTH),
        line.at_change,
        line.is_chat,
        f"{words.spelled_length(line.pause_s)} of silence" if line.pause_s > 0 else "",
    )


def _speaker(line: MomentLine, people: Sequence[Person]) -> str:
    owner = _owner(line, people)
    if owner is not None:
        name = first_name(people, owner)
    else:
        name = words.isolate(words.shorten(words.clean(line.speaker or ""), SPEAKER_LENGTH))
    return f"{name} (chat)" if line.is_chat else name


def _owner(line: MomentLine, people: Sequence[Person]) -> int | None:
    """Return whose line it is; None where its name is nobody's of the call, or of several."""
    said = words.clean(line.speaker or "").casefold()
    owners = [i for i, p in enumerate(people) if said and words.clean(p.name).casefold() == said]
    return owners[0] if len(owners) == 1 else None


def _caption(picture: MomentPicture, people: Sequence[Person]) -> str:
    said = words.clock(picture.at_s)
    names = [words.clean(people[index].name) for index in picture.people]
    for number, name in enumerate(names):
        left = len(names) - number
        short = words.shorten(name, CAPTION_NAME_LENGTH)
        more = f" + {left - 1} more" if left > 1 else ""
        if number and words.width(f"{said}, {short}{more}") > CAPTION_WIDTH:
            return f"{said} + {left} more"
        said += f"{', ' if number else ' · '}{words.isolate(short)}"
    return said
