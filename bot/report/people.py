"""What the report says about each person, and who gets a page of their own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bot.report.chart_data import Backdrop, PersonChart, person_chart
from bot.report.figures import Figure, name_of, person_figures, talk_figures
from bot.report.moments import MomentItem
from bot.text import words
from inference.attribution.people_count import count_people
from inference.schema.analysis import CallAnalysis, Participant

OWN_PAGE_S = 60.0
"""Talk or face time that earns a person a page, or a tenth of the call if that is less."""
CLOSE_CALL = 0.30
"""Coverage below which the reader is warned not to rely on a person's figures."""
BLANKED = (
    "What this face showed was not kept, because a setting left it unscored at the time: analyse "
    "the call again to see it."
)
UNMOVED = "the same expression throughout"
"""Said of a face that does not move: it is no mood."""
UNMOVED_SHARE, UNMOVED_S = 0.98, 60.0
"""One expression other than neutral that holds for so much of so long is the face itself."""
SEEN_TOLD_BELOW = 0.8
"""How much of a face was seen is told only below this share of the time."""
SURE_OF_NAME = 0.95
"""How sure a name is, is told only below this."""
FACING_TOLD_UP_TO = 0.9
"""How much of the time somebody faced the screen is not told above this: nearly everybody does."""
LISTENED_S = 20.0
"""Expressions are told of listening alone; of less than this nothing is said."""
MAX_MOMENTS = 2
MAX_MOMENT_LINES = 12
"""Lines that fit on a person's page below the charts; the first moment is always shown."""


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One row of a table of people. Numbers are None if nothing was observed."""

    index: int
    name: str
    role: str
    certainty: str
    """How sure the name is; "" if there is nothing to say."""
    side: str
    engagement: int | None
    low: int | None
    high: int | None
    attention: str
    seen: str
    talk_share: float
    talk: str
    talk_length: str
    turns: str
    longest: str
    note: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One expression's share of the time a face was seen."""

    label: str
    share: float
    percent: str
    length: str


@dataclass(frozen=True, slots=True)
class PersonPage:
    """One person's page."""

    row: PersonRow
    presence: str
    figures: tuple[Figure, ...]
    talk_figures: tuple[Figure, ...]
    expressions: tuple[Bar, ...]
    steadiness: str
    chart: PersonChart
    chart_note: str
    moments: tuple[MomentItem, ...]
    warning: str


def listening_words(person: Participant) -> dict[str, float]:
    """Return the seconds of each of the four words for a face while its person listened.

    A moving mouth is easily misread. {} if the face does not move, or was seen too little; and in
    calls scored by version 1.
    """
    shown = person.score.face_word_s
    told = sum(shown.values()) >= LISTENED_S and not is_unmoved(person)
    return shown if told else {}


def is_unmoved(person: Participant) -> bool:
    """Return whether a face showed one expression other than neutral all the time."""
    seconds = person.score.expression_s
    total_s = sum(seconds.values())
    if total_s < UNMOVED_S:
        return False
    most = max(seconds, key=lambda name: seconds[name])
    return most != "neutral" and seconds[most] >= UNMOVED_SHARE * total_s


def person_row(person: Participant, analysis: CallAnalysis) -> PersonRow:
    """Return one person's row of a table."""
    score, talk = person.score, person.score.talk
    engagement = score.engagement
    has_turns = bool(analysis.turns)
    return PersonRow(
        index=person.index,
        name=name_of(person),
        role=role_of(person),
        certainty=_certainty(person),
        side=person.side,
        engagement=words.points(engagement.value) if engagement else None,
        low=words.points(engagement.low) if engagement else None,
        high=words.points(engagement.high) if engagement else None,
        attention=str(words.points(score.attention.value)) if score.attention else "–",
        seen=words.percent(score.coverage) if person.is_scored else "–",
        talk_share=talk.share if has_turns else 0.0,
        talk=words.percent(talk.share) if has_turns else "–",
        talk_length=words.length(talk.talk_s) if has_turns else "–",
        turns=str(talk.turns) if has_turns else "–",
        longest=words.length(talk.longest_monologue_s) if talk.turns else "–",
        note=_row_note(person),
    )


