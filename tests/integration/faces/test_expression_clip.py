"""Real faces through detection, crop and classifier: the readings are those a person gives."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from inference.expression.classifier import ExpressionClassifier
from inference.expression.crop import face_crop
from inference.faces.detector import FaceDetector
from inference.schema.arrays import EXPRESSIONS, U8
from tests.media import rgb
from tests.places import SHARED_DATA


def shared_clip(name: str) -> Path:
    """A clip of the shared data, which is not part of the repository."""
    path = SHARED_DATA / "clips" / name
    if not path.is_file():
        pytest.skip(f"{path} is not there; set RAPPORT_SHARED_DATA to the data folder")
    return path


def crops_of(path: Path, every_s: float) -> U8:
    """The crop of the one face in each sampled frame that shows one."""
    crops, last_s = [], -every_s
    with av.open(str(path)) as container, FaceDetector() as detector:
        for frame in container.decode(video=0):
            if frame.time is None or frame.time - last_s < every_s:
                continue
            last_s = frame.time
            image = rgb(frame)
            crops += [face_crop(image, face) for face in detector.detect(image, None)[:1]]
    return np.stack(crops)


def test_a_calm_face_that_begins_to_smile_is_read_as_neutral_then_happy() -> None:
    crops = crops_of(shared_clip("pyfeat_face_noface.mov"), 0.5)
    probs = ExpressionClassifier.load().classify(crops)
    assert EXPRESSIONS[int(probs[0].argmax())] == "neutral"
    assert EXPRESSIONS[int(probs[-1].argmax())] == "happy"
    assert float(probs[-1].max()) > 0.7
