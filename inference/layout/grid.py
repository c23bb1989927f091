"""The grid of tiles of one size: rows at one distance, each of them centred.

Whole tiles define the grid; what else is on the ground must fit into it: a part of a tile (a dark
room, a name without picture) or several tiles that run into one another. A row has no holes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.boxes import centre
from inference.schema.arrays import F32, Bools

MIN_TILE_SHARE = 0.08
"""A tile is at least this high: Zoom shows at most seven rows."""
TILE_SHAPES = (1.15, 2.0)
"""Width over height of a tile: 16:9, or 4:3 where cameras are not wide."""
WIDE_SHAPES = (1.68, 1.86)
"""Width over height of what counts as 16:9."""
SAME_SIZE = 0.03
"""Tiles of one grid differ in size by at most this share (or 3 px: scaling and codec)."""
NARROW_GAP = 0.02
"""The gap between tiles, as a share of their size, where there is only one along an axis."""
MISFIT_SHARE = 0.25
"""What fits into no place of the grid and is larger than this share of a tile speaks against it."""
CLOSE_SHARE = 0.03
"""Zoom makes tiles as large as the picture allows: each gutter, and in one direction each margin,
is at most this share of its height wide."""
CENTRED = 0.15
"""A row is centred when its middle is so near the picture's, as a share of a tile's width."""


def slack_px(width: int) -> float:
    """Return how far edges may lie apart and still be the same: 4 px, or 1 % of the picture."""
    return max(4.0, 0.01 * width)


def has_tile_shape(piece: F32, height: int) -> bool:
    """Return whether a box could be a tile of a picture of this height."""
    wide, high = (float(side) for side in piece[2:] - piece[:2])
    return TILE_SHAPES[0] <= wide / high <= TILE_SHAPES[1] and high >= MIN_TILE_SHARE * height


def equal_tiles(pieces: list[F32], height: int) -> list[F32]:
    """Return the pieces that are tiles of one size: the set of equal ones covering most."""
    sizes = np.stack([piece[2:] - piece[:2] for piece in pieces])
    areas = sizes.prod(axis=1)
    best = np.zeros(len(pieces), np.bool_)
    for piece, size in zip(pieces, sizes, strict=True):
        if has_tile_shape(piece, height):
            near = np.abs(sizes - size) <= np.maximum(3.0, SAME_SIZE * size)
            equal: Bools = near.all(axis=1)
            if areas[equal].sum() > areas[best].sum():
                best = equal
    return [piece for piece, is_tile in zip(pieces, best, strict=True) if is_tile]


def fills_picture(tiles: F32, width: int, height: int) -> bool:
    """Return whether tiles (n, 4) lie close together and reach from edge to edge in one direction.

    Pictures on a page of a shared screen leave room for words.
    """
    size: F32 = np.median(tiles[:, 2:] - tiles[:, :2], axis=0)
    row = np.round((tiles[:, 1] - tiles[:, 1].min()) / size[1]).astype(int)
    counts = np.array([np.bincount(row).max(), len(np.unique(row))])
    left_over = np.array([width, height]) - counts * size
    around = tiles[:, 2:].max(axis=0) - tiles[:, :2].min(axis=0)
    gaps = (around - counts * size) / np.maximum(counts - 1, 1)
    most = CLOSE_SHARE * height
    return bool((gaps <= most).all() and (left_over <= most * (counts + 1)).any())


def fit_grid(whole: list[F32], pieces: list[F32], width: int, height: int) -> F32 | None:
    """Return the tiles (n, 4) of the grid in reading order, None where something does not fit in.

    Args:
        whole: the pieces that are whole tiles, at least one.
    """
    grid = _Grid.through(whole, width, height)
    seen: set[tuple[int, int]] = set()
    phases: dict[int, float] = {}
    for row, tiles in grid.by_row(whole).items():
        phases[row] = grid.phase_of(tiles)
        seen |= {(row, grid.column(float(tile[0]), phases[row])) for tile in tiles}
    others = [p for p in pieces if not any(p is tile for tile in whole)]
    for piece in sorted(others, key=lambda piece: -float(np.prod(piece[2:] - piece[:2]))):
        slots = grid.slots(piece, phases)
        if slots is None:
            wide, high = (float(side) for side in piece[2:] - piece[:2])
            if has_tile_shape(piece, height) or wide * high > MISFIT_SHARE * grid.wide * grid.high:
                return None
            continue
        seen |= slots
    return grid.boxes(_without_holes(seen, grid, phases), phases)


@dataclass(frozen=True, slots=True)
class _Grid:
    """Size and distances of the tiles, the top of one row, and the picture they are in."""

    wide: float
    high: float
    pitch_x: float
    pitch_y: float
    top: float
    width: int
    height: int

    @staticmethod
    def through(whole: list[F32], width: int, height: int) -> _Grid:
        """Return the grid that whole tiles are in."""
        wide, high = (float(v) for v in np.median([t[2:] - t[:2] for t in whole], axis=0))
        rows: list[list[F32]] = []
        for tile in sorted(whole, key=lambda tile: float(tile[1])):
            if rows and float(tile[1]) - float(rows[-1][0][1]) < high / 3:
                rows[-1].append(tile)
            else:
                rows.append([tile])
        steps_x: list[float] = []
        for row in rows:
            starts = sorted(float(tile[0] + tile[2]) / 2 for tile in row)
            steps_x += np.diff(starts).tolist()
        tops = [float(np.median([(t[1] + t[3]) / 2 for t in row])) for row in rows]
        pitch_x, pitch_y = pitch_of(steps_x, wide), pitch_of(np.diff(tops).tolist(), high)
        # The tops of all rows together locate the first one better than its own tiles do.
        index = [round((top - tops[0]) / pitch_y) for top in tops]
        first = float(np.median([top - k * pitch_y for top, k in zip(tops, index, strict=True)]))
        return _Grid(wide, high, pitch_x, pitch_y, first - high / 2, width, height)

    def row(self, y: float) -> int:
        """Number of the row whose middle is nearest; it may be negative."""
        return round((y - self.top - self.high / 2) / self.pitch_y)

    def column(self, x0: float, phase: float) -> int:
        """Number of the tile of a row that starts nearest."""
        return round((x0 - phase) / self.pitch_x)

    def by_row(self, tiles: list[F32]) -> dict[int, list[F32]]:
        """Return tiles by their row."""
        rows: dict[int, list[F32]] = {}
        for tile in tiles:
            rows.setdefault(self.row(float(tile[1] + tile[3]) / 2), []).append(tile)
        return rows

    def phase_of(self, tiles: list[F32]) -> float:
        """Return where a row's tile number 0 starts, by some of its tiles."""
        starts = [float(tile[0] + tile[2]) / 2 - self.wide / 2 for tile in tiles]
        base = starts[0]
        return float(
            np.median([s - round((s - base) / self.pitch_x) * self.pitch_x for s in starts])
        )

    def slots(self, piece: F32, phases: dict[int, float]) -> set[tuple[int, int]] | None:
        """Return the places that a piece covers or lies in; note the phase of a row without one."""
        slack = slack_px(self.width)
        x0, y0, x1, y1 = (float(edge) for edge in piece)
        across = max(1, round((x1 - x0 + self.pitch_x - self.wide) / self.pitch_x))
        down = max(1, round((y1 - y0 + self.pitch_y - self.high) / self.pitch_y))
        middle_x, middle_y = (float(v) for v in centre(piece))
        first = self.row(middle_y - (down - 1) * self.pitch_y / 2)
        slots: set[tuple[int, int]] = set()
        found: dict[int, float] = {}
        for row in range(first, first + down):
            start = middle_x - (across - 1) * self.pitch_x / 2 - self.wide / 2
            fits = [
                (phase, column)
                for phase in self._phases(row, phases)
                for column in [self.column(start, phase)]
                if self._holds(row, column, across, phase, (x0, x1), slack)
            ]
            if not fits:
                return None
            # Of two that fit, the one in whose middle it is: a name, initials.
            phase, column = min(fits, key=lambda fit: abs(fit[0] + fit[1] * self.pitch_x - start))
            found[row] = phase
            slots |= {(row, k) for k in range(column, column + across)}
        top = self.top + first * self.pitch_y
        bottom = top + (down - 1) * self.pitch_y + self.high
        if y0 < top - slack or y1 > bottom + slack:
            return None
        if top < -slack or bottom > self.height + slack:
            return None
        phases.update(found)
        return slots

    def _phases(self, row: int, phases: dict[int, float]) -> list[float]:
        """Return where the row's tiles may start: a row is centred, odd or even in number."""
        if row in phases:
            return [phases[row]]
        odd = (self.width - self.wide) / 2
        return [odd, odd + self.pitch_x / 2]

    def _holds(
        self, row: int, column: int, across: int, phase: float, x: tuple[float, float], slack: float
    ) -> bool:
        """Return whether a run of places lies in the picture and holds what is from x to x."""
        start = phase + column * self.pitch_x
        end = start + (across - 1) * self.pitch_x + self.wide
        is_inside = start >= -slack and end <= self.width + slack
        return is_inside and x[0] >= start - slack and x[1] <= end + slack

    def boxes(self, places: set[tuple[int, int]], phases: dict[int, float]) -> F32:
        """Return the places as boxes, in reading order."""
        boxes = []
        for row, column in sorted(places):
            x, y = phases[row] + column * self.pitch_x, self.top + row * self.pitch_y
            boxes.append([x, y, x + self.wide, y + self.high])
        edges = np.array([self.width, self.height] * 2, np.float32)
        return np.clip(np.array(boxes, np.float32), 0, edges)


