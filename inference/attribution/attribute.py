"""Whose face a track is: people of the call, and the names that are certain.

A wrong name is far worse than none. The likelihoods of all evidence (name labels, moving mouths,
the picture that follows the speaker, joins and leaves) are combined by belief propagation over the
tracklet groups of the whole call, and a group gets a name where its posterior is `CERTAIN`. All
other faces that were seen for 2 s are "Person 1", "Person 2" and so on. docs/attribution.md
describes the model.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inference.attribution.belief_propagation import propagate_beliefs
from inference.attribution.likelihoods import label_probabilities, log_weights
from inference.attribution.roster import KnownPerson, known_people
from inference.attribution.speech_alignment import speech_table
from inference.attribution.tracklet_groups import TrackletGroup, find_tracklet_groups
from inference.name_labels.glyph_match import DrawName
from inference.schema.analysis import Attribution
from inference.schema.arrays import F32, Bools
from inference.schema.meeting import RosterEntry, SpeakerTurn, TranscriptLine
from inference.schema.observations import Observations
from inference.speech.turns import Span, usable_turns

CERTAIN = 0.95
"""From this probability up a face gets a name."""
ONLY_PERSON_CONFIDENCE = 0.99
ONLY_SPEAKER_CONFIDENCE = 0.95
TALKING_MOUTH_STD = 0.03
"""Standard deviation of the mouth opening from which a mouth counts as moving: 0.04 to 0.17 in six
clips of people talking."""


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
    """Seconds in which the person was there without video; None where unknown."""
    is_confirmed: bool = False
    """A person gave or confirmed this name."""
    room: str = ""
    """The name of the room that this person, who has no name, sits in with others."""
    camera_off: tuple[Span, ...] = ()
    """When that was, in order of time; () where unknown."""


@dataclass(frozen=True, slots=True)
class Identities:
    """Who was in the call, in order of first appearance, and which track shows whom.

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
    roster: Sequence[RosterEntry],
    voices: Sequence[SpeakerTurn] = (),
    draw_name: DrawName | None = None,
) -> Identities:
    """Return who was in the call, and whose each face is where that is certain.

    Args:
        turns: who spoke when; without any, the lines of the transcript take their place.
        roster: who is known to have been there; may be empty. Those who neither spoke nor were
            seen, nor whose name was shown on a tile without video, are left out.
        voices: when each person's own sound file has a voice; for whom there are any, they take
            the place of the turns in naming faces. May be empty.
        draw_name: draws names in scripts that the reader of labels does not know; without it,
            labels in those scripts name nobody.
    """
    spoken = usable_turns(turns, transcript, observations.duration_s)
    heard = usable_turns(voices, (), observations.duration_s)
    named = [
        SpeakerTurn(line.start_s, line.end_s, line.speaker)
        for line in transcript
        if line.speaker is not None and not line.is_chat
    ]
    known, owners = known_people([*spoken, *heard, *named], roster)
    owners = owners[: len(spoken) + len(heard)]
    for turn, owner in zip(spoken, owners, strict=False):
        known[owner].first_s = min(known[owner].first_s, turn.start_s)
    with_voice = set(owners[len(spoken) :])
    said = [
        (turn, owner)
        for k, (turn, owner) in enumerate(zip([*spoken, *heard], owners, strict=True))
        if k >= len(spoken) or owner not in with_voice
    ]
    speakers = sorted({owner for _, owner in said})
    speech = speech_table(
        observations.t_s, observations.sample_interval_s, [turn for turn, _ in said],
        [speakers.index(owner) for _, owner in said], len(speakers),
    )  # fmt: skip
    groups = find_tracklet_groups(observations)
    names = _names(observations, groups, known, bool(roster), speakers, speech, draw_name)
    return _identities(observations, known, groups, names)


# Names -------------------------------------------------------------------------------------------

_Name = tuple[int, float] | None
"""Index of a known person, and the probability that it is right."""


def _names(
    observations: Observations,
    groups: Sequence[TrackletGroup],
    known: Sequence[KnownPerson],
    has_roster: bool,
    speakers: Sequence[int],
    speech: F32,
    draw_name: DrawName | None,
) -> list[_Name]:
    """Return each group's owner where certain."""
    if not groups or not known:
        return [None] * len(groups)
    only = _only_person(observations, groups, known, has_roster, speakers, speech, draw_name)
    if only is not None:
        return [only if group.tracks else None for group in groups]
    shown = np.stack([group.shown for group in groups])
    weights = log_weights(observations, groups, known, speakers, speech, draw_name)
    posterior = propagate_beliefs(weights, shown)
    best = posterior[:, :-1].argmax(axis=1)
    names: list[_Name] = [
        (int(person), float(row[person])) if row[person] >= CERTAIN else None
        for person, row in zip(best, posterior, strict=True)
    ]
    return _apart(names, shown)


def _apart(names: list[_Name], shown: Bools) -> list[_Name]:
    """Take a name away from groups that have it at the same time, as the posterior is not exact."""
    owners: dict[int, list[int]] = defaultdict(list)
    for group, name in enumerate(names):
        if name is not None:
            owners[name[0]].append(group)
    doubtful = {
        group
        for members in owners.values()
        for group in members
        if any(other != group and (shown[group] & shown[other]).any() for other in members)
    }
    return [None if group in doubtful else name for group, name in enumerate(names)]


