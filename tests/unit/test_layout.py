"""Gallery tiles found in drawn pictures and followed through time."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from inference.layout import Layout, LayoutFinder, find_division, picture_difference
from inference.types import F32, U8


def draw_gallery(
    width: int,
    height: int,
    count: int,
    *,
    gap: int = 4,
    ground: int = 0,
    noise: float = 0.0,
    dark: tuple[int, ...] = (),
    off: tuple[int, ...] = (),
    seed: int = 0,
) -> tuple[U8, F32]:
    """A grid of 16:9 tiles as Zoom draws it, last row centred, and its boxes in reading order.

    Tiles in `dark` show a dark room, those in `off` nothing but a name on the ground.
    """
    rng = np.random.default_rng(seed)
    image = np.full((height, width, 3), ground, np.uint8)
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    wide = min(
        (width - (columns - 1) * gap) // columns, (height - (rows - 1) * gap) // rows * 16 // 9
    )
    high = wide * 9 // 16
    top = (height - rows * high - (rows - 1) * gap) // 2
    tiles = []
    for k in range(count):
        row, column = divmod(k, columns)
        in_row = min(columns, count - row * columns)
        left = (width - in_row * wide - (in_row - 1) * gap) // 2 + column * (wide + gap)
        y = top + row * (high + gap)
        blobs = rng.integers(40, 230, (6, 9, 3)).astype(np.uint8)
        scene = cv2.resize(blobs, (wide, high), interpolation=cv2.INTER_CUBIC)
        if k in dark:
            scene = scene // 4
        if k in off:
            scene = np.full((high, wide, 3), ground, np.uint8)
            place, size = (wide // 3, high // 2), wide / 400
            cv2.putText(scene, "Ann Lee", place, cv2.FONT_HERSHEY_SIMPLEX, size, (255, 255, 255), 1)
        image[y : y + high, left : left + wide] = scene
        tiles.append((left, y, left + wide, y + high))
    if noise:
        lifted = image + rng.normal(0, noise, (height, width, 1))
        image = np.clip(lifted, 0, 255).astype(np.uint8)
    return image, np.array(tiles, np.float32)


def assert_same_tiles(found: F32, drawn: F32, width: int) -> None:
    assert len(found) == len(drawn)
    order = np.lexsort((found[:, 0], np.round(found[:, 1] / 20)))
    np.testing.assert_allclose(found[order], drawn, atol=max(4.0, 0.01 * width))


@pytest.mark.parametrize("count", range(2, 26))
@pytest.mark.parametrize(("width", "height"), [(640, 360), (1280, 720), (1920, 1080)])
def test_every_tile_of_a_gallery_is_found(width: int, height: int, count: int) -> None:
    image, tiles = draw_gallery(width, height, count, seed=count)
    found = find_division(image)
    assert found is not None
    assert found.kind == "gallery"
    assert_same_tiles(found.tiles, tiles, width)


@pytest.mark.parametrize(
    ("gap", "ground", "noise"), [(2, 26, 3.0), (8, 16, 4.0), (4, 10, 2.0), (12, 0, 4.0)]
)
def test_noise_and_grey_gutters_do_not_hide_the_tiles(gap: int, ground: int, noise: float) -> None:
    for count in (2, 5, 9, 12):
        image, tiles = draw_gallery(
            1280, 720, count, gap=gap, ground=ground, noise=noise, seed=count
        )
        found = find_division(image)
        assert found is not None
        assert_same_tiles(found.tiles, tiles, 1280)


def test_a_dark_room_is_a_tile_too() -> None:
    image, tiles = draw_gallery(1280, 720, 6, ground=16, noise=2.0, dark=(1, 4))
    found = find_division(image)
    assert found is not None
    assert_same_tiles(found.tiles, tiles, 1280)


def test_a_camera_that_is_off_leaves_the_other_tiles_in_place() -> None:
    image, tiles = draw_gallery(1920, 1080, 7, ground=16, off=(6,))
    found = find_division(image)
    assert found is not None
    assert found.kind == "gallery"
    assert_same_tiles(found.tiles[:6], tiles[:6], 1920)


def test_one_undivided_picture_is_no_gallery() -> None:
    image, _ = draw_gallery(1280, 720, 1)
    layout = LayoutFinder().update(image)
    assert layout.kind == "single"
    assert layout.tiles.shape == (0, 4)


@pytest.mark.parametrize("size", [(1, 1), (2, 500), (15, 15)])
def test_tiny_pictures_are_undivided(size: tuple[int, int]) -> None:
    assert LayoutFinder().update(np.zeros((*size, 3), np.uint8)).kind in ("single", "unknown")


class TestFollowing:
    def test_one_odd_sample_does_not_change_the_layout(self) -> None:
        gallery, tiles = draw_gallery(1280, 720, 4)
        other, _ = draw_gallery(1280, 720, 9, seed=3)
        finder = LayoutFinder()
        kinds = [finder.update(image).kind for image in (gallery, gallery, other, gallery)]
        last = finder.update(gallery)
        assert kinds[0] == kinds[1] == kinds[3] == "gallery"
        assert kinds[2] == "unknown"
        assert_same_tiles(last.tiles, tiles, 1280)
        assert not last.changed

    def test_a_new_layout_is_believed_at_its_second_sample(self) -> None:
        finder = LayoutFinder()
        finder.update(draw_gallery(1280, 720, 4)[0])
        image, tiles = draw_gallery(1280, 720, 6)
        finder.update(image)
        layout = finder.update(image)
        assert layout.kind == "gallery"
        assert layout.changed
        assert_same_tiles(layout.tiles, tiles, 1280)
        assert not finder.update(image).changed

    def test_a_black_picture_changes_nothing(self) -> None:
        finder = LayoutFinder()
        image, tiles = draw_gallery(1280, 720, 4)
        finder.update(image)
        for _ in range(4):
            layout = finder.update(np.zeros_like(image))
        assert layout.kind == "gallery"
        assert_same_tiles(layout.tiles, tiles, 1280)

    def test_a_tile_that_goes_dark_keeps_its_place(self) -> None:
        finder = LayoutFinder()
        finder.update(draw_gallery(1280, 720, 6, ground=8)[0])
        dark, tiles = draw_gallery(1280, 720, 6, ground=8, off=(2,))
        layouts = [finder.update(dark) for _ in range(3)]
        assert_same_tiles(layouts[-1].tiles, tiles, 1280)
        assert not layouts[-1].changed

    def test_another_scene_in_one_tile_is_a_cut_of_that_tile_alone(self) -> None:
        finder = LayoutFinder()
        image, tiles = draw_gallery(1280, 720, 4, seed=1)
        other, _ = draw_gallery(1280, 720, 4, seed=2)
        finder.update(image)
        x0, y0, x1, y1 = tiles[2].astype(int)
        swapped = image.copy()
        swapped[y0:y1, x0:x1] = other[y0:y1, x0:x1]
        layout = finder.update(swapped)
        assert layout.cuts.tolist() == [False, False, True, False]
        assert layout.changed

    def test_a_brighter_picture_is_no_cut(self) -> None:
        finder = LayoutFinder()
        image, _ = draw_gallery(1280, 720, 1)
        finder.update(image)
        assert not finder.update(np.clip(image.astype(int) + 25, 0, 255).astype(np.uint8)).changed

    def test_a_cut_in_an_undivided_picture_is_a_change(self) -> None:
        finder = LayoutFinder()
        finder.update(draw_gallery(1280, 720, 1, seed=1)[0])
        layout = finder.update(draw_gallery(1280, 720, 1, seed=2)[0])
        assert layout.kind == "single"
        assert layout.changed


def test_layouts_without_pictures_cannot_be_compared() -> None:
    bare = Layout("single", np.zeros((0, 4), np.float32), False)
    assert picture_difference(bare, bare, np.array([0, 0, 9, 9], np.float32)) is None
