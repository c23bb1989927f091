"""Zoom's list of participants: people who come back, who only waited, and when they were there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.calls.manifest import Manifest, PersonAudio, SegmentFiles, read_manifest, write_manifest
from bot.calls.roster import TIMES_DO_NOT_FIT, RecordedSpan, Roster, make_roster, with_stays
from inference.schema.meeting import RosterEntry
from integrations.errors import UnexpectedResponse
from integrations.zoom.participants import parse_participants
from storage.files import MediaFiles

START = datetime(2026, 9, 10, 13, 0, tzinfo=UTC)
HOUR = RecordedSpan(START, None, 0.0, 3600.0)


def clock(minutes: float) -> str:
    return (START + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def row(name: str, joined: float | None = None, left: float | None = None, **more: Any) -> Any:
    times = {} if joined is None else {"join_time": clock(joined)}
    times |= {} if left is None else {"leave_time": clock(left)}
    return {"name": name, **times, **more}


def listed(*rows: Any, host: str | None = None) -> Roster:
    read = parse_participants(json.dumps({"participants": rows}).encode())
    return make_roster(read.rows, host, frozenset({"acme.example.com"}))


def stays(*rows: Any, spans: tuple[RecordedSpan, ...] = (HOUR,)) -> list[Any]:
    roster = listed(*rows)
    placed, notes = with_stays(roster.entries, roster.presence, spans)
    assert notes == ()
    return [person.stays for person in placed]


def names(roster: Roster) -> list[str]:
    return [person.name for person in roster.entries]


def test_who_comes_back_is_one_person_by_id_by_address_or_by_name() -> None:
    roster = listed(
        row("Ana", 0, 10, id="z1", user_id="101", user_email="ana@acme.example.com"),
        row("Ana (phone)", 11, 20, id="z1", user_id="102"),
        row("Ana", 21, 30, user_id="103", user_email="Ana@acme.example.com"),
        row("Ben", 0, 10, user_id="104"),
        row("Ben", 12, 60, user_id="105"),
    )
    assert names(roster) == ["Ana", "Ben"]
    assert [len(person) for person in roster.presence] == [3, 2]
    assert roster.aliases == {
        "z1": "z1", "101": "z1", "102": "z1", "103": "z1", "104": "104", "105": "104",
    }  # fmt: skip


def test_two_people_of_one_name_stay_two() -> None:
    assert names(listed(row("Ana", id="z1"), row("Ana", id="z2"))) == ["Ana", "Ana"]
    assert names(listed(row("Ana", 0, 30), row("Ana", 5, 60))) == ["Ana", "Ana"]
    assert names(listed(row("Ana", 0, 30), row("Ana", 29.5, 60))) == ["Ana"], "a reconnection"


@pytest.mark.parametrize("shared", [{"id": "z1"}, {"user_id": "0"}, {"user_email": "a@x.example"}])
def test_people_who_share_an_account_at_the_same_time_keep_their_names(
    shared: dict[str, str],
) -> None:
    roster = listed(row("Ana", 0, 60, **shared), row("Ben", 5, 60, **shared))
    assert [(person.name, person.key) for person in roster.entries] == [
        ("Ana", "Ana"), ("Ben", "Ben"),
    ]  # fmt: skip
    assert roster.aliases == {}, "an id of both is neither's"


@pytest.mark.parametrize(
    "row_of",
    [
        lambda i: row(f"Person {i}", i % 60, 70),
        lambda i: row("iPhone", i % 60, 70),
        lambda i: row("Ana", i * 2, i * 2 + 1.5),
        lambda i: row(f"Room {i}", 0, 60, id="z1", user_email="room@x.example.com"),
        lambda i: row("Ana", i * 2, i * 2 + 1.5, id="z1"),
    ],
    ids=["other names", "one name at once", "comes back", "one account", "comes back by id"],
)
def test_a_long_list_takes_time_in_proportion_to_its_length(row_of: Callable[[int], Any]) -> None:
    def seconds_of_cpu(rows: int) -> float:
        data = json.dumps({"participants": [row_of(i) for i in range(rows)]}).encode()
        read = parse_participants(data).rows
        fastest = float("inf")
        for _ in range(3):
            began = time.process_time()
            make_roster(read, None, frozenset())
            fastest = min(fastest, time.process_time() - began)
        return fastest

    # Ten times the rows: about 10 if linear, 100 if each is compared with every other.
    assert seconds_of_cpu(8000) < 40 * seconds_of_cpu(800)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=12))
def test_two_rows_of_one_name_are_one_person_unless_both_were_there_for_long(
    spans: list[tuple[int, int]],
) -> None:
    people: list[list[tuple[int, int]]] = []
    for joined, left in spans:
        for person in people:
            if all(min(left, end) - max(joined, start) <= 1 for start, end in person):
                person.append((joined, left))
                break
        else:
            people.append([(joined, left)])
    roster = listed(*(row("Ana", joined, left) for joined, left in spans))
    assert [len(stays) for stays in roster.presence] == [len(person) for person in people]


def test_who_only_waited_and_who_has_no_name_is_left_out() -> None:
    roster = listed(
        row("Ana", status="in_meeting"), row("Zed", status="in_waiting_room"), row("", user_id="9")
    )
    assert names(roster) == ["Ana"]


def test_names_stay_letter_for_letter() -> None:
    odd = ["+1 415****212", "李小龙", "Conference Room", "ana  LEE 🎧 (she/her)"]
    assert names(listed(*map(row, odd))) == odd


def test_sides_come_from_the_address_and_the_host() -> None:
    roster = listed(
        row("Dana", user_email="dana@acme.example.com"),
        row("Eve", user_email="eve@other.example.com"),
        row("Host", user_email="host@third.example.com"),
        row("Fay"),
        host="Host@third.example.com",
    )
    assert [person.side for person in roster.entries] == ["rep", "prospect", "rep", "unknown"]
    assert [person.is_host for person in roster.entries] == [False, False, True, False]


def test_stays_lie_on_the_calls_time_line() -> None:
    assert stays(
        row("Ana", -5, 10), row("Ben", 2, None), row("Cy", None, 4), row("Di", 90, 95)
    ) == [
        ((0.0, 600.0),),
        ((120.0, 3600.0),),
        ((0.0, 240.0),),
        ((3600.0, 3600.0),),
    ]
    assert stays(row("Ana", 0, 10), row("Ben")) == [((0.0, 600.0),), ()], "Ben: any time"
    assert stays(row("Ana", 0, 10), row("Ben", 50, 5)) == [((0.0, 600.0),), ()], "left, then joined"
    assert stays(row("Ana", 0, 10), row("Ana", 10, 20), row("Ana", 30, 40)) == [
        ((0.0, 1200.0), (1800.0, 2400.0))
    ]


def test_stays_go_over_the_gap_between_two_segments() -> None:
    second = RecordedSpan(START + timedelta(minutes=90), None, 3600.0, 4200.0)
    spans = (HOUR, second)
    assert stays(row("Ana", 30, 95), row("Ben", 70, 95), spans=spans) == [
        ((1800.0, 3900.0),),
        ((3600.0, 3900.0),),
    ]


def test_in_a_paused_recording_a_stay_is_as_long_as_it_can_have_been() -> None:
    paused = RecordedSpan(START, START + timedelta(minutes=20), 0.0, 600.0)
    assert stays(row("Ana", 12, 15), spans=(paused,)) == [((120.0, 600.0),)]


def test_times_of_another_meeting_are_not_used() -> None:
    roster = listed(row("Ana", 100, 110), row("Ben", 100, 120))
    placed, notes = with_stays(roster.entries, roster.presence, [HOUR])
    assert notes == (TIMES_DO_NOT_FIT,)
    assert [person.stays for person in placed] == [(), ()]


@pytest.mark.parametrize(
    "text",
    [
        '[{"name": "Ana"}, {"name": "Ben"}]',
        '{"participants": [{"name": "Ana"}]}\n{"participants": [{"name": "Ben"}]}',
        '[{"participants": [{"name": "Ana"}]}, {"participants": [{"name": "Ben"}]}]',
        '\ufeff{"page_count": 1, "participants": [{"name": "Ana", "x": {}}, 7, {"name": "Ben"}]}',
    ],
)
def test_a_list_is_read_as_it_was_saved(text: str) -> None:
    assert [one.name for one in parse_participants(text.encode()).rows] == ["Ana", "Ben"]


def test_a_list_can_say_when_the_recording_began() -> None:
    text = '{"start_time": "2026-09-10T13:00:00Z", "participants": []}'
    assert parse_participants(text.encode()).start_time == START


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("hello", "not JSON"),
        ('{"participants": [', "not JSON"),
        ('{"roster": []}', 'no "participants" list: save Zoom'),
        ('{"participants": {}}', 'no "participants" list: save Zoom'),
        ("7", "of the wrong shape"),
        ('["Ana", "Ben"]', "is an object with a name"),
    ],
)
def test_what_is_no_list_of_participants_is_refused(text: str, said: str) -> None:
    with pytest.raises(UnexpectedResponse, match=said):
        parse_participants(text.encode())


def test_the_metrics_api_spells_names_and_addresses_its_own_way() -> None:
    roster = listed(
        {"id": "z1", "user_id": "101", "user_name": "Ana", "email": "ana@acme.example.com"},
        {"id": "", "user_id": "102", "user_name": "Ben"},
    )
    assert [(p.name, p.key, p.side) for p in roster.entries] == [
        ("Ana", "z1", "rep"), ("Ben", "102", "unknown"),
    ]  # fmt: skip


LOCAL_START = datetime.fromisoformat("2026-09-10T15:00:00+02:00")
ROWS = """Name (original name),Email,Join time,Leave time,Duration (minutes),Guest,In waiting room
"Lee, Ana (Ana Lee)",ana@acme.example.com,09/10/2026 02:55:00 PM,09/10/2026 03:10:00 PM,15,No,No
Ben,,09/10/2026 03:02:00 PM,09/10/2026 04:30:00 PM,88,Yes,No
Zed,,09/10/2026 02:50:00 PM,09/10/2026 02:51:00 PM,1,Yes,Yes
"""
BLOCK = """Meeting ID,Topic,Start Time,End Time,User Email,Duration (Minutes),Participants
81234567890,"Rollout, part 2",09/10/2026 02:50:00 PM,09/10/2026 04:30:00 PM,a@b.example.com,100,3

