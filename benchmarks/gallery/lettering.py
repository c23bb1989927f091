"""Text in any script, drawn with the fonts of the report."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import numpy as np
from fontTools.ttLib import TTFont
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from bot.report.fonts import FAMILIES, FONTS

_EMOJI_FILE = "NotoColorEmoji-64px.ttf"
_EMOJI_PX = 54
"""The only size that font can be opened with (its strike's pixels per em)."""


def draw_text(
    text: str, height_px: float, colour: tuple[int, int, int] = (255, 255, 255), bold: bool = False
) -> NDArray[np.uint8]:
    """Give a text as RGBA, shape (H, W, 4), W following from the text.

    `height_px` is the size of the letters as CSS counts it; the line is 1.4 times as high.
    """
    pieces = [
        _draw_run(file, run, height_px, colour)
        for file, run in _runs(unicodedata.normalize("NFC", text), bold)
    ]
    pieces = pieces or [np.zeros((_line_px(height_px), 1, 4), np.uint8)]
    return np.concatenate(pieces, axis=1)


def text_width(text: str, height_px: float) -> int:
    """How wide `draw_text` draws a text."""
    return int(draw_text(text, height_px).shape[1])


def shorten(text: str, height_px: float, width_px: int) -> str:
    """Cut a text off with "…" where it is wider than there is room for."""
    if text_width(text, height_px) <= width_px:
        return text
    for length in range(len(text) - 1, 0, -1):
        cut = text[:length].rstrip() + "…"
        if text_width(cut, height_px) <= width_px:
            return cut
    return "…"


def _line_px(height_px: float) -> int:
    return max(2, round(height_px * 1.4))


def _runs(text: str, bold: bool) -> list[tuple[str, str]]:
    """Split a text where the font changes; marks and joiners stay with the letter before them."""
    runs: list[tuple[str, str]] = []
    for letter in text:
        joins = unicodedata.category(letter) in ("Mn", "Mc", "Cf", "Sk") or letter == "\ufe0f"
        if runs and (joins or (letter == " " and runs[-1][0] != _EMOJI_FILE)):
            runs[-1] = (runs[-1][0], runs[-1][1] + letter)
            continue
        file = _file_for(letter, bold)
        if runs and runs[-1][0] == file:
            runs[-1] = (file, runs[-1][1] + letter)
        else:
            runs.append((file, letter))
    return runs


def _file_for(letter: str, bold: bool) -> str:
    for _, files in FAMILIES:
        if ord(letter) in _letters(files[0]):
            return files[-1] if bold and len(files) == 3 else files[0]
    return FAMILIES[1][1][0]


@lru_cache(maxsize=64)
def _letters(file: str) -> frozenset[int]:
    with TTFont(FONTS / file, lazy=True) as font:
        return frozenset(font.getBestCmap() or {})


@lru_cache(maxsize=256)
def _font(file: str, size: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONTS / file), size)


def _draw_run(
    file: str, run: str, height_px: float, colour: tuple[int, int, int]
) -> NDArray[np.uint8]:
    line = _line_px(height_px)
    if file == _EMOJI_FILE:
        font = _font(file, _EMOJI_PX)
        big = Image.new("RGBA", (max(1, round(font.getlength(run))), 64), (0, 0, 0, 0))
        ImageDraw.Draw(big).text((0, 0), run, font=font, embedded_color=True)
        size = (max(1, round(big.width * height_px * 1.15 / 64)), max(1, round(height_px * 1.15)))
        small = big.resize(size, Image.Resampling.LANCZOS)
        image = Image.new("RGBA", (small.width, line), (0, 0, 0, 0))
        image.paste(small, (0, (line - small.height) // 2))
        return np.asarray(image, np.uint8)
    font = _font(file, height_px)
    width = max(1, round(font.getlength(run)))
    mask = Image.new("L", (width, line), 0)
    ImageDraw.Draw(mask).text((0, line * 0.72), run, font=font, fill=255, anchor="ls")
    letters = np.empty((line, width, 4), np.uint8)
    letters[..., :3] = colour
    letters[..., 3] = np.asarray(mask)
    return letters
