"""A transcript of another call is left out with a note; any that may be this call's is used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.calls.manifest import Manifest, SegmentFiles, SideFile
from bot.calls.record import Evidence, name_people, score_evidence
from bot.calls.side_files import with_side_files
from inference.assess import AssessOptions
from inference.schema.meeting import RosterEntry
from storage.files import MediaFiles
from tests.unit.calls.test_record import observed

START = datetime(2026, 9, 10, 13, 0, tzinfo=UTC)
CHAT = b"00:00:03\tSam:\tThe price list is here\n"


def vtt(*cues: tuple[float, str]) -> bytes:
    blocks = [f"{_clock(at_s)} --> {_clock(at_s + 2)}\n{words}\n" for at_s, words in cues]
    return ("WEBVTT\n\n" + "\n".join(blocks)).encode()


def _clock(at_s: float) -> str:
    return f"{int(at_s // 3600):02d}:{int(at_s % 3600 // 60):02d}:{at_s % 60:06.3f}"


def read(
    tmp_path: Path,
    words: bytes,
    roster: tuple[str, ...] = (),
    *,
    timeline: str | None = None,
    recorded_s: float | None = None,
    other_names: dict[str, str] | None = None,
) -> Evidence:
    (tmp_path / "words.vtt").write_bytes(words)
    (tmp_path / "chat.txt").write_bytes(CHAT)
    if timeline:
        users = f'[{{"username": "{timeline}", "user_id": "1"}}]'
        text = f'{{"timeline": [{{"ts": "00:00:01.000", "users": {users}}}]}}'
        (tmp_path / "timeline.json").write_text(text)
    segment = SegmentFiles(
        timeline="timeline.json" if timeline else None,
        transcript="words.vtt",
        chat="chat.txt",
        start_at=START,
        end_at=None if recorded_s is None else START + timedelta(seconds=recorded_s),
    )
    entries = tuple(RosterEntry(name) for name in roster)
    manifest = Manifest((segment,), entries, other_names=other_names or {})
    return with_side_files(Evidence(observed()), manifest, MediaFiles(tmp_path))


def spoken(evidence: Evidence) -> list[str]:
    return [line.text for line in evidence.transcript if not line.is_chat]


def notes(evidence: Evidence) -> tuple[str, ...]:
    return evidence.observations.quality.notes


def test_a_transcript_that_goes_on_long_after_the_recording_is_left_out(tmp_path: Path) -> None:
    evidence = read(tmp_path, vtt((5, "Dana: Hello"), (95, "Sam: Hello"), (600, "Dana: Bye")))
    assert spoken(evidence) == []
    assert notes(evidence) == (
        "TRANSCRIPT: it was not used, because it is another call's: "
        "2 of 3 lines start after the end of the recording.",
    )
    assert [line.text for line in evidence.transcript] == ["The price list is here"]
    analysis = score_evidence(name_people(evidence), AssessOptions())
    assert analysis.participants[0].score.talk.words is None
    assert analysis.quality.notes == notes(evidence)


@pytest.mark.parametrize(
    "cues",
    [
        [(5, "Dana: Hello"), (61, "Sam: So"), (89, "Dana: Bye")],  # within the tolerance
        [(5, "Dana: Hello"), (7, "Sam: So"), (5000, "Dana: Bye")],  # one damaged time
    ],
)
def test_a_transcript_that_runs_over_a_little_is_used(
    tmp_path: Path, cues: list[tuple[float, str]]
) -> None:
    evidence = read(tmp_path, vtt(*cues))
    assert spoken(evidence) == ["Hello" if at_s == 5 else "So" for at_s, _ in cues if at_s < 60]


def test_a_video_that_was_cut_off_does_not_cost_the_transcript(tmp_path: Path) -> None:
    words = vtt((5, "Dana: Hello"), (95, "Sam: Hello"), (600, "Dana: Bye"))
    assert spoken(read(tmp_path, words, recorded_s=620)) == ["Hello"]


def test_a_transcript_without_anybody_of_the_list_of_participants_is_left_out(
    tmp_path: Path,
) -> None:
    evidence = read(tmp_path, vtt((5, "Kim Lee: Hello"), (9, "Lou: Hi")), ("Dana Weiß", "Sam"))
    assert spoken(evidence) == []
    assert notes(evidence) == (
        "TRANSCRIPT: it was not used, because it is another call's: "
        "of its 2 speakers, none is on the list of participants.",
    )


@pytest.mark.parametrize(
    ("words", "roster"),
    [
        (["Dana: Hi", "Lou: Hello"], ("Dana Weiß", "Sam")),  # a first name
        (["WEISS, DANA (Acme): Hi"], ("Dana Weiß",)),
        (["Łukasz: Hi"], ("Lukasz Nowak",)),
        (["דנה כהן: שלום"], ("דנה כהן",)),
        (["王伟: 你好"], ("王伟 (Wei)",)),
        (["Hello", "Hi"], ("Dana Weiß",)),  # nobody is named
        (["Kim: Hi", "Lou: Hello"], ()),  # no list of participants
    ],
)
def test_a_transcript_that_may_be_of_the_call_is_used(
    tmp_path: Path, words: list[str], roster: tuple[str, ...]
) -> None:
    cues = vtt(*((5.0 + 3 * place, text) for place, text in enumerate(words)))
    evidence = read(tmp_path, cues, roster)
    assert len(spoken(evidence)) == len(words)
    assert notes(evidence) == ()


def test_another_name_and_the_timeline_are_names_of_the_call_too(tmp_path: Path) -> None:
    words = vtt((5, "Kim Lee: Hello"), (9, "Lou: Hi"))
    assert spoken(read(tmp_path, words, ("Dana",), other_names={"Kim": "Dana"})) == ["Hello", "Hi"]
    assert spoken(read(tmp_path, words, ("Dana",), timeline="Lou")) == ["Hello", "Hi"]


def test_of_two_files_only_the_one_that_exceeds_the_recording_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "one.vtt").write_bytes(vtt((5, "Dana: Hello")))
    (tmp_path / "two.vtt").write_bytes(vtt((400, "Kim: Hi"), (500, "Lou: Hi")))
    files = tuple(SideFile("transcript", f"{name}.vtt", 0) for name in ("one", "two"))
    manifest = Manifest((SegmentFiles(),), side_files=files)
    evidence = with_side_files(Evidence(observed()), manifest, MediaFiles(tmp_path))
    assert spoken(evidence) == ["Hello"]
