"""What people say about who is who, laid over what the program made of a call.

A correction outlives the identities that it was made on: a late transcript or another look at the
recording may number faces differently and name other ones. So it is tied to Zoom's key of the
person, or to some of the places and seconds in which the face was seen, and all corrections of a
call are applied to the program's own identities in the order in which they were made. What a person
said goes before what the program found. Nothing here looks at a face: places and times alone.
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
from inference.attribution.person_ids import Sighting, sighting, track_at
from inference.attribution.roster import KnownPerson, known_people
from inference.schema.analysis import Attribution
from inference.schema.meeting import RosterEntry, SpeakerTurn, TranscriptLine
from inference.schema.observations import Observations
from inference.speech.turns import usable_turns

SIDES = ("rep", "prospect", "unknown")
SIGHTINGS = 12
"""Places kept of a face: spread over its whole time, so that some remain whatever is cut anew."""
TOGETHER_S = 2.0
"""Two faces in the picture together for so long are two people; a layout that changes may show one
twice for a moment."""
MAX_NAME = 200
_NUMBERED = re.compile(r"Person ([0-9]+)( \(.*\))?")


class Refused(Exception):
    """A correction contradicts what is certain; the message says why and what to do."""


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
        """The correction that `dataclasses.asdict` and JSON made this row of."""
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
    people = _People(call)
    for correction in corrections:
        people.apply(correction)
    return people.corrected()


def correction_for(
    call: NamedCall, corrections: Sequence[Correction], person: int, field: str, value: str
) -> Correction | None:
    """Put into a lasting form what somebody says of a person; None where it says nothing new.

    Args:
        call: as the program made it.
        corrections: those made before, in order.
        person: index into the people of the corrected call.
        field: "name" or "side".
        value: the name, "" to take it away; or one of `SIDES`.

    Raises:
        Refused: the call itself shows that it cannot be so.
    """
    people = _People(call)
    for correction in corrections:
        people.apply(correction)
    # As `apply_corrections` lists them: in the program's own order while nothing was corrected.
    who = (people.ordered() if corrections else people.listed)[person]
    if field == "side":
        if who.person.side == value:
            return None
        return people.about_person(who, field, value)
    return people.named(who, " ".join(value.split()))


@dataclass(slots=True, eq=False)
class _Who:
    """A person while corrections are applied, with their face's tracks."""

    person: Person
    tracks: set[int]


