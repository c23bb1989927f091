"""Whether a gallery is still there: the lines between its tiles, and their edges.

A frame around who speaks, an arrow, emoji or a notice covers parts of gutters for some samples.
Another division puts tiles across them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.layout.background import GROUND_TOLERANCE, is_border
from inference.layout.grid import NARROW_GAP
from inference.schema.arrays import F32, I32, U8, Bools

POINTS = 48
"""Points looked at along each side of a tile."""
COVERED_SHARE = 0.15
"""What covers a gutter is at most this long, as a share of the picture's height: two emoji."""
COVERED_SIDE_SHARE = 0.75
"""And covers at most this share of a small tile's side."""
RIM_SHARE = 0.06
"""How far inside a tile's edge its content is looked for, as a share of the tile's height."""
KEPT_SHARE = 0.6
"""Of the tiles' edges that had content before, this share has some still; a dark page of a shared
screen has none there."""


@dataclass(frozen=True, slots=True)
class Gutters:
    """The gutters of one gallery, as they are in a picture that shows it plainly."""

    _xs: I32  # (sides, lines, POINTS)
    _ys: I32
    _most: F32  # (sides,): share of its points that may be covered
    _rims: tuple[I32, I32]
    _level: int
    _had_content: Bools
    _shape: tuple[int, ...]

    @staticmethod
    def of(tiles: F32, image: U8) -> Gutters | None:
        """Return the gutters of (n, 4) tiles in an RGB picture; None if they are not plain."""
        height, width = image.shape[:2]
        wide, high = (float(v) for v in np.median(tiles[:, 2:] - tiles[:, :2], axis=0))
        gap = _gap(tiles, NARROW_GAP * high)
        along = (np.arange(POINTS) + 0.5) / POINTS
        xs, ys, most, rim_xs, rim_ys = [], [], [], [], []
        top = float(tiles[:, 1].min())
        rim = max(2.0, RIM_SHARE * high)
        for x0, y0, x1, y1 in tiles.tolist():
            across, down = x0 + along * (x1 - x0), y0 + along * (y1 - y0)
            for edge, sign in ((x0, -1), (x1, 1)):
                xs.append(np.broadcast_to(_lines(edge, sign, gap)[:, None], (3, POINTS)))
                ys.append(np.broadcast_to(down, (3, POINTS)))
                most.append(min(COVERED_SIDE_SHARE, COVERED_SHARE * height / high))
                rim_xs.append(np.full(POINTS, edge - sign * rim))
                rim_ys.append(down)
            for edge, sign in ((y0, -1), (y1, 1)):
                rim_xs.append(across)
                rim_ys.append(np.full(POINTS, edge - sign * rim))
                if edge > top + high / 2:  # a notice may cover the tops of the first row
                    xs.append(np.broadcast_to(across, (3, POINTS)))
                    ys.append(np.broadcast_to(_lines(edge, sign, gap)[:, None], (3, POINTS)))
                    most.append(min(COVERED_SIDE_SHARE, COVERED_SHARE * height / wide))
        at_x, at_y = _pixels(np.stack(xs), width), _pixels(np.stack(ys), height)
        rims = _pixels(np.stack(rim_xs), width), _pixels(np.stack(rim_ys), height)
        level = int(np.median(image[at_y, at_x, 1]))
        none = np.zeros(len(rim_xs), np.bool_)
        found = Gutters(at_x, at_y, np.array(most, np.float32), rims, level, none, image.shape)
        if not found._are_open(image):
            return None
        return Gutters(
            at_x, at_y, found._most, rims, level, found._have_content(image), image.shape
        )

    def remain(self, image: U8) -> bool:
        """Return whether another picture shows them too, some of them partly covered."""
        if image.shape != self._shape or not self._are_open(image):
            return False
        kept = self._have_content(image)[self._had_content]
        return len(kept) == 0 or bool(kept.mean() >= KEPT_SHARE)

    def _are_open(self, image: U8) -> bool:
        colours = image[self._ys, self._xs]
        near = np.abs(colours[..., 1].astype(np.int16) - self._level) <= GROUND_TOLERANCE
        framed = is_border(colours.reshape(-1, POINTS, 3)).reshape(near.shape).astype(np.bool_)
        open_ = (near | framed).any(axis=1)
        return bool(((1 - open_.mean(axis=1)) <= self._most).all())

    def _have_content(self, image: U8) -> Bools:
        xs, ys = self._rims
        levels = image[ys, xs, 1].astype(np.int16)
        share = (np.abs(levels - self._level) > GROUND_TOLERANCE).mean(axis=1)
        return np.asarray(share >= 0.5, np.bool_)


def _gap(tiles: F32, usual: float) -> float:
    """Return the distance of neighbouring tiles in px: the smallest, else the usual one."""
    gaps = []
    for axis in (0, 1):
        steps = tiles[None, :, axis] - tiles[:, None, axis + 2]
        in_line = np.abs(tiles[None, :, 1 - axis] - tiles[:, None, 1 - axis]) < 2
        near = steps[in_line & (steps > -1)]
        gaps += [float(near.min())] if len(near) else []
    return max(1.0, min(gaps)) if gaps else usual


def _lines(edge: float, sign: int, gap: float) -> NDArray[np.float64]:
    """Return three places across a gutter beside an edge of a tile."""
    return edge + sign * gap * np.array([0.25, 0.5, 0.75]) - 0.5


def _pixels(places: NDArray[np.float64], length: int) -> I32:
    return np.clip(np.round(places), 0, length - 1).astype(np.int32)
