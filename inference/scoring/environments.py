"""The 1–5 scores of all four environments side by side (docs/scoring.md, 3)."""

from __future__ import annotations

from inference.schema.analysis import Estimate
from inference.schema.arrays import F32
from inference.scoring.intervals import estimate_mean
from inference.scoring.profiles import PROFILES, SCORE_SCALE, SETTING_FACTORS

ENVIRONMENTS = tuple(SETTING_FACTORS)
"""Names of the profiles that have a score of 1–5."""


def environment_scores(probs: F32, interval_s: float) -> dict[str, Estimate]:
    """Return a person's score, 1–5, in each environment; {} if no face was read.

    They are the same figures as the `score` of a call that is scored with that profile.

    Args:
        probs: (T, 7); NaN rows where the face was not classified.
        interval_s: the time each sample represents.
    """
    scores = {}
    for name in ENVIRONMENTS:
        values = PROFILES[name].score(probs)
        estimate = None if values is None else estimate_mean(values, interval_s, SCORE_SCALE)
        if estimate is not None:
            scores[name] = estimate
    return scores
