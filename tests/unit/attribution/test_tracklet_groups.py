"""Which faces are one person: told by cameras, tiles and time, never by the face."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inference.attribution.tracklet_groups import find_tracklet_groups
from inference.schema.observations import FaceColumns, Observations, View
from tests.unit.attribution.test_attribute import observe

LEFT, RIGHT = (0, 0, 190, 700), (200, 0, 390, 700)


def view(
    span: tuple[int, int],
    tiles: Sequence[tuple[int, int, int, int]],
    cameras: Sequence[int],
    kind: str = "gallery",
) -> View:
    return View(
        *span, kind, np.array(tiles, np.float32).reshape(-1, 4), np.array(cameras, np.int32),
        np.ones(len(cameras), np.bool_),
    )  # fmt: skip


def seen(tracks: Sequence[tuple[int, int, int, float]], views: Sequence[View]) -> Observations:
    """Tracks as (id, first sample, end, left edge), at 2 samples a second."""
    rows = [(k, t, 0.05, 0.0, left) for t, first, end, left in tracks for k in range(first, end)]
    samples = max(v.end_sample for v in views)
    return observe(rows, samples / 2, views)


def grouped(observations: Observations) -> list[list[int]]:
    return [group.tracks for group in find_tracklet_groups(observations) if group.tracks]


def test_tracks_of_one_camera_are_one_person_wherever_its_tile_stands() -> None:
    views = [view((0, 40), [LEFT, RIGHT], [3, 4]), view((40, 80), [LEFT, RIGHT], [4, 3])]
    call = seen([(0, 0, 40, 40), (1, 0, 40, 240), (2, 40, 80, 40), (3, 40, 80, 240)], views)
    assert grouped(call) == [[0, 3], [1, 2]]


def test_a_tile_whose_camera_is_not_known_is_a_person_for_one_layout_only() -> None:
    views = [view((0, 40), [LEFT, RIGHT], [-1, -1]), view((40, 80), [LEFT, RIGHT], [-1, -1])]
    call = seen([(0, 0, 20, 40), (1, 24, 40, 40), (2, 40, 80, 40)], views)
    assert grouped(call) == [[0, 1], [2]]


def test_a_track_that_goes_on_ties_tiles_of_two_layouts() -> None:
    views = [view((0, 40), [LEFT], [-1]), view((40, 80), [LEFT, RIGHT], [-1, -1])]
    assert grouped(seen([(0, 0, 60, 40), (1, 64, 80, 40)], views)) == [[0, 1]]


def test_two_lasting_faces_in_one_tile_are_people_of_a_room() -> None:
    views = [view((0, 80), [LEFT], [0])]
    (group,) = find_tracklet_groups(seen([(0, 0, 80, 10), (1, 0, 40, 95), (2, 44, 80, 95)], views))
    assert group.is_room
    assert group.people == [[0], [1, 2]]


def test_somebody_who_walks_through_the_picture_makes_no_room() -> None:
    views = [view((0, 200), [LEFT], [0])]
    groups = find_tracklet_groups(seen([(0, 0, 200, 10), (1, 50, 56, 95)], views))
    assert [(group.tracks, group.is_passing) for group in groups] == [([0], False), ([1], True)]


def test_faces_of_a_leading_picture_without_a_camera_stand_for_themselves() -> None:
    undivided = view((0, 80), [], [-1], "single")
    groups = find_tracklet_groups(seen([(0, 0, 40, 40), (1, 40, 80, 40)], [undivided]))
    assert [group.leads for group in groups] == [[(0, 40)], [(40, 80)]]


def test_a_tile_without_a_face_is_a_group_without_tracks() -> None:
    groups = find_tracklet_groups(seen([(0, 0, 40, 40)], [view((0, 40), [LEFT, RIGHT], [0, 1])]))
    assert [group.tracks for group in groups] == [[0], []]


def test_nothing_seen_is_no_group() -> None:
    nothing = Observations(
        np.zeros(0), 0.5, 0.0, 0, 0, FaceColumns.empty(), (), observe([], 1, []).quality, ""
    )
    assert find_tracklet_groups(nothing) == []
