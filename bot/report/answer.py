"""The call's answer in its first sentence: where did we lose them, and what was said just then?

One source for the message, its notification, the report, the page and the demo.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.report.figures import SEEN_TOLD_BELOW
from bot.report.moments import MomentItem, first_name, moment_items, names_of, sentence
from bot.report.people import (
    UNMOVED,
    head_count,
    is_unmoved,
    listening_words,
    prominence,
)
from bot.text import words
from inference.schema.analysis import CallAnalysis, Participant
from inference.schema.meeting import TranscriptLine
from inference.scoring.talk_words import manner_of, question_places

MOST_MOMENTS = 12
MOST_NAMED = 3
"""Of more people than this, a sentence says "their side"."""
LAST_QUESTION = 80
"""Letters of the last question that are quoted."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call's first sentence says."""

    moment: MomentItem | None
    """The moment it is about; None if no face of the side that counts turned."""
    also: MomentItem | None
    """A moment told in one line after it."""
    without: str
    """The sentence of a call without such a moment; "" if there is one."""

    @property
    def sentence(self) -> str:
        """The answer in full, without a full stop after a quotation."""
        return sentence(self.moment) if self.moment else self.without

    def within(self, room: float, *, joint: str = "while") -> str:
        """Return the answer cut to `room` letters, as a notification needs it."""
        if self.moment:
            return sentence(self.moment, room, joint=joint)
        return words.shorten(self.without, int(room))


def call_answer(analysis: CallAnalysis) -> Answer:
    """Return the first sentence about a call: its strongest fall, else its strongest rise.

    Where people of the other side are known, only their moments and those of nobody in particular
    count; theirs come first. Smiles of greeting never do.
    """
    items = moment_items(analysis, MOST_MOMENTS)
    theirs = any(person.side == "prospect" for person in analysis.participants)
    counted = [
        item for item in items if not item.is_greeting and not (theirs and item.side == "rep")
    ]
    counted.sort(key=lambda item: (_DIRECTIONS.index(item.direction), item.side != "prospect"))
    moment = next((item for item in counted if item.direction != "silence"), None)
    others = [item for item in counted if item is not moment]
    also = next((item for item in others if not moment or item.direction != "fall"), None)
    return Answer(moment, also, "" if moment else _without(analysis))


_DIRECTIONS = ("fall", "rise", "silence")


def talk_sentence(analysis: CallAnalysis) -> str:
    """Return who spoke most: "Maya spoke 71 %, longest without a break 4 min 10 s"."""
    if not analysis.turns or not analysis.participants:
        return "Nothing says who spoke"
    most = max(analysis.participants, key=lambda person: person.score.talk.share)
    talk = most.score.talk
    name = first_name(analysis.participants, most.index)
    longest = words.length(talk.longest_monologue_s)
    return f"{name} spoke {words.percent(talk.share)}, longest without a break {longest}"


def who_met(analysis: CallAnalysis) -> str:
    """Return who met whom: "Maya Lindqvist with Dana Whitfield"; the number where it is not known.

    Up to two of a side are named, none where a side has more than three.
    """
    people = analysis.participants
    ranked = sorted(people, key=prominence, reverse=True)
    ours, theirs = (
        [person.index for person in ranked if person.side == side] for side in ("rep", "prospect")
    )
    if ours and theirs and len(ours) + len(theirs) == len(people):
        if max(len(ours), len(theirs)) > MOST_NAMED:
            return f"{len(ours)} of our side with {len(theirs)} of theirs"
        return f"{names_of(people, ours, 2)} with {names_of(people, theirs, 2)}"
    if not people:
        return ""
    if len(people) <= 2:
        return names_of(people, [person.index for person in ranked])
    return head_count(analysis)


def who_spoke(analysis: CallAnalysis) -> str:
    """Return how much of the talk was whose: "Maya spoke 52 %"; our side's, of several people."""
    people = analysis.participants
    if not people:
        return ""
    if not analysis.turns:
        return "not known who spoke"
    ours = [person for person in people if person.side == "rep"]
    if len(ours) > 1 and any(person.side == "prospect" for person in people):
        return f"our side spoke {words.percent(sum(p.score.talk.share for p in ours))}"
    who = ours[0] if ours else max(people, key=lambda person: person.score.talk.share)
    return f"{first_name(people, who.index)} spoke {words.percent(who.score.talk.share)}"


