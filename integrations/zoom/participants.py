"""Who was in a past meeting, as Zoom lists it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from integrations.zoom.text import clean_text, moment


@dataclass(frozen=True, slots=True)
class PastParticipant:
    """One stay of one person in a past meeting; who left and came back is listed again."""

    id: str
    """Zoom's id of the person, "" for guests."""
    user_id: str
    """The id within the meeting, as in the TIMELINE."""
    name: str
    user_email: str
    """Empty for people outside the account."""
    join_time: datetime | None
    leave_time: datetime | None
    status: str
    """"in_meeting", "in_waiting_room", or "" where Zoom does not say."""
    is_internal: bool | None = None
    """Whether the person belongs to the account, None where Zoom does not say."""

    @property
    def only_waited(self) -> bool:
        """Whether this row is a stay in the waiting room, not in the meeting."""
        return "waiting" in self.status


def parse_participant(entry: Mapping[str, Any]) -> PastParticipant:
    """Read one row of Zoom's list; any field may be missing."""
    internal = entry.get("internal_user")
    return PastParticipant(
        id=clean_text(entry.get("id")),
        user_id=clean_text(entry.get("user_id")),
        name=clean_text(entry.get("name")),
        user_email=clean_text(entry.get("user_email")),
        join_time=moment(entry.get("join_time")),
        leave_time=moment(entry.get("leave_time")),
        status=clean_text(entry.get("status")).lower(),
        is_internal=internal if isinstance(internal, bool) else None,
    )
