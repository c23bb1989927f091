"""The one format of the log: time with its zone, level, the call's id, message; or JSON.

Lines that are written while a call is worked on carry its id, whoever writes them: the step sets it
(`about_call`), and the formatter adds it where the message does not say it itself.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Literal

LogFormat = Literal["text", "json"]

_CALL = re.compile(r"\bcall ([a-z2-7]{16})\b(?: run ([0-9]+))?")
"""How messages name a call (`storage/calls/announce.py: call_id_for` makes its id)."""

_about: ContextVar[tuple[str, int | None]] = ContextVar("about_call", default=("", None))


@contextmanager
def about_call(call_id: str, run: int | None = None) -> Iterator[None]:
    """Mark all that this thread logs in the block as being about a call."""
    token = _about.set((call_id, run))
    try:
        yield
    finally:
        _about.reset(token)


class LineFormatter(logging.Formatter):
    """Formats a record as `2026-09-10T15:00:05.123+02:00 INFO [call … run 1] message`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a traceback follows it on lines of its own."""
        call_id, run = _about.get()
        message = record.getMessage()
        about = ""
        if call_id and call_id not in message:
            about = f"[call {call_id}] " if run is None else f"[call {call_id} run {run}] "
        line = f"{_time(record)} {record.levelname} {about}{message}"
        error = _traceback(self, record)
        return f"{line}\n{error}" if error else line


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object per line.

    Its keys: `time`, `level`, `logger`, `message`; `call` and `run` of a call's work; `error` with
    a traceback.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        message = record.getMessage()
        call_id, run = _about.get()
        if not call_id and (named := _CALL.search(message)):
            call_id, run = named[1], int(named[2]) if named[2] else None
        fields: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": message,
        }
        if call_id:
            fields["call"] = call_id
        if run is not None:
            fields["run"] = run
        if error := _traceback(self, record):
            fields["error"] = error
        return json.dumps(fields, ensure_ascii=False)


def formatter(kind: LogFormat) -> logging.Formatter:
    """Return the formatter that a setting names."""
    return JsonFormatter() if kind == "json" else LineFormatter()


def _time(record: logging.LogRecord) -> str:
    # Local time with its offset: people read it, and it stays unambiguous when clocks change.
    moment = datetime.fromtimestamp(record.created).astimezone()
    return moment.isoformat(timespec="milliseconds")


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    parts = [formatter.formatException(record.exc_info)] if record.exc_info else []
    parts += [formatter.formatStack(record.stack_info)] if record.stack_info else []
    return "\n".join(parts)
