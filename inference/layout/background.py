"""What is on the nearly black ground that Zoom draws its tiles on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
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

Box: TypeAlias = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Ground:
    """Where the picture shows the ground, at full resolution along one side at a time."""

    by_row: U8  # (height, few): 1 where ground
    by_column: U8  # (few, width)

    @staticmethod
    def of(image: U8) -> Ground | None:
        """Find the ground of an RGB picture, or None where no line is dark from end to end."""
        height, width = image.shape[:2]
        few = cv2.resize(image, (min(width, 320), height), interpolation=cv2.INTER_NEAREST)
        by_row = np.asarray(cv2.cvtColor(few, cv2.COLOR_RGB2GRAY), np.uint8)
        lines = np.arange(min(height, 180)) * height // min(height, 180)
        by_column = np.asarray(cv2.cvtColor(image[lines], cv2.COLOR_RGB2GRAY), np.uint8)
        valleys = np.zeros_like(by_row), np.zeros_like(by_column)
        if height < VALLEYS_BELOW_PX:
            valleys = _valleys(by_row, (1, VALLEY_PX)), _valleys(by_column, (VALLEY_PX, 1))
        dark = by_row <= GROUND_MAX_LUMA, by_column <= GROUND_MAX_LUMA
        rows = _share(dark[0] | valleys[0], 1) >= GROUND_SHARE
        columns = _share(dark[1] | valleys[1], 0) >= GROUND_SHARE
        level = _level(by_row[rows], by_column[:, columns].T)
        if level is None:
            return None
        low, high = level - GROUND_TOLERANCE, level + GROUND_TOLERANCE
        return Ground(
            (cv2.inRange(by_row, low, high) // 255) | valleys[0],
            (cv2.inRange(by_column, low, high) // 255) | valleys[1],
        )

    def pieces(self) -> Iterator[Box]:
        """Return the boxes that are not ground: cut into rows, then columns, then rows again."""
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
        """Return the samples that lie between two pixels, at least one."""
        first = -(-start * few // many)
        return slice(min(first, few - 1), max(end * few // many, first + 1))


def _valleys(lines: U8, kernel: tuple[int, int]) -> U8:
    """1 where a pixel is darker than what lies on both sides of it, a few pixels away."""
    depth = cv2.morphologyEx(lines, cv2.MORPH_BLACKHAT, np.ones(kernel[::-1], np.uint8))
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
