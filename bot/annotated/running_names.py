"""Who the faces are while the recording is still being read: names from the evidence so far.

Identities are final only at the end of a call, but each frame is seen just once. So people are
named again and again, at growing intervals, from everything seen so far. A face without a certain
name is "Person 1"; names are never guessed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from bot.calls.record import Evidence, name_call, name_people
from inference.assess import AssessOptions, may_be_scored
from inference.attribution.attribute import Identities, Person
from inference.attribution.corrections import apply_corrections
from inference.attribution.person_ids import person_ids
from inference.observer import SeenSample
from inference.schema.observations import FaceColumns, Observations, Quality

NameFaces = Callable[[Observations], tuple[Observations, Identities]]
"""Names the people in what was seen so far; the observations may come back with other tracks."""

FIRST_AT_S = 1.0
"""The analysis is a second or two ahead of its reports, so by then someone was seen for 2 s."""
LEAST_PAUSE_S, PAUSE_SHARE = 4.0, 0.1
"""Pause between two namings: this long, or this share of the time so far, whichever is longer. The
cost of naming grows with the time seen; all namings together cost about eleven times the last."""
NEW_FACE_S, NEW_PAUSE_S, NEW_PAUSE_SHARE = 2.0, 2.0, 0.03
"""A new face seen for `NEW_FACE_S` shortens the pause to this, or to this share."""
GIVEN_UP_S = 4.0
"""A face still unidentified after this long no longer shortens the pause."""
KEPT_S = 60.0
"""A track not seen for this long is over (`TILE_GAP_S` in inference/faces/tracker.py is 10 s)."""


@dataclass(frozen=True, slots=True)
class Who:
    """A person as the frame shows them; the number stays the same when the name changes."""

    number: int
    name: str
    is_named: bool
    is_scored: bool


@dataclass(slots=True)
class _Track:
    """A track of the tracker: when it was first and last seen, and where."""

    first_s: float
    last_s: float
    sample: int
    box: bytes
    is_known: bool = False
    """Its owner is known, or was given up on after `GIVEN_UP_S`."""


class RunningNames:
    """Keeps track of whose face each track is, as far as the evidence goes."""

    def __init__(self, name_faces: NameFaces, options: AssessOptions) -> None:
        self._name_faces, self._options = name_faces, options
        self._tracks: dict[int, _Track] = {}
        self._who: dict[int, Who] = {}
        self.people: dict[int, Who] = {}
        """Everyone as last named, by number."""
        self._numbers: dict[str, int] = {}
        self._strangers: dict[int, int] = {}
        self._people = 0
        self._last_s = 0.0
        self._now_s = 0.0

    def note(self, seen: SeenSample) -> dict[int, Who]:
        """Take a sample's tracks and return the known owners of the recent tracks, by track."""
        self._now_s = seen.t_s
        for track, box in zip(seen.tracks, seen.boxes, strict=True):
            known = self._tracks.get(track)
            if known is None:
                self._tracks[track] = _Track(seen.t_s, seen.t_s, seen.sample, box.tobytes())
            else:
                known.last_s, known.sample, known.box = seen.t_s, seen.sample, box.tobytes()
        return self._who

    @property
    def is_due(self) -> bool:
        """Return whether people should be named again now."""
        pause_s = self._now_s - self._last_s
        if self._last_s == 0.0:
            return self._now_s >= FIRST_AT_S
        if pause_s >= max(LEAST_PAUSE_S, PAUSE_SHARE * self._now_s):
            return True
        if pause_s < max(NEW_PAUSE_S, NEW_PAUSE_SHARE * self._now_s):
            return False
        return any(
            not track.is_known and track.last_s - track.first_s >= NEW_FACE_S
            for track in self._tracks.values()
        )

    def learn(self, seen: Observations) -> None:
        """Name everyone again from everything seen so far."""
        self._last_s = self._now_s
        self._tracks = {
            track: known
            for track, known in self._tracks.items()
            if self._now_s - known.last_s <= KEPT_S
        }
        seen, identities = self._name_faces(seen)
        people = self._as_shown(seen, identities)
        self.people = {one.number: one for one in people}
        owner = {tie.track: tie.participant for tie in identities.attributions}
        self._who = {}
        for track, known in self._tracks.items():
            person = owner.get(_track_of(seen, known.sample, known.box), -1)
            if person >= 0:
                self._who[track] = people[person]
            known.is_known = person >= 0 or known.last_s - known.first_s >= GIVEN_UP_S

    def _as_shown(self, seen: Observations, identities: Identities) -> list[Who]:
        """Return the people under the numbers they had before."""
        given: set[int] = set()
        shown = []
        for person, ids in zip(identities.people, person_ids(seen, identities), strict=True):
            before = (self._numbers[one] for one in ids if one in self._numbers)
            number = next((one for one in before if one not in given), -1)
            if number < 0:
                number, self._people = self._people, self._people + 1
            given.add(number)
            self._numbers.update(dict.fromkeys(ids, number))
            scored = may_be_scored(person.side, self._options)
            shown.append(Who(number, self._called(person, number), person.is_named, scored))
        return shown

    def _called(self, person: Person, number: int) -> str:
        if person.is_named:
            return person.name
        stranger = self._strangers.setdefault(number, len(self._strangers) + 1)
        return f"Person {stranger}" + (f" ({person.room})" if person.room else "")


def _track_of(seen: Observations, sample: int, box: bytes) -> int:
    """Return the track that holds exactly this face in the observations, or -1 if none does."""
    faces = seen.faces
    start, end = np.searchsorted(faces.sample, [sample, sample + 1]).tolist()
    for row in range(start, end):
        if faces.box[row].tobytes() == box:
            return int(faces.track[row])
    return -1


def naming_with(evidence: Evidence) -> NameFaces:
    """Return a function that names people with an evidence's side data and corrections."""

    def name(seen: Observations) -> tuple[Observations, Identities]:
        so_far = name_people(replace(evidence, observations=seen))
        named = apply_corrections(name_call(so_far), evidence.corrections)
        return named.observations, named.identities

    return name


def nothing_seen(duration_s: float | None) -> Observations:
    """Return the observations of a recording before its first frame, to add side files to."""
    return Observations(
        t_s=np.zeros(0),
        sample_interval_s=1.0,
        duration_s=duration_s or 0.0,
        width_px=0,
        height_px=0,
        faces=FaceColumns.empty(),
        views=(),
        quality=Quality(),
        model="",
    )
