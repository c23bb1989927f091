"""Places times of day, which Zoom's client writes without a zone, on a recording's time line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

DAY_S = 86_400
_LEAD_S = DAY_S // 2
ROUNDING_S = 1.0
"""A time of day has whole seconds, so it may lie before a start within the same second."""
# All offsets from UTC in use, in minutes (IANA time zones, 2026).
_OFFSETS_MIN = (
    *range(-12 * 60, 14 * 60 + 1, 60),
    -570, -210, -150, 210, 270, 330, 345, 390, 525, 570, 630, 765, 825,
)  # fmt: skip


def seconds_in(times_s: Sequence[float], start_at: datetime, offset: timedelta) -> list[float]:
    """Return times of day as seconds from the start, from -12 h to 12 h.

    Args:
        times_s: seconds since midnight of a clock that is `offset` ahead of UTC.
        start_at: when the recording began.
        offset: how far the clock is ahead of UTC.
    """
    at = start_at - (start_at.utcoffset() or timedelta()) + offset
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    began_s = (at - midnight).total_seconds()
    return [(time_s - began_s + _LEAD_S) % DAY_S - _LEAD_S for time_s in times_s]


def fitting_offsets(
    times_s: Sequence[float], start_at: datetime, duration_s: float
) -> list[timedelta]:
    """Return the offsets from UTC with which most times lie within the recording; may be empty."""
    fits: dict[timedelta, int] = {}
    for minutes in _OFFSETS_MIN:
        offset = timedelta(minutes=minutes)
        placed = seconds_in(times_s, start_at, offset)
        fits[offset] = sum(-ROUNDING_S < at_s <= duration_s for at_s in placed)
    most = max(fits.values())
    return [offset for offset, number in fits.items() if number == most] if most else []


def name_of(offset: timedelta) -> str:
    """Return an offset as "UTC+02:00"."""
    minutes = round(offset.total_seconds() / 60)
    return f"UTC{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
