"""Names drawn with the report's fonts, to compare with the names shown in a recording."""

from __future__ import annotations

import functools
import unicodedata

import numpy as np

from bot.text.draw_text import Typeface, draw_line
from bot.text.fonts import families_with
from inference.schema.arrays import U8

LETTERS_PX = 48
FONTS_TRIED = 2
"""Of the fonts that have a name's letters: Latin, Greek and Cyrillic are in two."""
_ROOM_PX = 2 * LETTERS_PX
"""Above and below the baseline: more than the letters of any script need."""
_MARGIN_PX = 4


@functools.lru_cache(maxsize=512)
def draw_name(name: str) -> tuple[U8, ...]:
    """Draw a name once with each font that has all its letters: white on black, (H, W).

    Emoji are left out. Empty for a name that no font can draw.
    """
    letters = "".join(
        sign for sign in name if unicodedata.category(sign) not in ("So", "Sk", "Cs", "Co", "Cn")
    ).strip()
    if not letters:
        return ()
    found = []
    for family in families_with(letters)[:FONTS_TRIED]:
        line = draw_line(
            letters, LETTERS_PX, (255, 255, 255), Typeface((family,)),
            above_px=_ROOM_PX, below_px=_ROOM_PX,
        )[:, :, 3]  # fmt: skip
        rows, columns = (np.flatnonzero(line.any(axis=axis)) for axis in (1, 0))
        if len(rows):
            inked = line[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            found.append(np.pad(inked, _MARGIN_PX))
    return tuple(found)
