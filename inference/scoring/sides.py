"""What each side showed, over the whole call and while each side spoke (docs/scoring.md, 10)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inference.schema.analysis import PersonScore, Reaction, Series, SideScore
from inference.schema.arrays import EXPRESSIONS, F64, Bools
from inference.schema.observations import Observations
from inference.scoring.engagement import within
from inference.scoring.intervals import estimate_mean
from inference.scoring.profiles import ENGAGEMENT_SCALE, Profile
from inference.scoring.score import (
    Scored,
    count_labels,
    mean_expressions,
    mean_over_people,
    score_call,
    seen_s,
)
from inference.speech.turns import Span, merge_spans, total_s

SIDES = ("rep", "prospect", "unknown")


@dataclass(frozen=True, slots=True)
class SidePerson:
    """One person as the figures of their side need them. `stay_s`: seconds in the call."""

    side: str
    is_scored: bool
    score: PersonScore
    scored: Scored
    talk: Sequence[Span]
    stay_s: float


def score_sides(
    observations: Observations, people: Sequence[SidePerson], profile: Profile
) -> tuple[SideScore, ...]:
    """Return the figures of each side that has people, in the order of `SIDES`.

    A side whose people are all left unscored has talk alone.
    """
    talk = {
        side: merge_spans(
            [span for person in people if person.side == side for span in person.talk]
        )
        for side in SIDES
    }
    floor = {side: _speaks_alone(observations.t_s, side, talk) for side in SIDES}
    found = []
    for side in SIDES:
        indexes = [i for i, person in enumerate(people) if person.side == side]
        if not indexes:
            continue
        scored = [people[i] for i in indexes if people[i].is_scored]
        figures, series = score_call(
            observations,
            [(person.score, person.scored) for person in scored],
            profile,
            span_s=sum(person.stay_s for person in scored),
            talk_s=total_s(talk[side]),
            silence_s=0.0,
        )
        found.append(
            SideScore(
                side=side,
                people=tuple(indexes),
                scored=len(scored),
                engagement=figures.engagement,
                attention=figures.attention,
                coverage=figures.coverage,
                face_s=sum(person.score.face_s for person in scored),
                talk_s=figures.talk_s,
                expressions=figures.expressions,
                reactions=tuple(
                    _reaction(observations, speaking, floor[speaking], scored, series)
                    for speaking in SIDES
                    if scored and floor[speaking].any()
                ),
            )
        )
    return tuple(found)


def _speaks_alone(t_s: F64, side: str, talk: dict[str, list[Span]]) -> Bools:
    """Return in which samples people of one side speak and nobody else does, (T,)."""
    alone = within(t_s, talk[side])
    for other in SIDES:
        if other != side:
            alone &= ~within(t_s, talk[other])
    return alone


def _reaction(
    observations: Observations,
    speaking: str,
    floor: Bools,
    scored: Sequence[SidePerson],
    series: Series,
) -> Reaction:
    interval_s = observations.sample_interval_s
    courses = [person.scored.course for person in scored]
    everything = mean_over_people([course.values for course in courses], len(floor))
    listening = mean_over_people([course.listening for course in courses], len(floor))
    # Rounded as the side's own series is, which is what version 1 took these figures from.
    listening = listening.astype(np.float32).astype(np.float64)
    engagement = np.where(floor, listening, np.nan)
    attention = np.where(floor, series.attention.astype(np.float64), np.nan)
    counts = sum(
        (count_labels(person.scored.faces.probs[floor])[0] for person in scored),
        np.zeros(len(EXPRESSIONS), np.int64),
    )
    total = int(counts.sum())
    return Reaction(
        speaking=speaking,
        spoken_s=float(floor.sum()) * interval_s,
        seen_s=seen_s(everything[floor], interval_s),
        engagement=estimate_mean(engagement, interval_s, ENGAGEMENT_SCALE),
        attention=estimate_mean(attention, interval_s, ENGAGEMENT_SCALE),
        expressions=mean_expressions(series.probs[floor]),
        shares=dict(zip(EXPRESSIONS, (counts / total).tolist(), strict=True)) if total else {},
        listening_s=seen_s(engagement, interval_s) if courses[0].version > 1 else None,
    )