"""


@pytest.mark.parametrize(
    "text",
    [
        ROWS,
        "\ufeff" + BLOCK + ROWS.replace("\n", "\r\n"),
        ROWS.replace("Name (original name),Email", "Name (Original Name),User Email"),
        ROWS.replace('"Lee, Ana (Ana Lee)"', "Lee~ Ana (Ana Lee)").replace(",", ";")
        .replace("~", ","),
        ROWS.replace(",", "\t").replace("Lee\t Ana", "Lee, Ana"),
        ROWS.replace("09/10/2026 02:", "10.09.2026 14:").replace("09/10/2026 03:", "10.09.2026 15:")
        .replace("09/10/2026 04:", "10.09.2026 16:").replace(" PM", ""),
        ROWS.replace("09/10/2026 02:", "2026-09-10 14:").replace("09/10/2026 03:", "2026-09-10 15:")
        .replace("09/10/2026 04:", "2026-09-10 16:").replace(" PM", ""),
        ROWS.replace("09/10/2026", "10/09/2026").replace(" PM", " p. m."),
        ROWS.replace("09/10/2026", "Sep 10, 2026").replace("Sep 10, 2026 0", "Sep 10 2026 0"),
    ],
    ids=[
        "plain", "block and BOM", "other titles", "semicolons", "tabs", "dots", "ISO",
        "day first", "month in words",
    ],
)  # fmt: skip
def test_the_web_portals_export_is_read(text: str) -> None:
    read = parse_participants(text.encode(), LOCAL_START)
    roster = make_roster(read.rows, None, frozenset({"acme.example.com"}))
    assert [(p.name, p.side) for p in roster.entries] == [
        ("Lee, Ana (Ana Lee)", "rep"), ("Ben", "prospect"),
    ]  # fmt: skip
    placed, _ = with_stays(roster.entries, roster.presence, [HOUR])
    assert [person.stays for person in placed] == [((0.0, 600.0),), ((120.0, 3600.0),)]
    assert read.problems == (
        "PARTICIPANTS: 1 row of somebody who only waited to be let in was left out.",
    )


def test_what_a_list_holds_that_is_not_used_is_counted() -> None:
    read = parse_participants(ROWS.replace("04:30", "later").replace("Ben", "").encode())
    assert [row.join_time for row in read.rows] == [None, None]
    assert read.problems == (
        "PARTICIPANTS: 1 time could not be read and was left out; "
        'expected "2026-09-10T13:00:05Z" or "09/10/2026 01:00:05 PM".',
        "PARTICIPANTS: 5 times were not used: a CSV does not tell its time zone; "
        "give --start in that zone, such as 2026-09-10T15:00:05+02:00.",
        "PARTICIPANTS: 1 row without a name was left out.",
        "PARTICIPANTS: 1 row of somebody who only waited to be let in was left out.",
    )
    entries = [7, {"name": "Ana", "join_time": "noon"}, {"user_email": "a@x.example.com"}]
    assert parse_participants(json.dumps(entries).encode()).problems == (
        "PARTICIPANTS: 1 entry could not be read and was left out.",
        "PARTICIPANTS: 1 time could not be read and was left out; "
        'expected "2026-09-10T13:00:05Z" or "09/10/2026 01:00:05 PM".',
        "PARTICIPANTS: 1 row without a name was left out.",
    )


@settings(deadline=None, max_examples=200)
@given(
    st.binary(max_size=300)
    | st.text(max_size=200).map(lambda text: (ROWS + text).encode("utf-8", "replace"))
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["participants", "name"]), inner)
        ),
        max_leaves=9,
    ).map(lambda content: json.dumps(content).encode())
)
def test_any_bytes_parse_to_a_list_or_are_refused(data: bytes) -> None:
    try:
        read = parse_participants(data, LOCAL_START)
    except UnexpectedResponse:
        return
    make_roster(read.rows, None, frozenset())


def test_a_manifest_comes_back_as_it_was_and_older_ones_are_read(tmp_path: Any) -> None:
    files = MediaFiles(tmp_path)
    manifest = Manifest(
        (SegmentFiles("v.mp4", participant_audio=(PersonAudio("a", "x", 1.0),), start_at=START),),
        (RosterEntry("Ana", "z1"),),
        (((START, None),),),
        {"101": "z1"},
        ("A note.",),
    )
    write_manifest(files, "call", manifest)
    assert read_manifest(files, "call") == manifest
    older = {
        "segments": [{"video": "v.mp4", "participant_audio": ["a.m4a"]}],
        "attendees": [{"name": "Ana", "key": "z1", "side": "rep", "is_host": True}],
        "aliases": {},
        "notes": [],
    }
    files.media_path("call", "manifest.json").write_text(json.dumps(older))
    read = read_manifest(files, "call")
    assert read.segments[0].participant_audio == (PersonAudio("a.m4a"),)
    assert (read.presence, read.segments[0].start_at) == ((), None)


def test_a_side_is_told_by_all_rows_of_a_person() -> None:
    roster = listed(
        row("Ana", user_id="101", id="z1"),
        row("Ana", user_id="102", id="z1", user_email="ana@acme.example.com"),
        row("Ben", user_id="103", registrant_id="r1"),
        row("Cat", user_id="104", internal_user=True, registrant_id="r2"),
        row("Dan", user_id="105"),
        host="ana@acme.example.com",
    )
    assert [(p.side, p.is_host) for p in roster.entries] == [
        ("rep", True), ("prospect", False), ("rep", False), ("unknown", False),
    ]  # fmt: skip
