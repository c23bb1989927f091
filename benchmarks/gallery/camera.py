"""One person's camera: their footage in front of their own background, ready for encoding."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.gallery.footage import U8, Cutout, Footage, placing

GRAIN = 1.6
"""Standard deviation of a laptop camera's noise after Zoom's own compression, of 255."""
_FACE_SHARE = (0.40, 0.52)
"""Height of a face as a share of the tile's: people sit an arm's length from a laptop."""


class Camera:
    """Pictures of one person as shown in a tile, planar YUV 4:2:0, `size` pixels each."""

    def __init__(
        self,
        footage: Footage,
        size: tuple[int, int],
        rng: np.random.Generator,
        *,
        is_bright: bool = False,
        turned: str = "none",
        background: int | None = None,
    ) -> None:
        self.size = size
        self._footage = footage
        self._rng = rng
        behind = rng if background is None else np.random.default_rng(background)
        self._room = paint_room(size, behind, is_bright)
        self._mirrored = bool(rng.integers(2))
        self._matrix = self._placed(footage.cutouts[0])
        gain = rng.uniform(0.88, 1.1) * (1 + rng.uniform(-0.06, 0.06, 3))
        lift = float(rng.uniform(-8, 10)) + (18 if is_bright else 0)
        levels = np.arange(256)[:, None] * gain + lift
        self._levels = np.clip(levels, 0, 255).astype(np.uint8)[None]
        self._turned = turned
        self._made: dict[int, U8] = {}
        self.player = footage.player(rng)

    def picture(self, number: int) -> U8:
        """Return the planes (H·3/2, W) of a cutout, made once. The camera owns the array."""
        planes = self._made.get(number)
        if planes is None:
            planes = self._made[number] = self._make(self._footage.cutouts[number])
        return planes

    def _placed(self, picture: Cutout) -> NDArray[np.float64]:
        width, height = self.size
        rows, columns = picture.alpha.shape
        if self._footage.face is None:
            return np.array([[width / columns, 0, 0], [0, height / rows, 0]])
        x, y, face = self._footage.face
        if self._mirrored:
            x = columns - 1 - x
        scale = float(self._rng.uniform(*_FACE_SHARE)) * height / face
        # The picture's lower edge cuts off the body, so it must be at or below the tile's.
        scale = max(scale, 0.44 * height / (rows - y))
        middle = max(0.47 * height, height - (rows - y) * scale)
        seated = (width * float(self._rng.uniform(0.42, 0.58)), middle, face * scale)
        return placing(picture, (x, y, face), seated)

    def _make(self, picture: Cutout) -> U8:
        width, height = self.size
        rgb, alpha = picture.rgb, picture.alpha
        if self._mirrored and self._footage.face is not None:
            rgb, alpha = rgb[:, ::-1], alpha[:, ::-1]
        person = cv2.warpAffine(
            rgb, self._matrix, self.size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        share = cv2.warpAffine(_soft_sides(alpha), self._matrix, self.size, flags=cv2.INTER_LINEAR)
        person = cv2.LUT(person, self._levels).astype(np.float32)
        weight = cv2.merge([share] * 3).astype(np.float32) * np.float32(1 / 255)
        shown = self._room + weight * (person - self._room)
        grain = self._rng.standard_normal((height // 2, width // 2), np.float32) * GRAIN
        shown += cv2.resize(grain, (width, height))[..., None]
        image = np.clip(shown, 0, 255).astype(np.uint8)
        if self._turned == "mirrored":
            image = image[:, ::-1]
        elif self._turned == "sideways":
            image = _sideways(image)
        return np.asarray(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2YUV_I420))


def _soft_sides(alpha: U8) -> U8:
    """Fade out a body where the sides of the picture cut it off."""
    columns = np.arange(alpha.shape[1])
    fade = np.clip(np.minimum(columns, columns[::-1]) / (0.05 * len(columns)), 0, 1)
    return np.asarray(alpha * fade, np.uint8)


def _sideways(image: U8) -> U8:
    """Return the picture of a phone on its side: turned by 90°, with black at the sides."""
    height, width = image.shape[:2]
    narrow = height * 9 // 16
    left = (width - narrow) // 2
    turned = np.zeros_like(image)
    standing = np.ascontiguousarray(np.rot90(image))
    turned[:, left : left + narrow] = cv2.resize(standing, (narrow, height))
    return turned


def paint_room(
    size: tuple[int, int], rng: np.random.Generator, is_bright: bool
) -> NDArray[np.float32]:
    """Draw a made-up room out of focus, RGB float32 0–255: wall, window or shelves, a picture."""
    width, height = 512, 288
    tone = rng.uniform(170, 250) if is_bright else rng.uniform(40, 210)
    wall = np.clip(tone + rng.normal(0, 14, 3), 12, 250)
    if is_bright:
        wall = np.clip(wall, 225, 255)
    slope = np.linspace(rng.uniform(0.85, 1.1), rng.uniform(0.8, 1.05), width)
    room = (np.ones((height, width, 3)) * wall * slope[None, :, None]).clip(0, 255)
    room = np.ascontiguousarray(room, np.float32)

    def colour(low: float, high: float) -> tuple[float, float, float]:
        if is_bright:
            low, high = 205, 255
        # Rooms are not colourful.
        red, green, blue = 0.55 * rng.uniform(low, high) + 0.45 * rng.uniform(low, high, 3)
        return float(red), float(green), float(blue)

    def rectangle(x: float, y: float, w: float, h: float, fill: tuple[float, float, float]) -> None:
        cv2.rectangle(room, (int(x), int(y)), (int(x + w), int(y + h)), fill, -1)

    for side in (0, 1):
        x = rng.uniform(10, 60) if side == 0 else rng.uniform(330, 390)
        kind = int(rng.integers(4))
        if kind == 0:  # a window
            y, w, h = rng.uniform(10, 50), rng.uniform(80, 110), rng.uniform(120, 170)
            rectangle(x - 5, y - 5, w + 10, h + 10, colour(60, 240))
            rectangle(x, y, w / 2 - 3, h, colour(170, 250))
            rectangle(x + w / 2 + 3, y, w / 2 - 3, h, colour(170, 250))
        elif kind == 1:  # shelves with books
            for shelf in range(4):
                y, at = 20.0 + 62 * shelf, x
                while at < x + 105:
                    thick, tall = rng.uniform(5, 14), rng.uniform(28, 50)
                    rectangle(at, y + 50 - tall, thick, tall, colour(20, 220))
                    at += thick + 1
                rectangle(x - 4, y + 50, 115, 6, colour(50, 150))
        elif kind == 2:  # a picture on the wall
            y, w, h = rng.uniform(25, 80), rng.uniform(60, 100), rng.uniform(50, 90)
            rectangle(x, y, w, h, colour(10, 90))
            rectangle(x + 6, y + 6, w - 12, h - 12, colour(90, 240))
        else:  # a plant
            for _ in range(12):
                leaf = (int(x + 45 + rng.normal(0, 22)), int(165 + rng.normal(0, 45)))
                shape = (int(rng.uniform(8, 26)), int(rng.uniform(4, 12)))
                cv2.ellipse(room, leaf, shape, rng.uniform(0, 180), 0, 360, colour(20, 150), -1)
            rectangle(x + 25, 215, 42, 73, colour(60, 200))
    room = cv2.GaussianBlur(room, (0, 0), float(rng.uniform(1.2, 4.0)))
    return np.asarray(cv2.resize(room, size, interpolation=cv2.INTER_AREA), np.float32)
