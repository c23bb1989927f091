"""A small picture in the corner of a large one, found by its straight edges.

Nothing separates it from the large picture but its frame: four straight lines, in the shape of a
tile, that end at its corners and stay while what is inside moves.
"""

from __future__ import annotations

import copy
from itertools import product

import cv2
import numpy as np

from inference.schema.arrays import F32, I32, U8

WIDTH_PX = 640
"""Edges are searched for in a picture this wide."""
EDGE_LEVELS = 8
"""Neighbouring pixels that differ by more may be an edge (0–255)."""
WIDTHS = (0.12, 0.42)
"""Width of the small picture as a share of the large one's."""
MARGIN = 0.06
"""It is at most this far from the corner, as a share of the large one's width."""
SHAPES = (1.7, 1.85)
SIDE_SHARE = 0.5
"""Each side of it is an edge on this share of its length."""
FRAME_SHARE = 0.75
"""And all its sides together on this share: here and there the two pictures have one colour."""
BEYOND_SHARE = 0.6
"""And beyond its corners on less than this share: else it is a line of the picture."""
LINES_TRIED = 8


class CornerEdges:
    """The straight edges of one region of a picture, or those that two pictures share."""

    def __init__(self, grey: U8, region: F32) -> None:
        """Take a region (xyxy) of a grey picture."""
        height, width = grey.shape
        x0, y0, x1, y1 = (round(float(edge)) for edge in region)
        x0, y0, x1, y1 = max(0, x0), max(0, y0), min(width, x1), min(height, y1)
        part = grey[y0:y1, x0:x1]
        self.origin = (x0, y0)
        self.scale = min(1.0, WIDTH_PX / max(1, part.shape[1]))
        if self.scale < 1.0:
            size = (WIDTH_PX, max(2, round(part.shape[0] * self.scale)))
            part = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
        self.height, self.width = part.shape
        self._across = _steps(part, 1)
        self._down = _steps(part, 0)
        self._sums: tuple[I32, I32] | None = None

    def kept(self, before: CornerEdges | None) -> CornerEdges:
        """Return the edges that were there before too, counted: people move, frames do not."""
        kept = copy.copy(self)
        if before is not None and before._across.shape == self._across.shape:
            kept._across = self._across & before._across
            kept._down = self._down & before._down
        # A line may fall between two pixels: the pixel beside it counts too.
        columns, rows = _thick(kept._across, 1), _thick(kept._down, 0)
        kept._sums = (_counted(columns, 0), _counted(rows, 1).T)
        return kept

    @property
    def _counts(self) -> tuple[I32, I32]:
        if self._sums is None:
            self._sums = self.kept(None)._sums
        assert self._sums is not None
        return self._sums

    def find(self) -> F32 | None:
        """Return the small picture (xyxy in the frame), or None."""
        best: tuple[float, F32] | None = None
        for right, lower in product((False, True), (False, True)):
            found = self._find_in(right, lower)
            if found is not None and (best is None or found[0] > best[0]):
                best = found
        return best[1] if best else None

    def support(self, box: F32) -> float:
        """Return the share of the sides of a box (xyxy in the frame) that are edges, or 0."""
        x, y = self.origin
        edges = (box - np.array([x, y, x, y])) * self.scale
        shifts = np.array([[0, 0, 0, 0], [-1, -1, 0, 0], [0, 0, 1, 1], [0, 0, -1, -1]])
        return float(self._supports((np.round(edges) + shifts).astype(np.int32)).max())

    def _find_in(self, right: bool, lower: bool) -> tuple[float, F32] | None:
        """Return the best box in one corner with its support."""
        margin = round(MARGIN * self.width)
        wide = (round(WIDTHS[0] * self.width), round(WIDTHS[1] * self.width))
        high = (round(wide[0] * 9 / 16), round(wide[1] * 9 / 16))
        columns = self._candidates(0, right, margin, wide, high[0], lower)
        rows = self._candidates(1, lower, margin, high, wide[0], right)
        if not len(columns) or not len(rows):
            return None
        across = np.sort(columns, axis=1)[:, None].repeat(len(rows), axis=1)
        down = np.sort(rows, axis=1)[None].repeat(len(columns), axis=0)
        shape = (across[..., 1] - across[..., 0]) / np.maximum(1, down[..., 1] - down[..., 0])
        fits = (shape >= SHAPES[0]) & (shape <= SHAPES[1])
        boxes = np.concatenate([across[fits], down[fits]], axis=1)[:, [0, 2, 1, 3]]
        shares = self._supports(boxes)
        for k in np.argsort(-shares, kind="stable")[:LINES_TRIED].tolist():
            if shares[k] < FRAME_SHARE:
                break
            x0, y0, x1, y1 = boxes[k].tolist()
            if not self._goes_on(x0, y0, x1, y1):
                box = np.array([x0, y0, x1, y1], np.float32) / self.scale
                return float(shares[k]), box + np.array(self.origin * 2, np.float32)
        return None

    def _candidates(
        self,
        axis: int,
        at_end: bool,
        margin: int,
        size: tuple[int, int],
        least: int,
        other_end: bool,
    ) -> I32:
        """Pairs (n, 2) of an inner and an outer line along an axis that could bound the box."""
        sums = self._counts[axis]
        length, reach = sums.shape[1], sums.shape[0] - 1
        part = round(reach * (WIDTHS[1] + MARGIN))
        counts = sums[reach] - sums[reach - part] if other_end else sums[part]
        strong: I32 = np.flatnonzero(counts >= SIDE_SHARE * least).astype(np.int32)
        places = length - strong if at_end else strong
        inner = strong[(places >= size[0]) & (places <= size[1] + margin)]
        outer = strong[places <= margin]
        inner = inner[np.argsort(-counts[inner], kind="stable")][: 2 * LINES_TRIED]
        outer = outer[np.argsort(-counts[outer], kind="stable")][:LINES_TRIED]
        edge = length if at_end else 0
        outer = np.append(outer, np.int32(edge))
        pairs = np.stack(np.meshgrid(inner, outer, indexing="ij"), axis=-1).reshape(-1, 2)
        return np.asarray(pairs, np.int32)

    def _supports(self, boxes: I32) -> F32:
        """Return the mean share of the sides of (n, 4) boxes that is edge; 0 where one hardly is.

        Sides at the region's own edge do not count.
        """
        columns, rows = self._counts
        x0, y0, x1, y1 = boxes.T
        sides = [(columns, x0, y0, y1, self.width), (columns, x1, y0, y1, self.width)]
        sides += [(rows, y0, x0, x1, self.height), (rows, y1, x0, x1, self.height)]
        shares, counts = [], []
        for sums, at, first, last, length in sides:
            start = np.clip(first + 2, 0, sums.shape[0] - 1)
            end = np.clip(last - 2, 0, sums.shape[0] - 1)
            line = np.clip(at, 0, sums.shape[1] - 1)
            share = (sums[end, line] - sums[start, line]) / np.maximum(1, end - start)
            is_inside = (at > 1) & (at < length - 1)
            shares.append(np.where(is_inside, share, np.nan))
            counts.append(is_inside)
        table = np.stack(shares)
        known = np.stack(counts).sum(axis=0)
        means = np.nansum(table, axis=0) / np.maximum(1, known)
        least = np.where(np.isnan(table), 1.0, table).min(axis=0, initial=1.0)
        result: F32 = np.where((known >= 2) & (least >= SIDE_SHARE), means, 0).astype(np.float32)
        return result

    def _goes_on(self, x0: int, y0: int, x1: int, y1: int) -> bool:
        """Return whether a side goes on past the box, as the lines of a table do."""
        columns, rows = self._counts
        sides = [(columns, x, y0, y1, self.width) for x in (x0, x1)]
        sides += [(rows, y, x0, x1, self.height) for y in (y0, y1)]
        for sums, at, start, end, length in sides:
            if at <= 1 or at >= length - 1:
                continue
            more = max(4, (end - start) // 4)
            for first, last in ((start - 3 - more, start - 3), (end + 3, end + 3 + more)):
                if first < 0 or last > sums.shape[0] - 1:
                    continue
                if sums[last, at] - sums[first, at] > BEYOND_SHARE * more:
                    return True
        return False


def _counted(lines: U8, axis: int) -> I32:
    """Number of edges before each place along an axis."""
    counts: I32 = np.diff(cv2.integral(lines), axis=1 - axis)  # eight times as fast as cumsum
    return counts


def _steps(part: U8, axis: int) -> U8:
    """1 where a pixel differs from the one before it along an axis, in the part's own shape."""
    steps = np.zeros(part.shape, np.uint8)
    if axis == 1:
        steps[:, 1:] = cv2.absdiff(part[:, 1:], part[:, :-1]) > EDGE_LEVELS
    else:
        steps[1:] = cv2.absdiff(part[1:], part[:-1]) > EDGE_LEVELS
    return steps


def _thick(steps: U8, axis: int) -> U8:
    """Edges, and the pixels before them along the axis; one more place for the far end."""
    pad = ((0, 0), (0, 1)) if axis == 1 else ((0, 1), (0, 0))
    thick = np.pad(steps, pad)
    if axis == 1:
        thick[:, :-2] |= steps[:, 1:]
    else:
        thick[:-2] |= steps[1:]
    return thick
