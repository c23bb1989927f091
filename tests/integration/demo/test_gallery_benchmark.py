"""The benchmark's recordings match their truth, and their side files can be read."""

from __future__ import annotations

import json
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from benchmarks.gallery import SCENARIOS, build_scenario, make_recording
from benchmarks.gallery.plan import Plan, plan_recording
from benchmarks.gallery.talk import SHORTEST_TURN_S
from inference.faces.detector import FaceDetector
from integrations.zoom.participants import parse_participant
from integrations.zoom.timeline import parse_timeline
from integrations.zoom.transcript import parse_vtt

SECONDS = 24.0
SIZE = (640, 360)


def played(name: str, seconds: float = 120.0, size: tuple[int, int] = (1280, 720)) -> Plan:
    return plan_recording(build_scenario(name), seconds=seconds, size=size)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gallery") / "changes"
    make_recording(folder, build_scenario("gallery_changes"), seconds=SECONDS, size=SIZE, fps=10)
    return folder


def truth_of(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "truth.json").read_bytes())
    return told


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("size", [(1920, 1080), (640, 360)])
def test_every_tile_is_inside_the_picture_and_tiles_in_a_grid_do_not_overlap(
    name: str, size: tuple[int, int]
) -> None:
    plan = played(name, size=size)
    width, height = plan.finished_size
    assert plan.stages[0].start_s == 0
    assert plan.stages[-1].end_s == plan.seconds
    for before, after in pairwise(plan.stages):
        assert before.end_s == after.start_s
    for stage in plan.stages:
        boxes = [plan.finished_box(tile.box) for tile in stage.tiles]
        for x0, y0, x1, y1 in boxes:
            assert 0 <= x0 < x1 <= width
            assert 0 <= y0 < y1 <= height
        if stage.kind == "gallery" or stage.kind == "share":
            for one, other in combinations(boxes, 2):
                beside = one[2] <= other[0] or other[2] <= one[0]
                assert beside or one[3] <= other[1] or other[3] <= one[1]


@pytest.mark.parametrize("people", [1, 2, 3, 7, 16, 25])
def test_a_gallery_of_any_number_shows_everybody_once(people: int) -> None:
    plan = plan_recording(build_scenario("gallery", people), seconds=10)
    assert [tile.who for tile in plan.stages[0].tiles] == list(range(people))


@pytest.mark.parametrize("name", SCENARIOS)
def test_only_people_in_the_call_speak(name: str) -> None:
    plan = played(name)
    for turn in plan.turns:
        stays = plan.scenario.stays(turn.who, plan.seconds)
        assert any(start <= turn.start_s < turn.end_s <= end for start, end in stays)


def test_a_speaker_view_shows_the_speaker_after_the_lag() -> None:
    plan = played("speaker", seconds=300)
    behind_s = [
        at.start_s
        - max(t.start_s for t in plan.turns if t.who == at.tiles[0].who and t.start_s < at.start_s)
        for at in plan.stages[1:]
    ]
    assert len(behind_s) > 10
    assert min(behind_s) >= 0.5
    assert max(behind_s) <= 1.5


def test_the_side_files_are_read_without_problems(recording: Path) -> None:
    names = {person["name"] for person in truth_of(recording)["participants"]}
    timeline = parse_timeline((recording / "timeline.json").read_bytes(), SECONDS)
    transcript = parse_vtt((recording / "transcript.vtt").read_bytes(), SECONDS)
    listed = json.loads((recording / "participants.json").read_bytes())
    people = [parse_participant(row) for row in listed["participants"]]
    assert timeline.problems == ()
    assert transcript.problems == ()
    assert {turn.username for turn in timeline.entries} <= names
    assert {line.speaker for line in transcript.lines} <= names
    assert {person.name for person in people} == names
    assert len(people) > len(names)  # somebody leaves and comes back


def test_the_timeline_says_who_speaks_slightly_late(recording: Path) -> None:
    timeline = parse_timeline((recording / "timeline.json").read_bytes(), SECONDS)
    for spoken in truth_of(recording)["speaking"]:
        if spoken["end_s"] - spoken["start_s"] >= SHORTEST_TURN_S:
            middle_s = (spoken["start_s"] + spoken["end_s"]) / 2 + 0.3
            assert any(
                turn.username == spoken["name"] and turn.start_s <= middle_s <= turn.end_s
                for turn in timeline.entries
            )


def test_everybody_has_a_sound_file_that_is_loud_only_while_they_speak(recording: Path) -> None:
    truth = truth_of(recording)
    assert len(list((recording / "audio").iterdir())) == len(truth["participants"])
    for person in truth["participants"]:
        with av.open(str(recording / "audio" / f"Audio only - {person['name']}.m4a")) as container:
            rate = container.streams.audio[0].rate
            parts = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
        sound = np.concatenate(parts)
        assert len(sound) / rate == pytest.approx(SECONDS, abs=0.2)
        at_s = np.arange(len(sound)) / rate
        speaks, near = np.zeros(len(sound), bool), np.zeros(len(sound), bool)
        for spoken in truth["speaking"]:
            if spoken["name"] == person["name"]:
                speaks |= (at_s >= spoken["start_s"]) & (at_s < spoken["end_s"])
                near |= (at_s >= spoken["start_s"] - 0.2) & (at_s < spoken["end_s"] + 0.2)
        assert np.std(sound[~near]) < 0.01
        if speaks.any():
            assert np.std(sound[speaks]) > 0.03


