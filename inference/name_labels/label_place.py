"""Whether a line of text is where Zoom writes a camera's name, and on what it writes it.

A name begins at the tile's lower left corner, in a dark half-transparent box or on a dark strip.
Text elsewhere at the bottom is what the picture shows: a slide, a chat, a menu.
"""

from __future__ import annotations

import cv2
import numpy as np

from inference.layout.screen import is_drawn
from inference.name_labels.text_strip import Strip, whiteness
from inference.schema.arrays import F32, U8

INDENT_LETTERS = 5.0
"""A name begins at most this many letters' heights from the tile's left edge: the box's padding, a
microphone, and the gap to the edge are 3 at most."""
RAISE_LETTERS = 2.5
"""It ends at most this many letters' heights above the tile's lower edge: the box's padding and the
gap to the edge are 1.2 at most."""
BAR_LEVEL = 24
"""Bars beside a picture are no brighter (0–255); a name is in the picture's corner or in theirs."""
BAR_POINTS = 8
"""Every so many pixels are looked at."""
DARK_GROUND = 110
"""Levels up to which the ground of the letters may be a box over anything: Zoom's takes six tenths
of the light, so that white becomes 102."""
BOX_SHADE = 0.92
"""A brighter ground is a box's if it is darker than this share of what is beside it: Zoom has drawn
boxes that take only a fifth of the light."""
BESIDE_LETTERS = (1.0, 2.2)
"""What is this far from the letters, in their heights, is outside of the box."""
LARGE_SHARE = 0.4
"""Of the picture: a tile this large may be a desktop that was taken for a camera."""
BLACK_GROUND, SAME_LEVEL, FLAT_SHARE = 30, 4, (0.2, 0.4)
"""Where the ground of a large tile is over the first level and goes on to the right, up to so much
darker, and has one level in these shares of the pixels (between letters, beside them), it is a bar
across a desktop. A box would have darkened it; what is black cannot be darkened."""
BAR_LETTERS = 6.0
"""How far it goes on, in letters' heights."""
GROUND_PERCENTILE = 35.0
"""Of the levels around letters: above are the letters and their soft edges."""


def content_of(image: U8) -> F32:
    """Return where an undivided RGB picture is (xyxy): all but black bars at its edges."""
    height, width = image.shape[:2]
    points = image[::BAR_POINTS, ::BAR_POINTS].max(axis=2) > BAR_LEVEL
    # A few letters in a bar are no picture.
    rows = np.flatnonzero(points.mean(axis=1) > 0.2)
    columns = np.flatnonzero(points.mean(axis=0) > 0.2)
    if len(rows) == 0 or len(columns) == 0:
        return np.array([0, 0, width, height], np.float32)
    edges = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
    content: F32 = np.minimum(np.array(edges) * BAR_POINTS, [width, height, width, height]).astype(
        np.float32
    )
    return content


def is_in_corner(strip: Strip, corners: F32) -> bool:
    """Return whether a line begins at the lower left corner of a tile.

    Args:
        corners: (n, 4) tiles, xyxy; one of them is enough.
    """
    # A strip is padded by three tenths of its letters.
    pad = max(2, round(0.3 * strip.letters_px))
    indent = strip.x0 + pad - corners[:, 0]
    above = corners[:, 3] - (strip.y1 - pad)
    near = (indent <= INDENT_LETTERS * strip.letters_px) & (indent >= -pad)
    low = (above <= RAISE_LETTERS * strip.letters_px) & (above >= -pad)
    return bool((near & low).any())


def is_large_tile(tile: F32, image: U8) -> bool:
    """Return whether a tile is so large that it may be a screen taken for a camera."""
    wide, high = (tile[2:] - tile[:2]).tolist()
    return bool(wide * high >= LARGE_SHARE * image.shape[0] * image.shape[1])


def may_have_box(image: U8, tile: F32, strip: Strip) -> bool:
    """Return whether a line of a tile may be written on a dark box.

    It is not where its ground is as bright as what is above it and to its right, nor where, in a
    large tile, the same flat ground goes on to its right.
    """
    letters = strip.letters_px
    inside = _ground(image, strip.x0, strip.y0, strip.x1, strip.y1)
    if inside is None or inside <= BLACK_GROUND:
        return True
    near, far = (round(share * letters) for share in BESIDE_LETTERS)
    right = strip.x1 + near
    if is_large_tile(tile, image):
        bar = _part(image, right, strip.y0, right + round(BAR_LETTERS * letters), strip.y1)
        between = _part(image, strip.x0, strip.y0, strip.x1, strip.y1)
        own, level = _flat_level(between, FLAT_SHARE[0]), _flat_level(bar, FLAT_SHARE[1])
        if own is not None and level is not None and BOX_SHADE * level <= own <= level + SAME_LEVEL:
            return False
    if inside <= DARK_GROUND:
        return True
    beside = (
        _ground(image, strip.x0, strip.y0 - far, strip.x1, strip.y0 - near),
        _ground(image, right, strip.y0, strip.x1 + far, strip.y1),
    )
    return any(level is not None and inside < BOX_SHADE * level for level in beside)


def is_screen(image: U8) -> bool:
    """Return whether an undivided RGB picture is drawn, as a desktop is, and no camera's."""
    height, width = image.shape[:2]
    step = max(1, height // 160)
    # Every pixel of some lines: shrunk, a screen's flat ground and hard edges would be soft.
    lines = np.asarray(cv2.cvtColor(np.ascontiguousarray(image[::step]), cv2.COLOR_RGB2GRAY))
    return is_drawn(
        np.asarray(lines, np.uint8), np.array([0, 0, width, lines.shape[0]], np.float32)
    )


def _ground(image: U8, x0: int, y0: int, x1: int, y1: int) -> float | None:
    """Return the level (0–255) of a part's ground, None where too little is in the picture."""
    part = _part(image, x0, y0, x1, y1)
    return None if part is None else float(np.percentile(part, GROUND_PERCENTILE))


def _flat_level(part: U8 | None, share: float) -> int | None:
    """Return the level that this share of a part has, within one level; None if it has none."""
    if part is None:
        return None
    counts = np.bincount(part.reshape(-1), minlength=258)
    near = counts[:-2] + counts[1:-1] + counts[2:]
    best = int(near.argmax())
    return best + 1 if near[best] >= share * part.size else None


def _part(image: U8, x0: int, y0: int, x1: int, y1: int) -> U8 | None:
    """Return the whiteness of a part as far as it is in the picture, None where that is little."""
    x0, y0 = max(0, x0), max(0, y0)
    x1, y1 = min(image.shape[1], x1), min(image.shape[0], y1)
    return whiteness(image, x0, y0, x1, y1) if x1 - x0 >= 2 and y1 - y0 >= 2 else None
