"""Shared slides: text, bars, photographs with names, and a film of somebody speaking."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from benchmarks.gallery.footage import U8, Footage, placing
from benchmarks.gallery.lettering import draw_text

SLIDE_S = 12.0
"""How long each slide is shown."""
SLIDE_PX = (1280, 720)
_TITLES = (
    "What a Monday costs",
    "The people behind it",
    "One depot, eight weeks",
    "A customer speaks",
)
_LINES = (
    "Two people retype forty notes",
    "Thirty-eight of forty without an error",
    "Every driver, day and night",
    "Paid in two parts",
)
_TEAM_X, _TEAM_Y, _TEAM_PX = (130, 500, 870), 230, 290
FILM = len(_TITLES) - 1
"""The slide on which a film plays."""
FILM_BOX = (320, 190, 960, 550)
"""Where it plays, xyxy in pixels of `SLIDE_PX`."""


def paint_slides(
    faces: Sequence[Footage], names: Sequence[str], rng: np.random.Generator
) -> list[U8]:
    """Return the slides as planes of `SLIDE_PX`; the second shows faces above these names."""
    slides = [_slide(number, rng) for number in range(len(_TITLES))]
    for place, (name, x0) in enumerate(zip(names, _TEAM_X, strict=False)):
        footage = faces[place % len(faces)]
        if footage.face is None:
            continue
        y0, side = _TEAM_Y, _TEAM_PX
        picture = footage.cutouts[(place * 37) % len(footage.cutouts)]
        matrix = placing(picture, footage.face, (side / 2, side * 0.5, side * 0.55))
        person = cv2.warpAffine(picture.rgb, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
        share = cv2.warpAffine(picture.alpha, matrix, (side, side))[..., None] / 255
        ground = np.array(rng.uniform(150, 230, 3))
        slides[1][y0 : y0 + side, x0 : x0 + side] = ground * (1 - share) + person * share
        _write(slides[1], name, 30, (x0, y0 + side + 16), (60, 60, 70))
    return [np.asarray(cv2.cvtColor(slide, cv2.COLOR_RGB2YUV_I420), np.uint8) for slide in slides]


def _slide(number: int, rng: np.random.Generator) -> U8:
    width, height = SLIDE_PX
    slide = np.full((height, width, 3), 250, np.uint8)
    slide[:14] = rng.integers(20, 160, 3)
    _write(slide, _TITLES[number], 58, (90, 80), (25, 30, 50))
    if number == 0:
        for row, line in enumerate(_LINES):
            _write(slide, "•  " + line, 38, (120, 240 + 90 * row), (50, 55, 70))
    elif number == 2:
        for bar, share in enumerate(rng.uniform(0.3, 1.0, 6)):
            x, top = 140 + 170 * bar, round(600 - 340 * share)
            slide[top:600, x : x + 110] = rng.integers(40, 200, 3)
            _write(slide, f"Q{bar % 4 + 1}", 28, (x + 30, 615), (70, 70, 80))
    return slide


def _write(
    slide: U8, text: str, height_px: float, at: tuple[int, int], colour: tuple[int, int, int]
) -> None:
    letters = draw_text(text, height_px, colour, bold=True)
    area = slide[at[1] : at[1] + letters.shape[0], at[0] : at[0] + letters.shape[1]]
    weight = letters[: area.shape[0], : area.shape[1], 3:].astype(np.float32) / 255
    area[:] = area * (1 - weight) + letters[: area.shape[0], : area.shape[1], :3] * weight
