"""Whose face a track is: people of the call, and the names that are certain.

A wrong name is far worse than none, so a face gets a name only where one of these holds:

1. one person is known for the whole call, and never more than one face is seen at a time;
2. one person alone ever speaks, the picture always shows one person, and its mouth moves;
3. the picture follows the speaker (checked against shifted turns), and while the face is shown one
   speaker holds nearly all of the speech;
4. the mouth moves when that speaker speaks and not when others do, far beyond chance, and no other
   face or speaker fits nearly as well.

All other faces that were seen for 2 s are "Person 1", "Person 2" and so on.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inference.evidence import (
    MIN_SAMPLES,
    followed_speakers,
    mouth_activity,
    mouth_evidence,
    speech_table,
)
from inference.people import KnownPerson, known_people
from inference.talk import usable_turns
from inference.types import (
    F32,
    F64,
    I32,
    Attendee,
    Attribution,
    Observations,
    SpeakerTurn,
    TranscriptLine,
)

SEEN_MIN_S = 2.0
"""A face seen for less is nobody's: a passer-by, or a mistake of the detector."""
CERTAIN = 0.95
"""From this probability up a face gets a name."""
ONLY_PERSON_CONFIDENCE = 0.99
ONLY_SPEAKER_CONFIDENCE = 0.95
TALKING_MOUTH_STD = 0.03
"""Standard deviation of the mouth opening from which a mouth counts as moving: 0.04 to 0.17 in six
clips of people talking."""
SINGLE_MIN_S = 3.0
"""A face shown alone for less may be a picture in passing."""
UNKNOWN_PRIOR = 0.8
"""Before looking, the chance that a face is of nobody who speaks, or a speaker has no face here.
Set high: in simulated calls with silent faces and speakers without a camera, 0.3 gave two wrong
names of a hundred."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the call. `name` is "Person 1" and so on where `is_named` is False.

    `confidence` (0–1) is that of the name: 1 for a speaker without a face, 0 without a name.
    """

    name: str
    key: str
    is_named: bool
    side: str
    is_host: bool
    confidence: float
    camera_off_s: float | None = None
    """Seconds in which the person was there without video; None where not told."""
    is_confirmed: bool = False
    """A person gave or confirmed this name."""


@dataclass(frozen=True, slots=True)
class Cast:
    """The people in order of their first appearance, and which track shows whom.

    Tracks that are nobody's are not attributed.
    """

    people: tuple[Person, ...]
    attributions: tuple[Attribution, ...]
    joined: tuple[tuple[str, str], ...] = ()
    """Keys that a person found to be somebody else's too, each with the key it belongs to."""


def attribute(
    observations: Observations,
    turns: Sequence[SpeakerTurn],
    transcript: Sequence[TranscriptLine],
    attendees: Sequence[Attendee],
    voices: Sequence[SpeakerTurn] = (),
) -> Cast:
    """Tell who was in the call, and whose each face is where that is certain.

    Args:
        turns: who spoke when; without any, the lines of the transcript take their place.
        attendees: who is known to have been there; may be empty. Those who neither spoke nor were
            seen are left out.
        voices: when each person's own sound file has a voice; may be empty.
    """
    spoken = usable_turns(turns, transcript, observations.duration_s)
    known, owners = known_people(spoken, attendees)
    for turn, owner in zip(spoken, owners, strict=True):
        known[owner].first_s = min(known[owner].first_s, turn.start_s)
    units = _units(observations)
    speakers = [k for k, person in enumerate(known) if person.first_s < math.inf]
    rows = {person: row for row, person in enumerate(speakers)}
    speech = speech_table(
        observations.t_s, observations.sample_interval_s, spoken,
        [rows[owner] for owner in owners], len(speakers),
    )  # fmt: skip
    for unit, name in zip(units, _names(observations, units, known, speakers, speech), strict=True):
        if name is not None:
            unit.owner, unit.confidence = name
    return _cast(observations, known, units)


# Faces -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Unit:
    """Tracks that are certainly one person: they follow one another in one unmoved tile."""

    tracks: list[int]
    rows: I32  # of the face columns, ascending by sample
    samples: I32
    is_alone: bool  # always in a one-person view
    owner: int | None = None
    confidence: float = 0.0


def _units(observations: Observations) -> list[_Unit]:
    """Give the faces seen for SEEN_MIN_S or more, in order of first sight."""
    faces = observations.faces
    view_of = np.full(len(observations.t_s), -1)
    for k, view in enumerate(observations.views):
        view_of[view.start_sample : view.end_sample] = k
    is_single = np.array([view.kind == "single" for view in observations.views] + [False])
    units = []
    order = np.lexsort((faces.sample, faces.track)).astype(np.int32)
    ascending = faces.track[order]
    for tracks in _chains(observations, view_of):
        parts = [
            order[np.searchsorted(ascending, track) : np.searchsorted(ascending, track, "right")]
            for track in tracks
        ]
        rows = np.concatenate(parts)
        rows = rows[np.argsort(faces.sample[rows], kind="stable")]
        samples = faces.sample[rows]
        if len(np.unique(samples)) * observations.sample_interval_s < SEEN_MIN_S - 1e-6:
            continue
        alone = bool(is_single[view_of[samples]].all())
        units.append(_Unit(sorted(tracks), rows, samples, alone))
    return sorted(units, key=lambda unit: (int(unit.samples[0]), unit.tracks[0]))


