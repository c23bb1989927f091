"""A small picture over a large one, followed from sample to sample: the presenter's thumbnail.

It is believed once its frame stays, what is inside moves while what is beside it keeps still, and
somebody's face is in it: windows, films and games on a shared desktop have frames too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from inference.boxes import has_centre_in, overlap
from inference.layout.corner_edges import MOVED_WIDTH, CornerEdges
from inference.layout.tile_content import Motion
from inference.schema.arrays import F32, U8

FaceSearch: TypeAlias = Callable[[U8, F32 | None], Sequence[F32]]
"""Returns the boxes of the faces in a region of an RGB picture, or anywhere in it."""

LEAST_HEIGHT_PX = 90
"""A lower picture has no small one in its corner."""
SAMPLES_TO_BELIEVE = 2
"""A frame counts once it was seen in so many samples, moving inside."""
SAMPLES_TO_BELIEVE_OTHER = 5
"""A larger one than Zoom draws, or one elsewhere, may be a window in which something plays."""
ZOOM_SIZE_PX = (224, 126)
"""What Zoom draws over a shared desktop, at widths of 1366 and 1920 px (three real recordings)."""
MOVES_SHARE = 0.5
"""And it moved in this share of them: a camera moves nearly always."""
FACE_MOVES_SHARE = 0.75
"""And the face in this share: a photograph changes now and then, where the encoder renews it."""
SIZE_SLACK_PX = 4.0
FEW_MOVES, FEW_MOVES_SHARE = 4, 0.25
"""Where Zoom draws it, this many and this share are enough."""
SAMPLES_TO_DROP = 3
SAMPLES_OFTEN = 12
"""So many samples after the large picture changed are all searched, so that a thumbnail is found
within 2 s."""
SAMPLES_BETWEEN_SEARCHES = 4
"""Then only every fourth, and those in which a corner moves: searching takes longer than all
else."""
FIRST_FACE_SEARCH = 3
SAMPLES_BETWEEN_FACE_SEARCHES = (8, 32)
"""A screen without a known thumbnail is searched for faces after 1.5 s, then every 4 s; in vain,
after twice as long, up to every 16 s."""
CORNER = 0.2
"""A corner, as a share of the large picture's sides."""
MOVED_SHARE = 0.01
REPLACED_SHARE = 0.8
"""More of it than this moves only where something else is shown."""
RING = 0.5
"""What is beside it, by this share of its size, moves less than half as much."""
SAME_PLACE, PARTLY_SAME = 0.7, 0.35
LEAST_FACE = 0.15
"""Height of a face as a share of the thumbnail's."""
FACES_ASKED = 6
"""So often a frame is searched for a face, before it is given up."""
CANDIDATES_KEPT = 12
GIVEN_UP_AFTER, GIVEN_UP_LATER = 8, 32
"""Samples after which a frame is given up; the second with a face in it, where Zoom draws it."""
SAMPLES_REFUSED = 64
"""After so many, frames that were given up are tried again."""


@dataclass(slots=True)
class _Candidate:
    """A frame that may be the small picture's."""

    box: F32
    is_likely: bool
    """Of the size and at the place that Zoom gives it."""
    seen: int = 1
    moves: int = 0
    missed: int = 0
    face: F32 | None = None
    face_seen: int = 0
    face_moves: int = 0
    asked: int = 0


