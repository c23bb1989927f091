"""Parses Zoom's TIMELINE: who is speaking after each change, as offsets from the recording's start.

An entry names everybody who speaks from its time until the next entry. No content raises an error:
valid parts are used, and the rest is reported in `problems`, as sentences for the report.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from integrations.zoom.text import clean_text, count, decode, offset_s

# A silence of up to 1.5 s does not end a turn (dlzoom), and a turn of 0.5 s or less is noise
# (symblai's converter): the values chosen by two open-source readers of the format.
MERGE_GAP_S = 1.5
SHORTEST_TURN_S = 0.5
_LAST_TURN_S = 1.0  # if nothing says how long the last entry lasts


@dataclass(frozen=True, slots=True)
class TimelineTurn:
    """One person speaking from when to when, in seconds from the start of the recording."""

    start_s: float
    end_s: float
    username: str
    user_key: str
    """Zoom's id for the person if only one name uses it, else the id within the meeting, else
    the username."""
    email: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """All turns by start time; turns of different people may overlap."""

    entries: tuple[TimelineTurn, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Speaker:
    key: str
    username: str
    email: str


@dataclass(frozen=True, slots=True)
class _Change:
    at_s: float
    speakers: tuple[_Speaker, ...]


def parse_timeline(
    data: bytes,
    duration_s: float | None = None,
    *,
    merge_gap_s: float = MERGE_GAP_S,
    shortest_turn_s: float = SHORTEST_TURN_S,
) -> Timeline:
    """Read a TIMELINE file.

    Args:
        data: the file; any encoding, may be truncated or malformed.
        duration_s: length of the recording, if known: ends the last turn, and later entries are
            left out.
        merge_gap_s: joins two turns across a silence of up to this long in which nobody speaks.
        shortest_turn_s: turns of this length or less are left out as noise (not a problem).
    """
    problems: list[str] = []
    text, complaint = decode(data)
    if complaint:
        problems.append(complaint)
    entries, is_cut_off = _entries(text, problems)
    changes = _changes(entries, duration_s, problems)
    end_s = None if is_cut_off else duration_s
    turns = _turns(changes, end_s, merge_gap_s)
    kept = (turn for turn in turns if turn.end_s - turn.start_s > shortest_turn_s)
    return Timeline(
        tuple(sorted(kept, key=lambda turn: (turn.start_s, turn.end_s))),
        tuple(f"TIMELINE: {problem}" for problem in problems),
    )


def _entries(text: str, problems: list[str]) -> tuple[list[Any], bool]:
    """Return the raw entries, and whether the file is truncated."""
    if not text.strip("\ufeff\x00 \t\r\n"):
        problems.append("the file is empty.")
        return [], False
    try:
        content = json.loads(text.lstrip("\ufeff"))
    except (ValueError, RecursionError):
        for name in ("timeline_refine", "timeline"):
            salvaged = _salvage(text, name)
            if salvaged:
                readable = count(len(salvaged), "entry", "entries")
                problems.append(f"the file is damaged; {readable} could be read.")
                return salvaged, True
        problems.append("the file is not JSON and was not used.")
        return [], False
    if isinstance(content, dict):
        for name in ("timeline_refine", "timeline"):
            if isinstance(content.get(name), list) and content[name]:
                return content[name], False
        if isinstance(content.get("timeline"), list):
            return [], False  # nobody spoke
    problems.append("the file contains no list of entries and was not used.")
    return [], False


def _salvage(text: str, name: str) -> list[Any]:
    """Read the entries of a list up to the point where the JSON breaks off."""
    decoder = json.JSONDecoder()
    at = text.find(f'"{name}"')
    at = text.find("[", at) + 1 if at >= 0 else 0
    entries: list[Any] = []
    while at > 0:
        while at < len(text) and text[at] in ", \t\r\n":
            at += 1
        try:
            entry, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            break
        entries.append(entry)
    return entries


def _changes(
    entries: Sequence[Any], duration_s: float | None, problems: list[str]
) -> list[_Change]:
    changes: list[_Change] = []
    names: dict[str, str] = {}
    shared = _shared_accounts(entries)
    unsound = nameless = past_end = 0
    for entry in entries:
        at_s = offset_s(clean_text(entry.get("ts"))) if isinstance(entry, dict) else None
        users = entry.get("users") if isinstance(entry, dict) else None
        users = [] if users is None else users  # nobody speaks
        if at_s is None or not isinstance(users, list):
            unsound += 1
            continue
        if duration_s is not None and at_s >= duration_s:
            # A timeline ends with an entry in which nobody speaks; dropping it loses nothing.
            past_end += bool(users)
            continue
        speakers: dict[str, _Speaker] = {}
        for user in users:
            speaker = _speaker(user, shared)
            if speaker is None:
                nameless += 1
                continue
            speakers[speaker.key] = speaker
            if speaker.username:
                names.setdefault(speaker.key, speaker.username)
        changes.append(_Change(at_s, tuple(speakers.values())))
    backwards = sum(later.at_s < earlier.at_s for earlier, later in pairwise(changes))
    changes.sort(key=lambda change: change.at_s)
    named: list[_Change] = []
    for change in changes:
        known = [who for who in change.speakers if who.username or who.key in names]
        nameless += len(change.speakers) - len(known)
        speakers_now = (_Speaker(w.key, w.username or names[w.key], w.email) for w in known)
        named.append(_Change(change.at_s, tuple(speakers_now)))
    for number, what in (
        (unsound, "could not be read and {was} left out."),
        (backwards, "out of order {was} sorted."),
        (past_end, "after the end of the recording {was} left out."),
    ):
        if number:
            was = "was" if number == 1 else "were"
            problems.append(f"{count(number, 'entry', 'entries')} {what.format(was=was)}")
    if nameless:
        problems.append(f"left out {count(nameless, 'speaker')} without a name.")
    return named


def _shared_accounts(entries: Sequence[Any]) -> set[str]:
    """Return the Zoom ids that several names speak under: one account on several devices."""
    names: dict[str, set[str]] = {}
    for entry in entries:
        users = entry.get("users") if isinstance(entry, dict) else None
        for user in users if isinstance(users, list) else ():
            if isinstance(user, Mapping):
                name = clean_text(user.get("username"))
                names.setdefault(clean_text(user.get("zoom_userid")), set()).add(name)
    return {zoom_id for zoom_id, found in names.items() if len(found - {""}) > 1}


def _speaker(user: object, shared: Collection[str]) -> _Speaker | None:
    if not isinstance(user, Mapping):
        return None
    username = clean_text(user.get("username"))
    zoom_id = clean_text(user.get("zoom_userid"))
    own = zoom_id if zoom_id not in shared else ""
    key = own or clean_text(user.get("user_id")) or username
    return _Speaker(key, username, clean_text(user.get("email_address"))) if key else None


def _turns(
    changes: Sequence[_Change], end_s: float | None, merge_gap_s: float
) -> list[TimelineTurn]:
    done: list[TimelineTurn] = []
    still: dict[str, TimelineTurn] = {}  # turns that may still continue, by key
    last_voice_s = 0.0  # when somebody was last speaking
    for i, change in enumerate(changes):
        if i + 1 < len(changes):
            until_s = changes[i + 1].at_s
        else:
            until_s = end_s if end_s is not None else change.at_s + _LAST_TURN_S
        if not change.speakers or until_s <= change.at_s:
            continue
        silence_s = change.at_s - last_voice_s
        going_on: dict[str, TimelineTurn] = {}
        for who in change.speakers:
            before = still.get(who.key)
            joins = before is not None and (
                before.end_s >= change.at_s
                or (silence_s <= merge_gap_s and before.end_s >= last_voice_s)
            )
            start_s = before.start_s if before is not None and joins else change.at_s
            email = who.email or (before.email if before is not None and joins else "")
            going_on[who.key] = TimelineTurn(start_s, until_s, who.username, who.key, email)
            if joins:
                del still[who.key]
        done += still.values()
        still = going_on
        last_voice_s = until_s
    return [*done, *still.values()]