def _without_holes(
    seen: set[tuple[int, int]], grid: _Grid, phases: dict[int, float]
) -> set[tuple[int, int]]:
    """Return the places with those between them that show nothing at all.

    Each row runs without a hole to as far left as it runs right, where the tiles of the row are
    about the picture's middle; a grid that Zoom draws is centred.
    """
    filled: set[tuple[int, int]] = set()
    for row in {row for row, _ in seen}:
        columns = [column for at, column in seen if at == row]
        first, last = min(columns), max(columns)
        # 2 × the middle of the picture, in columns: first + last of a centred row.
        both = 2 * ((grid.width - grid.wide) / 2 - phases[row]) / grid.pitch_x
        if abs(both - round(both)) < 2 * CENTRED:
            mirrored = (round(both) - last, round(both) - first)
            first, last = min(first, mirrored[0]), max(last, mirrored[1])
        filled |= {(row, column) for column in range(first, last + 1)}
    return filled


def pitch_of(steps: list[float], size: float) -> float:
    """Distance from one tile to the next along an axis: the usual one, else a narrow gap."""
    near = [step for step in steps if 0.97 * size < step < 1.5 * size]
    return float(np.median(near)) if near else (1 + NARROW_GAP) * size


def widened(tiles: F32, width: int) -> F32:
    """Return the tiles with the bars at the sides of cameras that are not wide.

    Where every camera is 4:3, only the distance of the columns shows that the tiles are wide.
    """
    wide, high = (float(v) for v in np.median(tiles[:, 2:] - tiles[:, :2], axis=0))
    if wide / high >= 1.5 or len(tiles) < 2:
        return tiles
    middles = (tiles[:, 0] + tiles[:, 2]) / 2
    steps = np.diff(np.unique(np.round(middles)))
    near = [float(step) for step in steps if wide < step < 1.7 * wide]
    rows = np.diff(np.unique(np.round(tiles[:, 1])))
    gaps = [float(step) - high for step in rows if high < step < 1.2 * high]
    if not near:
        return tiles
    grown = min(near) - (min(gaps) if gaps else NARROW_GAP * high)
    if not WIDE_SHAPES[0] <= grown / high <= WIDE_SHAPES[1]:
        return tiles
    wider = tiles.copy()
    wider[:, 0] = np.clip(middles - grown / 2, 0, width)
    wider[:, 2] = np.clip(middles + grown / 2, 0, width)
    return wider
