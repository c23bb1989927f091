"""Pictures of meetings, painted: grids, a large picture with small ones, slides, tiles by name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import av
import cv2
import numpy as np

from inference.schema.arrays import F32, U8
from tests.media import rgb

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Camera:
    """A painted room with somebody moving in front of it; `room` seeds it, -1 is a white wall.

    `light` scales its brightness. `is_off`: a name on `off_colour` instead.
    """

    room: int
    who: int = 0
    light: float = 1.0
    is_off: bool = False
    off_colour: int = 36
    shape: float = 16 / 9


def room(seed: int, width: int, height: int) -> U8:
    """A room: blobs of colour and some furniture."""
    if seed < 0:
        shades = np.linspace(204, 232, width).astype(np.uint8)
        return np.broadcast_to(shades[None, :, None], (height, width, 3)).copy()
    rng = np.random.default_rng(seed)
    blobs = rng.integers(30, 230, (5, 8, 3)).astype(np.uint8)
    picture = cv2.resize(blobs, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(picture, np.uint8)


def paint_camera(camera: Camera, t_s: float, width: int, height: int) -> U8:
    """What a camera's tile shows at a time."""
    if camera.is_off:
        tile = np.full((height, width, 3), camera.off_colour, np.uint8)
        middle, radius = (width // 2, height // 2), max(4, height // 6)
        cv2.circle(tile, middle, radius, (120, 70 + 10 * camera.room % 100, 160), -1)
        size = radius / 24
        place = (middle[0] - radius // 2, middle[1] + radius // 2)
        cv2.putText(tile, "AL", place, cv2.FONT_HERSHEY_SIMPLEX, size, (255, 255, 255), 1)
        return tile
    wide = min(width, round(height * camera.shape))
    scene = room(camera.room, wide, height)
    rng = np.random.default_rng(1000 + camera.who)
    phase = rng.uniform(0, 6)
    x = round(wide * (0.5 + 0.03 * math.sin(1.7 * t_s + phase)))
    y = round(height * (0.48 + 0.015 * math.sin(2.3 * t_s + phase)))
    skin = tuple(int(v) for v in rng.integers(90, 230, 3))
    shirt = tuple(int(v) for v in rng.integers(10, 240, 3))
    cv2.ellipse(scene, (x, height), (wide // 4, round(height * 0.35)), 0, 180, 360, shirt, -1)
    cv2.ellipse(scene, (x, y), (wide // 10, height // 5), 0, 0, 360, skin, -1)
    mouth = max(1, round(height * 0.04 * abs(math.sin(5 * t_s + phase))))
    cv2.ellipse(scene, (x, y + height // 12), (wide // 30, mouth), 0, 0, 360, (60, 20, 30), -1)
    scene = np.clip(scene * camera.light, 0, 255).astype(np.uint8)
    tile = np.zeros((height, width, 3), np.uint8)
    left = (width - wide) // 2
    tile[:, left : left + wide] = scene
    return tile


def paint_slide(number: int, width: int, height: int, *, ground: int = 250) -> U8:
    """A slide with a title, lines of text and a photograph of a face."""
    rng = np.random.default_rng(500 + number)
    ink = (20, 20, 30) if ground > 128 else (230, 230, 230)
    slide = np.full((height, width, 3), ground, np.uint8)
    size = height / 500
    cv2.putText(
        slide,
        f"Results {number}",
        (width // 16, height // 6),
        0,
        2 * size,
        ink,
        max(1, int(3 * size)),
    )
    for line in range(6):
        y = height * (30 + 9 * line) // 100
        text = "".join(rng.choice(list("abcdefgh  ")) for _ in range(24))
        cv2.putText(slide, text, (width // 16, y), 0, size, ink, max(1, int(2 * size)))
    x, y, side = width * 65 // 100, height * 35 // 100, height * 35 // 100
    slide[y : y + side, x : x + side] = room(number, side, side)
    cv2.ellipse(
        slide,
        (x + side // 2, y + side // 2),
        (side // 5, side // 3),
        0,
        0,
        360,
        (210, 160, 130),
        -1,
    )
    return slide


def grid_boxes(width: int, height: int, count: int, gap: int, margin: int = 0) -> list[Box]:
    """Equal 16:9 tiles, as large as they can be, last row centred."""
    best = (0, 1)
    for columns in range(1, count + 1):
        rows = math.ceil(count / columns)
        wide = min(
            (width - 2 * margin - (columns - 1) * gap) // columns,
            (height - 2 * margin - (rows - 1) * gap) // rows * 16 // 9,
        )
        best = max(best, (wide, -columns))
    wide, columns = best[0], -best[1]
    high = wide * 9 // 16
    rows = math.ceil(count / columns)
    top = (height - rows * high - (rows - 1) * gap) // 2
    boxes = []
    for k in range(count):
        row, column = divmod(k, columns)
        in_row = min(columns, count - row * columns)
        left = (width - in_row * wide - (in_row - 1) * gap) // 2 + column * (wide + gap)
        y = top + row * (high + gap)
        boxes.append((left, y, left + wide, y + high))
    return boxes


def strip_boxes(width: int, height: int, count: int, gap: int, side: str = "top") -> list[Box]:
    """A large tile, then small ones above it ("top"), or in a column ("left", "right")."""
    if side == "top":
        high = height // 7
        wide = high * 16 // 9
        left = (width - count * wide - (count - 1) * gap) // 2
        small = [
            (left + k * (wide + gap), gap, left + k * (wide + gap) + wide, gap + high)
            for k in range(count)
        ]
        top = high + 2 * gap
        large_high = height - top - gap
        large_wide = large_high * 16 // 9
        x = (width - large_wide) // 2
        return [(x, top, x + large_wide, top + large_high), *small]
    wide = width // 5
    high = wide * 9 // 16
    top = (height - count * high - (count - 1) * gap) // 2
    x = 0 if side == "left" else width - wide
    small = [
        (x, top + k * (high + gap), x + wide, top + k * (high + gap) + high) for k in range(count)
    ]
    large_wide = width - wide - gap
    large_high = min(height, large_wide * 9 // 16)
    y = (height - large_high) // 2
    x = wide + gap if side == "left" else 0
    return [(x, y, x + large_wide, y + large_high), *small]


def corner_box(width: int, height: int, gap: int, corner: str = "top right") -> Box:
    """A small picture in a corner."""
    wide = width * 2 // 9
    high = wide * 9 // 16
    x = gap if "left" in corner else width - gap - wide
    y = gap if "top" in corner else height - gap - high
    return (x, y, x + wide, y + high)


def paint_tiles(
    width: int,
    height: int,
    boxes: Sequence[Box],
    cameras: Sequence[Camera],
    t_s: float = 0.0,
    *,
    ground: int = 26,
    border: int | None = None,
    image: U8 | None = None,
) -> U8:
    """Cameras in their boxes on the ground; `border` is the tile of who speaks."""
    if image is None:
        image = np.full((height, width, 3), ground, np.uint8)
    for k, (box, camera) in enumerate(zip(boxes, cameras, strict=True)):
        x0, y0, x1, y1 = box
        image[y0:y1, x0:x1] = paint_camera(camera, t_s, x1 - x0, y1 - y0)
        if k == border:
            cv2.rectangle(image, (x0 + 1, y0 + 1), (x1 - 2, y1 - 2), (220, 230, 30), 2)
    return image


def as_boxes(boxes: Sequence[Box]) -> F32:
    """(n, 4)."""
    return np.array(boxes, np.float32).reshape(-1, 4)


def through_h264(pictures: Sequence[U8], *, crf: int = 30, fps: int = 2) -> list[U8]:
    """The pictures as they come out of an H.264 encoder at a low rate."""
    height, width = pictures[0].shape[:2]
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base = Fraction(1, fps)
    encoder.options = {"preset": "veryfast", "crf": str(crf), "x264-params": "bframes=0"}
    decoder = av.CodecContext.create("h264", "r")
    shown: list[U8] = []
    for number, picture in enumerate([*pictures, None]):
        frame = None
        if picture is not None:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame = frame.reformat(format="yuv420p")
            frame.pts = number
        for packet in encoder.encode(frame):
            shown += [rgb(f) for f in decoder.decode(packet)]
    shown += [rgb(f) for f in decoder.decode(None)]
    return shown