def _chains(observations: Observations, view_of: I32) -> list[list[int]]:
    """Join tracks that follow one another in one tile while the view stays as it is.

    Where a tile shows two lasting faces at once, its tracks stay apart.
    """
    faces = observations.faces
    views = view_of[faces.sample]
    places = np.stack([views, _tiles(observations, views), faces.track], axis=1)
    appearances, which = np.unique(places, axis=0, return_inverse=True)
    which = which.reshape(-1)
    count = np.bincount(which, minlength=len(appearances))
    first = np.full(len(appearances), len(observations.t_s))
    last = np.full(len(appearances), -1)
    np.minimum.at(first, which, faces.sample)
    np.maximum.at(last, which, faces.sample)
    lasting: dict[tuple[int, int], list[tuple[int, int, int]]] = defaultdict(list)
    for k, (view, tile, track) in enumerate(appearances.tolist()):
        if tile >= 0 and count[k] * observations.sample_interval_s >= SEEN_MIN_S:
            lasting[view, tile].append((int(first[k]), int(last[k]), track))
    joined = {track: track for track in np.unique(faces.track).tolist()}

    def root(track: int) -> int:
        while joined[track] != track:
            track = joined[track]
        return track

    for spans in lasting.values():
        pairs = list(itertools.pairwise(sorted(spans)))
        if all(before[1] < after[0] for before, after in pairs):
            for before, after in pairs:
                joined[root(after[2])] = root(before[2])
    chains: dict[int, list[int]] = defaultdict(list)
    for track in joined:
        chains[root(track)].append(track)
    return list(chains.values())


def _tiles(observations: Observations, views: I32) -> I32:
    """Index of the tile that shows each face; 0 in a one-person view, -1 where there is none."""
    boxes = observations.faces.box
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    tiles = np.full(len(boxes), -1, np.int32)
    for k in np.unique(views[views >= 0]).tolist():
        view, rows = observations.views[k], np.flatnonzero(views == k)
        if view.kind == "single":
            tiles[rows] = 0
        elif len(view.tiles):
            points = middles[rows, None]
            inside = (points >= view.tiles[:, :2]) & (points <= view.tiles[:, 2:])
            is_in = inside.all(axis=2)
            tiles[rows] = np.where(is_in.any(axis=1), is_in.argmax(axis=1), -1)
    return tiles


# Names -------------------------------------------------------------------------------------------

_Name = tuple[int, float] | None
"""Index of a known person, and the probability that it is right."""


def _names(
    observations: Observations,
    units: list[_Unit],
    known: list[KnownPerson],
    speakers: list[int],
    speech: F32,
) -> list[_Name]:
    """Give each unit's owner where certain."""
    if not units or not known:
        return [None] * len(units)
    all_samples = np.concatenate([np.unique(unit.samples) for unit in units])
    one_face = bool(np.unique(all_samples, return_counts=True)[1].max() == 1)
    if len(known) == 1 and one_face:
        return [(0, ONLY_PERSON_CONFIDENCE)] * len(units)
    interval_s = observations.sample_interval_s
    if len(speakers) == 1:
        alone = one_face and all(unit.is_alone for unit in units)
        if alone and _talks(observations, units, speech[0]):
            return [(speakers[0], ONLY_SPEAKER_CONFIDENCE)] * len(units)
    names = _names_by_mouth(observations, units, speech)
    shown = [
        k
        for k, unit in enumerate(units)
        if unit.is_alone and len(np.unique(unit.samples)) * interval_s >= SINGLE_MIN_S
    ]
    spans = [(int(units[k].samples[0]), int(units[k].samples[-1]) + 1) for k in shown]
    for k, follows in zip(shown, followed_speakers(spans, speech, interval_s), strict=True):
        if follows is None or follows[1] < CERTAIN:
            continue
        mouth = names[k]
        if mouth is not None and mouth[0] != follows[0]:
            names[k] = None  # two sources speak against each other
        elif mouth is None or mouth[1] < follows[1]:
            names[k] = follows
    return [name and (speakers[name[0]], name[1]) for name in names]


