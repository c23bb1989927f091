"""Measure how many moments noise produces, and how many real smiles are found.

    python benchmarks/moments.py [--hours 10]

Noise is an hour of one person's engagement whose neighbouring samples, two per second, correlate by
rho. Smiles last 12 s and occur at random, on top of correlated noise.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray

from inference.schema.arrays import EXPRESSIONS
from inference.scoring.moments import Scene, find_moments
from inference.scoring.score import build_series

INTERVAL_S = 0.5
SAMPLES = 7200
PART_S = 600.0
"""Evaluated in parts of ten minutes, so that the limit of 12 moments per call has no effect."""
SMILE_S = 12.0
NEUTRAL, SMILE = 0.47, 0.9

Series = NDArray[np.float64]


def noise(rng: np.random.Generator, rho: float, spread: float) -> Series:
    """Draw an hour of stationary noise with mean 0."""
    steps = rng.standard_normal(SAMPLES) * np.sqrt(1 - rho**2)
    values = np.empty(SAMPLES)
    values[0] = rng.standard_normal()
    for i in range(1, SAMPLES):
        values[i] = rho * values[i - 1] + steps[i]
    return spread * values


def count(engagement: Series, kinds: tuple[str, ...]) -> int:
    """Count the moments of these kinds in an hour of engagement."""
    part = round(PART_S / INTERVAL_S)
    found = 0
    for start in range(0, SAMPLES, part):
        values = np.clip(engagement[start : start + part], 0, 1)
        t_s = np.arange(part, dtype=np.float64) * INTERVAL_S
        flat = np.full((part, len(EXPRESSIONS)), 1 / len(EXPRESSIONS), np.float32)
        course = build_series(t_s, values, values, flat)
        scene = Scene(t_s, INTERVAL_S, PART_S, ["A"], [course], [[]], [])
        found += sum(moment.kind in kinds for moment in find_moments(scene))
    return found


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--hours", type=int, default=10)
    hours = parser.parse_args().hours
    rng = np.random.default_rng(1)
    print("| noise, rho | spread | false moments per hour |\n| --- | --- | --- |")
    for rho in (0.0, 0.5, 0.8, 0.9, 0.95):
        for spread in (0.1, 0.2):
            false = [count(0.5 + noise(rng, rho, spread), ("rise", "fall")) for _ in range(hours)]
            print(f"| {rho} | {spread} | {np.mean(false):.1f} |", flush=True)
    print("\n| a smile every | smiles | found as rises |\n| --- | --- | --- |")
    for pause_s in (30, 60, 180):
        smiles, found = 0, 0
        for _ in range(hours):
            values = NEUTRAL + noise(rng, 0.5, 0.08)
            at_s = rng.exponential(pause_s)
            while at_s < SAMPLES * INTERVAL_S - 2 * SMILE_S:
                first = round(at_s / INTERVAL_S)
                values[first : first + round(SMILE_S / INTERVAL_S)] += SMILE - NEUTRAL
                smiles += 1
                at_s += SMILE_S + rng.exponential(pause_s)
            found += count(values, ("rise",))
        print(
            f"| {pause_s + SMILE_S:.0f} s | {smiles} | {100 * found / smiles:.0f} % |", flush=True
        )


if __name__ == "__main__":
    main()
