"""Webhooks on their way into the inbox, on both databases."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import Engine

from bot.pipeline.deliveries import Deliveries, Delivery
from bot.pipeline.intake import Intake
from bot.settings import Settings
from storage.delivery import inbox
from storage.engine import open_engine, reading, transaction
from storage.schema.tables import InboxRow

BODY = b'{"event": "meeting.started", "payload": {}}'


def delivery(event: str = "meeting.started", body: bytes = BODY) -> Delivery:
    return Delivery(event, None, body, datetime.now(UTC), False)


@pytest.fixture
def deliveries(engine: Engine) -> Deliveries:
    # No delivery of these tests starts a call, so nothing asks for the pipeline.
    intake = Intake(engine, Settings(_env_file=None), cast(Any, None))
    started = Deliveries(engine, intake)
    started.start()
    return started


def stored(engine: Engine) -> list[InboxRow]:
    with reading(engine) as session:
        return list(inbox.recent(session, 1000))


async def keep_all(deliveries: Deliveries, many: list[Delivery]) -> list[int | BaseException]:
    return await asyncio.gather(*map(deliveries.keep, many), return_exceptions=True)


def test_every_delivery_is_stored_when_it_is_answered_and_decided_soon_after(
    deliveries: Deliveries, engine: Engine
) -> None:
    numbers = asyncio.run(keep_all(deliveries, [delivery() for _ in range(300)]))
    assert sorted(row.id or 0 for row in stored(engine)) == sorted(map(int, cast(Any, numbers)))
    assert len(set(numbers)) == 300
    deadline = time.monotonic() + 30
    while {row.outcome for row in stored(engine)} != {"ignored"}:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_delivery_that_cannot_be_stored_keeps_no_other_out(
    deliveries: Deliveries, engine: Engine
) -> None:
    impossible = delivery(body=cast(Any, object()))
    many = [delivery(), impossible, *(delivery() for _ in range(5))]
    answers = asyncio.run(keep_all(deliveries, many))
    assert [isinstance(answer, Exception) for answer in answers].count(True) == 1
    assert isinstance(answers[1], Exception)
    assert len(stored(engine)) == 6


def test_on_sqlite_an_urgent_writer_goes_before_those_that_wait(migrated_sqlite: Path) -> None:
    engine = open_engine(f"sqlite:///{migrated_sqlite}")
    order: list[str] = []

    def write(name: str, is_urgent: bool) -> None:
        with transaction(engine, is_urgent=is_urgent):
            order.append(name)
            time.sleep(0.02)

    def later(name: str, is_urgent: bool = False) -> threading.Thread:
        thread = threading.Thread(target=write, args=(name, is_urgent))
        thread.start()
        time.sleep(0.05)
        return thread

    with transaction(engine):
        writers = [later("first"), later("second"), later("third"), later("urgent", True)]
    for writer in writers:
        writer.join()
    engine.dispose()
    assert order[0] == "urgent"
    assert sorted(order[1:]) == ["first", "second", "third"]