def seen_note(analysis: CallAnalysis) -> list[str]:
    """Return how much of their faces was seen, if it is so little that it should be known."""
    theirs = [side for side in analysis.sides if side.side == "prospect"]
    side = theirs[0] if theirs else next(iter(analysis.sides), None)
    if side is None or not 0 < side.coverage < SEEN_TOLD_BELOW:
        return []
    return [f"{'their ' if theirs else ''}faces seen {words.percent(side.coverage)}"]


def _without(analysis: CallAnalysis) -> str:
    people = analysis.participants
    if not people:
        return "Nobody was seen or heard."
    theirs = [person for person in people if person.side == "prospect"]
    group = sorted(theirs or people, key=prominence, reverse=True)
    seen = [person for person in group if person.score.face_s > 0]
    if not seen:
        whose = "Their" if theirs and len(theirs) < len(people) else ""
        return f"{_unseen(analysis, group, whose)} {talk_sentence(analysis)}."
    who = names_of(people, [person.index for person in seen])
    if len(seen) > MOST_NAMED and theirs:
        who = "Their side"
    said = [part for part in (_look(seen), *_asked(analysis, group)) if part]
    if not said:
        return "No clear turn."
    return f"No clear turn. {who} {'; '.join(said)}" + ("" if said[-1].endswith("”") else ".")


def _unseen(analysis: CallAnalysis, group: Sequence[Participant], whose: str) -> str:
    were_off = any(person.camera_off_s for person in group)
    if were_off:
        return f"{whose} cameras were off." if whose else "Cameras were off."
    if analysis.quality.faces_seen:  # too small or too blurred
        return f"{whose} faces could not be read." if whose else "No face could be read."
    return f"{whose} faces were not seen." if whose else "No face was seen."


def _look(seen: Sequence[Participant]) -> str:
    """Return what faces showed while people listened, as a predicate; "" if it cannot be told."""
    if all(map(is_unmoved, seen)):
        return f"showed {UNMOVED}"
    total_s: dict[str, float] = {}
    for person in seen:
        for word, seconds in listening_words(person).items():
            total_s[word] = total_s.get(word, 0.0) + seconds
    if not total_s:
        return ""
    most = max(total_s, key=lambda word: total_s[word])
    share = total_s[most] / sum(total_s.values())
    if most == "calm":
        return "stayed calm" if share >= 0.9 else "mostly stayed calm"
    return f"{_DID[most]} {'most of the time' if share > 0.5 else 'most often'}"


_DID = {"smiling": "smiled", "surprised-looking": "looked surprised", "tense": "looked tense"}


def _asked(analysis: CallAnalysis, group: Sequence[Participant]) -> list[str]:
    counts = [person.score.talk.questions for person in group]
    known = [count for count in counts if count is not None]
    if not known:
        return []
    if not sum(known):
        return ["asked nothing"]
    asked = f"asked {sum(known)} question{'s' if sum(known) != 1 else ''}"
    last = last_question(analysis, {words.clean(person.name) for person in group})
    return [asked, f"last: “{words.shorten(last, LAST_QUESTION)}”"] if last else [asked]


def last_question(analysis: CallAnalysis, names: set[str]) -> str:
    """Return the last question that one of these people asked; "" if there is none."""
    lines = [line for line in analysis.transcript if not line.is_chat]
    manner = manner_of([line.text for line in lines])
    for line in sorted(lines, key=lambda line: -line.start_s):
        if words.clean(line.speaker or "") in names and question_places(line.text, manner):
            return _question(line)
    return ""


def _question(line: TranscriptLine) -> str:
    """Return the sentence of a line that ends in a question mark, or the whole line."""
    text = words.clean(line.text)
    end = text.rfind("?") + 1
    start = max(text.rfind(sign, 0, end - 1) for sign in (". ", "! ", "? ", "… ")) if end else -1
    return text[start + 2 : end] if start >= 0 else text[: end or None]
