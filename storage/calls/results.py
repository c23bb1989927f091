"""The results of an analysis, as plain rows: storage does not depend on the analysis."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import insert
from sqlmodel import Session, col, delete, select

from storage.calls.lookup import lock_call
from storage.schema.columns import fold, utc_now
from storage.schema.tables import (
    Moment,
    Participant,
    SpeakerTurn,
    Table,
    TranscriptLine,
    Window,
)

EXPRESSION_DIGITS = 4
"""Decimals kept for a window's expressions; the series file has finer figures."""


Row = Mapping[str, Any]
"""Values by column name. Omitted columns get the table's default."""


@dataclass(frozen=True, slots=True)
class ResultRows:
    """The results of an analysis: rows for the tables, without `call_id`.

    Times are in milliseconds, shares are 0–1, and None means that nothing was seen. `call` holds
    the columns of `Call` that an analysis fills. Moments come by rank; turns and lines may be in
    any order: `save_result` sorts and numbers them.
    """

    call: Row
    participants: Sequence[Row] = ()
    windows: Sequence[Row] = ()
    moments: Sequence[Row] = ()
    turns: Sequence[Row] = ()
    transcript: Sequence[Row] = ()


def save_result(session: Session, call_id: str, result: ResultRows) -> None:
    """Replace all results of an earlier analysis of the call, in the session's transaction.

    Raises:
        Missing: no such call.
        StorageError: a figure is NaN or infinite (when the transaction ends).
    """
    call = lock_call(session, call_id)
    for name, value in result.call.items():
        setattr(call, name, _plain(value))
    call.updated_at = utc_now()
    session.add(call)
    session.flush()
    for table in (Participant, Window, Moment, SpeakerTurn, TranscriptLine):
        session.exec(delete(table).where(col(table.call_id) == call_id))
    _add(session, Participant, call_id, map(_with_folded_name, result.participants))
    _add(session, Window, call_id, map(_rounded, result.windows))
    _add(session, Moment, call_id, _numbered(result.moments))
    _add(session, SpeakerTurn, call_id, _numbered(_by_time(result.turns)))
    _add(session, TranscriptLine, call_id, _numbered(_by_time(result.transcript)))
    session.expire_all()


def get_participants(session: Session, call_id: str) -> Sequence[Participant]:
    """Return the people of a call by position; empty before the first analysis."""
    query = select(Participant).where(col(Participant.call_id) == call_id)
    return session.exec(query.order_by(col(Participant.position))).all()


def get_people_of(session: Session, call_ids: Sequence[str]) -> Mapping[str, Sequence[Participant]]:
    """Return the people of several calls at once, sorted by call, then position."""
    query = select(Participant).where(col(Participant.call_id).in_(call_ids))
    people: dict[str, list[Participant]] = {call_id: [] for call_id in call_ids}
    for person in session.exec(query.order_by(col(Participant.position))):
        people[person.call_id].append(person)
    return people


def get_windows(session: Session, call_id: str) -> Sequence[Window]:
    """Return the windows of a call, sorted by time, then person."""
    query = select(Window).where(col(Window.call_id) == call_id)
    return session.exec(query.order_by(col(Window.start_ms), col(Window.participant))).all()


def get_moments(session: Session, call_id: str) -> Sequence[Moment]:
    """Return the moments of a call by rank, the one most worth watching first."""
    query = select(Moment).where(col(Moment.call_id) == call_id)
    return session.exec(query.order_by(col(Moment.position))).all()


def get_turns(session: Session, call_id: str) -> Sequence[SpeakerTurn]:
    """Return the speaker turns of a call in time order."""
    query = select(SpeakerTurn).where(col(SpeakerTurn.call_id) == call_id)
    return session.exec(query.order_by(col(SpeakerTurn.position))).all()


def get_transcript(session: Session, call_id: str) -> Sequence[TranscriptLine]:
    """Return the transcript of a call in time order; empty if there is none."""
    query = select(TranscriptLine).where(col(TranscriptLine.call_id) == call_id)
    return session.exec(query.order_by(col(TranscriptLine.position))).all()


def _with_folded_name(person: Row) -> Row:
    return {**person, "name_folded": fold(person["name"])}


def _rounded(window: Row) -> Row:
    expressions = window["expressions"].items()
    return {
        **window,
        "expressions": {k: round(float(v), EXPRESSION_DIGITS) for k, v in expressions},
    }


def _by_time(rows: Sequence[Row]) -> Sequence[Row]:
    return sorted(rows, key=lambda row: int(row["start_ms"]))


def _numbered(rows: Iterable[Row]) -> Iterable[Row]:
    return ({"position": position, **row} for position, row in enumerate(rows))


def _add(session: Session, table: type[Table], call_id: str, rows: Iterable[Row]) -> None:
    defaults = {
        name: field.get_default(call_default_factory=True)
        for name, field in table.model_fields.items()
        if not field.is_required()
    }
    values = [
        {**defaults, "call_id": call_id, **{k: _plain(v) for k, v in row.items()}} for row in rows
    ]
    if values:
        session.connection().execute(insert(table), values)


def _plain(value: Any) -> Any:
    # SQLite stores numpy's numbers as blobs, and NaN as NULL; PostgreSQL stores NaN as a number.
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and math.isnan(value):
        return None
    return value
