"""Gallery tiles found in drawn pictures and followed through time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.boxes import overlap
from inference.layout import Layout, LayoutFinder, find_division, picture_difference
from inference.schema.arrays import F32, U8
from tests import layouts


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


CAMERAS = [layouts.Camera(10 + k, k) for k in range(6)]


def followed(pictures: Sequence[U8]) -> Layout:
    """The layout after pictures that went through H.264."""
    finder = LayoutFinder()
    return [finder.update(picture) for picture in layouts.through_h264(pictures)][-1]


def with_slide(boxes: Sequence[layouts.Box], k: int) -> U8:
    """A slide in the first box, cameras in the others."""
    picture = layouts.paint_tiles(640, 360, boxes, CAMERAS[: len(boxes)], k / 2)
    x0, y0, x1, y1 = boxes[0]
    picture[y0:y1, x0:x1] = layouts.paint_slide(0, x1 - x0, y1 - y0)
    return picture


def assert_near(found: F32, drawn: Sequence[layouts.Box]) -> None:
    """Whether every tile covers its own by more than four fifths, in the same order."""
    assert len(found) == len(drawn)
    for tile, box in zip(found, layouts.as_boxes(drawn), strict=True):
        assert overlap(tile, box) > 0.8


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


class TestKinds:
    """What is large, what is small, and what is no camera; all through H.264 at 360p."""

    @pytest.mark.parametrize("side", ["top", "left", "right"])
    def test_a_speaker_with_a_strip(self, side: str) -> None:
        boxes = layouts.strip_boxes(640, 360, 3, 4, side)
        last = followed(
            [layouts.paint_tiles(640, 360, boxes, CAMERAS[:4], k / 2) for k in range(6)]
        )
        assert last.kind == "speaker"
        assert_near(last.tiles, boxes)
        assert last.has_video.all()

    @pytest.mark.parametrize("corner", ["top right", "top left", "bottom right", "bottom left"])
    def test_a_speaker_with_a_small_picture_in_a_corner(self, corner: str) -> None:
        boxes = [(0, 0, 640, 360), layouts.corner_box(640, 360, 4, corner)]
        last = followed(
            [layouts.paint_tiles(640, 360, boxes, CAMERAS[:2], k / 2) for k in range(8)]
        )
        assert last.kind == "speaker"
        assert_near(last.tiles, boxes)

    @pytest.mark.parametrize("side", ["top", "right"])
    def test_a_shared_screen_is_no_tile(self, side: str) -> None:
        boxes = layouts.strip_boxes(640, 360, 3, 4, side)
        last = followed([with_slide(boxes, k) for k in range(6)])
        assert last.kind == "share"
        assert_near(last.tiles, boxes[1:])

    def test_a_shared_photograph_is_a_screen_as_long_as_it_stands_still(self) -> None:
        boxes = layouts.strip_boxes(640, 360, 3, 4, "right")
        x0, y0, x1, y1 = boxes[0]
        pictures = [layouts.paint_tiles(640, 360, boxes, CAMERAS[:4], k / 2) for k in range(9)]
        for picture in pictures:
            picture[y0:y1, x0:x1] = layouts.room(77, x1 - x0, y1 - y0)
        finder = LayoutFinder()
        shown = [finder.update(picture) for picture in layouts.through_h264(pictures)]
        assert shown[-1].kind == "share"
        assert [layout.is_revised for layout in shown].count(True) == 1

    def test_a_small_speaker_over_a_shared_screen(self) -> None:
        box = layouts.corner_box(640, 360, 4)
        pictures = [
            layouts.paint_tiles(
                640, 360, [box], CAMERAS[:1], k / 2, image=layouts.paint_slide(0, 640, 360)
            )
            for k in range(8)
        ]
        last = followed(pictures)
        assert last.kind == "share"
        assert_near(last.tiles, [box])

    def test_a_shared_screen_alone_has_nobody_to_look_for(self) -> None:
        last = followed([layouts.paint_slide(k // 4, 640, 360) for k in range(8)])
        assert last.kind == "share"
        assert last.regions is not None
        assert len(last.regions) == 0

    @pytest.mark.parametrize("light", [0.4, 1.0, 4.0])
    def test_one_person_filling_the_picture_is_never_a_screen(self, light: float) -> None:
        camera = layouts.Camera(5, 5, light=light)
        pictures = [
            layouts.paint_tiles(640, 360, [(0, 0, 640, 360)], [camera], k / 2) for k in range(12)
        ]
        finder = LayoutFinder()
        kinds = {finder.update(picture).kind for picture in layouts.through_h264(pictures)}
        assert kinds == {"single"}

    def test_a_person_before_a_plain_wall_is_no_screen(self) -> None:
        def paint(k: int) -> U8:
            picture = np.full((360, 640, 3), 225, np.uint8)
            cv2.ellipse(
                picture, (320 + 4 * (k % 3), 380), (170, 150), 0, 180, 360, (40, 60, 90), -1
            )
            cv2.ellipse(picture, (320 + 6 * (k % 3), 170), (70, 90), 0, 0, 360, (200, 150, 130), -1)
            noise = np.random.default_rng(k).normal(0, 2, picture.shape[:2])
            return np.clip(picture + noise[..., None], 0, 255).astype(np.uint8)

        assert followed([paint(k) for k in range(10)]).kind == "single"

    def test_a_gallery_of_one(self) -> None:
        boxes = [(32, 18, 608, 342)]
        last = followed(
            [layouts.paint_tiles(640, 360, boxes, CAMERAS[:1], k / 2) for k in range(4)]
        )
        assert last.kind == "gallery"
        assert_near(last.tiles, boxes)

    def test_cameras_that_are_not_wide_stand_in_wide_tiles(self) -> None:
        boxes = layouts.grid_boxes(640, 360, 4, 4, 4)
        cameras = [layouts.Camera(k, k, shape=4 / 3) for k in range(4)]
        last = followed(
            [layouts.paint_tiles(640, 360, boxes, cameras, k / 2, ground=0) for k in range(4)]
        )
        assert_near(last.tiles, boxes)


class TestVideo:
    def test_a_tile_that_shows_a_name_has_no_video(self) -> None:
        boxes = layouts.grid_boxes(640, 360, 5, 4, 4)
        cameras = [layouts.Camera(k, k, is_off=k in (1, 4)) for k in range(5)]
        finder = LayoutFinder()
        pictures = [layouts.paint_tiles(640, 360, boxes, cameras, k / 2) for k in range(10)]
        shown = [finder.update(picture) for picture in layouts.through_h264(pictures)]
        assert all(x.has_video.tolist() == [True, False, True, True, False] for x in shown)
        assert not any(layout.changed for layout in shown[1:])
        assert shown[-1].regions is not None
        assert len(shown[-1].regions) == 3

    def test_a_camera_that_goes_off_changes_the_view_once(self) -> None:
        boxes = layouts.grid_boxes(640, 360, 4, 4, 4)
        pictures = [
            layouts.paint_tiles(
                640,
                360,
                boxes,
                [layouts.Camera(j, j, is_off=k > 4 and j == 2) for j in range(4)],
                k / 2,
            )
            for k in range(12)
        ]
        finder = LayoutFinder()
        shown = [finder.update(picture) for picture in layouts.through_h264(pictures)]
        assert [layout.changed for layout in shown[1:]].count(True) == 1
        assert shown[-1].has_video.tolist() == [True, True, False, True]

    def test_a_name_that_fills_the_picture_is_one_person_without_video(self) -> None:
        camera = layouts.Camera(1, 1, is_off=True)
        last = followed(
            [layouts.paint_tiles(640, 360, [(0, 0, 640, 360)], [camera]) for _ in range(4)]
        )
        assert (last.kind, last.has_video.tolist()) == ("single", [False])


SIZES = [(640, 360), (1280, 720), (1920, 1080)]


@settings(max_examples=15, deadline=None)
@given(
    st.integers(2, 49),
    st.sampled_from(SIZES),
    st.sampled_from([0, 16, 26, 36]),
    st.integers(0, 999),
)
def test_any_grid_is_found_whatever_the_tiles_show(
    count: int, size: tuple[int, int], ground: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    width, height = size
    gap = 2 * max(2, round(width / 320))
    boxes = layouts.grid_boxes(width, height, count, gap, gap)
    cameras = [
        layouts.Camera(int(rng.integers(1_000_000)), k, light=float(rng.choice([0.6, 1.0, 1.3])))
        for k in range(count)
    ]
    picture = layouts.paint_tiles(
        width, height, boxes, cameras, ground=ground, border=int(rng.integers(count))
    )
    found = find_division(picture)
    assert found is not None
    assert found.kind == "gallery"
    assert_near(found.tiles, boxes)
