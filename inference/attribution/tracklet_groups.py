"""Which faces are one person, by place alone: cameras, tiles, tracks; and rooms of several people.

A tracklet group is what shows one person: all tracks of one camera, else of one tile of one view,
else one track. Faces are never compared with each other. Where two lasting faces share one camera
at the same time it is a room: its name is the room's, and its faces are several people.
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
"""A camera shows a room from this long with two faces at once, and this share of its time:
somebody who walks through the picture makes no room."""
PASSING_S = 1.0
"""Tracks of one person may overlap this long, where one is picked up again."""
SAME_PLACE = 0.5
"""In a room, a track continues where another ended: within this many face sizes."""

Place = tuple[int, int]
"""A view and one of its tiles; tile 0 of an undivided picture."""
Span = tuple[int, int]
"""First sample and end, exclusive."""


@dataclass(slots=True)
class TrackletGroup:
    """The tracks of one person, or of one room.

    Without `tracks` it is a tile in which no face was seen for long enough.
    """

    tracks: list[int]
    rows: I32
    """Of the face columns, one per sample at most, ascending by sample; empty for a room."""
    shown: Bools
    """(T,) where its tile is shown, or its face is seen."""
    places: list[Place] = field(default_factory=list)
    leads: list[Span] = field(default_factory=list)
    """When it fills the place that may follow the speaker."""
    people: list[list[int]] = field(default_factory=list)
    """The tracks of each person in a room; empty where the group is one person."""
    is_alone: bool = False
    """Seen in one-person views only."""
    is_passing: bool = False
    """A second face that passes through somebody's video, or is in no tile of a layout: no name
    of the camera is its own."""

    @property
    def is_room(self) -> bool:
        return bool(self.people)


def find_tracklet_groups(observations: Observations) -> list[TrackletGroup]:
    """Return the groups in order of first sight, then of place and track."""
    cameras = _Cameras(observations)
    groups = [
        group for camera in cameras.all() for group in _groups_of(camera, observations, cameras)
    ]
    return sorted(groups, key=lambda g: (int(g.shown.argmax()), g.places[:1], g.tracks[:1]))


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
class _Camera:
    """Places that show one camera, with the tracks seen there.

    `is_cut`: another person may come into the place unseen, so each track is a group by itself.
    """

    number: int
    """-1 where it is not known."""
    places: list[Place]
    tracks: list[int] = field(default_factory=list)
    is_cut: bool = False


class _Cameras:
    """The cameras of a call, by their numbers and by lasting tracks that go on between tiles."""

    def __init__(self, observations: Observations) -> None:
        faces = observations.faces
        self._observations = observations
        self.views = np.full(len(observations.t_s), -1, np.int32)
        self._of: dict[Place, _Camera] = {}
        by_number: dict[int, _Camera] = {}
        for k, view in enumerate(observations.views):
            self.views[view.start_sample : view.end_sample] = k
            count = 1 if view.kind == "single" else len(view.tiles)
            for tile in range(count):
                number = int(view.cameras[tile]) if tile < len(view.cameras) else -1
                is_cut = number < 0 and may_follow(view.kind, tile, count)
                camera = _Camera(number, [], is_cut=is_cut)
                if number >= 0:
                    camera = by_number.setdefault(number, camera)
                camera.places.append((k, tile))
                self._of[k, tile] = camera
        self._loose: list[_Camera] = []
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
        cameras: list[tuple[_Camera, int]] = []
        for (view, tile), count in zip(pairs.tolist(), counts.tolist(), strict=True):
            camera = self._of.get((view, tile))
            if camera is not None:
                known = next((k for k, (other, _) in enumerate(cameras) if other is camera), None)
                if known is None:
                    cameras.append((camera, count))
                else:
                    cameras[known] = (camera, cameras[known][1] + count)
        if not cameras:
            self._loose.append(_Camera(-1, [], [track]))
            return
        cameras.sort(key=lambda entry: (entry[0].number < 0, entry[0].is_cut, -entry[1]))
        home, count = cameras[0]
        for other, times in cameras[1:]:
            if min(count, times) >= lasting:
                self._join(home, other)
        home.tracks.append(track)

    def _join(self, home: _Camera, other: _Camera) -> None:
        """Join two cameras, unless two known numbers or two tiles of one view would become one."""
        taken = {view for view, _ in home.places}
        if (home.number >= 0 and other.number >= 0) or taken & {view for view, _ in other.places}:
            return
        if home.is_cut or other.is_cut:
            return
        home.places += other.places
        home.tracks += other.tracks
        home.number = max(home.number, other.number)
        for place in other.places:
            self._of[place] = home

    def all(self) -> Iterator[_Camera]:
        """Yield every camera once; a track outside all tiles is one by itself."""
        seen: set[int] = set()
        for camera in self._of.values():
            if id(camera) not in seen:
                seen.add(id(camera))
                yield camera
        yield from self._loose


def may_follow(kind: str, tile: int, tiles: int) -> bool:
    """Return whether a tile is the one that shows whoever speaks, if the recording does so."""
    if kind == "single":
        return True
    return tile == 0 and (kind == "speaker" or (kind == "share" and tiles == 1))


def _groups_of(
    camera: _Camera, observations: Observations, cameras: _Cameras
) -> Iterator[TrackletGroup]:
    """Make one group of a camera; more where a second face passes, or tracks stand alone."""
    interval_s, size = observations.sample_interval_s, len(observations.t_s)
    faces = observations.faces
    samples = {track: faces.sample[cameras.rows[track]] for track in camera.tracks}
    tracks = sorted(camera.tracks, key=lambda t: (-len(samples[t]), int(samples[t][0]), t))
    lasting = [t for t in tracks if len(samples[t]) * interval_s >= SEEN_MIN_S - 1e-6]
    faces_at = np.zeros(size, np.int32)
    for track in lasting:
        faces_at[samples[track]] += 1
    stands = np.zeros(size, np.bool_)
    leads = []
    for k, tile in sorted(camera.places):
        view = observations.views[k]
        stands[view.start_sample : view.end_sample] = True
        count = 1 if view.kind == "single" else len(view.tiles)
        if may_follow(view.kind, tile, count):
            leads.append((view.start_sample, view.end_sample))
    places = sorted(camera.places)
    crowded_s = np.count_nonzero(faces_at >= 2) * interval_s
    seen_s = np.count_nonzero(faces_at) * interval_s
    nothing = np.zeros(0, np.int32)
    if places and crowded_s >= max(ROOM_MIN_S, ROOM_MIN_SHARE * seen_s):
        people = _people_of_room([cameras.rows[t] for t in lasting], lasting, observations)
        yield TrackletGroup(sorted(lasting), nothing, stands, places, leads, people)
        return
    if camera.is_cut:
        for track in lasting:
            yield _group_of_track(track, places, leads, observations, cameras)
        return
    taken = np.zeros(size, np.bool_)
    own: list[int] = []
    for track in tracks:
        if np.count_nonzero(taken[samples[track]]) * interval_s <= PASSING_S:
            own.append(track)
            taken[samples[track]] = True
        elif track in lasting:
            yield _group_of_track(track, [], [], observations, cameras, is_passing=True)
    rows = np.concatenate([cameras.rows[t] for t in own]) if own else nothing
    rows = rows[np.unique(faces.sample[rows], return_index=True)[1]]
    if len(rows) * interval_s < SEEN_MIN_S - 1e-6:
        own, rows = [], nothing
    if own or places:
        stands[faces.sample[rows]] = True
        alone = all(observations.views[k].kind == "single" for k, _ in places)
        yield TrackletGroup(
            sorted(own), rows, stands, places, leads, is_alone=bool(places) and alone
        )


def _group_of_track(
    track: int,
    places: list[Place],
    leads: Sequence[Span],
    observations: Observations,
    cameras: _Cameras,
    is_passing: bool = False,
) -> TrackletGroup:
    rows = cameras.rows[track]
    samples = observations.faces.sample[rows]
    shown = np.zeros(len(observations.t_s), np.bool_)
    shown[samples] = True
    first, end = int(samples[0]), int(samples[-1]) + 1
    spans = [(max(first, start), min(end, last)) for start, last in leads]
    alone = all(observations.views[k].kind == "single" for k, _ in places)
    return TrackletGroup(
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
