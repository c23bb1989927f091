"""How the installation stands: what runs, waits and failed, its processes, and the disk."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlmodel import Session

from bot.settings import Settings
from storage import calls
from storage.calls import CallFilter, progress
from storage.delivery import inbox
from storage.engine import reading
from storage.files import MediaFiles
from storage.schema.columns import utc_now
from storage.schema.tables import Call
from storage.workers import leases

GROWTH_OVER = timedelta(days=14)
"""How far back to look for how much disk space calls take."""
GONE_S = 7 * 86_400.0
"""After that long without a heartbeat, a process is not listed any more."""
PAGE = 500
TRYING_AGAIN = "Trying again in"
"""How a run's detail says that its step failed and is tried again."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process of this installation, running or not."""

    name: str
    is_running: bool
    """Whether it has not ended, and its last heartbeat is not too long ago."""
    heartbeat_age_s: float
    """By the database's clock."""


@dataclass(frozen=True, slots=True)
class Work:
    """A call with a run that is not finished."""

    call: Call
    step: str
    """The step it is in; "" before the first."""
    share: float
    """Share of that step that is done, 0–1."""
    detail: str
    """What the step is doing or waiting for."""

    @property
    def is_retrying(self) -> bool:
        """Whether its step failed and waits for the next try."""
        return TRYING_AGAIN in self.detail


@dataclass(frozen=True, slots=True)
class Disk:
    """The data folder's disk."""

    free_bytes: int
    reserve_bytes: int
    """What downloads leave free."""
    bytes_per_day: float | None
    """What calls of the last two weeks have kept, per day; None without such calls."""

    @property
    def days_left(self) -> float | None:
        """Days until downloads stop, at the pace of the last two weeks; None if not known."""
        if not self.bytes_per_day:
            return None
        return max(0.0, (self.free_bytes - self.reserve_bytes) / self.bytes_per_day)


@dataclass(frozen=True, slots=True)
class Queue:
    """The calls that are not finished, those that changed longest ago first."""

    counts: dict[str, int]
    """Number of calls in each status that occurs."""
    running: list[Work]
    queued: list[Work]
    webhooks: int
    """Stored webhooks that have not been processed."""
    oldest_webhook_at: datetime | None

    @property
    def oldest_at(self) -> datetime | None:
        """When the call or webhook that has waited longest began to wait; None if none does."""
        waiting = [work.call.updated_at for work in self.queued]
        if self.oldest_webhook_at is not None:
            waiting.append(self.oldest_webhook_at)
        return min(waiting, default=None)


def read_queue(session: Session) -> Queue:
    """Return what runs and what waits."""
    active = [_work(session, call) for call in calls.active_calls(session)]
    pending = inbox.pending(session)
    return Queue(
        counts=calls.count_by_status(session),
        running=[work for work in active if work.call.status != "queued"],
        queued=[work for work in active if work.call.status == "queued"],
        webhooks=len(pending),
        oldest_webhook_at=min((row.received_at for row in pending), default=None),
    )


def _work(session: Session, call: Call) -> Work:
    where = progress.find(session, call.id, call.run)
    if where is None:
        return Work(call, "", 0.0, "")
    return Work(call, where.step, where.share, where.detail)


def read_processes(session: Session, takeover_s: float) -> list[Process]:
    """Return the processes that worked on this database in the last week, by name.

    One that is silent for `takeover_s` seconds is not running.
    """
    return [
        Process(
            seen.name, seen.is_held and seen.heartbeat_age_s <= takeover_s, seen.heartbeat_age_s
        )
        for seen in leases.list_all(session)
        if seen.heartbeat_age_s < GONE_S
    ]


def read_disk(engine: Engine, settings: Settings) -> Disk:
    """Return how much space is left, and how much the calls of the last two weeks took."""
    files = MediaFiles(settings.data_dir / "calls")
    now = utc_now()
    recent: list[Call] = []
    cursor = None
    with reading(engine) as session:
        wanted = CallFilter(from_=now - GROWTH_OVER)
        while True:
            page = calls.find_calls(session, wanted, cursor, PAGE)
            recent += page.items
            cursor = page.next_cursor
            if cursor is None:
                break
    per_day = None
    # What a call in progress has on disk goes when it is done.
    finished = [call for call in recent if call.status in ("done", "skipped")]
    if finished:
        days = max(1.0, (now - min(call.created_at for call in finished)) / timedelta(days=1))
        per_day = sum(files.size_bytes(call.id) for call in finished) / days
    return Disk(files.free_bytes(), settings.zoom.disk_reserve_bytes, per_day)
