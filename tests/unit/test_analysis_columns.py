"""A scored call survives its file: every reader gets the figures that were computed."""

from __future__ import annotations

import copy
from dataclasses import asdict, fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest

from inference.analysis_columns import (
    OtherVersion,
    analysis_from_columns,
    analysis_to_columns,
)
from inference.assess import AssessOptions, assess
from inference.errors import InferenceError
from inference.schema.analysis import CallAnalysis, Series
from inference.schema.arrays import EXPRESSIONS
from inference.schema.meeting import SpeakerTurn, TranscriptLine
from inference.schema.observations import FaceColumns, Observations, Quality, View
from inference.serialize import pack_probs, unpack_probs


@pytest.fixture(scope="module")
def scored() -> CallAnalysis:
    """Two minutes of two people in a gallery, each missing now and then, scored for real."""
    rng = np.random.default_rng(7)
    t_s = np.arange(0, 120, 0.5)
    sample = np.repeat(np.arange(len(t_s), dtype=np.int32), 2)
    track = np.tile(np.array([0, 1], np.int32), len(t_s))
    kept = rng.random(len(sample)) < 0.9
    sample, track = sample[kept], track[kept]
    count = len(sample)
    probs = rng.dirichlet(np.ones(len(EXPRESSIONS)), count).astype(np.float32)
    probs[rng.random(count) < 0.05] = np.nan
    box = np.where(track[:, None] == 0, [10, 10, 110, 110], [330, 10, 430, 110])
    ones = np.ones(count, np.float32)
    faces = FaceColumns(
        sample=sample, track=track, box=box.astype(np.float32), confidence=ones,
        probs=unpack_probs(pack_probs(probs)), yaw_deg=20 * rng.random(count).astype(np.float32),
        pitch_deg=0 * ones, roll_deg=0 * ones, eye_opening=0.3 * ones, mouth_opening=0.1 * ones,
    )  # fmt: skip
    tiles = np.array([[0, 0, 320, 360], [320, 0, 640, 360]], np.float32)
    view = View(0, len(t_s), "gallery", tiles)
    seen = Observations(
        t_s, 0.5, 120.0, 640, 360, faces, (view,), Quality(notes=("a note",)), "expression-1"
    )
    turns = [SpeakerTurn(5.0, 40.0, "Dana", "1"), SpeakerTurn(45.0, 90.0, "Sam", "2")]
    lines = [TranscriptLine(6.0, 9.0, "Dana", "Shall we?"), TranscriptLine(7, 7, None, "hi", True)]
    return assess(seen, turns, lines, [], AssessOptions())


def back_from_columns(analysis: CallAnalysis) -> CallAnalysis:
    return analysis_from_columns(*analysis_to_columns(analysis))


def plain(value: Any) -> Any:
    """A record as nested tuples that compare with ==, NaN equal to NaN."""
    if isinstance(value, np.ndarray):
        return value.shape, np.nan_to_num(value, nan=-9.0).tolist()
    if isinstance(value, Series):
        return None  # the next test's
    if is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value


def test_every_figure_word_and_moment_comes_back_as_it_was(scored: CallAnalysis) -> None:
    kept = replace(scored.observations, faces=FaceColumns.empty(), views=())
    expected, back = replace(scored, observations=kept), back_from_columns(scored)
    assert plain(back) == plain(expected)


def test_rolling_means_come_back_exactly(scored: CallAnalysis) -> None:
    back = back_from_columns(scored)
    for old, new in zip(
        (*(p.series for p in scored.participants), scored.call_series),
        (*(p.series for p in back.participants), back.call_series),
        strict=True,
    ):
        for field in fields(Series):
            if field.name != "probs":
                np.testing.assert_array_equal(getattr(old, field.name), getattr(new, field.name))
        np.testing.assert_allclose(old.probs, new.probs, atol=6e-5)  # seven roundings of 1/131 068


