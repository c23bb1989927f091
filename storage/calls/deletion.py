"""Deletes calls and remembers them, so that they do not come back."""

from __future__ import annotations

from sqlalchemy import or_
from sqlmodel import Session, col, delete, update

from storage.calls.announce import call_id_for, get_files
from storage.calls.lookup import lock_call
from storage.schema.columns import utc_now
from storage.schema.tables import Call, DeletedCall, InboxRow
from storage.schema.upsert import insert_or_ignore


def delete_call(session: Session, call_id: str) -> list[str]:
    """Delete a call with all its rows, and empty its stored webhooks, which also name people.

    Returns:
        Paths of its files, relative to the media root, for the caller to delete.

    Raises:
        Missing: no such call.
    """
    call = lock_call(session, call_id)
    paths = [file.path for file in get_files(session, call_id)]
    found = [path for path in (*paths, call.series_path, call.report_path) if path]
    session.exec(
        update(InboxRow)
        .where(or_(col(InboxRow.call_id) == call_id, col(InboxRow.zoom_uuid) == call.zoom_uuid))
        .values(raw_body=b"", outcome="deleted")
    )
    session.exec(delete(Call).where(col(Call.id) == call_id))
    gone = {"call_id": call_id, "deleted_at": utc_now()}
    session.exec(insert_or_ignore(session, DeletedCall, [gone]))
    session.expire_all()
    return found


def was_deleted(session: Session, zoom_uuid: str) -> bool:
    """Return whether a meeting's call was deleted on purpose, and so must not come back."""
    return session.get(DeletedCall, call_id_for(zoom_uuid)) is not None
