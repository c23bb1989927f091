"""Who is known by name: attendees and speakers, brought together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from inference.types import Attendee, SpeakerTurn


@dataclass(slots=True)
class KnownPerson:
    """A person known by name."""

    name: str
    key: str
    side: str
    is_host: bool
    first_s: float = math.inf  # of speech
    stays: tuple[tuple[float, float], ...] = ()
    """Spans in seconds in which the person is listed as present; empty: not told."""


def known_people(
    turns: Sequence[SpeakerTurn], attendees: Sequence[Attendee]
) -> tuple[list[KnownPerson], list[int]]:
    """Give everybody known, and for each turn who of them speaks.

    A turn's key is compared with the attendees' keys. Where no key of a turn is an attendee's, the
    two come from different sources, and display names are compared, as for turns without a key.
    """
    known = [
        KnownPerson(a.name, a.key or a.name, a.side, a.is_host, stays=a.stays)
        for a in _distinct(attendees)
    ]
    by_key = {person.key: k for k, person in enumerate(known)}
    same_source = any(_has_key(turn) and turn.key in by_key for turn in turns)
    attendee_count = len(known)
    owners = []
    for turn in turns:
        key = turn.key or turn.speaker
        owner = by_key.get(key)
        if owner is None and not (same_source and _has_key(turn)):
            named = [
                k for k in range(attendee_count) if _folded(known[k].name) == _folded(turn.speaker)
            ]
            owner = named[0] if len(named) == 1 else None
        if owner is None and not _has_key(turn):
            named = [k for k, p in enumerate(known) if _folded(p.name) == _folded(turn.speaker)]
            owner = named[0] if len(named) == 1 else None
        if owner is None:
            owner = len(known)
            known.append(KnownPerson(turn.speaker, key, "unknown", False))
        by_key[key] = owner
        owners.append(owner)
    return known, owners


def _distinct(attendees: Sequence[Attendee]) -> list[Attendee]:
    """One entry per key, and per name where there is no key."""
    seen: dict[str, Attendee] = {}
    for attendee in attendees:
        seen.setdefault(attendee.key or _folded(attendee.name), attendee)
    return list(seen.values())


def _has_key(turn: SpeakerTurn) -> bool:
    return bool(turn.key) and turn.key != turn.speaker


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())
