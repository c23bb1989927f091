"""Face crops look like FER2013's tiles, wherever and however large the face was."""

from __future__ import annotations

import numpy as np
import pytest

from inference.expression.crop import ANCHORS, LEFT_EYE, MOUTH_CORNERS, RIGHT_EYE, face_crop
from inference.expression.crop import sharpness as crop_sharpness
from inference.schema.arrays import F32, F64, U8
from inference.schema.observations import Detection


def landmarks_at(anchors: F32) -> F32:
    """A mesh of 468 points of which only the four anchors matter."""
    marks = np.tile(anchors.mean(0), (468, 1)).astype(np.float32)
    for eye, point in zip((LEFT_EYE, RIGHT_EYE), anchors[:2], strict=True):
        marks[list(eye)] = point
    marks[list(MOUTH_CORNERS)] = anchors[2:]
    return marks


def picture_with_dots(points: F32, radius_px: float, shape: tuple[int, int] = (400, 600)) -> U8:
    """A grey picture with a white disc at every point."""
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    picture = np.full((*shape, 3), 60, np.uint8)
    for px, py in points:
        picture[(x - px) ** 2 + (y - py) ** 2 <= radius_px**2] = 255
    return picture


def brightest_near(crop: U8, point: F32, reach: int = 5) -> F64:
    """Centre of the bright spot around a point of the crop, in pixels from the corner."""
    x, y = int(point[0]), int(point[1])
    part = crop[y - reach : y + reach + 1, x - reach : x + reach + 1].astype(np.float64) - 60
    part = np.clip(part, 0, None)
    rows, columns = np.mgrid[y - reach : y + reach + 1, x - reach : x + reach + 1] + 0.5
    middle: F64 = np.array([(columns * part).sum(), (rows * part).sum()]) / part.sum()
    return middle


def turned(angle_deg: float, scale: float, shift: tuple[float, float]) -> F32:
    angle = np.radians(angle_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points: F32 = ((ANCHORS @ turn.T) * scale + np.array(shift)).astype(np.float32)
    return points


@pytest.mark.parametrize("scale", [0.9, 2.0, 5.0])
@pytest.mark.parametrize("angle_deg", [-30.0, 0.0, 20.0])
def test_eyes_and_mouth_stand_in_the_same_place_at_any_size_and_tilt(
    scale: float, angle_deg: float
) -> None:
    points = turned(angle_deg, scale, (180.0, 120.0))
    height_px = 43.8 * scale
    box = np.array([200, 130, 200 + height_px, 130 + height_px], np.float32)
    detection = Detection(box, 0.9, landmarks=landmarks_at(points))
    crop = face_crop(picture_with_dots(points, 2.2 * scale), detection)
    assert crop.shape == (48, 48)
    assert crop.dtype == np.uint8
    for anchor in ANCHORS:
        assert brightest_near(crop, anchor) == pytest.approx(anchor, abs=0.5)


def test_without_landmarks_the_box_frames_the_face() -> None:
    eyes = (ANCHORS[:2] * 3.0 + 100.0).astype(np.float32)
    box = np.array([4.75, 4.3, 44.05, 48.1], np.float32) * 3.0 + 100.0
    crop = face_crop(picture_with_dots(eyes, 6.0), Detection(box, 0.9))
    for anchor in ANCHORS[:2]:
        assert brightest_near(crop, anchor) == pytest.approx(anchor, abs=0.6)


def test_a_head_in_profile_is_not_pulled_nearer_than_its_box_allows() -> None:
    points = ((ANCHORS - 24) * (0.2, 1.0) * 0.6 * 4 + 200).astype(np.float32)
    box = np.array([120, 112, 290, 112 + 43.8 * 4], np.float32)
    crop = face_crop(
        picture_with_dots(points, 4.0), Detection(box, 0.9, landmarks=landmarks_at(points))
    )
    lit = np.argwhere(crop > 150)
    # The anchors alone would give the eye-to-mouth distance of 18.2 px.
    assert np.ptp(lit[:, 0]) < 17


@pytest.mark.parametrize(
    "box",
    [
        [-50.0, -40.0, 60.0, 70.0],
        [580.0, 380.0, 660.0, 470.0],
        [900.0, 900.0, 950.0, 960.0],
        [300.0, 200.0, 300.0, 200.0],
        [0.0, 0.0, 600.0, 400.0],
    ],
)
def test_a_face_at_or_past_the_edge_still_gives_a_crop(box: list[float]) -> None:
    image = np.full((400, 600, 3), 77, np.uint8)
    crop = face_crop(image, Detection(np.array(box, np.float32), 0.5))
    assert crop.shape == (48, 48)
    assert np.all(crop == 77)


def test_landmarks_that_all_fall_together_give_the_crop_of_the_box() -> None:
    image = np.random.default_rng(0).integers(0, 255, (200, 200, 3)).astype(np.uint8)
    box = np.array([50, 50, 120, 130], np.float32)
    together = np.full((468, 2), 90.0, np.float32)
    crop = face_crop(image, Detection(box, 0.9, landmarks=together))
    assert crop.shape == (48, 48)


def test_a_one_pixel_picture_gives_a_crop() -> None:
    image = np.full((1, 1, 3), 9, np.uint8)
    crop = face_crop(image, Detection(np.array([0, 0, 1, 1], np.float32), 0.5), 32)
    assert crop.shape == (32, 32)
    assert np.all(crop == 9)


def test_large_faces_are_averaged_and_do_not_alias() -> None:
    stripes = np.zeros((480, 480, 3), np.uint8)
    stripes[:, ::2] = 255  # finer than the crop can show: must come out grey
    crop = face_crop(stripes, Detection(np.array([40, 40, 420, 434], np.float32), 0.9))
    assert float(crop[8:40, 8:40].std()) < 12
    assert float(crop.mean()) == pytest.approx(127, abs=6)


def test_sharpness_falls_when_a_face_was_tiny_and_ignores_contrast() -> None:
    rng = np.random.default_rng(1)
    sharp = rng.integers(40, 200, (48, 48)).astype(np.uint8)
    blurred = np.kron(sharp[::8, ::8], np.ones((8, 8), np.uint8))
    assert crop_sharpness(blurred) < 0.5 * crop_sharpness(sharp)
    assert crop_sharpness(sharp // 2) == pytest.approx(crop_sharpness(sharp), rel=0.02)
    assert crop_sharpness(np.full((48, 48), 5, np.uint8)) == 0.0
