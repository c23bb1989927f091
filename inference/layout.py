"""How the picture is divided: a gallery of tiles, or one picture; followed through time.

Zoom draws a gallery as a grid of equal tiles on a nearly black ground, the last row centred. Only
that is assumed: no names, no fixed sizes. The ground is cut into rows, then columns, then rows.
What is left are tiles, or parts of tiles (a dark camera, a name on black), which are then
completed to the size of the whole ones.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.boxes import centre, overlap
from inference.types import F32, U8, Bools

GROUND_MAX_LUMA = 40
"""The ground is at most #1a1a1a (luma 26); noise of the codec lifts single pixels by up to 14."""
GROUND_TOLERANCE = 10
"""A pixel this near the ground's own luma belongs to it, so that a dark grey tile stands out."""
GROUND_SHARE = 0.97
"""A line is ground when this share of it is."""
MIN_PIECE_SHARE = 0.02
"""What is smaller than this share of the picture's height is a speck, not a part of a tile."""
MIN_TILE_SHARE = 0.08
"""A tile is at least this high: Zoom shows at most seven rows."""
TILE_SHAPES = (1.15, 2.0)
"""Width over height of a tile: 16:9, or 4:3 where cameras are not wide."""
SAME_SIZE = 0.03
"""Tiles of one grid differ in size by at most this share (or 3 px: scaling and codec)."""
SAMPLES_TO_BELIEVE = 2
"""A new layout counts when it was seen in this many samples in a row: one may be a fade."""
CUT_DIFFERENCE = 18.0
"""Mean difference of two thumbnails, brightness removed, from which the picture is another one.
Measured at 2 samples per second on six clips: talking heads stay under 17 even where the face fills
the picture, and two of the clips differ by 21 at least (0–255)."""
SMALL_WIDTH_PX = 160
THUMBNAIL_PX = (16, 9)
PLACES_KEPT = 128
"""Thumbnails of places that are not shown now are kept up to this number: a tile may come back."""

_Box: TypeAlias = tuple[int, int, int, int]
_NO_TILES: F32 = np.zeros((0, 4), np.float32)


@dataclass(frozen=True, slots=True)
class Layout:
    """How one sample's picture is divided.

    `kind` is "gallery", "single" (one undivided picture) or "unknown" (divided, but not into a
    grid, or just changing). `tiles` are the gallery's, (n, 4), in reading order; none otherwise.
    `changed`: this division differs from that of the sample before, or the picture was cut.
    `cuts` tells per tile, or for the undivided picture in one value, that it shows something else
    than in the sample before: another person, or a camera switched on or off. `picture` is the
    sample's picture in grey, SMALL_WIDTH_PX wide, of a frame `width_px` wide.
    """

    kind: str
    tiles: F32
    changed: bool
    cuts: Bools = field(default_factory=lambda: np.zeros(0, np.bool_))
    picture: U8 | None = None
    width_px: int = 0


