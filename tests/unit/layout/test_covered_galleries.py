"""Galleries with frames, arrows and reactions drawn over their gutters, and light grounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import pytest

from inference.boxes import overlap
from inference.layout import Layout, LayoutFinder
from inference.schema.arrays import U8
from tests import layouts

GREEN, YELLOW = (34, 197, 94), (226, 226, 40)
Cover = Callable[[U8, int], None]


def sizes(height: int, count: int, gap: int) -> tuple[int, int, list[layouts.Box]]:
    width = height * 16 // 9
    return width, height, layouts.grid_boxes(width, height, count, gap, gap)


def frame(image: U8, box: layouts.Box, thick: int, colour: tuple[int, int, int]) -> None:
    """A frame around a tile, in the gutters."""
    x0, y0, x1, y1 = box
    for edge in range(1, thick + 1):
        cv2.rectangle(image, (x0 - edge, y0 - edge), (x1 + edge - 1, y1 + edge - 1), colour, 1)


def followed(
    size: tuple[int, int, list[layouts.Box]], cover: Cover, ground: int = 26, samples: int = 10
) -> list[Layout]:
    """The layouts of a gallery with something drawn over it, after H.264."""
    width, height, boxes = size
    cameras = [layouts.Camera(40 + k, k) for k in range(len(boxes))]
    pictures = []
    for k in range(samples):
        image = layouts.paint_tiles(width, height, boxes, cameras, k / 2, ground=ground)
        cover(image, k)
        pictures.append(image)
    finder = LayoutFinder()
    return [finder.update(image) for image in layouts.through_h264(pictures)]


def assert_gallery(shown: Sequence[Layout], boxes: Sequence[layouts.Box]) -> None:
    """Whether every sample has the drawn tiles, all cameras, and nothing was cut."""
    for layout in shown:
        assert layout.kind == "gallery"
        assert len(layout.tiles) == len(boxes)
        for tile, box in zip(layout.tiles, layouts.as_boxes(boxes), strict=True):
            assert overlap(tile, box) > 0.8
        assert layout.has_video.all()
        assert not layout.cuts.any()
    assert not any(layout.changed for layout in shown[1:])


@pytest.mark.parametrize("colour", [GREEN, YELLOW])
@pytest.mark.parametrize(("height", "count"), [(360, 6), (720, 2), (720, 6), (720, 12)])
def test_a_frame_that_fills_the_gutters_moves_from_tile_to_tile(
    height: int, count: int, colour: tuple[int, int, int]
) -> None:
    size = sizes(height, count, 4)
    boxes = size[2]
    shown = followed(size, lambda image, k: frame(image, boxes[k % count], 4, colour))
    assert_gallery(shown, boxes)


def test_a_frame_and_paging_arrows_in_a_full_gallery() -> None:
    size = sizes(720, 49, 8)
    width, height, boxes = size

    def cover(image: U8, k: int) -> None:
        frame(image, boxes[(7 * k) % 49], 6, GREEN)
        for x in (20, width - 20):
            cv2.circle(image, (x, height // 2), 19, (70, 70, 70), -1)

    assert_gallery(followed(size, cover, samples=5), boxes)


def test_emoji_and_a_notice_over_gutters() -> None:
    size = sizes(720, 5, 4)

    def cover(image: U8, k: int) -> None:
        for x in (426, 640, 1000):
            cv2.circle(image, (x, 600 - 45 * k), 25, (255, 200, 50), -1)
        cv2.rectangle(image, (540, 4), (740, 34), (20, 20, 22), -1)
        frame(image, size[2][k % 5], 4, GREEN)

    assert_gallery(followed(size, cover), size[2])


@pytest.mark.parametrize("ground", [200, 228, 245])
@pytest.mark.parametrize(("height", "count"), [(360, 4), (720, 2), (720, 9)])
def test_a_gallery_on_a_light_ground(ground: int, height: int, count: int) -> None:
    size = sizes(height, count, 8)
    boxes = size[2]
    shown = followed(size, lambda image, k: frame(image, boxes[k % count], 4, GREEN), ground)
    assert_gallery(shown, boxes)


def test_a_page_with_pictures_is_no_gallery_on_a_light_ground() -> None:
    page = np.full((720, 1280, 3), 240, np.uint8)
    for k, x in enumerate((120, 680)):
        page[200:470, x : x + 480] = layouts.room(k, 480, 270)
    cv2.putText(page, "Our two sites", (120, 120), 0, 2, (20, 20, 20), 3)
    finder = LayoutFinder()
    assert "gallery" not in {finder.update(page).kind for _ in range(3)}


def test_another_number_of_people_is_seen_with_a_frame_in_the_gutters() -> None:
    frames = []
    for count in (4, 3, 5):
        width, height, boxes = sizes(720, count, 4)
        cameras = [layouts.Camera(40 + k, k) for k in range(count)]
        for k in range(4):
            image = layouts.paint_tiles(width, height, boxes, cameras, k / 2)
            frame(image, boxes[k % count], 4, GREEN)
            frames.append(image)
    finder = LayoutFinder()
    shown = [finder.update(image) for image in layouts.through_h264(frames)]
    assert [len(layout.tiles) for layout in shown[2::4]] == [4, 3, 5]


def test_a_dark_page_takes_the_place_of_a_gallery() -> None:
    width, height, boxes = sizes(360, 6, 4)
    cameras = [layouts.Camera(40 + k, k) for k in range(6)]
    finder = LayoutFinder()
    for k in range(3):
        finder.update(layouts.paint_tiles(width, height, boxes, cameras, k / 2))
    page = np.full((height, width, 3), 26, np.uint8)
    for line in range(5):
        cv2.putText(page, "quarterly results", (40, 60 + 60 * line), 0, 1.5, (230, 230, 230), 2)
    assert [finder.update(page).kind for _ in range(4)][-1] != "gallery"


def test_two_pictures_without_a_gutter_off_centre_are_two_tiles() -> None:
    boxes = [(60, 300, 380, 480), (380, 300, 700, 480)]
    assert_gallery(followed((1280, 720, boxes), lambda image, k: None), boxes)
