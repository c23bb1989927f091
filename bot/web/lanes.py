"""The course of a call, one lane per person, their side above."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from bot.report.charts.course import calm_label, neutral_level
from bot.report.moments import MomentItem, full_name
from bot.report.people import UNMOVED, by_side, is_unmoved, role_of
from bot.text import words
from bot.web.charts import Lane, Span, lane_svg
from inference.schema.analysis import CallAnalysis, Participant
from inference.speech.turns import merge_spans, total_s
from inference.timeline import series_at, talk_spans

MOST_LANES = 6
MOST_POINTS = 400
LEAST_GAP_S = 5.0
"""Shorter ones are blinks of the detector, and too short to be seen in the drawing."""


def lanes_section(analysis: CallAnalysis, moments: Sequence[MomentItem]) -> str:
    """Return the section of the lanes."""
    people = by_side(analysis.participants)
    duration_s = max(analysis.duration_s, 1.0)
    step_s = max(1.0, float(math.ceil(duration_s / MOST_POINTS)))
    drawn = _points(analysis, step_s)
    talk = [merge_spans(spans) for spans in talk_spans(analysis)]
    parts = []
    for person in people[:MOST_LANES]:
        said = talk[person.index]
        marks = [item.at_s for item in moments if person.index in item.people]
        lane = _lane(person, analysis, drawn[person.index], said, marks, step_s)
        name = escape(full_name(analysis.participants, person.index))
        role = f' <span class="soft">{role_of(person)}</span>' if role_of(person) else ""
        drawing = lane_svg(lane, duration_s, _label(person, lane, said))
        parts.append(f'<p class="small name"><bdi>{name}</bdi>{role}</p>{drawing}')
    more = len(people) - MOST_LANES
    if more > 0:
        parts.append(f'<p class="small soft">and {more} more, in the report</p>')
    times = "".join(f"<span>{words.clock(duration_s * part / 4)}</span>" for part in range(5))
    return (
        "<section><h2>Over the call</h2>"
        '<p class="small soft">Line: engagement while listening, 0 to 100. Blocks at the foot: '
        "speaking. Grey: not seen. Upright lines: moments.</p>"
        f'{"".join(parts)}<div class="axis" aria-hidden="true">{times}</div></section>'
    )


def _points(analysis: CallAnalysis, step_s: float) -> list[list[tuple[float, float | None]]]:
    drawn: list[list[tuple[float, float | None]]] = [[] for _ in analysis.participants]
    for step in series_at(analysis, step_s):
        for person in step.people:
            drawn[person.participant].append(((step.start_s + step.end_s) / 2, person.engagement))
    return drawn


def _lane(
    person: Participant,
    analysis: CallAnalysis,
    points: list[tuple[float, float | None]],
    said: Sequence[Span],
    marks: Sequence[float],
    step_s: float,
) -> Lane:
    gaps = _gaps(person, analysis)
    level = neutral_level(analysis) / 100
    calm = calm_label(analysis)
    label = f"{words.points(level)} {calm}"
    off = "camera off" if _is_mostly_off(person, gaps) else "not seen"
    instead = ""
    if not person.is_scored:
        instead = "not scored"
    elif not person.score.face_s:
        instead = off
    elif is_unmoved(person):
        instead = UNMOVED
    return Lane(
        person.side, points, step_s, said, gaps if person.is_scored else (), off, marks, level,
        label, instead,
    )  # fmt: skip


def _gaps(person: Participant, analysis: CallAnalysis) -> list[Span]:
    """Return when the face was not seen."""
    t_s, interval_s = analysis.observations.t_s, analysis.observations.sample_interval_s
    unseen = np.isnan(person.series.engagement)
    spans = [(float(t), float(t) + interval_s) for t in t_s[unseen]]
    joined = merge_spans(spans, interval_s / 2)
    return [(start, end) for start, end in joined if end - start >= LEAST_GAP_S]


def _is_mostly_off(person: Participant, gaps: Sequence[Span]) -> bool:
    return (person.camera_off_s or 0.0) >= 0.5 * max(total_s(gaps), 1.0)


def _label(person: Participant, lane: Lane, said: Sequence[Span]) -> str:
    name = words.clean(person.name)
    seen = [value for _, value in lane.points if value is not None]
    course = lane.instead
    if not lane.instead and seen:
        low, high = words.points(min(seen)), words.points(max(seen))
        course = f"engagement while listening between {low} and {high} of 100"
    return f"{name}: {course or 'never seen listening'}; spoke for {words.length(total_s(said))}."
