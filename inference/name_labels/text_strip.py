"""Where on a tile a name may be, and its pixels made ready for the reader.

Text is what is white, narrower than a thick stroke and darker around, in a line near the tile's
bottom, or in the middle of a tile without video. Only that is assumed: no font, no box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.name_labels.ocr import STRIP_HEIGHT_PX
from inference.schema.arrays import F32, U8

MIN_LETTER_SHARE, MAX_LETTER_SHARE = 0.008, 0.05
"""Height of a label's letters against the picture's height: sizes of 1.5 to 4 %, of which small
letters take half and those with a tail more than all."""
SEARCH_SHARE, SEARCH_SHARE_OF_TILE = 0.10, 0.34
"""A label is in the tile's lowest part: this share of the picture, at most of the tile."""
MIDDLE = (0.25, 0.75)
"""Between these shares of its height a tile without video shows the name."""
MIDDLE_LETTER_SHARE = 0.16
"""The largest letters there, against the tile's height."""
LETTER_SIZES = (1.0, 0.5, 0.33)
"""Lines are searched for with the largest letters and with smaller ones: what is a little away
from small letters, a collar or a lamp, is no part of their line."""
SPACE = 1.0
SAME_HEIGHT = 0.6
"""Words are of one line where less than this many letters' heights are between them, and this much
of the taller one's height is common."""
MOSTLY_INSIDE, HARDLY_LARGER = 0.8, 1.7
"""A strip with this share of it inside a line, whose letters are at most this many times as large,
is part of that line."""
MIN_CONTRAST = 32
"""Levels (0–255) by which a stroke is brighter than what surrounds it, at least."""
STROKE_OF_STRONGEST = 0.45
"""What is weaker than this share of a place's strongest strokes is no letter."""
SAME_LIKENESS = 0.7
"""A strip is the same while its strokes correlate this much with those that were read."""
SAME_LIKENESS_OF_PART = 0.45
"""And those of every part about two letters wide, so that one other letter shows."""
GONE_LIKENESS = 0.35
"""Under this it is certainly another one, however restless the video behind the letters is."""


@dataclass(frozen=True, slots=True)
class Place:
    """A part of the picture (x0, y0, x1, y1) that may hold a name, and its letters' heights."""

    x0: int
    y0: int
    x1: int
    y1: int
    least_px: float
    most_px: float


@dataclass(frozen=True, slots=True)
class Strip:
    """A line of text in a picture: pixels x0, y0, x1, y1, and the height of its letters."""

    x0: int
    y0: int
    x1: int
    y1: int
    letters_px: int


def places_of(tile: F32, image: U8, has_video: bool) -> list[Place]:
    """Return where on the tile (xyxy) a name may be; none on a tile too small for letters."""
    height, width = image.shape[:2]
    x0, y0 = max(0, round(float(tile[0]))), max(0, round(float(tile[1])))
    x1, y1 = min(width, round(float(tile[2]))), min(height, round(float(tile[3])))
    deep = round(min(SEARCH_SHARE * height, SEARCH_SHARE_OF_TILE * (y1 - y0)))
    if deep < 8 or x1 - x0 < 16:
        return []
    least, most = MIN_LETTER_SHARE * height, MAX_LETTER_SHARE * height
    places = [Place(x0, y1 - deep, x1, y1, least, min(most, 0.7 * deep))]
    if not has_video:
        high = y1 - y0
        top, bottom = (y0 + round(share * high) for share in MIDDLE)
        places.append(Place(x0, top, x1, bottom, least, MIDDLE_LETTER_SHARE * high))
    return places


def whiteness(image: U8, x0: int, y0: int, x1: int, y1: int) -> U8:
    """Return a part's darkest channel: high only where it is white, whatever colour is behind."""
    part = image[y0:y1, x0:x1]
    return np.asarray(cv2.min(cv2.min(part[:, :, 0], part[:, :, 1]), part[:, :, 2]), np.uint8)


def steady_whiteness(parts: Sequence[U8]) -> U8:
    """Return what stayed white in all samples of a place (one or more): letters stay, video moves.

    Measured on labels of 7 to 12 px, encoded at 0.05 bits per pixel: 41 of 77 read to the letter
    over three samples, 34 in one.
    """
    steady = parts[0]
    for part in parts[1:]:
        steady = np.asarray(cv2.min(steady, part), np.uint8)
    return steady


def find_strips(white: U8, place: Place) -> list[Strip]:
    """Return the lines of text in a place's `whiteness`, those most like a label first."""
    strokes = stroke_levels(white, place.most_px)
    ink = _ink(strokes)
    # A line longer than any letter is the edge of a box near the tile's.
    line = np.ones((1, max(12, round(place.most_px))), np.uint8)
    ink = ink & ~np.asarray(cv2.morphologyEx(ink, cv2.MORPH_OPEN, line), np.uint8)
    found: list[tuple[float, Strip]] = []
    for share in LETTER_SIZES:
        lines = _lines(ink, strokes, place, share * place.most_px)
        found += [line for line in lines if not any(_holds(other, line[1]) for _, other in found)]
    return [strip for _, strip in sorted(found, key=lambda item: -item[0])]


