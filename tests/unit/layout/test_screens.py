"""Screens and cameras told apart by their picture alone."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from inference.layout import LayoutFinder
from inference.layout.screen import is_drawn
from inference.schema.arrays import U8
from tests import layouts


def judged(picture: U8) -> bool:
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
    height, width = grey.shape
    return is_drawn(grey, np.array([0, 0, width, height], np.float32))


def coloured_desktop() -> U8:
    """A program with panes of four greys: no colour has half of the pixels."""
    picture = np.full((720, 1280, 3), 160, np.uint8)
    picture[:, :320], picture[500:, 320:], picture[40:500, 1000:] = 194, 225, 120
    for row in range(40):
        cv2.putText(
            picture, f"Asset{row} 0x{row * 977:x}", (10, 18 + 18 * row), 0, 0.5, (20, 20, 20), 1
        )
        cv2.putText(picture, f"{row} items in view", (340, 20 + 17 * row), 0, 0.5, (30, 30, 30), 1)
    return picture


def dark_editor() -> U8:
    picture = np.full((720, 1280, 3), 30, np.uint8)
    picture[:, :220], picture[680:] = 44, 90
    for row in range(36):
        colour = [(210, 210, 210), (90, 150, 220), (200, 140, 110)][row % 3]
        cv2.putText(
            picture, "def value(self, row): return row", (240, 20 + 18 * row), 0, 0.5, colour, 1
        )
    return picture


@pytest.mark.parametrize("paint", [coloured_desktop, dark_editor])
def test_a_program_of_several_colours_is_a_screen(paint: Callable[[], U8]) -> None:
    pictures = layouts.through_h264([paint() for _ in range(3)])
    assert all(judged(picture) for picture in pictures)


@pytest.mark.parametrize("light", [0.2, 0.5, 1.0])
def test_a_camera_is_no_screen_in_the_dark_either(light: float) -> None:
    camera = layouts.Camera(7, 3, light=light)
    picture = layouts.paint_camera(camera, 0.0, 1280, 720)
    assert not judged(layouts.through_h264([picture])[0])


def test_a_photograph_that_never_moved_is_a_screen_after_five_seconds_and_was_one_before() -> None:
    finder = LayoutFinder()
    pictures = layouts.through_h264([layouts.room(5, 640, 360)] * 14)
    seen = [finder.update(picture) for picture in pictures]
    assert [layout.kind for layout in seen[:10]] == ["single"] * 10
    assert seen[-1].kind == "share"
    assert [layout.is_revised for layout in seen].count(True) == 1


def test_a_camera_that_freezes_for_ten_seconds_stays_one() -> None:
    camera = layouts.Camera(5, 5)
    moving = [layouts.paint_camera(camera, k / 2, 640, 360) for k in range(6)]
    finder = LayoutFinder()
    pictures = layouts.through_h264(moving + [moving[-1]] * 20)
    assert {finder.update(picture).kind for picture in pictures} == {"single"}


def test_a_camera_after_a_share_is_one_from_its_first_picture() -> None:
    camera = layouts.Camera(5, 5)
    shared = [layouts.paint_slide(0, 640, 360)] * 6
    after = [layouts.paint_camera(camera, k / 2, 640, 360) for k in range(6)]
    finder = LayoutFinder()
    seen = [finder.update(picture) for picture in layouts.through_h264([*shared, *after])]
    assert seen[5].kind == "share"
    assert seen[-1].kind == "single"
    assert any(layout.is_revised for layout in seen[6:])


def test_a_share_after_a_camera_does_not_make_the_camera_a_share() -> None:
    camera = layouts.Camera(5, 5)
    before = [layouts.paint_camera(camera, k / 2, 640, 360) for k in range(6)]
    finder = LayoutFinder()
    pictures = layouts.through_h264([*before, *[layouts.paint_slide(0, 640, 360)] * 6])
    seen = [finder.update(picture) for picture in pictures]
    assert seen[5].kind == "single"
    assert seen[-1].kind == "share"
    assert not any(layout.is_revised for layout in seen)


def test_a_name_that_fills_the_picture_for_a_minute_is_somebody_without_video() -> None:
    off = layouts.Camera(5, 5, is_off=True)
    pictures = layouts.through_h264([layouts.paint_camera(off, 0.0, 640, 360)] * 120)
    finder = LayoutFinder()
    seen = [finder.update(picture) for picture in pictures]
    assert {layout.kind for layout in seen} == {"single"}
    assert not seen[-1].has_video[0]