class LayoutFinder:
    """Follows the layout through one recording; samples come in order of time."""

    def __init__(self) -> None:
        self._kind = ""
        self._tiles = _NO_TILES
        self._next: tuple[str, F32] | None = None
        self._next_seen = 0
        self._grey: U8 | None = None
        self._last = Layout("", _NO_TILES, False)
        self._thumbnails: list[tuple[F32, F32]] = []  # newest first

    def update(self, image: U8) -> Layout:
        """Give the layout of the next sample (RGB)."""
        # Into the same memory each time: fresh memory of this size costs more than the conversion.
        self._grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY, self._grey)
        kind, tiles = self._settle(image)
        picture = _small(image)
        cuts = self._cuts(image, picture, tiles)
        moved = kind != self._last.kind or not _same_tiles(tiles, self._last.tiles, image)
        self._last = Layout(kind, tiles, moved or bool(cuts.any()), cuts, picture, image.shape[1])
        return self._last

    def _settle(self, image: U8) -> tuple[str, F32]:
        """Give what is believed after this sample."""
        found = find_layout(image, self._grey)
        if found is None:  # black: nothing speaks for a change
            return (self._kind, self._tiles) if self._kind else ("unknown", _NO_TILES)
        if not self._kind or self._agrees(found, image):
            self._next = None
            if not self._kind:
                self._kind, self._tiles = found
            return self._kind, self._tiles
        if self._next is not None and _same(found, self._next, image):
            self._next_seen += 1
        else:
            self._next, self._next_seen = found, 1
        if self._next_seen >= SAMPLES_TO_BELIEVE:
            self._kind, self._tiles = found[0], _kept_exact(found[1], self._tiles, image)
            self._next = None
            return self._kind, self._tiles
        if self._kind != "gallery":  # a real change shows as a cut as well
            return self._kind, self._tiles
        stay = [tile for tile in self._tiles if _match(tile, found[1], image) is not None]
        return ("gallery", np.stack(stay)) if stay else ("unknown", _NO_TILES)

    def _agrees(self, found: tuple[str, F32], image: U8) -> bool:
        """Whether the sample shows the believed layout; tiles that are dark now may be missing."""
        return found[0] == self._kind and _all_match(found[1], self._tiles, image)

    def _cuts(self, image: U8, picture: U8, tiles: F32) -> Bools:
        """Tell which places (tiles, or the whole) show something else than when last seen."""
        height, width = image.shape[:2]
        places = tiles if len(tiles) else np.array([[0, 0, width, height]], np.float32)
        scale = picture.shape[1] / width
        cuts, now, before = [], [], self._thumbnails
        stayed = len(tiles) > 0 and tiles is self._last.tiles  # then they come first in `before`
        boxes = np.stack([box for box, _ in before]) if before else _NO_TILES
        for k, place in enumerate(places):
            points = _thumbnail(picture, place * scale)
            old = k if stayed else _match(place, boxes, image)
            cuts.append(old is not None and _difference(points, before[old][1]) > CUT_DIFFERENCE)
            now.append((place, points))
        others = before[len(tiles) :] if stayed else before
        gone = [kept for kept in others if _match(kept[0], places, image) is None]
        self._thumbnails = (now + gone)[:PLACES_KEPT]
        return np.array(cuts, np.bool_)


def picture_difference(before: Layout, after: Layout, place: F32) -> float | None:
    """Tell how much a place (xyxy in the frame) differs between two samples.

    Returns:
        Mean difference in levels (0–255), brightness removed; over CUT_DIFFERENCE it is another
        scene. None where a layout came without its picture.
    """
    if before.picture is None or after.picture is None:
        return None
    points = [
        _thumbnail(layout.picture, place * (layout.picture.shape[1] / max(1, layout.width_px)))
        for layout in (before, after)
        if layout.picture is not None
    ]
    return _difference(points[0], points[1])


# One picture -------------------------------------------------------------------------------------


def find_layout(image: U8, grey: U8 | None = None) -> tuple[str, F32] | None:
    """Give kind and tiles (n, 4) of one RGB picture (`grey` is the same), or None: all black."""
    height, width = image.shape[:2]
    if height < 16 or width < 16:
        return "single", _NO_TILES
    if grey is None:
        grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
    ground = _Ground.of(grey)
    if ground is None:
        return "single", _NO_TILES
    pieces = tuple(ground.pieces())
    return _arrange(pieces, width, height) if pieces else None


@functools.lru_cache(maxsize=256)
def _arrange(boxes: tuple[_Box, ...], width: int, height: int) -> tuple[str, F32]:
    """Give kind and tiles of what stands on the ground; most samples have the one before's."""
    pieces = [np.array(box, np.float32) for box in boxes]
    whole = _whole_tiles(pieces, height)
    if not whole:
        area = max(float(np.prod(piece[2:] - piece[:2])) for piece in pieces)
        return ("single" if area >= 0.4 * height * width else "unknown"), _NO_TILES
    tiles = _complete(whole, pieces, width, height)
    if tiles is None:
        return "unknown", _NO_TILES
    if len(tiles) == 1:
        return "single", _NO_TILES
    return "gallery", tiles


