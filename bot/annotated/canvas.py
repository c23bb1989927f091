"""A frame in the planes that video is stored in (YUV 4:2:0), and what is painted into it.

Painting in these planes touches only what changes: everything else goes from the decoder to the
encoder bit for bit, and no frame is converted to RGB and back. All positions are in pixels of the
displayed frame.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from bot.text.draw_text import Colour
from inference.schema.arrays import U8
from inference.video.orientation import Orientation

Rect = tuple[int, int, int, int]
"""Left, top, right, bottom; right and bottom exclusive."""

HD_HEIGHT_PX = 720
"""From this height, a stream that names no colours is taken to use BT.709, below it BT.601."""
_BT709, _BT601 = (0.2126, 0.0722), (0.299, 0.114)
_MATRICES = {1: _BT709, 5: _BT601, 6: _BT601}
"""Shares of red and blue in luma, by the stream's AVColorSpace number."""


@dataclass(frozen=True, slots=True)
class Palette:
    """How the stream encodes colours."""

    red: float
    blue: float
    is_full_range: bool

    @staticmethod
    def of(frame: av.VideoFrame, height: int, *, is_converted: bool = False) -> Palette:
        """Return the palette that a frame names, or that its height suggests.

        Frames converted from a format other than yuv420p never have the full range.
        """
        guess = _BT709 if height >= HD_HEIGHT_PX else _BT601
        red, blue = _MATRICES.get(int(frame.colorspace), guess)
        is_full = int(frame.color_range) == int(ColorRange.JPEG)
        return Palette(red, blue, is_full and not is_converted)

    def planes(self, rgb: U8) -> tuple[U8, U8, U8]:
        """Return RGB (…, 3) as luma and two colour differences, each at full resolution."""
        r, g, b = (rgb[..., k].astype(np.float32) for k in range(3))
        light = self.red * r + (1 - self.red - self.blue) * g + self.blue * b
        u, v = (b - light) / (2 * (1 - self.blue)), (r - light) / (2 * (1 - self.red))
        if self.is_full_range:
            scaled = (light, u + 128, v + 128)
        else:
            scaled = (light * (219 / 255) + 16, u * (224 / 255) + 128, v * (224 / 255) + 128)
        y, cb, cr = (np.clip(np.rint(p), 0, 255).astype(np.uint8) for p in scaled)
        return y, cb, cr


@dataclass(frozen=True, slots=True)
class Patch:
    """A small picture ready to be copied into the planes; its sides are even."""

    light: U8  # (h, w)
    colours: tuple[U8, U8]  # (h / 2, w / 2) each
    cover: U8  # (h, w), 0–255
    colour_cover: U8  # (h / 2, w / 2)

    @staticmethod
    def of(rgba: U8, palette: Palette) -> Patch:
        """Make a patch of RGBA (h, w, 4); odd sides grow by a transparent row or column."""
        high, wide = rgba.shape[0] % 2, rgba.shape[1] % 2
        if high or wide:
            rgba = np.pad(rgba, ((0, high), (0, wide), (0, 0)))
        light, u, v = palette.planes(rgba[:, :, :3])
        cover = np.ascontiguousarray(rgba[:, :, 3])
        # Colours are weighted by their coverage: transparent pixels have none.
        weight = np.maximum(_halved(cover.astype(np.float32)), 1e-3)
        colours = [
            np.clip(np.rint(_halved(p.astype(np.float32) * cover) / weight), 0, 255) for p in (u, v)
        ]
        half = np.rint(_halved(cover.astype(np.float32))).astype(np.uint8)
        return Patch(light, (colours[0].astype(np.uint8), colours[1].astype(np.uint8)), cover, half)


