"""A scored call in steps of any length, for the pages and the REST timeline: one way for all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.attribution.roster import talk_of
from inference.schema.analysis import CallAnalysis, Participant, Series
from inference.schema.arrays import EXPRESSIONS, F32, F64
from inference.schema.meeting import RosterEntry
from inference.scoring.engagement import TIME_EPS_S
from inference.scoring.score import bin_means
from inference.speech.turns import Span, merge_spans, overlap_s

MIN_RESOLUTION_S = 0.1
MAX_POINTS = 100_000


@dataclass(frozen=True, slots=True)
class PersonPoint:
    """One person's means over one step; None where the face was not seen.

    Engagement is that of listening: None too where the person spoke throughout.
    """

    participant: int
    coverage: float
    """Share of the step in which the face was seen and read, 0–1."""
    talk_s: float
    """Seconds of the step in which the person spoke."""
    engagement: float | None
    attention: float | None
    expression: str | None
    """The expression with the largest mean probability."""
    rolling_30s: float | None
    rolling_60s: float | None
    cumulative: float | None
    """Engagement over the last 30 s, the last minute, and from the start on."""


@dataclass(frozen=True, slots=True)
class TimelinePoint:
    """The call's means over one step, with who spoke in it.

    `people` are those whose time in the call, from first to last seen or heard, touches the step.
    """

    start_s: float
    end_s: float
    engagement: float | None
    attention: float | None
    rolling_30s: float | None
    rolling_60s: float | None
    cumulative: float | None
    speakers: tuple[str, ...]
    people: tuple[PersonPoint, ...]


def series_at(analysis: CallAnalysis, resolution_s: float) -> list[TimelinePoint]:
    """Return the course of a call in steps of resolution_s from 0 to its end, the last one shorter.

    Raises:
        ValueError: the resolution is not a number of at least 0.1 s, or gives over 100 000 steps.
    """
    if not (math.isfinite(resolution_s) and resolution_s >= MIN_RESOLUTION_S):
        raise ValueError(f"The resolution must be at least {MIN_RESOLUTION_S} s.")
    duration_s = analysis.duration_s
    steps = math.ceil(duration_s / resolution_s - TIME_EPS_S)
    if steps > MAX_POINTS:
        raise ValueError(f"A resolution of {resolution_s} s gives over {MAX_POINTS} steps.")
    edges = np.arange(steps + 1) * resolution_s
    cuts = np.searchsorted(analysis.observations.t_s, edges - TIME_EPS_S)
    cuts[-1:] = len(analysis.observations.t_s)
    spans_s = [(float(edges[i]), min(float(edges[i + 1]), duration_s)) for i in range(steps)]
    cell_s = analysis.observations.sample_interval_s
    call = _Binned.of(analysis.call_series, cuts)
    people = [_Binned.of(participant.series, cuts) for participant in analysis.participants]
    talk = [merge_spans(spans) for spans in talk_spans(analysis)]
    speakers: list[list[str]] = [[] for _ in range(steps)]
    for turn in analysis.turns:
        first = min(int(turn.start_s / resolution_s + TIME_EPS_S), steps)
        last = min(math.ceil(turn.end_s / resolution_s - TIME_EPS_S), steps)
        for i in range(first, last):
            if turn.speaker not in speakers[i]:
                speakers[i].append(turn.speaker)
    return [
        TimelinePoint(
            start_s=start_s,
            end_s=end_s,
            engagement=_number(call.engagement[i]),
            attention=_number(call.attention[i]),
            rolling_30s=_number(call.rolling_30s[i]),
            rolling_60s=_number(call.rolling_60s[i]),
            cumulative=_number(call.cumulative[i]),
            speakers=tuple(speakers[i]),
            people=tuple(
                _person(person, people[person.index], talk[person.index], i, start_s, end_s, cell_s)
                for person in analysis.participants
                if person.last_seen_s > start_s + TIME_EPS_S
                and person.first_seen_s < end_s - TIME_EPS_S
            ),
        )
        for i, (start_s, end_s) in enumerate(spans_s)
    ]


def talk_spans(analysis: CallAnalysis) -> list[list[Span]]:
    """Return when each participant spoke, by the same rule as their talk figures; in no order."""
    roster = [RosterEntry(p.name, p.key) for p in analysis.participants]
    return talk_of([p.key or p.name for p in analysis.participants], analysis.turns, roster)


@dataclass(frozen=True, slots=True)
class _Binned:
    engagement: F64
    attention: F64
    rolling_30s: F64
    rolling_60s: F64
    cumulative: F64
    samples: Sequence[int]
    """Samples in which the face was seen and read."""
    label: Sequence[int]
    """Index of the likeliest expression, -1 where the face was not classified."""

    @staticmethod
    def of(series: Series, cuts: NDArray[np.int64]) -> _Binned:
        probs = bin_means(series.probs, cuts)[0]
        seen = ~np.isnan(probs).any(axis=1)
        label = np.where(seen, np.argmax(np.nan_to_num(probs), axis=1), -1)
        _, samples = bin_means(series.engagement, cuts)
        return _Binned(
            bin_means(series.listening, cuts)[0],
            bin_means(series.attention, cuts)[0],
            _at_end(series.rolling_30s, cuts),
            _at_end(series.rolling_60s, cuts),
            _at_end(series.cumulative, cuts),
            samples.tolist(),
            label.tolist(),
        )


def _at_end(running: F32, cuts: NDArray[np.int64]) -> F64:
    """Return a running mean at the last sample of each step, NaN for a step without samples."""
    last = cuts[1:] - 1
    has_samples = cuts[1:] > cuts[:-1]
    values = running[np.where(has_samples, last, 0)] if len(running) else np.zeros(len(last))
    return np.where(has_samples, values, np.nan).astype(np.float64)


def _person(
    person: Participant, binned: _Binned, talk: Sequence[Span], i: int,
    start_s: float, end_s: float, cell_s: float,
) -> PersonPoint:  # fmt: skip
    return PersonPoint(
        participant=person.index,
        coverage=min(1.0, binned.samples[i] * cell_s / (end_s - start_s)),
        talk_s=overlap_s(talk, start_s, end_s),
        engagement=_number(binned.engagement[i]),
        attention=_number(binned.attention[i]),
        expression=EXPRESSIONS[binned.label[i]] if binned.label[i] >= 0 else None,
        rolling_30s=_number(binned.rolling_30s[i]),
        rolling_60s=_number(binned.rolling_60s[i]),
        cumulative=_number(binned.cumulative[i]),
    )


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
