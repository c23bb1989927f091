"""Where on a tile a name may stand, and its pixels made ready for the reader.

Text is what is brighter than its surroundings and narrower than a thick stroke, in a line near the
tile's bottom. Only that is assumed: no font, no box, no fixed size.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from inference.label_reader import STRIP_HEIGHT_PX
from inference.types import F32, U8

TEXT_HEIGHTS = (0.008, 0.05)
"""Height of a line's letters as a share of the picture's height."""
SEARCH_SHARE = (0.10, 0.34)
"""The line stands in the tile's lowest part: this share of the picture, at most of the tile."""
MIN_CONTRAST = 32
"""Levels (0–255) by which a stroke is brighter than what surrounds it, at least."""
MAX_STRIPS = 2


@dataclass(frozen=True, slots=True)
class Strip:
    """A line of text in a picture: pixels x0, y0, x1, y1, and the height of its letters."""

    x0: int
    y0: int
    x1: int
    y1: int
    text_height: int


def find_strips(image: U8, tile: F32) -> list[Strip]:
    """Give the places that look most like a name on the tile, best first; none if nothing does.

    Args:
        image: RGB.
        tile: xyxy in pixels.
    """
    height, width = image.shape[:2]
    x0, y0 = max(0, round(float(tile[0]))), max(0, round(float(tile[1])))
    x1, y1 = min(width, round(float(tile[2]))), min(height, round(float(tile[3])))
    deep = round(min(SEARCH_SHARE[0] * height, SEARCH_SHARE[1] * (y1 - y0)))
    if deep < 8 or x1 - x0 < 16:
        return []
    return _lines(image, x0, y1 - deep, x1, y1)[:MAX_STRIPS]


def strip_picture(image: U8, strip: Strip) -> U8:
    """Give the strip as the reader takes it: grey in three channels, STRIP_HEIGHT_PX high."""
    part = _whiteness(image, strip.x0, strip.y0, strip.x1, strip.y1)
    high, wide = part.shape
    size = (max(8, round(wide * STRIP_HEIGHT_PX / high)), STRIP_HEIGHT_PX)
    how = cv2.INTER_AREA if high > STRIP_HEIGHT_PX else cv2.INTER_CUBIC
    return np.repeat(cv2.resize(part, size, interpolation=how)[:, :, None], 3, axis=2)


def ink_of(image: U8, strip: Strip) -> U8:
    """Give the strokes in the strip's place, 1 where ink, (y1 - y0, x1 - x0)."""
    strokes = _strokes(_whiteness(image, strip.x0, strip.y0, strip.x1, strip.y1), image.shape[0])
    return _ink(strokes)


def _whiteness(image: U8, x0: int, y0: int, x1: int, y1: int) -> U8:
    """The darkest channel: high only where it is white, whatever colour stands behind."""
    part = image[y0:y1, x0:x1]
    return np.asarray(cv2.min(cv2.min(part[:, :, 0], part[:, :, 1]), part[:, :, 2]), np.uint8)


def _strokes(grey: U8, height: int) -> U8:
    """What is brighter than all around it within a thick stroke's width (levels)."""
    side = max(5, round(0.012 * height)) | 1
    return np.asarray(
        cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, np.ones((side, side), np.uint8)), np.uint8
    )


def _ink(strokes: U8) -> U8:
    """1 where a stroke is clear against the strongest ones of the same place."""
    limit = max(MIN_CONTRAST, 0.45 * float(np.percentile(strokes, 99)))
    return (strokes > limit).astype(np.uint8)


def _lines(image: U8, x0: int, y0: int, x1: int, y1: int) -> list[Strip]:
    """Give the lines of text in a part of the picture, best first."""
    height = image.shape[0]
    strokes = _strokes(_whiteness(image, x0, y0, x1, y1), height)
    ink = _ink(strokes)
    # Letters and words of one line are joined: a space is about a third of the letters' height.
    joined = cv2.dilate(ink, np.ones((1, max(5, round(0.022 * height)) | 1), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=4)
    found: list[tuple[float, Strip]] = []
    for left, top, wide, high, _ in stats[1:count].tolist():
        if wide < 1.2 * high or high < 0.7 * TEXT_HEIGHTS[0] * height:
            continue
        band = ink[top : top + high, left : left + wide]
        rows = band.sum(axis=1, dtype=np.int64)
        dense = np.flatnonzero(rows >= 0.25 * rows.max())
        first, last = top + int(dense[0]), top + int(dense[-1]) + 1
        tall = last - first
        if not TEXT_HEIGHTS[0] * height <= tall <= TEXT_HEIGHTS[1] * height or wide < 1.2 * tall:
            continue
        pad_y, pad_x = max(2, round(0.3 * tall)), max(2, round(0.3 * tall))
        strip = Strip(
            max(x0, x0 + left - pad_x),
            max(0, y0 + first - pad_y),
            min(x1, x0 + left + wide + pad_x),
            min(image.shape[0], y0 + last + pad_y),
            tall,
        )
        weight = float(strokes[first:last, left : left + wide].sum()) / tall
        found.append((weight * (1.0 - 0.6 * left / (x1 - x0)), strip))
    return [strip for _, strip in sorted(found, key=lambda item: -item[0])]
