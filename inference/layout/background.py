"""What is on the plain ground that Zoom draws its tiles on: nearly black, or light grey."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.schema.arrays import F32, U8, Bools

GROUND_MAX_LUMA = 46
"""The ground is at most #242424 (luma 36); noise of the codec lifts lines by up to 10."""
GROUND_TOLERANCE = 10
"""A pixel this near the ground's own luma belongs to it, so that a dark grey tile stands out."""
GROUND_SHARE = 0.97
"""A line is ground when this share of it is."""
VALLEY_PX = 5
VALLEY_LEVELS = 12
"""A gutter of few pixels is bled into by the tiles; but still it is this much darker than what lies
on both its sides within this distance."""
VALLEYS_BELOW_PX = 700
"""In a picture this high, gutters are wide enough to be dark in their middle."""
MIN_PIECE_SHARE = 0.02
"""What is smaller than this share of the picture's height is a speck, not a part of a tile."""
LETTERS_LUMA, LETTERS_SHARE = 90, 0.002
"""Letters on a dark screen are brighter than this level, on this share of the pixels at least."""
LIGHT_MIN_LUMA, LIGHT_MAX_LUMA = 150, 249
"""A light ground lies between these; a page of a shared screen is white."""
LIGHT_EDGE_SHARE = 0.85
"""A light ground is this much of the picture's outermost pixels."""
BORDER_MIN_GREEN, BORDER_OVER_BLUE, BORDER_UNDER_RED = 90, 50, 30
"""The frame of who speaks is green or yellow: much green, this much more than blue, and not this
much less than red, as skin and wood are. In a frame of 2 px, H.264 leaves half of the colour."""
BORDER_PX, BORDER_SHARE = 9, 1 / 60
"""Lines of that colour are a frame if no more than this many are together, or this share of the
picture's height: frames are 2 to 8 px wide. More are a green or yellow wall."""
PROTRUDES_SHARE = 0.5
"""At a piece's ends, lines with less than this share of them on it are not the tile's, but an arrow
or emoji that reaches out of it."""