def role_of(person: Participant) -> str:
    """Return what is known about a person's role: host, our side, their side."""
    side = {"rep": "our side", "prospect": "their side"}.get(person.side, "")
    return ", ".join(part for part in ("host" if person.is_host else "", side) if part)


def name_certainty(is_named: bool, is_confirmed: bool, confidence: float) -> str:
    """Return how sure a name is: "confirmed by a person", "98 % sure", "not named".

    "" for someone who was only heard, whose name comes from Zoom's own records.
    """
    if not is_named:
        return "not named"
    if is_confirmed:
        return "confirmed by a person"
    # Rounded down: a name that no one confirmed is never called certain.
    return f"{min(math.floor(confidence * 100), 99)}{words.NBSP}% sure" if confidence < 1 else ""


def by_side(people: Sequence[Participant]) -> list[Participant]:
    """Return people with the other side first, then those of no known side, then ours."""
    order = ("prospect", "unknown", "rep")
    return sorted(people, key=lambda person: (order.index(person.side), -prominence(person)))


def listening_line(person: Participant) -> str:
    """Return what a face showed while its person listened: "listened 44 s: mostly calm"."""
    if person.is_blanked:
        return BLANKED
    if not person.is_scored:
        return "Not scored, as set up by your company."
    if is_unmoved(person):
        return UNMOVED
    score = person.score
    if not score.face_s:
        return "camera off" if person.camera_off_s else "face not seen"
    if score.listening_s is None:
        return ""
    listened = f"listened {words.length(score.listening_s)}"
    shown = listening_words(person)
    if not shown:
        return f"{listened}, too little to say what the face showed"
    total_s = sum(shown.values())
    look = max(shown, key=lambda word: shown[word])
    often = "mostly" if shown[look] > 0.5 * total_s else "most often"
    return f"{listened}: {'' if shown[look] >= 0.9 * total_s else f'{often} '}{look}"


def talk_line(person: Participant) -> str:
    """Return a person's talk: "spoke 52 % · longest without a break 10 s · asked 2"."""
    talk = person.score.talk
    if not talk.turns:
        return "did not speak"
    longest = words.length(talk.longest_monologue_s)
    said = [f"spoke {words.percent(talk.share)}", f"longest without a break {longest}"]
    if talk.questions is not None:
        said.append(f"asked {talk.questions}")
    if talk.patience_s is not None:
        wait = f"after {talk.patience_s:.1f}{words.NBSP}s" if talk.patience_s >= 0.1 else "at once"
        said.append(f"answered {wait} (median)")
    return " · ".join(said)


def caveats(person: Participant) -> list[str]:
    """Return what a reader should know of a person's name and face, if anything."""
    said = []
    if not person.is_named:
        said.append("not named")
    elif not person.is_confirmed and 0 < person.name_confidence < SURE_OF_NAME:
        sure = math.floor(person.name_confidence * 100)
        said.append(f"name {sure}{words.NBSP}% sure")
    if person.is_scored and 0 < person.score.coverage < SEEN_TOLD_BELOW:
        said.append(f"face seen {words.percent(person.score.coverage)}")
    if person.camera_off_s and person.score.face_s:
        said.append(f"camera off {words.length(person.camera_off_s)}")
    attention = person.score.attention
    if attention is not None and attention.value <= FACING_TOLD_UP_TO:
        said.append(f"facing the screen {words.percent(attention.value)}")
    return said


def prominence(person: Participant) -> float:
    """Return the number that orders people: seconds seen plus ten times the seconds spoken.

    Speakers come before listeners, unless they only said a word or two.
    """
    return person.score.face_s + 10 * person.score.talk.talk_s


def earns_page(person: Participant, analysis: CallAnalysis) -> bool:
    """Return whether a person was scored, and seen or heard long enough to get a page."""
    if person.score.engagement is None:
        return False
    return max(person.score.face_s, person.score.talk.talk_s) >= enough_s(analysis)


