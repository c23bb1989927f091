"""Talk figures of a real Zoom transcript are those that a reader counts by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inference.assess import AssessOptions, assess
from inference.schema.analysis import CallAnalysis
from inference.schema.meeting import TranscriptLine
from integrations.zoom.chat import parse_chat
from integrations.zoom.transcript import parse_vtt
from tests.places import SHARED_DATA
from tests.unit.scoring.test_assess import observed

TRANSCRIPT = SHARED_DATA / "zoom" / "meeting003_transcript.vtt"
CHAT = SHARED_DATA / "zoom" / "meeting003_chat.txt"

pytestmark = pytest.mark.skipif(
    not TRANSCRIPT.is_file(), reason=f"no {TRANSCRIPT}; set RAPPORT_SHARED_DATA to the data folder"
)


def talk_between(start_s: float, end_s: float) -> CallAnalysis:
    """Score the part of the meeting between two times, with all of its chat."""
    transcript = parse_vtt(TRANSCRIPT.read_bytes(), end_s)
    lines = [
        TranscriptLine(line.start_s, line.end_s, line.speaker, line.text)
        for line in transcript.lines
        if line.start_s >= start_s
    ]
    chat = [
        TranscriptLine(start_s, start_s, message.sender, message.text, is_chat=True)
        for message in parse_chat(CHAT.read_bytes()).messages
    ]
    seen = replace(observed({}), duration_s=end_s)
    return assess(seen, [], lines + chat, [], AssessOptions())


def test_the_first_three_minutes_are_as_counted_by_hand() -> None:
    """Counted on paper from cues 1–39 of the file, all that is said before 3:00.

    Words: cue by cue, each thing between spaces once, so that "we're" and a phone number are one
    word each; the sums per speaker follow. Turns: cues read from top to bottom, one turn for each
    change of the named speaker; cues 34 and 38 name nobody, change nothing and count for nobody.
    Questions: what a reader would ask aloud. The file has no question marks: they are in cues 10,
    17, 22 (its first sentence) and 37. Fillers: there is none. Speakers in the order in which they
    first speak.
    """
    analysis = talk_between(0, 180)
    people = sorted(analysis.participants, key=lambda person: person.first_seen_s)
    talk = [person.score.talk for person in people]
    assert [one.words for one in talk] == [169, 81, 15, 6, 71]
    assert [one.turns for one in talk] == [8, 6, 2, 1, 5]
    assert [one.questions for one in talk] == [2, 1, 0, 0, 1]
    assert [one.fillers for one in talk] == [0, 0, 0, 0, 0]
    assert analysis.call.talk.speaker_changes_per_min == pytest.approx(21 / 3)


def test_fillers_are_as_counted_by_hand() -> None:
    """Counted from cues 61–65 (13:57–14:41), one speaker: fillers in cues 61, 62 and 64.

    Words: 31, 28, 18, 39 and 22. Questions: two, both at the end of cue 61, without question marks.
    """
    (person,) = talk_between(837, 881).participants
    talk = person.score.talk
    assert (talk.words, talk.fillers, talk.questions, talk.turns) == (138, 3, 2, 1)
    assert talk.filler_share == pytest.approx(3 / 138)