@dataclass(frozen=True, slots=True)
class _Ground:
    """Where the picture shows the ground, at full resolution along one side at a time."""

    by_row: U8  # (height, few): 1 where ground
    by_column: U8  # (few, width)

    @staticmethod
    def of(grey: U8) -> _Ground | None:
        """Find the ground, or None where no line of the picture is dark from end to end."""
        height, width = grey.shape
        by_row = cv2.resize(grey, (min(width, 320), height), interpolation=cv2.INTER_NEAREST)
        by_column = cv2.resize(grey, (width, min(height, 180)), interpolation=cv2.INTER_NEAREST)
        rows = by_row[_share(by_row <= GROUND_MAX_LUMA, 1) >= GROUND_SHARE]
        columns = by_column[:, _share(by_column <= GROUND_MAX_LUMA, 0) >= GROUND_SHARE]
        if rows.size == 0 and columns.size == 0:
            return None
        level = int(np.median(np.concatenate([rows.ravel()[::7], columns.ravel()[::7]])))
        low, high = level - GROUND_TOLERANCE, level + GROUND_TOLERANCE
        return _Ground(
            cv2.inRange(by_row, low, high) // 255, cv2.inRange(by_column, low, high) // 255
        )

    def pieces(self) -> Iterator[_Box]:
        """Give the boxes that are not ground: cut into rows, then columns, then rows again."""
        height, width = len(self.by_row), self.by_column.shape[1]
        least = MIN_PIECE_SHARE * height
        for top, bottom in _runs(_share(self.by_row, 1) < GROUND_SHARE, least):
            band = self.by_column[self._few(top, bottom, self.by_column.shape[0], height)]
            for left, right in _runs(_share(band, 0) < GROUND_SHARE, least):
                part = self.by_row[top:bottom, self._few(left, right, self.by_row.shape[1], width)]
                for first, last in _runs(_share(part, 1) < GROUND_SHARE, least):
                    yield left, top + first, right, top + last

    @staticmethod
    def _few(start: int, end: int, few: int, many: int) -> slice:
        """The samples that lie between two pixels, at least one."""
        first = -(-start * few // many)
        return slice(min(first, few - 1), max(end * few // many, first + 1))


def _share(mask: NDArray[np.bool_] | U8, axis: int) -> F32:
    """Mean along an axis."""
    # In 16 bits, which numpy does eight times as fast as cv2.reduce in any type.
    sums = mask.view(np.uint8).sum(axis=axis, dtype=np.uint16)
    share: F32 = sums.astype(np.float32) / np.float32(mask.shape[axis])
    return share


def _runs(flags: Bools, least: float) -> Iterator[tuple[int, int]]:
    """Start and end of each unbroken run of True of the least length."""
    edges = (np.flatnonzero(flags[1:] != flags[:-1]) + 1).tolist()
    edges = [0] * bool(flags[0]) + edges + [len(flags)] * bool(flags[-1])
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if end - start >= least:
            yield start, end


# The grid ----------------------------------------------------------------------------------------


def _whole_tiles(pieces: list[F32], height: int) -> list[F32]:
    """Give the pieces that are tiles of one size: the set of equal ones covering most."""
    sizes = np.stack([piece[2:] - piece[:2] for piece in pieces])
    areas = sizes.prod(axis=1)
    best = np.zeros(len(pieces), np.bool_)
    for piece, size in zip(pieces, sizes, strict=True):
        if _has_tile_shape(piece, height):
            near = np.abs(sizes - size) <= np.maximum(3.0, SAME_SIZE * size)
            equal = near.all(axis=1)
            if areas[equal].sum() > areas[best].sum():
                best = equal
    return [piece for piece, is_tile in zip(pieces, best, strict=True) if is_tile]


def _has_tile_shape(piece: F32, height: int) -> bool:
    wide, high = (float(side) for side in piece[2:] - piece[:2])
    is_wide = TILE_SHAPES[0] <= wide / high <= TILE_SHAPES[1]
    return is_wide and high >= MIN_TILE_SHARE * height


def _complete(whole: list[F32], pieces: list[F32], width: int, height: int) -> F32 | None:
    """Add the tiles of which only a part shows; None where other things stand beside the tiles."""
    wide, high = np.median([tile[2:] - tile[:2] for tile in whole], axis=0)
    slack = _slack(width)
    tiles = [np.asarray(tile, np.float32) for tile in whole]
    pitch_x, pitch_y = _pitch(tiles, 0, wide), _pitch(tiles, 1, high)
    for piece in pieces:
        if any(piece is tile for tile in whole):
            continue
        size = piece[2:] - piece[:2]
        if size[0] > wide + slack or size[1] > high + slack:
            return None
        if any(overlap(piece, tile) > 0 for tile in tiles):
            continue
        slot = _slot(piece, tiles, (wide, high), (pitch_x, pitch_y), width, height)
        if slot is not None:
            tiles.append(slot)
        elif _has_tile_shape(piece, height):
            return None
    rows = sorted(tiles, key=lambda tile: (round(float(tile[1]) / pitch_y), float(tile[0])))
    return np.stack(rows).astype(np.float32)


def _slot(
    piece: F32,
    tiles: list[F32],
    size: tuple[float, float],
    pitch: tuple[float, float],
    width: int,
    height: int,
) -> F32 | None:
    """Give the place in the grid that a part of a tile belongs to, or None: it is no tile's."""
    (wide, high), (pitch_x, pitch_y) = size, pitch
    x, y = (float(v) for v in centre(piece))
    first = tiles[0]
    middle_y = float(first[1] + first[3]) / 2
    top = middle_y + round((y - middle_y) / pitch_y) * pitch_y - high / 2
    row = [tile for tile in tiles if abs(float(tile[1]) - top) < high / 4]
    if row:
        starts = [float(row[0][0]) + round((x - wide / 2 - float(row[0][0])) / pitch_x) * pitch_x]
    else:  # a row of its own is centred, with an odd or an even number of tiles
        odd = (width - wide) / 2
        starts = [
            base + round((x - wide / 2 - base) / pitch_x) * pitch_x
            for base in (odd, odd + pitch_x / 2)
        ]
    slack = _slack(width)
    for start in sorted(starts, key=lambda start: abs(start + wide / 2 - x)):
        slot = np.array([start, top, start + wide, top + high], np.float32)
        edges = np.array([-slack, -slack, width + slack, height + slack])
        inside = bool((slot[:2] >= edges[:2]).all() and (slot[2:] <= edges[2:]).all())
        holds = bool(
            (piece[:2] >= slot[:2] - slack).all() and (piece[2:] <= slot[2:] + slack).all()
        )
        free = all(overlap(slot, tile) < 0.05 for tile in tiles)
        if inside and holds and free:
            return slot
    return None


def _pitch(tiles: list[F32], axis: int, size: float) -> float:
    """Distance from one tile to the next along an axis: the smallest seen, else a narrow gap."""
    starts = np.unique([float(tile[axis]) for tile in tiles])
    steps = np.diff(starts)
    steps = steps[(steps > 0.9 * size) & (steps < 1.5 * size)]
    return float(steps.min()) if len(steps) else 1.02 * size


# Comparing ---------------------------------------------------------------------------------------


def _slack(width: int) -> float:
    """How far edges may lie apart and still be the same: 4 px, or 1 % of the picture."""
    return max(4.0, 0.01 * width)


def _match(tile: F32, tiles: F32, image: U8) -> int | None:
    """Index of the tile that stands where this one stands."""
    if len(tiles) == 0:
        return None
    distances = np.abs(tiles - tile).max(axis=1)
    nearest = int(distances.argmin())
    return nearest if distances[nearest] <= _slack(image.shape[1]) else None


def _all_match(a: F32, b: F32, image: U8) -> bool:
    return all(_match(tile, b, image) is not None for tile in a)


def _same_tiles(a: F32, b: F32, image: U8) -> bool:
    return a is b or (len(a) == len(b) and _all_match(a, b, image))


def _same(a: tuple[str, F32], b: tuple[str, F32], image: U8) -> bool:
    return a[0] == b[0] and _same_tiles(a[1], b[1], image)


def _kept_exact(tiles: F32, before: F32, image: U8) -> F32:
    """The tiles, those that stayed with exactly their old edges."""
    if len(tiles) == 0:
        return tiles
    matches = [(tile, _match(tile, before, image)) for tile in tiles]
    return np.stack([tile if old is None else before[old] for tile, old in matches])


def _small(image: U8) -> U8:
    """The picture in grey (its green), SMALL_WIDTH_PX wide."""
    height, width = image.shape[:2]
    step = max(1, width // (3 * SMALL_WIDTH_PX))  # means over some pixels of many are enough
    size = (SMALL_WIDTH_PX, max(1, round(SMALL_WIDTH_PX * height / width)))
    green = np.ascontiguousarray(image[::step, ::step, 1])
    small: U8 = cv2.resize(green, size, interpolation=cv2.INTER_AREA)
    return small


def _thumbnail(picture: U8, place: F32) -> F32:
    """A place of the small picture in a few points, without its mean brightness."""
    x0, y0, x1, y1 = (max(0, round(float(v))) for v in place)
    part = picture[y0:y1, x0:x1]
    if part.size == 0:
        return np.zeros(THUMBNAIL_PX[::-1], np.float32)
    points: F32 = cv2.resize(part, THUMBNAIL_PX, interpolation=cv2.INTER_AREA).astype(np.float32)
    points -= points.mean()
    return points


def _difference(a: F32, b: F32) -> float:
    return float(np.abs(a - b).mean())
