"""Names drawn with the fonts of the report, to compare with names that stand in a recording."""

from __future__ import annotations

import functools
import unicodedata

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, features

from bot.report.fonts import files_with

LETTERS_PX = 48
FONTS_TRIED = 2
"""Of those that hold a name's letters: Latin, Greek and Cyrillic are in two."""


@functools.lru_cache(maxsize=512)
def draw_name(name: str) -> tuple[NDArray[np.uint8], ...]:
    """Draw a name once with each font that holds all its letters: white on black, (H, W).

    Pictures (emoji) are left out. Nothing for a name that no font holds, or whose letters join or
    run from right to left where Pillow was built without Raqm, which does that.
    """
    letters = "".join(
        sign for sign in name if unicodedata.category(sign) not in ("So", "Sk", "Cs", "Co", "Cn")
    ).strip()
    if not letters or (_needs_shaping(letters) and not features.check("raqm")):
        return ()
    found = []
    for path in files_with(letters)[:FONTS_TRIED]:
        font = ImageFont.truetype(str(path), LETTERS_PX)
        left, top, right, bottom = (round(edge) for edge in font.getbbox(letters, anchor="ls"))
        if right <= left or bottom <= top:
            continue
        picture = Image.new("L", (right - left + 8, bottom - top + 8))
        at = (4 - left, 4 - top)
        ImageDraw.Draw(picture).text(at, letters, font=font, fill=255, anchor="ls")
        found.append(np.asarray(picture, np.uint8))
    return tuple(found)


def _needs_shaping(letters: str) -> bool:
    """Whether a script's letters join, stand on each other or run from right to left."""
    return any(
        unicodedata.bidirectional(sign) in ("R", "AL") or unicodedata.category(sign) in ("Mn", "Mc")
        for sign in unicodedata.normalize("NFC", letters)
    )
