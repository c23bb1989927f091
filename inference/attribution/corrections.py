"""Corrections that people made of who is who, applied to what the program found in a call.

A correction outlives the identities it was made on: a late transcript or another analysis may
number faces differently and name other ones. All corrections of a call are therefore applied to the
program's own identities, in the order in which they were made; `correction_requests` says how one
is anchored. What a person said takes precedence over what the program found. Nothing here looks at
a face, only at places and times.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from inference.attribution.attribute import Identities, Person
from inference.attribution.person_ids import Sighting, track_at
from inference.attribution.roster import KnownPerson, known_people
from inference.schema.analysis import Attribution
from inference.schema.meeting import RosterEntry, SpeakerTurn, TranscriptLine
from inference.schema.observations import Observations
from inference.speech.turns import usable_turns

TOGETHER_S = 2.0
"""Two faces in the picture together for this long are two people; a layout that changes may show
one twice for a moment."""
NUMBERED = re.compile(r"Person ([0-9]+)( \(.*\))?")


@dataclass(frozen=True, slots=True)
class Correction:
    """One thing that a person said about somebody of a call.

    `field` is "name" or "side"; an empty name takes a name away. It is about the face that was
    `seen` where there is one, else about the person of Zoom's `key`, or of that `name` where no
    key is found any more.
    """

    field: str
    value: str
    key: str = ""
    name: str = ""
    seen: tuple[Sighting, ...] = ()

    @staticmethod
    def from_plain(row: Mapping[str, Any]) -> Correction:
        """Build a correction from a row that `dataclasses.asdict` and JSON made of one."""
        return Correction(**{**row, "seen": tuple(Sighting(**place) for place in row["seen"])})


@dataclass(frozen=True, slots=True)
class NamedCall:
    """A call with its identities: all that corrections change."""

    observations: Observations
    identities: Identities
    turns: tuple[SpeakerTurn, ...]
    transcript: tuple[TranscriptLine, ...]
    roster: tuple[RosterEntry, ...]


def apply_corrections(call: NamedCall, corrections: Sequence[Correction]) -> NamedCall:
    """Return the call as people corrected it; without corrections it comes back as it is.

    Speakers of turns and lines, and roster entries, carry the corrected names too. A correction
    whose person or face is not found is left out.
    """
    if not corrections:
        return call
    people = CorrectedPeople(call)
    for correction in corrections:
        people.apply(correction)
    return people.corrected()


@dataclass(slots=True, eq=False)
class ListedPerson:
    """A person while corrections are applied, with their face's tracks."""

    person: Person
    tracks: set[int]