def _names_by_mouth(observations: Observations, units: list[_Unit], speech: F32) -> list[_Name]:
    """Give each unit the row of the speaker with whom its mouth moves, where certain."""
    names: list[_Name] = [None] * len(units)
    long = [k for k, unit in enumerate(units) if len(unit.samples) >= MIN_SAMPLES]
    if not long:
        return names
    chosen = [units[k] for k in long]
    activity = np.stack([_activity(observations, unit) for unit in chosen])
    evidence = mouth_evidence(activity, speech, observations.sample_interval_s)
    if evidence.is_aligned:
        found = _one_to_one(evidence.log_ratio, _overlaps(chosen))
        for k, name in zip(long, found, strict=True):
            names[k] = name
    return names


def _talks(observations: Observations, units: list[_Unit], speech: F32) -> bool:
    """Whether the mouth moves while there is speech."""
    rows = np.concatenate([unit.rows for unit in units])
    during = rows[speech[observations.faces.sample[rows]] > 0.5]
    opening = observations.faces.mouth_opening[during]
    opening = opening[np.isfinite(opening)]
    return len(opening) >= 4 and float(opening.std()) >= TALKING_MOUTH_STD


def _activity(observations: Observations, unit: _Unit) -> F64:
    """Mouth activity of a unit over all samples of the call, NaN where it was not seen."""
    faces = observations.faces
    columns = np.full((3, len(observations.t_s)), np.nan, np.float32)
    for column, values in zip(
        columns, (faces.mouth_opening, faces.yaw_deg, faces.pitch_deg), strict=True
    ):
        column[unit.samples] = values[unit.rows]
    return mouth_activity(*columns)


def _overlaps(units: list[_Unit]) -> list[list[int]]:
    """For each unit those that are seen at the same time, itself included."""
    spans = [(int(unit.samples[0]), int(unit.samples[-1])) for unit in units]
    return [
        [k for k, (first, last) in enumerate(spans) if first <= end and start <= last]
        for start, end in spans
    ]


def _one_to_one(log_ratio: F64, overlaps: list[list[int]]) -> list[_Name]:
    """Name the faces for which one speaker, and the speakers for which one face, stands out.

    Both directions must be certain, each weighed against all others and against "nobody here".
    Whoever is named is then out of question for the other faces of the same time, which may make
    those certain too.
    """
    ratio = log_ratio.copy()
    units, speakers = ratio.shape
    names: list[_Name] = [None] * units
    while True:
        best: tuple[float, int, int] | None = None
        for unit in range(units):
            if names[unit] is not None:
                continue
            speaker = int(ratio[unit].argmax())
            if not math.isfinite(ratio[unit, speaker]):
                continue
            beside = [k for k in overlaps[unit] if names[k] is None]
            column = ratio[beside, speaker]
            sure = min(
                _probability(ratio[unit], speaker, speakers),
                _probability(column, beside.index(unit), len(beside)),
            )
            if best is None or sure > best[0]:
                best = (sure, unit, speaker)
        if best is None or best[0] < CERTAIN:
            return names
        sure, unit, speaker = best
        names[unit] = (speaker, sure)
        ratio[[k for k in overlaps[unit] if k != unit], speaker] = -np.inf


def _probability(ratios: F64, index: int, count: int) -> float:
    """Posterior of one among several, of which none may be right."""
    weights = np.concatenate([ratios - math.log(count / (1 - UNKNOWN_PRIOR)), [0.0]])
    weights[-1] = math.log(UNKNOWN_PRIOR)
    weights = np.exp(weights - weights.max())
    return float(weights[index] / weights.sum())


# The cast ----------------------------------------------------------------------------------------


def _cast(observations: Observations, known: list[KnownPerson], units: list[_Unit]) -> Cast:
    """Put people in order of first appearance and number those without a name."""
    shown: dict[int, list[_Unit]] = defaultdict(list)
    for unit in units:
        if unit.owner is not None:
            shown[unit.owner].append(unit)
    entries: list[tuple[float, int, KnownPerson | None, list[_Unit]]] = []
    for k, known_person in enumerate(known):
        seen = [_first_s(observations, unit) for unit in shown[k]]
        first_s = min([known_person.first_s, *seen])
        if first_s < math.inf:
            entries.append((first_s, k, known_person, shown[k]))
    for unit in units:
        if unit.owner is None:
            entries.append((_first_s(observations, unit), len(known), None, [unit]))
    entries.sort(key=lambda entry: entry[:2])
    people: list[Person] = []
    attributions: list[Attribution] = []
    strangers = 0
    for _, _, someone, faces in entries:
        if someone is None:
            strangers += 1
            person = Person(f"Person {strangers}", "", False, "unknown", False, 0.0)
        else:
            confidence = min([1.0, *(unit.confidence for unit in faces)])
            person = Person(
                someone.name, someone.key, True, someone.side, someone.is_host, confidence
            )
        attributions += [
            Attribution(track, len(people), unit.confidence)
            for unit in faces
            for track in unit.tracks
        ]
        people.append(person)
    return Cast(tuple(people), tuple(sorted(attributions, key=lambda a: a.track)))


def _first_s(observations: Observations, unit: _Unit) -> float:
    return float(observations.t_s[unit.samples[0]])
