"""Beside a moment stand the words at the change, those before and after, and the pauses between."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.moments.find import Scene, find_moments
from inference.moments.lines import Pause, Words, complete_earlier, lines_and_pauses
from inference.schema.analysis import Moment
from inference.schema.meeting import TranscriptLine

CALL = (
    TranscriptLine(15.2, 17.9, "Maya", "Everything is in the notes."),
    TranscriptLine(18.3, 20.1, "Dana", "I like that."),
    TranscriptLine(20.3, 21.4, "Dana", "And the price?"),
    TranscriptLine(21.9, 22.4, "Maya", "Sure."),
    TranscriptLine(23.0, 30.6, "Maya", "For all six depots, forty-eight thousand a year."),
    TranscriptLine(38.6, 39.4, "Dana", "Forty-eight."),
    TranscriptLine(40.0, 44.0, "Dana", "That is a lot."),
)


def shown(words: Words, change_s: float) -> list[str]:
    """The sequence as a reader sees it; the words at the change between stars."""
    return [
        f"({item.length_s:.0f} s)"
        if isinstance(item, Pause)
        else f"*{item.text}*"
        if item.at_change
        else item.text
        for item in lines_and_pauses(words.around(change_s))
    ]


def test_the_words_at_the_change_stand_between_those_before_and_after() -> None:
    assert shown(Words(CALL), 27.5) == [
        "Sure.",
        "*For all six depots, forty-eight thousand a year.*",
        "(8 s)",
        "Forty-eight.",
    ]
    assert shown(Words(CALL[::-1]), 27.5) == shown(Words(CALL), 27.5)


def test_a_line_that_begins_at_the_change_holds_it() -> None:
    assert shown(Words(CALL), 21.9)[1] == "*Sure.*"


def test_before_the_first_words_the_first_line_is_marked() -> None:
    assert shown(Words(CALL), 3.0) == ["*Everything is in the notes.*", "I like that."]


def test_after_the_last_words_the_last_line_is_marked() -> None:
    assert shown(Words(CALL), 95.0) == ["Forty-eight.", "*That is a lot.*"]


def test_chat_comes_last_and_only_if_sent_near_the_change() -> None:
    chat = [TranscriptLine(at, at, "Sam", f"at {at}", True) for at in (10, 18, 30, 37, 38)]
    assert shown(Words([*chat, *CALL]), 27.5)[-4:] == ["Forty-eight.", "at 18", "at 30", "at 37"]
    (message,) = Words(chat[:1]).around(12.0)
    assert not message.at_change


def test_of_a_burst_of_chat_the_nearest_are_shown_in_order() -> None:
    chat = [TranscriptLine(at, at, "Sam", f"at {at}", True) for at in (18, 20, 26, 28, 33)]
    assert shown(Words(chat), 27.5) == ["at 26", "at 28", "at 33"]


def test_talk_without_words_is_no_silence() -> None:
    assert "(8 s)" in shown(Words(CALL, [(23.0, 30.9), (38.4, 44.0)]), 27.5)
    assert "(8 s)" not in shown(Words(CALL, [(23.0, 30.9), (33.0, 35.0)]), 27.5)
    assert "(8 s)" not in shown(Words(CALL, [(0.0, 37.0)]), 27.5)


def test_an_earlier_line_that_still_goes_on_is_no_silence() -> None:
    long = TranscriptLine(10.0, 38.0, "Sam", "A long explanation.")
    assert "(8 s)" not in shown(Words([*CALL, long]), 27.5)


def test_lines_without_text_or_time_are_never_quoted() -> None:
    odd = [TranscriptLine(26.0, 27.0, None, " \u200b".strip("\u200b")),
           TranscriptLine(math.nan, 27.0, "Sam", "when?"),
           TranscriptLine(27.0, 2.0, "يوسف", "هذا كثير")]  # fmt: skip
    words = Words([*CALL, *odd])
    assert shown(words, 26.5)[1].startswith("*For all six")
    marked = next(line for line in words.around(27.5) if line.at_change)
    assert (marked.text, marked.end_s) == ("هذا كثير", 27.0)


times = st.floats(-1e6, 1e6) | st.sampled_from([math.nan, math.inf, -math.inf, 0.0])
lines = st.builds(
    TranscriptLine, times, times, st.none() | st.just("A"), st.sampled_from(["", " ", "a", "ب"]),
    st.booleans(),
)  # fmt: skip


@given(st.lists(lines, max_size=12), st.floats(0, 1e4), st.lists(st.tuples(times, times)))
def test_whatever_the_cues_one_spoken_line_is_marked(
    cues: list[TranscriptLine], change_s: float, turns: list[tuple[float, float]]
) -> None:
    found = Words(cues, turns).around(change_s)
    spoken = [line for line in found if not line.is_chat]
    was_spoken = any(
        cue.text.strip() and not cue.is_chat and math.isfinite(cue.start_s) for cue in cues
    )
    assert sum(line.at_change for line in found) == was_spoken
    assert sum(line.at_change for line in spoken) == was_spoken
    assert len(spoken) <= 3
    assert [line.start_s for line in spoken] == sorted(line.start_s for line in spoken)
    assert found[: len(spoken)] == tuple(spoken)
    assert all(line.end_s >= line.start_s for line in found)
    assert all(line.pause_s == 0 or line.pause_s >= 4 for line in found)


def test_twenty_thousand_cues_take_well_under_a_second() -> None:
    cues = [TranscriptLine(i * 0.5, i * 0.5 + 900, "A", "word") for i in range(20_000)][::-1]
    turns = [(line.start_s, line.end_s) for line in cues]
    begun = time.perf_counter()
    words = Words(cues, turns)
    for i in range(12):
        assert len(words.around(800.0 * i)) >= 2
    assert time.perf_counter() - begun < 0.5


@pytest.mark.parametrize(
    ("span", "change_s"), [((22.5, 37.5), 27.5), ((0.0, 12.0), 2.0), ((0.0, 5.0), 0.0)]
)
def test_a_moment_of_an_earlier_version_gets_its_change_and_its_words(
    span: tuple[float, float], change_s: float
) -> None:
    old = Moment(*span, "fall", (0,), "Dana's engagement fell", 0.8, 0.4, 0.4, 0.0, CALL)  # type: ignore[arg-type]
    new = complete_earlier(old)
    assert new.change_s == change_s
    assert [line.at_change for line in new.lines].count(True) == 1
    assert new.silence_s == (pytest.approx(8.0) if change_s > 20 else None)


def test_a_silence_of_an_earlier_version_began_with_it() -> None:
    old = Moment(30.6, 42.6, "silence", (), "Nobody spoke for 12 seconds", None, None, 0.2, 0.0)
    new = complete_earlier(old)
    assert new.change_s == 30.6
    assert new.silence_s == pytest.approx(12.0)


def silences(*lines: TranscriptLine) -> tuple[Moment, ...]:
    """The silences of a call in which Dana's turn ends at 20 s and Sam's begins at 60 s."""
    return find_moments(
        Scene(
            t_s=np.arange(0.0, 80.0, 0.5), interval_s=0.5, duration_s=80.0, names=("Dana", "Sam"),
            faces=(None, None), talk=([(0.0, 20.0)], [(60.0, 70.0)]), lines=lines,
        )
    )  # fmt: skip


@pytest.mark.parametrize("speaker", [None, "Sam", "Somebody else"])
def test_nobody_is_said_to_be_silent_while_words_are_known(speaker: str | None) -> None:
    # Zoom's TIMELINE and transcript disagree at times, and some lines name nobody.
    chat = TranscriptLine(50, 50, "Sam", "A message is no sound.", is_chat=True)
    words = TranscriptLine(24, 40, speaker, "A long answer, and nobody knows whose it was.")
    (silence,) = silences(words, chat)
    assert (silence.change_s, silence.silence_s) == (40, 20)
    assert silences(TranscriptLine(24, 90, speaker, "A line that goes on and on.")) == ()


def test_a_silence_and_the_pause_between_its_words_have_one_length() -> None:
    words = (TranscriptLine(2, 18, "Dana", "Forty."), TranscriptLine(61, 66, "Sam", "Forty?"))
    (silence,) = silences(*words)
    assert silence.silence_s == 40  # by the words it is 43
    assert [line.pause_s for line in silence.lines] == [0, 40]
