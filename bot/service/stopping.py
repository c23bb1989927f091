"""Stopping the process: asked for by a signal or a thread, and over within a few seconds."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import threading
from typing import NoReturn

log = logging.getLogger(__name__)

SECONDS_TO_EXIT = 4.0
"""After this long the process exits, whatever still runs: every step can be repeated."""


class StopRequest:
    """Set once, from any thread or from a signal handler; the main thread waits for it.

    A `threading.Event` would not do: its `set` takes a lock that `wait` may hold at the moment when
    the signal's handler interrupts it, and the process would hang for ever.
    """

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)

    def set(self) -> None:
        """Request the stop; repeats change nothing."""
        with contextlib.suppress(BlockingIOError):  # the pipe is full of requests
            os.write(self._write, b".")

    def wait(self, timeout_s: float | None = None) -> bool:
        """Block until the stop is requested, or for some seconds; return whether it is."""
        return bool(select.select([self._read], [], [], timeout_s)[0])


def exit_soon(status: int) -> None:
    """Let the process exit with `status` in a few seconds even if its clean-up hangs."""
    timer = threading.Timer(SECONDS_TO_EXIT, os._exit, (status,))
    timer.daemon = True
    timer.start()


def exit_at_once(reason: str) -> NoReturn:
    """Log the reason and end the process with status 1, whatever its threads are doing."""
    log.error("%s", reason)
    os._exit(1)