def _only_person(
    observations: Observations,
    groups: Sequence[TrackletGroup],
    known: Sequence[KnownPerson],
    has_roster: bool,
    speakers: Sequence[int],
    speech: F32,
    draw_name: DrawName | None,
) -> _Name:
    """Return the person who must be every face of the call because there is nobody else.

    One camera is all there is, and never more than one face is seen at a time; and either the
    roster has one person alone, or one alone ever speaks and the mouth moves. A roster may have
    lost its other pages: several cameras are several people. No label may speak against it.
    """
    faces_at = np.zeros(len(observations.t_s), np.int32)
    for group in groups:
        if group.is_room:
            return None
        faces_at[observations.faces.sample[group.rows]] += 1
    seen = [group for group in groups if group.tracks]
    if faces_at.max(initial=0) > 1 or len(seen) != 1:
        return None
    if len(known) == 1 and has_roster:
        name = (0, ONLY_PERSON_CONFIDENCE)
    elif len(speakers) == 1 and groups[0].is_alone and _talks(observations, groups, speech[0]):
        name = (speakers[0], ONLY_SPEAKER_CONFIDENCE)
    else:
        return None
    flat = np.full(len(known) + 1, 1 / (len(known) + 1))
    names = [person.name for person in known]
    read = label_probabilities(observations, groups, names, flat, draw_name)
    speaks_against = any(
        len(observations.labels) > 0 and row.argmax() != name[0] and row.max() > CERTAIN
        for row in read
    )
    return None if speaks_against else name


def _talks(observations: Observations, groups: Sequence[TrackletGroup], speech: F32) -> bool:
    """Return whether the mouth moves while there is speech."""
    rows = np.concatenate([group.rows for group in groups])
    during = rows[speech[observations.faces.sample[rows]] > 0.5]
    opening = observations.faces.mouth_opening[during]
    opening = opening[np.isfinite(opening)]
    return len(opening) >= 4 and float(opening.std()) >= TALKING_MOUTH_STD


# Identities --------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Entry:
    """A person to be listed: known, or a face without a name."""

    first_s: float
    order: int
    known: KnownPerson | None
    tracks: list[tuple[int, float]]  # track and confidence
    confidence: float = 0.0
    camera_off_s: float | None = None
    room: str = ""
    camera_off: tuple[Span, ...] = ()


def _identities(
    observations: Observations,
    known: Sequence[KnownPerson],
    groups: Sequence[TrackletGroup],
    names: Sequence[_Name],
) -> Identities:
    """Put people in order of first appearance and number those without a name."""
    entries = _known_entries(observations, known, groups, names)
    for group, name in zip(groups, names, strict=True):
        room = "" if name is None else known[name[0]].name
        persons = group.people if group.is_room else [] if name is not None else [group.tracks]
        for tracks in persons:
            if tracks:
                first_s = _first_s(observations, tracks)
                nameless = [(track, 0.0) for track in tracks]
                entries.append(
                    _Entry(first_s, len(known), None, nameless, room=room if group.is_room else "")
                )
    entries.sort(key=lambda entry: (entry.first_s, entry.order))
    people: list[Person] = []
    attributions: list[Attribution] = []
    strangers = 0
    for entry in entries:
        attributions += [Attribution(t, len(people), sure) for t, sure in entry.tracks]
        someone = entry.known
        if someone is None:
            strangers += 1
            called = f"Person {strangers}" + (f" ({entry.room})" if entry.room else "")
            person = Person(called, "", False, "unknown", False, 0.0, room=entry.room)
        else:
            person = Person(
                someone.name, someone.key, True, someone.side, someone.is_host, entry.confidence,
                camera_off_s=entry.camera_off_s, camera_off=entry.camera_off,
            )  # fmt: skip
        people.append(person)
    return Identities(tuple(people), tuple(sorted(attributions, key=lambda a: a.track)))


def _known_entries(
    observations: Observations,
    known: Sequence[KnownPerson],
    groups: Sequence[TrackletGroup],
    names: Sequence[_Name],
) -> list[_Entry]:
    """Return the known people who spoke, were seen or had their name on a tile without video."""
    entries = []
    for k, someone in enumerate(known):
        own = [
            (group, name[1])
            for group, name in zip(groups, names, strict=True)
            if name is not None and name[0] == k and not group.is_room
        ]
        tracks = [(track, sure) for group, sure in own for track in group.tracks]
        starts = [float(observations.t_s[int(group.shown.argmax())]) for group, _ in own]
        off = _camera_off(observations, [group for group, _ in own])
        off_s = None if off is None else sum(end_s - start_s for start_s, end_s in off)
        first_s = min([someone.first_s, *starts])
        if tracks or off_s or someone.first_s < math.inf:
            confidence = min([1.0, *(sure for _, sure in own)])
            entries.append(
                _Entry(first_s, k, someone, tracks, confidence, off_s, camera_off=off or ())
            )
    return entries


def _camera_off(
    observations: Observations, groups: Sequence[TrackletGroup]
) -> tuple[Span, ...] | None:
    """Return when a person's tile had no video, in order of time; None where that is unknown."""
    off = np.zeros(len(observations.t_s), np.bool_)
    on, is_known = off.copy(), False
    for group in groups:
        for k, tile in group.places:
            view = observations.views[k]
            if tile < len(view.has_video):
                is_known = True
                (on if view.has_video[tile] else off)[view.start_sample : view.end_sample] = True
    if not is_known:
        return None
    edges = np.flatnonzero(np.diff(np.concatenate([[False], off & ~on, [False]])))
    first_s, interval_s = observations.t_s, observations.sample_interval_s
    return tuple(
        (float(first_s[start]), float(first_s[start]) + int(end - start) * interval_s)
        for start, end in edges.reshape(-1, 2)
    )


def _first_s(observations: Observations, tracks: Sequence[int]) -> float:
    samples = observations.faces.sample[np.isin(observations.faces.track, tracks)]
    return float(observations.t_s[samples.min()])
