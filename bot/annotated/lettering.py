"""Text as small pictures (RGBA), in every script that the report's fonts hold."""

from __future__ import annotations

import functools
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bot.report import words
from bot.report.fonts import FONTS, files_with
from inference.types import U8

Colour = tuple[int, int, int]

EMOJI = "NotoColorEmoji-64px.ttf"
EMOJI_PX = 54
"""The one size in which that font holds its pictures."""
_MARGIN_PX = 2
"""Round about the text, for letters that reach out of their boxes."""


@dataclass(frozen=True, slots=True)
class _Run:
    """Letters in a row that one font draws."""

    text: str
    file: str


def text_width(text: str, size_px: int, *, bold: bool = False) -> int:
    """Give how wide `draw_text` draws a text, in pixels."""
    return int(draw_text(text, size_px, (255, 255, 255), bold=bold).shape[1])


@functools.lru_cache(maxsize=1024)
def draw_text(text: str, size_px: int, colour: Colour, *, bold: bool = False) -> U8:
    """Draw one line on nothing: RGBA, (1.4 size_px, width, 4), the same height for every script.

    Letters that no font holds are left out. The picture is shared: do not write into it.
    """
    height = round(1.4 * size_px)
    baseline = round(1.08 * size_px)
    parts = [_draw_run(run, size_px, colour, bold, height, baseline) for run in _runs(text)]
    if not parts:
        return np.zeros((height, 1, 4), np.uint8)
    picture = np.concatenate(parts, axis=1)
    picture.setflags(write=False)
    return picture


def fit_text(text: str, size_px: int, colour: Colour, width_px: int, *, bold: bool = False) -> U8:
    """Draw one line, cut with an ellipsis where it would be wider than `width_px`."""
    line = words.clean(text)
    drawn = draw_text(line, size_px, colour, bold=bold)
    length = float(len(line)) * 2
    while drawn.shape[1] > width_px and length > 2:
        length = min(length * 0.85, length - 1)
        drawn = draw_text(words.shorten(line, int(length)), size_px, colour, bold=bold)
    return drawn[:, : max(1, width_px)]


def _runs(text: str) -> list[_Run]:
    """Divide a text by the fonts that hold its letters; one font for all of it where one can."""
    whole = files_with(text) if text.strip() else ()
    if whole and (whole[0].name != EMOJI):
        return [_Run(text, whole[0].name)]
    runs: list[_Run] = []
    for letter in text:
        joins = bool(runs) and (
            letter.isspace() or unicodedata.category(letter) in ("Mn", "Mc", "Cf", "Me")
        )
        file = runs[-1].file if joins else _file_for(letter)
        if file is None:
            continue
        if runs and runs[-1].file == file:
            runs[-1] = _Run(runs[-1].text + letter, file)
        else:
            runs.append(_Run(letter, file))
    return runs


@functools.lru_cache(maxsize=4096)
def _file_for(letter: str) -> str | None:
    found = files_with(letter)
    return found[0].name if found else None


@functools.lru_cache(maxsize=64)
def _font(file: str, size_px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONTS / file), size_px)


def _draw_run(
    run: _Run, size_px: int, colour: Colour, bold: bool, height: int, baseline: int
) -> U8:
    if run.file == EMOJI:
        return _draw_emoji(run.text, size_px, height, baseline)
    font = _font(_weight(run.file, bold), size_px)
    left, _, right, _ = font.getbbox(run.text, anchor="ls")
    advance = font.getlength(run.text)
    width = max(1, round(max(advance, right) - min(0, left))) + _MARGIN_PX
    mask = Image.new("L", (width, height))
    at = (max(0.0, -left), baseline)
    ImageDraw.Draw(mask).text(at, run.text, font=font, fill=255, anchor="ls")
    picture = np.empty((height, width, 4), np.uint8)
    picture[:, :, :3] = colour
    picture[:, :, 3] = np.asarray(mask)
    return picture


def _draw_emoji(text: str, size_px: int, height: int, baseline: int) -> U8:
    font = _font(EMOJI, EMOJI_PX)
    width = max(1, round(font.getlength(text)))
    large = Image.new("RGBA", (width, round(1.5 * EMOJI_PX)))
    ImageDraw.Draw(large).text((0, EMOJI_PX), text, font=font, embedded_color=True, anchor="ls")
    share = size_px / EMOJI_PX
    size = (max(1, round(width * share)), max(1, round(large.height * share)))
    small = np.asarray(large.resize(size, Image.Resampling.LANCZOS))
    picture = np.zeros((height, small.shape[1], 4), np.uint8)
    top = baseline - size_px
    rows = min(small.shape[0], height - top)
    picture[top : top + rows] = small[:rows]
    return picture


def _weight(file: str, bold: bool) -> str:
    heavier = file.replace("-Regular", "-SemiBold" if file.startswith("Inter") else "-Bold")
    return heavier if bold and Path(FONTS / heavier).is_file() else file
