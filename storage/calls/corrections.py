"""What people corrected about the participants of calls: kept in order, with who said it when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import func, insert
from sqlmodel import Session, col, select, update

from storage.schema.columns import utc_now
from storage.schema.tables import Call, ParticipantCorrection


@dataclass(frozen=True, slots=True)
class NewCorrection:
    """One correction, as `ParticipantCorrection` holds it."""

    pid: str
    field: str
    old_value: str
    new_value: str
    anchor: Mapping[str, Any]
    made_by: str


def add(session: Session, call_id: str, after: int, rows: Sequence[NewCorrection]) -> None:
    """Store corrections that were made knowing the first `after` ones.

    Raises:
        Duplicate: others were made meanwhile (when the transaction maps its errors).
    """
    now = utc_now()
    values = [
        asdict(row) | {"call_id": call_id, "position": after + number, "made_at": now}
        for number, row in enumerate(rows)
    ]
    session.connection().execute(insert(ParticipantCorrection), values)
    session.exec(update(Call).where(col(Call.id) == call_id).values(has_new_corrections=True))


def list_for_call(session: Session, call_id: str) -> Sequence[ParticipantCorrection]:
    """Give a call's corrections in the order in which they were made."""
    query = select(ParticipantCorrection).where(col(ParticipantCorrection.call_id) == call_id)
    return session.exec(query.order_by(col(ParticipantCorrection.position))).all()


def mark_stored(session: Session, call_id: str, count: int) -> None:
    """Note that the stored scores hold the first `count` corrections; newer ones stay waiting."""
    newest = select(func.count()).where(col(ParticipantCorrection.call_id) == call_id)
    if session.exec(newest).one() == count:
        session.exec(update(Call).where(col(Call.id) == call_id).values(has_new_corrections=False))


def waiting(session: Session) -> Sequence[Call]:
    """Give the calls with corrections that no stored score holds yet."""
    return session.exec(select(Call).where(col(Call.has_new_corrections))).all()
