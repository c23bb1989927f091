"""The layout and the people of a recording whose picture changes its size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from inference.analyzer import AnalyzerOptions
from inference.expression.batch_queue import DeviceQueue
from inference.layout import LayoutFinder
from inference.recording import Segment, observe_recording
from inference.resized_layout import ResizedLayout
from inference.schema.arrays import F32, U8
from inference.schema.observations import Detection, Frame, Observations
from tests import layouts
from tests.media import write_sizes

WIDTH, HEIGHT = 640, 360
FACE_PX = 80


def gallery(t_s: float, count: int, seed: int = 0) -> U8:
    """A gallery of rooms; the gap between the tiles is lost in a quarter of its size."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for k, (x0, y0, x1, y1) in enumerate(layouts.grid_boxes(WIDTH, HEIGHT, count, 4)):
        tile = layouts.room(seed + k, x1 - x0, y1 - y0).astype(np.int16)
        image[y0:y1, x0:x1] = np.clip(tile + round(10 * np.sin(3 * t_s + k)), 0, 255)
    return image


def coarse(image: U8, times: int) -> U8:
    size = (image.shape[1] // times, image.shape[0] // times)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (image.shape[1], image.shape[0])), np.uint8)


def frames(scales: Sequence[int], *, count: int = 2, seed: int = 0) -> list[Frame]:
    made = []
    for number, scale in enumerate(scales):
        image = coarse(gallery(number / 2, count, seed), scale)
        made.append(Frame(number, Fraction(1, 2), image, enlarged=float(scale)))
    return made


def test_a_coarse_picture_keeps_the_layout_of_the_fine_one() -> None:
    layout = ResizedLayout(LayoutFinder)
    seen = [layout.update(frame) for frame in frames([1] * 4 + [4] * 4 + [1] * 4)]
    assert {one.kind for one in seen} == {"gallery"}
    assert not any(one.changed for one in seen[1:])
    assert all(np.array_equal(one.tiles, seen[0].tiles) for one in seen)


def test_a_finer_picture_says_how_the_coarse_one_was_divided() -> None:
    layout = ResizedLayout(LayoutFinder)
    seen = [layout.update(frame) for frame in frames([4] * 4 + [1] * 4, count=4)]
    assert seen[3].kind == "single"
    assert seen[4].kind == "gallery"
    assert seen[4].is_revised
    assert not seen[4].changed


def test_another_scene_in_coarse_pictures_is_no_longer_the_old_layout() -> None:
    layout = ResizedLayout(LayoutFinder)
    before = [layout.update(frame) for frame in frames([1] * 4)]
    other = [replace(f, pts=f.pts + 4) for f in frames([4] * 4, count=4, seed=20)]
    after = [layout.update(frame) for frame in other]
    assert after[0].changed
    assert not np.array_equal(after[-1].tiles, before[-1].tiles)


class SquareFinder:
    """Finds the two painted squares, a quarter and three quarters across."""

    def detect(self, image: U8, regions: Sequence[F32] | F32 | None) -> list[Detection]:
        height, width = image.shape[:2]
        found = []
        for share in (0.25, 0.75):
            x, y, half = share * width, height / 2, FACE_PX / 2 * width / WIDTH
            if image[round(y), round(x)].max() > 225:
                box = np.array([x - half, y - half, x + half, y + half], np.float32)
                found.append(Detection(box, 0.9, yaw_deg=share))
        return found

    def refit(self, image: U8, face: Detection) -> Detection | None:
        return next((f for f in self.detect(image, None) if f.yaw_deg == face.yaw_deg), None)


def with_faces(number: int, width_px: int, height_px: int) -> U8:
    image = gallery(number / 10, 2)
    for share in (0.25, 0.75):
        x, y = round(share * WIDTH), HEIGHT // 2
        image[y - 40 : y + 40, x - 40 : x + 40] = 240
    size = (width_px, height_px)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def neutral(crops: U8) -> F32:
    probs = np.zeros((len(crops), 7), np.float32)
    probs[:, 6] = 1
    return probs


@pytest.fixture
def queue() -> Iterator[DeviceQueue]:
    with DeviceQueue(neutral, max_batch=8, max_wait_s=0.005) as shared:
        yield shared


def observe(path: Path, queue: DeviceQueue) -> Observations:
    return observe_recording(
        [Segment(path)], AnalyzerOptions(read_labels=False), queue, model="test-1",
        detector_factory=SquareFinder,
    )  # fmt: skip


def cameras_of(seen: Observations) -> list[int]:
    """The camera of each face row: one number per person, however often their track begins."""
    found = []
    for sample, box in zip(seen.faces.sample.tolist(), seen.faces.box, strict=True):
        view = next(v for v in seen.views if v.start_sample <= sample < v.end_sample)
        x = (box[0] + box[2]) / 2
        place = next((k for k, tile in enumerate(view.tiles) if tile[0] <= x < tile[2]), -1)
        found.append(int(view.cameras[place]) if place >= 0 else -1)
    return found


@pytest.mark.parametrize(
    "parts",
    [
        [(2, 320, 180), (4, 640, 360)],
        [(2, 640, 360), (2, 320, 180), (2, 640, 360)],
        [(1, 240, 136), (1, 320, 180), (1, 480, 270), (3, 640, 360)],
    ],
    ids=["grows", "shrinks and grows", "grows in steps"],
)
def test_nobody_becomes_a_stranger_because_the_picture_changes_its_size(
    tmp_path: Path, queue: DeviceQueue, parts: list[tuple[float, int, int]]
) -> None:
    seen = observe(write_sizes(tmp_path / "a.ts", parts, paint=with_faces), queue)
    assert (seen.width_px, seen.height_px) == (640, 360)
    assert len(seen.faces) == 24
    assert set(cameras_of(seen)) == {0, 1}
    assert seen.quality.faces_too_small == 0


def test_a_face_is_as_large_as_it_was_decoded(tmp_path: Path, queue: DeviceQueue) -> None:
    """A face of 20 pixels holds no more in an enlarged picture, and is nobody of its own."""
    path = write_sizes(tmp_path / "a.ts", [(2, 160, 90), (3, 640, 360)], paint=with_faces)
    seen = observe(path, queue)
    assert not np.isnan(seen.faces.probs[seen.faces.sample >= 4]).any()
    assert np.isnan(seen.faces.probs[seen.faces.sample < 4]).all()
    path = write_sizes(tmp_path / "b.ts", [(3, 640, 360), (2, 160, 90)], paint=with_faces)
    assert observe(path, queue).quality.faces_too_small == 8