def _lines(ink: U8, strokes: U8, place: Place, most_px: float) -> list[tuple[float, Strip]]:
    """Find lines whose largest letters have this height, each with how much it looks like text."""
    # Letters are joined to words here: what is between them is less than half a letter's height.
    joined = cv2.dilate(ink, np.ones((1, max(5, round(0.45 * most_px)) | 1), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=4)
    high, wide = ink.shape
    words: list[_Box] = []
    for left, top, width, height, _ in stats[1:count].tolist():
        if height < 0.7 * place.least_px:
            continue
        rows = ink[top : top + height, left : left + width].sum(axis=1, dtype=np.int64)
        dense = np.flatnonzero(rows >= 0.25 * rows.max())
        first, last = top + int(dense[0]), top + int(dense[-1]) + 1
        if place.least_px <= last - first <= most_px:
            words.append((left, first, left + width, last))
    found = []
    for left, first, right, last in _joined(words):
        letters = last - first
        if right - left < 1.2 * letters:
            continue
        pad = max(2, round(0.3 * letters))
        strip = Strip(
            place.x0 + max(0, left - pad),
            place.y0 + max(0, first - pad),
            place.x0 + min(wide, right + pad),
            place.y0 + min(high, last + pad),
            letters,
        )
        weight = float(strokes[first:last, left:right].sum()) / letters
        found.append((weight * (1.0 - 0.6 * left / wide), strip))
    return found


_Box = tuple[int, int, int, int]


def _joined(words: Sequence[_Box]) -> list[_Box]:
    """Join words that follow one another on one line; each is x0, y0, x1, y1."""
    lines: list[_Box] = []
    for word in sorted(words):
        for k, line in enumerate(lines):
            letters = min(word[3] - word[1], line[3] - line[1])
            common = min(word[3], line[3]) - max(word[1], line[1])
            tallest = max(word[3] - word[1], line[3] - line[1])
            if word[0] - line[2] <= SPACE * letters and common >= SAME_HEIGHT * tallest:
                lines[k] = (
                    line[0], min(line[1], word[1]), max(line[2], word[2]), max(line[3], word[3])
                )  # fmt: skip
                break
        else:
            lines.append(word)
    return lines


def _holds(line: Strip, part: Strip) -> bool:
    """Return whether a strip is only part of a line whose letters are hardly larger."""
    wide = min(line.x1, part.x1) - max(line.x0, part.x0)
    high = min(line.y1, part.y1) - max(line.y0, part.y0)
    area = (part.x1 - part.x0) * (part.y1 - part.y0)
    is_inside = wide > 0 and high > 0 and wide * high > MOSTLY_INSIDE * area
    return is_inside and line.letters_px <= HARDLY_LARGER * part.letters_px


def strip_picture(white: U8, place: Place, strip: Strip) -> U8:
    """Return the strip as the reader expects it: grey in three channels, STRIP_HEIGHT_PX high."""
    part = white[
        strip.y0 - place.y0 : strip.y1 - place.y0, strip.x0 - place.x0 : strip.x1 - place.x0
    ]
    high, wide = part.shape
    size = (max(8, round(wide * STRIP_HEIGHT_PX / high)), STRIP_HEIGHT_PX)
    # Of small letters, linear interpolation reads better than cubic (41 of 77 against 36).
    how = cv2.INTER_AREA if high > STRIP_HEIGHT_PX else cv2.INTER_LINEAR
    return np.repeat(cv2.resize(part, size, interpolation=how)[:, :, None], 3, axis=2)


def strokes_of(image: U8, strip: Strip) -> U8:
    """Return how clear the strokes in the strip's place are now, levels, (y1 - y0, x1 - x0)."""
    white = whiteness(image, strip.x0, strip.y0, strip.x1, strip.y1)
    return stroke_levels(white, 2.0 * strip.letters_px)


def likeness(before: U8, now: U8, strip: Strip) -> float:
    """Return how well a strip's strokes correlate with those before, -1 to 1.

    At most just under SAME_LIKENESS where a part as wide as two letters differs, or where more
    letters are at its end.

    Args:
        before, now: of `strokes_of`, the same strip.
    """
    a, b = before.astype(np.float32), now.astype(np.float32)
    edges = np.arange(0, a.shape[1], max(6, round(1.5 * strip.letters_px)))
    sums = np.stack([part.sum(axis=0) for part in (a, b, a * a, b * b, a * b)])
    parts = np.add.reduceat(sums, edges, axis=1)
    counts = np.diff(np.append(edges, a.shape[1])) * a.shape[0]
    of_parts = _correlation(parts, counts)
    whole = float(_correlation(parts.sum(axis=1, keepdims=True), counts.sum())[0])
    counts = parts[2] >= 0.5 * float(parts[2].mean())
    # A longer name begins like this one and goes on where this one ended.
    end = max(2, round(0.3 * strip.letters_px))
    more = float(b[:, -end:].sum() - a[:, -end:].sum())
    goes_on = more > 0.3 * strip.letters_px * float(a.max(initial=0.0))
    if goes_on or (of_parts[counts] < SAME_LIKENESS_OF_PART).any():
        return min(whole, SAME_LIKENESS - 0.01)
    return whole


def _correlation(sums: F32, counts: NDArray[np.int_] | np.int_) -> F32:
    """Correlate from the sums of a, b, a², b² and ab, (5, n), over this many points each."""
    a, b, aa, bb, ab = sums / counts
    spread = np.sqrt(np.maximum(aa - a * a, 1e-3) * np.maximum(bb - b * b, 1e-3))
    return np.asarray((ab - a * b) / spread, np.float32)


def stroke_levels(white: U8, most_px: float) -> U8:
    """Return what is brighter than all around it within a thick stroke's width (levels).

    Args:
        most_px: height of the largest letters; a thick stroke is a quarter of it.
    """
    side = max(5, round(0.24 * most_px)) | 1
    shape = np.ones((side, side), np.uint8)
    return np.asarray(cv2.morphologyEx(white, cv2.MORPH_TOPHAT, shape), np.uint8)


def _ink(strokes: U8) -> U8:
    """1 where a stroke is clear against the strongest ones of the same place."""
    strongest = float(np.percentile(strokes, 99))
    return (strokes > max(MIN_CONTRAST, STROKE_OF_STRONGEST * strongest)).astype(np.uint8)
