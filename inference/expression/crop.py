"""Face crops as the expression network learnt them: grey, upright, framed like FER2013's tiles.

Source of the framing: MediaPipe's face mesh on 900 tiles of FER2013's public test split, enlarged
six times inside a replicated border; it found 863 faces. The constants are medians over the 65 %
of them that look at the camera (nose within 15 % of the eye distance from the middle), in pixels of
the 48-pixel tile. The tiles themselves vary by 3–4 px and 15 % in scale.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from inference.schema.arrays import F32, U8
from inference.schema.observations import Detection

TILE_PX = 48.0

LEFT_EYE = (33, 133)
RIGHT_EYE = (362, 263)
MOUTH_CORNERS = (61, 291)
"""Corners in MediaPipe's face mesh; left and right as the picture shows them."""

ANCHORS = np.array([[15.2, 18.75], [33.1, 18.75], [17.1, 36.95], [31.85, 36.95]], np.float64)
"""Where FER2013 has the left eye, the right eye and the two corners of the mouth, xy."""
_MIDDLE: list[float] = ANCHORS.mean(0).tolist()
_OFFSETS: list[list[float]] = (ANCHORS - _MIDDLE).tolist()

BOX_CENTRE = (24.4, 26.2)
BOX_HEIGHT_PX = 43.8
"""Where FER2013 has the box around the mesh's landmarks."""

CLOSEST = 1.15
"""The crop shows at least 1 / 1.15 of what the box's height calls for: on a head in profile the
four anchors shrink together and would pull the crop too near (1.23 times, measured on the tiles
whose nose is over half an eye distance off)."""

SHRINK_TO = 1.5
"""Large faces are first shrunk by a whole number, so that at least this many pixels are left for
one of the crop, and only then turned and sampled: nothing aliases, and it is quick."""


def face_crop(image: U8, detection: Detection, size_px: int = 48) -> U8:
    """Cut one face out, framed as FER2013's are.

    With landmarks, eyes and mouth end up where FER2013 has them and the head upright;
    without, the box alone decides and a tilted head stays tilted. What lies outside the picture
    repeats its edge.

    Args:
        image: RGB, (H, W, 3).
        detection: its box, and landmarks if any, in the picture's pixels.

    Returns:
        Grey uint8, (size_px, size_px). A box of no size gives the pixel under it, enlarged.
    """
    to_tile = _tile_transform(detection) * (size_px / TILE_PX)
    source_px = 1.0 / max(float(np.hypot(to_tile[0, 0], to_tile[1, 0])), 1e-6)
    # Only what the crop shows is made grey: a whole 1080p frame would cost more than the crop.
    left, top, right, bottom = _span(to_tile, size_px, image.shape)
    grey = cv2.cvtColor(image[top:bottom, left:right], cv2.COLOR_RGB2GRAY)
    factor = max(1, min(int(source_px / SHRINK_TO), *grey.shape))
    if factor > 1:
        wide, tall = grey.shape[1] // factor, grey.shape[0] // factor
        whole = grey[: tall * factor, : wide * factor]
        grey = cv2.resize(whole, (wide, tall), interpolation=cv2.INTER_AREA)
    finer = int(np.ceil(min(source_px / factor, SHRINK_TO * 2)))
    to_tile[:, 2] += to_tile[:, :2] @ np.array([left, top])
    to_tile[:, :2] *= factor
    to_tile *= finer
    # Pixel centres: the middle of pixel 0 is 0 for OpenCV and 0.5 for landmarks and boxes.
    to_tile[:, 2] += to_tile[:, :2] @ np.array([0.5, 0.5]) - 0.5
    fine = cv2.warpAffine(
        grey,
        to_tile,
        (size_px * finer, size_px * finer),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    if finer > 1:
        fine = cv2.resize(fine, (size_px, size_px), interpolation=cv2.INTER_AREA)
    return np.asarray(fine, np.uint8)


def sharpness(crop: U8) -> float:
    """Return how much fine detail a grey crop has, whatever its contrast.

    The deviation of the Laplacian over the deviation of the grey levels: 0 for a flat crop.
    """
    deviation = float(crop.std())
    if deviation < 1.0:
        return 0.0
    return float(cv2.Laplacian(crop, cv2.CV_32F).std()) / deviation


def _tile_transform(detection: Detection) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return the 2×3 matrix from picture to tile of 48 px: scale, turn and shift, no shear."""
    x0, y0, x1, y1 = (float(edge) for edge in detection.box)
    by_box = BOX_HEIGHT_PX / max(y1 - y0, 1.0)
    marks = detection.landmarks
    if marks is None or not np.isfinite(marks).all():
        shift = np.array(BOX_CENTRE) - by_box * np.array([(x0 + x1) / 2, (y0 + y1) / 2])
        return np.array([[by_box, 0.0, shift[0]], [0.0, by_box, shift[1]]])
    # Least squares over the four points (Umeyama 1991, in two dimensions by hand). In plain
    # numbers: numpy takes ten times as long for so few.
    anchors = _anchor_points(marks)
    x, y = (sum(values) / len(anchors) for values in zip(*anchors, strict=True))
    spread = cosine = sine = 0.0
    for (px, py), (qx, qy) in zip(anchors, _OFFSETS, strict=True):
        spread += (px - x) ** 2 + (py - y) ** 2
        cosine += (px - x) * qx + (py - y) * qy
        sine += (px - x) * qy - (py - y) * qx
    spread = max(spread, 1e-6)
    scale = math.hypot(cosine, sine) / spread
    if scale <= 0.0:
        cosine, sine, scale, spread = by_box, 0.0, by_box, 1.0
    limit = min(1.0, CLOSEST * by_box / scale) / spread
    cosine, sine = cosine * limit, sine * limit
    dx, dy = _MIDDLE[0] - cosine * x + sine * y, _MIDDLE[1] - sine * x - cosine * y
    return np.array([[cosine, -sine, dx], [sine, cosine, dy]])


def _anchor_points(marks: F32) -> list[tuple[float, float]]:
    """Return eyes and corners of the mouth, xy, in the order of ANCHORS."""
    a, b, c, d, left, right = marks[[*LEFT_EYE, *RIGHT_EYE, *MOUTH_CORNERS]].tolist()
    eyes = [((p[0] + q[0]) / 2, (p[1] + q[1]) / 2) for p, q in ((a, b), (c, d))]
    return [*eyes, tuple(left), tuple(right)]


def _span(
    to_tile: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    side_px: int,
    shape: tuple[int, ...],
) -> tuple[int, int, int, int]:
    """Return the part of the picture that the crop shows, xyxy, at least one pixel."""
    # Not by numpy.linalg: after a call, OpenBLAS's other threads spin for 5 ms each.
    (a, b, x), (c, d, y) = cv2.invertAffineTransform(to_tile).tolist()
    xs = [x, x + a * side_px, x + b * side_px, x + (a + b) * side_px]
    ys = [y, y + c * side_px, y + d * side_px, y + (c + d) * side_px]
    height, width = shape[:2]
    left = min(max(math.floor(min(xs)) - 1, 0), width - 1)
    top = min(max(math.floor(min(ys)) - 1, 0), height - 1)
    right = min(max(math.ceil(max(xs)) + 2, left + 1), width)
    bottom = min(max(math.ceil(max(ys)) + 2, top + 1), height)
    return left, top, right, bottom
