"""What was posted about a call: one row per kind, so that a retry edits instead of reposting."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, text
from sqlmodel import Session, col, select, update

from storage.schema.columns import utc_now
from storage.schema.tables import Delivery
from storage.schema.upsert import insert_or_update

FAILURES_LOCK = 0x52415051
"""Key of the PostgreSQL lock held while it is decided whether a failure gets a line."""


def record(
    session: Session,
    call_id: str,
    kind: str,
    *,
    channel: str,
    ts: str = "",
    file_id: str = "",
    version: str = "",
    number: int = 0,
    replaces: str = "",
) -> Delivery:
    """Record what was posted, replacing an earlier record of that kind.

    `number` and `replaces` say which messages it took the place of (see the table).

    Raises:
        Missing: no such call (when the transaction maps its errors).
    """
    row = {
        "call_id": call_id, "kind": kind, "channel": channel, "ts": ts, "file_id": file_id,
        "version": version, "number": number, "replaces": replaces, "updated_at": utc_now(),
    }  # fmt: skip
    session.exec(insert_or_update(session, Delivery, row, ("call_id", "kind")))
    found = session.get(Delivery, (call_id, kind), populate_existing=True)
    assert found is not None, "the row was written by this transaction"
    return found


def end_attempt(session: Session, call_id: str, kind: str) -> None:
    """Record that an attempt to post something is over, so that nobody waits for it any more."""
    session.exec(
        update(Delivery)
        .where(col(Delivery.call_id) == call_id, col(Delivery.kind) == f"{kind} attempt")
        .values(version="")
        .execution_options(synchronize_session=False)
    )


def find(session: Session, call_id: str, kind: str) -> Delivery | None:
    """Return what was posted of a kind about a call, or None."""
    return session.get(Delivery, (call_id, kind), populate_existing=True)


def list_for_call(session: Session, call_id: str) -> Sequence[Delivery]:
    """Return everything that was posted about a call, sorted by kind."""
    query = select(Delivery).where(col(Delivery.call_id) == call_id)
    return session.exec(query.order_by(col(Delivery.kind))).all()


def claim_line(
    session: Session, call_id: str, reason: str, channel: str, now: datetime, pause: timedelta
) -> int | None:
    """Claim the one line that a kind of failure gets in a while; of several callers, one gets it.

    A call that claimed it before gets it again, so that a post can be retried.

    Args:
        session: a transaction.
        call_id: the call that failed.
        reason: the kind of failure.
        channel: where the line is posted.
        now: the time.
        pause: how long no other line of that kind follows.

    Returns:
        How many calls have failed in that way since the last line, or None if there is no line to
        post: then this call is counted for the next one.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.connection().execute(
            text("SELECT pg_advisory_xact_lock(:key)"), {"key": FAILURES_LOCK}
        )
    posted, left_out = f"failures {reason}", f"failures {reason} left out"
    query = select(Delivery).where(col(Delivery.kind) == posted)
    last = session.exec(query.order_by(col(Delivery.updated_at).desc()).limit(1)).first()
    if last is not None and last.updated_at > now - pause:
        if last.call_id == call_id:
            return last.number
        record(session, call_id, left_out, channel=channel)
        return None
    waiting = select(func.count()).where(
        col(Delivery.kind) == left_out, col(Delivery.call_id) != call_id
    )
    if last is not None:
        waiting = waiting.where(col(Delivery.updated_at) > last.updated_at)
    count = session.exec(waiting).one()
    record(session, call_id, posted, channel=channel, number=count)
    return count
