"""What version 2 of the scoring promises about a whole call."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from inference.assess import AssessOptions, assess_identities
from inference.schema.analysis import CallAnalysis
from inference.schema.arrays import EXPRESSIONS, F64
from inference.schema.meeting import SpeakerTurn
from inference.schema.observations import Observations
from inference.scoring.engagement import engagement_course, running_median
from inference.scoring.profiles import PROFILES
from tests.unit.scoring.test_assess import identities, named, observed
from tests.unit.scoring.test_score import pure

SALES = PROFILES["sales"]
NAN = float("nan")


def look(seen: Observations, **shares: float) -> Observations:
    """Return the call with every happy face showing these probabilities instead, else neutral."""
    row = np.array([shares.get(name, 0.0) for name in EXPRESSIONS], np.float32)
    row[EXPRESSIONS.index("neutral")] += 1 - row.sum()
    probs = seen.faces.probs.copy()
    probs[probs[:, EXPRESSIONS.index("happy")] == 1] = row
    return replace(seen, faces=replace(seen.faces, probs=probs))


def scored(
    seen: Observations, turns: list[SpeakerTurn], profile: str = "sales", version: int = 2
) -> CallAnalysis:
    """Score Ana, the seller, in track 1 and Ben, the buyer, in track 2."""
    return assess_identities(
        seen, identities([named("Ana", "rep"), named("Ben")], {1: 0, 2: 1}), turns, [], [],
        AssessOptions(profile=profile, version=version),
    )  # fmt: skip


def take_turns(length_s: int, each_s: int) -> list[SpeakerTurn]:
    names = ("Ana", "Ben")
    return [
        SpeakerTurn(start, start + each_s, names[start // each_s % 2], names[start // each_s % 2])
        for start in range(0, length_s, each_s)
    ]


@pytest.mark.parametrize("shares", [{}, {"happy": 0.4}, {"sad": 0.5}, {"surprise": 0.8}])
def test_a_change_of_turn_on_an_unchanged_face_is_no_change(shares: dict[str, float]) -> None:
    seen = look(observed({1: "h" * 480, 2: "h" * 480}), **shares)
    analysis = scored(seen, take_turns(240, 40))
    assert analysis.moments == ()
    for person in analysis.participants:
        listening = person.series.listening
        known = listening[~np.isnan(listening)]
        assert len(known) == 240
        assert np.ptp(known) < 1e-6


def test_a_mouth_that_moves_while_speaking_is_no_change_either() -> None:
    # While they speak their faces read as surprised.
    ana, ben = ("h" * 80 + "n" * 80) * 3, ("n" * 80 + "h" * 80) * 3
    seen = look(observed({1: ana, 2: ben}), surprise=0.9)
    assert any(m.kind in ("rise", "fall") for m in scored(seen, []).moments)
    assert scored(seen, take_turns(240, 40)).moments == ()


def test_a_smile_only_while_speaking_is_no_moment_of_listening() -> None:
    seen = observed({1: "n" * 480, 2: ("n" * 80 + "h" * 80) * 3})
    turns = take_turns(240, 40)
    assert "to_happy" in {moment.kind for moment in scored(seen, []).moments}
    assert scored(seen, turns).moments == ()


def test_a_mouth_that_opens_a_second_before_the_turn_is_no_moment() -> None:
    seen = look(observed({1: "n" * 480, 2: ("n" * 78 + "hh" + "n" * 80) * 3}), surprise=1.0)
    assert scored(seen, take_turns(240, 40)).moments == ()


def test_a_fall_among_short_turns_is_found() -> None:
    seen = observed({1: "n" * 480, 2: "h" * 60 + "n" * 120 + "h" * 60 + "n" * 240})
    (fall,) = [m for m in scored(seen, take_turns(240, 4)).moments if m.change_s > 100]
    assert (fall.kind, fall.participants) == ("fall", (1,))
    # Ben listens at 114.5 and 121.5 s. In between he speaks: when he stopped is not to be told.
    assert 114.5 < fall.change_s < 121.5


def test_the_order_of_the_minutes_moves_the_mean_by_less_than_a_point() -> None:
    rng = np.random.default_rng(4)
    probs = rng.dirichlet([0.3, 0.1, 0.2, 0.8, 0.4, 0.4, 2.5], 1200).astype(np.float32)
    probs[600:800] = pure("h" * 200)
    attention: F64 = np.clip(rng.normal(0.9, 0.2, 1200), 0, 1)
    t_s = np.arange(1200, dtype=np.float64) * 0.5
    means = []
    for order in (range(10), rng.permutation(10), rng.permutation(10)):
        at = np.concatenate([np.arange(k * 120, k * 120 + 120) for k in order])
        course = engagement_course(t_s, 0.5, probs[at], attention[at], [], SALES)
        means.append(course.values.mean())
    assert np.ptp(means) < 0.01


def test_a_camera_off_for_half_the_time_halves_coverage_and_leaves_the_mean() -> None:
    minute = "n" * 80 + "h" * 40
    always = scored(observed({1: "n" * 480, 2: minute * 4}), []).participants[1].score
    half = scored(observed({1: "n" * 480, 2: (minute + "." * 120) * 2}), []).participants[1].score
    assert always.engagement is not None
    assert half.engagement is not None
    assert half.engagement.value == pytest.approx(always.engagement.value, abs=1e-6)
    assert half.coverage == pytest.approx(always.coverage / 2)


def test_a_prospect_who_stops_smiling_falls_and_a_rep_who_always_smiles_stays() -> None:
    seen = observed({1: "h" * 120, 2: "n" * 70 + "h" * 20 + "a" * 30})
    analysis = scored(seen, [SpeakerTurn(0, 5, "Ben", "Ben")])
    ana, ben = (person.series.engagement for person in analysis.participants)
    assert (ben[80], ben[100]) == pytest.approx((1.0, 0.339), abs=1e-3)
    assert ana == pytest.approx(0.825)


def test_who_only_spoke_has_a_mean_over_everything_and_says_so() -> None:
    seen = observed({1: "n" * 160 + "h" * 80, 2: "n" * 240})
    ana, ben = scored(seen, [SpeakerTurn(2, 118, "Ana", "Ana")]).participants
    assert (ana.score.basis, ben.score.basis) == ("all", "listening")
    assert (ana.score.listening_s, ben.score.listening_s) == (4, 120)
    assert ana.score.engagement is not None
    assert ana.score.engagement.value == pytest.approx(np.nanmean(ana.series.engagement))
    assert ana.score.speaking is not None
    assert ben.score.speaking is None
    # Of her listening line hardly anything is left, so there is nothing to draw or to average.
    assert np.isnan(ana.series.rolling_60s).all()


def test_without_turns_everything_counts_as_listening_and_the_analysis_says_so() -> None:
    seen = look(observed({1: "n" * 120, 2: "n" * 60 + "h" + "n" * 59}), surprise=1.0)
    blind, heard = scored(seen, []), scored(seen, [SpeakerTurn(0, 10, "Ana", "Ana")])
    assert (blind.turns_known, heard.turns_known) == (False, True)
    assert [p.score.turns_known for p in blind.participants] == [False, False]
    # A moving mouth that nothing explains is smoothed away; a look while listening is one.
    assert blind.participants[1].series.engagement.max() == pytest.approx(0.65)
    assert heard.participants[1].series.engagement.max() > 0.85


def test_a_face_without_a_name_may_be_the_one_who_speaks() -> None:
    seen = look(observed({1: "n" * 120, 2: "n" * 60 + "h" + "n" * 59}), surprise=1.0)
    unnamed = replace(named("Person 2"), is_named=False)
    analysis = assess_identities(
        seen, identities([named("Ana", "rep"), unnamed], {1: 0, 2: 1}),
        [SpeakerTurn(0, 10, "Ana", "Ana"), SpeakerTurn(20, 40, "Somebody", "Somebody")],
        [], [], AssessOptions(),
    )  # fmt: skip
    assert [p.score.turns_known for p in analysis.participants] == [True, False]
    assert analysis.participants[1].series.engagement.max() == pytest.approx(0.65)


def test_classic_stays_its_own_formula() -> None:
    seen = observed({1: "nnhs" * 60, 2: "h" * 240})
    turns = take_turns(120, 20)
    first, second = (scored(seen, turns, "classic", version) for version in (1, 2))
    for a, b in zip(first.participants, second.participants, strict=True):
        assert a.score.engagement == b.score.engagement
        assert a.series.engagement.tolist() == b.series.engagement.tolist()


@pytest.mark.parametrize("profile", ["classroom", "product_demo", "seminar", "general"])
def test_the_score_from_1_to_5_is_that_of_version_1(profile: str) -> None:
    seen = observed({1: "nnhs" * 60, 2: "h" * 240})
    turns = take_turns(120, 20)
    first, second = (scored(seen, turns, profile, version) for version in (1, 2))
    for a, b in zip(first.participants, second.participants, strict=True):
        assert a.score.score == b.score.score
    assert first.call.score == second.call.score


def test_a_median_over_time_reaches_as_far_over_a_gap_as_anywhere() -> None:
    t_s = np.array([0.0, 0.5, 1.0, 9.0, 9.5])
    values = np.array([0.0, 1.0, NAN, 0.4, 0.2])
    found = running_median(t_s, values, 3.0)
    assert found == pytest.approx([0.5, 0.5, NAN, 0.3, 0.3], nan_ok=True)
    assert len(running_median(t_s[:0], values[:0], 3.0)) == 0
