"""Who is known by name: the roster and the speakers, merged."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from inference.name_labels.text_match import folded
from inference.schema.meeting import RosterEntry, SpeakerTurn
from inference.speech.turns import Span

_BRACKETS = re.compile(r"\([^)]*\)|\[[^\]]*\]")


@dataclass(slots=True)
class KnownPerson:
    """A person known by name."""

    name: str
    key: str
    side: str
    is_host: bool
    first_s: float = math.inf  # of speech
    stays: tuple[tuple[float, float], ...] = ()
    """Spans in seconds in which the person is listed as present; empty if unknown."""


def known_people(
    turns: Sequence[SpeakerTurn], roster: Sequence[RosterEntry]
) -> tuple[list[KnownPerson], list[int]]:
    """Return everybody known, and which of them speaks in each turn.

    A turn's key is compared with the roster's keys. Where no key of a turn is an entry's, the
    two come from different sources, and display names are compared, as for turns without a key.
    """
    known = [
        KnownPerson(a.name, a.key or a.name, a.side, a.is_host, stays=a.stays)
        for a in _distinct(roster)
    ]
    by_key = {person.key: k for k, person in enumerate(known)}
    same_source = any(_has_key(turn) and turn.key in by_key for turn in turns)
    listed = len(known)
    owners = []
    for turn in turns:
        key = turn.key or turn.speaker
        owner = by_key.get(key)
        if owner is None and not (same_source and _has_key(turn)):
            owner = _named(turn.speaker, known[:listed])
        if owner is None and not _has_key(turn):
            owner = _named(turn.speaker, known)
        if owner is None:
            owner = len(known)
            known.append(KnownPerson(turn.speaker, key, "unknown", False))
        by_key[key] = owner
        owners.append(owner)
    return known, owners


def owners_of(
    keys: Sequence[str], turns: Sequence[SpeakerTurn], roster: Sequence[RosterEntry]
) -> list[int | None]:
    """Return for each turn which of the people with these keys speaks; None for anybody else.

    An empty key speaks nowhere. Of several equal keys the last one gets the turns.
    """
    index = {key: k for k, key in enumerate(keys) if key}
    known, owners = known_people(turns, roster)
    return [index.get(known[owner].key) for owner in owners]


def talk_of(
    keys: Sequence[str], turns: Sequence[SpeakerTurn], roster: Sequence[RosterEntry]
) -> list[list[Span]]:
    """Return the spans in which the people with these keys spoke, turn by turn, in seconds.

    Who speaks is decided as in `owners_of`.
    """
    talk: list[list[Span]] = [[] for _ in keys]
    for turn, owner in zip(turns, owners_of(keys, turns, roster), strict=True):
        if owner is not None:
            talk[owner].append((turn.start_s, turn.end_s))
    return talk


def _named(name: str, known: Sequence[KnownPerson]) -> int | None:
    """Return the person who has this name: letter for letter, else by letters alone, else the same
    without what is in brackets. None where nobody has it, or two have."""
    for form in (_plain, folded, _without_brackets):
        wanted = form(name)
        same = [k for k, person in enumerate(known) if wanted and form(person.name) == wanted]
        if same:
            return same[0] if len(same) == 1 else None
    return None


def _distinct(roster: Sequence[RosterEntry]) -> list[RosterEntry]:
    """Return one entry per key, and per name where there is no key, with all their stays."""
    seen: dict[str, RosterEntry] = {}
    for entry in roster:
        key = entry.key or _plain(entry.name)
        first = seen.setdefault(key, entry)
        if first is not entry:
            # Somebody with a row without times may have been there at any time.
            is_known = bool(first.stays) and bool(entry.stays)
            stays = tuple(sorted({*first.stays, *entry.stays})) if is_known else ()
            seen[key] = replace(first, stays=stays)
    return list(seen.values())


def _has_key(turn: SpeakerTurn) -> bool:
    return bool(turn.key) and turn.key != turn.speaker


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())


def _without_brackets(name: str) -> str:
    return folded(_BRACKETS.sub(" ", name))
