"""Searches calls, one page at a time."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, func, or_
from sqlmodel import Session, col, select

from storage.errors import BadCursor
from storage.schema.columns import fold
from storage.schema.tables import Call, Participant


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls to find; None does not filter.

    `from_` is inclusive and `to` is exclusive. `host` with an @ is a whole e-mail address,
    otherwise part of a name or address. `participant` is part of a name, `text` part of the topic.
    All of them ignore case. Engagement is 0–1, both ends inclusive.
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
    """One page of calls, latest first, and the cursor of the next page; None on the last."""

    items: list[Call]
    next_cursor: str | None


def find_calls(
    session: Session, wanted: CallFilter, cursor: str | None = None, limit: int = 50
) -> Page:
    """Return one page of calls, latest first; calls that arrive meanwhile do not shift pages.

    Raises:
        BadCursor: the cursor did not come from this function.
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
        raise BadCursor("The cursor is not valid: start again without one.") from exc
    if moment.tzinfo is None:
        raise BadCursor("The cursor is not valid: start again without one.")
    return moment, call_id
