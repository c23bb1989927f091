"""Faces through time: which face of this sample is which of the samples before.

A track is never handed to somebody else where that can be helped: in doubt it ends and a new one
begins. A track belongs to its tile; without tiles, to its surroundings in the picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inference.boxes import centres, holders, overlaps, scaled
from inference.layout import CUT_DIFFERENCE, Layout, picture_difference
from inference.schema.arrays import F32
from inference.schema.observations import Detection, FaceColumns, View

TILE_GAP_S = 10.0
"""A face lost for this long in an unchanged tile or one-person view is picked up again."""
FREE_GAP_S = 2.0
"""The same in a picture of unknown layout, where nothing else ties a face to its place."""
REACH = 1.0
REACH_PER_SAMPLE = 0.25
REACH_MAX = 2.5
"""How far a face may have moved, in face sizes: a face's own size between samples, and more the
longer it was lost. Heads in calls move a tenth of that."""
SIZE_RATIO = 2.0
"""A face does not become this much larger or smaller while it is out of sight."""
AMBIGUOUS = 0.35
"""When a second face would fit nearly as well (by this many face sizes), the track ends."""
LOST_COST = 0.1
"""What each missed sample adds to the distance, so that an old trace does not put a live one in
doubt."""
SAME_TILE_OVERLAP = 0.9
"""A tile that overlaps its old place this much (intersection over union) has not moved."""
SURROUNDINGS = 2.5
"""The picture around a face, that many times its size, shows whether the scene was cut."""
TILED = ("gallery", "speaker", "share")
"""Kinds of layout in which every person has a tile."""


@dataclass(slots=True, eq=False)
class _Track:
    """A face that may be seen again."""

    number: int
    box: F32
    sample: int
    tile: F32 | None  # None where there are no tiles
    tile_index: int  # in this sample's layout; -1 without tiles, -2 while the tile is gone
    layout: Layout
    """The layout in which it was last seen."""


class Tracker:
    """Assigns every detection a track id, sample by sample, in order of time."""

    def __init__(self, samples_per_s: float = 2.0) -> None:
        self._tile_gap = max(1, round(TILE_GAP_S * samples_per_s))
        self._free_gap = max(1, round(FREE_GAP_S * samples_per_s))
        self._live: list[_Track] = []
        self._next = 0

    def update(self, sample: int, detections: Sequence[Detection], layout: Layout) -> list[int]:
        """Return the track id of each detection, in their order.

        Ids count from 0 and are never used again. The order of the detections does not matter.
        """
        self._end_tracks(sample, layout)
        ids = [-1] * len(detections)
        groups: dict[int, list[int]] = {}
        tiles = _tiles_of(detections, layout)
        for k in sorted(range(len(detections)), key=lambda k: _place(detections[k])):
            groups.setdefault(tiles[k], []).append(k)
        for tile_index in sorted(groups):
            members = groups[tile_index]
            tile = layout.tiles[tile_index] if tile_index >= 0 else None
            tracks = [track for track in self._live if track.tile_index == tile_index]
            matches = self._match(sample, [detections[k] for k in members], tracks, layout)
            for k, track in zip(members, matches, strict=True):
                if track is None:
                    track = _Track(self._next, detections[k].box, sample, tile, tile_index, layout)
                    self._next += 1
                    self._live.append(track)
                track.box, track.sample = detections[k].box, sample
                track.layout = layout
                ids[k] = track.number
        return ids

    def _end_tracks(self, sample: int, layout: Layout) -> None:
        """Drop what cannot go on: tiles that moved or show something else, faces gone for long."""
        kept = []
        for track in self._live:
            gap = self._free_gap
            if track.tile is not None:
                gap = self._tile_gap
                # "unknown" may be one sample of a change or a fade: the tile may come back.
                if layout.kind == "single" or not self._is_unmoved(track, layout):
                    continue
            else:
                if layout.kind in TILED:
                    continue
                if layout.kind == "single":
                    gap = self._tile_gap
                if layout.changed and layout.picture is None:
                    continue
            if sample - track.sample <= gap:
                kept.append(track)
        self._live = kept

    @staticmethod
    def _is_unmoved(track: _Track, layout: Layout) -> bool:
        """Return whether the track's tile is in place and shows the same scene; note its index."""
        if track.tile is None or layout.kind not in TILED:
            track.tile_index = -2  # waits; faces of this sample are not in it
            return True
        k = track.tile_index
        if not (0 <= k < len(layout.tiles) and np.array_equal(track.tile, layout.tiles[k])):
            k = track.tile_index = _unmoved(track.tile, layout)
        return k >= 0 and not (k < len(layout.cuts) and bool(layout.cuts[k]))

    def _match(
        self, sample: int, faces: list[Detection], tracks: list[_Track], layout: Layout
    ) -> list[_Track | None]:
        """Assign each face its track, the nearest pairs first; None starts a new one.

        Tracks in doubt are ended here.
        """
        costs = np.full((len(faces), len(tracks)), np.inf)
        for i, face in enumerate(faces):
            for j, track in enumerate(tracks):
                costs[i, j] = _cost(face.box, track, sample, layout)
        matches: list[_Track | None] = [None] * len(faces)
        doubtful: list[_Track] = []
        while costs.size and np.isfinite(costs).any():
            i, j = divmod(int(costs.argmin()), len(tracks))
            near = costs < costs[i, j] + AMBIGUOUS
            if near[i].sum() + near[:, j].sum() > 2:  # more than itself, counted twice
                doubtful.append(tracks[j])
            else:
                matches[i] = tracks[j]
                costs[i, :] = np.inf
            costs[:, j] = np.inf
        self._live = [track for track in self._live if track not in doubtful]
        return matches


