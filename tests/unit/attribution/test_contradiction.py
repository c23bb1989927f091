"""Turns that say somebody else speaks cast doubt on a label; they never make it surer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from inference.attribution.attribute import CERTAIN, Identities, attribute
from inference.attribution.contradiction import CONTRADICTION_WRONG, contradictions
from inference.attribution.likelihoods import EVIDENCE_WRONG
from inference.attribution.speech_alignment import speech_table
from inference.attribution.tracklet_groups import find_tracklet_groups
from inference.schema.meeting import RosterEntry, SpeakerTurn, TranscriptLine
from inference.schema.observations import NameLabel, Observations, View
from tests.unit.attribution.test_attribute import HZ, names_by_track, observe

ANN, BOB = "Ann Lee", "Bob Stone"
ROSTER = [RosterEntry(ANN), RosterEntry(BOB)]
LENGTH_S = 120.0
SAMPLES = int(LENGTH_S * HZ)


def alone(label: str = ANN, kind: str = "single") -> Observations:
    """One silent face with a name, in an undivided picture or beside a shared screen."""
    tiles = np.zeros((0, 4), np.float32)
    if kind != "single":
        tiles = np.array([[0, 0, 1280, 720]], np.float32)
    rows = [(k, 0, 0.03, 0.0, 400.0) for k in range(SAMPLES)]
    call = observe(rows, LENGTH_S, [View(0, SAMPLES, kind, tiles)])
    return labelled(call, [label])


def seen_briefly(seconds: float) -> Observations:
    """Ann's name below a face beside a shared screen, for some seconds of the call."""
    rows = [(100 + k, 0, 0.03, 0.0, 400.0) for k in range(round(seconds * HZ))]
    tiles = np.array([[0, 0, 1280, 720]], np.float32)
    return labelled(observe(rows, LENGTH_S, [View(0, SAMPLES, "share", tiles)]), [ANN])


def beside_bob(seconds: float = LENGTH_S) -> Observations:
    """Ann's large picture with Bob's small one beside it, both with their names."""
    samples = range(SAMPLES - round(seconds * HZ), SAMPLES)
    rows = [(k, who, 0.03, 0.0, 100.0 + 800 * who) for k in samples for who in (0, 1)]
    tiles = np.array([[0, 0, 800, 720], [810, 0, 1280, 720]], np.float32)
    return labelled(observe(rows, LENGTH_S, [View(0, SAMPLES, "speaker", tiles)]), [ANN, BOB])


def labelled(call: Observations, names: Sequence[str]) -> Observations:
    labels = tuple(NameLabel(0, SAMPLES, 0, k, name, 0.98) for k, name in enumerate(names))
    return Observations(
        call.t_s, call.sample_interval_s, call.duration_s, call.width_px, call.height_px,
        call.faces, call.views, call.quality, call.model, labels,
    )  # fmt: skip


def speaks(name: str, *spans: tuple[float, float]) -> list[SpeakerTurn]:
    return [SpeakerTurn(start_s, end_s, name) for start_s, end_s in spans]


def confidence(found: Identities) -> float:
    """How sure the name of the only face is; 0 where it has none."""
    return max((a.confidence for a in found.attributions), default=0.0)


def factor_of_ann(turns: Sequence[SpeakerTurn], call: Observations | None = None) -> float:
    call = call or alone()
    rows = [(ANN, BOB).index(turn.speaker) for turn in turns]
    speech = speech_table(call.t_s, call.sample_interval_s, turns, rows, 2)
    groups = find_tracklet_groups(call)
    return float(np.exp(contradictions(call, groups, [0, 1], speech, 2)[0, 0]))


def test_a_label_names_the_only_face_up_to_what_one_source_is_believed() -> None:
    found = attribute(alone(), [], [], ROSTER)
    assert names_by_track(found) == {0: ANN}
    # Where it is wrong, the face is Ann's by chance, with a probability of up to one half.
    assert CERTAIN <= confidence(found) <= 1 - EVIDENCE_WRONG / 2


