"""Keeps clients from filling the log: of each kind of message, one line a minute."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

QUIET_S = 60.0
LOGGERS = (
    "asyncio",
    "uvicorn.error",
    "bot.api.guard",
    "bot.api.webhook",
    "bot.service.http_server",
)
"""Where messages come from that anybody can cause without a key."""


class OncePerMinute(logging.Filter):
    """Lets a message through once a minute, with the number of those that were left out since.

    Two records are of one kind if they come from the same logger with the same text, whatever is
    filled in, and the same type of error.
    """

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[object, ...], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is logged; adds the count of those before it to its text."""
        error = record.exc_info[0] if record.exc_info else None
        kind = (record.name, record.levelno, record.msg, error)
        now = time.monotonic()
        at, left_out = self._last.get(kind, (now - QUIET_S, 0))
        if now - at < QUIET_S:
            self._last[kind] = (at, left_out + 1)
            return False
        self._last[kind] = (now, 0)
        if left_out:
            record.msg = f"{record.msg} (and {left_out} times more since the last such line)"
        return True


def limit_repeats(loggers: Iterable[str] = LOGGERS) -> None:
    """Put the filter on loggers; a second call changes nothing."""
    for name in loggers:
        logger = logging.getLogger(name)
        if not any(isinstance(each, OncePerMinute) for each in logger.filters):
            logger.addFilter(OncePerMinute())
