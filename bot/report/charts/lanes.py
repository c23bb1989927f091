"""What a lane draws: one person's engagement while listening, when they spoke, and the gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bot.report.charts.course import Course, calm_label, course, neutral_level
from bot.report.figures import FACING_TOLD_UP_TO
from bot.report.moments import MomentItem
from inference.schema.analysis import CallAnalysis, Participant
from inference.schema.arrays import F64
from inference.scoring.engagement import within
from inference.timeline import talk_spans

MAX_LANES, CROWD_LANES = 6, 4
"""With more people than the first, only the other side has lanes: the second number of them, so
that the words of the moments stay on the same page."""
CAMERA_OFF, NOT_SEEN = "camera off", "not seen"

Spans = tuple[tuple[float, float], ...]
"""Starts and ends in seconds."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A span in which a face was not seen, and why."""

    start_s: float
    end_s: float
    label: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A numbered moment; `on_this` is False where it is only a line through a lane."""

    number: int
    at_s: float
    on_this: bool = True


@dataclass(frozen=True, slots=True)
class Lane:
    """One person over the whole call; engagement is on 0–100."""

    index: int
    side: str
    duration_s: float
    listening: Course
    facing: Course | None
    """How far the screen was faced; None where that is not worth telling."""
    spoke: Spans
    gaps: tuple[Gap, ...]
    marks: tuple[Mark, ...]
    calm: float
    calm_label: str


def lane_people(analysis: CallAnalysis, ranked: Sequence[Participant]) -> tuple[Participant, ...]:
    """Return who has a lane on the first page, their side first.

    Args:
        analysis: the call.
        ranked: everybody who was seen or heard, in the report's order: their side first.
    """
    if len(ranked) <= MAX_LANES:
        return tuple(ranked)
    theirs = [person for person in ranked if person.side == "prospect"]
    return tuple((theirs or ranked)[:CROWD_LANES])


def make_lanes(
    analysis: CallAnalysis, people: Sequence[Participant], moments: Sequence[MomentItem]
) -> tuple[Lane, ...]:
    """Return the lanes of some people; a moment of nobody has its number on the first."""
    talk = talk_spans(analysis)
    return tuple(
        _lane(person, analysis, talk[person.index], moments, is_first=not row)
        for row, person in enumerate(people)
    )


def _lane(
    person: Participant,
    analysis: CallAnalysis,
    talk: list[tuple[float, float]],
    moments: Sequence[MomentItem],
    *,
    is_first: bool,
) -> Lane:
    t_s, duration_s = analysis.observations.t_s, analysis.duration_s
    seen = course(t_s, person.series.engagement, duration_s)
    facing = person.score.attention
    away = facing is not None and facing.value <= FACING_TOLD_UP_TO
    marks = [
        Mark(item.number, item.at_s, person.index in item.people or is_first)
        for item in moments
        if person.index in item.people or not item.people
    ]
    return Lane(
        index=person.index,
        side=person.side,
        duration_s=duration_s,
        listening=course(t_s, person.series.listening, duration_s),
        facing=course(t_s, person.series.attention, duration_s) if away else None,
        spoke=_joined(talk, duration_s),
        gaps=() if seen.is_empty and not person.is_scored else _gaps(seen, person, duration_s),
        marks=tuple(marks),
        calm=neutral_level(analysis),
        calm_label=calm_label(analysis),
    )


def _gaps(seen: Course, person: Participant, duration_s: float) -> tuple[Gap, ...]:
    """Return the spans in which a face was not seen, in the steps of its curve."""
    off = within(seen.t_s, list(person.camera_off))
    labels = np.where(np.isfinite(seen.values), 0, np.where(off, 1, 2))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], labels, [0]])))
    return tuple(
        Gap(
            float(start * seen.step_s),
            min(float(end * seen.step_s), duration_s),
            CAMERA_OFF if labels[start] == 1 else NOT_SEEN,
        )
        for start, end in pairwise(edges)
        if labels[start]
    )


def _joined(spans: list[tuple[float, float]], duration_s: float) -> Spans:
    """Return spans in order, without the pauses too short to show on paper."""
    joined: list[tuple[float, float]] = []
    for start_s, end_s in sorted(spans):
        if joined and start_s - joined[-1][1] <= duration_s / 600:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end_s))
        else:
            joined.append((start_s, end_s))
    return tuple(joined)


def running_courses(person: Participant, analysis: CallAnalysis) -> tuple[Course, Course, Course]:
    """Return the means of the last 30 s, of the last minute and from the start on, 0–100."""
    t_s: F64 = analysis.observations.t_s
    series = person.series
    rolling_30s, rolling_60s, cumulative = (
        course(t_s, values, analysis.duration_s)
        for values in (series.rolling_30s, series.rolling_60s, series.cumulative)
    )
    return rolling_30s, rolling_60s, cumulative
