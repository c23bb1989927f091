"""The figures of a person, each as label, value and unit; none that cannot be read."""

from __future__ import annotations

from dataclasses import dataclass

from bot.text import words
from inference.schema.analysis import CallAnalysis, Estimate, Participant

NAME_LENGTH = 40
"""Longer names are cut, so that no line in a table or chart overflows."""
WIDE = 0.30
"""A figure whose interval spans more than this share of its scale is not shown."""
LONG_SEEN_S = 60.0
"""Over so much of a face, a wide interval means that it changed, not that too little was seen."""
TOO_LITTLE = "too little seen for a figure"
TOO_VARIED = "changed too much for one figure"
FACING_TOLD_UP_TO = 0.9
"""How far somebody faced the screen is told up to here: most people do nearly always."""
SEEN_TOLD_BELOW = 0.8
"""How much of a face was seen is told only below this share of the time."""
SCORE_SPAN = 4.0
"""Of a scale from 1 to 5."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: "Engagement while listening", "58", "of 100"; or in place of "58" why not."""

    label: str
    value: str
    unit: str = ""


def name_of(person: Participant, length: int = NAME_LENGTH) -> str:
    """Return a person's name as one clean line of at most `length` characters."""
    return words.shorten(words.clean(person.name) or f"Person {person.index + 1}", length)


def why_unreadable(estimate: Estimate, seen_s: float, span: float = 1.0) -> str:
    """Return why a figure is not shown; "" if it can be read.

    Args:
        estimate: the figure.
        seen_s: seconds that it was taken over.
        span: of its scale.
    """
    if estimate.high - estimate.low <= WIDE * span:
        return ""
    return TOO_VARIED if seen_s > LONG_SEEN_S else TOO_LITTLE


def readable(estimate: Estimate | None, seen_s: float) -> str:
    """Return a 0–1 figure as "54 of 100", or why it cannot be read."""
    if estimate is None:
        return "not seen well enough"
    return why_unreadable(estimate, seen_s) or f"{words.points(estimate.value)} of 100"


def person_figures(person: Participant, analysis: CallAnalysis) -> tuple[Figure, ...]:
    """Return a person's figures that can be read; changes only where they are clear."""
    score = person.score
    seen_s = basis_s(person)
    figures = [_engagement(person, seen_s)]
    if score.score is not None:
        why = why_unreadable(score.score, score.face_s, SCORE_SPAN)
        value = why or f"{score.score.value:.1f}"
        figures.append(Figure(f"Score, {analysis.profile}", value, "" if why else "of 5"))
    minutes = analysis.duration_s / 60
    for label, change, factor in (
        ("From start to end", score.trend_per_min, minutes),
        ("Against own start", score.baseline_change, 1.0),
    ):
        told = words.change(change, factor) if change is not None else ""
        if told:
            figures.append(Figure(label, told, "points"))
    return tuple(figures)


def basis_s(person: Participant) -> float:
    """Return the seconds that a person's engagement is taken over."""
    score = person.score
    if score.basis == "listening" and score.listening_s is not None:
        return score.listening_s
    return score.face_s


def _engagement(person: Participant, seen_s: float) -> Figure:
    estimate = person.score.engagement
    label = "Engagement" + (" while listening" if person.score.basis == "listening" else "")
    if estimate is None:
        return Figure(label, "face not seen")
    why = why_unreadable(estimate, seen_s)
    if why:
        return Figure(label, why)
    return Figure(label, str(words.points(estimate.value)), "of 100")


def talk_figures(person: Participant, analysis: CallAnalysis) -> tuple[Figure, ...]:
    """Return a person's talk figures without zeros; () if nothing says who spoke, or they did not.

    What the answers of the REST API do not know is left out.
    """
    talk = person.score.talk
    if not analysis.turns or not talk.turns:
        return ()
    figures = [
        Figure("Spoke for", words.length(talk.talk_s)),
        Figure("Share of all talk", words.percent(talk.share)),
        Figure("Times spoken", str(talk.turns)),
        Figure("Longest without a break", words.length(talk.longest_monologue_s)),
    ]
    if talk.questions:
        figures.append(Figure("Questions asked", str(talk.questions)))
    if talk.patience_s is not None and talk.patience_s >= 0.05:
        pause = f"{talk.patience_s:.1f}{words.NBSP}s"
        figures.append(Figure("Pause before speaking (median)", pause))
    if talk.interruptions:
        figures.append(Figure("Interruptions", str(talk.interruptions)))
    if talk.words_per_minute:
        figures.append(Figure("Words a minute", f"{talk.words_per_minute:.0f}"))
    if talk.filler_share and words.points(talk.filler_share):
        figures.append(Figure("Filler words", words.percent(talk.filler_share)))
    return tuple(figures)
