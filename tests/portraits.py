"""Faces for tests: portraits in the public domain that installed packages carry."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
import skimage.data

from inference.schema.arrays import F32, U8

Portrait = tuple[U8, float, float, float]
"""A picture (RGB) with the middle and the height of the face in it."""

GROUND = 12


def read_portraits() -> list[Portrait]:
    """Return two portraits: one that smiles, one with closed lips."""
    path = Path(mpl.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    hopper = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    return [(skimage.data.astronaut(), 225, 124, 104), (hopper, 263, 233, 200)]


def webcam(
    portrait: Portrait,
    width: int,
    height: int,
    face_px: float,
    tilt_deg: float = 0.0,
) -> U8:
    """A portrait as a camera shows it: the face so high, in the middle, tilted clockwise."""
    picture, x, y, face = portrait
    scale = face_px / face
    turn = cv2.getRotationMatrix2D((x, y), -tilt_deg, scale)
    turn[:, 2] += [width / 2 - x, height / 2 - y]
    if scale < 0.5:
        picture = cv2.GaussianBlur(picture, (0, 0), 0.4 / scale)
    shown: U8 = cv2.warpAffine(
        picture, turn, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return shown


def gallery(
    portraits: list[Portrait],
    width: int,
    height: int,
    count: int,
    face_px: float,
) -> tuple[U8, F32]:
    """Return a gallery of such pictures, and the boxes of its tiles."""
    image = np.full((height, width, 3), GROUND, np.uint8)
    columns = math.ceil(math.sqrt(count))
    wide = (width - 4 * (columns + 1)) // columns
    high = min(wide * 9 // 16, (height - 4 * (columns + 1)) // columns)
    wide = min(wide, high * 16 // 9)
    tiles = []
    for k in range(count):
        x = (width - columns * (wide + 4)) // 2 + (k % columns) * (wide + 4)
        y = (height - columns * (high + 4)) // 2 + (k // columns) * (high + 4)
        image[y : y + high, x : x + wide] = webcam(
            portraits[k % len(portraits)], wide, high, face_px
        )
        tiles.append((x, y, x + wide, y + high))
    return image, np.array(tiles, np.float32)
