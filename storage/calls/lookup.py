"""Looks up one call by its id."""

from __future__ import annotations

from sqlmodel import Session, col, select

from storage.errors import Missing
from storage.schema.columns import clean_text
from storage.schema.tables import Call


def get_call(session: Session, call_id: str) -> Call:
    """Return a call.

    Raises:
        Missing: no such call.
    """
    call = session.exec(
        select(Call).where(col(Call.id) == call_id).execution_options(populate_existing=True)
    ).one_or_none()
    if call is None:
        raise Missing(f"There is no call {clean_text(call_id)}.")
    return call


def lock_call(session: Session, call_id: str) -> Call:
    """Return a call locked for this transaction; others wait until it ends.

    Raises:
        Missing: no such call.
    """
    # SQLite ignores FOR UPDATE; its transaction already holds the write lock.
    query = select(Call).where(col(Call.id) == call_id).with_for_update()
    call = session.exec(query.execution_options(populate_existing=True)).one_or_none()
    if call is None:
        raise Missing(f"There is no call {clean_text(call_id)}.")
    return call
