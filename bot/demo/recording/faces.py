"""The photographs used as the demo's faces, with their landmarks.

Both photographs are by NASA and the US Navy, in the public domain, and come with installed
packages: Eileen Collins with scikit-image, Grace Hopper with matplotlib. The landmarks below were
measured once with MediaPipe's face mesh.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.io import imread

Picture = NDArray[np.uint8]
Points = NDArray[np.float64]


@dataclass(frozen=True)
class Portrait:
    """A photograph with its landmarks, in its own pixels (x, y).

    Lips run from the left corner to the right one, as do eyes and brows. `crop` is the box
    (x, y, height) that fills a 16:9 tile; where it is wider than the photograph, the backdrop is
    extended. `rest_mood` is the mood in the photograph itself.
    """

    package: str
    file: str
    crop: tuple[float, float, float]
    rest_mood: float
    upper_outer: Points
    upper_inner: Points
    lower_inner: Points
    lower_outer: Points
    eyes: tuple[tuple[Points, Points], tuple[Points, Points]]
    """Upper and lower lid of the eye on the left of the picture, then of the one on the right."""
    brows: tuple[Points, Points]
    nose: tuple[float, float]
    chin: tuple[float, float]
    shows_teeth: bool


def _points(text: str) -> Points:
    return np.array([[float(part) for part in pair.split(",")] for pair in text.split()])


PORTRAITS = {
    "hopper": Portrait(
        package="matplotlib",
        file="mpl-data/sample_data/grace_hopper.jpg",
        crop=(-116, 4, 428),
        rest_mood=0.2,
        upper_outer=_points(
            "232.3,277.4 234.9,275.5 239.9,273.8 246.4,271.4 257.5,269.5 268.5,270.7 279.6,268.6"
            " 290.6,269.8 297.1,271.7 302.1,273.1 304.7,274.8"
        ),
        upper_inner=_points(
            "236.8,276.4 241.6,275.9 246.9,276.3 253.1,276.8 260.6,277.3 268.8,277.5 276.9,276.7"
            " 284.2,275.6 290.2,274.7 295.3,273.9 300.1,274.0"
        ),
        lower_inner=_points(
            "236.8,276.4 241.6,277.3 245.7,277.5 252.3,277.8 260.0,278.1 268.8,278.1 277.5,277.4"
            " 285.2,276.3 291.6,275.6 295.6,275.2 300.1,274.0"
        ),
        lower_outer=_points(
            "232.3,277.4 236.0,280.2 241.4,283.3 249.2,286.9 258.7,289.2 269.4,289.4 280.0,288.1"
            " 289.1,285.0 296.3,280.9 301.2,277.6 304.7,274.8"
        ),
        eyes=(
            (
                _points("202.5,194.1 211.1,189.1 218.3,187.4 225.6,187.2 240.9,193.2"),
                _points("202.5,194.1 214.7,197.3 222.1,197.3 229.0,196.4 240.9,193.2"),
            ),
            (
                _points("289.4,190.4 304.0,182.6 311.4,181.9 318.7,182.9 327.6,186.9"),
                _points("289.4,190.4 301.6,192.2 308.6,192.4 316.0,191.6 327.6,186.9"),
            ),
        ),
        brows=(
            _points("185.7,176.9 192.9,169.4 205.1,164.7 222.2,163.6 242.8,164.2"),
            _points("285.3,161.8 305.7,159.1 322.5,158.4 334.8,161.8 342.4,168.5"),
        ),
        nose=(268.2, 252.6),
        chin=(271.9, 333.1),
        shows_teeth=False,
    ),
    "astronaut": Portrait(
        package="skimage",
        file="data/astronaut.png",
        crop=(24, 2, 232),
        rest_mood=0.95,
        upper_outer=_points(
            "202.3,139.4 204.0,138.6 207.1,138.7 211.1,138.7 217.6,139.2 224.1,140.4 230.7,139.9"
            " 237.2,140.2 241.3,140.6 244.6,141.0 246.3,142.1"
        ),
        upper_inner=_points(
            "205.1,140.2 207.5,139.5 210.5,140.1 214.1,140.9 218.5,141.9 224.0,142.6 229.6,142.6"
            " 234.0,142.1 237.8,141.7 241.0,141.6 243.4,142.5"
        ),
        lower_inner=_points(
            "205.1,140.2 207.8,143.3 210.1,145.1 213.7,147.1 218.2,148.6 223.6,149.5 229.1,149.3"
            " 233.8,148.3 237.7,146.8 240.3,145.3 243.4,142.5"
        ),
        lower_outer=_points(
            "202.3,139.4 204.6,143.3 207.6,147.2 211.8,151.0 217.0,153.6 223.3,154.7 229.7,154.3"
            " 235.3,152.4 239.9,149.1 243.5,145.6 246.3,142.1"
        ),
        eyes=(
            (
                _points("194.9,101.0 199.4,98.4 203.1,97.9 206.8,98.4 214.0,103.7"),
                _points("194.9,101.0 201.0,103.8 204.7,104.3 208.1,104.3 214.0,103.7"),
            ),
            (
                _points("237.6,104.9 245.3,100.4 249.0,100.3 252.7,101.2 256.8,104.2"),
                _points("237.6,104.9 243.4,106.1 246.9,106.4 250.6,106.2 256.8,104.2"),
            ),
        ),
        brows=(
            _points("187.7,91.3 191.8,87.9 198.3,86.5 206.7,87.4 216.4,89.2"),
            _points("237.1,90.4 246.9,89.7 255.2,89.6 261.4,91.8 265.0,95.6"),
        ),
        nose=(224.4, 133.9),
        chin=(221.9, 175.3),
        shows_teeth=True,
    ),
}


def portrait_path(portrait: Portrait) -> Path:
    """Return the path of the photograph in its installed package.

    Raises:
        FileNotFoundError: the package, or the photograph in it, is not installed.
    """
    spec = importlib.util.find_spec(portrait.package)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"The demo needs the package {portrait.package}: install it.")
    path = Path(spec.origin).parent / portrait.file
    if not path.exists():
        raise FileNotFoundError(
            f"{portrait.package} does not contain {portrait.file}: reinstall it."
        )
    return path


def to_tile(portrait: Portrait, height: int, points: Points) -> Points:
    """Convert points of the photograph to pixels of a tile of that height."""
    x, y, crop_height = portrait.crop
    return (points - (x, y)) * (height / crop_height)


def tile_picture(portrait: Portrait, width: int, height: int) -> Picture:
    """Return the photograph cropped for a tile of that size, BGR, extending its backdrop."""
    # OpenCV would print a warning about the PNG's colour profile.
    photo = np.ascontiguousarray(imread(portrait_path(portrait))[..., ::-1])
    x, y, crop_height = portrait.crop
    scale = height / crop_height
    crop_width = width / scale
    left = max(0, round(-x))
    right = max(0, round(x + crop_width) + 2 - photo.shape[1])
    if left or right:
        photo = _continue_backdrop(photo, left, right)
    matrix = np.array([[scale, 0, -(x + left) * scale], [0, scale, -y * scale]])
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    if scale < 1:
        photo = cv2.GaussianBlur(photo, (0, 0), 0.35 / scale)
        interpolation = cv2.INTER_LINEAR
    return np.asarray(
        cv2.warpAffine(
            photo, matrix, (width, height), flags=interpolation, borderMode=cv2.BORDER_REPLICATE
        ),
        np.uint8,
    )


def _continue_backdrop(photo: Picture, left: int, right: int) -> Picture:
    """Extend the photograph with mirrored, blurred sides, like a camera's background blur."""
    wide = cv2.copyMakeBorder(photo, 0, 0, left, right, cv2.BORDER_REFLECT)
    soft = cv2.GaussianBlur(wide, (0, 0), 11)
    columns = np.arange(wide.shape[1])
    inside = np.minimum(columns - left, wide.shape[1] - 1 - right - columns)
    share = np.clip((30 - inside) / 60, 0, 1)
    share = (share * share * (3 - 2 * share))[None, :, None]
    return np.asarray(wide * (1 - share) + soft * share, np.uint8)
