"""Talk in JSON and in stored rows: every figure by its name, null where it is not known."""

from __future__ import annotations

from bot.calls.result_rows import talk_fields
from bot.cli.recordings.json_output import analysis_json
from inference.assess import AssessOptions, assess
from inference.schema.analysis import CallAnalysis
from inference.schema.meeting import RosterEntry, SpeakerTurn, TranscriptLine
from tests.unit.calls.test_record import observed

FIELDS = [
    "talk_s", "share_of_speech", "share_of_call", "longest_monologue_s", "turns", "patience_s",
    "interruptions", "words", "words_per_minute", "questions", "fillers", "filler_share",
]  # fmt: skip


def scored(*lines: TranscriptLine, turns: tuple[SpeakerTurn, ...] = ()) -> CallAnalysis:
    roster = [RosterEntry("Dana", "Dana", "rep"), RosterEntry("Sam", "Sam", "prospect")]
    return assess(observed(), turns, lines, roster, AssessOptions())


def test_json_has_the_talk_of_people_sides_and_the_call_beside_the_older_keys() -> None:
    found = analysis_json(
        scored(
            TranscriptLine(0, 6, "Dana", "Um, shall we?"),
            TranscriptLine(9, 12, "Sam", "Yes, we do."),
        )
    )
    dana = next(person for person in found["participants"] if person["name"] == "Dana")
    assert list(dana["talk"]) == FIELDS
    assert dana["talk"] == {
        "talk_s": 6, "share_of_speech": 6 / 9, "share_of_call": 0.1, "longest_monologue_s": 6,
        "turns": 1, "patience_s": None, "interruptions": 0, "words": 3, "words_per_minute": 30,
        "questions": 1, "fillers": 1, "filler_share": 1 / 3,
    }  # fmt: skip
    assert (dana["talk_s"], dana["talk_share"], dana["turns"]) == (6, 6 / 9, 1)
    assert dana["longest_monologue_s"] == 6
    talk = {side["side"]: side["talk"] for side in found["sides"]}
    assert talk["rep"] == dana["talk"]
    assert talk["prospect"]["patience_s"] == 3
    assert found["call"]["talk"] == {
        "speaker_changes_per_min": 1, "overlap_s": 0, "longest_silence_s": 3,
        "question_answer_s": 3,
    }  # fmt: skip


def test_json_has_null_where_nothing_says_who_spoke() -> None:
    found = analysis_json(scored())
    assert found["participants"][0]["talk"] == dict.fromkeys(FIELDS)
    assert found["sides"][0]["talk"] == dict.fromkeys(FIELDS)
    assert set(found["call"]["talk"].values()) == {None}


def test_rows_of_an_earlier_version_keep_what_they_had() -> None:
    old = {"talk_s": 6.0, "share": 0.5, "turns": 2, "longest_monologue_s": 4.0}
    shown = talk_fields(old)
    assert shown is not None
    assert [name for name in FIELDS if shown[name] is not None] == [
        "talk_s", "share_of_speech", "longest_monologue_s", "turns",
    ]  # fmt: skip
    assert talk_fields(None) is None
