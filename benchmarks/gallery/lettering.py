"""Text in the generated recordings: labels are cut to the available width, as Zoom does."""

from __future__ import annotations

from functools import lru_cache

from benchmarks.gallery.footage import U8
from bot.text.draw_text import BOLD, REGULAR, draw_line

WHITE = (255, 255, 255)
LINE, ABOVE = 1.4, 0.72
"""Height of a line as a multiple of the letter size, and the part of it above the baseline."""


@lru_cache(maxsize=1024)
def draw_text(
    text: str, height_px: float, colour: tuple[int, int, int] = WHITE, bold: bool = False
) -> U8:
    """Draw a text as RGBA, shape (H, W, 4), with W depending on the text; do not modify it.

    `height_px` is the font size as in CSS; the line is 1.4 times as high.
    """
    line = max(2, round(height_px * LINE))
    above = round(line * ABOVE)
    typeface = BOLD if bold else REGULAR
    return draw_line(text, height_px, colour, typeface, above_px=above, below_px=line - above)


def shorten(text: str, height_px: float, width_px: int) -> str:
    """Shorten a text with "…" if it is wider than the available width."""
    if _width(text, height_px) <= width_px:
        return text
    for length in range(len(text) - 1, 0, -1):
        cut = text[:length].rstrip() + "…"
        if _width(cut, height_px) <= width_px:
            return cut
    return "…"


def _width(text: str, height_px: float) -> int:
    return int(draw_text(text, height_px).shape[1])
