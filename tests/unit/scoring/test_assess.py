"""A whole call, scored: people, figures, windows, moments and timeline agree with each other."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from inference.assess import AssessOptions, assess, assess_identities
from inference.attribution.attribute import Identities, Person
from inference.schema.analysis import Attribution, CallAnalysis
from inference.schema.arrays import EXPRESSIONS
from inference.schema.meeting import RosterEntry, SpeakerTurn, TranscriptLine
from inference.schema.observations import FaceColumns, Observations, Quality
from inference.scoring.profiles import PROFILES, SCORING_VERSIONS
from inference.timeline import series_at
from tests.places import VECTORS

CALL: dict[str, Any] = json.loads((VECTORS / "scoring_v1.json").read_text("utf-8"))["call"]
LETTERS = {"n": "neutral", "h": "happy", "a": "angry", "s": "sad", "x": None}


def named(name: str, side: str = "prospect", key: str = "") -> Person:
    return Person(
        name=name, key=key or name, is_named=True, side=side, is_host=side == "rep", confidence=1.0
    )


def observed(courses: dict[int, str], interval_s: float = 0.5) -> Observations:
    """Draw a call, a letter per sample and track: LETTERS, "." for no face, "x" for a blur."""
    samples = max((len(course) for course in courses.values()), default=0)
    rows = [
        (sample, track, course[sample])
        for sample in range(samples)
        for track, course in courses.items()
        if sample < len(course) and course[sample] != "."
    ]
    n = len(rows)
    probs = np.zeros((n, 7), np.float32)
    for i, (_, _, letter) in enumerate(rows):
        label = LETTERS[letter]
        if label is None:
            probs[i] = np.nan
        else:
            probs[i, EXPRESSIONS.index(label)] = 1
    angle = np.zeros(n, np.float32)
    return Observations(
        t_s=np.arange(samples, dtype=np.float64) * interval_s,
        sample_interval_s=interval_s,
        duration_s=samples * interval_s,
        width_px=640,
        height_px=360,
        faces=FaceColumns(
            sample=np.array([row[0] for row in rows], np.int32),
            track=np.array([row[1] for row in rows], np.int32),
            box=np.tile(np.array([10, 10, 90, 90], np.float32), (n, 1)),
            confidence=angle + 1,
            probs=probs,
            yaw_deg=angle,
            pitch_deg=angle,
            roll_deg=angle,
            eye_opening=angle + np.float32(0.3),
            mouth_opening=angle,
        ),
        views=(),
        quality=Quality(),
        model="expression-1",
    )


def identities(people: list[Person], tracks: dict[int, int]) -> Identities:
    return Identities(
        people=tuple(people),
        attributions=tuple(Attribution(track, person, 1.0) for track, person in tracks.items()),
    )


def pair(options: AssessOptions | None = None) -> CallAnalysis:
    """Return a minute with a seller, who smiles halfway, and a buyer, who is away in the middle."""
    return assess_identities(
        observed({4: "n" * 60 + "h" * 60, 5: "n" * 40 + "." * 40 + "s" * 40}),
        identities([named("Ana", "rep"), named("Ben")], {4: 0, 5: 1}),
        [SpeakerTurn(0, 20, "Ana", "Ana"), SpeakerTurn(31, 60, "ben ", "")],
        [TranscriptLine(28, 33, "Ben", "Half the price?")],
        [RosterEntry("Ana", "Ana", "rep"), RosterEntry("Ben", "Ben")],
        options or AssessOptions(),
    )


def letters(runs: list[list[Any]]) -> str:
    return "".join(letter * count for letter, count in runs)


def test_a_whole_call_of_version_1_follows_the_vector() -> None:
    people = CALL["people"]
    analysis = assess_identities(
        observed({i: letters(person["course"]) for i, person in enumerate(people)}),
        identities(
            [named(person["name"]) for person in people], {i: i for i in range(len(people))}
        ),
        [SpeakerTurn(start, end, name) for start, end, name in CALL["turns"]],
        [],
        [],
        AssessOptions(profile=CALL["profile"], version=1),
    )
    assert analysis.scoring_version == 1
    for person, expected in zip(analysis.participants, people, strict=True):
        score = person.score
        assert score.engagement is not None
        assert score.score is not None
        assert score.attention is not None
        assert score.stability is not None
        found = {
            "engagement": score.engagement.value,
            "score": score.score.value,
            "attention": score.attention.value,
            "coverage": score.coverage,
            "face_s": score.face_s,
            "stability": score.stability,
            "first_seen_s": person.first_seen_s,
            "last_seen_s": person.last_seen_s,
            "talk_s": score.talk.talk_s,
            "talk_share": score.talk.share,
            "turns": score.talk.turns,
            "longest_monologue_s": score.talk.longest_monologue_s,
        }
        assert found == pytest.approx(expected["expected"], abs=1e-6)
        assert score.expression_s == pytest.approx(expected["expression_s"])
        windows = [w for w in analysis.windows if w.participant == person.index]
        found_windows = [
            [w.start_s, w.end_s, w.samples, w.coverage, w.talk_s, w.engagement] for w in windows
        ]
        assert np.array(found_windows, float) == pytest.approx(
            np.array(expected["windows"]), abs=1e-6
        )
    call = analysis.call
    assert call.engagement is not None
    assert call.stability is not None
    assert {
        "engagement": call.engagement.value,
        "coverage": call.coverage,
        "stability": call.stability,
        "talk_s": call.talk_s,
        "silence_s": call.silence_s,
    } == pytest.approx(CALL["expected"], abs=1e-6)


def test_each_person_has_their_face_and_their_talk() -> None:
    analysis = pair()
    ana, ben = analysis.participants
    assert (ana.score.face_s, ben.score.face_s) == (60, 40)
    assert ben.score.coverage == pytest.approx(40 / 60)
    assert ben.score.talk.talk_s == 29  # by name, whatever the spaces and capitals
    assert ana.score.talk.share + ben.score.talk.share == pytest.approx(1)
    assert analysis.call.talk_s == 49
    assert analysis.call.silence_s == 11
    assert ana.score.attention is not None
    assert ana.score.attention.value == pytest.approx(1)


@pytest.mark.parametrize("version", SCORING_VERSIONS)
def test_the_call_is_the_mean_of_those_present_who_listen(version: int) -> None:
    analysis = pair(AssessOptions(version=version))
    series = np.stack([person.series.listening for person in analysis.participants])
    seen = ~np.isnan(series).all(axis=0)
    assert analysis.call_series.engagement[seen] == pytest.approx(
        np.nanmean(series[:, seen], axis=0)
    )
    assert np.isnan(analysis.call_series.engagement[~seen]).all()


@pytest.mark.parametrize("version", SCORING_VERSIONS)
def test_windows_agree_with_the_series_they_summarise(version: int) -> None:
    analysis = pair(AssessOptions(version=version))
    for window in analysis.windows:
        series = analysis.participants[window.participant].series
        t_s = analysis.observations.t_s
        inside = (t_s >= window.start_s) & (t_s < window.end_s)
        assert window.samples == np.count_nonzero(~np.isnan(series.engagement[inside]))
        if window.engagement is not None:
            assert window.engagement == pytest.approx(
                np.nanmean(series.listening[inside]), abs=1e-6
            )


def test_a_smile_gives_a_moment_with_the_words_around_it() -> None:
    moment = next(m for m in pair().moments if m.kind == "to_happy")
    assert moment.participants == (0,)
    assert [line.text for line in moment.lines] == ["Half the price?"]
    assert moment.reason == "Ana began to smile, for 30 seconds"


def test_the_own_side_unscored_leaves_nothing_of_its_faces() -> None:
    analysis = pair(AssessOptions(score_own_side=False))
    ana, ben = analysis.participants
    assert not ana.is_scored
    assert ben.is_scored
    score = ana.score
    assert (score.engagement, score.attention, score.score, score.stability) == (None,) * 4
    assert (score.trend_per_min, score.baseline_change) == (None, None)
    assert score.expressions == score.expression_s == {}
    assert (score.coverage, score.face_s) == (0, 0)
    assert score.talk.talk_s == 20
    for name in ("engagement", "attention", "rolling_30s", "rolling_60s", "cumulative", "probs"):
        assert np.isnan(getattr(ana.series, name)).all()
    own = [window for window in analysis.windows if window.participant == 0]
    assert own
    assert all(
        w.engagement is w.attention is None and w.expressions == {} and w.samples == 0 for w in own
    )
    assert sum(window.talk_s for window in own) == 20
    assert all(m.participants != (0,) or m.kind == "silence" for m in analysis.moments)
    assert np.array_equal(analysis.call_series.engagement, ben.series.listening, equal_nan=True)
    faces = analysis.observations.faces
    assert np.isnan(faces.probs[faces.track == 4]).all()
    assert np.isnan(faces.eye_opening[faces.track == 4]).all()
    assert not np.isnan(faces.probs[faces.track == 5]).any()


def test_an_unnamed_face_may_be_a_colleagues_and_is_left_unscored_too() -> None:
    analysis = assess_identities(
        observed({4: "n" * 60, 5: "h" * 60, 6: "hh" + "." * 58}),
        identities([named("Ana", "rep"), named("Person 1", "unknown")], {4: 0, 5: 1}),
        [],
        [],
        [],
        AssessOptions(score_own_side=False),
    )
    assert [person.is_scored for person in analysis.participants] == [False, False]
    assert np.isnan(analysis.observations.faces.probs).all()
    assert analysis.call.engagement is None


def test_scoring_again_from_what_was_kept_gives_the_same() -> None:
    first = pair()
    people = [named("Ana", "rep"), named("Ben")]
    again = assess_identities(
        first.observations, identities(people, {4: 0, 5: 1}), first.turns, first.transcript,
        [RosterEntry("Ana", "Ana", "rep"), RosterEntry("Ben", "Ben")], AssessOptions(),
    )  # fmt: skip
    assert again.call == first.call
    assert again.moments == first.moments
    assert again.windows == first.windows


def test_whoever_was_seen_for_two_seconds_or_spoke_is_a_participant() -> None:
    analysis = assess(
        observed({1: "n" * 20, 2: "...nnn" + "." * 14, 3: "xxxx" + "." * 16}),
        [SpeakerTurn(2, 4, "Heard")],
        [],
        [RosterEntry("Absent")],
        AssessOptions(),
    )
    assert [p.name for p in analysis.participants] == ["Person 1", "Person 2", "Heard"]
    assert [p.index for p in analysis.participants] == [0, 1, 2]
    assert {(a.track, a.participant) for a in analysis.attributions} == {(1, 0), (3, 1)}
    blurred, heard = analysis.participants[1:]
    assert blurred.score.engagement is None
    assert (blurred.first_seen_s, blurred.last_seen_s) == (0, 2)
    assert (heard.first_seen_s, heard.last_seen_s, heard.score.coverage) == (2, 4, 0)


def test_the_order_of_participants_changes_no_figure() -> None:
    seen = observed({4: "nh" * 60, 5: "ns" * 60})
    ahead = assess_identities(
        seen, identities([named("Ana"), named("Ben")], {4: 0, 5: 1}), [], [], [], AssessOptions()
    )
    behind = assess_identities(
        seen, identities([named("Ben"), named("Ana")], {4: 1, 5: 0}), [], [], [], AssessOptions()
    )
    assert ahead.call == behind.call
    assert ahead.participants[0].score == behind.participants[1].score


def test_one_to_five_profiles_add_a_score_and_keep_the_engagement() -> None:
    sales, general = pair(), pair(AssessOptions(profile="general"))
    assert sales.call.score is None
    assert general.call.score is not None
    assert general.call.engagement == sales.call.engagement
    assert 1 <= general.call.score.low <= general.call.score.high <= 5


def test_a_call_without_faces_or_talk_is_scored_as_empty() -> None:
    analysis = assess(observed({}), [], [], [], AssessOptions())
    assert (analysis.participants, analysis.windows, analysis.moments) == ((), (), ())
    assert analysis.call.engagement is None
    assert series_at(analysis, 10.0) == []
    still = assess(
        replace(observed({}), duration_s=30.0), [SpeakerTurn(1, 9, "Ana")], [], [], AssessOptions()
    )
    assert [p.name for p in still.participants] == ["Ana"]
    assert still.participants[0].score.talk.talk_s == 8


def test_options_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="choose one of sales"):
        AssessOptions(profile="poker")
    with pytest.raises(ValueError, match="choose one of 1, 2"):
        AssessOptions(version=3)
    for window_s in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="at least 1 s"):
            AssessOptions(window_s=window_s)
    assert set(PROFILES) == {
        "sales", "classic", "classroom", "product_demo", "seminar", "general",
    }  # fmt: skip


def test_the_timeline_is_the_series_at_a_coarser_resolution() -> None:
    analysis = pair()
    points = series_at(analysis, 25.0)
    assert [(p.start_s, p.end_s) for p in points] == [(0, 25), (25, 50), (50, 60)]
    assert points[0].speakers == ("Ana",)
    assert points[1].speakers == ("ben ",)
    assert [person.participant for person in points[0].people] == [0, 1]
    assert points[2].people[0].expression == "happy"
    fine = series_at(analysis, 0.5)
    ana = analysis.participants[0].series
    for name in ("rolling_30s", "rolling_60s", "cumulative"):
        told = [getattr(point.people[0], name) for point in fine]
        assert np.array(told, float) == pytest.approx(getattr(ana, name), nan_ok=True)
        whole = np.array([getattr(point, name) for point in fine], float)
        assert whole == pytest.approx(getattr(analysis.call_series, name), nan_ok=True)
    assert points[0].engagement == pytest.approx(
        np.nanmean(analysis.call_series.engagement[:50]), abs=1e-6
    )
    away = series_at(analysis, 5.0)[5]
    assert [(p.participant, p.engagement is None) for p in away.people] == [(0, False), (1, True)]
    # Ana speaks: her face was seen, and it is not compared with listening.
    speaking = points[0].people[0]
    assert (speaking.engagement is not None, speaking.coverage) == (True, 1)
    assert series_at(analysis, 10.0)[0].people[0].engagement is None
    for resolution_s in (0.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="resolution"):
            series_at(analysis, resolution_s)
