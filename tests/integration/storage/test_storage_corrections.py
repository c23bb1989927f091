"""Corrections are stored once, in order, with who made them; older databases accept them too."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text

from storage import calls, migrate
from storage.calls import corrections
from storage.engine import open_engine, reading, transaction
from storage.errors import Duplicate
from tests.integration.api.conftest import CALL, RESULT

EVE = corrections.NewCorrection(
    "f1", "name", "Person 1", "Eve", {"key": "", "name": "Person 1", "seen": []}, "laptop"
)


def add_call(engine: Engine) -> str:
    with transaction(engine) as session:
        call_id = calls.announce(session, CALL).id
        calls.save_result(session, call_id, RESULT)
    return call_id


def test_corrections_read_back_in_order_with_who_made_them_when(engine: Engine) -> None:
    call_id = add_call(engine)
    before = datetime.now(UTC)
    with transaction(engine) as session:
        corrections.add(session, call_id, 0, [EVE, replace(EVE, field="side", new_value="rep")])
    with reading(engine) as session:
        first, second = corrections.list_for_call(session, call_id)
        assert [call.id for call in corrections.waiting(session)] == [call_id]
    assert (first.field, first.old_value, first.new_value) == ("name", "Person 1", "Eve")
    assert (first.made_by, first.anchor, second.field) == ("laptop", EVE.anchor, "side")
    assert before <= first.made_at <= datetime.now(UTC)


def test_two_people_correcting_at_once_do_not_overwrite_each_other(engine: Engine) -> None:
    call_id = add_call(engine)
    with transaction(engine) as session:
        corrections.add(session, call_id, 0, [EVE])
    with pytest.raises(Duplicate), transaction(engine) as session:
        corrections.add(session, call_id, 0, [EVE])


def test_corrections_in_the_scores_stop_waiting_and_later_ones_still_wait(engine: Engine) -> None:
    call_id = add_call(engine)
    with transaction(engine) as session:
        corrections.add(session, call_id, 0, [EVE, EVE])
    with transaction(engine) as session:
        corrections.mark_stored(session, call_id, 1)
        assert corrections.waiting(session)
        corrections.mark_stored(session, call_id, 2)
        session.expire_all()
        assert not corrections.waiting(session)


def test_a_deleted_call_leaves_no_correction(engine: Engine) -> None:
    call_id = add_call(engine)
    with transaction(engine) as session:
        corrections.add(session, call_id, 0, [EVE])
    with transaction(engine) as session:
        calls.delete_call(session, call_id)
    with reading(engine) as session:
        assert not corrections.list_for_call(session, call_id)


def test_people_in_an_older_database_can_still_be_read(blank_url: str) -> None:
    migrate.upgrade(blank_url, "0004")
    engine = open_engine(blank_url)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO calls (id, zoom_uuid, zoom_meeting_id, topic, topic_folded, "
                "host_email, host_folded, started_at, duration_ms, status, run, has_new_files, "
                "has_transcript, created_at, updated_at) VALUES ('c', 'u', '1', 't', 't', 'h', "
                "'h', :at, 1, 'done', 1, false, false, :at, :at)"
            ),
            {"at": datetime(2026, 3, 4).isoformat(sep=" ")},  # noqa: DTZ001 as SQLite keeps it
        )
        connection.execute(
            text(
                "INSERT INTO participants (call_id, position, name, name_folded, key, is_named, "
                "side, is_host, is_scored, name_confidence, first_seen_ms, last_seen_ms, "
                "coverage, face_ms, talk_ms, talk_share) VALUES "
                "('c', 0, 'Eve', 'eve', '', true, 'rep', false, true, 0, 0, 0, 0, 0, 0, 0)"
            )
        )
        connection.execute(
            text(
                "INSERT INTO moments (call_id, position, start_ms, end_ms, kind, participants, "
                "reason, strength, lines) VALUES ('c', 0, 0, 9, 'rise', '[0]', 'r', 1, '[]')"
            )
        )
    migrate.upgrade(blank_url)
    with reading(engine) as session:
        (eve,) = calls.get_participants(session, "c")
        (moment,) = calls.get_moments(session, "c")
        assert (eve.pid, eve.former_pids, eve.is_confirmed) == ("", [], False)
        assert (moment.side, moment.speakers) == ("", [])
        assert (moment.change_ms, moment.what, moment.is_greeting) == (None, "", False)
        assert calls.get_call(session, "c").sides is None
    engine.dispose()
