"""Leases: which process may work under which name, and whether it is alive.

A process takes a lease, renews it by heartbeats, and loses it if it is silent for too long. Each
lease has an epoch, so a process that comes back is told apart from the one that has its name now.
All times are by the database's clock: the clocks of the processes do not matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_
from sqlmodel import Session, col, select, update

from storage.errors import LeaseLost
from storage.schema.columns import utc_now
from storage.schema.tables import Lease
from storage.schema.upsert import insert_or_ignore

LONG_AGO = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


@dataclass(frozen=True, slots=True)
class Seen:
    """A process as its lease shows it."""

    name: str
    epoch: int
    is_held: bool
    heartbeat_age_s: float
    heartbeat_at: datetime


def executor_id(name: str, epoch: int) -> str:
    """Return what the workflow engine calls the process with a lease: another for each epoch."""
    return f"{name}@{epoch}"


def lock(session: Session, name: str) -> Lease:
    """Return the lease of a name, made if there is none, locked for this transaction."""
    new = {"name": name, "epoch": 0, "is_held": False, "computer": "", "heartbeat_at": LONG_AGO}
    session.exec(insert_or_ignore(session, Lease, [new]))
    # SQLite ignores FOR UPDATE; its transaction already holds the write lock.
    return session.exec(select(Lease).where(col(Lease.name) == name).with_for_update()).one()


def take(session: Session, lease: Lease, computer: str) -> int:
    """Take a locked lease for this process, whoever had it before, and return its new epoch."""
    lease.epoch += 1
    lease.is_held = True
    lease.computer = computer
    lease.heartbeat_at = database_now(session)
    session.add(lease)
    session.flush()
    return lease.epoch


def check(session: Session, name: str, epoch: int) -> None:
    """Check that a lease is held, and keep others from taking it until the transaction ends.

    Raises:
        LeaseLost: it is not.
    """
    query = select(Lease.epoch).where(_held(name, epoch))
    # The weakest lock: it lets heartbeats pass, but not `end_silent` and `take`.
    if session.exec(query.with_for_update(read=True, key_share=True)).first() is None:
        raise LeaseLost(name)


def renew(session: Session, name: str, epoch: int) -> None:
    """Record a heartbeat.

    Raises:
        LeaseLost: the lease is not held any more.
    """
    renewed = session.exec(
        update(Lease)
        .where(_held(name, epoch))
        .values(heartbeat_at=database_now(session))
        .execution_options(synchronize_session=False)
    )
    if not renewed.rowcount:
        raise LeaseLost(name)


def release(session: Session, name: str, epoch: int) -> None:
    """Release a lease; do nothing if it is no longer held."""
    session.exec(
        update(Lease)
        .where(_held(name, epoch))
        .values(is_held=False)
        .execution_options(synchronize_session=False)
    )


def end_silent(session: Session, silent_s: float, unchanged: Sequence[Seen] = ()) -> list[Seen]:
    """End the leases without a heartbeat for so long, and return them: each to one caller only.

    A lease whose process is in the middle of a transaction is left for the next time.

    Args:
        session: the transaction.
        silent_s: how long, in seconds by the database's clock.
        unchanged: leases that end as well, unless they had a heartbeat since they were read.
    """
    now = database_now(session)
    is_silent = or_(
        col(Lease.heartbeat_at) < now - timedelta(seconds=silent_s),
        *(
            and_(_held(seen.name, seen.epoch), col(Lease.heartbeat_at) == seen.heartbeat_at)
            for seen in unchanged
        ),
    )
    silent = session.exec(
        select(Lease).where(col(Lease.is_held), is_silent).with_for_update(skip_locked=True)
    ).all()
    found = [_seen(lease, now) for lease in silent]
    for lease in silent:
        lease.is_held = False
        session.add(lease)
    session.flush()
    return found


def end_all(session: Session) -> None:
    """End all leases: none of their processes works on this database."""
    session.exec(update(Lease).values(is_held=False).execution_options(synchronize_session=False))


def list_all(session: Session) -> Sequence[Seen]:
    """Return all processes that ever had a lease, by name."""
    now = database_now(session)
    return [_seen(lease, now) for lease in session.exec(select(Lease).order_by(col(Lease.name)))]


def age_s(session: Session, lease: Lease) -> float:
    """Return the seconds since a lease's last heartbeat."""
    return _seen(lease, database_now(session)).heartbeat_age_s


def database_now(session: Session) -> datetime:
    """Return the time by the database's clock; SQLite's is that of this computer."""
    if session.get_bind().dialect.name == "sqlite":
        return utc_now()
    # Not now(), which stands still during a transaction.
    now: datetime = session.exec(select(func.clock_timestamp())).one()
    return now


def _held(name: str, epoch: int) -> ColumnElement[bool]:
    return and_(col(Lease.name) == name, col(Lease.epoch) == epoch, col(Lease.is_held))


def _seen(lease: Lease, now: datetime) -> Seen:
    silent_s = max(0.0, (now - lease.heartbeat_at).total_seconds())
    return Seen(lease.name, lease.epoch, lease.is_held, silent_s, lease.heartbeat_at)
