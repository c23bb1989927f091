"""Which faces are one person, by place alone: seats, tiles, tracks, and rooms with several people.

A unit is what shows one person: all tracks of one seat, else of one tile of one view, else one
track. Faces are never compared with each other. Where two lasting faces stand in one seat at the
same time it is a room: its name is the room's, and its faces are several people.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from inference.boxes import centre, centres, holders
from inference.schema.arrays import F32, I32, Bools
from inference.schema.observations import Observations

SEEN_MIN_S = 2.0
"""A face seen for less is nobody's: a passer-by, or a mistake of the detector."""
ROOM_MIN_S = 8.0
ROOM_MIN_SHARE = 0.1
"""A seat is a room from this long with two faces at once, and this share of the time it is seen:
somebody who walks through the picture makes no room."""
PASSING_S = 1.0
"""Tracks of one person may overlap this long, where one is taken up anew."""
SAME_PLACE = 0.5
"""In a room, a track goes on where another ended: within so many face sizes."""

Place = tuple[int, int]
"""A view and one of its tiles; tile 0 of an undivided picture."""
Span = tuple[int, int]
"""First sample and end, exclusive."""


@dataclass(slots=True)
class Unit:
    """Something that shows one person, or one room.

    Without `tracks` it is a tile in which no face was seen for long enough.
    """

    tracks: list[int]
    rows: I32
    """Of the face columns, one per sample at most, ascending by sample; empty for a room."""
    shown: Bools
    """(T,) where its tile stands, or its face is seen."""
    places: list[Place] = field(default_factory=list)
    leads: list[Span] = field(default_factory=list)
    """When it fills the place that may follow the speaker."""
    people: list[list[int]] = field(default_factory=list)
    """The tracks of each person in a room; empty where the unit is one person."""
    is_alone: bool = False
    """Seen in one-person views only."""
    is_passing: bool = False
    """A second face that passes through somebody's seat, or stands in no tile of a layout: no name
    of the seat is its own."""

    @property
    def is_room(self) -> bool:
        return bool(self.people)


def find_units(observations: Observations) -> list[Unit]:
    """Give the units in order of first sight, then of place and track."""
    groups = _Groups(observations)
    units = [unit for group in groups.all() for unit in _units_of(group, observations, groups)]
    return sorted(units, key=lambda u: (int(u.shown.argmax()), u.places[:1], u.tracks[:1]))


def tiles_of(observations: Observations, views: I32) -> I32:
    """Return the index of the tile that shows each face; -1 where there is none.

    In an undivided picture it is 0. Where tiles lie over one another, the smallest counts.

    Args:
        views: index of the view of each face, -1 where there is none.
    """
    middles = centres(observations.faces.box)
    tiles = np.full(len(middles), -1, np.int32)
    for k in np.unique(views[views >= 0]).tolist():
        view, rows = observations.views[k], np.flatnonzero(views == k)
        tiles[rows] = 0 if view.kind == "single" else holders(middles[rows], view.tiles)
    return tiles


@dataclass(slots=True)
class _Group:
    """Places that are one camera, with the tracks seen there.

    `is_cut`: another person may come into the place unseen, so each track stands for itself.
    """

    seat: int
    places: list[Place]
    tracks: list[int] = field(default_factory=list)
    is_cut: bool = False


class _Groups:
    """The cameras of a call, told by seats and by lasting tracks that go on from tile to tile."""

    def __init__(self, observations: Observations) -> None:
        faces = observations.faces
        self._observations = observations
        self.views = np.full(len(observations.t_s), -1, np.int32)
        self._of: dict[Place, _Group] = {}
        by_seat: dict[int, _Group] = {}
        for k, view in enumerate(observations.views):
            self.views[view.start_sample : view.end_sample] = k
            count = 1 if view.kind == "single" else len(view.tiles)
            for tile in range(count):
                seat = int(view.seats[tile]) if tile < len(view.seats) else -1
                group = _Group(seat, [], is_cut=seat < 0 and may_follow(view.kind, tile, count))
                if seat >= 0:
                    group = by_seat.setdefault(seat, group)
                group.places.append((k, tile))
                self._of[k, tile] = group
        self._loose: list[_Group] = []
        order = np.lexsort((faces.sample, faces.track)).astype(np.int32)
        tracks, firsts = np.unique(faces.track[order], return_index=True)
        parts = np.split(order, firsts[1:]) if len(tracks) else []
        self.rows: dict[int, I32] = dict(zip(tracks.tolist(), parts, strict=True))
        tiles = tiles_of(observations, self.views[faces.sample])
        for track, rows in self.rows.items():
            self._add(track, self.views[faces.sample[rows]], tiles[rows])

    def _add(self, track: int, views: I32, tiles: I32) -> None:
        """Put a track where it was seen most, and join the places that it lasted in."""
        lasting = SEEN_MIN_S / self._observations.sample_interval_s - 1e-6
        pairs, counts = np.unique(np.stack([views, tiles], axis=1), axis=0, return_counts=True)
        groups: list[tuple[_Group, int]] = []
        for (view, tile), count in zip(pairs.tolist(), counts.tolist(), strict=True):
            group = self._of.get((view, tile))
            if group is not None:
                known = next((k for k, (other, _) in enumerate(groups) if other is group), None)
                if known is None:
                    groups.append((group, count))
                else:
                    groups[known] = (group, groups[known][1] + count)
        if not groups:
            self._loose.append(_Group(-1, [], [track]))
            return
        groups.sort(key=lambda entry: (entry[0].seat < 0, entry[0].is_cut, -entry[1]))
        home, count = groups[0]
        for other, times in groups[1:]:
            if min(count, times) >= lasting:
                self._join(home, other)
        home.tracks.append(track)

    def _join(self, home: _Group, other: _Group) -> None:
        """Make two groups one, unless two seats or two tiles of one view would become one."""
        taken = {view for view, _ in home.places}
        if (home.seat >= 0 and other.seat >= 0) or taken & {view for view, _ in other.places}:
            return
        if home.is_cut or other.is_cut:
            return
        home.places += other.places
        home.tracks += other.tracks
        home.seat = max(home.seat, other.seat)
        for place in other.places:
            self._of[place] = home

    def all(self) -> Iterator[_Group]:
        """Give every group once; a track outside all tiles is one by itself."""
        seen: set[int] = set()
        for group in self._of.values():
            if id(group) not in seen:
                seen.add(id(group))
                yield group
        yield from self._loose