class CorrectedPeople:
    """The people of a call as a list that corrections change."""

    def __init__(self, call: NamedCall) -> None:
        self.call = call
        self._spoken = usable_turns(call.turns, call.transcript, call.observations.duration_s)
        lines = [
            SpeakerTurn(line.start_s, line.end_s, line.speaker)
            for line in call.transcript
            if line.speaker is not None and not line.is_chat
        ]
        self._known, owners = known_people([*self._spoken, *lines], call.roster)
        self._owners = owners[: len(self._spoken)]
        self.first_names = {known.key: known.name for known in self._known} | {
            person.key: person.name for person in call.identities.people
        }
        self._first_confidence = {
            person.key: person.confidence for person in call.identities.people
        }
        self._joined: dict[str, str] = {}
        self.listed = [ListedPerson(person, set()) for person in call.identities.people]
        for tie in call.identities.attributions:
            self.listed[tie.participant].tracks.add(tie.track)
        self._confidence = {tie.track: tie.confidence for tie in call.identities.attributions}
        self._talkers = {self._known[owner].key for owner in self._owners}
        self._samples: dict[int, set[int]] = {}

    def apply(self, correction: Correction) -> None:
        """Change the people as a correction says; not at all where it finds nobody."""
        found = self._find(correction)
        if not found:
            return
        if correction.field == "side":
            # One face may be in pieces that nobody has joined yet.
            for who in found[:1] + [who for who in found[1:] if not who.person.is_named]:
                who.person = replace(who.person, side=correction.value)
        elif not correction.seen:
            self._rename(found[0], correction.value)
        else:
            who = found[0]
            for piece in found[1:]:
                if not (piece.person.is_named or self.are_together(who.tracks, piece.tracks)):
                    who.tracks |= piece.tracks
                    self.listed.remove(piece)
            self._name_face(who, correction.value)

    def _find(self, correction: Correction) -> list[ListedPerson]:
        """Return whom a correction is about; the most seen piece of a face comes first."""
        if correction.seen:
            votes = Counter(track_at(self.call.observations, place) for place in correction.seen)
            seen = [(sum(votes[track] for track in who.tracks), who) for who in self.listed]
            hit = [(count, who) for count, who in seen if count]
            return [who for _, who in sorted(hit, key=lambda pair: -pair[0])]
        key = self._joined.get(correction.key, correction.key)
        found = [who for who in self.listed if who.person.key == key and key]
        if not found:
            named = [who for who in self.listed if _same(who.person.name, correction.name)]
            found = named if len(named) == 1 else []
        return found

    def _rename(self, who: ListedPerson, name: str) -> None:
        """Rename a person known to Zoom, restore the original name, or merge two who are one."""
        person = who.person
        if not name:
            if person.key in self.first_names:
                who.person = replace(
                    person,
                    name=self.first_names[person.key],
                    confidence=self._first_confidence.get(person.key, 1.0),
                    is_confirmed=False,
                )
            return
        others = self.namesakes(name, who)
        if others and not self.are_together(who.tracks, others[0].tracks):
            other = others[0]
            if other.person.key and person.key:
                self._joined[person.key] = other.person.key
                self._joined |= {
                    k: other.person.key for k, to in self._joined.items() if to == person.key
                }
                identity = other.person
            else:
                identity = replace(person if person.key else other.person, name=name)
            side = other.person.side if other.person.side != "unknown" else person.side
            other.person = replace(identity, side=side, confidence=1.0, is_confirmed=True)
            other.tracks |= who.tracks
            self._replace(who, other)
        elif not others:
            who.person = replace(
                person, name=name, is_named=True, confidence=1.0, is_confirmed=True, room=""
            )

    def _name_face(self, who: ListedPerson, name: str) -> None:
        """Assign a face to the person of that name, or take it away from its person."""
        person = who.person
        if not name:
            if person.is_named:
                self._without_face(who)
            return
        if _same(name, person.name):
            if not person.key:  # Nobody but people spelled it.
                person = replace(person, name=name)
            who.person = replace(person, is_named=True, confidence=1.0, is_confirmed=True)
            return
        others = self.namesakes(name, who)
        other = min(others, key=lambda o: len(o.tracks), default=None)
        if other is not None and self.are_together(who.tracks, other.tracks):
            if other.person.is_confirmed:
                return
            self._without_face(other)  # What a person said takes precedence.
            other = next(iter(self.namesakes(name, who)), None)
        if person.key:
            who = self._without_face(who)
            person = who.person
        if other is None:
            who.person = replace(
                person, name=name, is_named=True, confidence=1.0, is_confirmed=True, room=""
            )
            return
        known_side = other.person.side if other.person.side != "unknown" else person.side
        other.person = replace(other.person, side=known_side, confidence=1.0, is_confirmed=True)
        other.tracks |= who.tracks
        self._replace(who, other)

    def _replace(self, who: ListedPerson, other: ListedPerson) -> None:
        """Keep `other` of the two, who may not have been listed so far."""
        self.listed.remove(who)
        if other not in self.listed:
            self.listed.append(other)

    def _without_face(self, who: ListedPerson) -> ListedPerson:
        """Turn a person's face into an unnamed one; a person left with nothing is removed."""
        matches = [NUMBERED.fullmatch(other.person.name) for other in self.listed]
        taken = {int(match[1]) for match in matches if match}
        number = next(n for n in range(1, len(taken) + 2) if n not in taken)
        face = ListedPerson(
            Person(f"Person {number}", "", False, "unknown", False, 0.0), who.tracks
        )
        self.listed.append(face)
        who.tracks = set()
        who.person = replace(who.person, confidence=1.0, is_confirmed=False)
        is_there = bool(who.person.camera_off_s) or who.person.key in self._talking()
        if not (who.person.key and is_there):
            self.listed.remove(who)
        return face

    def namesakes(self, name: str, but: ListedPerson) -> list[ListedPerson]:
        """Return who else has that name, listed or known to have been in the call."""
        found = [
            who
            for who in self.listed
            if who is not but and who.person.is_named and _same(who.person.name, name)
        ]
        there = {who.person.key for who in self.listed} | self._joined.keys()
        found += [
            ListedPerson(_person(known), set())
            for known in self._known
            if known.key not in there and _same(known.name, name)
        ]
        return found

    def are_together(self, tracks: set[int], others: set[int]) -> bool:
        """Return whether two faces are seen at the same time."""
        one: set[int] = set().union(*map(self._samples_of, tracks))
        two: set[int] = set().union(*map(self._samples_of, others))
        return len(one & two) * self.call.observations.sample_interval_s >= TOGETHER_S

    def _samples_of(self, track: int) -> set[int]:
        if track not in self._samples:
            faces = self.call.observations.faces
            self._samples[track] = set(faces.sample[faces.track == track].tolist())
        return self._samples[track]

    def _talking(self) -> set[str]:
        return {self._joined.get(key, key) for key in self._talkers}

    def ordered(self) -> list[ListedPerson]:
        """Return the people in order of their first appearance."""
        first_talk_s: dict[str, float] = {}
        for turn, owner in zip(self._spoken, self._owners, strict=True):
            key = self._known[owner].key
            first_talk_s.setdefault(self._joined.get(key, key), turn.start_s)
        t_s, faces = self.call.observations.t_s, self.call.observations.faces
        tracks, rows = np.unique(faces.track, return_index=True)  # rows ascend by sample
        first_seen: dict[int, float] = dict(
            zip(tracks.tolist(), t_s[faces.sample[rows]].tolist(), strict=True)
        )

        def first_s(who: ListedPerson) -> float:
            seen = [first_seen.get(track, math.inf) for track in who.tracks]
            return min([*seen, first_talk_s.get(who.person.key, math.inf)])

        return sorted(self.listed, key=first_s)

    def corrected(self) -> NamedCall:
        """Return the call with these people."""
        ordered = self.ordered()
        ties = [
            Attribution(
                track,
                index,
                1.0 if who.person.is_confirmed else self._confidence[track],
            )
            for index, who in enumerate(ordered)
            for track in who.tracks
        ]
        identities = replace(
            self.call.identities,
            people=tuple(who.person for who in ordered),
            attributions=tuple(sorted(ties, key=lambda tie: tie.track)),
            joined=tuple(self._joined.items()),
        )
        people = {who.person.key: who.person for who in ordered if who.person.key}
        # Two of one name cannot be told apart in lines, which have no keys: those stay.
        said = Counter(" ".join(known.name.casefold().split()) for known in self._known)
        names = {
            known.name: people[key].name
            for known in self._known
            if (key := self._joined.get(known.key, known.key)) in people
            and said[" ".join(known.name.casefold().split())] == 1
        }
        return replace(
            self.call,
            identities=identities,
            turns=tuple(
                self._turn(turn, owner, people)
                for turn, owner in zip(self._spoken, self._owners, strict=True)
            ),
            transcript=tuple(
                replace(line, speaker=names.get(line.speaker or "", line.speaker))
                for line in self.call.transcript
            ),
            roster=tuple(
                replace(entry, name=people[key].name if key in people else entry.name, key=key)
                for entry in self.call.roster
                if (key := entry.key or entry.name) not in self._joined
            ),
        )

    def _turn(self, turn: SpeakerTurn, owner: int, people: Mapping[str, Person]) -> SpeakerTurn:
        key = self._known[owner].key
        key = self._joined.get(key, key)
        speaker = people[key].name if key in people else turn.speaker
        return replace(turn, speaker=speaker, key=key)


def _person(known: KnownPerson) -> Person:
    return Person(known.name, known.key, True, known.side, known.is_host, 1.0)


def _same(name: str, other: str) -> bool:
    return name.casefold().split() == other.casefold().split()
