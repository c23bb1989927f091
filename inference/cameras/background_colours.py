"""The colours of a tile around the person, in a few cells: what distinguishes cameras.

Faces are always left out, and so are the tile's rim, its label and other tiles over it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from inference.boxes import centres, holders
from inference.layout import Layout
from inference.schema.arrays import F32, U8, Bools

CELLS = (9, 16)
"""Rows and columns of the colours kept of a tile."""
RIM_SHARE = 0.07
"""Left out at each side of a tile: the frame of who speaks is drawn there."""
HEAD_WIDTHS, BODY_WIDTHS = 2.0, 3.0
"""The person is left out: the head this many faces wide, from half a face above it, and the rest
from the chin to the tile's lower edge."""
FACE_MARGIN = 0.15
"""A face's box with this much of its size at each side is the face and its hair."""
BAR_LEVEL, BAR_LIT = 8, 0.05
"""A line of pixels of which less than this share is brighter than this level is a black bar's."""
MIN_CELLS = 16
"""Fewer cells in common are no evidence."""

LeaveOut = Callable[[F32, F32, F32, F32], None]
"""Sets to 0 in `free` what a face covers; takes free, the cells' x and y, and the face's box."""


@dataclass(slots=True)
class TileSample:
    """One sample's picture, with what each of its places shows."""

    number: int
    layout: Layout
    faces: Sequence[F32]
    showings: list[int]

    def cells(self, place: int, leave_out: LeaveOut) -> tuple[F32, F32] | None:
        """Return a place's colours, (*CELLS, 3), and 1 where they count, CELLS; or None.

        Left out are the rim, the label, other tiles, and what `leave_out` takes of every face.
        """
        layout = self.layout
        if layout.colours is None or layout.width_px == 0 or not layout.has_video[place]:
            return None
        small = layout.colours
        scale = small.shape[1] / layout.width_px
        tiles = layout.tiles * scale if len(layout.tiles) else _without_bars(small)[None]
        rim = RIM_SHARE * float(tiles[place, 3] - tiles[place, 1])
        x0, y0, x1, y1 = (tiles[place] + np.array([rim, rim, -rim, -rim])).tolist()
        if x1 - x0 < 4 or y1 - y0 < 4:
            return None
        free = np.ones(CELLS, np.float32)
        free[-2:, :7] = 0  # the label
        across = ((np.arange(CELLS[1]) + 0.5) / CELLS[1] * (x1 - x0) + x0).astype(np.float32)
        down = ((np.arange(CELLS[0]) + 0.5) / CELLS[0] * (y1 - y0) + y0).astype(np.float32)
        boxes = np.stack(list(self.faces)) * scale if self.faces else np.zeros((0, 4), np.float32)
        own = boxes[holders(centres(boxes), tiles) == place]
        if len(own) == 0:
            free[1:, 4:12] = 0  # where most people sit: a face may have been missed
        for face in own:
            leave_out(free, across, down, face)
        for other in tiles[self._over(tiles, place, rim)].tolist():
            in_x = (across >= other[0] - rim) & (across <= other[2] + rim)
            in_y = (down >= other[1] - rim) & (down <= other[3] + rim)
            free[np.ix_(in_y, in_x)] = 0
        return _cells(small, x0, y0, x1, y1), free

    @staticmethod
    def _over(tiles: F32, place: int, rim: float) -> Bools:
        """Return which tiles may lie over this one: those that reach into it and are no larger."""
        own = tiles[place]
        sizes = (tiles[:, 2:] - tiles[:, :2]).prod(axis=1)
        reaches = (tiles[:, :2] - rim <= own[2:]) & (tiles[:, 2:] + rim >= own[:2])
        over: Bools = reaches.all(axis=1) & (sizes <= sizes[place])
        over[place] = False
        return over


def _without_bars(small: U8) -> F32:
    """Return where an undivided picture is (xyxy): a camera of another shape has black bars."""
    lit = small.max(axis=2) > BAR_LEVEL
    rows = np.flatnonzero(lit.mean(axis=1) > BAR_LIT)
    columns = np.flatnonzero(lit.mean(axis=0) > BAR_LIT)
    if len(rows) == 0 or len(columns) == 0:
        return np.array([0, 0, small.shape[1], small.shape[0]], np.float32)
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)


def person_left_out(free: F32, across: F32, down: F32, face: F32) -> None:
    """Leave out the head, and the body from the chin to the tile's lower edge."""
    middle, (wide, high) = float(face[0] + face[2]) / 2, (face[2:] - face[:2]).tolist()
    for widths, top in ((HEAD_WIDTHS, face[1] - 0.5 * high), (BODY_WIDTHS, face[3])):
        in_x = np.abs(across - middle) <= widths * wide / 2
        free[np.ix_(down >= float(top), in_x)] = 0


def face_left_out(free: F32, across: F32, down: F32, face: F32) -> None:
    """Leave out the face alone, from the hair to below the chin."""
    margin = FACE_MARGIN * (face[2:] - face[:2])
    x0, y0, x1, y1 = np.concatenate([face[:2] - margin, face[2:] + margin]).tolist()
    in_x, in_y = (across >= x0) & (across <= x1), (down >= y0) & (down <= y1)
    free[np.ix_(in_y, in_x)] = 0


def colours_apart(one: tuple[F32, F32], other: tuple[F32, F32]) -> float:
    """Return two places' mean colour difference in levels; infinite if too few count in both."""
    common = (one[1] * other[1])[:, :, None]
    if common.sum() < MIN_CELLS:
        return float("inf")
    return float((np.abs(one[0] - other[0]) * common).sum() / (3 * common.sum()))


def _cells(small: U8, x0: float, y0: float, x1: float, y1: float) -> F32:
    """Return the mean colours of a part of the picture, shape (*CELLS, 3).

    Edges may lie between pixels: a small tile's cells would else be shifted against a large one's.
    """
    wide, high = 2 * CELLS[1], 2 * CELLS[0]
    if x1 - x0 < 2 * wide:
        step_x, step_y = (x1 - x0) / wide, (y1 - y0) / high
        to_small = np.array(
            [[step_x, 0, x0 + step_x / 2 - 0.5], [0, step_y, y0 + step_y / 2 - 0.5]]
        )
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        part = cv2.warpAffine(
            small, to_small, (wide, high), flags=how, borderMode=cv2.BORDER_REPLICATE
        )
    else:
        part = small[round(y0) : round(y1), round(x0) : round(x1)]
    colours: F32 = cv2.resize(part, CELLS[::-1], interpolation=cv2.INTER_AREA).astype(np.float32)
    return colours
