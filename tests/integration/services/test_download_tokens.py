"""Tokens that open recordings leave the stored webhooks, on both databases."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from bot.service.download_tokens import DownloadTokens
from storage import calls
from storage.delivery import inbox
from storage.engine import reading, transaction

NOW = datetime(2026, 9, 10, 12, tzinfo=UTC)
BODY = json.dumps(
    {
        "event": "recording.completed",
        "download_token": "opens-files",
        "payload": {"object": {"uuid": "u==", "topic": "Ángel", "download_access_token": "too"}},
    },
    ensure_ascii=False,
).encode()


def add_delivery(engine: Engine, received_at: datetime = NOW) -> tuple[int, str]:
    """Store a delivery and the call that it announced, with one file to fetch."""
    with transaction(engine) as session:
        row = inbox.receive(session, "recording.completed", "u==", BODY, received_at, False)
        call = calls.announce(
            session,
            calls.NewCall("u==", "1", "Ángel", "a@example.com", NOW, timezone="UTC", duration_ms=0),
        )
        calls.add_files(session, call.id, [calls.NewFile("f", 0, "MP4")])
        calls.begin_run(session, call.id)
        assert row.id is not None
        inbox.mark(session, row.id, f"started {call.id}.1", call.id)
        return row.id, call.id


def body_of(engine: Engine, row_id: int) -> bytes:
    with reading(engine) as session:
        return inbox.get(session, row_id).raw_body


@pytest.mark.parametrize("status", ["done", "failed"])
def test_a_token_goes_once_the_files_are_fetched_and_the_run_has_ended(
    engine: Engine, status: calls.Status
) -> None:
    row_id, call_id = add_delivery(engine)
    tokens = DownloadTokens(engine)
    tokens.remove_used(NOW)
    assert body_of(engine, row_id) == BODY, "it is queued"
    with transaction(engine) as session:
        calls.set_file(session, call_id, "f", state="fetched", path="f.mp4")
        calls.set_status(session, call_id, "running")
    tokens.remove_used(NOW)
    assert body_of(engine, row_id) == BODY, "the run may want to fetch again"
    with transaction(engine) as session:
        calls.set_status(session, call_id, status)
    tokens.remove_used(NOW)
    kept = json.loads(body_of(engine, row_id))
    assert kept == {
        "event": "recording.completed",
        "payload": {"object": {"uuid": "u==", "topic": "Ángel"}},
    }


def test_a_call_that_could_not_be_fetched_keeps_its_token_for_a_day(engine: Engine) -> None:
    row_id, call_id = add_delivery(engine)
    with transaction(engine) as session:
        calls.set_status(session, call_id, "failed", failure="Zoom was down")
    tokens = DownloadTokens(engine)
    tokens.remove_used(NOW + timedelta(hours=23))
    assert b"opens-files" in body_of(engine, row_id), "a person may start it again"
    tokens.remove_used(NOW + timedelta(hours=25))
    assert b"opens-files" not in body_of(engine, row_id)


def test_tokens_that_an_earlier_version_kept_go_too(engine: Engine) -> None:
    rows = [add_delivery(engine, NOW - timedelta(days=number))[0] for number in range(2, 5)]
    DownloadTokens(engine).remove_used(NOW)
    assert not any(b"opens-files" in body_of(engine, row_id) for row_id in rows)


def test_a_body_that_was_emptied_meanwhile_stays_empty(engine: Engine) -> None:
    row_id, call_id = add_delivery(engine)
    with transaction(engine) as session:
        calls.delete_call(session, call_id)
        inbox.replace_body(session, row_id, BODY, b"{}")
    assert body_of(engine, row_id) == b""
