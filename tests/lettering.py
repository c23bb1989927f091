"""Names written into pictures that tests make, in the report's fonts and in another one."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np

from bot.text.draw_text import ABOVE, REGULAR, Typeface, draw_text
from inference.schema.arrays import U8

OTHER_FONT = Typeface(
    ("DejaVu Sans",), folder=Path(matplotlib.get_data_path()) / "fonts" / "ttf"
)  # fmt: skip
"""Ships with matplotlib; names are matched with Inter and Noto."""
ARABIC_BOLD = Typeface(("Noto Sans Arabic",), 700)
INTER_MEDIUM = Typeface(("Inter",), 500)


def text_width(text: str, size_px: float, typeface: Typeface = REGULAR) -> int:
    """Return how wide a text is written, in pixels."""
    return int(draw_text(text, size_px, (255, 255, 255), typeface).shape[1])


def write(
    image: U8, text: str, at: tuple[float, float], size_px: float, typeface: Typeface = REGULAR
) -> None:
    """Write white letters into an RGB picture; `at` is the left end of their baseline.

    What reaches out of the picture is cut off.
    """
    letters = draw_text(text, size_px, (255, 255, 255), typeface)
    x, y = round(at[0]), round(at[1]) - round(ABOVE * size_px)
    top, left = max(0, -y), max(0, -x)
    part = image[y + top : y + letters.shape[0], x + left : x + letters.shape[1]]
    letters = letters[top : top + part.shape[0], left : left + part.shape[1]]
    cover = letters[:, :, 3:].astype(np.float32) / 255
    part[:] = np.rint(part * (1 - cover) + letters[:, :, :3] * cover).astype(np.uint8)
