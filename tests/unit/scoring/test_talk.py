"""Talk figures: what they count, and what holds of them whoever says what."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.assess import AssessOptions, assess
from inference.schema.analysis import CallAnalysis, TalkFigures
from inference.schema.meeting import RosterEntry, SpeakerTurn, TranscriptLine
from inference.scoring.talk import Spoken, call_talk, person_talk, side_talk
from integrations.zoom.transcript import parse_vtt
from tests.unit.scoring.test_assess import observed

Row = tuple[float, float, str, str]


def scored(
    *rows: Row, turns: tuple[SpeakerTurn, ...] = (), roster: tuple[RosterEntry, ...] = (),
    duration_s: float = 60.0, **options: Any,
) -> CallAnalysis:  # fmt: skip
    lines = [TranscriptLine(start, end, who or None, text) for start, end, who, text in rows]
    seen = replace(observed({}), duration_s=duration_s)
    return assess(seen, turns, lines, roster, AssessOptions(**options))


def talk(analysis: CallAnalysis, name: str) -> TalkFigures:
    return next(p.score.talk for p in analysis.participants if p.name == name)


def from_vtt(*cues: str) -> CallAnalysis:
    data = ("WEBVTT\n\n" + "\n\n".join(cues) + "\n").encode()
    lines = parse_vtt(data, 60.0, names={"Ana", "Ben"}).lines
    return scored(*((one.start_s, one.end_s, one.speaker or "", one.text) for one in lines))


def test_neighbouring_lines_of_one_speaker_are_one_turn() -> None:
    analysis = scored(
        (0, 2, "Ana", "One."), (5, 7, "Ana", "Two."), (8, 9, "", "Three."), (10, 12, "Ana", "So."),
        (13, 14, "Ben", "Yes."), (15, 16, "Ana", "Good."),
    )  # fmt: skip
    assert (talk(analysis, "Ana").turns, talk(analysis, "Ben").turns) == (2, 1)
    assert talk(analysis, "Ana").longest_monologue_s == 2
    assert analysis.call.talk.speaker_changes_per_min == 2
    assert analysis.call.talk.longest_silence_s == 3


def test_a_monologue_goes_on_over_a_pause_of_less_than_a_second() -> None:
    turns = (SpeakerTurn(0, 2, "Ana"), SpeakerTurn(2.9, 5, "Ana"), SpeakerTurn(6, 10, "Ana"))
    ana = talk(scored(turns=turns), "Ana")
    assert (ana.longest_monologue_s, ana.turns) == (5, 1)


def test_the_order_of_the_lines_does_not_matter() -> None:
    rows: tuple[Row, ...] = ((0, 2, "Ana", "The reason"), (3, 5, "Ana", "is it that we know."))
    assert talk(scored(*rows), "Ana").questions == 0
    assert talk(scored(*reversed(rows)), "Ana") == talk(scored(*rows), "Ana")


def test_voices_names_and_nobody_in_one_transcript() -> None:
    analysis = from_vtt(
        "00:10.000 --> 00:12.000\nBen: Why? How?",
        "00:01.000 --> 00:04.000\n<v Ana>Um, hello there</v>",
        "00:05.000 --> 00:06.000\nsomebody else",
        "00:03.500 --> 00:07.000\nAna: [inaudible] the plan",
        "00:20.000 --> 00:19.000\nBen: lost",
    )
    ana, ben = talk(analysis, "Ana"), talk(analysis, "Ben")
    assert (ana.words, ana.fillers, ana.turns, ana.talk_s) == (5, 1, 1, 6)
    assert (ben.words, ben.questions, ben.turns) == (2, 2, 1)
    assert ana.words_per_minute == pytest.approx(50)


def test_the_chat_is_no_talk() -> None:
    written = TranscriptLine(4, 4, "Ana", "Really? um", is_chat=True)
    seen = replace(observed({}), duration_s=60.0)
    lines = [TranscriptLine(0, 3, "Ana", "Hello there"), written]
    one = talk(assess(seen, [], lines, [], AssessOptions()), "Ana")
    assert (one.words, one.questions, one.fillers, one.turns) == (2, 0, 0, 1)


def test_without_a_transcript_words_are_unknown_and_times_are_not() -> None:
    one = talk(scored(turns=(SpeakerTurn(0, 6, "Ana"),)), "Ana")
    assert (one.talk_s, one.turns, one.share_of_call, one.interruptions) == (6, 1, 0.1, 0)
    unknown = (one.words, one.words_per_minute, one.questions, one.fillers, one.filler_share)
    assert unknown == (None,) * 5


def test_who_says_nothing_in_a_transcript_has_no_words() -> None:
    turns = (SpeakerTurn(0, 6, "Ana"), SpeakerTurn(7, 8, "Ben"))
    ben = talk(scored((0, 6, "Ana", "Hello."), turns=turns), "Ben")
    assert (ben.words, ben.questions, ben.fillers) == (0, 0, 0)
    assert (ben.words_per_minute, ben.filler_share) == (None, None)


def test_a_face_without_a_name_and_a_call_without_sound_tell_nothing_about_talk() -> None:
    seen = observed({1: "n" * 20})
    lines = [TranscriptLine(0, 3, "Ana", "Hello there")]
    faceless = assess(seen, [], lines, [], AssessOptions())
    assert talk(faceless, "Person 1") == TalkFigures(0, 0, 0, 0)
    silent = assess(seen, [], [], [], AssessOptions())
    assert talk(silent, "Person 1") == TalkFigures(0, 0, 0, 0)
    assert silent.call.talk.overlap_s is None
    assert silent.sides[0].talk == TalkFigures(0, 0, 0, 0)


def test_words_come_from_the_transcript_and_times_from_the_turns() -> None:
    turns = (SpeakerTurn(0, 20, "Ana", "z1"), SpeakerTurn(30, 40, "Ben", "z2"))
    analysis = scored((1, 7, "ana", "one two three"), turns=turns)
    ana = talk(analysis, "Ana")
    assert (ana.talk_s, ana.words, ana.words_per_minute) == (20, 3, 30)


def test_patience_is_the_pause_after_the_other_side_only() -> None:
    roster = (
        RosterEntry("Ana", "Ana", "rep"), RosterEntry("Abe", "Abe", "rep"),
        RosterEntry("Ben", "Ben", "prospect"),
    )  # fmt: skip
    turns = (
        SpeakerTurn(0, 5, "Ben"), SpeakerTurn(6, 8, "Ana"),  # 1 s after Ben
        SpeakerTurn(8.1, 9, "Abe"), SpeakerTurn(9.1, 10, "Ana"),  # after a colleague
        SpeakerTurn(12, 20, "Ben"), SpeakerTurn(19, 21, "Ana"),  # before Ben stops
        SpeakerTurn(22, 25, "Ben"), SpeakerTurn(28, 30, "Ana"),  # 3 s after Ben
    )  # fmt: skip
    analysis = scored(turns=turns, roster=roster)
    assert talk(analysis, "Ana").patience_s == 2
    assert talk(analysis, "Ben").patience_s == 1.5  # 2 s, and 1 s
    assert talk(analysis, "Abe").patience_s is None
    rep, prospect = (side.talk for side in analysis.sides)
    assert rep is not None
    assert prospect is not None
    assert (rep.patience_s, rep.turns) == (2, 3)
    assert rep.talk_s == pytest.approx(7.8)
    assert rep.interruptions == 1


@pytest.mark.parametrize(
    ("aside", "words", "interruptions"),
    [
        ((5, 5.8), "", 0),  # too short for more than "uh-huh"
        ((5, 8), "Uh-huh, yeah.", 0),
        ((5, 8), "Wait, that is wrong.", 1),
        ((5, 5.8), "Wait, no!", 1),
        ((9.7, 14), "So what now?", 0),  # the usual overlap of two turns
        ((9, 14), "So what now?", 1),
        ((10, 14), "So what now?", 0),
    ],
)
def test_a_back_channel_or_a_short_overlap_is_no_interruption(
    aside: tuple[float, float], words: str, interruptions: int
) -> None:
    rows: tuple[Row, ...] = ((0, 10, "Ana", "A long talk."),)
    rows += ((*aside, "Ben", words),) if words else ()
    turns = (SpeakerTurn(0, 10, "Ana"), SpeakerTurn(*aside, "Ben"))
    analysis = scored(*rows, turns=turns)
    assert talk(analysis, "Ben").interruptions == interruptions
    assert talk(analysis, "Ana").interruptions == 0


def test_a_question_is_answered_when_somebody_else_speaks() -> None:
    analysis = scored(
        (0, 4, "Ana", "Why? Why?"), (10, 11, "Ana", "Anybody?"), (14, 15, "Ben", "Because."),
        (20, 22, "Ben", "Clear?"),
    )  # fmt: skip
    # Ana asks at 4/9 of her first line, at its end, and at 11 s; nobody answers Ben.
    assert analysis.call.talk.question_answer_s == 10
    assert scored((0, 1, "Ana", "Why?")).call.talk.question_answer_s is None


def test_fillers_of_the_settings_count() -> None:
    assert talk(scored((0, 1, "Ana", "halt so, äääh"), fillers=("äh",)), "Ana").fillers == 1


def test_twenty_thousand_lines_are_counted_in_a_moment() -> None:
    rows: list[Row] = [
        (2.0 * i, 2.0 * i + 2.5, f"Person no. {i % 40}", "Um, what do you think about the price?")
        for i in range(20_000)
    ]
    lines = [(int(i % 40), TranscriptLine(*row[:2], row[2], row[3])) for i, row in enumerate(rows)]
    spoken = Spoken(
        40_001.0, ["unknown"] * 40, [True] * 40, [(i % 40, row[:2]) for i, row in enumerate(rows)],
        lines,
    )  # fmt: skip
    began = time.perf_counter()
    figures = person_talk(spoken)
    call = call_talk(spoken)
    assert time.perf_counter() - began < 15  # 1 s; minutes if each line were compared with all
    assert sum(one.words or 0 for one in figures) == 160_000
    assert call.overlap_s == pytest.approx(19_999 * 0.5)


SPANS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 300), st.integers(1, 60)).map(
        lambda row: (row[0], (row[1] / 5, (row[1] + row[2]) / 5))
    ),
    min_size=1,
    max_size=25,
)
SIDES = ["rep", "prospect", "prospect", "unknown"]


def spoken_by(spans: list[tuple[int, tuple[float, float]]]) -> Spoken:
    lines = [(who, TranscriptLine(*span, str(who), "Um, why? Okay")) for who, span in spans]
    return Spoken(72.0, SIDES, [True] * 4, list(spans), lines)


@settings(max_examples=150, deadline=None)
@given(SPANS, st.randoms(use_true_random=False))
def test_laws_of_talk(spans: list[tuple[int, tuple[float, float]]], random: Any) -> None:
    spoken = spoken_by(spans)
    people, call = person_talk(spoken), call_talk(spoken)
    sides = side_talk(spoken, ("rep", "prospect", "unknown"))
    for group in (people, list(sides.values())):
        assert sum(one.share for one in group) == pytest.approx(1)
        assert sum(one.words or 0 for one in group) == 3 * len(spans)
        for one in group:
            assert one.longest_monologue_s <= one.talk_s + 60  # pauses are bridged
            assert (one.turns > 0) == (one.talk_s > 0)
            assert one.patience_s is None or one.patience_s >= 0
            assert (one.interruptions or 0) >= 0
    assert sides["rep"].talk_s == people[0].talk_s
    assert call.overlap_s is not None
    assert -1e-9 <= call.overlap_s <= sum(one.talk_s for one in people) / 2 + 1e-9
    assert call.speaker_changes_per_min is not None
    assert call.speaker_changes_per_min * 72 / 60 <= sum(one.turns for one in people) - 1 + 1e-9

    shuffled = random.sample(spans, len(spans))
    assert person_talk(spoken_by(shuffled)) == people
    assert call_talk(spoken_by(shuffled)) == call
