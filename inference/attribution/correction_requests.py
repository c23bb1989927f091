"""What people may say about who is who, and how it is anchored so that it lasts.

A correction is tied to Zoom's key of the person, or to some of the places and seconds in which the
face was seen, because another analysis may number the faces differently. What the call itself
contradicts is refused.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inference.attribution.corrections import (
    NUMBERED,
    CorrectedPeople,
    Correction,
    ListedPerson,
    NamedCall,
)
from inference.attribution.person_ids import sighting

SIGHTINGS = 12
"""Places kept of a face, spread over its whole time: some survive however tracks are cut."""


class Refused(Exception):
    """A correction contradicts what is certain; the message says why and what to do."""


def correction_for(
    call: NamedCall, corrections: Sequence[Correction], person: int, field: str, value: str
) -> Correction | None:
    """Build the lasting form of what somebody says of a person; None where it says nothing new.

    Args:
        call: as the program made it.
        corrections: those made before, in order.
        person: index into the people of the corrected call.
        field: "name" or "side".
        value: the name, "" to take it away; or "rep", "prospect" or "unknown".

    Raises:
        Refused: the call itself shows that it cannot be so.
    """
    people = CorrectedPeople(call)
    for correction in corrections:
        people.apply(correction)
    # As `apply_corrections` lists them: in the program's own order while nothing was corrected.
    who = (people.ordered() if corrections else people.listed)[person]
    if field == "side":
        if who.person.side == value:
            return None
        return _about_person(people, who, field, value)
    return _named(people, who, " ".join(value.split()))


def _about_person(people: CorrectedPeople, who: ListedPerson, field: str, value: str) -> Correction:
    """Build a correction tied to Zoom's key of the person, or else to their face."""
    if who.person.key or not who.tracks:
        return Correction(field, value, who.person.key, who.person.name)
    return _about_face(people, who, field, value)


def _about_face(people: CorrectedPeople, who: ListedPerson, field: str, value: str) -> Correction:
    rows = np.flatnonzero(np.isin(people.call.observations.faces.track, list(who.tracks)))
    chosen = np.unique(np.linspace(0, len(rows) - 1, SIGHTINGS).round().astype(int))
    seen = tuple(sighting(people.call.observations, row) for row in rows[chosen].tolist())
    return Correction(field, value, who.person.key, who.person.name, seen)


def _named(people: CorrectedPeople, who: ListedPerson, name: str) -> Correction | None:
    """Build the correction of a name; see `correction_for`."""
    person = who.person
    if not name:
        return _unnamed(people, who)
    if NUMBERED.fullmatch(name):
        if name == person.name and not person.is_named:
            return None
        raise Refused(
            f"“{name}” is what people without a name are called: give a name, or an empty one."
        )
    if name == person.name:
        if person.is_confirmed or not who.tracks:
            return None
        return _about_face(people, who, "name", name)
    others = people.namesakes(name, who)
    if len(others) > 1:
        raise Refused(
            f"{len(others)} people of this call are called {name}: give one of them another "
            "name first, so that it is clear who is meant."
        )
    if others and people.are_together(who.tracks, others[0].tracks):
        raise Refused(
            f"Another face that is seen at the same time is {others[0].person.name}'s. If "
            "that one is wrong, take its name away first (an empty name)."
        )
    if who.tracks and (others or not person.key):
        return _about_face(people, who, "name", name)
    return _about_person(people, who, "name", name)


def _unnamed(people: CorrectedPeople, who: ListedPerson) -> Correction | None:
    person = who.person
    if not person.is_named:
        return None
    if person.key and people.first_names.get(person.key, person.name) != person.name:
        return Correction("name", "", person.key, person.name)
    if not who.tracks:
        raise Refused(
            f"{person.name} comes from Zoom's own records and no face carries the name: there is "
            "nothing to remove."
        )
    return _about_face(people, who, "name", "")
