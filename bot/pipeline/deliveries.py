"""Takes deliveries into the inbox, and decides what they start once Zoom has its answer.

A delivery is answered as soon as it is durable. Threads stand behind that: one stores whatever has
arrived meanwhile in one transaction, since each costs a wait for the disk and for other writers;
the others decide. If the process dies in between, the schedule finds the delivery.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from queue import Empty, SimpleQueue

from sqlalchemy import Engine

from bot.pipeline.intake import Intake
from storage.delivery import inbox
from storage.engine import transaction
from storage.errors import DatabaseDown, StorageError

log = logging.getLogger(__name__)

MOST_PER_TRANSACTION = 100

DECIDING = 4
"""Threads that decide. Most of a decision is waiting, for the database and the workflow engine."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A signed webhook as it came."""

    event: str
    zoom_uuid: str | None
    raw_body: bytes
    received_at: datetime
    is_stale: bool


class Deliveries:
    """Stores deliveries, and has each decided soon after."""

    def __init__(self, engine: Engine, intake: Intake) -> None:
        self._engine = engine
        self._intake = intake
        self._arrived: SimpleQueue[tuple[Delivery, Future[int]]] = SimpleQueue()
        self._stored: SimpleQueue[int] = SimpleQueue()

    def start(self) -> None:
        """Start the threads; they end with the process."""
        for work, name in ((self._store, "inbox"), *[(self._decide, "intake")] * DECIDING):
            threading.Thread(target=work, name=name, daemon=True).start()

    async def keep(self, delivery: Delivery) -> int:
        """Store a delivery and return its number in the inbox once it is durable.

        Raises:
            StorageError: it is not stored, and nothing comes of it.
        """
        stored: Future[int] = Future()
        self._arrived.put((delivery, stored))
        return await asyncio.wrap_future(stored)

    def _store(self) -> None:
        while True:
            waiting = [self._arrived.get()]
            while len(waiting) < MOST_PER_TRANSACTION:
                try:
                    waiting.append(self._arrived.get_nowait())
                except Empty:
                    break
            try:
                self._store_together(waiting)
            except Exception as exc:  # The thread's edge: without it no webhook would be heard.
                for _, stored in waiting:
                    if not stored.done():
                        stored.set_exception(exc)

    def _store_together(self, waiting: list[tuple[Delivery, Future[int]]]) -> None:
        try:
            with transaction(self._engine, is_urgent=True) as session:
                rows = [inbox.receive(session, each.event, each.zoom_uuid, each.raw_body,
                                      each.received_at, each.is_stale)
                        for each, _ in waiting]  # fmt: skip
        except Exception as exc:
            if len(waiting) == 1 or isinstance(exc, DatabaseDown):
                raise
            for one in waiting:  # One that cannot be stored must not keep the others out.
                try:
                    self._store_together([one])
                except Exception as reason:
                    one[1].set_exception(reason)
            return
        for row, (_, stored) in zip(rows, waiting, strict=True):
            assert row.id is not None  # set by the database
            if not stored.cancelled():
                stored.set_result(row.id)
            self._stored.put(row.id)

    def _decide(self) -> None:
        while True:
            row_id = self._stored.get()
            try:
                self._intake.handle(row_id)
            except StorageError as exc:
                # It is in the inbox; the next check for pending deliveries starts it.
                log.warning("webhook %d will be started later: %s", row_id, exc)
            except Exception:  # The thread's edge: the next delivery has to be decided too.
                log.exception("webhook %d could not be handled", row_id)
