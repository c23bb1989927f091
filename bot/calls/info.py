"""What report and message say about the meeting itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class CallInfo:
    """What is known about a call besides its analysis.

    `started_at` has a time zone; it is None for a recording that does not say when it was made.
    """

    call_id: str
    topic: str
    started_at: datetime | None
    timezone: str | None = None
    host_name: str | None = None
    has_transcript: bool = False
    notes: tuple[str, ...] = ()
