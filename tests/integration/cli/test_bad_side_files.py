"""A TIMELINE or transcript that is damaged or something else: used as far as it goes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.conftest import Analyze, assert_analysed


def entry(at_s: float, *names: str) -> dict[str, Any]:
    users = [{"username": name, "zoom_userid": name.lower(), "user_id": name} for name in names]
    return {"ts": f"00:00:{at_s:06.3f}", "users": users}


ENTRIES = [entry(0.5, "Ana"), entry(3.5, "Tom"), entry(6.5)]
CUES = [
    "1\n00:00:00.500 --> 00:00:03.000\nAna: Good morning, José.\n\n",
    "2\n00:00:03.500 --> 00:00:06.500\nTom: Shall we look at the price?\n\n",
]
LATE_CUE = "3\n00:10:00.000 --> 00:10:02.000\nTom: Bye.\n"
PAGE = b"<!DOCTYPE html><html></html>"


def timeline_of(*entries: dict[str, Any]) -> str:
    return json.dumps({"timeline": entries})


def vtt_of(*cues: str) -> str:
    return "WEBVTT\n\n" + "".join(cues)


BOTH = {"Ana": 3.0, "Tom": 3.0}
SIDE_FILES: dict[str, tuple[bytes, bytes, dict[str, float], list[str]]] = {
    "sound": (timeline_of(*ENTRIES).encode(), vtt_of(*CUES).encode(), BOTH, []),
    "UTF-16": (timeline_of(*ENTRIES).encode("utf-16"), vtt_of(*CUES).encode("utf-16"), BOTH, []),
    "out of order": (
        timeline_of(ENTRIES[1], ENTRIES[0], ENTRIES[2]).encode(),
        vtt_of(CUES[1], CUES[0]).encode(),
        BOTH,
        [
            "TIMELINE: 1 entry out of order was sorted.",
            "TRANSCRIPT: 1 line out of order was sorted.",
        ],
    ),
    "past the end": (
        timeline_of(*ENTRIES, entry(50, "Ana")).encode(),
        vtt_of(*CUES, LATE_CUE).encode(),
        BOTH,
        [
            "TIMELINE: 1 entry after the end of the recording was left out.",
            "TRANSCRIPT: 1 line after the end of the recording was left out (2 words).",
        ],
    ),
    "broken": (
        timeline_of(*ENTRIES).encode()[:-20],
        vtt_of(*CUES).encode().replace(b"00:00:03.500 -->", b"later -->"),
        {"Ana": 3.0, "Tom": 1.0},
        [
            "TIMELINE: the file is damaged; 2 entries could be read.",
            "TRANSCRIPT: 1 line with a damaged time was left out (8 words); "
            'expected "00:00:01.000 --> 00:00:03.000" above "Name: words".',
        ],
    ),
    "of another kind": (
        b"[1, null]",
        vtt_of(*CUES).encode("cp1252"),
        {"Ana": 2.5, "Tom": 3.0},  # the transcript says who spoke where the TIMELINE does not
        [
            "TIMELINE: the file contains no list of entries and was not used.",
            "TRANSCRIPT: not UTF-8, read as Windows-1252.",
        ],
    ),
    "empty": (b"", b"", {}, ["TIMELINE: the file is empty.", "TRANSCRIPT: the file is empty."]),
    "a web page": (
        PAGE,
        PAGE,
        {},
        [
            "TIMELINE: the file is not JSON and was not used.",
            "TRANSCRIPT: the file is not WebVTT and was not used; "
            'expected "00:00:01.000 --> 00:00:03.000" above "Name: words".',
        ],
    ),
}


@pytest.mark.parametrize("kind", SIDE_FILES)
def test_what_is_readable_of_a_side_file_is_used(
    tmp_path: Path, clip: Path, analyze: Analyze, kind: str
) -> None:
    timeline, transcript = tmp_path / "timeline.json", tmp_path / "transcript.vtt"
    said, written, talk, notes = SIDE_FILES[kind]
    timeline.write_bytes(said)
    transcript.write_bytes(written)
    outcome = analyze(clip, timeline=timeline, transcript=transcript)
    people = assert_analysed(outcome)["participants"]
    assert {person["name"]: person["talk_s"] for person in people} == pytest.approx(talk)
    assert outcome.notes == notes
    report = outcome.report()
    assert all(note in report for note in notes)


def test_a_name_with_a_colon_is_known_from_the_timeline(
    tmp_path: Path, clip: Path, analyze: Analyze
) -> None:
    timeline, transcript = tmp_path / "timeline.json", tmp_path / "transcript.vtt"
    timeline.write_text(timeline_of(entry(0.5, "sales: ana"), entry(6.5)))
    transcript.write_text(vtt_of(CUES[0].replace("Ana:", "sales: ana:")), encoding="utf-8")
    outcome = analyze(clip, timeline=timeline, transcript=transcript)
    people = assert_analysed(outcome)["participants"]
    assert [person["name"] for person in people] == ["sales: ana"]
