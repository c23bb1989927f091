"""A clock for times within one computer."""

from __future__ import annotations

import time


def lasting_now_s() -> float:
    """Return seconds since some moment, the same in all processes of this computer.

    Unlike those of `time.monotonic`, they also pass while a Linux computer sleeps.
    """
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)
