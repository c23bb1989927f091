"""LiteRT and MediaPipe run the same models: both find the same faces in the same places."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from inference.expression.classifier import ExpressionClassifier
from inference.expression.crop import face_crop
from inference.faces.detector import DetectOptions, FaceDetector
from inference.schema.arrays import F32, U8
from inference.schema.observations import Detection
from tests.integration.faces.test_detector import CLIPS
from tests.media import rgb
from tests.places import SHARED_DATA
from tests.portraits import Portrait, gallery, read_portraits, webcam

BOX_PX, POINT_PX, PROBABILITY = 1.0, 0.5, 0.01
"""How far the backends may be apart: a box at its worst edge, the median of a face's points, the
median of the expressions' probabilities. They sample a turned face a little differently."""

needs_mediapipe = pytest.mark.skipif(
    importlib.util.find_spec("mediapipe") is None,
    reason="MediaPipe is not installed: `make install-mediapipe`, with Python 3.11 or 3.12",
)


@pytest.fixture(scope="module")
def litert() -> Iterator[FaceDetector]:
    with FaceDetector() as detector:
        yield detector


@pytest.fixture(scope="module")
def mediapipe() -> Iterator[FaceDetector]:
    with FaceDetector(DetectOptions(backend="mediapipe")) as detector:
        yield detector


@pytest.fixture(scope="module")
def classifier() -> ExpressionClassifier:
    return ExpressionClassifier.load(threads=1)


@pytest.fixture(scope="module")
def portraits() -> list[Portrait]:
    return read_portraits()


def pairs(ours: list[Detection], theirs: list[Detection]) -> list[tuple[Detection, Detection]]:
    """The faces of both side by side: faces of one height are listed in an order of chance."""
    assert len(ours) == len(theirs)
    nearest = [
        min(theirs, key=lambda other: float(np.abs(own.box - other.box).max())) for own in ours
    ]
    assert len({id(other) for other in nearest}) == len(theirs)
    return list(zip(ours, nearest, strict=True))


def assert_same_faces(ours: list[Detection], theirs: list[Detection]) -> None:
    for own, other in pairs(ours, theirs):
        np.testing.assert_allclose(own.box, other.box, atol=BOX_PX)
        assert own.confidence == pytest.approx(other.confidence, abs=0.001)
        assert (own.landmarks is None) == (other.landmarks is None)
        if own.landmarks is not None and other.landmarks is not None:
            assert np.median(np.linalg.norm(own.landmarks - other.landmarks, axis=1)) < POINT_PX


def expressions_apart(
    classifier: ExpressionClassifier, image: U8, ours: list[Detection], theirs: list[Detection]
) -> F32:
    """How far the probabilities read from both backends' crops are apart, (faces, labels)."""
    both = pairs(ours, theirs)
    read = [
        classifier.classify(np.stack([face_crop(image, pair[which], 48) for pair in both]))
        for which in (0, 1)
    ]
    apart: F32 = np.abs(read[0] - read[1])
    return apart


@needs_mediapipe
@pytest.mark.parametrize("tilt_deg", [-35, 0, 20])
@pytest.mark.parametrize("face_px", [60, 160, 300])
def test_one_face_is_the_same(
    litert: FaceDetector,
    mediapipe: FaceDetector,
    classifier: ExpressionClassifier,
    portraits: list[Portrait],
    face_px: int,
    tilt_deg: int,
) -> None:
    for portrait in portraits:
        image = webcam(portrait, 640, 360, face_px, tilt_deg)
        ours, theirs = litert.detect(image, None), mediapipe.detect(image, None)
        assert len(ours) == 1
        assert_same_faces(ours, theirs)
        assert np.median(expressions_apart(classifier, image, ours, theirs)) < PROBABILITY


@needs_mediapipe
@pytest.mark.parametrize(
    ("width", "height", "face_px"), [(1280, 720, 40), (1920, 1080, 40), (1920, 1080, 75)]
)
def test_the_faces_of_a_gallery_are_the_same(
    litert: FaceDetector,
    mediapipe: FaceDetector,
    classifier: ExpressionClassifier,
    portraits: list[Portrait],
    width: int,
    height: int,
    face_px: int,
) -> None:
    image, tiles = gallery(portraits, width, height, 25, face_px)
    ours, theirs = litert.detect(image, tiles), mediapipe.detect(image, tiles)
    assert len(ours) == 25
    assert_same_faces(ours, theirs)
    assert np.median(expressions_apart(classifier, image, ours, theirs)) < PROBABILITY
    again = [detector.refit(image, ours[0]) for detector in (litert, mediapipe)]
    assert_same_faces(*([face] if face else [] for face in again))


@needs_mediapipe
@pytest.mark.skipif(not CLIPS, reason=f"no clips in {SHARED_DATA / 'clips'}")
@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip.stem)
def test_the_faces_of_a_clip_are_the_same(
    litert: FaceDetector, mediapipe: FaceDetector, classifier: ExpressionClassifier, clip: Path
) -> None:
    apart: list[F32] = []
    with av.open(str(clip)) as media:
        for number, frame in enumerate(media.decode(video=0)):
            if number % 25:
                continue
            image = rgb(frame)
            ours, theirs = litert.detect(image, None), mediapipe.detect(image, None)
            assert_same_faces(ours, theirs)
            if ours:
                apart.append(expressions_apart(classifier, image, ours, theirs))
    assert np.median(np.concatenate(apart)) < PROBABILITY


@needs_mediapipe
def test_mediapipe_writes_nothing_to_standard_error(tmp_path: Path) -> None:
    # As on a first start that is so slow that matplotlib would say what it does meanwhile.
    code = (
        "import threading; timer = threading.Timer\n"
        "threading.Timer = lambda delay_s, told: timer(0, told)\n"
        "import numpy as np\n"
        "from inference.faces.detector import DetectOptions, FaceDetector\n"
        "detector = FaceDetector(DetectOptions(backend='mediapipe'))\n"
        "detector.detect(np.zeros((90, 160, 3), np.uint8), None)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=os.environ | {"MPLCONFIGDIR": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert list(tmp_path.iterdir()), "matplotlib listed the fonts"


def test_where_mediapipe_is_not_installed_one_sentence_says_what_to_do() -> None:
    code = (
        "import sys; sys.modules['mediapipe'] = None\n"
        "import numpy as np\n"
        "from inference.faces.detector import DetectOptions, FaceDetector\n"
        "from inference.errors import WeightsInvalid\n"
        "try:\n"
        "    FaceDetector(DetectOptions(backend='mediapipe'))"
        ".detect(np.zeros((9, 9, 3), np.uint8), None)\n"
        "except WeightsInvalid as exc:\n"
        "    print(exc)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    (line,) = done.stdout.splitlines()
    assert line.startswith("MediaPipe cannot run the face models: run `make install-mediapipe`")
    assert done.stderr == ""


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(ValueError, match="backend must be litert or mediapipe"):
        DetectOptions(backend="other")  # type: ignore[arg-type]