class InsetFinder:
    """Follows a small picture over one large part."""

    def __init__(self, faces_in: FaceSearch | None = None) -> None:
        """Take what finds faces; without it, no face is asked for, but a frame free of lines."""
        self._faces_in = faces_in
        self._edges: CornerEdges | None = None
        self._believed: F32 | None = None
        self._candidates: list[_Candidate] = []
        self._refused: list[F32] = []
        self._missed = self._samples = 0
        self._pause, self._since_faces = FIRST_FACE_SEARCH, 0

    def update(
        self,
        image: U8,
        grey: U8,
        main: F32,
        motion: Motion | None,
        *,
        is_cut: bool,
        is_screen: bool,
    ) -> F32 | None:
        """Return the small picture in this sample (xyxy), or None.

        Args:
            image: the whole picture, RGB.
            grey: the same in grey.
            main: the large part, (4,).
            motion: against the sample before, if there is one.
            is_cut: whether the large part shows something else than before.
            is_screen: whether it is a shared screen, as far as is known.
        """
        if grey.shape[0] < LEAST_HEIGHT_PX:
            return None
        edges = CornerEdges(grey, main)
        both, self._edges = edges.kept(self._edges), edges
        if self._believed is not None:
            is_there = both.support(self._believed) > 0
            if not is_there:  # over a black screen, only the bright part of it had edges
                better = [
                    box
                    for box in both.find(is_checked=self._faces_in is not None)
                    if overlap(box, self._believed) >= PARTLY_SAME
                ]
                if better:
                    self._believed, is_there = better[0], True
            is_there |= _moves_alone(self._believed, main, motion, True)
            self._missed = 0 if is_there else self._missed + 1
            if self._missed < SAMPLES_TO_DROP:
                return self._believed
            self._believed, self._samples = None, 0
        self._samples = 0 if is_cut else self._samples + 1
        moved = [_moves_alone(c.box, main, motion, is_screen) for c in self._candidates]
        for candidate, has_moved in zip(self._candidates, moved, strict=True):
            self._follow(candidate, both, has_moved)
        self._refused += [c.box for c in self._candidates if _is_given_up(c)]
        self._candidates = [c for c in self._candidates if c.missed < 2 and not _is_given_up(c)]
        if self._samples % SAMPLES_REFUSED == 0:
            self._refused = []
        self._search(both, image, main, motion, is_screen)
        for candidate in self._candidates:
            if self._is_camera(candidate, image, motion):
                self._believed, self._missed = candidate.box, 0
                self._candidates = []
                break
        return self._believed

    @staticmethod
    def _follow(candidate: _Candidate, edges: CornerEdges, has_moved: bool) -> None:
        """Note whether a frame is there still, and whether it moved inside."""
        is_there = edges.support(candidate.box) > 0
        candidate.missed = 0 if is_there else candidate.missed + 1
        candidate.seen += is_there
        candidate.moves += is_there and has_moved

    def _search(
        self, edges: CornerEdges, image: U8, main: F32, motion: Motion | None, is_screen: bool
    ) -> None:
        """Look for further frames, where it is time."""
        found: list[tuple[F32, bool]] = []
        is_due = self._samples < SAMPLES_OFTEN or self._samples % SAMPLES_BETWEEN_SEARCHES == 0
        if is_due or _corner_moves(main, motion):
            found += [(box, True) for box in edges.find(is_checked=self._faces_in is not None)]
        self._since_faces = self._since_faces + 1 if is_screen else 0
        if self._faces_in is not None and self._since_faces >= self._pause:
            self._since_faces = 0
            faces = self._faces_in(image, None)
            first, last = SAMPLES_BETWEEN_FACE_SEARCHES
            self._pause = first if faces else min(max(first, 2 * self._pause), last)
            for face in faces:
                found += [(box, False) for box in edges.find_around(face)[:2]]
        known = [c.box for c in self._candidates] + self._refused
        for box, is_corner in found:
            if all(overlap(box, other) <= SAME_PLACE for other in known):
                moves = int(_moves_alone(box, main, motion, is_screen))
                is_likely = _is_zooms(box, main, is_corner)
                self._candidates.append(_Candidate(box, is_likely, moves=moves))
        del self._candidates[:-CANDIDATES_KEPT]

    def _is_camera(self, candidate: _Candidate, image: U8, motion: Motion | None) -> bool:
        """Return whether a frame has been seen to hold a camera's picture."""
        c = candidate
        if motion is None:
            return False
        if self._faces_in is not None and c.face is None and c.asked < FACES_ASKED and c.moves:
            c.asked += 1
            least = LEAST_FACE * float(c.box[3] - c.box[1])
            faces = [face for face in self._faces_in(image, c.box) if has_centre_in(face, c.box)]
            c.face = next((face for face in faces if float(face[3] - face[1]) >= least), None)
        if c.face is not None:
            c.face_seen += 1
            c.face_moves += float(motion.shares(c.face[None])[0]) > MOVED_SHARE
        if c.missed:
            return False
        if c.is_likely and c.face_moves >= max(FEW_MOVES, FEW_MOVES_SHARE * c.face_seen):
            return True  # a low bitrate leaves a face still for a second or two
        if c.moves < MOVES_SHARE * c.seen:
            return False
        if self._faces_in is None:
            return min(c.seen, c.moves) > SAMPLES_TO_BELIEVE
        least_moves = SAMPLES_TO_BELIEVE if c.is_likely else SAMPLES_TO_BELIEVE_OTHER
        return c.face_moves >= max(least_moves, FACE_MOVES_SHARE * c.face_seen)


def _is_given_up(candidate: _Candidate) -> bool:
    """Return whether a frame is there and turned out to hold no camera's picture."""
    if candidate.is_likely and candidate.face is not None:
        return candidate.seen >= GIVEN_UP_LATER
    return candidate.seen >= GIVEN_UP_AFTER or candidate.asked >= FACES_ASKED


def _is_zooms(box: F32, main: F32, is_corner: bool) -> bool:
    """Return whether a frame has the size of Zoom's thumbnail, or could be one in a corner."""
    size = box[2:] - box[:2]
    if np.abs(size - np.array(ZOOM_SIZE_PX)).max() <= SIZE_SLACK_PX:
        return True
    return is_corner and float(size[0]) <= MOVED_WIDTH * float(main[2] - main[0])


def _corner_moves(main: F32, motion: Motion | None) -> bool:
    """Return whether one of the corners moves, and what is beside it does not."""
    x0, y0, x1, y1 = main.tolist()
    wide, high = CORNER * (x1 - x0), CORNER * (y1 - y0)
    lefts, tops = (x0, x1 - wide), (y0, y1 - high)
    corners = np.array([[x, y, x + wide, y + high] for x in lefts for y in tops], np.float32)
    return any(_moves_alone(corner, main, motion, True) for corner in corners)


def _moves_alone(box: F32, main: F32, motion: Motion | None, is_screen: bool) -> bool:
    """Return whether a box moved, and, on a screen, what is beside it hardly."""
    if motion is None:
        return False
    inside = float(motion.shares(box[None])[0])
    if not MOVED_SHARE < inside < REPLACED_SHARE:
        return False
    if not is_screen:
        return True
    wide, high = (box[2:] - box[:2]) * RING
    around = np.array([box[0] - wide, box[1] - high, box[2] + wide, box[3] + high], np.float32)
    around = np.concatenate([np.maximum(around[:2], main[:2]), np.minimum(around[2:], main[2:])])
    return motion.share_outside(around, box[None]) < inside / 2
