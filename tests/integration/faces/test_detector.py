"""The face detector on real faces, with the models run by LiteRT."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import numpy as np
import pytest
import skimage.data

from inference.faces.detector import DetectOptions, FaceDetector
from inference.layout import LayoutFinder
from inference.schema.arrays import F32
from tests.media import rgb
from tests.places import ROOT, SHARED_DATA
from tests.portraits import GROUND, Portrait, gallery, read_portraits, webcam

CLIPS = sorted((SHARED_DATA / "clips").glob("*.m*")) if SHARED_DATA.is_dir() else []


@pytest.fixture(scope="module")
def detector() -> Iterator[FaceDetector]:
    with FaceDetector() as detector:
        yield detector


@pytest.fixture(scope="module")
def portraits() -> list[Portrait]:
    return read_portraits()


def in_tiles(boxes: list[F32], tiles: F32) -> list[int]:
    """How many faces lie in each tile."""
    middles = [((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) for box in boxes]
    return [sum(t[0] < x < t[2] and t[1] < y < t[3] for x, y in middles) for t in tiles]


@pytest.mark.parametrize(
    ("width", "height", "face_px"), [(1920, 1080, 40), (1280, 720, 40), (1920, 1080, 75)]
)
def test_small_faces_in_a_25_tile_gallery_are_all_seen(
    detector: FaceDetector,
    portraits: list[Portrait],
    width: int,
    height: int,
    face_px: int,
) -> None:
    image, tiles = gallery(portraits, width, height, 25, face_px)
    layout = LayoutFinder().update(image)
    assert layout.kind == "gallery"
    faces = detector.detect(image, layout.tiles)
    assert in_tiles([face.box for face in faces], tiles) == [1] * 25
    heights = [face.height_px for face in faces]
    assert 0.8 * face_px < np.median(heights) < 1.25 * face_px


def test_small_faces_are_seen_without_knowing_the_tiles(
    detector: FaceDetector, portraits: list[Portrait]
) -> None:
    image, tiles = gallery(portraits, 1280, 720, 16, 60)
    counts = in_tiles([face.box for face in detector.detect(image, None)], tiles)
    assert max(counts) == 1, "overlapping windows must not give one face twice"
    assert sum(counts) >= 15


def test_people_at_the_far_end_of_a_room_are_seen_in_the_large_tile(
    detector: FaceDetector, portraits: list[Portrait]
) -> None:
    image = np.full((720, 1280, 3), GROUND, np.uint8)
    image[180:720, 160:1120] = 120
    for k, x in enumerate((300, 700)):
        image[300:460, x : x + 200] = webcam(portraits[k], 200, 160, 44)
    image[10:170, 500:780] = webcam(portraits[0], 280, 160, 80)
    regions = np.array([[160, 180, 1120, 720], [500, 10, 780, 170]], np.float32)
    faces = detector.detect(image, regions)
    assert len(faces) == 3
    assert sorted(float(face.box[0]) // 100 for face in faces) == [3, 6, 7]


def test_four_tiles_give_four_faces_with_landmarks(
    detector: FaceDetector, portraits: list[Portrait]
) -> None:
    image, tiles = gallery(portraits, 1280, 720, 4, 130)
    faces = detector.detect(image, tiles)
    assert in_tiles([face.box for face in faces], tiles) == [1] * 4
    for face in faces:
        assert face.landmarks is not None
        assert face.landmarks.shape == (468, 2)
        assert abs(face.yaw_deg) < 10
        assert 0.15 < face.eye_opening < 0.5
        assert 0.0 <= face.mouth_opening < 0.4


def test_a_smile_opens_the_mouth_more_than_closed_lips(
    detector: FaceDetector, portraits: list[Portrait]
) -> None:
    smiling, closed = (
        detector.detect(webcam(portrait, 640, 360, 160), None)[0] for portrait in portraits
    )
    assert smiling.mouth_opening > closed.mouth_opening + 0.1


@pytest.mark.parametrize("tilt_deg", [-35, -20, 20, 35])
def test_a_tilted_head_is_told_with_its_angle(
    detector: FaceDetector, portraits: list[Portrait], tilt_deg: int
) -> None:
    for portrait in portraits:
        upright = detector.detect(webcam(portrait, 640, 360, 160), None)
        tilted = detector.detect(webcam(portrait, 640, 360, 160, tilt_deg), None)
        assert len(tilted) == 1
        assert tilted[0].roll_deg - upright[0].roll_deg == pytest.approx(tilt_deg, abs=6)
        assert tilted[0].yaw_deg == pytest.approx(upright[0].yaw_deg, abs=10)


def test_a_mirrored_face_turns_the_other_way(
    detector: FaceDetector, portraits: list[Portrait]
) -> None:
    image = webcam(portraits[0], 640, 360, 160, 10)
    plain, mirrored = (detector.detect(i, None)[0] for i in (image, image[:, ::-1].copy()))
    assert plain.roll_deg == pytest.approx(-mirrored.roll_deg, abs=5)
    assert plain.yaw_deg == pytest.approx(-mirrored.yaw_deg, abs=5)


def test_a_small_face_beside_a_large_one_is_seen_where_all_must_be(
    detector: FaceDetector, portraits: list[Portrait]
) -> None:
    picture = webcam(portraits[0], 1280, 720, 240)
    picture[4:184, 956:1276] = webcam(portraits[1], 320, 180, 60)
    assert len(detector.detect(picture, None)) == 1
    with FaceDetector(DetectOptions(beside_large=True)) as thorough:
        faces = thorough.detect(picture, None)
    assert len(faces) == 2
    assert any(face.box[0] >= 956 and face.box[3] <= 184 for face in faces)


@pytest.mark.parametrize("size", [(720, 1280), (1, 1), (3, 400), (400, 3), (90, 160)])
def test_an_empty_picture_has_no_face(detector: FaceDetector, size: tuple[int, int]) -> None:
    image = np.full((*size, 3), 90, np.uint8)
    assert detector.detect(image, None) == []
    height, width = size
    tiles = np.array([[0, 0, width / 2, height], [width / 2, 0, width, height]], np.float32)
    assert detector.detect(image, tiles) == []


def test_pictures_without_people_have_no_face(detector: FaceDetector) -> None:
    for picture in (skimage.data.coffee(), skimage.data.rocket(), skimage.data.chelsea()):
        assert detector.detect(picture, None) == []


def test_a_face_at_the_edge_keeps_its_box_inside_the_picture(
    detector: FaceDetector, portraits: list[Portrait]
) -> None:
    image = np.ascontiguousarray(webcam(portraits[1], 640, 360, 200)[:, 260:])
    for face in detector.detect(image, None):
        assert (face.box >= 0).all()
        assert face.box[2] <= image.shape[1]
        assert face.box[3] <= image.shape[0]


def test_the_same_picture_gives_the_same_faces_after_any_other(
    detector: FaceDetector, portraits: list[Portrait]
) -> None:
    image, tiles = gallery(portraits, 1280, 720, 4, 130)
    first = detector.detect(image, tiles)
    detector.detect(skimage.data.astronaut(), None)
    second = detector.detect(image, tiles)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.box, b.box)
        assert a.mouth_opening == b.mouth_opening


def test_two_detectors_work_at_the_same_time(
    portraits: list[Portrait],
) -> None:
    image, tiles = gallery(portraits, 1280, 720, 4, 130)

    def count(_: int) -> list[int]:
        with FaceDetector() as own:
            return [len(own.detect(image, tiles)) for _ in range(5)]

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(count, range(2))) == [[4] * 5] * 2


def test_without_landmarks_the_rest_is_not_observed(
    portraits: list[Portrait],
) -> None:
    with FaceDetector(DetectOptions(with_landmarks=False)) as plain:
        (face,) = plain.detect(webcam(portraits[1], 640, 360, 160), None)
    assert face.landmarks is None
    assert math.isnan(face.yaw_deg)
    assert face.height_px == pytest.approx(160, rel=0.15)


@pytest.mark.parametrize("confidence", [0.0, 1.0, -1.0])
def test_impossible_options_are_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="min_confidence"):
        DetectOptions(min_confidence=confidence)


ONE_FACE = """
import numpy as np
from inference.faces.detector import FaceDetector
from tests.portraits import read_portraits, webcam
(face,) = FaceDetector().detect(webcam(read_portraits()[1], 640, 360, 160), None)
assert face.landmarks is not None
"""
CUT_OFF = ("unshare", "--user", "--map-root-user", "--net")
"""Starts a program without any network, on a Linux that lets users do that."""


def test_models_load_without_network_and_leave_home_empty_and_standard_error_clean(
    tmp_path: Path,
) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    if not shutil.which("unshare") or subprocess.run([*CUT_OFF, "true"], check=False).returncode:
        pytest.skip("this machine lets nobody start a process without a network")
    done = subprocess.run(
        [*CUT_OFF, sys.executable, "-W", "error", "-c", ONE_FACE],
        # The portraits come with matplotlib, which wants a folder of its own.
        env=kept | {"HOME": str(tmp_path / "home"), "MPLCONFIGDIR": str(tmp_path / "matplotlib")},
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert [path.name for path in tmp_path.iterdir()] in ([], ["matplotlib"])


def test_importing_loads_no_model() -> None:
    code = "import sys, inference.faces.detector; sys.exit('ai_edge_litert' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(not CLIPS, reason=f"no clips in {SHARED_DATA / 'clips'}")
@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip.stem)
def test_a_clip_of_one_person_is_one_picture_with_one_face(
    detector: FaceDetector, clip: Path
) -> None:
    finder = LayoutFinder(
        faces_in=lambda image, region: [
            face.box for face in detector.detect(image, None if region is None else region[None])
        ]
    )
    counts = []
    with av.open(str(clip)) as media:
        for k, frame in enumerate(media.decode(video=0)):
            if k % 40 == 0:
                image = rgb(frame)
                assert finder.update(image).kind in ("single", "unknown")
                counts.append(len(detector.detect(image, None)))
    assert max(counts) == 1
    assert np.mean(counts) >= (0.3 if "noface" in clip.stem else 1.0)
