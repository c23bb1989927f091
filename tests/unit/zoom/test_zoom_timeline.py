"""Zoom's TIMELINE: valid, odd and broken ones."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.zoom.timeline import parse_timeline

ADA = {"username": "Ada", "zoom_userid": "Z_A", "user_id": 16778240, "email_address": "a@x.test"}
BOB = {"username": "Bob", "zoom_userid": "", "user_id": 16779264}


def at(seconds: float) -> str:
    return f"{int(seconds) // 3600:02d}:{int(seconds) // 60 % 60:02d}:{seconds % 60:06.3f}"


def file_of(*changes: tuple[float, list[Any]], name: str = "timeline") -> bytes:
    return json.dumps({name: [{"ts": at(s), "users": users} for s, users in changes]}).encode()


def spans(data: bytes, duration_s: float | None = None) -> list[tuple[float, float, str]]:
    return [
        (turn.start_s, turn.end_s, turn.username)
        for turn in parse_timeline(data, duration_s).entries
    ]


def test_an_entry_lasts_until_the_next_and_repeats_form_one_turn() -> None:
    data = file_of((1, [ADA]), (3, [ADA]), (6, [BOB]), (9, []))
    assert spans(data) == [(1, 6, "Ada"), (6, 9, "Bob")]
    assert parse_timeline(data).problems == ()


def test_two_people_speaking_at_once_are_two_overlapping_turns() -> None:
    data = file_of((1, [ADA]), (3, [ADA, BOB]), (5, [BOB]), (8, []))
    assert spans(data) == [(1, 5, "Ada"), (3, 8, "Bob")]


def test_a_short_silence_joins_turns_and_another_voice_does_not() -> None:
    assert spans(file_of((1, [ADA]), (3, []), (4.5, [ADA]), (6, []))) == [(1, 6, "Ada")]
    assert spans(file_of((1, [ADA]), (3, []), (4.6, [ADA]), (6, []))) == [
        (1, 3, "Ada"),
        (4.6, 6, "Ada"),
    ]
    assert spans(file_of((1, [ADA]), (3, [BOB]), (4, [ADA]), (6, []))) == [
        (1, 3, "Ada"),
        (3, 4, "Bob"),
        (4, 6, "Ada"),
    ]


def test_half_a_second_of_noise_is_not_a_turn() -> None:
    assert spans(file_of((1, [ADA]), (3, [BOB]), (3.5, [ADA]), (6, []))) == [
        (1, 3, "Ada"),
        (3.5, 6, "Ada"),
    ]


def test_the_refined_list_is_preferred() -> None:
    data = json.dumps(
        {
            "timeline": [{"ts": "00:00:05.000", "users": [BOB]}],
            "timeline_refine": [
                {"ts": "00:00:09.500", "users": [ADA]},
                {"ts": "00:00:12.000", "users": []},
            ],
        }
    ).encode()
    assert spans(data) == [(9.5, 12, "Ada")]


def test_the_recording_ends_the_last_turn() -> None:
    data = file_of((1, [ADA]))
    assert spans(data, 30.0) == [(1, 30, "Ada")]
    assert spans(data) == [(1, 2, "Ada")]


def test_people_are_told_apart_by_zooms_id_then_the_meetings_then_the_name() -> None:
    eve = {"username": "Eve"}
    turns = parse_timeline(file_of((1, [ADA, BOB, eve]), (3, []))).entries
    assert [turn.user_key for turn in turns] == ["Z_A", "16779264", "Eve"]
    assert turns[0].email == "a@x.test"


def test_entries_out_of_order_are_sorted_and_counted() -> None:
    found = parse_timeline(file_of((6, [BOB]), (1, [ADA]), (9, [])))
    assert [(turn.start_s, turn.username) for turn in found.entries] == [(1, "Ada"), (6, "Bob")]
    assert found.problems == ("TIMELINE: 1 entry out of order was sorted.",)


def test_entries_after_the_end_are_left_out_and_counted() -> None:
    found = parse_timeline(file_of((1, [ADA]), (50, [BOB]), (60, [ADA]), (70, [])), 20.0)
    assert [(turn.start_s, turn.end_s) for turn in found.entries] == [(1, 20)]
    assert found.problems == ("TIMELINE: 2 entries after the end of the recording were left out.",)


def test_two_names_under_one_account_are_two_people() -> None:
    beside = {"username": "Bob", "zoom_userid": "Z_A", "user_id": 16779264}
    assert spans(file_of((1, [ADA]), (3, [beside]), (5, [ADA, beside]), (7, []))) == [
        (1, 3, "Ada"), (3, 7, "Bob"), (5, 7, "Ada"),
    ]  # fmt: skip


@pytest.mark.parametrize("silence", [{"users": []}, {"users": None}, {}])
def test_an_entry_without_users_ends_what_was_said(silence: dict[str, Any]) -> None:
    changes = [
        {"ts": at(1), "users": [ADA]},
        {"ts": at(3), **silence},
        {"ts": at(9), "users": [BOB]},
    ]
    found = parse_timeline(json.dumps({"timeline": changes}).encode(), 20)
    assert [(turn.start_s, turn.end_s) for turn in found.entries] == [(1, 3), (9, 20)]
    assert found.problems == ()


def test_invalid_entries_are_left_out_and_counted() -> None:
    entries = [
        {"ts": "00:00:01.000", "users": [ADA]},
        {"ts": "later", "users": [ADA]},
        {"ts": "00:99:01.000", "users": [ADA]},
        "x",
        {"ts": "00:00:02.000", "users": "Ada"},
        {"ts": "00:00:03.000", "users": [{"username": ""}, 7]},
    ]
    found = parse_timeline(json.dumps({"timeline": entries}).encode())
    assert [(turn.start_s, turn.end_s) for turn in found.entries] == [(1, 3)]
    assert found.problems == (
        "TIMELINE: 4 entries could not be read and were left out.",
        "TIMELINE: left out 2 speakers without a name.",
    )


def test_a_missing_name_is_taken_from_another_entry() -> None:
    nameless = {"zoom_userid": "Z_A"}
    assert spans(file_of((1, [nameless]), (3, [ADA]), (5, []))) == [(1, 5, "Ada")]


def test_a_truncated_file_is_used_up_to_the_break() -> None:
    data = file_of((1, [ADA]), (3, [BOB]), (6, [ADA]), (9, []))
    found = parse_timeline(data[: data.index(b"00:00:09")], 100.0)
    assert [(turn.start_s, turn.end_s) for turn in found.entries] == [(1, 3), (3, 6), (6, 7)]
    assert found.problems == ("TIMELINE: the file is damaged; 3 entries could be read.",)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_every_unicode_encoding_is_read(encoding: str) -> None:
    user = {"username": "Çağla Öztürk 山田"}
    text = json.dumps({"timeline": [{"ts": "00:00:01.000", "users": [user]}]}, ensure_ascii=False)
    found = parse_timeline(text.encode(encoding))
    assert found.entries[0].username == "Çağla Öztürk 山田"
    assert found.problems == ()


def test_a_windows_encoding_is_read_and_reported() -> None:
    text = '{"timeline":[{"ts":"00:00:01.000","users":[{"username":"José Núñez"}]}]}'
    found = parse_timeline(text.encode("latin-1"))
    assert found.entries[0].username == "José Núñez"
    assert found.problems == ("TIMELINE: not UTF-8, read as Windows-1252.",)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "the file is empty."),
        (b" \n\x00", "the file is empty."),
        (b"<html>", "the file is not JSON and was not used."),
        (b"[1, 2]", "the file contains no list of entries and was not used."),
        (b'{"timeline": {}}', "the file contains no list of entries and was not used."),
        (b"[" * 100_000, "the file is not JSON and was not used."),
    ],
)
def test_anything_but_a_timeline_is_reported_and_does_no_harm(data: bytes, problem: str) -> None:
    found = parse_timeline(data)
    assert found.entries == ()
    assert found.problems == (f"TIMELINE: {problem}",)


def test_a_call_in_which_nobody_spoke_is_not_a_problem() -> None:
    assert parse_timeline(b'{"timeline": []}').problems == ()


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_any_bytes_parse_to_turns_and_problem_sentences(data: bytes) -> None:
    parse_timeline(data, 10.0)


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["ts", "users", "username", "user_id"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=60)
@given(st.lists(_JSON, max_size=4))
def test_any_json_parses_to_turns_and_problem_sentences(entries: list[Any]) -> None:
    parse_timeline(json.dumps({"timeline": entries}).encode(), 10.0)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.lists(st.sampled_from([ADA, BOB]), max_size=2)),
        max_size=12,
    )
)
def test_turns_are_in_order_within_the_recording_and_one_persons_never_overlap(
    changes: list[tuple[int, list[Any]]],
) -> None:
    turns = parse_timeline(file_of(*[(float(s), users) for s, users in changes]), 45.0).entries
    assert [turn.start_s for turn in turns] == sorted(turn.start_s for turn in turns)
    assert all(0 <= turn.start_s < turn.end_s <= 45 for turn in turns)
    for name in ("Ada", "Bob"):
        own = [turn for turn in turns if turn.username == name]
        assert all(one.end_s <= two.start_s for one, two in pairwise(own))