class _People:
    """The people of a call as a list that corrections change."""

    def __init__(self, call: NamedCall) -> None:
        self._call = call
        self._spoken = usable_turns(call.turns, call.transcript, call.observations.duration_s)
        lines = [
            SpeakerTurn(line.start_s, line.end_s, line.speaker)
            for line in call.transcript
            if line.speaker is not None and not line.is_chat
        ]
        self._known, owners = known_people([*self._spoken, *lines], call.roster)
        self._owners = owners[: len(self._spoken)]
        self._first_names = {known.key: known.name for known in self._known} | {
            person.key: person.name for person in call.identities.people
        }
        self._first_confidence = {
            person.key: person.confidence for person in call.identities.people
        }
        self._joined: dict[str, str] = {}
        self.listed = [_Who(person, set()) for person in call.identities.people]
        for tie in call.identities.attributions:
            self.listed[tie.participant].tracks.add(tie.track)
        self._confidence = {tie.track: tie.confidence for tie in call.identities.attributions}
        self._talkers = {self._known[owner].key for owner in self._owners}
        self._samples: dict[int, set[int]] = {}

    # Making one.

    def about_person(self, who: _Who, field: str, value: str) -> Correction:
        """A correction tied to Zoom's key of the person, or else to their face."""
        if who.person.key or not who.tracks:
            return Correction(field, value, who.person.key, who.person.name)
        return self._about_face(who, field, value)

    def _about_face(self, who: _Who, field: str, value: str) -> Correction:
        rows = np.flatnonzero(np.isin(self._call.observations.faces.track, list(who.tracks)))
        chosen = np.unique(np.linspace(0, len(rows) - 1, SIGHTINGS).round().astype(int))
        seen = tuple(sighting(self._call.observations, row) for row in rows[chosen].tolist())
        return Correction(field, value, who.person.key, who.person.name, seen)

    def named(self, who: _Who, name: str) -> Correction | None:
        """The correction of a name; see `correction_for`."""
        person = who.person
        if not name:
            return self._unnamed(who)
        if _NUMBERED.fullmatch(name):
            if name == person.name and not person.is_named:
                return None
            raise Refused(
                f"“{name}” is what people without a name are called: give a name, or an empty one."
            )
        if name == person.name:
            if person.is_confirmed or not who.tracks:
                return None
            return self._about_face(who, "name", name)
        others = self._namesakes(name, who)
        if len(others) > 1:
            raise Refused(
                f"{len(others)} people of this call are called {name}: give one of them another "
                "name first, so that it is clear who is meant."
            )
        if others and self._are_together(who.tracks, others[0].tracks):
            raise Refused(
                f"Another face that is seen at the same time is {others[0].person.name}'s. If "
                "that one is wrong, take its name away first (an empty name)."
            )
        if who.tracks and (others or not person.key):
            return self._about_face(who, "name", name)
        return self.about_person(who, "name", name)

    def _unnamed(self, who: _Who) -> Correction | None:
        person = who.person
        if not person.is_named:
            return None
        if person.key and self._first_names.get(person.key, person.name) != person.name:
            return Correction("name", "", person.key, person.name)
        if not who.tracks:
            raise Refused(
                f"Zoom's own records name {person.name}, and no face carries the name: there is "
                "nothing to take away."
            )
        return self._about_face(who, "name", "")

    # Applying them.

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
                if not (piece.person.is_named or self._are_together(who.tracks, piece.tracks)):
                    who.tracks |= piece.tracks
                    self.listed.remove(piece)
            self._name_face(who, correction.value)

    def _find(self, correction: Correction) -> list[_Who]:
        """Whom a correction is about; a face in several pieces gives the most seen one first."""
        if correction.seen:
            votes = Counter(track_at(self._call.observations, place) for place in correction.seen)
            seen = [(sum(votes[track] for track in who.tracks), who) for who in self.listed]
            hit = [(count, who) for count, who in seen if count]
            return [who for _, who in sorted(hit, key=lambda pair: -pair[0])]
        key = self._joined.get(correction.key, correction.key)
        found = [who for who in self.listed if who.person.key == key and key]
        if not found:
            named = [who for who in self.listed if _same(who.person.name, correction.name)]
            found = named if len(named) == 1 else []
        return found

    def _rename(self, who: _Who, name: str) -> None:
        """Give a person of Zoom's another name, or its own back; or find that two are one."""
        person = who.person
        if not name:
            if person.key in self._first_names:
                who.person = replace(
                    person,
                    name=self._first_names[person.key],
                    confidence=self._first_confidence.get(person.key, 1.0),
                    is_confirmed=False,
                )
            return
        others = self._namesakes(name, who)
        if others and not self._are_together(who.tracks, others[0].tracks):
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

    def _name_face(self, who: _Who, name: str) -> None:
        """Give a face to whoever has that name, or take it from whoever has it."""
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
        others = self._namesakes(name, who)
        other = min(others, key=lambda o: len(o.tracks), default=None)
        if other is not None and self._are_together(who.tracks, other.tracks):
            if other.person.is_confirmed:
                return
            self._without_face(other)  # A person's word goes before the program's.
            other = next(iter(self._namesakes(name, who)), None)
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

    def _replace(self, who: _Who, other: _Who) -> None:
        """Leave one of two, who may not have been listed so far."""
        self.listed.remove(who)
        if other not in self.listed:
            self.listed.append(other)

    def _without_face(self, who: _Who) -> _Who:
        """Make a person's face a face without a name; who is left with nothing is gone."""
        told = [_NUMBERED.fullmatch(other.person.name) for other in self.listed]
        taken = {int(found[1]) for found in told if found}
        number = next(n for n in range(1, len(taken) + 2) if n not in taken)
        face = _Who(Person(f"Person {number}", "", False, "unknown", False, 0.0), who.tracks)
        self.listed.append(face)
        who.tracks = set()
        who.person = replace(who.person, confidence=1.0, is_confirmed=False)
        is_there = bool(who.person.camera_off_s) or who.person.key in self._talking()
        if not (who.person.key and is_there):
            self.listed.remove(who)
        return face

    def _namesakes(self, name: str, but: _Who) -> list[_Who]:
        """Who else has that name: of those listed, or known to have been in the call."""
        found = [
            who
            for who in self.listed
            if who is not but and who.person.is_named and _same(who.person.name, name)
        ]
        there = {who.person.key for who in self.listed} | self._joined.keys()
        found += [
            _Who(_person(known), set())
            for known in self._known
            if known.key not in there and _same(known.name, name)
        ]
        return found

    def _are_together(self, tracks: set[int], others: set[int]) -> bool:
        """Whether two faces are seen at the same time."""
        one: set[int] = set().union(*map(self._samples_of, tracks))
        two: set[int] = set().union(*map(self._samples_of, others))
        return len(one & two) * self._call.observations.sample_interval_s >= TOGETHER_S

    def _samples_of(self, track: int) -> set[int]:
        if track not in self._samples:
            faces = self._call.observations.faces
            self._samples[track] = set(faces.sample[faces.track == track].tolist())
        return self._samples[track]

    def _talking(self) -> set[str]:
        return {self._joined.get(key, key) for key in self._talkers}

    # What comes out.

    def ordered(self) -> list[_Who]:
        """The people in order of their first appearance."""
        first_talk_s: dict[str, float] = {}
        for turn, owner in zip(self._spoken, self._owners, strict=True):
            key = self._known[owner].key
            first_talk_s.setdefault(self._joined.get(key, key), turn.start_s)
        t_s, faces = self._call.observations.t_s, self._call.observations.faces
        tracks, rows = np.unique(faces.track, return_index=True)  # rows ascend by sample
        first_seen: dict[int, float] = dict(
            zip(tracks.tolist(), t_s[faces.sample[rows]].tolist(), strict=True)
        )

        def first_s(who: _Who) -> float:
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
            self._call.identities,
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
            self._call,
            identities=identities,
            turns=tuple(
                self._turn(turn, owner, people)
                for turn, owner in zip(self._spoken, self._owners, strict=True)
            ),
            transcript=tuple(
                replace(line, speaker=names.get(line.speaker or "", line.speaker))
                for line in self._call.transcript
            ),
            roster=tuple(
                replace(entry, name=people[key].name if key in people else entry.name, key=key)
                for entry in self._call.roster
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
