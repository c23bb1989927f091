"""Measure how often the 95 % intervals of docs/scoring.md contain the true value.

    python benchmarks/interval_coverage.py [--runs 1000]

Each run draws a series at two samples per second whose neighbours correlate by rho, and checks
whether the intervals of its mean, slope and change from the first minutes contain the values it was
drawn with. "ar" is a first-order autoregression; "ar+noise" adds white noise of the same strength,
as a classifier does; "gaps" removes stretches, as a hidden face does.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray

from inference.schema.analysis import Estimate
from inference.scoring.intervals import estimate_change, estimate_mean, estimate_trend
from inference.scoring.profiles import ENGAGEMENT_SCALE

INTERVAL_S = 0.5
LEVEL, SPREAD = 0.5, 0.25
"""So wide that the minimum error of docs/scoring.md, which only helps, hardly matters."""

RHOS = (0.0, 0.5, 0.8, 0.9, 0.95)
LENGTHS_S = (60, 300, 1800)


def draw(rng: np.random.Generator, kind: str, rho: float, n: int) -> NDArray[np.float64]:
    """Draw one stationary series of n samples with mean LEVEL and deviation SPREAD."""
    steps = rng.standard_normal(n) * np.sqrt(1 - rho**2)
    slow = np.empty(n)
    slow[0] = rng.standard_normal()
    for i in range(1, n):
        slow[i] = rho * slow[i - 1] + steps[i]
    if kind == "ar+noise":
        slow = (slow + rng.standard_normal(n)) / np.sqrt(2)
    values: NDArray[np.float64] = LEVEL + SPREAD * slow
    if kind == "gaps":
        for start in rng.integers(0, n, max(n // 60, 1)):
            values[start : start + 20] = np.nan
    return values


def holds(estimate: Estimate | None, truth: float) -> bool | None:
    """Return whether the interval contains the truth; None if there is no estimate."""
    return None if estimate is None else estimate.low <= truth <= estimate.high


def share(answers: list[bool | None]) -> str:
    """Return the share of True among the values that are not None, in percent."""
    known = [answer for answer in answers if answer is not None]
    return f"{100 * sum(known) / len(known):5.1f}" if known else "    –"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    print("| series | rho | seen, s | mean, % | half width | slope, % | change, % |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for kind in ("ar", "ar+noise", "gaps"):
        for rho in RHOS:
            for length_s in LENGTHS_S:
                n = round(length_s / INTERVAL_S)
                t_s = np.arange(n, dtype=np.float64) * INTERVAL_S
                means: list[bool | None] = []
                slopes: list[bool | None] = []
                changes: list[bool | None] = []
                widths = []
                for _ in range(options.runs):
                    values = draw(rng, kind, rho, n)
                    mean = estimate_mean(values, INTERVAL_S, ENGAGEMENT_SCALE)
                    means.append(holds(mean, LEVEL))
                    if mean is not None:
                        widths.append((mean.high - mean.low) / 2)
                    slopes.append(holds(estimate_trend(t_s, values, INTERVAL_S), 0.0))
                    changes.append(
                        holds(estimate_change(values, INTERVAL_S, ENGAGEMENT_SCALE), 0.0)
                    )
                print(
                    f"| {kind} | {rho} | {length_s} | {share(means)} | {np.median(widths):.3f} "
                    f"| {share(slopes)} | {share(changes)} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