@pytest.mark.parametrize("kind", ["single", "share"])
def test_a_face_is_not_called_by_its_label_while_somebody_else_speaks_throughout(kind: str) -> None:
    turns = speaks(BOB, (1, 118))
    assert names_by_track(attribute(alone(kind=kind), turns, [], ROSTER)) == {}


def test_nor_where_the_transcript_or_a_sound_file_says_who_speaks() -> None:
    lines = [TranscriptLine(start, start + 6, BOB, "words") for start in range(1, 115, 6)]
    assert names_by_track(attribute(alone(), [], lines, ROSTER)) == {}
    voices = speaks(BOB, (1, 118))
    assert names_by_track(attribute(alone(), [], [], ROSTER, voices)) == {}


def test_a_label_stands_where_its_owner_speaks_and_others_put_in_a_word() -> None:
    turns = speaks(ANN, (2, 40), (52, 80), (84, 110)) + speaks(BOB, (41, 51), (81, 83))
    assert names_by_track(attribute(alone(), turns, [], ROSTER)) == {0: ANN}
    assert factor_of_ann(turns) == pytest.approx(1.0)


def test_a_few_seconds_of_somebody_else_take_no_name() -> None:
    assert names_by_track(attribute(alone(), speaks(BOB, (50, 56)), [], ROSTER)) == {0: ANN}


@pytest.mark.parametrize(
    ("turn_s", "every_s", "until_s"), [(2.4, 4, 24), (2.9, 3.5, 24), (1, 4, 120)]
)
def test_somebody_elses_short_turns_contradict_while_the_owner_stays_silent(
    turn_s: float, every_s: float, until_s: float
) -> None:
    turns = speaks(BOB, *((start, start + turn_s) for start in np.arange(0, until_s, every_s)))
    assert names_by_track(attribute(alone(), turns, [], ROSTER)) == {}


def test_short_turns_between_the_owners_own_say_nothing() -> None:
    starts = range(0, 116, 4)
    turns = speaks(BOB, *((start, start + 2.4) for start in starts))
    turns += speaks(ANN, *((start + 2.4, start + 4.0) for start in starts))
    assert names_by_track(attribute(alone(), turns, [], ROSTER)) == {0: ANN}
    assert factor_of_ann(turns) == pytest.approx(1.0)


@pytest.mark.parametrize("seconds", [2.0, 5.0, 9.0])
def test_a_label_read_for_seconds_names_nobody_while_somebody_else_speaks(seconds: float) -> None:
    found = attribute(seen_briefly(seconds), speaks(BOB, (1, 118)), [], ROSTER)
    assert names_by_track(found) == {}


@pytest.mark.parametrize(
    "turns",
    [speaks(BOB, (1, 40), (70, 118)), speaks(BOB, (1, 80)) + speaks(ANN, (90, 118))],
    ids=["nobody speaks while it is read", "its owner speaks later"],
)
def test_a_label_read_for_seconds_stands_otherwise(turns: list[SpeakerTurn]) -> None:
    assert names_by_track(attribute(seen_briefly(2.0), turns, [], ROSTER)) == {0: ANN}


def test_more_speech_that_contradicts_never_makes_a_name_surer() -> None:
    for own in ([], speaks(ANN, (0, 12)), speaks(ANN, (0, 40))):
        turns, before, sure = list(own), 1.0, 1.0
        for start in range(44, 116, 6):
            turns += speaks(BOB, (start, start + 6))
            now = factor_of_ann(turns)
            assert now <= before + 1e-12
            at = confidence(attribute(alone(), turns, [], ROSTER))
            assert at <= sure + 1e-12
            before, sure = now, at


def test_what_contradicts_is_bounded_as_turns_may_be_another_meetings() -> None:
    assert factor_of_ann(speaks(BOB, (0, 120))) == pytest.approx(CONTRADICTION_WRONG, abs=0.002)


@pytest.mark.parametrize("seconds", [2.0, LENGTH_S])
def test_somebody_elses_speech_says_nothing_where_they_are_seen_as_well(seconds: float) -> None:
    call = beside_bob(seconds)
    assert factor_of_ann(speaks(BOB, (1, 118)), call) == 1.0
    assert names_by_track(attribute(call, speaks(BOB, (1, 118)), [], ROSTER)) == {0: ANN, 1: BOB}
