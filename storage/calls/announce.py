"""Stores calls and files as Zoom announces them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select, update

from storage.calls.lookup import get_call
from storage.errors import Missing
from storage.schema.columns import fold, utc_now
from storage.schema.tables import Call, RecordingFile
from storage.schema.upsert import insert_or_ignore

CALL_ID_CHARS = 16
"""80 bits of a SHA-256 in base32: a million calls collide with a probability of 4e-13."""


@dataclass(frozen=True, slots=True)
class NewCall:
    """What is known about a call when Zoom announces it. `started_at` has a zone."""

    zoom_uuid: str
    zoom_meeting_id: str
    topic: str
    host_email: str
    started_at: datetime
    host_name: str | None = None
    timezone: str | None = None
    duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class NewFile:
    """One announced file. `zoom_file_id` is unique within the call."""

    zoom_file_id: str
    segment: int
    file_type: str
    recording_type: str = ""
    file_extension: str = ""
    recording_start: datetime | None = None
    recording_end: datetime | None = None
    size_bytes: int = 0
    path: str | None = None
    state: str = "announced"


def call_id_for(zoom_uuid: str) -> str:
    """Return the call's id for a UUID: short, stable, and safe in URLs and file names."""
    digest = hashlib.sha256(zoom_uuid.encode("utf-8", "surrogatepass")).digest()
    return base64.b32encode(digest).decode()[:CALL_ID_CHARS].lower()


def announce(session: Session, call: NewCall) -> Call:
    """Store a call, or update a stored one with what Zoom says about it.

    Safe when several deliveries for one recording arrive at once. A known duration or zone is not
    overwritten, because the analysis measures better than Zoom announces, and a known host name
    is kept when Zoom sends none.
    """
    now = utc_now()
    call_id = call_id_for(call.zoom_uuid)
    host_folded = fold(f"{call.host_name or ''} {call.host_email}")
    row = asdict(call) | {
        "id": call_id, "topic_folded": fold(call.topic), "host_folded": host_folded,
        "status": "queued", "run": 0, "has_new_files": False, "has_new_corrections": False,
        "has_transcript": False, "created_at": now, "updated_at": now,
    }  # fmt: skip
    # No conflict target: two unique keys conflict at once here, and a target covers only one.
    inserted = session.exec(insert_or_ignore(session, Call, [row]).returning(col(Call.id))).all()
    if not inserted:
        session.exec(
            update(Call)
            .where(col(Call.id) == call_id)
            .values(
                zoom_meeting_id=call.zoom_meeting_id,
                topic=call.topic,
                topic_folded=fold(call.topic),
                host_email=call.host_email,
                host_name=func.coalesce(call.host_name, Call.host_name),
                host_folded=host_folded if call.host_name else Call.host_folded,
                timezone=func.coalesce(Call.timezone, call.timezone),
                updated_at=now,
            )
        )
    return get_call(session, call_id)


def add_files(session: Session, call_id: str, files: Sequence[NewFile]) -> int:
    """Store the files that are not known yet and return how many; known ones are unchanged."""
    if not files:
        return 0
    # Always in the same order, so that two deliveries at once cannot deadlock.
    rows = [
        asdict(file) | {"call_id": call_id} for file in sorted(files, key=lambda f: f.zoom_file_id)
    ]
    statement = insert_or_ignore(session, RecordingFile, rows)
    new = len(session.exec(statement.returning(col(RecordingFile.zoom_file_id))).all())
    if new:
        session.exec(update(Call).where(col(Call.id) == call_id).values(has_new_files=True))
    return new


def get_files(session: Session, call_id: str) -> Sequence[RecordingFile]:
    """Return the call's files, sorted by segment, then type."""
    rows = select(RecordingFile).where(col(RecordingFile.call_id) == call_id)
    return session.exec(
        rows.order_by(
            col(RecordingFile.segment),
            col(RecordingFile.file_type),
            col(RecordingFile.zoom_file_id),
        )
    ).all()


def set_file(
    session: Session,
    call_id: str,
    zoom_file_id: str,
    *,
    state: str,
    path: str | None = None,
    size_bytes: int | None = None,
) -> None:
    """Record a file's state and its path (None = not on disk).

    Raises:
        Missing: the call has no such file.
    """
    file = session.get(RecordingFile, (call_id, zoom_file_id))
    if file is None:
        raise Missing(f"Call {call_id} has no file {zoom_file_id}.")
    file.state = state
    file.path = path
    if size_bytes is not None:
        file.size_bytes = size_bytes
    session.add(file)
    session.flush()
