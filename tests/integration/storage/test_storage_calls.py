"""Calls in the database, once on SQLite and once on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from sqlalchemy import Engine

from storage import calls
from storage.calls import CallFilter, NewCall, NewFile, ResultRows
from storage.engine import open_engine, reading, transaction
from storage.errors import BadCursor, DatabaseDown, Missing, StorageError
from storage.schema.tables import Call

Answer = TypeVar("Answer")

STARTED_AT = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
CALL = NewCall(
    zoom_uuid="a/b+c==",
    zoom_meeting_id="987",
    topic="Übergabe: ÄRGER & 100% of $5",
    host_email="Dana@example.com",
    host_name="Dana Weiß",
    started_at=STARTED_AT,
    timezone="Europe/Berlin",
    duration_ms=60_000,
)
VIDEO = NewFile("f1", 0, "MP4", "gallery_view", "MP4", STARTED_AT, STARTED_AT, 5_000_000_000)
RESULT = ResultRows(
    call={
        "duration_ms": 61_234,
        "profile": "sales",
        "scoring_version": 1,
        "model": "expression-1",
        "engagement": 0.61,
        "engagement_low": 0.55,
        "engagement_high": 0.67,
        "coverage": 0.9,
        "has_transcript": True,
        "quality": {"frames_decoded": 10},
        "score": {"talk_s": 3.5},
        "series_path": "x/series.npz",
    },
    participants=[
        {"position": 0, "name": "Dana Weiß", "engagement": 0.6, "score": {"stability": None}},
        {"position": 1, "name": "ΣΊΣΥΦΟΣ", "side": "prospect"},
    ],
    windows=[
        {
            "participant": 0, "start_ms": 0, "end_ms": 10_000, "engagement": 0.5, "coverage": 1.0,
            "samples": 20, "talk_ms": 500, "expressions": {"happy": 0.123456},
        }
    ],
    moments=[
        {
            "start_ms": 9000, "end_ms": 19_000, "kind": "rise", "participants": (0,),
            "reason": "Up.", "before": 0.4, "after": 0.7, "strength": 0.9,
            "lines": [
                {"start_ms": 9000, "end_ms": 9500, "speaker": "Dana Weiß", "text": "Great"}
            ],
        },
        {
            "start_ms": 0, "end_ms": 5000, "kind": "silence", "participants": (),
            "reason": "Long silence.", "strength": 0.1, "lines": (), "change_ms": 10,
        },
    ],
    turns=[{"start_ms": 100, "end_ms": 900, "speaker": "Dana Weiß", "key": "16778240"}],
    transcript=[{"start_ms": 0, "end_ms": 10, "speaker": None, "text": "Hi\x00 \ud800"}],
)  # fmt: skip


def announce(engine: Engine, call: NewCall = CALL) -> str:
    with transaction(engine) as session:
        return calls.announce(session, call).id


def at_once(work: Callable[[], Answer], count: int = 6) -> list[Answer]:
    barrier = threading.Barrier(count)

    def one() -> Answer:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(count) as pool:
        return [future.result() for future in [pool.submit(one) for _ in range(count)]]


def test_a_stored_call_reads_back_as_announced(engine: Engine) -> None:
    with transaction(engine) as session:
        stored = calls.announce(session, replace(CALL, started_at=STARTED_AT.astimezone()))
    with reading(engine) as session:
        call = calls.get_call(session, stored.id)
    assert call.id == calls.call_id_for("a/b+c==")
    assert call.id.isalnum()
    assert (call.topic, call.host_name, call.duration_ms) == (CALL.topic, "Dana Weiß", 60_000)
    assert call.started_at == STARTED_AT
    assert call.started_at.utcoffset() == timedelta(0)
    assert (call.status, call.run, call.quality, call.engagement) == ("queued", 0, None, None)


def test_a_time_without_a_zone_is_refused(engine: Engine) -> None:
    with pytest.raises(StorageError), transaction(engine) as session:
        calls.announce(session, replace(CALL, started_at=datetime(2026, 1, 1)))  # noqa: DTZ001 (the point)


def test_announcing_again_updates_the_topic_and_keeps_what_was_measured(engine: Engine) -> None:
    call_id = announce(engine)
    with transaction(engine) as session:
        calls.save_result(session, call_id, RESULT)
        again = replace(CALL, topic="Renamed", host_name=None, timezone=None, duration_ms=1)
        call = calls.announce(session, again)
        assert (call.topic, call.host_name, call.timezone) == (
            "Renamed",
            "Dana Weiß",
            "Europe/Berlin",
        )
        assert call.duration_ms == 61_234
        assert calls.find_calls(session, CallFilter(text="renam")).items == [call]
        assert calls.find_calls(session, CallFilter(host="weiss")).items == [call]


def test_simultaneous_announcements_make_one_call_and_one_run(engine: Engine) -> None:
    def deliver() -> tuple[int, int | None]:
        with transaction(engine) as session:
            call = calls.announce(session, CALL)
            new = calls.add_files(session, call.id, [VIDEO, replace(VIDEO, zoom_file_id="f2")])
            return new, calls.begin_run(session, call.id)

    answers = at_once(deliver)
    assert sorted(new for new, _ in answers) == [0, 0, 0, 0, 0, 2]
    assert [run for _, run in answers if run is not None] == [1]
    with reading(engine) as session:
        assert len(calls.find_calls(session, CallFilter()).items) == 1


def test_runs_join_while_active_and_start_again_for_new_files_force_or_failure(
    engine: Engine,
) -> None:
    call_id = announce(engine)
    with transaction(engine) as session:
        assert calls.begin_run(session, call_id) == 1
        for status in calls.ACTIVE:
            calls.set_status(session, call_id, status)
            assert calls.begin_run(session, call_id) is None
            assert calls.begin_run(session, call_id, force=True) is None
        calls.set_status(session, call_id, "done")
        assert calls.begin_run(session, call_id) is None
        assert calls.begin_run(session, call_id, force=True) == 2
        calls.set_status(session, call_id, "done")
        assert calls.add_files(session, call_id, [VIDEO]) == 1
        assert calls.begin_run(session, call_id) == 3
        calls.set_status(session, call_id, "done")
        assert calls.add_files(session, call_id, [VIDEO]) == 0
        assert calls.begin_run(session, call_id) is None
        calls.set_status(session, call_id, "failed", failure="disk full")
        assert calls.begin_run(session, call_id) == 4
        assert calls.get_call(session, call_id).failure is None


def test_files_added_during_a_run_start_another_run(engine: Engine) -> None:
    call_id = announce(engine)
    with transaction(engine) as session:
        calls.begin_run(session, call_id)
        calls.add_files(session, call_id, [VIDEO])
        assert calls.begin_run(session, call_id) is None
        calls.set_status(session, call_id, "done", run=1)
        assert calls.begin_run(session, call_id) == 2


def test_an_older_run_cannot_set_the_status(engine: Engine) -> None:
    call_id = announce(engine)
    with transaction(engine) as session:
        calls.begin_run(session, call_id)
        calls.set_status(session, call_id, "failed", run=1, failure="no video")
        calls.begin_run(session, call_id)
        assert not calls.set_status(session, call_id, "done", run=1)
        assert calls.get_call(session, call_id).status == "queued"
        with pytest.raises(Missing):
            calls.set_status(session, "nobody", "done")
        with pytest.raises(Missing):
            calls.begin_run(session, "nobody")


def test_a_result_replaces_the_previous_one(engine: Engine) -> None:
    call_id = announce(engine)
    for _ in range(2):
        with transaction(engine) as session:
            calls.save_result(session, call_id, RESULT)
    with reading(engine) as session:
        call = calls.get_call(session, call_id)
        assert (call.engagement, call.engagement_low, call.model) == (0.61, 0.55, "expression-1")
        assert call.score == {"talk_s": 3.5}
        people = calls.get_participants(session, call_id)
        assert [(p.name, p.engagement, p.score) for p in people] == [
            ("Dana Weiß", 0.6, {"stability": None}),
            ("ΣΊΣΥΦΟΣ", None, None),
        ]
        (window,) = calls.get_windows(session, call_id)
        assert (window.end_ms, window.attention) == (10_000, None)
        assert window.expressions == {"happy": 0.1235}
        strongest, silence = calls.get_moments(session, call_id)
        assert (strongest.kind, strongest.participants, silence.kind) == ("rise", [0], "silence")
        assert (strongest.change_ms, silence.change_ms) == (None, 10)
        assert strongest.lines[0]["text"] == "Great"
        assert [turn.key for turn in calls.get_turns(session, call_id)] == ["16778240"]
        assert [line.text for line in calls.get_transcript(session, call_id)] == ["Hi\ufffd \ufffd"]
    with transaction(engine) as session:
        calls.save_result(session, call_id, replace(RESULT, participants=(), transcript=()))
        assert calls.get_participants(session, call_id) == []


def test_numpy_numbers_are_stored_as_numbers(engine: Engine) -> None:
    call_id = announce(engine)
    third = np.float32(0.25)
    score = {"n": np.int32(3)}
    person = {"position": np.int64(0), "name": "A", "engagement": third, "score": score}
    nobody = {"position": 1, "name": "B", "engagement": float("nan")}
    call = {**RESULT.call, "engagement": third}
    result = replace(RESULT, call=call, participants=[person, nobody])
    with transaction(engine) as session:
        calls.save_result(session, call_id, result)
    with reading(engine) as session:
        assert calls.get_call(session, call_id).engagement == 0.25
        stored = calls.get_people_of(session, [call_id, "other"])
        assert [p.engagement for p in stored[call_id]] == [0.25, None]
        assert stored[call_id][0].score == {"n": 3}
        assert stored["other"] == []


def test_a_nan_figure_is_refused_and_nothing_changes(engine: Engine) -> None:
    call_id = announce(engine)
    broken = {**RESULT.call, "score": {"talk_s": float("nan")}}
    with pytest.raises(StorageError), transaction(engine) as session:
        calls.save_result(session, call_id, replace(RESULT, call=broken))
    with reading(engine) as session:
        assert calls.get_call(session, call_id).engagement is None


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (CallFilter(), ["c", "b", "a"]),
        (CallFilter(from_=STARTED_AT + timedelta(days=1)), ["c", "b"]),
        (CallFilter(to=STARTED_AT + timedelta(days=1)), ["a"]),
        (
            CallFilter(
                to=(STARTED_AT + timedelta(days=1)).astimezone(timezone(timedelta(hours=5)))
            ),
            ["a"],
        ),
        (CallFilter(text="ärger"), ["a"]),
        (CallFilter(text="100%"), ["a"]),
        (CallFilter(text="1_0%"), []),
        (CallFilter(text="$5"), ["a"]),
        (CallFilter(host="dana@EXAMPLE.com"), ["b", "a"]),
        (CallFilter(host="ana@example.com"), []),
        (CallFilter(host="WEISS"), ["a"]),
        (CallFilter(participant="σίσυφος"), ["a"]),
        (CallFilter(participant="dana w"), ["a"]),
        (CallFilter(min_engagement=0.61), ["a"]),
        (CallFilter(max_engagement=0.6), []),
        (CallFilter(status="done"), ["a"]),
        (CallFilter(status="queued", host="dana@example.com"), ["b"]),
    ],
)
def test_calls_are_found_by_each_filter(
    engine: Engine, wanted: CallFilter, found: list[str]
) -> None:
    a = announce(engine, replace(CALL, zoom_uuid="a"))
    b = replace(CALL, zoom_uuid="b", topic="Demo", host_name=None)
    announce(engine, replace(b, started_at=STARTED_AT + timedelta(days=1)))
    c = replace(b, zoom_uuid="c", host_email="lee@example.org")
    announce(engine, replace(c, started_at=STARTED_AT + timedelta(days=2)))
    with transaction(engine) as session:
        calls.save_result(session, a, RESULT)
        calls.set_status(session, a, "done")
        page = calls.find_calls(session, wanted)
    assert [call.zoom_uuid for call in page.items] == found


def test_pages_list_every_call_once_even_if_calls_arrive_meanwhile(engine: Engine) -> None:
    ids = [announce(engine, replace(CALL, zoom_uuid=f"u{number}")) for number in range(5)]
    seen: list[Call] = []
    cursor = None
    with transaction(engine) as session:
        for _ in range(3):
            page = calls.find_calls(session, CallFilter(), cursor, 2)
            seen += page.items
            cursor = page.next_cursor
            later = STARTED_AT + timedelta(hours=len(seen))
            calls.announce(session, replace(CALL, zoom_uuid=f"new{later}", started_at=later))
    assert sorted(call.id for call in seen) == sorted(ids)
    assert cursor is None


@pytest.mark.parametrize("cursor", ["", "!", "äöü", "YWJj", "MjAyNi0wMS0wMXxh", "a" * 9])
def test_a_cursor_of_unknown_origin_is_refused(engine: Engine, cursor: str) -> None:
    with pytest.raises(BadCursor), reading(engine) as session:
        calls.find_calls(session, CallFilter(), cursor)


def test_deleting_a_call_leaves_nothing_and_returns_its_files(engine: Engine) -> None:
    call_id = announce(engine)
    with transaction(engine) as session:
        calls.add_files(session, call_id, [VIDEO])
        calls.set_file(session, call_id, "f1", state="fetched", path="x/media/f1.mp4")
        calls.save_result(session, call_id, RESULT)
        calls.set_report_path(session, call_id, "x/report.pdf")
    with transaction(engine) as session:
        paths = calls.delete_call(session, call_id)
    assert paths == ["x/media/f1.mp4", "x/series.npz", "x/report.pdf"]
    with reading(engine) as session:
        assert calls.get_windows(session, call_id) == []
        assert calls.get_files(session, call_id) == []
        with pytest.raises(Missing):
            calls.get_call(session, call_id)


def test_rows_for_a_missing_call_are_refused(engine: Engine) -> None:
    with pytest.raises(Missing), transaction(engine) as session:
        calls.add_files(session, "nobody", [VIDEO])


def test_readers_do_not_wait_for_a_writer(engine: Engine) -> None:
    call_id = announce(engine)
    with transaction(engine) as writer:
        calls.set_status(writer, call_id, "running")
        with reading(engine) as reader:
            assert calls.get_call(reader, call_id).status == "queued"


def test_a_lost_database_is_reported_as_down() -> None:
    engine = open_engine("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(DatabaseDown), reading(engine) as session:
        calls.get_call(session, "x")
    engine.dispose()


def test_a_database_without_tables_says_to_upgrade(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'blank.db'}")
    with pytest.raises(StorageError, match="rapport db upgrade"), reading(engine) as session:
        calls.get_call(session, "x")
    engine.dispose()