def may_follow(kind: str, tile: int, tiles: int) -> bool:
    """Tell whether a tile is the one that shows whoever speaks, if the recording does so."""
    if kind == "single":
        return True
    return tile == 0 and (kind == "speaker" or (kind == "share" and tiles == 1))


def _units_of(group: _Group, observations: Observations, groups: _Groups) -> Iterator[Unit]:
    """Make one unit of a group; more where a second face passes, or tracks stand alone."""
    interval_s, size = observations.sample_interval_s, len(observations.t_s)
    faces = observations.faces
    samples = {track: faces.sample[groups.rows[track]] for track in group.tracks}
    tracks = sorted(group.tracks, key=lambda t: (-len(samples[t]), int(samples[t][0]), t))
    lasting = [t for t in tracks if len(samples[t]) * interval_s >= SEEN_MIN_S - 1e-6]
    faces_at = np.zeros(size, np.int32)
    for track in lasting:
        faces_at[samples[track]] += 1
    stands = np.zeros(size, np.bool_)
    leads = []
    for k, tile in sorted(group.places):
        view = observations.views[k]
        stands[view.start_sample : view.end_sample] = True
        count = 1 if view.kind == "single" else len(view.tiles)
        if may_follow(view.kind, tile, count):
            leads.append((view.start_sample, view.end_sample))
    places = sorted(group.places)
    crowded_s = np.count_nonzero(faces_at >= 2) * interval_s
    seen_s = np.count_nonzero(faces_at) * interval_s
    nothing = np.zeros(0, np.int32)
    if places and crowded_s >= max(ROOM_MIN_S, ROOM_MIN_SHARE * seen_s):
        people = _people_of_room([groups.rows[t] for t in lasting], lasting, observations)
        yield Unit(sorted(lasting), nothing, stands, places, leads, people)
        return
    if group.is_cut:
        for track in lasting:
            yield _unit_of_track(track, places, leads, observations, groups)
        return
    taken = np.zeros(size, np.bool_)
    own: list[int] = []
    for track in tracks:
        if np.count_nonzero(taken[samples[track]]) * interval_s <= PASSING_S:
            own.append(track)
            taken[samples[track]] = True
        elif track in lasting:
            yield _unit_of_track(track, [], [], observations, groups, is_passing=True)
    rows = np.concatenate([groups.rows[t] for t in own]) if own else nothing
    rows = rows[np.unique(faces.sample[rows], return_index=True)[1]]
    if len(rows) * interval_s < SEEN_MIN_S - 1e-6:
        own, rows = [], nothing
    if own or places:
        stands[faces.sample[rows]] = True
        alone = all(observations.views[k].kind == "single" for k, _ in places)
        yield Unit(sorted(own), rows, stands, places, leads, is_alone=bool(places) and alone)


def _unit_of_track(
    track: int,
    places: list[Place],
    leads: Sequence[Span],
    observations: Observations,
    groups: _Groups,
    is_passing: bool = False,
) -> Unit:
    rows = groups.rows[track]
    samples = observations.faces.sample[rows]
    shown = np.zeros(len(observations.t_s), np.bool_)
    shown[samples] = True
    first, end = int(samples[0]), int(samples[-1]) + 1
    spans = [(max(first, start), min(end, last)) for start, last in leads]
    alone = all(observations.views[k].kind == "single" for k, _ in places)
    return Unit(
        [track], rows, shown, places, [span for span in spans if span[0] < span[1]],
        is_alone=bool(places) and alone, is_passing=is_passing,
    )  # fmt: skip


def _people_of_room(
    rows: list[I32], tracks: list[int], observations: Observations
) -> list[list[int]]:
    """Put the tracks of a room together that follow one another in one place."""
    faces = observations.faces
    order = sorted(range(len(tracks)), key=lambda i: (int(faces.sample[rows[i][0]]), tracks[i]))
    people: list[tuple[list[int], int, F32]] = []  # tracks, last sample, last box
    for i in order:
        first, box = int(faces.sample[rows[i][0]]), faces.box[rows[i][0]]
        reach = SAME_PLACE * float(box[3] - box[1])
        near = [
            k
            for k, (_, last, old) in enumerate(people)
            if last < first and float(np.linalg.norm(centre(old) - centre(box))) <= reach
        ]
        entry = (int(faces.sample[rows[i][-1]]), faces.box[rows[i][-1]])
        if len(near) == 1:
            people[near[0]] = ([*people[near[0]][0], tracks[i]], *entry)
        else:
            people.append(([tracks[i]], *entry))
    return [members for members, _, _ in people]