def test_faces_are_where_the_truth_says_and_only_speaking_mouths_move(recording: Path) -> None:
    truth = truth_of(recording)
    seen = missed = 0
    openings: dict[tuple[str, bool], list[float]] = {}
    with FaceDetector() as detector, av.open(str(recording / "recording.mp4")) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % 5:
                continue
            rows = [row for row in truth["faces"] if row["t_s"] == number // 10]
            if any(abs(number / 10 - at_s) < 1.1 for at_s in truth["changes"]):
                continue
            tiles = [np.array(row["box"], np.float32) for row in rows]
            image = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
            found = detector.detect(image, tiles)
            for row in rows:
                x0, y0, x1, y1 = row["box"]
                inside = [
                    face
                    for face in found
                    if x0 <= face.box[[0, 2]].mean() < x1 and y0 <= face.box[[1, 3]].mean() < y1
                ]
                seen += len(inside) == 1
                missed += len(inside) != 1
                is_speaking = any(
                    span["name"] == row["name"] and span["start_s"] <= number / 10 < span["end_s"]
                    for span in truth["speaking"]
                )
                for face in inside:
                    openings.setdefault((row["name"], is_speaking), []).append(face.mouth_opening)
    assert seen > 60
    assert missed == 0
    for name in {name for name, is_speaking in openings if is_speaking}:
        speaking, silent = openings[name, True], openings.get((name, False), [])
        if len(speaking) >= 8 and len(silent) >= 8:
            assert np.std(speaking) > 3 * np.std(silent)


def test_the_same_arguments_make_the_same_files(tmp_path: Path) -> None:
    scenario = build_scenario("mixed", 3)
    for name in "ab":
        make_recording(tmp_path / name, scenario, seconds=6, size=(320, 180), fps=5, seed=3)
    one, other = (
        {
            path.relative_to(tmp_path / name): path.read_bytes()
            for path in (tmp_path / name).rglob("*.*")
        }
        for name in "ab"
    )
    assert len(one) == 5 + 3
    assert one == other


def test_another_seed_makes_another_call() -> None:
    scenario = build_scenario("gallery")
    one, other = (plan_recording(scenario, seconds=30, seed=seed) for seed in (1, 2))
    assert one.turns != other.turns


def test_a_failed_recording_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(ValueError, match="contains no clips"):
        make_recording(
            tmp_path / "out", build_scenario("gallery"), seconds=6, faces=tmp_path / "none"
        )
    assert [path.name for path in tmp_path.iterdir()] == ["none"]


def test_without_labels_the_truth_has_none(tmp_path: Path) -> None:
    scenario = build_scenario("gallery", 2, labels=False)
    make_recording(tmp_path / "out", scenario, seconds=5, size=(320, 180), fps=5)
    assert {row["label"] for row in truth_of(tmp_path / "out")["faces"]} == {None}


def test_long_names_are_shortened_to_fit_the_tile() -> None:
    plan = played("names", size=SIZE)
    drawn = [plan.label(tile.who, tile.box, 0.0) or "" for tile in plan.stages[0].tiles]
    names = [person.name for person in plan.scenario.people]
    cut = [(label, name) for label, name in zip(drawn, names, strict=True) if label != name]
    assert cut
    assert all(label.endswith("…") and name.startswith(label[:-1].rstrip()) for label, name in cut)


def test_swapped_names_are_on_the_labels_and_not_in_the_truth() -> None:
    plan = played("exchanged_names")
    tile = plan.stages[0].tiles[0]
    first, second = (person.name for person in plan.scenario.people[:2])
    assert plan.label(tile.who, tile.box, 10.0) == first
    assert plan.label(tile.who, tile.box, 110.0) == second
    assert plan.stage(110.0).tiles[0].who == tile.who


def test_strangers_are_named_only_by_the_side_files(tmp_path: Path) -> None:
    make_recording(
        tmp_path / "out", build_scenario("unknown_names", 2), seconds=6, size=(320, 180), fps=5
    )
    names = {person["name"] for person in truth_of(tmp_path / "out")["participants"]}
    listed = json.loads((tmp_path / "out" / "participants.json").read_bytes())["participants"]
    assert len(listed) == 2
    assert not names & {row["name"] for row in listed}


def test_a_shifted_timeline_runs_late_and_one_of_another_meeting_does_not_fit(
    tmp_path: Path,
) -> None:
    starts = {}
    for name in ("gallery", "shifted_timeline", "foreign_timeline"):
        folder = tmp_path / name
        make_recording(folder, build_scenario(name, 2), seconds=30, size=(160, 90), fps=2)
        timeline = parse_timeline((folder / "timeline.json").read_bytes(), 30.0)
        starts[name] = [turn.start_s for turn in timeline.entries]
    true = starts["gallery"]
    assert starts["shifted_timeline"][0] == pytest.approx(true[0] + 12)
    assert abs(starts["foreign_timeline"][0] - true[0]) > 0.01
