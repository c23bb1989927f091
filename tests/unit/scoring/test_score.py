"""Figures of a person and of the call: laws that hold for any input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.schema.arrays import EXPRESSIONS, F32
from inference.schema.meeting import SpeakerTurn, TranscriptLine
from inference.schema.observations import FaceColumns, Observations, Quality
from inference.scoring.intervals import cosines_for, estimate_mean, estimate_trend
from inference.scoring.profiles import PROFILES, SALES_WEIGHTS, Profile
from inference.scoring.score import (
    Faces,
    Scored,
    build_series,
    engagement_of,
    person_span,
    score_call,
    score_person,
    score_windows,
    select_faces,
    time_in_call,
)
from inference.speech.turns import NO_TALK, usable_turns

SALES = PROFILES["sales"]
quick = settings(max_examples=25, deadline=None)


def observed(
    samples: int, faces: FaceColumns | None = None, interval_s: float = 0.5
) -> Observations:
    return Observations(
        t_s=np.arange(samples, dtype=np.float64) * interval_s,
        sample_interval_s=interval_s,
        duration_s=samples * interval_s,
        width_px=1280,
        height_px=720,
        faces=FaceColumns.empty() if faces is None else faces,
        views=(),
        quality=Quality(),
        model="expression-1",
    )


def person(probs: F32, profile: Profile = SALES, version: int = 2) -> Scored:
    seen = np.asarray(~np.isnan(probs).any(axis=1))
    faces = Faces(seen, probs, np.where(seen, 1.0, np.nan))
    return Scored(faces, engagement_of(observed(len(probs)), faces, [], profile, version))


def pure(labels: str) -> F32:
    """Probabilities of a course such as "nnhh.": n neutral, h happy, a angry, . not seen."""
    names = {"n": "neutral", "h": "happy", "a": "angry", "s": "sad"}
    probs = np.zeros((len(labels), 7), np.float32)
    for i, letter in enumerate(labels):
        if letter == ".":
            probs[i] = np.nan
        else:
            probs[i, EXPRESSIONS.index(names[letter])] = 1
    return probs


@st.composite
def courses(draw: st.DrawFn) -> F32:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    probs = rng.dirichlet(np.full(7, draw(st.sampled_from([0.1, 1.0, 10.0]))), 150)
    probs[rng.random(150) < draw(st.sampled_from([0.0, 0.3, 0.9]))] = np.nan
    return probs.astype(np.float32)


@quick
@given(courses())
@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_engagement_and_its_interval_stay_on_the_scale(profile, probs) -> None:  # type: ignore[no-untyped-def]
    figures, series = score_person(
        observed(150), person(probs, profile), profile, (0.0, 75.0), NO_TALK
    )
    course = series.engagement[~np.isnan(series.engagement)]
    assert ((course >= 0) & (course <= 1)).all()
    if figures.engagement is not None:
        estimate = figures.engagement
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
        assert estimate.low < estimate.high
        assert 1 <= estimate.n_effective <= len(course)
    if figures.score is not None:
        assert 1 <= figures.score.low <= figures.score.value <= figures.score.high <= 5


@quick
@given(courses())
def test_time_in_expressions_sums_to_the_time_the_face_was_seen(probs: F32) -> None:
    figures, _ = score_person(observed(150), person(probs), SALES, (0.0, 75.0), NO_TALK)
    assert sum(figures.expression_s.values()) == pytest.approx(figures.face_s)
    assert figures.coverage == pytest.approx(figures.face_s / 75)
    if figures.expressions:
        assert sum(figures.expressions.values()) == pytest.approx(1, abs=1e-5)


@quick
@given(courses(), st.permutations(range(7)))
def test_weights_follow_the_expressions_whatever_their_order(probs: F32, order: list[int]) -> None:
    moved = type(SALES)("moved", tuple(SALES.weights[i] for i in order))
    assert moved.engagement(probs[:, order]) == pytest.approx(
        SALES.engagement(probs), abs=1e-6, nan_ok=True
    )


def test_doubt_moves_sales_to_the_middle_and_classic_to_the_bottom() -> None:
    sure = np.zeros((1, 7), np.float32)
    sure[0, EXPRESSIONS.index("happy")] = 1
    flat = np.full((1, 7), 1 / 7, np.float32)
    assert SALES.engagement(sure)[0] == pytest.approx(1)
    assert SALES.engagement(flat)[0] == pytest.approx(np.mean(list(SALES_WEIGHTS.values())))
    assert PROFILES["classic"].engagement(flat)[0] < 0.15


@quick
@given(courses(), courses())
def test_the_call_does_not_care_about_the_order_of_people(first: F32, second: F32) -> None:
    def call(order: list[F32]) -> tuple[object, object]:
        seen = observed(150)
        people = [
            (score_person(seen, person(p), SALES, (0.0, 75.0), NO_TALK)[0], person(p))
            for p in order
        ]
        figures, series = score_call(seen, people, SALES, 150.0, 0.0, 0.0)
        estimate = figures.engagement
        key = None if estimate is None else (estimate.value, estimate.low, figures.stability)
        return key, series.engagement

    ahead, behind = call([first, second]), call([second, first])
    assert ahead[0] == pytest.approx(behind[0])
    assert ahead[1] == pytest.approx(behind[1], nan_ok=True)


@quick
@given(courses())
def test_two_people_alike_score_the_call_like_one(probs: F32) -> None:
    seen = observed(150)
    one = (score_person(seen, person(probs), SALES, (0.0, 75.0), NO_TALK)[0], person(probs))
    alone, _ = score_call(seen, [one], SALES, 75.0, 0.0, 0.0)
    twice, _ = score_call(seen, [one, one], SALES, 150.0, 0.0, 0.0)
    assert (alone.engagement is None) == (twice.engagement is None)
    if alone.engagement is not None and twice.engagement is not None:
        assert twice.engagement.value == pytest.approx(alone.engagement.value, abs=1e-6)
        assert twice.engagement.high == pytest.approx(alone.engagement.high, abs=1e-5)
    assert twice.coverage == pytest.approx(alone.coverage)


def test_nobody_seen_gives_no_figure_and_no_zero() -> None:
    figures, series = score_person(observed(20), person(pure("." * 20)), SALES, (0, 10), NO_TALK)
    assert (figures.engagement, figures.trend_per_min, figures.stability) == (None,) * 3
    assert figures.expression_s == figures.expressions == {}
    assert np.isnan(series.cumulative).all()
    call, _ = score_call(observed(20), [], SALES, 0.0, 0.0, 0.0)
    assert call.engagement is None
    assert call.coverage == 0


def test_an_empty_recording_gives_no_figure() -> None:
    figures, series = score_person(observed(0), person(pure("")), SALES, (0, 0), NO_TALK)
    assert figures.engagement is None
    assert len(series.engagement) == 0


def test_a_face_that_never_moves_still_has_an_interval() -> None:
    for seconds in (1, 10, 100, 1000):
        estimate = estimate_mean(np.full(seconds * 2, 0.5), 0.5, (0, 1))
        assert estimate is not None
        assert estimate.high - estimate.low > 0.01
    short = estimate_mean(np.full(4, 0.5), 0.5, (0, 1))
    assert short is not None
    assert (short.low, short.high, short.n_effective) == (0, 1, 1)


def test_more_correlated_samples_are_worth_less() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0.5, 0.1, 1200)
    slow = np.convolve(rng.normal(0.5, 0.1, 1239), np.ones(40) / 40, "valid")
    slow = 0.5 + (slow - slow.mean()) * noise.std() / slow.std()
    fast_estimate, slow_estimate = (estimate_mean(x, 0.5, (0, 1)) for x in (noise, slow))
    assert fast_estimate is not None
    assert slow_estimate is not None
    assert slow_estimate.n_effective < fast_estimate.n_effective / 3


def test_the_number_of_cosines_stays_within_its_limits() -> None:
    assert [cosines_for(s) for s in (0, 27, 64, 999, 1000, 9e9)] == [3, 3, 4, 9, 10, 12]


def test_stability_counts_changes_of_the_most_likely_expression() -> None:
    figures, _ = score_person(observed(8), person(pure("nn.hhnnn")), SALES, (0, 4), NO_TALK)
    assert figures.stability == pytest.approx(1 - 2 / 7)
    assert figures.face_s == 3.5
    assert figures.expression_s["happy"] == 1.0


def test_a_rising_face_has_a_rising_trend_per_minute() -> None:
    t_s = np.arange(240, dtype=np.float64) * 0.5
    trend = estimate_trend(t_s, 0.2 + t_s / 600, 0.5)
    assert trend is not None
    assert trend.value == pytest.approx(0.1)
    assert trend.low < 0.1 < trend.high


def columns(rows: list[tuple[int, int, float, str]]) -> FaceColumns:
    """Faces from (sample, track, side of the box in px, letter of `pure`)."""
    n = len(rows)
    angle = np.zeros(n, np.float32)
    return FaceColumns(
        sample=np.array([row[0] for row in rows], np.int32),
        track=np.array([row[1] for row in rows], np.int32),
        box=np.array([[0, 0, row[2], row[2]] for row in rows], np.float32).reshape(-1, 4),
        confidence=np.ones(n, np.float32),
        probs=pure("".join(row[3] for row in rows)),
        yaw_deg=angle,
        pitch_deg=angle,
        roll_deg=angle,
        eye_opening=angle + 0.3,
        mouth_opening=angle,
    )


def test_the_largest_classified_face_of_a_person_counts() -> None:
    rows = [(0, 1, 50, "h"), (0, 2, 80, "n"), (0, 3, 99, "."), (1, 1, 50, "h"), (2, 3, 99, ".")]
    faces = columns([*rows, (1, 9, 400, "a")])
    (only,) = select_faces(observed(4, faces), {1: 0, 2: 0, 3: 0}, 1)
    assert only.present.tolist() == [True, True, True, False]
    assert only.probs[:2].argmax(axis=1).tolist() == [
        EXPRESSIONS.index("neutral"),
        EXPRESSIONS.index("happy"),
    ]
    assert np.isnan(only.probs[2:]).all()


@quick
@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(random) -> None:  # type: ignore[no-untyped-def]
    rows = [
        (s, t, 40.0 + 7 * ((s * t) % 5), "nhas."[(s + t) % 5]) for s in range(9) for t in range(3)
    ]
    mixed = random.sample(rows, len(rows))
    owners = {0: 0, 1: 0, 2: 1}
    for first, second in zip(
        select_faces(observed(9, columns(rows)), owners, 2),
        select_faces(observed(9, columns(mixed)), owners, 2),
        strict=True,
    ):
        assert np.array_equal(first.probs, second.probs, equal_nan=True)


def test_a_face_that_left_still_counts_as_in_the_call_until_its_end() -> None:
    assert time_in_call(observed(40), (5.0, 10.0)) == (5.0, 20.0)
    assert time_in_call(observed(40), (0.0, 0.0)) == (0.0, 0.0)


def test_a_person_was_noticed_from_first_to_last_seen_or_heard() -> None:
    present = np.zeros(40, np.bool_)
    present[10:20] = True
    assert person_span(observed(40), present, []) == (5.0, 10.0)
    assert person_span(observed(40), present, [(2.0, 3.0), (12.0, 13.5)]) == (2.0, 13.5)
    assert person_span(observed(40), np.ones(40, np.bool_), []) == (0.0, 20.0)


def test_windows_cover_the_stretch_noticed_and_end_with_the_call() -> None:
    seen = observed(50)  # 25 s
    probs = pure("." * 24 + "n" * 16 + "h" * 10)
    _, series = score_person(seen, person(probs), SALES, (12.0, 25.0), NO_TALK)
    windows = score_windows(seen, 3, series, [(12.0, 14.0)], (12.0, 25.0), 10.0)
    assert [(w.start_s, w.end_s, w.samples) for w in windows] == [(10, 20, 16), (20, 25, 10)]
    assert [w.coverage for w in windows] == [0.8, 1.0]
    assert windows[0].engagement == pytest.approx(0.65)
    assert windows[1].engagement == pytest.approx(1)
    assert windows[0].talk_s == 2.0
    assert windows[1].expressions["happy"] == pytest.approx(1)


def test_rolling_means_forget_and_the_cumulative_one_does_not() -> None:
    t_s = np.arange(400, dtype=np.float64) * 0.5
    values = np.where(t_s < 100, 0.0, 1.0)
    series = build_series(t_s, values, values, pure("n" * 400))
    at = int(129.5 / 0.5)
    assert series.rolling_30s[at] == 1
    assert series.rolling_60s[at] == pytest.approx(0.5, abs=0.01)
    assert series.cumulative[at] == pytest.approx(30 / 130, abs=0.01)


def test_a_rolling_mean_needs_five_seconds_of_listening() -> None:
    t_s = np.arange(200, dtype=np.float64) * 0.5
    values, spoke = np.full(200, 0.6), (t_s >= 20) & (t_s < 90)
    series = build_series(t_s, values, values, pure("n" * 200), spoke, 10)
    shown = ~np.isnan(series.rolling_30s)
    assert t_s[shown].tolist() == [*np.arange(4.5, 45, 0.5), *np.arange(94.5, 100, 0.5)]
    assert (~np.isnan(series.cumulative)).tolist() == (t_s >= 4.5).tolist()


def test_without_a_timeline_the_transcript_tells_who_spoke() -> None:
    lines = [TranscriptLine(1, 4, "Dana", "Hi"), TranscriptLine(5, 6, None, "…")]
    assert usable_turns([], lines, 10.0) == (SpeakerTurn(1, 4, "Dana"),)
    turns = [SpeakerTurn(8, 20, "Sam"), SpeakerTurn(3, 2, "Sam"), SpeakerTurn(-1, 2, "Dana")]
    assert usable_turns(turns, lines, 10.0) == (
        SpeakerTurn(0, 2, "Dana"),
        SpeakerTurn(8, 10, "Sam"),
    )
