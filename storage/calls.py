"""Calls: announced, run, found and deleted. Their figures are in `storage.results`."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, and_, exists, func, or_
from sqlmodel import Session, col, delete, select, update

from storage.columns import clean_text, fold, utc_now
from storage.errors import BadCursor, Missing
from storage.results import (
    CallResult,
    MomentResult,
    ParticipantResult,
    TranscriptLineResult,
    TurnResult,
    WindowResult,
    get_moments,
    get_participants,
    get_people_of,
    get_transcript,
    get_turns,
    get_windows,
    save_result,
)
from storage.tables import Call, DeletedCall, InboxRow, Participant, RecordingFile
from storage.upsert import insert_or_ignore

# Whoever works with calls finds their figures here too.
__all__ = [
    "ACTIVE", "CallFilter", "CallResult", "MomentResult", "NewCall", "NewFile", "Page",
    "ParticipantResult", "Status", "TranscriptLineResult", "TurnResult", "WindowResult",
    "add_files", "announce", "begin_run", "call_id_for", "delete_call", "find_calls", "get_call",
    "get_files", "get_moments", "get_participants", "get_people_of", "get_transcript",
    "get_turns", "get_windows", "save_result", "set_file", "set_host_name", "set_report_path",
    "set_status", "was_deleted",
]  # fmt: skip

Status = Literal["queued", "running", "waiting", "done", "failed", "skipped"]
ACTIVE: tuple[Status, ...] = ("queued", "running", "waiting")
"""A run in one of these is still going to do something."""

CALL_ID_CHARS = 16
"""80 bits of a SHA-256 in base32: a million calls meet with a probability of 4e-13."""


@dataclass(frozen=True, slots=True)
class NewCall:
    """What is known of a call when Zoom announces it. `started_at` has a zone."""

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


@dataclass(frozen=True, slots=True)
class CallFilter:
    """What calls to find; None does not filter.

    `from_` is included and `to` is not. `host` with an @ is a whole e-mail address, otherwise part
    of a name or address. `participant` is part of a name, `text` part of the topic; all of them
    without regard to case. Engagement is 0–1, both ends included.
    """

    from_: datetime | None = None
    to: datetime | None = None
    host: str | None = None
    participant: str | None = None
    text: str | None = None
    min_engagement: float | None = None
    max_engagement: float | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some calls, latest first, and where the next ones begin; None at the end."""

    items: list[Call]
    next_cursor: str | None


def call_id_for(zoom_uuid: str) -> str:
    """Give the call's own id: short, safe in URLs and file names, always the same for a UUID."""
    digest = hashlib.sha256(zoom_uuid.encode("utf-8", "surrogatepass")).digest()
    return base64.b32encode(digest).decode()[:CALL_ID_CHARS].lower()


def announce(session: Session, call: NewCall) -> Call:
    """Store a call, or bring what Zoom says of a stored one up to date.

    Safe when several deliveries of one recording arrive at once. A stored duration, host name or
    zone stays where it is known, because the analysis measures better than Zoom announces.
    """
    now = utc_now()
    call_id = call_id_for(call.zoom_uuid)
    host_folded = fold(f"{call.host_name or ''} {call.host_email}")
    row = asdict(call) | {
        "id": call_id, "topic_folded": fold(call.topic), "host_folded": host_folded,
        "status": "queued", "run": 0, "has_new_files": False, "has_new_corrections": False,
        "has_transcript": False, "created_at": now, "updated_at": now,
    }  # fmt: skip
    # No conflict target: two unique keys clash at once here, and a target would cover one of them.
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
    """Store the files that are not known yet and give their number; known ones stay as they are."""
    if not files:
        return 0
    # In one order everywhere, so that two deliveries at once cannot wait for each other.
    rows = [
        asdict(file) | {"call_id": call_id} for file in sorted(files, key=lambda f: f.zoom_file_id)
    ]
    statement = insert_or_ignore(session, RecordingFile, rows)
    new = len(session.exec(statement.returning(col(RecordingFile.zoom_file_id))).all())
    if new:
        session.exec(update(Call).where(col(Call.id) == call_id).values(has_new_files=True))
    return new


