"""Zoom's list of who was in a past meeting, from its APIs or exported from its web portal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from integrations.errors import UnexpectedResponse
from integrations.zoom.formats.participants_csv import read_csv
from integrations.zoom.text import clean_text, count, decode, moment

_KIND = "PARTICIPANTS: "
_EXPECTED = (
    "Expected Zoom's response to past_meetings/{uuid}/participants, or the CSV that its web portal "
    'exports, with the header "Name (original name),Email,Join time,Leave time".'
)
_UNREAD_TIME = (
    "could not be read and {was} left out; "
    'expected "2026-09-10T13:00:05Z" or "09/10/2026 01:00:05 PM".'
)
_NO_ZONE = (
    "{was} not used: a CSV does not tell its time zone; "
    "give --start in that zone, such as 2026-09-10T15:00:05+02:00."
)


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
    other_names: tuple[str, ...] = ()
    """The display name and the original one, if `name` is an export's "Dana (Dana Whitfield)"."""

    @property
    def only_waited(self) -> bool:
        """Whether this row is a stay in the waiting room rather than in the meeting."""
        return "waiting" in self.status


def parse_participant(entry: Mapping[str, Any], *, is_export: bool = False) -> PastParticipant:
    """Read one row of Zoom's list, or of a CSV export; any field may be missing."""
    internal = entry.get("internal_user")
    return PastParticipant(
        id=clean_text(entry.get("id")),
        user_id=clean_text(entry.get("user_id")),
        # The metrics API spells both its own way.
        name=clean_text(entry.get("name")) or clean_text(entry.get("user_name")),
        user_email=clean_text(entry.get("user_email")) or clean_text(entry.get("email")),
        join_time=moment(entry.get("join_time")),
        leave_time=moment(entry.get("leave_time")),
        status=clean_text(entry.get("status")).lower(),
        is_internal=internal if isinstance(internal, bool) else None,
        registrant_id=clean_text(entry.get("registrant_id")),
        other_names=tuple(entry.get("other_names") or ()) if is_export else (),
    )


@dataclass(frozen=True, slots=True)
class ParticipantList:
    """Participants, without those who only waited to be let in."""

    rows: tuple[PastParticipant, ...]
    start_time: datetime | None = None
    """When the recording began, if the file says so. Zoom's own response does not."""
    problems: tuple[str, ...] = ()
    """A sentence for each thing that was not used."""


def list_participants(rows: Iterable[PastParticipant]) -> ParticipantList:
    """Return the rows of people who took part; the problems count the others."""
    every = tuple(rows)
    nameless = sum(not row.name for row in every)
    waited = sum(bool(row.name) and row.only_waited for row in every)
    problems = _left_out(nameless, "row", "without a name {was} left out.")
    problems += _left_out(waited, "row", "of somebody who only waited to be let in {was} left out.")
    return ParticipantList(
        tuple(row for row in every if not row.only_waited),
        problems=tuple(f"{_KIND}{problem}" for problem in problems),
    )


def parse_participants(data: bytes, start_at: datetime | None = None) -> ParticipantList:
    """Parse a saved list of participants.

    Accepts what Zoom's APIs respond (`past_meetings`, `report` and `metrics`): one page, several
    pages one after another or in a list, or a bare list of participants; and the CSV that its web
    portal exports. Fields may be missing; extra ones are ignored.

    Args:
        data: the file, in any encoding.
        start_at: when the recording began, in the time zone of a CSV, which has local times. If it
            is not known, the times of a CSV are left out.

    Raises:
        UnexpectedResponse: neither JSON nor such a CSV, or no list of participants in it.
    """
    text, complaint = decode(data)
    problems = [complaint] if complaint else []
    text = text.strip("\ufeff \t\r\n")
    exported = None
    if not text.startswith(("{", "[")):
        exported = read_csv(text, start_at.tzinfo if start_at else None, start_at)
    start_time: datetime | None = None
    if exported is not None:
        entries: list[Mapping[str, Any]] = list(exported.rows)
        problems += _left_out(exported.unread_times, "time", _UNREAD_TIME)
        problems += _left_out(exported.unzoned_times, "time", _NO_ZONE)
    else:
        entries, start_time, strays = _listed(text)
        unread = sum(
            bool(clean_text(entry.get(field))) and moment(entry.get(field)) is None
            for entry in entries
            for field in ("join_time", "leave_time")
        )
        problems += _left_out(strays, "entry", "could not be read and {was} left out.", "entries")
        problems += _left_out(unread, "time", _UNREAD_TIME)
    is_export = exported is not None
    listed = list_participants(parse_participant(entry, is_export=is_export) for entry in entries)
    told = (f"{_KIND}{problem}" for problem in problems)
    return ParticipantList(listed.rows, start_time, (*told, *listed.problems))


def _left_out(number: int, noun: str, what: str, plural: str | None = None) -> list[str]:
    if not number:
        return []
    return [f"{count(number, noun, plural)} {what.format(was='was' if number == 1 else 'were')}"]


def _listed(text: str) -> tuple[list[Mapping[str, Any]], datetime | None, int]:
    """Return the participants in JSON, when the recording began, and how many are no objects."""
    entries: list[Mapping[str, Any]] = []
    start_time: datetime | None = None
    strays = 0
    for page in _pages(text):
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
        strays += len(listed) - len(objects)
        start_time = start_time or moment(page.get("start_time"))
    return entries, start_time, strays


def _pages(text: str) -> list[Mapping[str, Any]]:
    pages: list[Mapping[str, Any]] = []
    decoder = json.JSONDecoder()
    at = 0
    while at < len(text) or not pages:
        try:
            content, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as exc:
            raise UnexpectedResponse(f"The list of participants is not JSON. {_EXPECTED}") from exc
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
