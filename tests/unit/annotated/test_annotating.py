"""What the annotated recording writes and counts: names in any script, numbers that stay, means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bot.annotated.canvas import Canvas, Palette, Patch
from bot.annotated.overlays import NamedSample, marks_at
from bot.annotated.panel import COLOURS, SOFT, Panel
from bot.annotated.recorder import Recorder
from bot.annotated.running_engagement import POINTS, Curves, Running, RunningEngagement
from bot.annotated.running_looks import RunningLooks
from bot.annotated.running_names import RunningNames, Who
from bot.text.draw_text import BOLD, draw_text, fit_text
from inference.assess import AssessOptions
from inference.attribution.attribute import Identities, Person
from inference.layout import Layout
from inference.observer import SeenSample
from inference.schema.analysis import Attribution
from inference.schema.arrays import F32, U8
from inference.schema.observations import FaceColumns, Observations, Quality
from inference.scoring.profiles import PROFILES

BT709 = Palette(0.2126, 0.0722, is_full_range=False)


def seen(
    t_s: float, faces: dict[int, tuple[float, float]], happy: float = 1.0, kind: str = "single"
) -> SeenSample:
    """A sample at two per second; each face has its left upper corner and is 40 px wide."""
    probs = np.zeros((len(faces), 7), np.float32)
    probs[:, 3], probs[:, 6] = happy, 1 - happy
    boxes = [[x, y, x + 40, y + 40] for x, y in (faces[track] for track in sorted(faces))]
    return SeenSample(
        sample=round(t_s * 2),
        t_s=t_s,
        offset_s=0.0,
        size_px=(640, 360),
        layout=Layout(kind, np.zeros((0, 4), np.float32), False, width_px=640),
        tracks=tuple(sorted(faces)),
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        confidence=np.full(len(faces), 0.9, np.float32),
        probs=probs,
    )


def named(sample: SeenSample) -> NamedSample:
    looks = RunningLooks(0.5).add(sample, {})
    return NamedSample(sample, {}, {}, Running(sample.t_s, {}), looks)


@pytest.mark.parametrize(
    "name",
    [
        "Ana Brandão",
        "Дмитрий",
        "محمد علي",
        "שרה לוי",
        "王小明",
        "さくら",
        "김민준",
        "प्रिया",
        "สมชาย",
    ],
)
def test_names_of_all_usual_scripts_are_drawn(name: str) -> None:
    drawn = draw_text(name, 20, (255, 255, 255), BOLD)
    assert drawn.shape[0] == draw_text("x", 20, (255, 255, 255)).shape[0]
    assert drawn.shape[1] > 20
    assert (drawn[:, :, 3] > 128).sum() > 60
    edges = np.concatenate([drawn[0, :, 3], drawn[:, -1, 3]])
    assert edges.max() < 200, "no letter is cut off"


def test_a_text_of_several_scripts_and_a_picture_is_drawn_whole() -> None:
    parts = [draw_text(part, 20, (255, 255, 255)).shape[1] for part in ("Kim", "민준", "🙂")]
    whole = draw_text("Kim 민준 🙂", 20, (255, 255, 255))
    assert whole.shape[1] == pytest.approx(sum(parts) + 10, abs=6), "and two spaces"
    assert (whole[:, :, :3] != 255).any(axis=2)[whole[:, :, 3] > 200].any(), "in its colours"


def test_a_long_name_is_cut_to_the_room_there_is() -> None:
    wide = draw_text("Maximiliane von Hohenstein-Oettingen", 20, (255, 255, 255))
    short = fit_text("Maximiliane von Hohenstein-Oettingen", 20, (255, 255, 255), 120)
    assert wide.shape[1] > 300
    assert 60 < short.shape[1] <= 120
    assert fit_text("\u202eabc\n", 20, (0, 0, 0), 500).shape[1] < 60


def test_a_patch_laid_into_the_planes_has_its_colour() -> None:
    canvas = Canvas(32, 32, 16, BT709)
    canvas.buffer[:] = 128
    red = np.zeros((8, 8, 4), np.uint8)
    red[:] = (220, 20, 40, 255)
    canvas.put_patch(Patch.of(red, BT709), 8, 8)
    frame = canvas.frame()
    frame.colorspace = 1  # BT.709, as the patch was made for
    image = frame.to_ndarray(format="rgb24", src_colorspace="ITU709")
    assert np.abs(image[10:14, 10:14].astype(int) - (220, 20, 40)).max() < 12
    canvas.put_patch(Patch.of(red, BT709), 28, -4)  # over the edge: the rest is cut off
    canvas.put_patch(Patch.of(red, BT709), -100, 500)


def test_what_is_hidden_leaves_a_few_means() -> None:
    canvas = Canvas(64, 64, 16, BT709)
    canvas.buffer[:] = np.random.default_rng(1).integers(0, 256, len(canvas.buffer))
    before = canvas.buffer[: 64 * 64].reshape(64, 64).copy()
    canvas.hide((9, 9, 51, 51), 4)
    after = canvas.buffer[: 64 * 64].reshape(64, 64)
    assert after[8:52, 8:52].std() < 0.2 * before.std()
    np.testing.assert_array_equal(after[:8], before[:8])
    np.testing.assert_array_equal(after[:, 52:], before[:, 52:])


def test_a_box_moves_evenly_between_samples_and_ends_half_way_when_lost() -> None:
    first, second = named(seen(1.0, {0: (100, 50), 1: (300, 50)})), named(seen(1.5, {0: (140, 70)}))
    (near, lost) = marks_at(1.1, first, second, 0.5)
    assert near.box.tolist() == pytest.approx([108, 54, 148, 94])
    assert lost.box[0] == 300
    (alone,) = marks_at(1.4, first, second, 0.5)
    assert alone.box.tolist() == pytest.approx([132, 66, 172, 106])
    assert (alone.look, alone.is_sure) == ("smiling", True)


def test_over_a_gap_a_box_does_not_wander() -> None:
    first, second = named(seen(1.0, {0: (100, 50)})), named(seen(9.0, {0: (500, 50)}))
    assert [mark.box[0] for mark in marks_at(1.2, first, second, 0.5)] == [100]
    assert marks_at(4.0, first, second, 0.5) == []
    assert [mark.box[0] for mark in marks_at(8.9, first, second, 0.5)] == [500]


def test_a_face_on_a_shared_screen_has_no_box() -> None:
    screen = named(seen(1.0, {0: (100, 50)}, kind="share"))
    assert marks_at(1.1, screen, None, 0.5) == []


def test_a_face_that_was_not_classified_is_not_read() -> None:
    (mark,) = marks_at(1.0, named(seen(1.0, {0: (1, 1)}, happy=math.nan)), None, 0.5)
    assert (mark.look, mark.is_sure) == ("", False)


def test_running_engagement_is_the_mean_of_the_last_30_seconds() -> None:
    running = RunningEngagement(PROFILES["sales"])
    who = {0: Who(0, "A", True, True), 1: Who(1, "B", True, True), 2: Who(2, "C", True, False)}
    faces = {0: (0.0, 0.0), 2: (200.0, 0.0)}
    for k in range(60):
        last = running.add(seen(k / 2, faces, happy=1.0 if k >= 30 else 0.0), who)
    neutral = PROFILES["sales"].weights[6]
    assert last.people == {0: pytest.approx((1 + neutral) / 2), 1: None}
    for k in range(60, 90):
        last = running.add(seen(k / 2, faces), who)
    assert last.people[0] == pytest.approx(1.0)
    for k in range(90, 93):  # a face turned away for a moment is still there
        last = running.add(seen(k / 2, {}), who)
    assert last.people[0] == pytest.approx(1.0)
    last = running.add(seen(93 / 2, {}), who)
    assert last.people[0] is None, "the last value is not carried on"


def test_lines_take_room_for_a_recording_longer_than_told() -> None:
    lines = Curves(10.0)
    for k in range(60):
        lines.add(Running(float(k), {0: 0.75}))
    assert lines.duration_s == 80
    known = lines.people[0][~np.isnan(lines.people[0])]
    assert np.allclose(known, 0.75)
    assert len(lines.people[0]) == POINTS
    assert np.isnan(lines.people[0][-1])


def test_the_strip_is_drawn_at_any_size() -> None:
    people = {k: Who(k, f"Person {k}", False, True) for k in range(30)}
    running = Running(7.0, dict.fromkeys(people, 0.5))
    for width, height in ((64, 64), (192, 64), (1280, 122), (3840, 240)):
        panel = Panel(width, height, 60.0, is_guessed=width == 64)
        panel.curves.add(running)
        looks = dict.fromkeys(people, "surprised-looking")
        assert panel.draw(running, people, looks).shape == (height, width, 3)


def test_who_is_seen_stands_in_the_legend_before_who_is_not() -> None:
    people = {k: Who(k, f"Nomen {k}", True, True) for k in range(8)}
    panel = Panel(1280, 122, 60.0, is_guessed=False)
    running = Running(7.0, {k: 0.5 if k == 6 else None for k in people})
    for k in people:
        panel.curves.add(Running(3.0, {k: 0.5}))
    legend = panel.draw(running, people, {6: "calm"})[:, 890:]
    assert (legend == COLOURS[6]).all(axis=2).sum() > 10, "a dot in the person's colour"
    assert not (legend == COLOURS[5]).all(axis=2).any()


def drawn_legend(value: float | None, look: str) -> U8:
    """The legend of one person with this mean, whose face showed this when last seen."""
    panel = Panel(1280, 122, 60.0, is_guessed=False)
    people = {0: Who(0, "Ada", True, True)}
    panel.curves.add(Running(3.0, {0: 0.5}))
    return panel.draw(Running(7.0, {0: value}), people, {0: look} if look else {})[:, 900:]


def test_the_strip_says_not_seen_for_a_camera_that_is_off_and_a_word_else() -> None:
    off = drawn_legend(None, "")
    np.testing.assert_array_equal(off, drawn_legend(None, "smiling"))
    assert not (off != drawn_legend(0.7, "not seen")).any(axis=2)[:, :60].any(), "the same name"
    shown = draw_text("not seen", 14, SOFT, BOLD)
    right = off.shape[1] - round(0.8 * 14)
    part = off[4 : 4 + shown.shape[0], right - shown.shape[1] : right]
    inked = shown[:, :, 3] > 250
    assert np.abs(part[inked].astype(int) - SOFT).max() < 6


def test_words_are_told_against_the_face_that_a_person_has_at_rest() -> None:
    who = {0: Who(0, "Ada", True, True)}
    often = RunningLooks(0.5)
    for k in range(120):
        looks = often.add(seen(k / 2, {0: (9, 9)}, happy=0.4), who)
        if k == 8:
            assert looks == {0: "smiling"}, "her rest is not known yet"
    assert looks == {0: "calm"}, "that is how her face is"
    for k in range(120, 124):
        looks = often.add(seen(k / 2, {0: (9, 9)}, happy=0.9), who)
    assert looks == {0: "smiling"}
    assert often.add(seen(62.0, {}), who) == {}
    assert often.add(seen(63.0, {0: (9, 9)}, happy=math.nan), who) == {}


def observed(samples: Sequence[SeenSample]) -> Observations:
    rows = [(s.sample, t, b) for s in samples for t, b in zip(s.tracks, s.boxes, strict=True)]
    numbers: F32 = np.zeros(len(rows), np.float32)
    return Observations(
        t_s=np.array([s.t_s for s in samples]),
        sample_interval_s=0.5,
        duration_s=samples[-1].t_s + 0.5,
        width_px=640,
        height_px=360,
        faces=FaceColumns(
            sample=np.array([row[0] for row in rows], np.int32),
            track=np.array([row[1] + 10 for row in rows], np.int32),  # not as the tracker has them
            box=np.array([row[2] for row in rows], np.float32),
            confidence=numbers,
            probs=np.zeros((len(rows), 7), np.float32),
            yaw_deg=numbers, pitch_deg=numbers, roll_deg=numbers,
            eye_opening=numbers, mouth_opening=numbers,
        ),
        views=(),
        quality=Quality(),
        model="",
    )  # fmt: skip


def test_a_person_keeps_number_and_colour_when_a_name_comes() -> None:
    def person(name: str, key: str = "") -> Person:
        return Person(name, key, bool(key), "prospect" if key else "unknown", False, 0.0)

    every = iter(
        [
            Identities((person("Person 1"), person("Person 2")),
                 (Attribution(10, 0, 0.0), Attribution(11, 1, 0.0))),
            Identities((person("Ada", "k1"), person("Person 1")),
                 (Attribution(10, 1, 0.0), Attribution(11, 0, 0.99))),
        ]
    )  # fmt: skip
    names = RunningNames(lambda seen: (seen, next(every)), AssessOptions(score_own_side=False))
    samples: list[SeenSample] = []
    named: list[dict[int, Who]] = []
    for k in range(30):
        samples.append(seen(k / 2, {0: (100 + k, 50), 1: (300, 50 + k)}))
        named.append(dict(names.note(samples[-1])))
        if names.is_due and len(named) in (6, 24):
            names.learn(observed(samples))
    assert named[2] == {}
    assert [named[10][track].name for track in (0, 1)] == ["Person 1", "Person 2"]
    assert not any(who.is_scored for who in named[10].values())
    assert [named[-1][track].name for track in (0, 1)] == ["Person 1", "Ada"]
    assert [named[-1][t].number for t in (0, 1)] == [named[10][t].number for t in (0, 1)]
    assert [named[-1][track].is_scored for track in (0, 1)] == [False, True]


def test_a_shown_face_is_noted_wherever_it_was_for_the_whole_call_to_say_whose(
    tmp_path: Path,
) -> None:
    ada = Person("Ada", "k1", True, "prospect", False, 1.0)
    identities = Identities((ada,), (Attribution(10, 0, 1.0),))
    options = AssessOptions(score_own_side=False)
    recorder = Recorder([], tmp_path / "o.mp4", lambda seen: (seen, identities), options, 2.0)
    samples: list[SeenSample] = []
    for k in range(16):  # known after a second; in another place from the fifth on
        samples.append(seen(k / 2, {0: (100 if k < 10 else 400, 50)}))
        recorder.sample(samples[-1])
        recorder.between(lambda: observed(samples))
    noted = [(at.t_s, at.x) for at in recorder.sightings()]
    recorder.drop()
    assert noted == [(1.5, 120 / 640), (5.0, 420 / 640)]