def get_files(session: Session, call_id: str) -> Sequence[RecordingFile]:
    """Give the call's files by segment, then type."""
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
    """Note what became of a file and where it is (None = not on disk).

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


def begin_run(session: Session, call_id: str, *, force: bool = False) -> int | None:
    """Start the next run of a call and give its number, or None to join the present one.

    A run that is queued, running or waiting is always joined. One that is done is joined unless
    files came since it began or `force` asks again. Failed and skipped calls run again. Of several
    callers at once one gets the number.

    Raises:
        Missing: no such call.
    """
    is_done = col(Call.status) == "done"
    may_start = or_(
        col(Call.run) == 0,
        col(Call.status).in_(("failed", "skipped")),
        is_done if force else and_(is_done, col(Call.has_new_files)),
    )
    started = session.exec(
        update(Call)
        .where(col(Call.id) == call_id, may_start)
        .values(
            run=Call.run + 1,
            status="queued",
            has_new_files=False,
            skipped_reason=None,
            failure=None,
            updated_at=utc_now(),
        )
        .returning(col(Call.run))
        .execution_options(synchronize_session=False)
    ).all()
    session.expire_all()
    if started:
        return int(started[0][0])
    get_call(session, call_id)
    return None


def set_status(
    session: Session,
    call_id: str,
    status: Status,
    *,
    run: int | None = None,
    skipped_reason: str | None = None,
    failure: str | None = None,
) -> bool:
    """Set where a call stands, with the reason where it was left out or failed.

    With `run`, only while that run is the current one: an older one cannot speak for it.

    Returns:
        False when `run` is no longer current, and nothing was changed.

    Raises:
        Missing: no such call.
    """
    call = _locked_call(session, call_id)
    if run is not None and call.run != run:
        return False
    call.status = status
    call.skipped_reason = skipped_reason
    call.failure = failure
    call.updated_at = utc_now()
    session.add(call)
    session.flush()
    return True


def set_host_name(session: Session, call_id: str, name: str) -> None:
    """Note the host's display name, which is found in searches from then on.

    Raises:
        Missing: no such call.
    """
    call = _locked_call(session, call_id)
    call.host_name = name
    call.host_folded = fold(f"{name} {call.host_email}")
    session.add(call)
    session.flush()


def set_report_path(session: Session, call_id: str, path: str | None) -> None:
    """Note where the report is, relative to the media root.

    Raises:
        Missing: no such call.
    """
    call = _locked_call(session, call_id)
    call.report_path = path
    call.updated_at = utc_now()
    session.add(call)
    session.flush()


def get_call(session: Session, call_id: str) -> Call:
    """Give a call.

    Raises:
        Missing: no such call.
    """
    call = session.exec(
        select(Call).where(col(Call.id) == call_id).execution_options(populate_existing=True)
    ).one_or_none()
    if call is None:
        raise Missing(f"There is no call {clean_text(call_id)}.")
    return call


def find_calls(
    session: Session, wanted: CallFilter, cursor: str | None = None, limit: int = 50
) -> Page:
    """Find calls, latest first, one page at a time; calls that arrive meanwhile shift nothing.

    Raises:
        BadCursor: the cursor was not given by this function.
    """
    query = select(Call)
    for condition in _conditions(wanted):
        query = query.where(condition)
    if cursor is not None:
        started_at, call_id = _read_cursor(cursor)
        query = query.where(
            or_(
                col(Call.started_at) < started_at,
                and_(col(Call.started_at) == started_at, col(Call.id) < call_id),
            )
        )
    query = query.order_by(col(Call.started_at).desc(), col(Call.id).desc()).limit(limit + 1)
    calls = list(session.exec(query).all())
    if len(calls) <= limit:
        return Page(calls, None)
    return Page(calls[:limit], _write_cursor(calls[limit - 1]))


def delete_call(session: Session, call_id: str) -> list[str]:
    """Delete a call with all its rows and empty its stored webhooks; they name people too.

    Returns:
        Paths of its files, relative to the media root, for the caller to delete.

    Raises:
        Missing: no such call.
    """
    call = _locked_call(session, call_id)
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
    """Say whether the call of a meeting was deleted on purpose, and must not come back."""
    return session.get(DeletedCall, call_id_for(zoom_uuid)) is not None


def _locked_call(session: Session, call_id: str) -> Call:
    # FOR UPDATE is left out by SQLite, where the transaction holds the write lock already.
    query = select(Call).where(col(Call.id) == call_id).with_for_update()
    call = session.exec(query.execution_options(populate_existing=True)).one_or_none()
    if call is None:
        raise Missing(f"There is no call {clean_text(call_id)}.")
    return call


def _conditions(wanted: CallFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.from_ is not None:
        conditions.append(col(Call.started_at) >= wanted.from_)
    if wanted.to is not None:
        conditions.append(col(Call.started_at) < wanted.to)
    if wanted.host is not None and "@" in wanted.host:
        conditions.append(func.lower(Call.host_email) == fold(wanted.host.strip()))
    elif wanted.host is not None:
        conditions.append(col(Call.host_folded).contains(fold(wanted.host), autoescape=True))
    if wanted.participant is not None:
        name = col(Participant.name_folded).contains(fold(wanted.participant), autoescape=True)
        conditions.append(exists().where(col(Participant.call_id) == col(Call.id), name))
    if wanted.text is not None:
        conditions.append(col(Call.topic_folded).contains(fold(wanted.text), autoescape=True))
    if wanted.min_engagement is not None:
        conditions.append(col(Call.engagement) >= wanted.min_engagement)
    if wanted.max_engagement is not None:
        conditions.append(col(Call.engagement) <= wanted.max_engagement)
    if wanted.status is not None:
        conditions.append(col(Call.status) == wanted.status)
    return conditions


def _write_cursor(call: Call) -> str:
    text = f"{call.started_at.isoformat()}|{call.id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        started_at, call_id = text.split("|")
        moment = datetime.fromisoformat(started_at)
    except ValueError as exc:
        raise BadCursor("The cursor is not one that this service gave: start without one.") from exc
    if moment.tzinfo is None:
        raise BadCursor("The cursor is not one that this service gave: start without one.")
    return moment, call_id