def enough_s(analysis: CallAnalysis) -> float:
    """Return the talk or face time that earns a page in this call."""
    return min(OWN_PAGE_S, analysis.duration_s / 10)


def person_page(
    person: Participant,
    analysis: CallAnalysis,
    shared: Backdrop,
    moments: Sequence[MomentItem],
) -> PersonPage:
    """Put one person into words; `moments` are the call's, strongest first."""
    return PersonPage(
        row=person_row(person, analysis),
        presence=_presence(person),
        figures=person_figures(person, analysis),
        talk_figures=talk_figures(person, analysis),
        expressions=_bars(person),
        steadiness=_steadiness(person.score.stability),
        chart=person_chart(person, analysis, shared),
        chart_note="Gaps: face not seen."
        if shared.is_one_person
        else "Thick: this person. Thin: everyone. Gaps: face not seen.",
        moments=_fitting([m for m in moments if person.index in m.people]),
        warning=_row_note(person),
    )


def _presence(person: Participant) -> str:
    seen = f"Face seen {words.percent(person.score.coverage)} of the time"
    if np.isfinite(person.first_seen_s) and np.isfinite(person.last_seen_s):
        first, last = words.clock(person.first_seen_s), words.clock(person.last_seen_s)
        seen += f", between {first} and {last}"
    if person.camera_off_s:
        seen += f". Camera off {words.clock(person.camera_off_s)}"
    if not person.is_named:
        return f"{seen}. Nothing certain names this face."
    certainty = _certainty(person)
    return f"{seen}. {certainty[0].upper()}{certainty[1:]}." if certainty else seen


def _certainty(person: Participant) -> str:
    """Return how sure a name is, for the line of the name; "" for a face without a name."""
    certainty = name_certainty(person.is_named, person.is_confirmed, person.name_confidence)
    return f"name {certainty}" if certainty and person.is_named else ""


def _fitting(moments: Sequence[MomentItem]) -> tuple[MomentItem, ...]:
    """Return the first moments that fit on the page, by a cautious count of their lines."""
    lines = 0
    for count, moment in enumerate(moments[:MAX_MOMENTS]):
        lines += 1 + len(moment.reason) // 75 + sum(1 + len(q.text) // 80 for q in moment.quotes)
        if count and lines > MAX_MOMENT_LINES:
            return tuple(moments[:count])
    return tuple(moments[:MAX_MOMENTS])


def _steadiness(stability: float | None) -> str:
    if stability is None:
        return ""
    return f"Unchanged from one picture to the next {words.percent(stability)} of the time."


def _bars(person: Participant) -> tuple[Bar, ...]:
    score = person.score
    total_s = sum(score.expression_s.values())
    if total_s <= 0:
        return ()
    order = sorted(score.expression_s, key=lambda name: -score.expression_s[name])
    return tuple(
        Bar(
            _EXPRESSIONS.get(name, name),
            score.expression_s[name] / total_s,
            words.percent(score.expression_s[name] / total_s),
            words.length(score.expression_s[name]),
        )
        for name in order
    )


def _row_note(person: Participant) -> str:
    if person.is_blanked:
        return BLANKED
    if not person.is_scored:
        return "Expressions are not scored, by a setting."
    if person.score.engagement is None:
        return "Face not seen."
    if person.score.coverage < CLOSE_CALL:
        seen = words.percent(person.score.coverage)
        return f"Face seen only {seen} of the time: read these figures with care."
    return ""


_EXPRESSIONS = {
    "angry": "Angry", "disgust": "Disgusted", "fear": "Fearful", "happy": "Happy", "sad": "Sad",
    "surprise": "Surprised", "neutral": "Neutral",
}  # fmt: skip


def head_count(analysis: CallAnalysis) -> str:
    """Return how many people were in the call, in words: "about" where some may be listed twice."""
    named = [person.is_named for person in analysis.participants]
    people = count_people(analysis.observations, analysis.attributions, named)
    text = "1 person" if people.count == 1 else f"{people.count} people"
    return text if people.is_exact else f"about {text}"
