"""Means, slopes and changes with an interval that knows neighbouring samples depend on each other.

The method is the equal-weighted cosine estimate of the long-run variance with Student's t
(docs/scoring.md, 5): no random numbers, and a dozen lines in any language.

Source: Lazarus, Lewis, Stock and Watson, "HAR Inference: Recommendations for Practice", Journal of
Business & Economic Statistics 36 (2018) 541-559. The number of cosines is ours, lower than theirs,
because expressions hold for many samples; benchmarks/interval_coverage.py measures what it gives.
"""

from __future__ import annotations

import math
from functools import cache, lru_cache

import numpy as np

from inference.schema.analysis import Estimate
from inference.schema.arrays import F64

MIN_SAMPLES = 8
"""Below this many samples (4 s at 2 per second) dependence cannot be judged: the whole scale."""

MIN_COSINES, MAX_COSINES = 3, 12

FLOOR_SHARE = 0.05
FLOOR_PERIOD_S = 10.0
"""No mean is trusted further than one look in 10 s, each wrong by 5 % of the scale, would allow: a
face that never moves still passed through a classifier that errs the same way again and again."""

TREND_MIN_S = 30.0
"""A slope per minute from less than half a minute would be a guess."""

BASELINE_S = 120.0
BASELINE_MIN_S = 20.0
"""A person's own first minutes: the first 120 s seen, or the first third of what was seen where
that is shorter; under 20 s there is no baseline."""


def cosines_for(seen_s: float) -> int:
    """Return how many cosines estimate the long-run variance: the cube root of the seconds seen.

    Rounded down and held to `MIN_COSINES` … `MAX_COSINES`.
    """
    root = math.floor(math.pow(max(seen_s, 0.0), 1 / 3) + 1e-9)
    return min(max(root, MIN_COSINES), MAX_COSINES)


def estimate_mean(values: F64, interval_s: float, scale: tuple[float, float]) -> Estimate | None:
    """Return the mean of the samples with its 95 % interval, clipped to the scale.

    Args:
        values: samples in order of time; NaN samples are left out and the gaps closed.
        interval_s: the time each sample represents.
        scale: lowest and highest possible value.

    Returns:
        None where no sample was seen. With fewer than `MIN_SAMPLES` the interval is the scale.
    """
    seen = values[~np.isnan(values)]
    if len(seen) == 0:
        return None
    low, high = scale
    mean = min(max(float(seen.mean()), low), high)
    if len(seen) < MIN_SAMPLES:
        return Estimate(mean, low, high, 1.0)
    error, cosines, worth = _mean_error(seen, interval_s, high - low)
    half = _t_975(cosines) * error
    return Estimate(mean, max(low, mean - half), min(high, mean + half), worth)


def estimate_trend(t_s: F64, values: F64, interval_s: float) -> Estimate | None:
    """Return the slope of a least-squares line per minute, with its 95 % interval.

    The cosines are first made orthogonal to the constant and the line, in that order. None with
    fewer than `MIN_SAMPLES` samples or where they span less than `TREND_MIN_S`.
    """
    seen = ~np.isnan(values)
    n = int(seen.sum())
    if n < MIN_SAMPLES or t_s[seen][-1] - t_s[seen][0] < TREND_MIN_S:
        return None
    time = t_s[seen] - t_s[seen].mean()
    level = values[seen] - values[seen].mean()
    spread = float(time @ time)
    slope = float(time @ level) / spread
    residual = level - slope * time
    cosines = cosines_for(n * interval_s)
    basis = _cosine_basis(n, cosines)
    along = basis @ time / math.sqrt(spread)
    # The cosines are of norm 1 and orthogonal to each other and to the constant already: taking the
    # line out of them leaves these products, and Cholesky's factor orthonormalises them in order.
    factor = np.linalg.cholesky(np.eye(cosines) - np.outer(along, along))
    weights = np.linalg.solve(factor, basis @ residual)
    variance = float(weights @ weights) / cosines / spread
    # What FLOOR_SHARE per FLOOR_PERIOD_S means for a slope.
    floor = FLOOR_SHARE**2 * max(FLOOR_PERIOD_S / interval_s, 1.0) / spread
    variance = max(variance, floor)
    plain = max(float(residual @ residual) / (n - 2) / spread, FLOOR_SHARE**2 / spread)
    half = _t_975(cosines) * math.sqrt(variance)
    return Estimate(
        60 * slope, 60 * (slope - half), 60 * (slope + half), _clip(n * plain / variance, n)
    )


def estimate_change(values: F64, interval_s: float, scale: tuple[float, float]) -> Estimate | None:
    """Return how far the rest lies from the person's own first minutes, with its 95 % interval.

    The two means' errors are added as independent; Student's t has the smaller of their degrees of
    freedom. None where the baseline would be shorter than `BASELINE_MIN_S`.
    """
    seen = values[~np.isnan(values)]
    base_s = min(BASELINE_S, len(seen) * interval_s / 3)
    n = math.floor(base_s / interval_s + 1e-9)
    if base_s < BASELINE_MIN_S or n < MIN_SAMPLES:
        return None
    span = scale[1] - scale[0]
    first, rest = seen[:n], seen[n:]
    first_error, first_cosines, first_worth = _mean_error(first, interval_s, span)
    rest_error, rest_cosines, rest_worth = _mean_error(rest, interval_s, span)
    change = float(rest.mean() - first.mean())
    half = _t_975(min(first_cosines, rest_cosines)) * math.hypot(first_error, rest_error)
    return Estimate(
        change, max(-span, change - half), min(span, change + half), min(first_worth, rest_worth)
    )


def _mean_error(seen: F64, interval_s: float, span: float) -> tuple[float, int, float]:
    """Return the standard error of the mean, its degrees of freedom, and the effective count."""
    n = len(seen)
    cosines = cosines_for(n * interval_s)
    residual = seen - seen.mean()
    variance = _long_run_variance(residual, cosines) / n
    floor = (FLOOR_SHARE * span) ** 2
    variance = max(variance, floor / max(n * interval_s / FLOOR_PERIOD_S, 1.0))
    plain = max(float(residual @ residual) / (n - 1), floor)
    return math.sqrt(variance), cosines, _clip(plain / variance, n)


def _long_run_variance(residual: F64, cosines: int) -> float:
    weights = _cosine_basis(len(residual), cosines) @ residual
    return float(weights @ weights) / cosines


@cache
def _t_975(freedom: int) -> float:
    """Return the 97.5 % point of Student's t with that many degrees of freedom."""
    from scipy.special import stdtrit  # loads in 0.4 s, which commands without scores save

    return float(stdtrit(freedom, 0.975))


@lru_cache(maxsize=16)
def _cosine_basis(n: int, cosines: int) -> F64:
    """Return the first `cosines` type-II cosines over n samples, (cosines, n), each of norm 1."""
    order = np.arange(1, cosines + 1)[:, None]
    basis: F64 = math.sqrt(2 / n) * np.cos(math.pi * order * (np.arange(n) + 0.5) / n)
    return basis


def _clip(worth: float, n: int) -> float:
    return min(max(worth, 1.0), float(n))
