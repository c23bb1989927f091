"""Which calls are in progress, which wait, and which failed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, func, select

from storage.calls.runs import ACTIVE
from storage.schema.tables import Call


def active_calls(session: Session, before: datetime | None = None) -> Sequence[Call]:
    """Return the calls with a run that is not finished, the one that changed first leading.

    Args:
        session: an open session.
        before: only calls whose status was last set before this time.
    """
    query = select(Call).where(col(Call.status).in_(ACTIVE), col(Call.run) > 0)
    if before is not None:
        query = query.where(col(Call.updated_at) < before)
    return session.exec(query.order_by(col(Call.updated_at), col(Call.id))).all()


def count_by_status(session: Session) -> dict[str, int]:
    """Return the number of calls in each status that occurs."""
    query = select(Call.status, func.count()).group_by(Call.status)
    return {status: count for status, count in session.exec(query).all()}


def failed_calls(session: Session, before: datetime | None = None) -> Sequence[Call]:
    """Return the failed calls, latest failure first; with `before`, those that failed earlier."""
    query = select(Call).where(col(Call.status) == "failed")
    if before is not None:
        query = query.where(col(Call.updated_at) < before)
    return session.exec(query.order_by(col(Call.updated_at).desc(), col(Call.id))).all()