class Canvas:
    """One frame on its way to the encoder, with room below it for a strip.

    `width` and `height` are even; a frame with odd sides has its last row or column repeated.
    """

    def __init__(self, width: int, height: int, strip_px: int, palette: Palette) -> None:
        self.width, self.height, self.palette = width, height, palette
        self._total = height + strip_px
        pixels = width * self._total
        self.buffer = np.empty(pixels * 3 // 2, np.uint8)
        half = (self._total // 2, width // 2)
        self._black = (0 if palette.is_full_range else 16, 128)
        self._planes = (
            self.buffer[:pixels].reshape(self._total, width),
            self.buffer[pixels : pixels + pixels // 4].reshape(half),
            self.buffer[pixels + pixels // 4 :].reshape(half),
        )

    def put_frame(self, frame: av.VideoFrame, place: Rect) -> None:
        """Copy a decoded frame in, turned and mirrored for display; around it is black.

        Args:
            frame: the frame; it is not changed.
            place: where it is shown, and so how large; left and top are even.
        """
        x, y, right, bottom = place
        shown = (right - x, bottom - y)
        orientation = Orientation.of(frame)  # read now: a scaled frame loses it
        coded = orientation.size(*shown)
        if frame.format.name != "yuv420p" or (frame.width, frame.height) != coded:
            is_same = frame.format.name == "yuv420p"
            to_range = frame.color_range if is_same else ColorRange.MPEG
            matrix = colour_matrix(frame, shown[1]) if _is_rgb(frame) else None
            frame = frame.reformat(
                width=coded[0],
                height=coded[1],
                format="yuv420p",
                dst_colorspace=matrix,
                dst_color_range=to_range,
            )
        for k, (target, plane) in enumerate(zip(self._planes, frame.planes, strict=True)):
            width, height = (coded[0], coded[1]) if k == 0 else _half_size(coded)
            source = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
            source = source[:height, :width]
            source = orientation.applied(source)
            step = 1 if k == 0 else 2
            rows, columns = self.height // step, self.width // step
            left, top = x // step, y // step
            high, wide = source.shape
            if (right, bottom) < (self.width - 1, self.height - 1) or x or y:
                target[:rows] = self._black[min(k, 1)]
            target[top : top + high, left : left + wide] = source
            # An odd row or column is repeated.
            if left + wide < columns and right >= self.width - 1:
                target[top : top + high, left + wide :] = source[:, -1:]
            if top + high < rows and bottom >= self.height - 1:
                target[top + high : rows] = target[top + high - 1 : top + high]

    def put_strip(self, strip: Patch) -> None:
        """Copy the strip in below the frame; it is as wide as the frame."""
        self._planes[0][self.height :] = strip.light
        for target, source in zip(self._planes[1:], strip.colours, strict=True):
            target[self.height // 2 :] = source

    def put_patch(self, patch: Patch, x: int, y: int, share: float = 1.0) -> None:
        """Blend a patch in with its upper left corner at (x, y), rounded down to even pixels."""
        x, y = x // 2 * 2, y // 2 * 2
        parts = (
            (self._planes[0], patch.light, patch.cover, 1),
            (self._planes[1], patch.colours[0], patch.colour_cover, 2),
            (self._planes[2], patch.colours[1], patch.colour_cover, 2),
        )
        for plane, source, cover, step in parts:
            limit = (self.height // step, self.width // step)
            _blend(plane, source, cover, x // step, y // step, limit, share)

    def put_frame_line(self, box: Rect, colour: Colour, thick: int, share: float) -> None:
        """Draw a box's outline, `thick` pixels (even) wide, inside it; `share` is opacity, 0–1."""
        x0, y0, x1, y1 = (int(edge) // 2 * 2 for edge in box)
        for part in (
            (x0, y0, x1, y0 + thick),
            (x0, y1 - thick, x1, y1),
            (x0, y0 + thick, x0 + thick, y1 - thick),
            (x1 - thick, y0 + thick, x1, y1 - thick),
        ):
            self._tint(part, colour, share)

    def hide(self, place: Rect, cells: int) -> None:
        """Make an area unrecognisable: keep only `cells` means along its shorter side.

        The area grows to even pixels. The means are blended smoothly into one another.
        """
        x0, y0 = max(0, place[0]) // 2 * 2, max(0, place[1]) // 2 * 2
        x1 = min(self.width, -(-place[2] // 2) * 2)
        y1 = min(self.height, -(-place[3] // 2) * 2)
        if x1 <= x0 or y1 <= y0:
            return
        cell = max(1.0, min(x1 - x0, y1 - y0) / cells)
        size = (max(1, round((x1 - x0) / cell)), max(1, round((y1 - y0) / cell)))
        for k, plane in enumerate(self._planes):
            step = 1 if k == 0 else 2
            part = plane[y0 // step : y1 // step, x0 // step : x1 // step]
            few = cv2.resize(np.ascontiguousarray(part), size, interpolation=cv2.INTER_AREA)
            whole = (part.shape[1], part.shape[0])
            part[:] = cv2.resize(few, whole, interpolation=cv2.INTER_LINEAR)

    def copy_of(self, place: Rect) -> tuple[U8, U8, U8]:
        """Return a copy of an area of the frame, for `put_back`."""
        luma, blue, red = self._parts(place)
        return luma.copy(), blue.copy(), red.copy()

    def put_back(self, place: Rect, copied: tuple[U8, U8, U8]) -> None:
        """Undo what was painted over an area since `copy_of`."""
        for part, before in zip(self._parts(place), copied, strict=True):
            part[:] = before

    def frame(self) -> av.VideoFrame:
        """Return the painted frame for the encoder."""
        rows = self.buffer.reshape(self._total * 3 // 2, self.width)
        return av.VideoFrame.from_ndarray(rows, format="yuv420p")

    def _parts(self, place: Rect) -> tuple[U8, ...]:
        x0, y0 = (-(-max(0, edge) // 2) * 2 for edge in place[:2])
        x1, y1 = min(self.width, place[2]) // 2 * 2, min(self.height, place[3]) // 2 * 2
        x1, y1 = max(x0, x1), max(y0, y1)
        steps = (1, 2, 2)
        return tuple(
            plane[y0 // s : y1 // s, x0 // s : x1 // s]
            for plane, s in zip(self._planes, steps, strict=True)
        )

    def _tint(self, place: Rect, colour: Colour, share: float) -> None:
        x0, y0, x1, y1 = place
        x0, y0, x1, y1 = max(0, x0), max(0, y0), min(self.width, x1), min(self.height, y1)
        if x1 <= x0 or y1 <= y0:
            return
        values = _plain(colour, self.palette)
        for k, (plane, value) in enumerate(zip(self._planes, values, strict=True)):
            step = 1 if k == 0 else 2
            part = plane[y0 // step : y1 // step, x0 // step : x1 // step]
            over = round(share * 256)
            part[:] = ((part.astype(np.uint16) * (256 - over) + value * over) >> 8).astype(np.uint8)


@functools.lru_cache(maxsize=64)
def _plain(colour: Colour, palette: Palette) -> tuple[int, int, int]:
    y, u, v = (int(p[0]) for p in palette.planes(np.array([colour], np.uint8)))
    return y, u, v


def colour_matrix(frame: av.VideoFrame, height: int) -> int:
    """Return the AVColorSpace that a frame has in the file: its own, or RGB's once converted."""
    if not _is_rgb(frame):
        return int(frame.colorspace)
    return int(Colorspace.ITU709 if height >= HD_HEIGHT_PX else Colorspace.ITU601)


def _is_rgb(frame: av.VideoFrame) -> bool:
    # Either the format or the colour space (AVCOL_SPC_RGB is 0) can say so.
    return bool(frame.format.is_rgb) or int(frame.colorspace) == 0


def place_of(size: tuple[int, int], canvas: tuple[int, int]) -> Rect:
    """Return where a frame of this width and height is shown: as large as fits, in the middle."""
    scale = min(canvas[0] / size[0], canvas[1] / size[1])
    width = min(canvas[0], max(1, round(size[0] * scale)))
    height = min(canvas[1], max(1, round(size[1] * scale)))
    left, top = (canvas[0] - width) // 4 * 2, (canvas[1] - height) // 4 * 2
    return left, top, left + width, top + height


def _halved(plane: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> np.ndarray[
    tuple[int, ...], np.dtype[np.float32]
]:  # fmt: skip
    high, wide = plane.shape
    halved: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = plane.reshape(
        high // 2, 2, wide // 2, 2
    ).mean(axis=(1, 3))
    return halved


def _half_size(size: tuple[int, int]) -> tuple[int, int]:
    return (size[0] + 1) // 2, (size[1] + 1) // 2


def _blend(
    plane: U8, source: U8, cover: U8, x: int, y: int, limit: tuple[int, int], share: float
) -> None:
    high, wide = source.shape
    top, left = max(0, -y), max(0, -x)
    bottom, right = min(high, limit[0] - y), min(wide, limit[1] - x)
    if bottom <= top or right <= left:
        return
    part = plane[y + top : y + bottom, x + left : x + right]
    over = cover[top:bottom, left:right].astype(np.uint16)
    if share < 1:
        over = (over * np.uint16(share * 256) >> 8).astype(np.uint16)
    mixed = part * (255 - over) + source[top:bottom, left:right] * over
    part[:] = ((mixed + 127) // 255).astype(np.uint8)
