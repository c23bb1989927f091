"""What the report says about each person, and who gets a page of their own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bot.report.figures import (
    FACING_TOLD_UP_TO,
    SEEN_TOLD_BELOW,
    Figure,
    name_of,
    person_figures,
    talk_figures,
)
from bot.report.moments import MomentItem
from bot.text import words
from inference.attribution.people_count import count_people
from inference.schema.analysis import CallAnalysis, Participant

OWN_PAGE_S = 60.0
"""Talk or face time that earns a person a page, or a tenth of the call if that is less."""
BLANKED = (
    "What this face showed was not kept, because a setting left it unscored at the time: analyse "
    "the call again to see it."
)
UNMOVED = "the same expression throughout"
"""Said of a face that does not move: it is no mood."""
UNMOVED_SHARE, UNMOVED_S = 0.98, 60.0
"""One expression other than neutral that holds for so much of so long is the face itself."""
SURE_OF_NAME = 0.95
"""How sure a name is, is told only below this."""
LISTENED_S = 20.0
"""Expressions are told of listening alone; of less than this nothing is said."""
MAX_MOMENTS = 2


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One row of a table of people; texts are "" where there is nothing to tell."""

    index: int
    name: str
    role: str
    side: str
    shown: str
    """What the face showed while listening, in a word or two, or why nothing is told."""
    talk_share: float
    talk: str
    talk_length: str
    turns: str
    longest: str
    asked: str


@dataclass(frozen=True, slots=True)
class Bar:
    """What a face showed, as a share of the time in which it was seen listening."""

    label: str
    share: float
    percent: str
    length: str


@dataclass(frozen=True, slots=True)
class PersonPage:
    """One person's page."""

    row: PersonRow
    summary: str
    presence: str
    figures: tuple[Figure, ...]
    talk_figures: tuple[Figure, ...]
    talk_note: str
    bars: tuple[Bar, ...]
    bars_note: str
    moments: tuple[MomentItem, ...]


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
    talk = person.score.talk
    spoke = bool(analysis.turns) and talk.turns > 0
    return PersonRow(
        index=person.index,
        name=name_of(person),
        role=role_of(person),
        side=person.side,
        shown=listening_line(person),
        talk_share=talk.share if spoke else 0.0,
        talk=words.percent(talk.share) if spoke else "",
        talk_length=words.length(talk.talk_s) if spoke else "",
        turns=str(talk.turns) if spoke else "",
        longest=words.length(talk.longest_monologue_s) if spoke else "",
        asked=str(talk.questions) if spoke and talk.questions else "",
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
    person: Participant, analysis: CallAnalysis, moments: Sequence[MomentItem]
) -> PersonPage:
    """Put one person into words; `moments` are those of the report, strongest first."""
    figures = talk_figures(person, analysis)
    own = [item for item in moments if person.index in item.people]
    return PersonPage(
        row=person_row(person, analysis),
        summary=_sentence([listening_line(person)]),
        presence=_sentence(caveats(person)),
        figures=() if is_unmoved(person) else person_figures(person, analysis),
        talk_figures=figures,
        talk_note=_talk_note(analysis) if not figures else "",
        bars=_bars(person),
        bars_note=_bars_note(person),
        moments=tuple(sorted(own[:MAX_MOMENTS], key=lambda item: item.at_s)),
    )


def _sentence(parts: Sequence[str]) -> str:
    text = " · ".join(part.rstrip(".") for part in parts if part)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _talk_note(analysis: CallAnalysis) -> str:
    return "Did not speak." if analysis.turns else "The recording does not say who spoke."


def _bars(person: Participant) -> tuple[Bar, ...]:
    heard = listening_words(person)
    listened_s = sum(heard.values())
    return tuple(
        Bar(
            f"{word[0].upper()}{word[1:]}",
            seconds / listened_s,
            words.percent(seconds / listened_s),
            words.length(seconds),
        )
        for word, seconds in sorted(heard.items(), key=lambda one: -one[1])
        if words.points(seconds / listened_s)
    )


def _bars_note(person: Participant) -> str:
    if is_unmoved(person):
        return f"{UNMOVED[0].upper()}{UNMOVED[1:]}: that is the face, not a mood."
    listened_s = person.score.listening_s
    if listened_s is None:
        return "Version 1 of the scoring does not tell listening from speaking."
    if not listening_words(person):
        return f"Listened in view for only {words.length(listened_s)}: too little to tell."
    return ""


def head_count(analysis: CallAnalysis) -> str:
    """Return how many people were in the call, in words: "about" where some may be listed twice."""
    named = [person.is_named for person in analysis.participants]
    people = count_people(analysis.observations, analysis.attributions, named)
    text = "1 person" if people.count == 1 else f"{people.count} people"
    return text if people.is_exact else f"about {text}"
