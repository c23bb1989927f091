"""The straight edges of a picture, and the frame that four of them make of a smaller one over it.

Nothing separates the smaller picture from the large one but its frame: four straight lines, in the
shape of a tile, that end at its corners and stay while what is inside moves. Where both pictures
have one colour, a side of the frame cannot be seen: dark clothes before a black slide.
"""

from __future__ import annotations

import copy
from itertools import product

import cv2
import numpy as np

from inference.boxes import overlap
from inference.schema.arrays import F32, I32, U8

WIDTH_PX = 640
"""Edges are searched for in a picture this wide."""
EDGE_LEVELS = 8
"""Neighbouring pixels that differ by more may be an edge (0–255)."""
WIDTHS = (0.12, 0.42)
"""Width of the small picture as a share of the large one's; less, if it has LEAST_WIDTH_PX."""
LEAST_WIDTH_PX = 216
"""Zoom draws the presenter's thumbnail 224×126 px large over shared desktops 1366 px wide and
1920 px wide (three real recordings)."""
MARGIN = 0.06
"""It is at most this far from the corner, as a share of the large one's width."""
MOVED_WIDTH = 0.25
"""And outside the corners, where the presenter may have put it, at most this share."""
SHAPE = 16 / 9
SHAPES = (1.7, 1.85)
SIDE_SHARE = 0.5
"""Each side of it is an edge on this share of its length."""
FRAME_SHARE = 0.75
"""And all its sides together on this share: here and there the two pictures have one colour."""
OPEN_FRAME_SHARE = 0.85
"""And if one of its sides is not seen, the others together on this share."""
BEYOND_SHARE = 0.6
"""And beyond its corners on less than this share: else it is a line of the large picture."""
GOING_ON_COSTS = 0.2
LINES_TRIED = 8
BOXES_TRIED = 256
BOXES_KEPT = 16
SAME_BOX = 0.6
"""Boxes overlapping more (intersection over union) are one."""
MIN_WIDTH_PX = 24
"""Of the small picture, in pixels of the edges."""
FACE_CUT = 0.3
"""A face may reach out of its picture by this share of its size at each side."""
MOST_FACES_WIDE = 8.0
"""A picture of one person is at most this many faces wide."""


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

    def find(self, is_checked: bool = False) -> list[F32]:
        """Return frames in the corners (xyxy in the frame), the likeliest of each place.

        Args:
            is_checked: what is inside will be looked at. Returns also those of which a side is not
                seen, or goes on at one corner because a line of the large picture meets it.
        """
        ranked = []
        for right, lower in product((False, True), (False, True)):
            ranked += self._find_in(right, lower, is_checked)
        return _apart(ranked)

    def find_around(self, face: F32) -> list[F32]:
        """Return frames around a face (xyxy in the frame), wherever it is, likeliest first."""
        corner = np.array(self.origin * 2, np.float32)
        x0, y0, x1, y1 = ((face - corner) * self.scale).tolist()
        most = min(MOST_FACES_WIDE * (x1 - x0), MOVED_WIDTH * self.width)
        columns = self._lines_beside(0, (y0, y1), (x0, x1), most)
        rows = self._lines_beside(1, (x0, x1), (y0, y1), most / SHAPE)
        return _apart(self._best(columns, rows, ((1 - FACE_CUT) * (x1 - x0), most), True))

    def support(self, box: F32) -> float:
        """Return the share of the sides of a box (xyxy in the frame) that are edges, or 0."""
        x, y = self.origin
        edges = (box - np.array([x, y, x, y])) * self.scale
        shifts = np.array([[0, 0, 0, 0], [-1, -1, 0, 0], [0, 0, 1, 1], [0, 0, -1, -1]])
        return float(self._supports((np.round(edges) + shifts).astype(np.int32)).max())

    @property
    def _widths(self) -> tuple[int, int]:
        """Least and most width of the small picture, in pixels of the edges."""
        least = min(WIDTHS[0] * self.width, LEAST_WIDTH_PX * self.scale)
        return max(MIN_WIDTH_PX, round(least)), round(WIDTHS[1] * self.width)

    def _find_in(self, right: bool, lower: bool, is_checked: bool) -> list[tuple[float, F32]]:
        """Return the best boxes in one corner, each with its rank."""
        margin = round(MARGIN * self.width)
        wide = self._widths
        high = (round(wide[0] / SHAPE), round(wide[1] / SHAPE))
        columns = self._candidates(0, right, margin, wide, high[0], lower)
        rows = self._candidates(1, lower, margin, high, wide[0], right)
        found = self._best(columns, rows, wide, is_checked)
        place, reach = (2 * right, 1 + 2 * lower), margin / self.scale
        region = np.array([0, 0, self.width, self.height], np.float32) / self.scale
        region = region + np.array(self.origin * 2, np.float32)
        return [
            (rank, box)
            for rank, box in found
            if all(abs(float(box[side] - region[side])) <= reach + 1 for side in place)
        ]

    def _best(
        self, columns: I32, rows: I32, wide: tuple[float, float], is_checked: bool
    ) -> list[tuple[float, F32]]:
        """Return the best of the boxes between pairs of lines, each with its rank."""
        across, down = np.sort(columns, axis=1), np.sort(rows, axis=1)
        boxes = _crossed(across, down)
        if is_checked:
            boxes = np.concatenate([boxes, *self._open_boxes(across, down)])
        width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
        shape = width / np.maximum(1, height)
        fits = (shape >= SHAPES[0]) & (shape <= SHAPES[1])
        boxes = boxes[fits & (width >= wide[0]) & (width <= wide[1])]
        shares = self._supports(boxes, is_checked)
        order = np.argsort(-shares, kind="stable")[:BOXES_TRIED]
        order = order[shares[order] > 0]
        going_on = self._going_on(boxes[order])
        ranks = shares[order] - GOING_ON_COSTS * going_on
        corner = np.array(self.origin * 2, np.float32)
        end = np.array([self.width, self.height] * 2, np.float32) / np.float32(self.scale)
        return [
            (float(ranks[k]), np.minimum(boxes[order[k]] / self.scale, end) + corner)
            for k in np.argsort(-ranks, kind="stable").tolist()
            if going_on[k] <= int(is_checked)
        ][:BOXES_KEPT]

    def _open_boxes(self, across: I32, down: I32) -> list[I32]:
        """Return the boxes of which one side is not seen: it is where the shape says it must be."""
        boxes = []
        for pairs, lines, high in ((across, down, False), (down, across, True)):
            if not len(pairs) or not len(lines):
                continue
            size = pairs[:, 1] - pairs[:, 0]
            other = np.round(size * SHAPE if high else size / SHAPE).astype(np.int32)
            ends = np.unique(lines)
            first, second = pairs[:, :1].repeat(len(ends), 1), pairs[:, 1:].repeat(len(ends), 1)
            for sign in (1, -1):
                far = ends[None] + sign * other[:, None]
                near = np.broadcast_to(ends[None], far.shape)
                low, top = np.minimum(near, far), np.maximum(near, far)
                sides = (low, first, top, second) if high else (first, low, second, top)
                table = np.stack(sides, axis=-1).reshape(-1, 4)
                inside = (table[:, :2] >= 0).all(axis=1) & (table[:, 2] <= self.width + 1)
                boxes.append(table[inside & (table[:, 3] <= self.height + 1)].astype(np.int32))
        return boxes

    def _lines_beside(
        self, axis: int, span: tuple[float, float], face: tuple[float, float], most: float
    ) -> I32:
        """Pairs (n, 2) of lines before and after a face along an axis."""
        sums = self._counts[axis]
        first, last = (round(min(max(edge, 0), sums.shape[0] - 1)) for edge in span)
        counts = sums[last] - sums[first]
        length = sums.shape[1]
        strong = counts >= SIDE_SHARE * max(1, last - first)
        strong[[0, -1]] = True  # the region's own edges
        places: I32 = np.flatnonzero(strong).astype(np.int32)
        within = FACE_CUT * (face[1] - face[0])
        before = places[(places <= face[0] + within) & (places >= face[1] - most)]
        after = places[(places >= face[1] - within) & (places <= face[0] + most)]
        before = _peaks(before, counts)[: 2 * LINES_TRIED]
        after = _peaks(after, counts)[: 2 * LINES_TRIED]
        pairs = np.stack(np.meshgrid(before, after, indexing="ij"), axis=-1).reshape(-1, 2)
        return np.asarray(np.minimum(pairs, length - 1), np.int32)

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
        outer = _peaks(strong[places <= margin], counts)[:LINES_TRIED]
        # A side of the box ends where the box does: what goes on is a line of the large picture.
        deep = np.abs(inner - (length if at_end else 0))
        deep = np.round(deep * SHAPE if axis else deep / SHAPE).astype(np.int32)
        ends = [np.clip(deep * k + margin, 0, reach) for k in (1, 2)]
        if other_end:
            ends = [reach - end for end in ends]
        corner, near, beyond = (sums[at, inner] for at in (reach if other_end else 0, *ends))
        within, after = np.abs(near - corner), np.abs(beyond - near)
        scores = np.zeros(length, np.float32)
        scores[inner] = (within - after) / np.maximum(1, deep)
        inner = _peaks(inner, scores)[: 2 * LINES_TRIED]
        edge = length if at_end else 0
        outer = np.append(outer, np.int32(edge))
        pairs = np.stack(np.meshgrid(inner, outer, indexing="ij"), axis=-1).reshape(-1, 2)
        return np.asarray(pairs, np.int32)

    def _supports(self, boxes: I32, may_be_open: bool = True) -> F32:
        """Return the mean share of the sides of (n, 4) boxes that is edge; 0 where it is no frame.

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
        sums_of = np.nansum(table, axis=0)
        ranked = np.sort(np.where(np.isnan(table), 1.0, table), axis=0)
        means = sums_of / np.maximum(1, known)
        others = (sums_of - ranked[0]) / np.maximum(1, known - 1)
        is_frame = (known >= 2) & (ranked[0] >= SIDE_SHARE) & (means >= FRAME_SHARE)
        is_open = (known >= 3) & (ranked[1] >= SIDE_SHARE) & (others >= OPEN_FRAME_SHARE)
        result: F32 = np.where(is_frame | (is_open & may_be_open), means, 0).astype(np.float32)
        return result

    def _going_on(self, boxes: I32) -> I32:
        """Return at how many corners a side of each of (n, 4) boxes goes on, as table lines do."""
        columns, rows = self._counts
        x0, y0, x1, y1 = boxes.T
        result = np.zeros(len(boxes), np.int32)
        sides = [(columns, x0, y0, y1, self.width), (columns, x1, y0, y1, self.width)]
        sides += [(rows, y0, x0, x1, self.height), (rows, y1, x0, x1, self.height)]
        for sums, at, start, end, length in sides:
            last = sums.shape[0] - 1
            line = np.clip(at, 0, sums.shape[1] - 1)
            more = np.maximum(4, (end - start) // 4)
            is_inside = (at > 1) & (at < length - 1)
            for first, after in ((start - 3 - more, start - 3), (end + 3, end + 3 + more)):
                is_known = is_inside & (first >= 0) & (after <= last)
                counts = sums[np.clip(after, 0, last), line] - sums[np.clip(first, 0, last), line]
                result += is_known & (counts > BEYOND_SHARE * more)
        return result


def _apart(ranked: list[tuple[float, F32]]) -> list[F32]:
    """Return the boxes that no better one nearly covers, best first."""
    kept: list[F32] = []
    for _, box in sorted(ranked, key=lambda pair: -pair[0]):
        if all(overlap(box, other) <= SAME_BOX for other in kept):
            kept.append(box)
    return kept


def _peaks(lines: I32, scores: F32 | I32) -> I32:
    """Return the lines that no neighbour exceeds, the strongest first."""
    padded = np.pad(scores, 1, constant_values=-1)
    is_peak = (scores >= padded[:-2]) & (scores > padded[2:])
    kept = lines[is_peak[lines]]
    return kept[np.argsort(-scores[kept], kind="stable")]


def _crossed(across: I32, down: I32) -> I32:
    """Return the boxes (n * m, 4) between n pairs of columns and m pairs of rows."""
    x, y = (
        across[:, None].repeat(len(down), axis=1),
        down[None].repeat(len(across), axis=0),
    )
    boxes: I32 = np.stack([x[..., 0], y[..., 0], x[..., 1], y[..., 1]], axis=-1).reshape(-1, 4)
    return boxes


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
