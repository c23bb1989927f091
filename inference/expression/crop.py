"""Face crops as the expression network learnt them: grey, upright, framed like FER2013's tiles.

Source of the framing: MediaPipe's face mesh on 900 tiles of FER2013's public test split, enlarged
six times inside a replicated border; it found 863 faces. The constants are medians over the 65 %
of them that look at the camera (nose within 15 % of the eye distance from the middle), in pixels of
the 48-pixel tile. The tiles themselves vary by 3–4 px and 15 % in scale.
"""

from __future__ import annotations

import cv2
import numpy as np

from inference.types import F32, U8, Detection

TILE_PX = 48.0

LEFT_EYE = (33, 133)
RIGHT_EYE = (362, 263)
MOUTH_CORNERS = (61, 291)
"""Corners in MediaPipe's face mesh; left and right as the picture shows them."""

ANCHORS = np.array([[15.2, 18.75], [33.1, 18.75], [17.1, 36.95], [31.85, 36.95]], np.float64)
"""Where FER2013 has the left eye, the right eye and the two corners of the mouth, xy."""

BOX_CENTRE = (24.4, 26.2)
BOX_HEIGHT_PX = 43.8
"""Where FER2013 has the box around the mesh's landmarks."""

CLOSEST = 1.15
"""The crop shows at least 1 / 1.15 of what the box's height calls for: on a head in profile the
four anchors shrink together and would pull the crop too near (1.23 times, measured on the tiles
whose nose is over half an eye distance off)."""

OVERSAMPLING_LIMIT = 8
"""Large faces are sampled this much finer at most and then averaged, so that nothing aliases."""


def face_crop(image: U8, detection: Detection, size_px: int = 48) -> U8:
    """Cut one face out, framed as FER2013's are.

    With landmarks, eyes and mouth come to stand where FER2013 has them and the head upright;
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
    finer = int(np.clip(np.ceil(source_px), 1, OVERSAMPLING_LIMIT))
    to_tile = to_tile * finer
    # Only what the crop shows is made grey: a whole 1080p frame would cost more than the crop.
    left, top, right, bottom = _span(to_tile, size_px * finer, image.shape)
    grey = cv2.cvtColor(np.ascontiguousarray(image[top:bottom, left:right]), cv2.COLOR_RGB2GRAY)
    to_tile[:, 2] += to_tile[:, :2] @ np.array([left, top])
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
    """Give how much fine detail a grey crop has, whatever its contrast.

    The deviation of the Laplacian over the deviation of the grey levels: 0 for a flat crop.
    """
    deviation = float(crop.std())
    if deviation < 1.0:
        return 0.0
    return float(cv2.Laplacian(crop, cv2.CV_32F).std()) / deviation


def _tile_transform(detection: Detection) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Give the 2×3 matrix from picture to tile of 48 px: scale, turn and shift, no shear."""
    x0, y0, x1, y1 = (float(edge) for edge in detection.box)
    by_box = BOX_HEIGHT_PX / max(y1 - y0, 1.0)
    marks = detection.landmarks
    if marks is None or not np.isfinite(marks).all():
        shift = np.array(BOX_CENTRE) - by_box * np.array([(x0 + x1) / 2, (y0 + y1) / 2])
        return np.array([[by_box, 0.0, shift[0]], [0.0, by_box, shift[1]]])
    anchors = _anchor_points(marks)
    # Least squares over the four points (Umeyama 1991, in two dimensions by hand).
    centre, goal = anchors.mean(0), ANCHORS.mean(0)
    p, q = anchors - centre, ANCHORS - goal
    spread = max(float((p * p).sum()), 1e-6)
    cosine = float((p * q).sum()) / spread
    sine = float((p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]).sum()) / spread
    scale = float(np.hypot(cosine, sine))
    if scale <= 0.0:
        cosine, sine, scale = by_box, 0.0, by_box
    limit = min(1.0, CLOSEST * by_box / scale)
    turn = np.array([[cosine, -sine], [sine, cosine]]) * limit
    return np.column_stack([turn, goal - turn @ centre])


def _anchor_points(marks: F32) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Give eyes and corners of the mouth, (4, 2), in the order of ANCHORS."""
    eyes = [marks[list(eye)].mean(0) for eye in (LEFT_EYE, RIGHT_EYE)]
    return np.array([*eyes, *marks[list(MOUTH_CORNERS)]], np.float64)


def _span(
    to_tile: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    side_px: int,
    shape: tuple[int, ...],
) -> tuple[int, int, int, int]:
    """Give the part of the picture that the crop shows, xyxy, at least one pixel."""
    corners = np.array([[0, 0], [side_px, 0], [0, side_px], [side_px, side_px]], np.float64)
    back = np.linalg.inv(to_tile[:, :2])
    seen = (corners - to_tile[:, 2]) @ back.T
    height, width = shape[:2]
    left, top = np.floor(seen.min(0)).astype(int) - 1
    right, bottom = np.ceil(seen.max(0)).astype(int) + 2
    left, top = int(np.clip(left, 0, width - 1)), int(np.clip(top, 0, height - 1))
    right, bottom = int(np.clip(right, left + 1, width)), int(np.clip(bottom, top + 1, height))
    return left, top, right, bottom
