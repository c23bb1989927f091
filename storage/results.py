"""What an analysis leaves in the database. Milliseconds, 0–1 shares, None where nothing was seen.

The values are storage's own, because storage does not know the analysis: the pipeline fills them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from sqlalchemy import insert
from sqlmodel import Session, col, delete, select

from storage.columns import clean_text, fold, utc_now
from storage.errors import Missing
from storage.tables import (
    Call,
    Moment,
    Participant,
    SpeakerTurn,
    Table,
    TranscriptLine,
    Window,
)

EXPRESSION_DIGITS = 4
"""Decimals kept of a window's expressions; finer figures are in the series file."""


@dataclass(frozen=True, slots=True)
class ParticipantResult:
    """A person of the call; `score` holds every further figure as the report uses it."""

    position: int
    name: str
    key: str = ""
    is_named: bool = False
    side: str = "unknown"
    is_host: bool = False
    is_scored: bool = True
    name_confidence: float = 0.0
    first_seen_ms: int = 0
    last_seen_ms: int = 0
    engagement: float | None = None
    engagement_low: float | None = None
    engagement_high: float | None = None
    attention: float | None = None
    coverage: float = 0.0
    face_ms: int = 0
    talk_ms: int = 0
    talk_share: float = 0.0
    score: Mapping[str, Any] | None = None
    pid: str = ""
    former_pids: tuple[str, ...] = ()
    is_confirmed: bool = False
    is_blanked: bool = False
    camera_off_ms: int | None = None


@dataclass(frozen=True, slots=True)
class WindowResult:
    """One person's means over one window; `participant` is a position."""

    participant: int
    start_ms: int
    end_ms: int
    engagement: float | None
    attention: float | None
    coverage: float
    samples: int
    talk_ms: int
    expressions: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class TranscriptLineResult:
    """One cue of the transcript, or a message of the chat."""

    start_ms: int
    end_ms: int
    speaker: str | None
    text: str
    is_chat: bool = False


@dataclass(frozen=True, slots=True)
class MomentResult:
    """A span worth watching, with the positions of its people and the words around it."""

    start_ms: int
    end_ms: int
    kind: str
    participants: tuple[int, ...]
    reason: str
    before: float | None
    after: float | None
    strength: float
    lines: tuple[TranscriptLineResult, ...] = ()
    side: str = ""
    speakers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class TurnResult:
    """Who spoke from when to when."""

    start_ms: int
    end_ms: int
    speaker: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class CallResult:
    """The whole analysis of a call."""

    duration_ms: int
    profile: str
    scoring_version: int
    model: str
    engagement: float | None
    engagement_low: float | None
    engagement_high: float | None
    coverage: float | None
    has_transcript: bool
    quality: Mapping[str, Any]
    score: Mapping[str, Any]
    series_path: str | None = None
    participants: Sequence[ParticipantResult] = ()
    windows: Sequence[WindowResult] = ()
    moments: Sequence[MomentResult] = ()
    turns: Sequence[TurnResult] = ()
    transcript: Sequence[TranscriptLineResult] = ()
    sides: Sequence[Mapping[str, Any]] | None = None


