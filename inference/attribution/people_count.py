"""How many people were in a call, where faces without a name may be listed more than once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inference.attribution.tracklet_groups import tiles_of
from inference.schema.analysis import Attribution
from inference.schema.arrays import I32
from inference.schema.observations import Observations


@dataclass(frozen=True, slots=True)
class PeopleCount:
    """How many people there were; not exact where some may be listed more than once."""

    count: int
    is_exact: bool


def count_people(
    observations: Observations, attributions: Sequence[Attribution], are_named: Sequence[bool]
) -> PeopleCount:
    """Return how many people a call's list stands for.

    Everybody with a name counts, and everybody listed without a face. Two without a name, or one
    with and one without, count once if their cameras may be the same and they are never seen at
    once. There are never fewer than faces seen at once.

    Args:
        attributions: which track shows whom.
        are_named: of everybody listed, whether they have a name.
    """
    listed = len(are_named)
    person_of = {a.track: a.participant for a in attributions}
    faces = observations.faces
    persons = np.array([person_of.get(track, -1) for track in faces.track.tolist()], np.int32)
    cameras = _likely_cameras(observations)
    members: dict[int, list[int]] = defaultdict(list)
    count = 0
    at: dict[int, set[int]] = {}
    for person in range(listed):
        rows = np.flatnonzero(persons == person)
        at[person] = set(faces.sample[rows].tolist())
        seen = Counter(cameras[rows][cameras[rows] >= 0].tolist())
        if seen:
            members[seen.most_common(1)[0][0]].append(person)
        else:
            count += 1
    for people in members.values():
        # The named first, each one apart; then the others, with the first whom they may be.
        seen_at: list[set[int]] = []
        for person in sorted(people, key=lambda p: (not are_named[p], p)):
            same = None
            if not are_named[person]:
                same = next((s for s in seen_at if s.isdisjoint(at[person])), None)
            if same is None:
                seen_at.append(set(at[person]))
            else:
                same |= at[person]
        count += len(seen_at)
    known = persons >= 0
    pairs = np.unique(np.stack([faces.sample[known], persons[known]]), axis=1)
    count = max(count, int(np.bincount(pairs[0]).max(initial=0)))
    return PeopleCount(count, count == listed)


def _likely_cameras(observations: Observations) -> I32:
    """Return the number of the likely camera of each face, -1 where there is none."""
    faces = observations.faces
    views = np.full(len(observations.t_s), -1, np.int32)
    for k, view in enumerate(observations.views):
        views[view.start_sample : view.end_sample] = k
    at = views[faces.sample]
    tiles = tiles_of(observations, at)
    cameras = np.full(len(faces), -1, np.int32)
    for k in np.unique(at[at >= 0]).tolist():
        likely = observations.views[k].likely_cameras
        rows = np.flatnonzero((at == k) & (tiles >= 0) & (tiles < len(likely)))
        cameras[rows] = likely[tiles[rows]]
    return cameras
