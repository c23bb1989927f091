"""The course of a call from its stored windows, and from its series where it is asked finer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from bot.api.models import PersonStep, TimelineStep
from inference.scoring.timeline import TimelinePoint
from storage.schema.tables import SpeakerTurn, Window

WINDOW_S = 10
"""Length of the stored windows."""


def coarse_timeline(
    windows: Sequence[Window], turns: Sequence[SpeakerTurn], resolution_s: int
) -> list[TimelineStep]:
    """Put windows together into steps of a multiple of `WINDOW_S`.

    Means are weighted by the samples behind them. Steps in which nobody was there or spoke are
    left out.
    """
    step_ms = resolution_s * 1000
    by_step: dict[int, list[Window]] = defaultdict(list)
    for window in windows:
        by_step[window.start_ms // step_ms].append(window)
    speakers = _speakers(turns, step_ms)
    last_ms = max([window.end_ms for window in windows] + [turn.end_ms for turn in turns] + [0])
    return [
        _step(
            index * resolution_s,
            min((index + 1) * resolution_s, last_ms / 1000),
            by_step.get(index, []),
            speakers.get(index, []),
        )
        for index in sorted(by_step.keys() | speakers.keys())
    ]


def fine_timeline(points: Iterable[TimelinePoint]) -> list[TimelineStep]:
    """Give the steps of a course that was computed from the series."""
    return [
        TimelineStep(
            start_s=point.start_s,
            end_s=point.end_s,
            engagement=point.engagement,
            attention=point.attention,
            rolling_30s=point.rolling_30s,
            rolling_60s=point.rolling_60s,
            cumulative=point.cumulative,
            speakers=list(point.speakers),
            people=[
                PersonStep(
                    participant=person.participant,
                    engagement=person.engagement,
                    attention=person.attention,
                    expression=person.expression,
                    rolling_30s=person.rolling_30s,
                    rolling_60s=person.rolling_60s,
                    cumulative=person.cumulative,
                )
                for person in point.people
            ],
        )
        for point in points
    ]


def _speakers(turns: Sequence[SpeakerTurn], step_ms: int) -> dict[int, list[str]]:
    speakers: dict[int, list[str]] = defaultdict(list)
    for turn in turns:
        for index in range(turn.start_ms // step_ms, -(-turn.end_ms // step_ms)):
            if turn.speaker not in speakers[index]:
                speakers[index].append(turn.speaker)
    return speakers


def _step(
    start_s: float, end_s: float, windows: Sequence[Window], speakers: list[str]
) -> TimelineStep:
    by_person: dict[int, list[Window]] = defaultdict(list)
    for window in windows:
        by_person[window.participant].append(window)
    return TimelineStep(
        start_s=start_s,
        end_s=end_s,
        engagement=_mean((window.engagement, window.samples) for window in windows),
        attention=_mean((window.attention, window.samples) for window in windows),
        speakers=speakers,
        people=[_person(index, by_person[index]) for index in sorted(by_person)],
    )


def _person(index: int, windows: Sequence[Window]) -> PersonStep:
    weights: dict[str, float] = defaultdict(float)
    for window in windows:
        for expression, probability in window.expressions.items():
            weights[expression] += probability * window.samples
    return PersonStep(
        participant=index,
        engagement=_mean((window.engagement, window.samples) for window in windows),
        attention=_mean((window.attention, window.samples) for window in windows),
        expression=max(weights, key=lambda name: weights[name]) if weights else None,
        coverage=_mean((window.coverage, window.end_ms - window.start_ms) for window in windows),
        talk_s=sum(window.talk_ms for window in windows) / 1000,
    )


def _mean(pairs: Iterable[tuple[float | None, float]]) -> float | None:
    known = [(value, weight) for value, weight in pairs if value is not None and weight > 0]
    total = sum(weight for _, weight in known)
    return sum(value * weight for value, weight in known) / total if total else None
