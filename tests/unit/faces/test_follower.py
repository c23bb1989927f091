"""Faces followed between searches: where they are, and when the models look again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest

from inference.boxes import centre
from inference.faces.follower import SEARCH_EVERY_S, FaceFollower
from inference.faces.patch_alignment import FacePatch
from inference.schema.arrays import F32, U8
from inference.schema.observations import Detection

FACE_PX = 60
WIDTH, HEIGHT = 400, 240
NO_OTHERS = np.zeros((0, 4), np.float32)
RNG = np.random.default_rng(3)
FACE = cv2.GaussianBlur(RNG.integers(0, 255, (FACE_PX, FACE_PX), np.uint8), (0, 0), 3)
FACE = cv2.normalize(FACE, None, 30, 220, cv2.NORM_MINMAX)
WALL = cv2.GaussianBlur(RNG.integers(0, 255, (HEIGHT, WIDTH), np.uint8), (0, 0), 8)


def picture(*places: tuple[float, float], face: U8 = FACE, light: float = 1.0) -> U8:
    """A wall with faces whose middles stand at these places."""
    image = WALL.copy()
    for x, y in places:
        shift = np.array([[1, 0, x - FACE_PX / 2], [0, 1, y - FACE_PX / 2]])
        mask = cv2.warpAffine(np.full_like(face, 255), shift, (WIDTH, HEIGHT))
        image = np.where(mask > 127, cv2.warpAffine(face, shift, (WIDTH, HEIGHT)), image)
    noise = RNG.normal(0, 2, image.shape)
    return np.repeat(np.clip(image * light + noise, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def a_face(x: float, y: float) -> Detection:
    half = FACE_PX / 2
    box = np.array([x - half, y - half, x + half, y + half], np.float32)
    return Detection(box, 0.9, yaw_deg=1.0, landmarks=np.tile(centre(box), (468, 1)))


@dataclass
class Room:
    """A detector that knows who is where, and counts how often it is asked."""

    people: list[tuple[float, float]] = field(default_factory=list)
    searches: int = 0
    refits: int = 0

    def detect(self, image: U8, regions: Sequence[F32] | F32 | None) -> list[Detection]:
        self.searches += 1
        return [
            a_face(x, y)
            for x, y in self.people
            if regions is None or any(r[0] <= x <= r[2] and r[1] <= y <= r[3] for r in regions)
        ]

    def refit(self, image: U8, face: Detection) -> Detection | None:
        self.refits += 1
        near = [a for a in self.detect(image, None) if np.abs(a.box - face.box).max() < FACE_PX / 2]
        self.searches -= 1
        return near[0] if near else None

    def now(
        self, follower: FaceFollower, t_s: float, image: U8, is_cut: bool = False
    ) -> list[Detection]:
        return follower.look(image, t_s, None, np.array([is_cut]), NO_OTHERS)


def test_a_still_face_that_moves_is_followed_to_the_pixel_without_the_models() -> None:
    room = Room([(100, 100)])
    follower = FaceFollower(room)
    room.now(follower, 0.0, picture((100, 100)))
    for k, place in enumerate([(104, 101), (110.5, 97.25), (119, 103), (112, 108)], 1):
        [face] = room.now(follower, 0.5 * k, picture(place))
        assert centre(face.box) == pytest.approx(place, abs=0.6)
        assert face.landmarks is not None
        assert face.landmarks[0] == pytest.approx(place, abs=0.6)
        assert face.yaw_deg == 1.0
    assert (room.searches, room.refits) == (1, 0)


def test_other_light_is_no_change() -> None:
    room = Room([(100, 100)])
    follower = FaceFollower(room)
    room.now(follower, 0.0, picture((100, 100)))
    room.now(follower, 0.5, picture((100, 100), light=0.9))
    assert room.refits == 0


def test_a_face_that_changes_is_fitted_anew_where_it_is() -> None:
    speaking = FACE.copy()
    speaking[38:50, 20:40] = 10  # an open mouth
    room = Room([(100, 100)])
    follower = FaceFollower(room)
    room.now(follower, 0.0, picture((100, 100)))
    room.people = [(105, 100)]
    [face] = room.now(follower, 0.5, picture((105, 100), face=speaking))
    assert centre(face.box).tolist() == [105, 100]
    assert (room.searches, room.refits) == (1, 1)
    room.now(follower, 1.0, picture((105, 100), face=speaking))  # now compared with itself
    assert (room.searches, room.refits) == (1, 1)


def test_a_face_that_is_gone_is_not_followed_on() -> None:
    room = Room([(100, 100)])
    follower = FaceFollower(room)
    room.now(follower, 0.0, picture((100, 100)))
    room.people = []
    assert room.now(follower, 0.5, picture()) == []
    assert room.searches == 2


def test_a_cut_is_searched_at_once() -> None:
    room = Room([(100, 100)])
    follower = FaceFollower(room)
    room.now(follower, 0.0, picture((100, 100)))
    room.people = [(100, 100), (300, 100)]
    faces = room.now(follower, 0.5, picture((100, 100), (300, 100)), is_cut=True)
    assert len(faces) == 2


def test_who_sits_down_beside_is_seen_within_the_time_told() -> None:
    room = Room([(100, 100)])
    follower = FaceFollower(room)
    room.now(follower, 0.0, picture((100, 100)))
    room.people = [(100, 100), (300, 100)]
    seen = {
        t: len(room.now(follower, t, picture((100, 100), (300, 100))))
        for t in np.arange(0.5, SEARCH_EVERY_S + 0.6, 0.5).tolist()
    }
    assert seen[SEARCH_EVERY_S] == 2
    assert room.searches == 2


def test_who_turned_away_is_looked_for_in_every_sample() -> None:
    both = [(100.0, 100.0), (300.0, 100.0)]
    room = Room([*both])
    follower = FaceFollower(room)
    room.now(follower, 0.0, picture(*both))
    room.people = both[:1]
    assert len(room.now(follower, 0.5, picture(*both[:1]))) == 1
    assert len(room.now(follower, 1.0, picture(*both[:1]))) == 1
    room.people = both
    assert len(room.now(follower, 1.5, picture(*both))) == 2
    # And who stays away is given up: the one who is left is followed again.
    room.people = both[:1]
    for t in np.arange(2.0, 2.0 + 2 * SEARCH_EVERY_S, 0.5).tolist():
        room.now(follower, t, picture(*both[:1]))
    before = room.searches
    room.now(follower, 2.0 + 2 * SEARCH_EVERY_S, picture(*both[:1]))
    room.now(follower, 2.5 + 2 * SEARCH_EVERY_S, picture(*both[:1]))
    assert room.searches - before <= 1


def test_a_face_that_leaves_its_tile_is_searched_for() -> None:
    tiles = np.array([[0, 0, 200, HEIGHT], [200, 0, WIDTH, HEIGHT]], np.float32)
    room = Room([(180, 100), (300, 100)])
    follower = FaceFollower(room)
    calm = np.zeros(2, np.bool_)
    follower.look(picture(*room.people), 0.0, tiles, calm, NO_OTHERS)
    room.people = [(190, 100), (300, 100)]
    follower.look(picture(*room.people), 0.5, tiles, calm, NO_OTHERS)
    assert room.searches == 1
    room.people = [(204, 100), (300, 100)]
    faces = follower.look(picture(*room.people), 1.0, tiles, calm, NO_OTHERS)
    assert room.searches == 2
    assert len(faces) <= 2


def test_a_face_in_a_tile_over_this_one_is_left_to_that() -> None:
    large = np.array([[0, 0, WIDTH, HEIGHT]], np.float32)
    corner = np.array([[250, 40, WIDTH, 200]], np.float32)
    room = Room([(100, 100), (300, 100)])
    faces = FaceFollower(room).look(picture(*room.people), 0.0, large, np.array([False]), corner)
    assert [centre(face.box).tolist() for face in faces] == [[100, 100]]


def test_a_followed_face_is_left_to_a_tile_that_comes_to_lie_over_it() -> None:
    large = np.array([[0, 0, WIDTH, HEIGHT]], np.float32)
    corner = np.array([[250, 40, WIDTH, 200]], np.float32)
    calm = np.zeros(2, np.bool_)
    room = Room([(100, 100), (300, 100)])
    image = picture(*room.people)
    apart, together = FaceFollower(room), FaceFollower(room)
    for follower in (apart, together):
        assert len(follower.look(image, 0.0, large, calm[:1], NO_OTHERS)) == 2
    # Whether that tile is another thread's or this one's.
    faces = apart.look(image, 0.5, large, calm[:1], corner)
    assert [centre(face.box).tolist() for face in faces] == [[100, 100]]
    faces = together.look(image, 0.5, np.concatenate([large, corner]), calm, NO_OTHERS)
    assert [centre(face.box).tolist() for face in faces] == [[100, 100], [300, 100]]


def test_a_follower_that_is_given_no_tile_forgets_what_it_followed() -> None:
    tile = np.array([[0, 0, WIDTH, HEIGHT]], np.float32)
    calm = np.zeros(1, np.bool_)
    room = Room([(100, 100)])
    follower = FaceFollower(room)
    follower.look(picture((100, 100)), 0.0, tile, calm, NO_OTHERS)
    assert follower.look(picture((100, 100)), 0.5, NO_OTHERS, calm[:0], tile) == []
    follower.look(picture((100, 100)), 1.0, tile, calm, NO_OTHERS)
    assert room.searches == 2


def test_a_face_that_leaves_the_picture_is_not_followed_out_of_it() -> None:
    room = Room([(60, 100)])
    follower = FaceFollower(room)
    room.now(follower, 0.0, picture((60, 100)))
    room.people = []
    for k, x in enumerate((48, 36, 24, 12, 0, -12), 1):
        for face in room.now(follower, k / 4, picture((x, 100))):
            assert face.box[0] >= 0
            assert centre(face.box)[0] > 0


def test_a_picture_of_one_colour_is_not_found_everywhere() -> None:
    grey = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    patch = FacePatch(grey, a_face(100, 100))
    assert patch.find(grey, patch.place) is None


def test_every_picture_is_searched_where_that_is_wanted() -> None:
    room = Room([(100, 100)])
    follower = FaceFollower(room, search_every_s=0)
    for k in range(4):
        room.now(follower, k / 2, picture((100, 100)))
    assert (room.searches, room.refits) == (4, 0)
