"""What each side showed while each side spoke: told apart, with interval, never from nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from inference.assess import AssessOptions, assess_identities
from inference.schema.analysis import CallAnalysis, Reaction, SideScore
from inference.schema.meeting import SpeakerTurn
from inference.scoring.intervals import estimate_mean
from inference.scoring.profiles import ENGAGEMENT_SCALE
from tests.unit.scoring.test_assess import identities, named, observed

ANA, BEN, CAT = named("Ana", "rep"), named("Ben"), named("Cat")
TURNS = (
    SpeakerTurn(0, 30, "Ana", "Ana"),
    SpeakerTurn(25, 60, "Ben", "Ben"),  # 5 s at once with Ana
    SpeakerTurn(60, 70, "Ana", "Ana"),
)


def told(options: AssessOptions | None = None) -> CallAnalysis:
    """A minute and a half: the seller smiles while the buyers speak, who do so while she does."""
    return assess_identities(
        observed({
            1: "n" * 60 + "h" * 60 + "n" * 60,
            2: "h" * 60 + "n" * 60 + "h" * 60,
            3: "s" * 60 + "." * 60 + "s" * 60,
        }),
        identities([ANA, BEN, CAT], {1: 0, 2: 1, 3: 2}),
        TURNS,
        (),
        (),
        options or AssessOptions(),
    )  # fmt: skip


def side(analysis: CallAnalysis, name: str) -> SideScore:
    return next(side for side in analysis.sides if side.side == name)


def reaction(analysis: CallAnalysis, shown: str, speaking: str) -> Reaction:
    found = side(analysis, shown).reactions
    return next(reaction for reaction in found if reaction.speaking == speaking)


def test_each_side_has_its_people_and_their_joint_figures() -> None:
    analysis = told()
    assert [(s.side, s.people, s.scored) for s in analysis.sides] == [
        ("rep", (0,), 1),
        ("prospect", (1, 2), 2),
    ]
    rep, prospects = analysis.sides
    assert rep.engagement == analysis.participants[0].score.engagement
    assert prospects.talk_s == 35
    assert prospects.face_s == 150
    assert prospects.coverage == pytest.approx(150 / 180)
    assert sum(prospects.expressions.values()) == pytest.approx(1)


def test_what_was_shown_while_the_other_side_spoke_is_a_mean_with_its_interval() -> None:
    analysis = told()
    shown = reaction(analysis, "prospect", "rep")
    # Ana alone speaks in 0–25 s and 60–70 s; Ben and Cat are seen, and listen, in all of it. Their
    # looks never change: Ben's smile is held to a rest of 0.75, Cat's sad look to one of 0.30.
    assert (shown.spoken_s, shown.seen_s, shown.listening_s) == (35, 35, 35)
    ben, cat = 0.65 + 0.7 * (1 - 0.75), 0.65 + 0.7 * (2 / 9 - 0.30)
    expected = estimate_mean(np.full(70, (ben + cat) / 2), 0.5, ENGAGEMENT_SCALE)
    assert shown.engagement is not None
    assert expected is not None
    assert shown.engagement.value == pytest.approx(expected.value, abs=1e-6)
    assert shown.engagement.low == pytest.approx(expected.low, abs=1e-6)
    assert shown.shares["happy"] == shown.shares["sad"] == 0.5
    assert shown.expressions["happy"] == pytest.approx(0.5)


def test_seconds_in_which_both_sides_speak_count_for_neither() -> None:
    analysis = told()
    assert reaction(analysis, "rep", "prospect").spoken_s == 30
    assert reaction(analysis, "rep", "prospect").shares == pytest.approx(
        dict.fromkeys(("angry", "disgust", "fear", "sad", "surprise", "neutral"), 0)
        | {"happy": 1}
    )  # fmt: skip


def test_a_side_that_speaks_itself_is_not_compared_with_listeners() -> None:
    own = reaction(told(), "rep", "rep")
    assert (own.seen_s, own.listening_s, own.engagement) == (35, 0, None)
    first = reaction(told(AssessOptions(version=1)), "rep", "rep")
    assert first.engagement is not None
    assert first.engagement.value == pytest.approx(4 / 9)


def test_a_side_that_is_left_unscored_has_talk_alone() -> None:
    rep = side(told(AssessOptions(score_own_side=False)), "rep")
    assert (rep.scored, rep.engagement, rep.expressions, rep.reactions) == (0, None, {}, ())
    assert rep.talk_s == 40


def test_without_turns_no_side_is_told_by_who_spoke() -> None:
    analysis = assess_identities(
        observed({1: "n" * 60}), identities([ANA], {1: 0}), (), (), (), AssessOptions()
    )
    assert analysis.sides[0].reactions == ()
    assert analysis.sides[0].engagement is not None


def test_a_side_nobody_was_seen_of_shows_nothing() -> None:
    analysis = assess_identities(
        observed({1: "n" * 60}), identities([ANA, BEN], {1: 0}), TURNS, (), (), AssessOptions()
    )
    shown = reaction(analysis, "prospect", "rep")
    assert (shown.engagement, shown.seen_s, shown.shares) == (None, 0, {})


def test_a_moment_says_whose_side_it_is_on_and_who_spoke() -> None:
    (fall,) = assess_identities(
        observed({1: "n" * 180, 2: "h" * 90 + "s" * 90}),
        identities([ANA, BEN], {1: 0, 2: 1}),
        (SpeakerTurn(0, 80, "Ana", "Ana"),),
        (),
        (),
        AssessOptions(),
    ).moments
    assert (fall.kind, fall.participants, fall.side) == ("fall", (1,), "prospect")
    assert (fall.speakers, fall.said_by) == ((0,), 0)


def test_a_face_that_was_not_kept_is_not_scored_when_its_side_is_corrected() -> None:
    analysis = told(AssessOptions(score_own_side=False))
    corrected = identities([replace(ANA, side="prospect"), BEN, CAT], {1: 0, 2: 1, 3: 2})
    again = assess_identities(
        analysis.observations, corrected, TURNS, (), (), AssessOptions(score_own_side=False)
    )
    ana = again.participants[0]
    assert (ana.is_blanked, ana.is_scored, ana.score.engagement) == (True, False, None)
    assert again.call.coverage == analysis.call.coverage
    assert not again.participants[1].is_blanked


def test_who_is_left_unscored_is_not_said_to_need_another_look() -> None:
    options = AssessOptions(score_own_side=False)
    same = identities([ANA, BEN, CAT], {1: 0, 2: 1, 3: 2})
    again = assess_identities(told(options).observations, same, TURNS, (), (), options)
    assert [(p.is_scored, p.is_blanked) for p in again.participants] == [
        (False, False), (True, False), (True, False),
    ]  # fmt: skip


def test_a_blanked_face_that_joins_a_scored_one_hides_nothing_of_it() -> None:
    options = AssessOptions(score_own_side=False)
    joined = identities([BEN, CAT], {1: 0, 2: 0, 3: 1})
    again = assess_identities(told(options).observations, joined, TURNS, (), (), options)
    assert (again.participants[0].is_scored, again.participants[0].score.face_s) == (True, 90)
