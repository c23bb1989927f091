"""A name is read only from the box in the lower left corner of a camera's picture."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from inference.layout import NO_TILES, Layout, LayoutFinder
from inference.name_labels.finder import LabelFinder
from inference.name_labels.ocr import shared_reader
from inference.schema.arrays import U8
from tests.integration.name_labels.test_name_labels import camera, draw_name
from tests.lettering import INTER_MEDIUM, text_width, write

NAME = "Priya Sharma"
SIZE = 18
WIDTH, HEIGHT = 1280, 720

Paint = Callable[[int], U8]


def read(paint: Paint, samples: int = 6) -> list[str]:
    """What is read in an undivided picture, one text per stretch of time."""
    finder = LabelFinder(shared_reader())
    for sample in range(samples):
        layout = Layout("single", NO_TILES, sample == 0, has_video=np.array([True]))
        finder.update(sample, 0, paint(sample), layout)
    return [label.text for label in finder.labels() if label.text]


def labelled(sample: int, brightness: float = 0.0, left: int = 0, bottom: int = 0) -> U8:
    """A camera with its name; `left` and `bottom` are the widths of black bars."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    shown = camera(1, sample, WIDTH - 2 * left, HEIGHT - bottom, brightness)
    draw_name(shown, NAME, SIZE)
    image[: HEIGHT - bottom, left : WIDTH - left] = shown
    return image


def written(sample: int, x: int, baseline: int = HEIGHT - 8, box: float | None = 0.4) -> U8:
    """A camera with a text anywhere; the light of its box, None for no box."""
    image = camera(1, sample, WIDTH, HEIGHT, 0.5)
    if box is not None:
        length = text_width(NAME, SIZE, INTER_MEDIUM)
        part = image[baseline - 22 : baseline + 8, x - 9 : x + length + 9]
        part[:] = (part * box).astype(np.uint8)
    write(image, NAME, (x, baseline), SIZE, INTER_MEDIUM)
    return image


@pytest.mark.parametrize("brightness", [0.0, 0.75])
def test_a_name_in_the_lower_left_corner_of_a_lone_camera_is_read(brightness: float) -> None:
    assert read(lambda sample: labelled(sample, brightness)) == [NAME]


@pytest.mark.parametrize(("left", "bottom"), [(160, 0), (0, 40)], ids=["beside", "below"])
def test_black_bars_around_a_camera_do_not_hide_its_name(left: int, bottom: int) -> None:
    assert read(lambda sample: labelled(sample, left=left, bottom=bottom)) == [NAME]


@pytest.mark.parametrize("x", [250, 560, 1080], ids=["a third", "middle", "right"])
def test_text_elsewhere_at_the_bottom_is_no_name(x: int) -> None:
    assert read(lambda sample: written(sample, x)) == []


def test_text_well_above_the_bottom_is_no_name() -> None:
    assert read(lambda sample: written(sample, 12, HEIGHT - 50)) == []


def test_text_without_a_box_over_a_bright_picture_is_no_name() -> None:
    assert read(lambda sample: written(sample, 12, box=None)) == []


def test_text_on_a_bar_across_the_picture_is_no_name() -> None:
    def paint(sample: int) -> U8:
        image = camera(1, sample, WIDTH, HEIGHT)
        image[-30:] = (60, 62, 66)
        write(image, NAME, (12, HEIGHT - 8), SIZE, INTER_MEDIUM)
        return image

    assert read(paint) == []


def test_text_that_stays_while_the_camera_gives_way_to_a_desktop_is_no_name() -> None:
    desktop = np.full((HEIGHT, WIDTH, 3), 250, np.uint8)
    for line in range(60, 640, 30):
        text = "Words on a screen, line after line"
        cv2.putText(desktop, text, (60, line), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (20, 20, 20), 2)
    draw_name(desktop, NAME, SIZE)

    assert read(lambda sample: labelled(sample) if sample < 8 else desktop, 12) == []
    assert read(lambda _: desktop) == []


@pytest.mark.parametrize(("is_still", "found"), [(False, [NAME]), (True, [])])
def test_a_large_picture_in_which_nothing_ever_moves_is_a_slide_with_a_name_on_it(
    is_still: bool, found: list[str]
) -> None:
    finder, layouts = LabelFinder(shared_reader()), LayoutFinder()
    for sample in range(6):
        image = labelled(0 if is_still else sample)
        finder.update(sample, 0, image, layouts.update(image))
    assert [label.text for label in finder.labels() if label.text] == found
