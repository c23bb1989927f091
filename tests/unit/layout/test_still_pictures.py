"""Profile pictures that fill their tiles, and cameras that freeze."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from inference.faces.tracker import of_participants
from inference.layout import Layout, LayoutFinder
from inference.schema.arrays import U8
from inference.schema.observations import FaceColumns, View
from tests import layouts

BOXES = layouts.grid_boxes(640, 360, 4, 4, 4)


def followed(moves: Callable[[int, int], bool], samples: int) -> list[Layout]:
    """The layouts, after H.264, of four tiles: `moves` says which of them move in which sample."""
    cameras = [layouts.Camera(60 + k, k) for k in range(4)]
    at_s = [0.0] * 4
    pictures: list[U8] = []
    for sample in range(samples):
        image = np.full((360, 640, 3), 26, np.uint8)
        for k, (box, camera) in enumerate(zip(BOXES, cameras, strict=True)):
            at_s[k] = sample / 2 if moves(k, sample) else at_s[k]
            image = layouts.paint_tiles(640, 360, [box], [camera], at_s[k], image=image)
        pictures.append(image)
    finder = LayoutFinder()
    return [finder.update(image) for image in layouts.through_h264(pictures, crf=26)]


def test_a_still_picture_that_fills_its_tile_is_no_camera_after_twenty_seconds() -> None:
    shown = followed(lambda k, sample: k != 2, 50)
    assert all(layout.has_video.all() for layout in shown[:40])
    assert all(layout.has_video.tolist() == [True, True, False, True] for layout in shown[-5:])
    # What was said of it since the view began is said anew.
    assert [layout.is_revised for layout in shown].count(True) == 1
    assert not any(layout.changed for layout in shown[1:])


def test_a_connection_that_freezes_for_some_seconds_stays_a_camera() -> None:
    shown = followed(lambda k, sample: k != 2 or not 20 <= sample < 48, 60)
    assert all(layout.has_video.all() for layout in shown)


def test_a_camera_that_was_frozen_for_long_is_back_when_it_moves() -> None:
    shown = followed(lambda k, sample: k != 2 or not 20 <= sample < 70, 80)
    assert not shown[68].has_video[2]
    assert all(layout.has_video.all() for layout in shown[73:])
    # It was a camera before it froze, and what was seen of it stays.
    assert not any(layout.is_revised for layout in shown)


def test_faces_on_a_profile_picture_are_nobodys_expression() -> None:
    boxes = np.array([[40, 40, 80, 80], [400, 40, 440, 80]], np.float32)
    nothing = np.zeros(2, np.float32)
    faces = FaceColumns(
        sample=np.zeros(2, np.int32),
        track=np.arange(2, dtype=np.int32),
        box=boxes,
        confidence=np.ones(2, np.float32),
        probs=np.zeros((2, 7), np.float32),
        yaw_deg=nothing,
        pitch_deg=nothing,
        roll_deg=nothing,
        eye_opening=nothing,
        mouth_opening=nothing,
    )
    tiles = layouts.as_boxes(BOXES[:2])
    view = View(0, 1, "gallery", tiles, np.array([0, 1]), np.array([True, False]))
    assert of_participants(faces, [view]).track.tolist() == [0]
