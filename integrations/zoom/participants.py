"""Zoom's list of who was in a past meeting."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from integrations.errors import UnexpectedResponse
from integrations.zoom.text import clean_text, decode, moment


@dataclass(frozen=True, slots=True)
class PastParticipant:
    """One stay of one person in a past meeting; Zoom lists a person who rejoins again."""

    id: str
    """Zoom's id for the person; "" for guests."""
    user_id: str
    """The person's id within the meeting, as in the TIMELINE."""
    name: str
    user_email: str
    """Empty for people outside the account."""
    join_time: datetime | None
    leave_time: datetime | None
    status: str
    """"in_meeting", "in_waiting_room", or "" if Zoom does not say."""
    is_internal: bool | None = None
    """Whether the person belongs to the account; None if Zoom does not say."""
    registrant_id: str = ""
    """Set for people who registered for the meeting."""

    @property
    def only_waited(self) -> bool:
        """Whether this row is a stay in the waiting room rather than in the meeting."""
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
        registrant_id=clean_text(entry.get("registrant_id")),
    )


@dataclass(frozen=True, slots=True)
class ParticipantList:
    """Participants read from a saved file, without those who only waited to be let in."""

    rows: tuple[PastParticipant, ...]
    start_time: datetime | None
    """When the recording began, if the file says so. Zoom's own response does not."""


def parse_participants(data: bytes) -> ParticipantList:
    """Parse a saved response of `past_meetings/{uuid}/participants`.

    Accepts one page, several pages one after another or in a list, or a bare list of
    participants. Fields may be missing; extra ones are ignored.

    Raises:
        UnexpectedResponse: not JSON, or no list of participants in it.
    """
    entries: list[Mapping[str, Any]] = []
    start_time: datetime | None = None
    for page in _pages(decode(data)[0]):
        listed = page.get("participants")
        if not isinstance(listed, list):
            raise UnexpectedResponse(
                'The file has no "participants" list: save Zoom\'s response to '
                "past_meetings/{uuid}/participants."
            )
        objects = [entry for entry in listed if isinstance(entry, dict)]
        if listed and not objects:
            raise UnexpectedResponse(
                "None of the participants in the list is an object with a name."
            )
        entries += objects
        start_time = start_time or moment(page.get("start_time"))
    rows = (parse_participant(entry) for entry in entries)
    return ParticipantList(tuple(row for row in rows if not row.only_waited), start_time)


def _pages(text: str) -> list[Mapping[str, Any]]:
    pages: list[Mapping[str, Any]] = []
    decoder, text = json.JSONDecoder(), text.strip("\ufeff \t\r\n")
    at = 0
    while at < len(text) or not pages:
        try:
            content, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as exc:
            raise UnexpectedResponse("The list of participants is not JSON.") from exc
        while text[at : at + 1].isspace():
            at += 1
        if isinstance(content, list):
            is_bare = not any(isinstance(one, dict) and "participants" in one for one in content)
            content = [{"participants": content}] if is_bare else content
        else:
            content = [content]
        if not all(isinstance(page, dict) for page in content):
            raise UnexpectedResponse("The list of participants is JSON of the wrong shape.")
        pages += content
    return pages
