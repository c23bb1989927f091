"""The key figures of a call and of a person, each as label, value, unit and a line of detail."""

from __future__ import annotations

from dataclasses import dataclass

from bot.text import words
from inference.schema.analysis import CallAnalysis, Estimate, Participant

NAME_LENGTH = 40
"""Longer names are cut, so that no line in a table or chart overflows."""


WIDEST = 0.30
"""An interval of more than 30 of 100 leaves nothing to read in its figure."""
CHANGED_S = 60.0
"""Somebody seen for longer was not seen too little: their face changed too much for one figure."""


def readable(estimate: Estimate | None, seen_s: float) -> str:
    """Return a 0–1 figure as "54 of 100", or why it cannot be read."""
    if estimate is None:
        return "not seen well enough"
    if estimate.high - estimate.low <= WIDEST:
        return f"{words.points(estimate.value)} of 100"
    return (
        "changed too much for one figure" if seen_s > CHANGED_S else "too little seen for a figure"
    )


@dataclass(frozen=True, slots=True)
class Figure:
    """One key figure: "Engagement", "58", "of 100", "likely between 51 and 64"."""

    label: str
    value: str
    unit: str = ""
    detail: str = ""


def name_of(person: Participant, length: int = NAME_LENGTH) -> str:
    """Return a person's name as one clean line of at most `length` characters."""
    return words.shorten(words.clean(person.name) or f"Person {person.index + 1}", length)


def key_figures(analysis: CallAnalysis) -> tuple[Figure, ...]:
    """Return the call's key figures: engagement, its course, faces seen, talk.

    Without faces: who talked, and how much of the call was talk and how much silence.
    """
    call = analysis.call
    if call.engagement is None:
        unseen = Figure("Faces seen", "None", "", "no face could be read")
        if not analysis.turns:
            return (unseen, _talk_figure(analysis))
        talk = Figure("Time with talk", words.length(call.talk_s))
        return (
            unseen,
            _talk_figure(analysis),
            talk,
            Figure("Silence", words.length(call.silence_s)),
        )
    return (
        _engagement_figure("Engagement", call.engagement),
        *_score_figure(call.score),
        _course_figure(call.trend_per_min, analysis.duration_s),
        Figure("Faces seen", words.percent(call.coverage), "", "of the time, on average"),
        _talk_figure(analysis),
    )


def person_figures(person: Participant, analysis: CallAnalysis) -> tuple[Figure, ...]:
    """Return a person's figures: engagement, attention, changes, and the profile's score if any."""
    score = person.score
    return (
        _engagement_figure("Engagement", score.engagement),
        *_score_figure(score.score),
        _engagement_figure("Attention", score.attention),
        _course_figure(score.trend_per_min, analysis.duration_s),
        _baseline_figure(score.baseline_change),
    )


def _engagement_figure(label: str, estimate: Estimate | None) -> Figure:
    if estimate is None:
        return Figure(label, "–", "", "not seen well enough")
    return Figure(label, str(words.points(estimate.value)), "of 100", words.likely(estimate))


def _course_figure(trend: Estimate | None, duration_s: float) -> Figure:
    if trend is None:
        return Figure("From start to end", "–", "", "too little was seen to tell")
    value, detail = words.change(trend, duration_s / 60)
    return Figure("From start to end", value, "" if value[0] == "N" else "points", detail)


def _baseline_figure(shift: Estimate | None) -> Figure:
    label = "Against own start"
    if shift is None:
        return Figure(label, "–", "", "too little was seen to tell")
    value, detail = words.change(shift)
    return Figure(label, value, "" if value[0] == "N" else "points", detail)


def _score_figure(score: Estimate | None) -> tuple[Figure, ...]:
    if score is None:
        return ()
    detail = f"likely {score.low:.1f} to {score.high:.1f}"
    return (Figure("Score", f"{score.value:.1f}", "of 5", detail),)


def _talk_figure(analysis: CallAnalysis) -> Figure:
    if not analysis.turns or not analysis.participants:
        return Figure("Talk", "–", "", "not known who spoke")
    sides = {"rep": 0.0, "prospect": 0.0, "unknown": 0.0}
    for person in analysis.participants:
        sides[person.side] = sides.get(person.side, 0.0) + person.score.talk.share
    if sides["rep"] > 0 and sides["prospect"] > 0:
        detail = f"our side; {words.percent(sides['prospect'])} their side"
        return Figure("Talk", words.percent(sides["rep"]), "", detail)
    most = max(analysis.participants, key=lambda p: p.score.talk.share)
    detail = f"by {words.isolate(name_of(most, 28))}"
    return Figure("Most talk", words.percent(most.score.talk.share), "", detail)


def talk_figures(person: Participant, analysis: CallAnalysis) -> tuple[Figure, ...]:
    """Return a person's talk figures; empty if the recording does not say who spoke."""
    talk = person.score.talk
    if not analysis.turns:
        return ()
    return (
        Figure("Spoke for", words.length(talk.talk_s)),
        Figure("Share of all talk", words.percent(talk.share)),
        Figure("Times spoken", str(talk.turns)),
        Figure("Longest without a break", words.length(talk.longest_monologue_s)),
    )
