"""The evaluation of names, rule by rule, on truths and results written by hand."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from bot.cli.networks.name_evaluation import print_evaluation
from inference.attribution.evaluation.metrics import AttributionEvaluation, evaluate_attribution
from inference.attribution.evaluation.truth import WrongFile

LEFT = [0, 0, 100, 100]
RIGHT = [100, 0, 200, 100]
IN_LEFT = [40, 40, 60, 60]
IN_RIGHT = [140, 40, 160, 60]
GALLERY = {"start_s": 0.0, "end_s": 10.0, "kind": "gallery", "tiles": []}


def truth(
    seconds: int = 10, people: dict[str | None, list[int]] | None = None, **more: Any
) -> dict[str, Any]:
    """Ana on the left and Ben on the right, once a second, without a change."""
    people = {"Ana": LEFT, "Ben": RIGHT} if people is None else people
    faces = [
        {"t_s": float(t), "name": name, "box": box}
        for t in range(seconds)
        for name, box in people.items()
    ]
    return {
        "participants": [{"name": name} for name in people],
        "faces": faces,
        "changes": [],
        **more,
    }


def result(*faces: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"call": {"duration_s": 10.0}, "faces": list(faces), **more}


def face(
    t_s: float, box: list[int], name: str | None, track: int = 1, confidence: float = 0.97
) -> dict[str, Any]:
    confidence = confidence if name else 0.0
    return {"t_s": t_s, "box": box, "track": track, "name": name, "confidence": confidence}


def run(box: list[int], name: str | None, track: int = 1, seconds: int = 10) -> list[Any]:
    return [face(k / 2, box, name, track) for k in range(2 * seconds)]


def seconds_of(found: AttributionEvaluation) -> tuple[float, float, float]:
    return found.naming.right_s, found.naming.wrong_s, found.naming.unknown_s


def test_a_face_second_is_right_wrong_or_unknown() -> None:
    faces = [*run(IN_LEFT, "Ana"), *run(IN_RIGHT, None, 2)]
    faces[0]["name"] = "Ben"
    found = evaluate_attribution(truth(), result(*faces))
    assert seconds_of(found) == (9.5, 0.5, 10.0)
    assert found.naming.shares() == {"right": 0.475, "wrong": 0.025, "unknown": 0.5}
    assert found.confidently_wrong_s == 0.5
    assert found.people["Ben"].unknown_s == 10.0
    assert found.not_seen_s == 0


def test_a_name_is_right_letter_for_letter_only() -> None:
    found = evaluate_attribution(truth(people={"Ana": LEFT}), result(*run(IN_LEFT, "ana")))
    assert seconds_of(found) == (0, 10.0, 0)


def test_a_wrong_name_without_confidence_is_wrong_but_not_confidently() -> None:
    faces = [{**one, "confidence": 0.9} for one in run(IN_LEFT, "Ben")]
    found = evaluate_attribution(truth(), result(*faces))
    assert (found.naming.wrong_s, found.confidently_wrong_s) == (10.0, 0)


def test_what_lies_within_0_6_s_of_a_change_is_left_out() -> None:
    faces = [face(0.0, IN_LEFT, "Ana"), face(4.5, IN_LEFT, "Ben"), face(5.0, IN_LEFT, "Ben")]
    faces += [face(5.5, IN_LEFT, "Ben"), face(6.0, IN_LEFT, "Ana"), face(6.5, IN_LEFT, "Ana")]
    found = evaluate_attribution(truth(changes=[5.3]), result(*faces))
    # The samples nearest to the change are 5 (0.3 s away); 6 is 0.7 s away and stays.
    assert found.left_out_s == 1.0, "5.0 and, nearest to 5, 5.5"
    assert seconds_of(found) == (1.5, 0.5, 0)


def test_without_changes_a_moved_tile_is_one_and_both_its_neighbours_are_left_out() -> None:
    told = truth(4, {"Ana": LEFT})
    told["faces"] += truth(8, {"Ana": RIGHT})["faces"][4:]
    del told["changes"]
    found = evaluate_attribution(told, result(*run(IN_LEFT, "Ana", seconds=8)))
    # 3 and 4 s are left out, with the pictures up to 4.5 s. From then on the face is in no tile,
    # and it has a name.
    assert found.left_out_s == 2.0
    assert found.naming.right_s == 3.0
    assert found.no_participant_named_s == found.naming.wrong_s == 3.0


def test_a_face_in_a_slide_is_no_participant_and_naming_it_is_wrong() -> None:
    slide = [210, 10, 230, 30]
    found = evaluate_attribution(truth(), result(*run(slide, None)))
    assert (found.no_participant_s, seconds_of(found)) == (10.0, (0, 0, 0))
    assert found.naming.shares() == {"right": None, "wrong": None, "unknown": None}
    found = evaluate_attribution(truth(), result(*run(slide, "Ana")))
    assert (found.no_participant_named_s, found.naming.wrong_s) == (10.0, 10.0)


def test_the_smaller_of_two_tiles_that_lie_over_one_another_holds_the_face() -> None:
    told = truth(people={"Ana": [0, 0, 200, 200], "Ben": [150, 0, 200, 50]})
    found = evaluate_attribution(told, result(*run([160, 10, 180, 30], "Ben")))
    assert seconds_of(found) == (10.0, 0, 0)
    assert found.not_seen_s == 10.0, "Ana's face was not found"


def test_somebody_without_a_name_in_the_truth_is_to_stay_unknown() -> None:
    told = truth(people={None: LEFT})
    found = evaluate_attribution(told, result(*run(IN_LEFT, None)))
    assert (found.unnamed_s, seconds_of(found)) == (10.0, (0, 0, 0))
    found = evaluate_attribution(told, result(*run(IN_LEFT, "Ana")))
    assert seconds_of(found) == (0, 10.0, 0)


def test_several_people_in_one_tile_may_stay_unknown_or_bear_the_rooms_name() -> None:
    told = truth(people={"Room 2": LEFT})
    for row in told["faces"]:
        row["people"] = 3
    for given, wanted in ((None, (0, 0, 0)), ("Room 2", (10.0, 0, 0)), ("Ana", (0, 10.0, 0))):
        found = evaluate_attribution(told, result(*run(IN_LEFT, given)))
        assert seconds_of(found) == wanted
        assert found.unnamed_s == (10.0 if given is None else 0)


def test_where_the_truth_is_silent_only_its_layouts_tell_that_nobody_is_shown() -> None:
    told = truth(3)
    told["faces"] += [{**one, "t_s": one["t_s"] + 7} for one in truth(3)["faces"]]
    faces = [face(5.0, IN_LEFT, "Ana"), face(5.5, IN_LEFT, "Ana")]
    assert evaluate_attribution(told, result(*faces)).left_out_s == 1.0
    told["layouts"] = [{"start_s": 0, "end_s": 10, "kind": "share", "tiles": []}]
    assert evaluate_attribution(told, result(*faces)).no_participant_named_s == 1.0


def test_people_who_speak_for_20_s_are_told_apart() -> None:
    speaking = [
        {"name": "Ana", "start_s": 0.0, "end_s": 12.0},
        {"name": "Ana", "start_s": 20.0, "end_s": 28.0},
        {"name": "Ben", "start_s": 12.0, "end_s": 20.0},
    ]
    faces = [*run(IN_LEFT, "Ana", 1), *run(IN_RIGHT, None, 2)]
    found = evaluate_attribution(truth(speaking=speaking), result(*faces))
    assert found.speakers is not None
    assert found.speakers.shares() == {"right": 1.0, "wrong": 0.0, "unknown": 0.0}
    assert evaluate_attribution(truth(), result(*faces)).speakers is None


def test_a_track_that_goes_from_one_person_to_another_is_a_swap() -> None:
    faces = [face(k / 2, IN_LEFT if k < 10 else IN_RIGHT, None, track=7) for k in range(20)]
    found = evaluate_attribution(truth(), result(*faces))
    assert found.swaps == 1
    assert found.swaps_per_h == pytest.approx(360.0)
    trackless = [{k: v for k, v in one.items() if k != "track"} for one in faces]
    assert evaluate_attribution(truth(), result(*trackless)).swaps is None


def test_tracks_may_be_told_apart_by_texts() -> None:
    faces = [{**one, "track": f"track-{one['track']}"} for one in run(IN_LEFT, "Ana")]
    assert evaluate_attribution(truth(), result(*faces)).swaps == 0


def test_a_name_with_half_a_character_does_not_stop_the_table() -> None:
    name = "Ana \ud83d"
    found = evaluate_attribution(truth(people={name: LEFT}), result(*run(IN_LEFT, name)))
    printed = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    print_evaluation(found, Console(file=printed))
    printed.flush()


def test_a_layout_is_right_where_kind_and_every_tile_are() -> None:
    layouts = [{"start_s": 0.0, "end_s": 10.0, "kind": "gallery", "tiles": [LEFT, RIGHT]}]
    near = [{"box": [2, 0, 100, 100]}, {"box": [100, 0, 198, 100]}]
    views = [
        {"start_s": 0.0, "end_s": 4.0, "kind": "gallery", "tiles": near},
        {"start_s": 4.0, "end_s": 8.0, "kind": "gallery", "tiles": near[:1]},
        {"start_s": 8.0, "end_s": 10.0, "kind": "single", "tiles": []},
    ]
    found = evaluate_attribution(truth(layouts=layouts), result(*run(IN_LEFT, None), views=views))
    assert found.kind_right == pytest.approx(0.8)
    assert found.layout_right == pytest.approx(0.4)
    assert evaluate_attribution(truth(), result(views=views)).layout_right is None


def test_names_are_read_right_up_to_spaces_and_case() -> None:
    told = truth()
    for row in told["faces"]:
        row["label"] = "Ana Lee" if row["name"] == "Ana" else "Ben"
    labels = [
        {"start_s": 0.0, "end_s": 5.0, "box": LEFT, "text": "AnaLee", "confidence": 0.9},
        {"start_s": 0.0, "end_s": 10.0, "box": RIGHT, "text": "Bem", "confidence": 0.9},
    ]
    found = evaluate_attribution(told, result(*run(IN_LEFT, None), labels=labels))
    assert (found.names_read_right, found.names_read_wrong) == (0.25, 0.5)


def test_the_cost_is_told_per_minute_of_the_recording() -> None:
    elapsed = {"wall": 2.0, "cpu": 4.0, "naming_cpu": 0.4}
    found = evaluate_attribution(truth(), result(elapsed_s=elapsed))
    assert (found.wall_s_per_min, found.cpu_s_per_min) == (12.0, 24.0)
    assert found.naming_share_of_cpu == pytest.approx(0.1)
    assert evaluate_attribution(truth(), result()).cpu_s_per_min is None


@pytest.mark.parametrize(
    ("told", "got", "said"),
    [
        ([], result(), "The truth is JSON but not an object."),
        ({}, result(), 'The truth has no "faces" list.'),
        ({"faces": []}, result(), "The truth shows nobody"),
        (truth(), {"call": {}}, 'no "faces" list; analyse with --json --faces'),
        (truth(), {"faces": [{"t_s": 1.0}]}, 'row 0 has no "box"'),
        (truth(), {"faces": [{"t_s": "1", "box": LEFT}]}, 'no number in "t_s"'),
        (truth(), {"faces": [{"t_s": 1, "box": [1, 2, 3]}]}, "is not four numbers"),
        (truth(changes={}), result(), "changes are not a list"),
        ({"faces": [{"t_s": 1, "box": LEFT, "name": 7}]}, result(), "is not a string"),
        ({"faces": [{"t_s": 10**400, "box": LEFT}]}, result(), 'no number in "t_s"'),
        (truth(), result({**face(1, IN_LEFT, "Ben"), "confidence": "high"}), "is not a number"),
        (
            truth(),
            result({**face(1, IN_LEFT, "Ana"), "track": []}),
            "neither a number nor a string",
        ),
        (
            truth(layouts=[{**GALLERY, "tiles": 5}]),
            result(views=[GALLERY]),
            "the truth are not a list",
        ),
        (
            truth(layouts=[GALLERY]),
            result(views=[{**GALLERY, "tiles": [5]}]),
            "is not four numbers",
        ),
        (truth(layouts=[{**GALLERY, "end_s": 1e9}]), result(), "more than a week"),
    ],
)
def test_a_file_of_another_shape_is_refused_in_one_sentence(
    told: object, got: object, said: str
) -> None:
    with pytest.raises(WrongFile, match=said.replace("(", r"\(")):
        evaluate_attribution(told, got)
