"""Which picture shows a moment, and who in it may be seen: planned from boxes alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from inference.schema.analysis import Attribution, CallAnalysis, Moment
from inference.schema.arrays import U8
from inference.schema.observations import FaceColumns, Observations, Quality, View
from inference.snapshots.plan import HEIGHT_PX, WIDTH_PX, Area, CutOut, Snapshot, plan_snapshots
from inference.snapshots.render import draw_snapshot
from tests.analysis_builder import PersonSpec, make_call

LEFT, RIGHT = (8.0, 100.0, 316.0, 273.0), (324.0, 100.0, 632.0, 273.0)
FACE, OTHER = (130.0, 140.0, 190.0, 210.0), (450.0, 140.0, 510.0, 210.0)
BESIDE = (220.0, 150.0, 270.0, 205.0)  # in the left tile too
SECONDS = 60.0


@dataclass(frozen=True)
class Seen:
    """A face: whose (None: nobody's), where, and when."""

    person: int | None
    box: tuple[float, ...]
    start_s: float = 0.0
    end_s: float = SECONDS
    yaw_deg: float = 0.0


def gallery(
    start: int = 0, end: int = 120, tiles: Sequence[tuple[float, ...]] = (LEFT, RIGHT)
) -> View:
    return View(start, end, "gallery", np.array(tiles, np.float32).reshape(-1, 4))


def call(
    faces: Sequence[Seen],
    views: Sequence[View] = (gallery(),),
    *,
    people: int = 3,
    unscored: Sequence[int] = (),
    engagement: Callable[[float], float] | None = None,
) -> CallAnalysis:
    """A call of a minute at 640x360 in which these faces are seen."""
    specs = [PersonSpec(f"P{i}", is_scored=i not in unscored) for i in range(people)]
    made = make_call(specs, duration_s=SECONDS)
    t_s = np.arange(0, SECONDS, 0.5)
    rows = [
        (sample, track, face)
        for sample, at_s in enumerate(t_s)
        for track, face in enumerate(faces)
        if face.start_s <= at_s < face.end_s
    ]
    ones = np.ones(len(rows), np.float32)
    columns = FaceColumns(
        sample=np.array([row[0] for row in rows], np.int32),
        track=np.array([row[1] for row in rows], np.int32),
        box=np.array([row[2].box for row in rows], np.float32).reshape(-1, 4),
        confidence=ones, probs=np.full((len(rows), 7), 1 / 7, np.float32),
        yaw_deg=np.array([row[2].yaw_deg for row in rows], np.float32), pitch_deg=0 * ones,
        roll_deg=0 * ones, eye_opening=0.3 * ones, mouth_opening=ones,
    )  # fmt: skip
    ties = [
        Attribution(k, face.person, 1.0) for k, face in enumerate(faces) if face.person is not None
    ]
    level = np.array([(engagement or (lambda at_s: 0.5))(at_s) for at_s in t_s], np.float32)
    participants = tuple(
        replace(p, series=replace(p.series, engagement=level)) for p in made.participants
    )
    return replace(
        made,
        observations=Observations(
            t_s, 0.5, SECONDS, 640, 360, columns, tuple(views), Quality(), "expression-1"
        ),
        participants=participants,
        attributions=tuple(ties),
    )


def moment(*people: int, kind: str = "rise", start_s: float = 20.0) -> Moment:
    return Moment(start_s, start_s + 15, kind, people, "why", 0.4, 0.7, 1.0, start_s + 5)


def plan(analysis: CallAnalysis, told: Moment, *, leaves_out: bool = False) -> Snapshot | None:
    return plan_snapshots(analysis, [told], leaves_out=leaves_out)[0]


def seen_at(snapshot: Snapshot, x: float, y: float) -> bool:
    """Whether this place of the recording's picture may be seen."""
    may = False
    for area in snapshot.areas:
        x0, y0, x1, y1 = area.box
        may = area.is_shown if x0 <= x < x1 and y0 <= y < y1 else may
    return may


def only(snapshot: Snapshot | None) -> tuple[Snapshot, CutOut]:
    assert snapshot is not None
    ((cut,),) = snapshot.rows
    return snapshot, cut


# The instant.


def test_the_picture_is_taken_where_the_change_shows_most() -> None:
    def laughs(at_s: float) -> float:
        return 0.9 if 28 <= at_s < 30 else 0.6 if at_s >= 25 else 0.3

    rising = call([Seen(0, FACE)], engagement=laughs)
    assert only(plan(rising, moment(0)))[0].at_s == 28.5
    falling = call([Seen(0, FACE)], engagement=lambda at_s: 1 - laughs(at_s))
    assert only(plan(falling, moment(0, kind="fall")))[0].at_s == 28.5


def test_a_silence_is_shown_at_its_middle() -> None:
    assert only(plan(call([Seen(0, FACE)]), moment(0, kind="silence")))[0].at_s == 27.5


def test_a_face_that_looks_away_is_not_chosen_where_it_looks_ahead_too() -> None:
    faces = [Seen(0, FACE, 0, 28), Seen(0, FACE, 28, 30, yaw_deg=60), Seen(0, FACE, 30, 60)]
    snapshot, _ = only(plan(call(faces), moment(0)))
    assert not 28 <= snapshot.at_s < 30


def test_as_many_of_the_moments_people_as_can_be_are_in_it() -> None:
    faces = [Seen(0, FACE), Seen(1, OTHER, 29, 31)]
    snapshot = plan(call(faces), moment(0, 1))
    assert snapshot is not None
    assert (snapshot.people, 29 <= snapshot.at_s < 31) == ((0, 1), True)


def test_no_picture_is_taken_just_where_the_layout_changes() -> None:
    views = [gallery(0, 53), gallery(53, 120)]
    snapshot, _ = only(
        plan(call([Seen(0, FACE)], views, engagement=lambda s: s == 26.5), moment(0))
    )
    assert not 25.5 <= snapshot.at_s < 27.5
    restless = [gallery(at, at + 3) for at in range(0, 120, 3)]
    assert plan(call([Seen(0, FACE)], restless), moment(0)) is None


def test_no_picture_is_taken_while_a_small_one_in_its_corner_may_not_be_believed_yet() -> None:
    one = np.zeros((0, 4), np.float32)
    corner = np.array([(0, 0, 640, 360), (490, 4, 632, 84)], np.float32)
    views = [View(0, 60, "single", one), View(60, 120, "speaker", corner)]
    snapshot, _ = only(
        plan(call([Seen(0, FACE)], views, engagement=lambda s: 27 < s < 30), moment(0))
    )
    assert snapshot.at_s < 30 - 3 * 0.5 - 0.5
    snapshot, _ = only(plan(call([Seen(0, FACE)], engagement=lambda s: 27 < s < 30), moment(0)))
    assert snapshot.at_s > 28


def test_a_moment_without_a_face_or_whose_people_are_left_out_has_no_picture() -> None:
    assert plan(call([Seen(0, FACE, 0, 10)]), moment(0)) is None
    assert plan(call([Seen(0, FACE)], unscored=[0]), moment(0)) is None
    assert plan(call([Seen(0, FACE)]), moment(kind="silence")) is None


# Who may be seen.


def test_a_tile_is_shown_and_what_lies_beside_it_is_not() -> None:
    snapshot, cut = only(plan(call([Seen(0, FACE), Seen(1, OTHER)], unscored=[1]), moment(0)))
    x0, y0, x1, y1 = cut.crop
    assert (x0 >= 8, y0 >= 100, x1 <= 316, y1 <= 273) == (True,) * 4
    assert seen_at(snapshot, 20, 110)
    assert not seen_at(snapshot, 480, 170)


def test_of_a_room_only_the_moments_people_are_shown() -> None:
    room = call([Seen(0, FACE), Seen(1, BESIDE)])
    snapshot, _ = only(plan(room, moment(0)))
    assert seen_at(snapshot, 160, 175)
    assert not seen_at(snapshot, 245, 175)
    assert not seen_at(snapshot, 20, 110), "the rest of the room"
    both, _ = only(plan(room, moment(0, 1)))
    assert seen_at(both, 245, 175)
    assert seen_at(both, 20, 110)


def test_whoever_is_left_out_is_not_in_the_picture_of_a_moment_of_theirs() -> None:
    faces = [Seen(0, FACE), Seen(1, BESIDE)]
    snapshot, cut = only(plan(call(faces, unscored=[1]), moment(0, 1), leaves_out=True))
    assert cut.people == (0,)
    assert not seen_at(snapshot, 245, 175)


@pytest.mark.parametrize("leaves_out", [False, True])
def test_who_sat_down_beside_is_hidden_before_a_search_found_them(leaves_out: bool) -> None:
    over = (170.0, 140.0, 230.0, 210.0)
    faces = [Seen(0, FACE), Seen(None, over, 29.5)]
    told = call(faces, engagement=lambda at_s: 0.9 if 26 <= at_s < 28 else 0.3)
    snapshot, _ = only(plan(told, moment(0), leaves_out=leaves_out))
    assert snapshot.at_s < 29.5 - 2 * 0.5
    assert seen_at(snapshot, 140, 175)
    assert not seen_at(snapshot, 195, 175)
    assert not seen_at(snapshot, 20, 110), "the rest of the tile"


def test_what_changes_in_another_tile_does_not_make_a_shared_tile_forgotten() -> None:
    views = [gallery(0, 50), gallery(50, 58), gallery(58, 120)]
    for comes in (Seen(None, BESIDE, 29.5), Seen(None, BESIDE, 18, 24)):
        told = call([Seen(0, FACE), comes], views, engagement=lambda at_s: float(26 <= at_s < 28))
        snapshot, _ = only(plan(told, moment(0), leaves_out=True))
        assert 26 <= snapshot.at_s < 28
        assert not seen_at(snapshot, 245, 175)
        assert not seen_at(snapshot, 20, 110), "the rest of the tile"


def test_who_takes_the_place_of_a_shown_face_later_does_not_hide_it() -> None:
    faces = [Seen(0, FACE, 0, 29), Seen(None, FACE, 29)]
    told = call(faces, engagement=lambda at_s: 0.9 if 26 <= at_s < 28 else 0.3)
    snapshot, _ = only(plan(told, moment(0)))
    assert snapshot.at_s < 29 - 2 * 0.5
    assert seen_at(snapshot, 160, 175)


def test_a_face_without_an_extent_makes_no_empty_picture() -> None:
    corner = (640.0, 360.0, 640.0, 360.0)
    snapshot, _ = only(
        plan(call([Seen(0, corner)], [gallery(tiles=[(8, 100, 640, 360)])]), moment(0))
    )
    assert draw_snapshot(np.zeros((360, 640, 3), np.uint8), snapshot).shape == (
        HEIGHT_PX,
        WIDTH_PX,
        3,
    )


def test_who_leans_over_a_shown_face_stays_blurred() -> None:
    near = (170.0, 140.0, 230.0, 210.0)
    snapshot, _ = only(plan(call([Seen(0, FACE), Seen(None, near)]), moment(0), leaves_out=True))
    assert seen_at(snapshot, 140, 175)
    assert not seen_at(snapshot, 180, 175)


def test_a_face_that_the_picture_itself_misses_is_known_from_its_neighbours() -> None:
    for passes_by in (Seen(None, BESIDE, 28.0, 28.5), Seen(None, BESIDE, 29.0, 29.5)):
        faces = [Seen(0, FACE, 28.5, 29.0), passes_by]
        snapshot, _ = only(plan(call(faces), moment(0)))
        assert (snapshot.at_s, seen_at(snapshot, 245, 175)) == (28.5, False)


def test_where_people_are_left_out_a_face_that_passed_by_lately_closes_the_tile() -> None:
    faces = [Seen(0, FACE, 28.5, 29.0), Seen(None, BESIDE, 22.0, 23.0)]
    strict, _ = only(plan(call(faces), moment(0), leaves_out=True))
    assert not seen_at(strict, 20, 110)
    snapshot, _ = only(plan(call(faces), moment(0)))
    assert seen_at(snapshot, 20, 110)


def test_a_small_picture_over_a_shown_one_is_shown_by_its_own_person() -> None:
    whole, inset = (0.0, 0.0, 640.0, 360.0), (480.0, 10.0, 630.0, 94.0)
    speaker = View(0, 120, "speaker", np.array([whole, inset], np.float32))
    faces = [Seen(0, (250.0, 60.0, 400.0, 250.0)), Seen(1, (530.0, 30.0, 570.0, 80.0))]
    snapshot, _ = only(plan(call(faces, [speaker], unscored=[1]), moment(0), leaves_out=True))
    assert seen_at(snapshot, 300, 150)
    assert not seen_at(snapshot, 500, 50)
    small, cut = only(plan(call(faces, [speaker], unscored=[0]), moment(1), leaves_out=True))
    assert cut.crop[0] >= 480
    assert not seen_at(small, 300, 150)


def test_without_a_known_layout_only_the_face_is_shown() -> None:
    snapshot, _ = only(plan(call([Seen(0, FACE)], [View(0, 120, "unknown")]), moment(0)))
    assert seen_at(snapshot, 160, 175)
    assert not seen_at(snapshot, 160, 300)


def test_an_undivided_picture_is_its_persons() -> None:
    snapshot, _ = only(plan(call([Seen(0, FACE)], [View(0, 120, "single")]), moment(0)))
    assert seen_at(snapshot, 5, 5)


# The cut-outs.


@pytest.mark.parametrize(
    ("people", "rows"),
    [(1, [1]), (2, [2]), (3, [3]), (4, [2, 2]), (5, [3, 2]), (9, [3, 3])],
)
def test_up_to_six_people_stand_in_rows_and_no_face_is_cut(people: int, rows: list[int]) -> None:
    tiles = [(16 + 200 * (k % 3), 10 + 115 * (k // 3)) for k in range(people)]
    boxes = [(x + 70.0, y + 25.0, x + 115.0, y + 80.0) for x, y in tiles]
    view = gallery(tiles=[(x, y, x + 196.0, y + 110.0) for x, y in tiles])
    faces = [Seen(k, box) for k, box in enumerate(boxes)]
    snapshot = plan(call(faces, [view], people=people), moment(*range(people)))
    assert snapshot is not None
    assert [len(row) for row in snapshot.rows] == rows
    for row in snapshot.rows:
        for cut in row:
            (person,) = cut.people
            x0, y0, x1, y1 = boxes[person]
            assert cut.crop[0] <= x0
            assert cut.crop[1] <= y0
            assert cut.crop[2] >= x1
            assert cut.crop[3] >= y1


def test_an_upright_tile_keeps_its_face_whole_and_the_sides_are_blurred() -> None:
    upright, face = (280.0, 0.0, 360.0, 360.0), (285.0, 120.0, 355.0, 200.0)
    snapshot, cut = only(plan(call([Seen(0, face)], [gallery(tiles=[upright])]), moment(0)))
    assert cut.crop[0] < 280
    assert not seen_at(snapshot, 270, 150)
    assert seen_at(snapshot, 320, 150)


def test_people_of_one_room_stand_together() -> None:
    _, cut = only(plan(call([Seen(0, FACE), Seen(1, BESIDE)]), moment(0, 1)))
    assert cut.people == (0, 1)
    assert cut.crop[0] <= FACE[0]
    assert cut.crop[2] >= BESIDE[2]


def test_people_of_a_wide_room_stand_apart_where_one_piece_would_cut_them() -> None:
    room, other = (8.0, 10.0, 632.0, 200.0), (250.0, 210.0, 390.0, 290.0)
    sofa = [Seen(k, (30.0 + 270 * k, 60.0, 80.0 + 270 * k, 120.0)) for k in range(3)]
    faces = [*sofa, Seen(3, (300.0, 225.0, 340.0, 270.0))]
    snapshot = plan(call(faces, [gallery(tiles=[room, other])], people=4), moment(0, 1, 2, 3))
    assert snapshot is not None
    assert [len(row) for row in snapshot.rows] == [2, 2]
    for cut in (cut for row in snapshot.rows for cut in row):
        box = faces[cut.people[0]].box
        assert cut.crop[0] <= box[0]
        assert cut.crop[2] >= box[2]


def test_the_key_is_of_what_is_shown_and_not_of_names_or_of_people_elsewhere() -> None:
    faces = [Seen(0, FACE), Seen(2, OTHER)]
    snapshot = plan(call(faces), moment(0))
    assert snapshot is not None
    renamed = plan(call([Seen(1, FACE), Seen(2, OTHER)]), moment(1))
    elsewhere = plan(call(faces, unscored=[2]), moment(0), leaves_out=True)
    assert renamed is not None
    assert elsewhere is not None
    assert snapshot.key == renamed.key == elsewhere.key
    room = [Seen(0, FACE), Seen(1, BESIDE)]
    before = plan(call(room), moment(0, 1))
    after = plan(call(room, unscored=[1]), moment(0, 1))
    assert before is not None
    assert after is not None
    assert before.key != after.key


# The picture.


def textured(width: int, height: int) -> U8:
    """Fine checks, which no blurring leaves."""
    checks = np.indices((height, width)).sum(axis=0) // 4 % 2 * 200
    return np.repeat(checks[..., None], 3, axis=2).astype(np.uint8)


def test_what_may_not_be_seen_is_gone_and_the_rest_is_as_it_was() -> None:
    image = textured(640, 360)
    crop = (0, 0, 640, 360)
    snapshot = Snapshot(0.0, (640, 360), ((CutOut((0,), crop),),), (Area((0, 0, 320, 360), True),))
    picture = draw_snapshot(image, snapshot)
    assert picture.shape == (HEIGHT_PX, WIDTH_PX, 3)
    assert np.array_equal(picture[:, :320], image[:, :320])
    assert picture[:, 320:].std() < 10 < image.std()


def test_a_larger_picture_than_planned_for_is_refused() -> None:
    snapshot = Snapshot(0.0, (640, 360), ((CutOut((0,), (0, 0, 10, 10)),),), ())
    with pytest.raises(ValueError, match="planned for"):
        draw_snapshot(textured(320, 640), snapshot)


def test_beside_a_picture_of_another_shape_is_black() -> None:
    areas = (Area((0, 0, 640, 360), True),)
    snapshot = Snapshot(0.0, (640, 360), ((CutOut((0,), (0, 0, 640, 360)),),), areas)
    made = draw_snapshot(textured(200, 360), snapshot)
    assert made[:, 210:].max() == 0
    assert made[:, :200].std() > 10
