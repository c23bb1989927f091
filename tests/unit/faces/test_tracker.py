"""Tracks that go on with the same face and end rather than pass to another one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from inference.faces.tracker import Tracker
from inference.layout import Layout
from inference.schema.arrays import F32
from inference.schema.observations import Detection

NO_TILES: F32 = np.zeros((0, 4), np.float32)
TILES = np.array(
    [[0, 0, 636, 356], [644, 0, 1280, 356], [0, 364, 636, 720], [644, 364, 1280, 720]], np.float32
)
GALLERY = Layout("gallery", TILES, False)
SINGLE = Layout("single", NO_TILES, False)
UNKNOWN = Layout("unknown", NO_TILES, False)


def face(x: float, y: float, size: float = 100) -> Detection:
    half = size / 2
    return Detection(np.array([x - half, y - half, x + half, y + half], np.float32), 0.9)


def track_all(
    samples: Sequence[tuple[Sequence[Detection], Layout]], tracker: Tracker | None = None
) -> list[list[int]]:
    tracker = tracker or Tracker()
    return [tracker.update(k, faces, layout) for k, (faces, layout) in enumerate(samples)]


def test_faces_in_a_gallery_keep_their_tracks() -> None:
    people = [face(300, 180), face(900, 180), face(300, 540)]
    ids = track_all([(people, GALLERY)] * 5)
    assert ids == [[0, 1, 2]] * 5


def test_the_order_of_detections_does_not_matter() -> None:
    rng = np.random.default_rng(7)
    walks = np.cumsum(rng.normal(0, 6, (20, 4, 2)), axis=0)
    homes = np.array([[200, 180], [420, 180], [900, 180], [300, 540]])
    plain, mixed = Tracker(), Tracker()
    for sample, step in enumerate(walks):
        people = [face(*(home + move)) for home, move in zip(homes, step, strict=True)]
        order = rng.permutation(len(people))
        in_order = plain.update(sample, people, GALLERY)
        shuffled = mixed.update(sample, [people[k] for k in order], GALLERY)
        assert shuffled == [in_order[k] for k in order]


def test_a_face_lost_for_eight_seconds_in_its_tile_is_taken_up_again() -> None:
    seen = ([face(300, 180)], GALLERY)
    ids = track_all([seen, *[([], GALLERY)] * 16, ([face(330, 190)], GALLERY)])
    assert ids[-1] == ids[0]


def test_a_face_lost_for_longer_is_a_new_track() -> None:
    seen = ([face(300, 180)], GALLERY)
    ids = track_all([seen, *[([], GALLERY)] * 21, seen])
    assert ids[-1] != ids[0]


def test_tiles_that_move_end_their_tracks_and_the_others_go_on() -> None:
    moved = TILES.copy()
    moved[2] += [322, 0, 322, 0]
    after = Layout("gallery", moved[:3], True)
    ids = track_all(
        [
            ([face(300, 180), face(900, 180), face(300, 540)], GALLERY),
            ([face(300, 180), face(900, 180), face(622, 540)], after),
        ]
    )
    assert ids[1][:2] == ids[0][:2]
    assert ids[1][2] not in ids[0]


def test_two_people_whose_tiles_are_exchanged_are_not_swapped() -> None:
    people = [face(300, 180), face(900, 180)]
    exchanged = Layout("gallery", TILES, True, np.array([True, True, False, False]))
    before, after = track_all([(people, GALLERY), (people, exchanged)])
    assert not set(before) & set(after)


def test_a_face_never_follows_into_the_next_tile() -> None:
    ids = track_all([([face(600, 180)], GALLERY), ([face(680, 180)], GALLERY)])
    assert ids[0] != ids[1]


def test_two_faces_in_one_tile_are_two_tracks() -> None:
    pair = [face(180, 180), face(440, 190)]
    ids = track_all([(pair, GALLERY)] * 4)
    assert len(set(ids[0])) == 2
    assert ids == [ids[0]] * 4


def test_when_either_face_could_be_the_one_before_the_track_ends() -> None:
    lone, pair = [face(300, 180)], [face(255, 180), face(350, 180)]
    ids = track_all([(lone, GALLERY), (pair, GALLERY)])
    assert not set(ids[0]) & set(ids[1])


def test_one_sample_of_unknown_layout_does_not_end_the_tiles_tracks() -> None:
    people = [face(300, 180), face(900, 180)]
    ids = track_all([(people, GALLERY), (people, UNKNOWN), (people, GALLERY)])
    assert ids[2] == ids[0]
    assert not set(ids[1]) & set(ids[0])


def test_a_gallery_that_becomes_one_picture_ends_all_tracks() -> None:
    ids = track_all([([face(300, 180)], GALLERY), ([face(300, 180)], SINGLE)])
    assert ids[0] != ids[1]


@pytest.mark.parametrize("layout", [SINGLE, UNKNOWN])
def test_a_moving_face_in_a_whole_picture_is_one_track(layout: Layout) -> None:
    ids = track_all([([face(400 + 15 * k, 300, 200)], layout) for k in range(10)])
    assert ids == [[0]] * 10


def test_a_jump_across_the_picture_is_another_face() -> None:
    ids = track_all([([face(300, 300)], SINGLE), ([face(900, 300)], SINGLE)])
    assert ids[0] != ids[1]


def test_a_face_of_another_size_is_another_face() -> None:
    ids = track_all([([face(300, 300, 80)], SINGLE), ([face(300, 300, 240)], SINGLE)])
    assert ids[0] != ids[1]


def picture(seed: int) -> Layout:
    rng = np.random.default_rng(seed)
    grey = np.kron(rng.integers(0, 255, (9, 16)), np.ones((10, 10))).astype(np.uint8)
    return Layout("single", NO_TILES, False, picture=grey, width_px=1280)


def test_a_cut_in_a_one_person_view_ends_the_track() -> None:
    person = [face(640, 330, 320)]
    ids = track_all([(person, picture(1)), (person, picture(1)), (person, picture(2))])
    assert ids[0] == ids[1]
    assert ids[2] != ids[1]


def test_a_new_slide_beside_a_small_face_does_not_end_its_track() -> None:
    before, after = picture(1), picture(2)
    assert before.picture is not None
    assert after.picture is not None
    after.picture[:45, 110:] = before.picture[:45, 110:]
    person = [face(1120, 160, 90)]
    ids = track_all([(person, before), (person, after)])
    assert ids[0] == ids[1]


def test_without_pictures_a_change_of_the_view_ends_the_track() -> None:
    ids = track_all(
        [([face(640, 330)], SINGLE), ([face(640, 330)], Layout("single", NO_TILES, True))]
    )
    assert ids[0] != ids[1]


def test_the_gap_is_ten_seconds_at_any_sampling() -> None:
    seen = ([face(300, 180)], GALLERY)
    ids = track_all([seen, *[([], GALLERY)] * 40, seen], Tracker(samples_per_s=5.0))
    assert ids[-1] == ids[0]


SPEAKER = Layout(
    "speaker",
    np.array([[0, 180, 1280, 720], [0, 0, 300, 170], [310, 0, 610, 170]], np.float32),
    False,
)


def test_faces_of_a_speaker_view_stay_in_their_tiles() -> None:
    people = [face(640, 450, 200), face(150, 85, 60), face(460, 85, 60)]
    assert track_all([(people, SPEAKER)] * 4) == [[0, 1, 2]] * 4
    moved = [people[0], face(150, 85, 60), face(300, 200, 60)]
    ids = track_all([(people, SPEAKER), (moved, SPEAKER)])
    assert ids[1][2] not in ids[0]


def test_a_face_in_a_corner_is_not_the_large_pictures() -> None:
    tiles = np.array([[0, 0, 1280, 720], [990, 10, 1270, 168]], np.float32)
    layout = Layout("speaker", tiles, False)
    ids = track_all([([face(940, 90, 80)], layout), ([face(1010, 90, 80)], layout)])
    assert ids[0] != ids[1]
