"""People without a name are not counted again each time the layout changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bot.report.people import head_count
from inference.attribution.people_count import PeopleCount, count_people
from inference.schema.analysis import Attribution
from inference.schema.observations import Observations, View
from inference.serialize import observations_from_columns, observations_to_columns
from tests.analysis_builder import make_call
from tests.unit.attribution.test_attribute import observe

TILES = np.array([[0, 0, 600, 720], [640, 0, 1280, 720]], np.float32)


def call(likely: Sequence[Sequence[int]], faces: Sequence[tuple[int, int, float]]) -> Observations:
    """Views of two tiles and ten samples each; `faces` are of a track, a view and a left edge."""
    views = [
        View(10 * k, 10 * k + 10, "gallery", TILES, likely_cameras=np.array(at, np.int32))
        for k, at in enumerate(likely)
    ]
    rows = [
        (10 * view + k, track, 0.03, 0.0, left) for track, view, left in faces for k in range(10)
    ]
    return observe(rows, 5.0 * len(views), views)


def each_their_own(people: int) -> list[Attribution]:
    return [Attribution(track, track, 0.0) for track in range(people)]


LEFT, RIGHT = 100.0, 800.0
TWICE = call([(0, 1), (0, 1)], [(0, 0, LEFT), (1, 0, RIGHT), (2, 1, LEFT), (3, 1, RIGHT)])


def test_two_unnamed_people_who_come_back_are_about_two() -> None:
    assert count_people(TWICE, each_their_own(4), [False] * 4) == PeopleCount(2, False)


def test_people_with_names_are_each_counted() -> None:
    assert count_people(TWICE, each_their_own(4), [True] * 4) == PeopleCount(4, True)
    assert count_people(TWICE, each_their_own(4), [True, True, False, False]).count == 2


def test_two_faces_seen_at_once_are_two_people_whatever_their_camera() -> None:
    room = call([(0, 1)], [(0, 0, LEFT), (1, 0, LEFT + 120), (2, 0, RIGHT)])
    assert count_people(room, each_their_own(3), [False] * 3) == PeopleCount(3, True)


def test_who_is_listed_without_a_face_counts() -> None:
    assert count_people(TWICE, each_their_own(4), [False] * 4 + [True]) == PeopleCount(3, False)


def test_cameras_that_were_never_judged_leave_everybody_counted() -> None:
    plain = tuple(replace(view, likely_cameras=np.zeros(0, np.int32)) for view in TWICE.views)
    found = count_people(replace(TWICE, views=plain), each_their_own(4), [False] * 4)
    assert found == PeopleCount(4, True)


def test_nobody_is_nobody() -> None:
    assert count_people(call([(0, 1)], []), [], []) == PeopleCount(0, True)


def test_the_count_is_the_same_after_the_call_was_kept_and_read_again() -> None:
    kept = observations_from_columns(*observations_to_columns(TWICE))
    assert count_people(kept, each_their_own(4), [False] * 4) == PeopleCount(2, False)


def test_the_report_says_about_how_many_people_there_were() -> None:
    call = make_call()
    pair = tuple(replace(person, is_named=False) for person in call.participants[:2])
    known = replace(
        call, participants=pair * 2, observations=TWICE, attributions=tuple(each_their_own(4))
    )
    assert head_count(known) == "about 2 people"
