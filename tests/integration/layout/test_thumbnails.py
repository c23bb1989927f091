"""The presenter's thumbnail over a shared desktop, with real faces and the shipped face models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import pytest

from inference.boxes import overlap
from inference.faces.detector import FaceDetector
from inference.layout import LayoutFinder
from inference.layout.finder import Layout
from inference.schema.arrays import F32, U8
from tests import layouts
from tests.portraits import Portrait, read_portraits, webcam

WIDTH, HEIGHT = 1366, 738
ZOOM_PX = (224, 126)
"""What Zoom draws, measured in real recordings."""
CORNERS = {
    "upper right": (WIDTH - 230, 0),
    "lower right": (WIDTH - 224, HEIGHT - 150),
    "upper left": (4, 6),
}


@pytest.fixture(scope="module")
def detector() -> Iterator[FaceDetector]:
    with FaceDetector() as found:
        yield found


@pytest.fixture(scope="module")
def portraits() -> list[Portrait]:
    return read_portraits()


def camera(portrait: Portrait, k: int) -> U8:
    """A thumbnail in the k-th sample: the person moves, the camera is noisy."""
    wide, high = ZOOM_PX
    tilt = (-4.0, 3.0, 0.0, 5.0)[k % 4]
    picture = webcam(portrait, wide, high, 52 + 2 * (k % 3), tilt)
    noise = np.random.default_rng(k).normal(0, 2, picture.shape[:2])
    return np.clip(picture + noise[..., None], 0, 255).astype(np.uint8)


def desktop(k: int, ground: int = 244) -> U8:
    return layouts.paint_slide(k // 20, WIDTH, HEIGHT, ground=ground)


def put(picture: U8, small: U8, place: tuple[int, int]) -> U8:
    x, y = place
    picture[y : y + small.shape[0], x : x + small.shape[1]] = small
    return picture


def follow(detector: FaceDetector, pictures: Sequence[U8]) -> list[Layout]:
    """What a finder with the product's face models sees in pictures that went through H.264."""

    def faces_in(image: U8, region: F32 | None) -> list[F32]:
        regions = None if region is None else region[None]
        return [face.box for face in detector.detect(image, regions)]

    finder = LayoutFinder(faces_in=faces_in)
    return [finder.update(picture) for picture in layouts.through_h264(pictures, crf=24)]


def has_tile(layout: Layout, place: tuple[int, int]) -> bool:
    x, y = place
    box = np.array([x, y, x + ZOOM_PX[0], y + ZOOM_PX[1]], np.float32)
    return any(overlap(tile, box) > 0.7 for tile in layout.tiles)


@pytest.mark.parametrize("corner", CORNERS)
def test_a_thumbnail_is_found_within_two_seconds_of_the_share(
    detector: FaceDetector, portraits: list[Portrait], corner: str
) -> None:
    place = CORNERS[corner]
    before = [webcam(portraits[0], WIDTH, 738, 300 + 4 * (k % 3)) for k in range(6)]
    shared = [put(desktop(k), camera(portraits[0], k), place) for k in range(8)]
    seen = follow(detector, [*before, *shared])
    assert seen[5].kind == "single"
    assert [layout.kind for layout in seen[9:]] == ["share"] * 5
    assert all(has_tile(layout, place) for layout in seen[9:])


def test_a_thumbnail_that_appears_later_is_found_within_two_seconds(
    detector: FaceDetector, portraits: list[Portrait]
) -> None:
    place = CORNERS["upper right"]
    pictures = [desktop(0) for _ in range(34)]
    pictures[27:] = [put(desktop(0), camera(portraits[0], k), place) for k in range(7)]
    seen = follow(detector, pictures)
    assert not any(len(layout.tiles) for layout in seen[:27])
    assert all(has_tile(layout, place) for layout in seen[31:])


def test_dark_clothes_before_a_black_slide_leave_the_thumbnail_its_other_sides(
    detector: FaceDetector, portraits: list[Portrait]
) -> None:
    place = CORNERS["lower right"]
    pictures = []
    for k in range(8):
        small = camera(portraits[0], k)
        cv2.ellipse(small, (112, 126), (106, 36), 0, 180, 360, (2, 2, 2), -1)  # black clothes
        pictures.append(put(desktop(0, ground=0), small, place))
    seen = follow(detector, pictures)
    assert all(has_tile(layout, place) for layout in seen[4:])


def test_a_thumbnail_that_was_moved_is_found_by_its_face(
    detector: FaceDetector, portraits: list[Portrait]
) -> None:
    place = (300, 420)
    pictures = [put(desktop(0), camera(portraits[0], k), place) for k in range(24)]
    seen = follow(detector, pictures)
    assert all(layout.kind == "share" for layout in seen)
    assert has_tile(seen[-1], place)


def test_a_framed_photograph_of_a_person_is_no_thumbnail(
    detector: FaceDetector, portraits: list[Portrait]
) -> None:
    photograph = webcam(portraits[0], *ZOOM_PX, 60)
    pictures = [put(desktop(k), photograph, CORNERS["upper right"]) for k in range(40)]
    seen = follow(detector, pictures)
    assert {layout.kind for layout in seen} == {"share"}
    assert not any(len(layout.tiles) for layout in seen)


def test_a_window_in_which_something_other_than_a_face_moves_is_no_thumbnail(
    detector: FaceDetector,
) -> None:
    pictures = []
    for k in range(20):
        window = layouts.room(3, *ZOOM_PX)
        window[40:80, 20 + 6 * k : 60 + 6 * k] = (240, 80, 40)
        pictures.append(put(desktop(0), window, CORNERS["upper right"]))
    assert not any(len(layout.tiles) for layout in follow(detector, pictures))


def game(k: int) -> U8:
    """A picture that fills the screen and never keeps still, with nobody in it."""
    picture = layouts.room(9, WIDTH, HEIGHT)
    for n in range(12):
        x, y = (97 * n + 41 * k) % (WIDTH - 60), (61 * n + 29 * k) % (HEIGHT - 60)
        cv2.rectangle(picture, (x, y), (x + 60, y + 60), (20 * n, 250 - 20 * n, 90), -1)
    return picture


def test_a_game_under_a_thumbnail_is_a_share_from_its_first_picture(
    detector: FaceDetector, portraits: list[Portrait]
) -> None:
    place = CORNERS["lower right"]
    pictures = [put(game(k), camera(portraits[0], k), place) for k in range(16)]
    seen = follow(detector, pictures)
    assert [layout.kind for layout in seen[4:]] == ["share"] * 12
    assert all(has_tile(layout, place) for layout in seen[4:])
    assert [layout.is_revised for layout in seen].count(True) == 1


def test_a_dark_terminal_is_a_share_and_its_thumbnail_the_only_tile(
    detector: FaceDetector, portraits: list[Portrait]
) -> None:
    pictures = []
    for k in range(8):
        picture = np.full((HEIGHT, WIDTH, 3), 12, np.uint8)
        for row in range(30):
            text = "build step passed in 0.4 s"[: 12 + row % 14]
            cv2.putText(picture, text, (12, 24 + 24 * row), 0, 0.6, (200, 200, 200), 1)
        pictures.append(put(picture, camera(portraits[0], k), CORNERS["upper right"]))
    seen = follow(detector, pictures)
    assert {layout.kind for layout in seen} == {"share"}
    assert has_tile(seen[-1], CORNERS["upper right"])
    assert len(seen[-1].tiles) == 1
