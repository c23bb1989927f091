"""How a written name looks, small enough to keep: for names that the reader has no letters for.

A shape is a picture of letters drawn into the recording, never of a person: the bright strokes of
one label, letters LETTER_ROWS high, in four levels of grey. It holds no more than the label's text
does, and is compared with the names of the roster only (`glyph_match`).
"""

from __future__ import annotations

import base64
import binascii
import functools
import zlib

import cv2
import numpy as np

from inference.name_labels.text_strip import Place, Strip, stroke_levels
from inference.schema.arrays import F32, U8

LETTER_ROWS, ROWS, MAX_COLUMNS = 10, 20, 320
"""Height of the letters' body in a shape, of a shape with what is above and below, and the
widest: about 35 letters; longer names are kept by their beginning."""
LEVELS = 4
CLEAR = 0.35
"""A point of a shape from this level up (0–1) belongs to a letter."""
SAME_SHAPE = 0.8
"""Two shapes of one place show the same letters from this correlation up."""


def shape_of(white: U8, place: Place, strip: Strip) -> str:
    """Return the strokes of a strip as text: base64 of a few hundred bytes; "" without strokes.

    Args:
        white: the place's steady whiteness, as the strip was found in it.
    """
    left, top = max(0, strip.x0 - place.x0), max(0, strip.y0 - place.y0)
    right, letters = strip.x1 - place.x0, strip.letters_px
    # The strip extends past its letters by as much above as below, except at the place's edge.
    pad = max(2, round(0.3 * letters))
    last = strip.y1 - place.y0 - pad if strip.y1 < place.y1 else top + pad + letters
    first = max(0, last - letters)
    strokes = stroke_levels(white, 2.0 * letters)[:, left:right].astype(np.float32)
    strongest = float(np.percentile(strokes[first:last], 97)) if last > first else 0.0
    if strongest < 1.0:
        return ""
    grey = np.clip((strokes / strongest - 0.2) / 0.7, 0.0, 1.0)
    grey[_runs_through(grey, letters)] = 0.0
    small = drawn_at(grey.astype(np.float32), 0.5 * (first + last), letters)[:, :MAX_COLUMNS]
    steps = np.round(small * (LEVELS - 1)).astype(np.uint8)
    steps = np.pad(steps, ((0, 0), (0, -steps.shape[1] % 4)))
    a, b, c, d = (steps[:, k::4] for k in range(4))
    return base64.b64encode(zlib.compress((a | b << 2 | c << 4 | d << 6).tobytes(), 9)).decode()


@functools.lru_cache(maxsize=512)
def levels_of(shape: str) -> F32:
    """Return the picture that a shape holds, (ROWS, columns), 0–1; no columns if it is invalid."""
    try:
        packed = np.frombuffer(zlib.decompress(base64.b64decode(shape)), np.uint8)
        packed = packed.reshape(ROWS, -1)
    except (binascii.Error, zlib.error, ValueError):
        return np.zeros((ROWS, 0), np.float32)
    steps = np.stack([packed >> bits & 3 for bits in (0, 2, 4, 6)], axis=2)
    return np.asarray(steps.reshape(ROWS, -1) / (LEVELS - 1), np.float32)


def is_same_shape(a: str, b: str) -> bool:
    """Return whether two shapes of one place show the same letters; never where one is empty."""
    first, second = trimmed(levels_of(a)), trimmed(levels_of(b))
    width = min(first.shape[1], second.shape[1])
    if width < LETTER_ROWS or abs(first.shape[1] - second.shape[1]) > 3:
        return False
    wide = (width, ROWS)
    first, second = cv2.resize(first, wide), cv2.resize(second, wide)
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1]) >= SAME_SHAPE


def trimmed(picture: F32) -> F32:
    """Cut off the columns before the first letter and after the last."""
    columns = np.flatnonzero((picture > CLEAR).any(axis=0))
    return picture[:, columns[0] : columns[-1] + 1] if len(columns) else picture[:, :0]


def drawn_at(grey: F32, middle: float, letters: float, columns: int | None = None) -> F32:
    """Scale a picture of letters to LETTER_ROWS, the row `middle` in the middle of ROWS.

    Args:
        grey: (H, W), 0–1.
        middle, letters: middle and height of the letters' body, rows of `grey`.
        columns: width of the result; by default in proportion.
    """
    tall = LETTER_ROWS / letters
    columns = columns or max(4, int(np.ceil(grey.shape[1] * tall)))
    wide = columns / grey.shape[1]
    if min(tall, wide) < 0.7:
        grey = np.asarray(cv2.GaussianBlur(grey, (0, 0), 0.4 / min(tall, wide)), np.float32)
    turn = np.array([[wide, 0, 0.5 * wide - 0.5], [0, tall, ROWS / 2 - middle * tall]], np.float32)
    scaled = cv2.warpAffine(grey, turn, (columns, ROWS), flags=cv2.INTER_LINEAR)
    return np.asarray(scaled, np.float32)


def _runs_through(grey: F32, letters: int) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Return where a line crosses the strip's side: the edge of a label's box, not a letter."""
    ink = (grey > 0.4).astype(np.uint8)
    long = np.ones((1, max(8, round(1.2 * letters))), np.uint8)
    _, lines = cv2.connectedComponents(cv2.morphologyEx(ink, cv2.MORPH_OPEN, long))
    through = np.setdiff1d(np.concatenate([lines[:, 0], lines[:, -1]]), [0])
    edge = np.isin(lines, through).astype(np.uint8)
    return np.asarray(cv2.dilate(edge, np.ones((3, 3), np.uint8)) > 0)