Box: TypeAlias = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Ground:
    """Where the picture shows the ground, at full resolution along one side at a time."""

    by_row: U8  # (height, few): 1 where ground
    by_column: U8  # (few, width)
    borders: tuple[U8, U8] | None = None
    """Where it may be the frame of who speaks, by row and by column."""

    @staticmethod
    def of(image: U8) -> Ground | None:
        """Find the dark ground of an RGB picture, or None where no line is dark from end to end."""
        height = len(image)
        grey = _grey(_few_columns(image)), _grey(_few_rows(image))
        valleys = np.zeros_like(grey[0]), np.zeros_like(grey[1])
        if height < VALLEYS_BELOW_PX:
            valleys = _valleys(grey[0], (1, VALLEY_PX)), _valleys(grey[1], (VALLEY_PX, 1))
        dark = grey[0] <= GROUND_MAX_LUMA, grey[1] <= GROUND_MAX_LUMA
        rows = _share(dark[0] | valleys[0], 1) >= GROUND_SHARE
        columns = _share(dark[1] | valleys[1], 0) >= GROUND_SHARE
        level = _level(grey[0][rows], grey[1][:, columns].T)
        if level is None:
            return None
        return Ground._at(level, grey, valleys)

    @staticmethod
    def light(image: U8) -> Ground | None:
        """Find the light ground of an RGB picture, or None where its edges are not of one grey."""
        edges = np.concatenate([image[1], image[-2], image[:, 1], image[:, -2]])
        edge = edges[::3, 1]
        level = int(np.bincount(edge).argmax())
        near = np.abs(edge.astype(np.int16) - level) <= GROUND_TOLERANCE
        if not LIGHT_MIN_LUMA <= level <= LIGHT_MAX_LUMA or near.mean() < LIGHT_EDGE_SHARE:
            return None
        grey = _grey(_few_columns(image)), _grey(_few_rows(image))
        level = int(np.median(_grey(edges[None])[0][::3][near]))
        ridges = np.zeros_like(grey[0]), np.zeros_like(grey[1])
        if len(image) < VALLEYS_BELOW_PX:
            how = cv2.MORPH_TOPHAT
            ridges = _valleys(grey[0], (1, VALLEY_PX), how), _valleys(grey[1], (VALLEY_PX, 1), how)
        return Ground._at(level, grey, ridges).with_borders(image)

    @staticmethod
    def _at(level: int, grey: tuple[U8, U8], lines: tuple[U8, U8]) -> Ground:
        low, high = level - GROUND_TOLERANCE, level + GROUND_TOLERANCE
        return Ground(
            (cv2.inRange(grey[0], low, high) // 255) | lines[0],
            (cv2.inRange(grey[1], low, high) // 255) | lines[1],
        )

    def with_borders(self, image: U8) -> Ground:
        """Return the ground with the thin green or yellow lines that Zoom draws on it."""
        by_row, by_column = is_border(_few_columns(image)), is_border(_few_rows(image))
        return replace(self, borders=(by_row, by_column))

    def pieces(self, *, is_trimmed: bool = False) -> Iterator[Box]:
        """Return the boxes that are not ground: cut into rows, then columns, then rows again.

        Args:
            is_trimmed: leave out what sticks out of a box with less than half of its length.
        """
        height, width = len(self.by_row), self.by_column.shape[1]
        least = MIN_PIECE_SHARE * height
        for top, bottom in _runs(self._shows(0, slice(None), slice(None)), least):
            lines = self._few(top, bottom, self.by_column.shape[0], height)
            for left, right in _runs(self._shows(1, lines, slice(None)), least):
                few = self._few(left, right, self.by_row.shape[1], width)
                for first, last in _runs(self._shows(0, slice(top, bottom), few), least):
                    box = left, top + first, right, top + last
                    yield self._trimmed(box) if is_trimmed else box

    def fullness(self, boxes: Sequence[Box]) -> float:
        """Return how much of these boxes is not ground, 0–1; 1 for none."""
        width = self.by_column.shape[1]
        covered = area = 0.0
        for left, top, right, bottom in boxes:
            few = self._few(left, right, self.by_row.shape[1], width)
            own = float((right - left) * (bottom - top))
            covered += own * (1 - float(self.by_row[top:bottom, few].mean()))
            area += own
        return covered / area if area else 1.0

    def _shows(self, axis: int, rows: slice, columns: slice) -> Bools:
        """Return which lines of a part, rows (axis 0) or columns (1), are no ground."""
        part = (self.by_column if axis else self.by_row)[rows, columns]
        shows: Bools = _share(part, 1 - axis) < GROUND_SHARE
        if self.borders is None:
            return shows
        both = part | self.borders[axis][rows, columns]
        framed = shows & (_share(both, 1 - axis) >= GROUND_SHARE)
        most = max(BORDER_PX, BORDER_SHARE * len(self.by_row))
        for start, end in _runs(framed, 1):
            shows[start:end] = end - start > most
        return shows

    def _trimmed(self, box: Box) -> Box:
        """Return a box without what sticks out of it."""
        height, width = len(self.by_row), self.by_column.shape[1]
        left, top, right, bottom = box
        rows = self.by_column[self._few(top, bottom, self.by_column.shape[0], height), left:right]
        across = np.flatnonzero(_share(rows, 0) < 1 - PROTRUDES_SHARE)
        if len(across) == 0:
            return box
        left, right = left + int(across[0]), left + int(across[-1]) + 1
        columns = self.by_row[top:bottom, self._few(left, right, self.by_row.shape[1], width)]
        down = np.flatnonzero(_share(columns, 1) < 1 - PROTRUDES_SHARE)
        if len(down) == 0:
            return box
        return left, top + int(down[0]), right, top + int(down[-1]) + 1

    @staticmethod
    def _few(start: int, end: int, few: int, many: int) -> slice:
        """Return the samples that lie between two pixels, at least one."""
        first = -(-start * few // many)
        return slice(min(first, few - 1), max(end * few // many, first + 1))


def has_letters(image: U8) -> bool:
    """Return whether there is something bright on a dark RGB picture, however little."""
    return float((_grey(_few_rows(image)) > LETTERS_LUMA).mean()) >= LETTERS_SHARE


def is_border(colours: U8) -> U8:
    """Return 1 where (h, w, 3) RGB pixels have the colour of the frame of who speaks."""
    red, green, blue = cv2.split(colours)
    is_green: U8 = (
        (green >= BORDER_MIN_GREEN)
        & (cv2.subtract(green, blue) >= BORDER_OVER_BLUE)
        & (cv2.subtract(red, green) <= BORDER_UNDER_RED)
    ).view(np.uint8)
    return is_green


def _few_columns(image: U8) -> U8:
    """Return an RGB picture with at most 320 of its columns."""
    height, width = image.shape[:2]
    few = cv2.resize(image, (min(width, 320), height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(few, np.uint8)


def _few_rows(image: U8) -> U8:
    """Return an RGB picture with at most 180 of its rows."""
    height = len(image)
    lines: U8 = image[np.arange(min(height, 180)) * height // min(height, 180)]
    return lines


def _grey(colours: U8) -> U8:
    return np.asarray(cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY), np.uint8)


def _valleys(lines: U8, kernel: tuple[int, int], how: int = cv2.MORPH_BLACKHAT) -> U8:
    """1 where a pixel is darker than what lies on both sides of it, a few pixels away.

    With cv2.MORPH_TOPHAT, where it is brighter.
    """
    depth = cv2.morphologyEx(lines, how, np.ones(kernel[::-1], np.uint8))
    valleys: U8 = (depth > VALLEY_LEVELS).view(np.uint8)
    return valleys


def _level(rows: U8, columns: U8) -> int | None:
    """Return the luma of the ground by the lines that are ground, None where there are none."""
    pixels = np.concatenate([rows.ravel()[::7], columns.ravel()[::7]])
    pixels = pixels[pixels <= GROUND_MAX_LUMA]
    if pixels.size == 0:
        return None
    counts = np.bincount(pixels, minlength=GROUND_MAX_LUMA + 1).astype(np.float32)
    # The most common one: a row of dark tiles is a dark line too, but of many levels.
    return int(np.convolve(counts, np.ones(5), "same").argmax())


def _share(mask: NDArray[np.bool_] | U8, axis: int) -> F32:
    """Return mean along an axis."""
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
