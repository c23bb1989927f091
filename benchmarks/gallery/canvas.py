"""The canvas, kept as planar YUV between changes: tiles, labels, slides, frames."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.gallery.footage import U8
from benchmarks.gallery.lettering import draw_text, shorten
from benchmarks.gallery.stages import Box, even

LETTER_SHARE = 14 / 720
"""Size of a label's letters as a share of the picture's height, whatever the tile's size."""
SMALLEST_LETTERS_PX = 8.0
BOX_SHADE = 0.6
"""How dark the box behind a label is, 0–1."""
BRIGHT_SHADE = 0.2
"""The same for labels that are hard to read: Zoom has drawn them almost without a box."""
FRAME_COLOURS = {"inside": (35, 217, 89), "gutter": (34, 197, 94), "yellow gutter": (226, 226, 40)}
"""The frame around the active speaker's tile by where it is drawn, RGB."""
NAME_TILE = (36, 36, 36)
_INITIALS = ((14, 113, 235), (108, 58, 188), (0, 128, 90), (190, 90, 20), (170, 40, 90))
_MUTED = (232, 64, 60)


class Canvas:
    """A picture in planar YUV 4:2:0; every box has even edges."""

    def __init__(self, size: tuple[int, int], ground: tuple[int, int, int]) -> None:
        self.width, self.height = size
        self._ground = ground
        self.planes = np.zeros((self.height * 3 // 2, self.width), np.uint8)
        self.parts = _split(self.planes, self.width, self.height)

    def clear(self) -> None:
        """Fill the canvas with the background colour."""
        self.paste((0, 0, self.width, self.height), _flat(self._ground, 2, 2))

    def paste(self, box: Box, planes: U8) -> None:
        """Draw a picture (planes, any even size), scaled to fill a box."""
        x0, y0, x1, y1 = box
        width, height = planes.shape[1], planes.shape[0] * 2 // 3
        source = _split(planes, width, height)
        for part, (target, given) in enumerate(zip(self.parts, source, strict=True)):
            half = 2 if part else 1
            area = target[y0 // half : y1 // half, x0 // half : x1 // half]
            if given.shape == area.shape:
                area[:] = given
            else:
                size = (area.shape[1], area.shape[0])
                area[:] = cv2.resize(given, size, interpolation=cv2.INTER_LINEAR)

    def blend(self, at: tuple[int, int], sticker: Sticker) -> None:
        """Blend a half-transparent picture over this one, with its corner at even coordinates."""
        x, y = at
        for part, (target, light, weight) in enumerate(
            zip(self.parts, sticker.light, sticker.weight, strict=True)
        ):
            half = 2 if part else 1
            rows, columns = light.shape
            area = target[y // half : y // half + rows, x // half : x // half + columns]
            rows, columns = area.shape
            area[:] = (
                (area.astype(np.uint16) * (256 - weight[:rows, :columns]) + light[:rows, :columns])
                >> 8
            ).astype(np.uint8)

    def over(self, base: Canvas) -> None:
        """Start over from another canvas of the same size."""
        self.planes[:] = base.planes

    def frame(self, box: Box, thick: int, colour: tuple[int, int, int]) -> None:
        """Draw a frame just inside a box, as far as it lies in the picture."""
        x0, y0 = max(0, box[0]), max(0, box[1])
        x1, y1 = min(self.width, box[2]), min(self.height, box[3])
        flat = _flat(colour, 2, 2)
        for edge in (
            (x0, y0, x1, y0 + thick),
            (x0, y1 - thick, x1, y1),
            (x0, y0, x0 + thick, y1),
            (x1 - thick, y0, x1, y1),
        ):
            if edge[0] < edge[2] and edge[1] < edge[3]:
                self.paste(edge, flat)


class Sticker:
    """A half-transparent picture, as premultiplied planes."""

    def __init__(self, rgba: U8) -> None:
        height, width = even(rgba.shape[0] + 1), even(rgba.shape[1] + 1)
        padded = np.zeros((height, width, 4), np.uint8)
        padded[: rgba.shape[0], : rgba.shape[1]] = rgba
        rgb = np.ascontiguousarray(padded[..., :3])
        planes = _split(cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420), width, height)
        full = padded[..., 3].astype(np.uint16) * 256 // 255
        small = cv2.resize(padded[..., 3], (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        weights = (full, *[small.astype(np.uint16) * 256 // 255] * 2)
        self.size = (width, height)
        self.weight: tuple[NDArray[np.uint16], ...] = weights
        self.light = tuple(
            (plane.astype(np.uint16) * weight).astype(np.uint16)
            for plane, weight in zip(planes, weights, strict=True)
        )


def letters_px(picture_height: int) -> float:
    """Return the size of a label's letters in a picture of that height."""
    return max(SMALLEST_LETTERS_PX, picture_height * LETTER_SHARE)


@lru_cache(maxsize=1024)
def label_text(name: str, tile_width: int, picture_height: int, is_muted: bool = False) -> str:
    """Return as much of a name as Zoom fits in a tile of that width."""
    px = letters_px(picture_height)
    return shorten(name, px, round(0.92 * tile_width - (2.6 if is_muted else 1.4) * px))


def label_sticker(text: str, picture_height: int, is_muted: bool, shade: float) -> Sticker:
    """Draw a name as Zoom does: white in a dark, half-transparent box, after a red microphone."""
    px = letters_px(picture_height)
    letters = draw_text(text, px)
    pad = max(2, round(px * 0.4))
    glyph = round(px * 1.2) if is_muted else 0
    height = even(round(px * 1.6) + 1)
    width = even(letters.shape[1] + 2 * pad + glyph + 1)
    box = np.zeros((height, width, 4), np.uint8)
    box[..., :3] = 20
    box[..., 3] = round(255 * shade)
    if is_muted:
        middle, tall = (pad + round(px * 0.4), height // 2), max(2, round(px * 0.3))
        colour = (*_MUTED, 255)
        cv2.ellipse(box, middle, (max(1, tall // 2), tall), 0, 0, 360, colour, -1, cv2.LINE_AA)
        start = (middle[0] - tall, middle[1] - tall)
        cv2.line(box, start, (middle[0] + tall, middle[1] + tall), colour, 1, cv2.LINE_AA)
    top = (height - letters.shape[0]) // 2
    _over(box, letters, pad + glyph, max(0, top))
    return Sticker(box)


def name_tile(name: str, size: tuple[int, int], picture_height: int, number: int) -> U8:
    """Return a tile without video as planes: the name, or initials in a circle, on dark grey."""
    width, height = size
    tile = np.zeros((height, width, 4), np.uint8)
    tile[...] = (*NAME_TILE, 255)
    middle = (width // 2, height // 2)
    if number % 2:
        radius = height * 11 // 50
        colour = (*_INITIALS[number % len(_INITIALS)], 255)
        cv2.circle(tile, middle, radius, colour, -1, cv2.LINE_AA)
        words = [word for word in name.split() if word[0].isalnum()][:2]
        letters = draw_text("".join(word[0] for word in words).upper() or name[:1], radius * 0.9)
    else:
        px = min(picture_height * 26 / 720, height / 4)
        px = max(px, SMALLEST_LETTERS_PX)
        letters = draw_text(shorten(name, px, round(0.9 * width)), px)
    left, top = middle[0] - letters.shape[1] // 2, middle[1] - letters.shape[0] // 2
    _over(tile, letters, max(0, left), max(0, top))
    return np.asarray(
        cv2.cvtColor(np.ascontiguousarray(tile[..., :3]), cv2.COLOR_RGB2YUV_I420), np.uint8
    )


def avatar_tile(size: tuple[int, int], number: int) -> U8:
    """Return a drawn profile picture that fills a tile, as planes: a head before coloured hills."""
    width, height = size
    rng = np.random.default_rng([number, 11])
    image = np.zeros((height, width, 3), np.uint8)
    shades = [tuple(int(v) for v in rng.integers(60, 235, 3)) for _ in range(5)]
    image[:] = shades[0]
    for hill in range(3):
        middle = (int(rng.integers(width)), round(height * (0.8 + 0.15 * hill)))
        reach = (round(width * 0.45), round(height * (0.5 - 0.1 * hill)))
        cv2.ellipse(image, middle, reach, 0, 0, 360, shades[1 + hill], -1, cv2.LINE_AA)
    x, y = round(width * float(rng.uniform(0.4, 0.6))), round(height * 0.45)
    body = (round(height * 0.42), round(height * 0.4))
    cv2.ellipse(image, (x, height), body, 0, 180, 360, shades[4], -1, cv2.LINE_AA)
    head = (round(height * 0.2), round(height * 0.26))
    cv2.ellipse(image, (x, y), head, 0, 0, 360, (236, 196, 160), -1, cv2.LINE_AA)
    for side in (-1, 1):
        eye = (x + side * round(height * 0.08), y - round(height * 0.04))
        cv2.circle(image, eye, max(1, round(height * 0.025)), (40, 30, 30), -1, cv2.LINE_AA)
    smile = (x, y + round(height * 0.08))
    reach = (round(height * 0.08), round(height * 0.05))
    cv2.ellipse(image, smile, reach, 0, 0, 180, (150, 50, 50), max(1, height // 60), cv2.LINE_AA)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420), np.uint8)


def arrow_sticker(picture_height: int, is_right: bool) -> Sticker:
    """Draw the round, half-transparent button that turns a gallery's page."""
    side = even(picture_height / 18)
    button = np.zeros((side, side, 4), np.uint8)
    middle, reach = side // 2, side // 2 - 1
    cv2.circle(button, (middle, middle), reach, (60, 60, 60, 170), -1, cv2.LINE_AA)
    tip = side // 8 if is_right else -(side // 8)
    points = [(middle - tip, side // 4), (middle + tip, middle), (middle - tip, side * 3 // 4)]
    thick = max(1, side // 14)
    cv2.polylines(button, [np.array(points)], False, (250, 250, 250, 255), thick, cv2.LINE_AA)
    return Sticker(button)


def emoji_sticker(picture_height: int, number: int) -> Sticker:
    """Draw a reaction: a yellow face, or a red heart's round outline."""
    side = even(picture_height / 14)
    picture = np.zeros((side, side, 4), np.uint8)
    colour = (255, 200, 50, 255) if number % 3 else (225, 40, 60, 255)
    middle, reach = (side // 2, side // 2), side // 2 - 1
    cv2.circle(picture, middle, reach, colour, -1, cv2.LINE_AA)
    if number % 3:
        ink = (70, 45, 20, 255)
        for x in (side * 3 // 8, side * 5 // 8):
            cv2.circle(picture, (x, side * 3 // 8), max(1, side // 14), ink, -1, cv2.LINE_AA)
        smile = (side // 4, side // 5)
        cv2.ellipse(picture, (side // 2, side // 2), smile, 0, 10, 170, ink, max(1, side // 14))
    return Sticker(picture)


def hand_sticker(picture_height: int) -> Sticker:
    """Draw the badge of a raised hand: fingers on a dark square."""
    side = even(picture_height / 22)
    badge = np.zeros((side, side, 4), np.uint8)
    badge[...] = (30, 30, 30, 200)
    for finger in range(4):
        x = side * (4 + 2 * finger) // 14
        top = side // 5 + abs(finger - 1) * side // 14
        cv2.rectangle(badge, (x, top), (x + side // 10, side * 4 // 5), (250, 205, 80, 255), -1)
    return Sticker(badge)


def notice_sticker(picture_height: int, text: str) -> Sticker:
    """Draw a notice at the top of the picture: white letters on a dark, rounded bar."""
    px = letters_px(picture_height)
    letters = draw_text(text, px)
    high, wide = even(px * 2.2), even(letters.shape[1] + 3 * px)
    bar = np.zeros((high, wide, 4), np.uint8)
    fill, reach = (20, 20, 22, 225), high // 2
    cv2.rectangle(bar, (reach, 0), (wide - reach, high), fill, -1)
    for x in (reach, wide - reach - 1):
        cv2.circle(bar, (x, reach), reach, fill, -1, cv2.LINE_AA)
    _over(bar, letters, round(1.5 * px), max(0, (high - letters.shape[0]) // 2))
    return Sticker(bar)


def _over(image: U8, letters: U8, x: int, y: int) -> None:
    """Blend RGBA letters over an RGBA picture, as far as they fit."""
    area = image[y : y + letters.shape[0], x : x + letters.shape[1]]
    letters = letters[: area.shape[0], : area.shape[1]]
    weight = letters[..., 3:].astype(np.float32) / 255
    area[..., :3] = (area[..., :3] * (1 - weight) + letters[..., :3] * weight).astype(np.uint8)
    area[..., 3] = np.maximum(area[..., 3], letters[..., 3])


def _flat(colour: tuple[int, int, int], width: int, height: int) -> U8:
    image = np.full((height, width, 3), colour, np.uint8)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420), np.uint8)


def _split(planes: U8, width: int, height: int) -> tuple[U8, U8, U8]:
    """Return views of the luma plane and of both colour planes."""
    quarter = height * width // 4
    flat = planes.reshape(-1)
    size = (height // 2, width // 2)
    return (
        planes[:height],
        flat[height * width : height * width + quarter].reshape(size),
        flat[height * width + quarter : height * width + 2 * quarter].reshape(size),
    )
