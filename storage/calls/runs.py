"""The runs of a call: which one is current, and the call's status."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import and_, or_
from sqlmodel import Session, col, update

from storage.calls.lookup import get_call, lock_call
from storage.schema.columns import fold, utc_now
from storage.schema.tables import Call

Status = Literal["queued", "running", "waiting", "done", "failed", "skipped"]


ACTIVE: tuple[Status, ...] = ("queued", "running", "waiting")
"""The statuses of a run that is not finished."""


def begin_run(session: Session, call_id: str, *, force: bool = False) -> int | None:
    """Start the next run of a call and return its number, or None to join the current one.

    A run that is queued, running or waiting is always joined. One that is done is joined unless
    files were added since it began, or `force` is set. Failed and skipped calls run again. Of
    several callers at once, only one gets the number.

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
    """Set a call's status, with the reason if it was skipped or failed.

    With `run`, only if that run is still the current one: an older run cannot set the status.

    Returns:
        False if `run` is no longer current and nothing was changed.

    Raises:
        Missing: no such call.
    """
    call = lock_call(session, call_id)
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
    """Store the host's display name, and make it searchable.

    Raises:
        Missing: no such call.
    """
    call = lock_call(session, call_id)
    call.host_name = name
    call.host_folded = fold(f"{name} {call.host_email}")
    session.add(call)
    session.flush()


def set_report_path(session: Session, call_id: str, path: str | None) -> None:
    """Store the report's path, relative to the media root.

    Raises:
        Missing: no such call.
    """
    call = lock_call(session, call_id)
    call.report_path = path
    call.updated_at = utc_now()
    session.add(call)
    session.flush()
