"""What is left to do for calls whose summary is posted: notes for people, with their next try.

Rows last, so tries survive restarts; a claim lets one process at a time work on a call. Deleting
the call deletes its notes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_
from sqlmodel import Session, col, delete, select, update

from storage.schema.tables import Call, CallNote
from storage.schema.upsert import insert_or_update


def put(
    session: Session,
    call_id: str,
    kind: str,
    *,
    file_id: str = "",
    text: str = "",
    error: str = "",
    attempts: int = 0,
    noted_at: datetime,
    retry_at: datetime | None,
) -> None:
    """Store a note, replacing an earlier one of that kind and file.

    It becomes part of the claim on the call's notes, if there is one.

    Raises:
        Missing: no such call (when the transaction maps its errors).
    """
    claims = select(func.max(col(CallNote.claimed_until))).where(col(CallNote.call_id) == call_id)
    row = {
        "call_id": call_id, "kind": kind, "file_id": file_id, "text": text, "error": error,
        "attempts": attempts, "noted_at": noted_at, "retry_at": retry_at,
        "claimed_until": session.exec(claims).one(),
    }  # fmt: skip
    session.exec(insert_or_update(session, CallNote, row, ("call_id", "kind", "file_id")))


def find(session: Session, call_id: str, kind: str, file_id: str = "") -> CallNote | None:
    """Return a call's note of a kind, or None."""
    return session.get(CallNote, (call_id, kind, file_id), populate_existing=True)


def clear(session: Session, call_id: str, kind: str, file_id: str = "") -> None:
    """Delete a note; does nothing if there is none."""
    session.exec(
        delete(CallNote).where(
            col(CallNote.call_id) == call_id,
            col(CallNote.kind) == kind,
            col(CallNote.file_id) == file_id,
        )
    )


def list_for(session: Session, call_ids: Sequence[str]) -> dict[str, list[CallNote]]:
    """Return the notes of each of some calls, oldest first; calls without notes have []."""
    query = select(CallNote).where(col(CallNote.call_id).in_(call_ids))
    ordered = query.order_by(col(CallNote.noted_at), col(CallNote.kind), col(CallNote.file_id))
    found: dict[str, list[CallNote]] = {call_id: [] for call_id in call_ids}
    for note in session.exec(ordered.execution_options(populate_existing=True)):
        found[note.call_id].append(note)
    return found


def due(session: Session, now: datetime, limit: int) -> list[str]:
    """Return the ids of at most `limit` calls with something to try now, longest due first.

    Leaves out calls with a run in progress, which tries it all itself, and calls that failed.
    """
    query = (
        select(CallNote.call_id)
        .join(Call, col(Call.id) == col(CallNote.call_id))
        .where(col(CallNote.retry_at) <= now, col(Call.status) == "done", _is_free(now))
        .order_by(col(CallNote.retry_at))
        .limit(limit)
    )
    return list(dict.fromkeys(session.exec(query).all()))


def claim(session: Session, call_id: str, now: datetime, until: datetime) -> list[CallNote]:
    """Claim a call's notes for this process, and return those that are due.

    Returns:
        An empty list, with nothing claimed, if none is due, another process has claimed them, or
        the call has a run in progress or is gone.
    """
    # SQLite ignores FOR UPDATE; its transaction already holds the write lock.
    call = session.exec(select(Call).where(col(Call.id) == call_id).with_for_update()).first()
    if call is None or call.status != "done" or is_claimed(session, call_id, now):
        return []
    found = list_for(session, [call_id])[call_id]
    ready = [note for note in found if note.retry_at is not None and note.retry_at <= now]
    if ready:
        _set_claim(session, call_id, until)
    return ready


def is_claimed(session: Session, call_id: str, now: datetime) -> bool:
    """Return whether a process is trying to do what is left to do for a call."""
    query = select(CallNote.call_id).where(
        col(CallNote.call_id) == call_id, col(CallNote.claimed_until) > now
    )
    return session.exec(query).first() is not None


def release(session: Session, call_id: str) -> None:
    """Release the claim on a call's notes."""
    _set_claim(session, call_id, None)


def _set_claim(session: Session, call_id: str, until: datetime | None) -> None:
    session.exec(
        update(CallNote)
        .where(col(CallNote.call_id) == call_id)
        .values(claimed_until=until)
        .execution_options(synchronize_session=False)
    )


def _is_free(now: datetime) -> ColumnElement[bool]:
    return or_(col(CallNote.claimed_until).is_(None), col(CallNote.claimed_until) <= now)
