"""Cameras: the same camera keeps its number, and two cameras never share one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.boxes import holders
from inference.cameras.matcher import CameraMatcher
from inference.faces.tracker import of_participants
from inference.layout import LayoutFinder
from inference.schema.arrays import F32
from inference.schema.observations import FaceColumns, NameLabel, View
from tests.layouts import (
    Box,
    Camera,
    corner_box,
    grid_boxes,
    paint_tiles,
    strip_boxes,
)

WIDTH, HEIGHT = 640, 360
WHOLE = [(0, 0, WIDTH, HEIGHT)]
Scene = tuple[Sequence[Box], Sequence[Camera]]


def grid(*cameras: Camera) -> Scene:
    return grid_boxes(WIDTH, HEIGHT, len(cameras), 4, 4), cameras


def cameras_of(
    scenes: Sequence[Scene], labels: Sequence[NameLabel] = (), each: int = 6, likely: bool = False
) -> list[dict[int, int]]:
    """Play scenes one after the other; return, per scene, the camera of each person."""
    finder, matcher, view, kind, sample = LayoutFinder(), CameraMatcher(), -1, "", 0
    last_view = []
    for boxes, cameras in scenes:
        for _ in range(each):
            layout = finder.update(paint_tiles(WIDTH, HEIGHT, boxes, cameras, sample / 2))
            if view < 0 or (not layout.is_revised and (layout.changed or layout.kind != kind)):
                view += 1
            kind = layout.kind
            faces = [
                face_in(box)
                for box, camera in zip(boxes, cameras, strict=True)
                if not camera.is_off
            ]
            matcher.add(sample, view, layout, faces)
            sample += 1
        last_view.append(view)
    find = matcher.likely_cameras if likely else matcher.cameras
    numbers = find(view + 1, labels)
    found = []
    for (_, cameras), at in zip(scenes, last_view, strict=True):
        assert len(numbers[at]) == len(cameras)
        found.append(
            {camera.who: int(number) for camera, number in zip(cameras, numbers[at], strict=True)}
        )
    return found


def face_in(box: Box) -> F32:
    x0, y0, x1, y1 = box
    wide, high = x1 - x0, y1 - y0
    return np.array(
        [x0 + 0.38 * wide, y0 + 0.28 * high, x0 + 0.62 * wide, y0 + 0.7 * high], np.float32
    )


def people(count: int, first_room: int = 0) -> list[Camera]:
    return [Camera(first_room + k, k) for k in range(count)]


class TestSameCamera:
    def test_people_keep_their_cameras_when_one_leaves_the_grid(self) -> None:
        before, after = cameras_of([grid(*people(5)), grid(*[p for p in people(5) if p.who != 1])])
        assert len(set(before.values())) == 5
        assert after == {who: number for who, number in before.items() if who != 1}

    def test_a_camera_switched_off_and_on_keeps_its_number(self) -> None:
        ann, ben, cid = people(3)
        off = Camera(ben.room, ben.who, is_off=True)
        first, dark, again = cameras_of(
            [grid(ann, ben, cid), grid(ann, off, cid), grid(ann, ben, cid)]
        )
        assert first == dark == again

    def test_people_before_white_walls_are_followed_from_grid_to_grid(self) -> None:
        walls = [Camera(-1, who) for who in range(5)]
        before, after = cameras_of([grid(*walls), grid(*walls[:1], *walls[2:])])
        assert len(set(before.values())) == 5
        assert after == {who: number for who, number in before.items() if who != 1}

    def test_a_room_whose_lights_go_out_keeps_its_camera(self) -> None:
        ann, ben, cid = people(3)
        dark = Camera(ben.room, ben.who, light=0.12)
        first, later = cameras_of([grid(ann, ben, cid), grid(ann, dark, cid)])
        assert first == later

    def test_a_showing_that_returns_is_the_same_camera(self) -> None:
        ann, ben = people(2, 20)
        first, other, again = cameras_of([(WHOLE, [ann]), (WHOLE, [ben]), (WHOLE, [ann])])
        assert first == again
        assert other[1] != first[0]

    def test_the_large_tile_and_the_strip_share_cameras(self) -> None:
        boxes = strip_boxes(WIDTH, HEIGHT, 2, 4)
        ann, ben, cid = people(3, 40)
        before, after = cameras_of([(boxes, [ann, ben, cid]), (boxes, [cid, ann, ben])])
        assert before == after

    def test_the_small_picture_in_the_corner_has_a_camera_too(self) -> None:
        ann, ben = people(2, 80)
        boxes = [*WHOLE, corner_box(WIDTH, HEIGHT, 4)]
        before, after = cameras_of([(boxes, [ann, ben]), (boxes, [ben, ann])], each=12)
        assert before[1] == after[1]
        assert after[0] != after[1]

    def test_from_the_gallery_into_the_whole_picture(self) -> None:
        ann, ben = people(2, 60)
        corner = corner_box(WIDTH, HEIGHT, 4)
        before, after = cameras_of([grid(ann, ben), ([*WHOLE, corner], [ben, ann])], each=10)
        assert after[1] == before[1]
        assert after[0] != before[1]


class TestOtherCamera:
    def test_one_background_of_two_people_joins_nothing(self) -> None:
        ann, ben, cid = Camera(7, 0), Camera(7, 1), Camera(8, 2)
        before, after = cameras_of([grid(ann, ben, cid), grid(ben, cid)])
        assert after[2] == before[2]
        assert after[1] != before[0]

    def test_another_room_in_one_tile_is_another_camera(self) -> None:
        ann, ben, cid = people(3)
        first, later = cameras_of([grid(ann, ben, cid), grid(ann, Camera(9, 9), cid)])
        assert later[9] not in first.values()

    def test_a_tile_without_video_after_somebody_else_spoke_is_nobody_known(self) -> None:
        ann, ben = people(2, 20)
        off = Camera(ben.room, ben.who, is_off=True)
        first, later, last = cameras_of([(WHOLE, [ann]), (WHOLE, [off]), (WHOLE, [ben])])
        assert later[1] != first[0]
        assert last[1] != first[0]

    def test_people_who_change_places_at_once_are_not_swapped(self) -> None:
        ann, ben, cid, dan = people(4, 80)
        off = Camera(dan.room, dan.who, is_off=True)
        before, after = cameras_of([grid(ann, ben, cid, off), grid(ann, dan, ben, cid)])
        assert all(after[who] == before[who] for who in (0, 1, 2))
        assert after[3] not in [number for who, number in before.items() if who != 3]

    def test_clearly_different_names_keep_two_showings_apart(self) -> None:
        ann, ben = people(2, 100)
        other = Camera(ann.room, 5)
        labels = [
            NameLabel(0, 6, 0, 0, "Ann Lee", 0.95),
            NameLabel(12, 18, 2, 0, "Oscar Brandt", 0.95),
        ]
        first, _, third = cameras_of([(WHOLE, [ann]), (WHOLE, [ben]), (WHOLE, [other])], labels)
        assert first[0] != third[5]

    def test_a_new_file_keeps_no_place(self) -> None:
        finder, matcher = LayoutFinder(), CameraMatcher()
        boxes, cameras = grid(*people(2))
        layout = finder.update(paint_tiles(WIDTH, HEIGHT, boxes, cameras))
        matcher.add(0, 0, layout, [])
        matcher.start_segment()
        matcher.add(1, 1, layout, [])
        first, second = matcher.cameras(2)
        assert not set(first.tolist()) & set(second.tolist())


@settings(max_examples=8, deadline=None)
@given(st.permutations(range(6)), st.integers(0, 10_000))
def test_numbers_follow_the_cameras_however_the_grid_is_permuted(
    order: list[int], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    rooms = rng.choice(100_000, 6, replace=False)
    cameras = [Camera(int(room), k) for k, room in enumerate(rooms)]
    before, after = cameras_of([grid(*cameras), grid(*[cameras[k] for k in order])], each=5)
    for who, number in after.items():
        assert number == before[who] or number not in before.values()


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=5, unique=True), st.integers(0, 10_000))
def test_identical_backgrounds_never_join_two_people(stay: list[int], room: int) -> None:
    cameras = [Camera(room, who) for who in range(5)]
    before, after = cameras_of([grid(*cameras), grid(*[cameras[k] for k in stay])], each=5)
    for who, number in after.items():
        assert number not in [other for them, other in before.items() if them != who]


def faces_at(rows: Sequence[tuple[int, int, float, float]]) -> FaceColumns:
    """Rows of sample, track and the middle of the face."""
    table = np.array(rows, np.float32)
    middles = table[:, 2:]
    none = np.full(len(rows), np.nan, np.float32)
    return FaceColumns(
        sample=table[:, 0].astype(np.int32),
        track=table[:, 1].astype(np.int32),
        box=np.concatenate([middles - 5, middles + 5], axis=1),
        confidence=np.ones(len(rows), np.float32),
        probs=np.full((len(rows), 7), np.nan, np.float32),
        yaw_deg=none, pitch_deg=none, roll_deg=none, eye_opening=none, mouth_opening=none,
    )  # fmt: skip


def view(start: int, end: int, kind: str, tiles: Sequence[Box], cameras: Sequence[int]) -> View:
    return View(
        start, end, kind, np.array(tiles, np.float32).reshape(-1, 4), np.array(cameras, np.int32),
        np.ones(len(cameras), np.bool_),
    )  # fmt: skip


def test_a_track_never_spans_two_cameras() -> None:
    left, right = (0, 0, 100, 100), (100, 0, 200, 100)
    faces = faces_at([(0, 0, 50, 50), (0, 1, 150, 50), (1, 0, 50, 50), (1, 1, 150, 50)])
    views = [
        view(0, 1, "gallery", [left, right], [0, 1]),
        view(1, 2, "gallery", [left, right], [0, 2]),
    ]
    assert of_participants(faces, views).track.tolist() == [0, 1, 0, 2]


def test_faces_on_a_shared_screen_are_left_out() -> None:
    faces = faces_at([(0, 0, 50, 50), (0, 1, 150, 50)])
    kept = of_participants(faces, [view(0, 1, "share", [(100, 0, 200, 100)], [3])])
    assert kept.track.tolist() == [1]


def test_a_face_belongs_to_the_small_tile_over_the_large_one() -> None:
    tiles = np.array([[0, 0, 200, 100], [150, 0, 200, 30]], np.float32)
    points = np.array([[160, 10], [20, 20], [300, 20]], np.float32)
    assert holders(points, tiles).tolist() == [1, 0, -1]


def test_people_before_one_background_are_no_more_after_a_change_of_layout() -> None:
    alike = [Camera(7, who) for who in range(4)]
    scenes = [grid(*alike), (WHOLE, alike[1:2]), grid(*alike)]
    assert len({n for scene in cameras_of(scenes) for n in scene.values()}) > 4
    found = cameras_of(scenes, likely=True)
    assert len({n for scene in found for n in scene.values()}) == 4
    assert [len(set(scene.values())) for scene in found] == [4, 1, 4]


def test_people_before_different_backgrounds_are_likely_different() -> None:
    scenes = [(WHOLE, [person]) for person in people(3, 20)]
    found = cameras_of(scenes, likely=True)
    assert len({n for scene in found for n in scene.values()}) == 3
