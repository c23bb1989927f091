"""The scoring profiles: how expressions become a number (docs/scoring.md, 3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.schema.arrays import EXPRESSIONS, F32, F64

SCORING_VERSION = 2
"""Version of docs/scoring.md. Any change of a figure's definition raises it."""

SCORING_VERSIONS = (1, 2)
"""The versions that can be computed."""

Weights = dict[str, float]

# Sales Call Emotion Analyzer, `liviaellen/sales-emotion-analyzer`: what each expression is worth.
CLASSIC_WEIGHTS: Weights = {
    "angry": 0.1, "disgust": 0.1, "fear": 0.2, "happy": 1.0, "sad": 0.3, "surprise": 0.8,
    "neutral": 0.5,
}  # fmt: skip

# The same weights, moved so that a pure "angry" is 0 and a pure "happy" is 1.
SALES_WEIGHTS: Weights = {name: (weight - 0.1) / 0.9 for name, weight in CLASSIC_WEIGHTS.items()}

NEUTRAL_WEIGHT = SALES_WEIGHTS["neutral"]
"""4/9: where a calm face lies on the scale of `sales`."""

# EngageAi, `EphremTil17/emotion_recognition`: base scores on a scale of 1 to 5, and the factors of
# each setting. It knows five expressions; its "other" is our disgust and fear, without a factor.
BASE_SCORES: Weights = {
    "angry": 1.5, "disgust": 1.0, "fear": 1.0, "happy": 4.5, "sad": 2.0, "surprise": 5.0,
    "neutral": 3.0,
}  # fmt: skip
SETTING_FACTORS: dict[str, Weights] = {
    "classroom": {"happy": 1.1, "surprise": 1.5, "neutral": 1.0, "sad": 0.8, "angry": 0.6},
    "product_demo": {"happy": 1.3, "surprise": 1.2, "neutral": 0.7, "sad": 0.5, "angry": 0.4},
    "seminar": {"happy": 0.9, "surprise": 1.2, "neutral": 1.1, "sad": 0.7, "angry": 0.6},
    "general": {"happy": 1.1, "surprise": 1.2, "neutral": 1.0, "sad": 0.7, "angry": 0.6},
}

ENGAGEMENT_SCALE = (0.0, 1.0)
SCORE_SCALE = (1.0, 5.0)


@dataclass(frozen=True, slots=True)
class Profile:
    """One way of scoring. Weights are in `EXPRESSIONS` order.

    `most_likely_only` means that the weight of the most likely expression is multiplied by its
    probability; otherwise the weights are averaged over the whole distribution. `score_weights`
    are the values on the 1–5 scale, None where the profile has no such scale.
    """

    name: str
    weights: tuple[float, ...]
    most_likely_only: bool = False
    score_weights: tuple[float, ...] | None = None

    def engagement(self, probs: F32) -> F64:
        """Return the engagement, 0–1, of each row of probs (T, 7); NaN rows stay NaN."""
        weights = np.asarray(self.weights)
        rows = probs.astype(np.float64)
        if not self.most_likely_only:
            averaged: F64 = np.clip(rows @ weights, *ENGAGEMENT_SCALE)
            return averaged
        seen = ~np.asarray(np.isnan(rows).any(axis=1))
        label = np.argmax(np.where(seen[:, None], rows, 0.0), axis=1)
        likely = np.take_along_axis(rows, label[:, None], axis=1)[:, 0]
        return np.where(seen, np.clip(weights[label] * likely, *ENGAGEMENT_SCALE), np.nan)

    def score(self, probs: F32) -> F64 | None:
        """Return the score, 1–5, of each row of probs (T, 7), or None without such a scale."""
        if self.score_weights is None:
            return None
        rows = probs.astype(np.float64)
        score: F64 = np.clip(rows @ np.asarray(self.score_weights), *SCORE_SCALE)
        return score


def _in_order(weights: Weights) -> tuple[float, ...]:
    return tuple(weights[name] for name in EXPRESSIONS)


def _setting(name: str) -> Profile:
    factors = SETTING_FACTORS[name]
    low, high = SCORE_SCALE
    scores = {
        label: min(max(base * factors.get(label, 1.0), low), high)
        for label, base in BASE_SCORES.items()
    }
    return Profile(name, _in_order(SALES_WEIGHTS), score_weights=_in_order(scores))


PROFILES: dict[str, Profile] = {
    "sales": Profile("sales", _in_order(SALES_WEIGHTS)),
    "classic": Profile("classic", _in_order(CLASSIC_WEIGHTS), most_likely_only=True),
} | {name: _setting(name) for name in SETTING_FACTORS}
