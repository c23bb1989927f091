"""Zoom's export says "Dana (Dana Whitfield)": that person is known by either name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.calls.manifest import Manifest, SegmentFiles
from bot.calls.record import Evidence
from bot.calls.roster import make_roster
from bot.calls.side_files import with_side_files
from integrations.zoom.participants import parse_participants
from storage.files import MediaFiles
from tests.unit.calls.test_record import observed

HEADER = "Name (original name),Email,Duration (minutes)"


def told(
    folder: Path, rows: list[str], *, speakers: list[tuple[str, int]], header: str = HEADER
) -> Evidence:
    """The evidence of a call with this export, in which each speaker talks for two seconds.

    Everybody also has a line in the transcript: "NAME: Hello.".
    """
    export = "\n".join([header, *(f"{row},,10" for row in rows)])
    roster = make_roster(parse_participants(export.encode()).rows, None, frozenset())
    entries, cues = [], ["WEBVTT\n"]
    for at, (name, user_id) in enumerate(speakers):
        users = [{"username": name, "user_id": user_id}] if user_id else []
        entries.append({"ts": f"00:00:{3 * at:02d}", "users": users})
        entries.append({"ts": f"00:00:{3 * at + 2:02d}", "users": []})
        cues.append(f"00:00:{3 * at:02d}.000 --> 00:00:{3 * at + 2:02d}.000\n{name}: Hello.\n")
    (folder / "timeline").write_text(json.dumps({"timeline": entries}))
    (folder / "words").write_text("\n".join(cues))
    manifest = Manifest(
        (SegmentFiles(timeline="timeline", transcript="words"),),
        roster.entries, roster.presence, roster.aliases, (), (), roster.other_names,
    )  # fmt: skip
    return with_side_files(Evidence(observed()), manifest, MediaFiles(folder))


def names(evidence: Evidence) -> tuple[list[str], list[str], list[str | None]]:
    """Who is on the list, who speaks by the TIMELINE, and who by the transcript."""
    return (
        [who.name for who in evidence.roster],
        list(dict.fromkeys(turn.speaker for turn in evidence.turns)),
        list(dict.fromkeys(line.speaker for line in evidence.transcript)),
    )


@pytest.mark.parametrize("called", ["Dana", "Dana Whitfield", "Dana (Dana Whitfield)"])
@pytest.mark.parametrize("cell", ["Dana (Dana Whitfield)", "Dana(Dana Whitfield)"])
def test_a_person_is_known_by_the_display_name_the_original_name_or_both(
    tmp_path: Path, cell: str, called: str
) -> None:
    if called.startswith("Dana ("):
        called = cell
    evidence = told(tmp_path, [cell, "Maya"], speakers=[(called, 7), ("Maya", 8)])
    assert names(evidence) == ([called, "Maya"], [called, "Maya"], [called, "Maya"])


def test_both_names_of_one_speaker_are_the_same_person(tmp_path: Path) -> None:
    speakers = [("Dana Whitfield", 7), ("Dana", 7), ("Dana", 7)]
    evidence = told(tmp_path, ["Dana (Dana Whitfield)"], speakers=speakers)
    assert names(evidence) == (["Dana"], ["Dana"], ["Dana"])


def test_the_transcript_alone_is_enough(tmp_path: Path) -> None:
    evidence = told(tmp_path, ["Dana (Dana Whitfield)"], speakers=[("Dana Whitfield", 0)])
    assert names(evidence) == (["Dana"], [], ["Dana"])


def test_nobody_is_guessed_where_two_could_be_meant(tmp_path: Path) -> None:
    rows = ["Dana (Dana Whitfield)", "Dana (Dana Miller)"]
    evidence = told(tmp_path, rows, speakers=[("Dana", 7), ("Dana Miller", 8)])
    assert names(evidence)[0] == ["Dana Whitfield", "Dana Miller"]
    assert names(evidence)[1] == ["Dana", "Dana Miller"]
    rows = ["Dana (Dana Whitfield)", "Dana"]
    evidence = told(tmp_path, rows, speakers=[("Dana", 7), ("Dana Whitfield", 8)])
    assert names(evidence)[0] == ["Dana Whitfield", "Dana"]
    two_ids = told(tmp_path, rows[:1], speakers=[("Dana", 7), ("Dana", 7), ("Dana Whitfield", 8)])
    assert names(two_ids)[:2] == (["Dana"], ["Dana", "Dana Whitfield"])


def test_brackets_of_a_list_without_original_names_belong_to_the_name(tmp_path: Path) -> None:
    evidence = told(
        tmp_path, ["Dana (Sales)"], speakers=[("Dana", 7)], header="Name,Email,Duration (minutes)"
    )
    assert names(evidence)[:2] == (["Dana (Sales)"], ["Dana"])


def test_the_last_brackets_hold_the_original_name() -> None:
    cells = ["Dana (R&D) (Dana (DW) Whitfield)", "(Dana)", "Dana ()", "Dana)", "Dana (Sales) W."]
    export = "\n".join([HEADER, *(f"{cell},,10" for cell in cells)])
    assert [row.other_names for row in parse_participants(export.encode()).rows] == [
        ("Dana (R&D)", "Dana (DW) Whitfield"), (), (), (), (),
    ]  # fmt: skip
