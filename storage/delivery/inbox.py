"""The inbox: every signed webhook delivery as received, stored before it is processed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, or_
from sqlmodel import Session, col, delete, select, update

from storage.errors import Missing
from storage.schema.tables import Call, InboxRow, RecordingFile

PENDING = "pending"


def receive(
    session: Session,
    event: str,
    zoom_uuid: str | None,
    raw_body: bytes,
    received_at: datetime,
    is_stale: bool,
) -> InboxRow:
    """Store a delivery and return its row, with its id and the outcome "pending"."""
    row = InboxRow(
        event=event,
        zoom_uuid=zoom_uuid,
        raw_body=raw_body,
        received_at=received_at,
        is_stale=is_stale,
    )
    session.add(row)
    session.flush()
    return row


def mark(session: Session, row_id: int, outcome: str, call_id: str | None = None) -> None:
    """Record the outcome of a delivery, and the call it belongs to.

    Raises:
        Missing: no such row.
    """
    row = get(session, row_id)
    row.outcome = outcome
    if call_id is not None:
        row.call_id = call_id
    session.add(row)
    session.flush()


def pending(session: Session) -> Sequence[InboxRow]:
    """Return the deliveries that are stored but not processed, oldest first."""
    query = select(InboxRow).where(col(InboxRow.outcome) == PENDING)
    return session.exec(query.order_by(col(InboxRow.id))).all()


def recent(session: Session, limit: int = 50) -> Sequence[InboxRow]:
    """Return the most recent deliveries, latest first."""
    return session.exec(select(InboxRow).order_by(col(InboxRow.id).desc()).limit(limit)).all()


def get(session: Session, row_id: int) -> InboxRow:
    """Return one delivery.

    Raises:
        Missing: no such row.
    """
    row = session.get(InboxRow, row_id)
    if row is None:
        raise Missing(f"There is no inbox row {row_id}.")
    return row


def bodies_for(session: Session, zoom_uuid: str, events: Sequence[str]) -> Sequence[bytes]:
    """Return the bodies of a meeting's deliveries of some events, latest first.

    Leaves out bodies that were emptied when their call was deleted.
    """
    query = select(InboxRow.raw_body).where(
        col(InboxRow.zoom_uuid) == zoom_uuid,
        col(InboxRow.event).in_(events),
        col(InboxRow.outcome) != "deleted",
    )
    return session.exec(query.order_by(col(InboxRow.id).desc())).all()


def bodies_after(session: Session, row_id: int, limit: int) -> Sequence[tuple[int, bytes]]:
    """Return the numbers and bodies of the deliveries after a number, oldest first."""
    query = select(InboxRow.id, InboxRow.raw_body).where(col(InboxRow.id) > row_id)
    found = session.exec(query.order_by(col(InboxRow.id)).limit(limit)).all()
    return [(number, body) for number, body in found if number is not None]


def done_with_files(
    session: Session, row_ids: Sequence[int], before: datetime
) -> Sequence[tuple[int, bytes]]:
    """Return, of these deliveries, the numbers and bodies of those that no download needs any more.

    That is so when the delivery was processed, no run of its call is in progress and none of the
    call's files is left to fetch, and for every delivery received before a time.
    """
    unfetched = (
        select(RecordingFile.call_id)
        .where(
            col(RecordingFile.call_id) == col(InboxRow.call_id),
            col(RecordingFile.state) == "announced",
        )
        .exists()
    )
    query = (
        select(InboxRow.id, InboxRow.raw_body)
        .join(Call, col(Call.id) == col(InboxRow.call_id), isouter=True)
        .where(
            col(InboxRow.id).in_(row_ids),
            or_(
                col(InboxRow.received_at) < before,
                and_(
                    col(InboxRow.outcome) != PENDING,
                    col(Call.status).in_(("done", "failed", "skipped")),
                    ~unfetched,
                ),
            ),
        )
    )
    return [(number, body) for number, body in session.exec(query).all() if number is not None]


def replace_body(session: Session, row_id: int, old: bytes, new: bytes) -> None:
    """Replace a delivery's body, unless it has changed meanwhile."""
    session.exec(
        update(InboxRow)
        .where(col(InboxRow.id) == row_id, col(InboxRow.raw_body) == old)
        .values(raw_body=new)
        .execution_options(synchronize_session=False)
    )


def delete_before(session: Session, before: datetime) -> int:
    """Delete the processed deliveries received before a time; return how many."""
    old = delete(InboxRow).where(
        col(InboxRow.received_at) < before, col(InboxRow.outcome) != PENDING
    )
    return session.exec(old).rowcount
