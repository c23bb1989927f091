"""Ticks of a time axis."""

from __future__ import annotations


def tick_step_s(duration_s: float) -> float:
    """Return the distance between clock ticks: a round one that gives at most nine of them."""
    for step in (5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1200.0, 1800.0, 3600.0):
        if duration_s / step <= 8.5:
            return step
    return 3600.0 * max(1, round(duration_s / 3600 / 6))
