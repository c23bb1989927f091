"""People's corrections to the participants of calls: kept in order, with who made them when."""

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
    """One correction to store; the fields are those of `ParticipantCorrection`."""

    pid: str
    field: str
    old_value: str
    new_value: str
    anchor: Mapping[str, Any]
    made_by: str


def add(session: Session, call_id: str, after: int, rows: Sequence[NewCorrection]) -> None:
    """Store corrections by somebody who has seen the first `after` ones.

    Raises:
        Duplicate: others were made in the meantime (when the transaction maps its errors).
    """
    now = utc_now()
    values = [
        asdict(row) | {"call_id": call_id, "position": after + number, "made_at": now}
        for number, row in enumerate(rows)
    ]
    session.connection().execute(insert(ParticipantCorrection), values)
    mark_due(session, call_id)


def list_for_call(session: Session, call_id: str) -> Sequence[ParticipantCorrection]:
    """Return a call's corrections in the order in which they were made."""
    query = select(ParticipantCorrection).where(col(ParticipantCorrection.call_id) == call_id)
    return session.exec(query.order_by(col(ParticipantCorrection.position))).all()


def mark_stored(session: Session, call_id: str, count: int) -> None:
    """Record that the stored scores include the first `count` corrections; later ones wait."""
    newest = select(func.count()).where(col(ParticipantCorrection.call_id) == call_id)
    if session.exec(newest).one() == count:
        session.exec(update(Call).where(col(Call.id) == call_id).values(has_new_corrections=False))


def mark_due(session: Session, call_id: str) -> None:
    """Record that a call is to be scored and reported again, as after a correction."""
    session.exec(update(Call).where(col(Call.id) == call_id).values(has_new_corrections=True))


def waiting(session: Session) -> Sequence[Call]:
    """Return the calls with corrections that their stored scores do not include yet."""
    return session.exec(select(Call).where(col(Call.has_new_corrections))).all()
