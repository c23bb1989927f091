"""The report's lanes: who has one, what their gaps are called, the axis, and the words for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from bot.report.charts.draw import SIDES, WIDTHS, lane_svg
from bot.report.charts.lane_words import lane_in_words
from bot.report.charts.lanes import Lane, lane_people, make_lanes
from bot.report.moments import moment_items
from bot.report.people import by_side
from bot.text.fonts import FONTS
from inference.schema.analysis import CallAnalysis
from inference.schema.arrays import EXPRESSIONS, F32
from inference.schema.meeting import SpeakerTurn
from tests.analysis_builder import PersonSpec, make_call
from tests.call_kinds import price_call

MM_PER_POINT = 25.4 / 72


def showing(call: CallAnalysis, looks: Sequence[tuple[float, str]]) -> CallAnalysis:
    """Return the call with a first person whose face shows this from each time on; "" is unseen."""
    t_s = call.observations.t_s
    probs: F32 = np.full((len(t_s), len(EXPRESSIONS)), np.nan, np.float32)
    for start_s, look in looks:
        probs[t_s >= start_s] = np.nan if not look else 0.0
        if look:
            probs[t_s >= start_s, EXPRESSIONS.index(look)] = 1.0
    person, *others = call.participants
    engagement: F32 = np.where(np.isnan(probs[:, 0]), np.nan, 0.5).astype(np.float32)
    series = replace(person.series, probs=probs, engagement=engagement)
    return replace(call, participants=(replace(person, series=series), *others))


def lane_of(call: CallAnalysis) -> Lane:
    return make_lanes(call, call.participants[:1], ())[0]


def test_their_side_has_the_first_lanes_and_a_crowd_leaves_only_theirs() -> None:
    people = [
        PersonSpec("Ana", side="rep"),
        PersonSpec("Tom", side="unknown"),
        PersonSpec("Eva", side="prospect"),
    ]
    call = make_call(people, duration_s=60)
    shown = lane_people(call, by_side(call.participants))
    assert [person.name for person in shown] == ["Eva", "Tom", "Ana"]

    crowd = make_call([*people, *(PersonSpec(f"P{i}", side="prospect") for i in range(9))])
    shown = lane_people(crowd, by_side(crowd.participants))
    assert [person.side for person in shown] == ["prospect"] * 4


def test_two_people_of_one_name_each_have_their_own_blocks() -> None:
    analysis = make_call([PersonSpec("Ana"), PersonSpec("Tom")], duration_s=60)
    both = tuple(
        replace(person, name="Ana", key=f"id-{person.index}") for person in analysis.participants
    )
    turns = (SpeakerTurn(1, 5, "Ana", "id-0"), SpeakerTurn(30, 38, "Ana", "id-1"))
    analysis = replace(analysis, participants=both, turns=turns)
    assert [lane.spoke for lane in make_lanes(analysis, both, ())] == [((1, 5),), ((30, 38),)]


def test_a_gap_says_whether_the_camera_was_off() -> None:
    call = make_call([PersonSpec("Dana", 1.0, talk=0)], duration_s=60)
    call = showing(call, [(0, "neutral"), (10, ""), (20, "happy"), (40, "")])
    (dana,) = call.participants
    call = replace(call, participants=(replace(dana, camera_off=((9.5, 20.5),)),))
    assert [(gap.start_s, gap.end_s, gap.label) for gap in lane_of(call).gaps] == [
        (10, 20, "camera off"), (40, 60, "not seen"),
    ]  # fmt: skip
    assert np.isnan(lane_of(call).listening.values[10:20]).all(), "the last value is not carried on"


@pytest.mark.parametrize("others", [0.5, 0.99])
def test_the_axis_is_the_same_in_every_call(others: float) -> None:
    call = showing(make_call([PersonSpec("Dana", side="prospect")], duration_s=60), [(0, "happy")])
    (dana,) = call.participants
    values: F32 = np.full(120, 0.25, np.float32)
    values[60:] = others
    call = replace(
        call, participants=(replace(dana, series=replace(dana.series, engagement=values)),)
    )
    svg = lane_svg(lane_of(call), 140.0, 20.0, FONTS, has_clock=True).decode()
    curve = next(line for line in re.findall(r"<path d=\"M [^\"]*\"[^>]*>", svg)
                 if SIDES["prospect"] in line and "fill: none" in line)  # fmt: skip
    start = re.search(r"M [\d.]+ ([\d.]+)", curve)
    assert start is not None
    assert float(start[1]) * MM_PER_POINT == pytest.approx(2.0 + 0.75 * 20.0, abs=0.05)


def test_the_sides_differ_in_colour_and_in_line() -> None:
    assert len(set(SIDES.values())) == len(SIDES)
    assert WIDTHS["prospect"] >= 2 * WIDTHS["rep"]


def test_a_lane_is_told_as_what_the_face_showed_and_from_when_on() -> None:
    call = make_call([PersonSpec("Dana", 1.0, talk=0)], duration_s=80)
    looks = [(0.0, "neutral"), (12.0, "happy"), (28.0, "sad"), (60.0, "")]
    call = showing(call, looks)
    (dana,) = call.participants
    told = lane_in_words("Dana Whitfield", dana, lane_of(call), call, ())
    assert told == (
        "Dana Whitfield: calm at first, smiling from 0:12, tense from 0:28, not seen from 1:00"
    )


def test_moments_and_talk_are_told_with_the_lane() -> None:
    call = price_call()
    dana = call.participants[1]
    (lane,) = make_lanes(call, [dana], moments := moment_items(call, 6))
    told = lane_in_words("Dana", dana, lane, call, moments)
    assert told.index("falls at 0:28") < told.index("rises at 1:15") < told.index("speaks for")


def test_a_face_that_was_never_seen_is_told_so() -> None:
    call = make_call([PersonSpec("Dana", 0.0, talk=0)], duration_s=40)
    told = lane_in_words("Dana", call.participants[0], lane_of(call), call, ())
    assert told == "Dana: not seen throughout"