def test_reading_and_writing_again_changes_nothing(scored: CallAnalysis) -> None:
    once = back_from_columns(scored)
    arrays, meta = analysis_to_columns(once)
    again, told = analysis_to_columns(analysis_from_columns(arrays, meta))
    assert told == meta
    for name, values in arrays.items():
        np.testing.assert_array_equal(values, again[name])


def test_an_analysis_from_before_the_talk_figures_still_opens(scored: CallAnalysis) -> None:
    arrays, meta = analysis_to_columns(scored)
    old: Any = copy.deepcopy(meta)
    del old["call"]["talk"]
    for side in old["sides"]:
        del side["talk"]
    for person in old["participants"]:
        talk = person["score"]["talk"]
        kept = ("talk_s", "share", "turns", "longest_monologue_s")
        person["score"]["talk"] = {name: talk[name] for name in kept}
    back = analysis_from_columns(arrays, old)
    dana, now = back.participants[0].score.talk, scored.participants[0].score.talk
    assert (dana.talk_s, dana.turns, dana.words) == (now.talk_s, now.turns, None)
    assert (back.sides[0].talk, back.call.talk.overlap_s) == (None, None)


def test_a_file_from_before_version_2_opens_as_it_was(scored: CallAnalysis) -> None:
    first = assess(
        scored.observations, scored.turns, scored.transcript, [], AssessOptions(version=1)
    )
    arrays, meta = analysis_to_columns(first)
    arrays.pop("speaking")
    fields_of_2 = ("basis", "listening_s", "speaking", "turns_known", "rest", "face_word_s")
    people: Any = meta["participants"]
    for person in people:
        person["score"] = {k: v for k, v in person["score"].items() if k not in fields_of_2}
    sides: Any = meta["sides"]
    for side in sides:
        for reaction in side["reactions"]:
            reaction.pop("listening_s")
    back = analysis_from_columns(arrays, meta)
    assert back.scoring_version == 1
    for old, new in zip(first.participants, back.participants, strict=True):
        assert new.score.engagement == old.score.engagement
        np.testing.assert_array_equal(old.series.rolling_30s, new.series.rolling_30s)
        np.testing.assert_array_equal(new.series.listening, new.series.engagement)


def test_another_version_says_so(scored: CallAnalysis) -> None:
    arrays, meta = analysis_to_columns(scored)
    with pytest.raises(OtherVersion):
        analysis_from_columns(arrays, meta | {"version": 99})


def test_moments_of_an_earlier_version_say_when_they_changed(scored: CallAnalysis) -> None:
    arrays, meta = analysis_to_columns(scored)
    old = {
        "start_s": 3.0, "end_s": 18.0, "kind": "fall", "participants": [0], "reason": "why",
        "before": 0.8, "after": 0.4, "strength": 0.4, "side": "", "speakers": [0],
        "lines": [{"start_s": 6.0, "end_s": 9.0, "speaker": "Dana", "text": "?", "is_chat": False}],
    }  # fmt: skip
    (moment,) = analysis_from_columns(arrays, meta | {"moments": [old]}).moments
    assert moment.change_s == 8.0
    assert [line.at_change for line in moment.lines] == [True]


@pytest.mark.parametrize("name", ["turns", "call", "participants", "observations", "moments"])
def test_a_damaged_field_is_an_error_of_the_analysis(scored: CallAnalysis, name: str) -> None:
    arrays, meta = analysis_to_columns(scored)
    with pytest.raises(InferenceError, match="damaged"):
        analysis_from_columns(arrays, meta | {name: 5})


def test_an_empty_call_survives() -> None:
    nothing = Observations(
        np.zeros(0), 0.5, 0.0, 640, 360, FaceColumns.empty(), (), Quality(), "expression-1"
    )
    empty = assess(nothing, [], [], [], AssessOptions())
    assert asdict(back_from_columns(empty).call) == asdict(empty.call)
