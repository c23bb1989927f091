"""How accuracy falls with the size of a face and with the quality of its compression."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np

from inference.expression.classifier import ExpressionClassifier
from inference.expression.crop import sharpness
from inference.expression.training.dataset import FaceSet, resize_grey
from inference.expression.training.evaluate import read_faces
from inference.schema.arrays import U8

SIZES_PX = (16, 24, 32, 48, 96)
"""Height of the crop in the picture it came from; the face fills 44 of its 48 pixels."""

QUALITIES = (10, 20, 30, 50, 70, 90)
"""JPEG quality as libjpeg counts it, at the tile's own 48 px."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Accuracy under one condition, 0–1."""

    at: int
    """Size in pixels, or quality."""
    label: float
    """Of the label's reading against FER2013's label."""
    ferplus: float | None
    """Of the votes' reading against the majority of FER+; None where there are no votes."""
    sharpness: float
    """Median of `crop.sharpness`."""


def size_curve(faces: FaceSet, classifier: ExpressionClassifier) -> list[CurvePoint]:
    """Measure faces shrunk (or enlarged) to each of SIZES_PX and brought to 48 px again.

    Shrinking averages, enlarging is bilinear, as where faces are cut from a picture.
    """
    return [_point(faces, classifier, side, partial(_through, side_px=side)) for side in SIZES_PX]


def quality_curve(faces: FaceSet, classifier: ExpressionClassifier) -> list[CurvePoint]:
    """Measure faces written and read again as JPEG of each of QUALITIES."""
    return [
        _point(faces, classifier, quality, partial(_as_jpeg, quality=quality))
        for quality in QUALITIES
    ]


def _through(tile: U8, side_px: int) -> U8:
    return resize_grey(resize_grey(tile, side_px), len(tile))


def _as_jpeg(tile: U8, quality: int) -> U8:
    _, content = cv2.imencode(".jpg", tile, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(content, cv2.IMREAD_GRAYSCALE), np.uint8)


def _point(
    faces: FaceSet, classifier: ExpressionClassifier, at: int, change: Callable[[U8], U8]
) -> CurvePoint:
    changed = replace(faces, images=np.stack([change(tile) for tile in faces.images]))
    guess = read_faces(changed, classifier).argmax(2)
    majority, clear = faces.majority()
    return CurvePoint(
        at=at,
        label=float((guess[:, 0] == faces.labels).mean()),
        ferplus=float((guess[clear, 1] == majority[clear]).mean()) if clear.any() else None,
        sharpness=float(np.median([sharpness(tile) for tile in changed.images])),
    )
