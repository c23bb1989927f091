"""A large picture keeps its camera while its person moves, and no other person gets it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from inference.cameras.matcher import CameraMatcher
from inference.layout import LayoutFinder
from inference.schema.arrays import F32, U8
from tests.layouts import room

WIDTH, HEIGHT = 640, 360
Colour = tuple[int, int, int]
DARK: Colour = (12, 14, 20)
LIGHT: Colour = (240, 244, 250)

Moment = tuple[int, float, Colour, float]
"""The room, where the person is (0–1 across), what they wear, and how bright it is."""


def paint(moment: Moment) -> tuple[U8, F32]:
    """A room and somebody close to the camera, and their face's box."""
    seed, across, shirt, light = moment
    image = room(seed, WIDTH, HEIGHT)
    x, high = round(across * WIDTH), HEIGHT
    cv2.rectangle(image, (x - 110, round(0.55 * high)), (x + 110, high), shirt, -1)
    cv2.ellipse(image, (x, round(0.4 * high)), (60, 90), 0, 0, 360, shirt, -1)  # hair
    cv2.ellipse(image, (x, round(0.42 * high)), (42, 60), 0, 0, 360, (190, 150, 130), -1)
    image = np.clip(image * light, 0, 255).astype(np.uint8)
    face = np.array([x - 42, 0.42 * high - 60, x + 42, 0.42 * high + 60], np.float32)
    return image, face


def play(moments: Sequence[Moment]) -> tuple[list[int], int]:
    """The camera in each sample, and how often the picture was taken to be cut."""
    finder, matcher, view, views = LayoutFinder(), CameraMatcher(), -1, []
    cuts = 0
    for sample, moment in enumerate(moments):
        image, face = paint(moment)
        layout = finder.update(image)
        assert layout.kind == "single"
        cuts += bool(layout.cuts[0])
        if view < 0 or layout.changed:
            view += 1
        views.append(view)
        matcher.add(sample, view, layout, [face])
    numbers = matcher.cameras(view + 1)
    return [int(numbers[k][0]) for k in views], cuts


def swaying(seed: int, shirt: Colour, samples: int) -> list[Moment]:
    """Somebody who leans far to either side, every half second."""
    return [(seed, 0.5 + 0.17 * (-1) ** k, shirt, 1.0) for k in range(samples)]


def sitting(seed: int, across: float, shirt: Colour, samples: int) -> list[Moment]:
    return [(seed, across + 0.004 * (-1) ** k, shirt, 1.0) for k in range(samples)]


def test_a_person_who_moves_far_is_one_camera() -> None:
    cameras, cuts = play(swaying(3, DARK, 24))
    assert cuts > 3
    assert len(set(cameras)) == 1


def test_so_is_one_whose_camera_adapts_to_the_light_as_they_move() -> None:
    moments = [(room, x, shirt, 0.9 if k % 3 else 1.0) for k, (room, x, shirt, _) in
               enumerate(swaying(3, DARK, 24))]  # fmt: skip
    cameras, cuts = play(moments)
    assert cuts > 3
    assert len(set(cameras)) == 1


def test_another_room_is_another_camera_however_restless_the_person() -> None:
    cameras, _ = play([*swaying(3, DARK, 12), *swaying(8, DARK, 12)])
    assert set(cameras[:12]).isdisjoint(cameras[12:])


def test_the_next_speaker_before_the_same_background_is_not_the_one_before() -> None:
    cameras, cuts = play([*sitting(3, 0.35, DARK, 10), *sitting(3, 0.65, LIGHT, 10)])
    assert cuts == 1
    assert set(cameras[:10]).isdisjoint(cameras[10:])