def of_participants(faces: FaceColumns, views: Sequence[View]) -> FaceColumns:
    """Return the faces of people in the call, with tracks that stay on one camera.

    Faces on a shared screen and in tiles without video are left out. A track that shows two
    cameras becomes two: a new number, above all others, for each camera but its first.
    """
    cameras = np.full(len(faces), -1, np.int32)
    is_kept = np.ones(len(faces), np.bool_)
    starts = np.searchsorted(faces.sample, [view.start_sample for view in views])
    ends = np.searchsorted(faces.sample, [view.end_sample for view in views])
    middles = centres(faces.box)
    for view, start, end in zip(views, starts.tolist(), ends.tolist(), strict=True):
        if view.kind == "single" and len(view.cameras):
            cameras[start:end] = view.cameras[0]
        elif view.kind == "share" or len(view.tiles):
            held = holders(middles[start:end], view.tiles)
            is_kept[start:end] = (held >= 0) | (view.kind != "share")
            if len(view.has_video):  # what a profile picture shows may have been seen before
                is_kept[start:end] &= view.has_video[held] | (held < 0)
            if len(view.cameras):
                cameras[start:end] = np.where(held >= 0, view.cameras[held], -1)
    tracks, following = faces.track.copy(), int(faces.track.max(initial=-1)) + 1
    pairs, index = np.unique(np.stack([faces.track, cameras]), axis=1, return_inverse=True)
    first = np.full(pairs.shape[1], len(faces))
    np.minimum.at(first, index, np.arange(len(faces)))
    known: set[int] = set()
    for pair in np.argsort(first, kind="stable").tolist():
        track = int(pairs[0, pair])
        if track in known:
            tracks[index == pair] = following
            following += 1
        known.add(track)
    columns = {name: getattr(faces, name)[is_kept] for name in faces.__slots__}
    columns["track"] = tracks[is_kept]
    order = np.lexsort((columns["track"], columns["sample"]))
    return FaceColumns(**{name: values[order] for name, values in columns.items()})


def _cost(box: F32, track: _Track, sample: int, layout: Layout) -> float:
    """Distance in face sizes, infinite where the face cannot be the track's."""
    (x0, y0, x1, y1), (u0, v0, u1, v1) = box.tolist(), track.box.tolist()  # numpy takes longer
    size, old = (x1 - x0 + y1 - y0) / 2, (u1 - u0 + v1 - v0) / 2
    if size <= 0 or old <= 0 or max(size, old) > SIZE_RATIO * min(size, old):
        return np.inf
    apart = math.hypot(x0 + x1 - u0 - u1, y0 + y1 - v0 - v1) / 2
    distance = float(apart / max(size, old))
    reach = min(REACH_MAX, REACH + REACH_PER_SAMPLE * (sample - track.sample - 1))
    if distance > reach:
        return np.inf
    if track.tile is None and _scene_was_cut(track, layout):
        return np.inf
    return distance + LOST_COST * (sample - track.sample - 1)


def _scene_was_cut(track: _Track, layout: Layout) -> bool:
    """Return whether the surroundings of the face have changed.

    A face that fills most of the picture moves its surroundings itself: the whole is compared.
    """
    place = scaled(track.box, SURROUNDINGS)
    if layout.picture is not None:
        high, wide = layout.picture.shape[:2]
        frame = np.array([0, 0, layout.width_px, layout.width_px * high / wide], np.float32)
        if place[3] - place[1] > frame[3]:
            place = frame
    difference = picture_difference(track.layout, layout, place)
    return difference is not None and difference > CUT_DIFFERENCE


def _unmoved(tile: F32, layout: Layout) -> int:
    """Return the index of the layout's tile in the same place, -1 if none does."""
    if len(layout.tiles) == 0:
        return -1
    common = overlaps(tile, layout.tiles)
    nearest = int(common.argmax())
    return nearest if common[nearest] >= SAME_TILE_OVERLAP else -1


def _tiles_of(faces: Sequence[Detection], layout: Layout) -> list[int]:
    """Return index of the tile that holds each face, -1 where none does."""
    if not faces or len(layout.tiles) == 0:
        return [-1] * len(faces)
    boxes = np.stack([face.box for face in faces])
    indices: list[int] = holders(centres(boxes), layout.tiles).tolist()
    return indices


def _place(face: Detection) -> tuple[float, ...]:
    return tuple(float(edge) for edge in (face.box[1], face.box[0], face.box[3], face.box[2]))
