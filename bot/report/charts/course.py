"""Curves thinned to what paper can show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.schema.analysis import CallAnalysis
from inference.schema.arrays import EXPRESSIONS, F32, F64
from inference.scoring.engagement import RULES
from inference.scoring.profiles import PROFILES

MAX_POINTS = 150
_STEPS_S = (1.0, 2.0, 3.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 90.0, 120.0, 300.0)
MIN_SEEN = 0.2
"""A point needs a face seen in this share of its span; without it, the line has a gap."""


@dataclass(frozen=True, slots=True)
class Course:
    """Values on 0–100 at the middles of equal spans; NaN where too little was seen."""

    t_s: F64
    values: F64
    step_s: float

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not bool(np.isfinite(self.values).any())


def step_for(duration_s: float) -> float:
    """Return the span of one point: a round number that gives at most `MAX_POINTS` points."""
    for step in _STEPS_S:
        if duration_s / step <= MAX_POINTS:
            return step
    return duration_s / MAX_POINTS


def course(t_s: F64, values: F32, duration_s: float) -> Course:
    """Average a 0–1 series over equal spans, and put it on 0–100.

    An empty series gives a curve without points.
    """
    step = step_for(duration_s)
    count = max(1, int(np.ceil(duration_s / step))) if len(t_s) else 0
    middles = (np.arange(count, dtype=np.float64) + 0.5) * np.float64(step)
    if not count:
        return Course(middles, np.zeros(0), step)
    bucket = np.clip((t_s / step).astype(np.int64), 0, count - 1)
    known = np.isfinite(values)
    sums = np.bincount(bucket[known], values[known].astype(np.float64), count)
    seen = np.bincount(bucket[known], minlength=count)
    sampled = np.bincount(bucket, minlength=count)
    enough = (seen > 0) & (seen >= MIN_SEEN * sampled)
    mean = np.where(enough, np.float64(100) * sums / np.maximum(1, seen), np.nan)
    return Course(middles, mean, step)


def neutral_level(analysis: CallAnalysis) -> float:
    """Return the engagement, 0–100, of a calm, neutral face: the line to compare with."""
    profile = PROFILES.get(analysis.profile, PROFILES["sales"])
    if measures_against_rest(analysis):
        return 100 * RULES.calm
    return 100 * profile.weights[EXPRESSIONS.index("neutral")]


def measures_against_rest(analysis: CallAnalysis) -> bool:
    """Return whether engagement is measured against each person's own calm face."""
    profile = PROFILES.get(analysis.profile, PROFILES["sales"])
    return analysis.scoring_version > 1 and not profile.most_likely_only


def calm_label(analysis: CallAnalysis) -> str:
    """Return what the line of a calm face is called: attention counts from version 2 on."""
    return "calm and attentive" if measures_against_rest(analysis) else "calm, neutral face"
