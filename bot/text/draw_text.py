"""Draws text as a picture, the same on every machine.

Typst shapes and orders the letters of any script and has all it needs in its wheel. Pillow draws
right-to-left and joined letters only if the system has libfribidi.
"""

from __future__ import annotations

import functools
import json
import threading
import unicodedata
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import typst

from bot.text import words
from bot.text.fonts import FAMILIES, FONTS, missing_glyphs
from inference.schema.arrays import U8

Colour = tuple[int, int, int]

ABOVE, BELOW = 1.08, 0.32
"""Height of a line above and below its baseline, in units of the font size."""
_LINE = Path(__file__).with_name("line.typ")
_MARGIN_PX = 2
"""After the text, so that texts in a row do not touch."""
_MOST_LETTERS = 1000
"""Longer texts are cut off: no name is that long, and no picture could hold it."""
_typst = threading.Lock()
"""A compiler serves one thread at a time."""


@dataclass(frozen=True, slots=True)
class Typeface:
    """Families in the order in which they are tried for a letter, and the folder of their files.

    If a family lacks the weight (100–900), its nearest weight is used.
    """

    families: tuple[str, ...]
    weight: int = 400
    folder: Path = FONTS


REGULAR = Typeface(tuple(family for family, _ in FAMILIES))
BOLD = replace(REGULAR, weight=600)


@functools.lru_cache(maxsize=1024)
def draw_text(text: str, size_px: float, colour: Colour, typeface: Typeface = REGULAR) -> U8:
    """Draw one line on a transparent ground: RGBA, (1.4 size_px, width, 4), same height always.

    Letters that none of the report's fonts has are left out. The picture is shared: do not write
    to it.
    """
    high, above = round((ABOVE + BELOW) * size_px), round(ABOVE * size_px)
    return draw_line(text, size_px, colour, typeface, above_px=above, below_px=high - above)


def fit_text(
    text: str, size_px: float, colour: Colour, width_px: int, typeface: Typeface = REGULAR
) -> U8:
    """Draw one line, cut with an ellipsis if it would be wider than `width_px`."""
    line = words.clean(text)
    drawn = draw_text(line, size_px, colour, typeface)
    length = float(len(line)) * 2
    while drawn.shape[1] > width_px and length > 2:
        length = min(length * 0.85, length - 1)
        drawn = draw_text(words.shorten(line, int(length)), size_px, colour, typeface)
    return drawn[:, : max(1, width_px)]


def draw_line(
    text: str, size_px: float, colour: Colour, typeface: Typeface, *, above_px: int, below_px: int
) -> U8:
    """Draw one line with fixed heights above and below its baseline; taller parts are cut off.

    Args:
        text: direction marks in it apply; its first letter with a direction sets the line's.

    Returns:
        RGBA, (above_px + below_px, width, 4), not premultiplied; one clear column for no text.
    """
    line = _drawable(text)
    if not line:
        return np.zeros((above_px + below_px, 1, 4), np.uint8)
    beside = round(size_px) + 1
    inputs = {
        "text": line,
        "families": json.dumps(typeface.families),
        "weight": str(typeface.weight),
        "size": str(size_px),
        "colour": "#{:02x}{:02x}{:02x}".format(*colour),
        "direction": "rtl" if _runs_right_to_left(line) else "ltr",
        "above": str(above_px),
        "below": str(below_px),
        "beside": str(beside),
    }
    with _typst:
        png = _compiler(typeface.folder).compile(format="png", ppi=72, sys_inputs=inputs)
    assert isinstance(png, bytes), "a line is one page"
    bgra = np.asarray(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED), np.uint8)
    inked = np.flatnonzero(bgra[:, :, 3].any(axis=0))
    left, right = beside, bgra.shape[1] - beside
    if len(inked):
        left, right = min(left, int(inked[0])), max(right, int(inked[-1]) + 1)
    picture = np.zeros((above_px + below_px, right - left + _MARGIN_PX, 4), np.uint8)
    picture[:, :-_MARGIN_PX] = bgra[:, left:right, [2, 1, 0, 3]]
    picture.setflags(write=False)
    return picture


def check_text() -> list[str]:
    """Return what is wrong with drawn text, a sentence each; empty if all is well."""
    try:
        hebrew, turned, arabic, apart = (
            draw_text(text, 24, (255, 255, 255))
            # The second forces the letters of the first into their visual order.
            for text in ("שרה לוי", "\u202d" + "שרה לוי"[::-1], "محمد", "\u200c".join("محمد"))
        )
    except Exception as exc:  # The edge: whatever it is, the check must report it.
        return [f"Names cannot be drawn ({exc}): install Rapport again."]
    problems = []
    if not _is_alike(hebrew, turned):
        problems.append("Hebrew names are drawn in the wrong order: install typst again.")
    if _is_alike(arabic, apart):
        problems.append("The letters of Arabic names are not joined: install typst again.")
    return problems


def _is_alike(a: U8, b: U8) -> bool:
    """Return whether two pictures show the same letters, apart from rounding."""
    return a.shape == b.shape and float(np.abs(a.astype(int) - b)[:, :, 3].mean()) < 1.0


def _drawable(text: str) -> str:
    """Return a text on one line, without letters that no font can draw."""
    line = " ".join(text.split())[:_MOST_LETTERS]
    missing = missing_glyphs(line)
    kept = (c for c in line if c not in missing and unicodedata.category(c) != "Cc")
    return "".join(kept).strip()


def _runs_right_to_left(line: str) -> bool:
    directions = (unicodedata.bidirectional(letter) for letter in line)
    return next((d != "L" for d in directions if d in ("L", "R", "AL")), False)


@functools.lru_cache(maxsize=4)
def _compiler(folder: Path) -> typst.Compiler:
    """Read a folder's fonts once, but not the machine's or Typst's own."""
    fonts = typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=[folder]
    )
    return typst.Compiler(_LINE, root=_LINE.parent, font_paths=fonts)