def save_result(session: Session, call_id: str, result: CallResult) -> None:
    """Replace everything an earlier analysis left of the call, inside the session's transaction.

    Raises:
        Missing: no such call.
        StorageError: a figure is NaN or infinite (when the transaction ends).
    """
    call = session.exec(select(Call).where(col(Call.id) == call_id).with_for_update()).one_or_none()
    if call is None:
        raise Missing(f"There is no call {clean_text(call_id)}.")
    call.duration_ms = result.duration_ms
    call.profile = result.profile
    call.scoring_version = result.scoring_version
    call.model = result.model
    call.engagement = _plain(result.engagement)
    call.engagement_low = _plain(result.engagement_low)
    call.engagement_high = _plain(result.engagement_high)
    call.coverage = _plain(result.coverage)
    call.has_transcript = result.has_transcript
    call.quality = dict(result.quality)
    call.score = dict(result.score)
    call.sides = None if result.sides is None else [dict(side) for side in result.sides]
    call.series_path = result.series_path
    call.updated_at = utc_now()
    session.add(call)
    session.flush()
    for table in (Participant, Window, Moment, SpeakerTurn, TranscriptLine):
        session.exec(delete(table).where(col(table.call_id) == call_id))
    _add(session, Participant, call_id, map(_participant_row, result.participants))
    _add(session, Window, call_id, map(_window_row, result.windows))
    moments = sorted(result.moments, key=lambda moment: (-moment.strength, moment.start_ms))
    _add(session, Moment, call_id, _numbered(asdict(moment) for moment in moments))
    turns = sorted(result.turns, key=lambda turn: turn.start_ms)
    _add(session, SpeakerTurn, call_id, _numbered(asdict(turn) for turn in turns))
    lines = sorted(result.transcript, key=lambda line: line.start_ms)
    _add(session, TranscriptLine, call_id, _numbered(asdict(line) for line in lines))
    session.expire_all()


def get_participants(session: Session, call_id: str) -> Sequence[Participant]:
    """Give the people of a call by position; empty before the first analysis."""
    query = select(Participant).where(col(Participant.call_id) == call_id)
    return session.exec(query.order_by(col(Participant.position))).all()


def get_people_of(session: Session, call_ids: Sequence[str]) -> Mapping[str, Sequence[Participant]]:
    """Give the people of several calls at once, by call, then position."""
    query = select(Participant).where(col(Participant.call_id).in_(call_ids))
    people: dict[str, list[Participant]] = {call_id: [] for call_id in call_ids}
    for person in session.exec(query.order_by(col(Participant.position))):
        people[person.call_id].append(person)
    return people


def get_windows(session: Session, call_id: str) -> Sequence[Window]:
    """Give the windows of a call by time, then person."""
    query = select(Window).where(col(Window.call_id) == call_id)
    return session.exec(query.order_by(col(Window.start_ms), col(Window.participant))).all()


def get_moments(session: Session, call_id: str) -> Sequence[Moment]:
    """Give the moments of a call, strongest first."""
    query = select(Moment).where(col(Moment.call_id) == call_id)
    return session.exec(query.order_by(col(Moment.position))).all()


def get_turns(session: Session, call_id: str) -> Sequence[SpeakerTurn]:
    """Give the speaker turns of a call by time."""
    query = select(SpeakerTurn).where(col(SpeakerTurn.call_id) == call_id)
    return session.exec(query.order_by(col(SpeakerTurn.position))).all()


def get_transcript(session: Session, call_id: str) -> Sequence[TranscriptLine]:
    """Give the transcript of a call by time; empty where there is none."""
    query = select(TranscriptLine).where(col(TranscriptLine.call_id) == call_id)
    return session.exec(query.order_by(col(TranscriptLine.position))).all()


def _participant_row(person: ParticipantResult) -> dict[str, Any]:
    return asdict(person) | {"name_folded": fold(person.name)}


def _window_row(window: WindowResult) -> dict[str, Any]:
    expressions = {k: round(float(v), EXPRESSION_DIGITS) for k, v in window.expressions.items()}
    return asdict(window) | {"expressions": expressions}


def _numbered(rows: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    return ({"position": position, **row} for position, row in enumerate(rows))


def _add(
    session: Session, table: type[Table], call_id: str, rows: Iterable[dict[str, Any]]
) -> None:
    values = [{"call_id": call_id} | {k: _plain(v) for k, v in row.items()} for row in rows]
    if values:
        session.connection().execute(insert(table), values)


def _plain(value: Any) -> Any:
    # SQLite stores numpy's numbers as blobs, and a NaN is a NULL there but a number elsewhere.
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and math.isnan(value):
        return None
    return value
