"""What was posted about a call: one row per kind, so that a retry edits instead of reposting."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session, col, select, update

from storage.schema.columns import utc_now
from storage.schema.tables import Delivery
from storage.schema.upsert import insert_or_update


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
