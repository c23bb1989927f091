"""Stored rows as the API's responses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from bot.api import models
from bot.calls.result_rows import moment_from_row, talk_fields
from bot.report.people import BLANKED, name_certainty
from bot.text import words
from storage.schema import tables


def call_view(
    call: tables.Call, people: Sequence[tables.Participant], notes: Sequence[tables.CallNote]
) -> models.Call:
    """Return a call as it appears in lists."""
    return models.Call(
        **_call(call, notes),
        participants=[person_view(person, call.scoring_version) for person in people],
    )


def call_figures(
    call: tables.Call, people: Sequence[tables.Participant], notes: Sequence[tables.CallNote]
) -> models.CallFigures:
    """Return a call with everything known about it."""
    return models.CallFigures(
        **_call(call, notes),
        participants=[_person_figures(person, call.scoring_version) for person in people],
        sides=[
            models.Side.model_validate(side | {"talk": talk_fields(side.get("talk"))})
            for side in call.sides or ()
        ],
        talk=(call.score or {}).get("talk"),
        has_transcript=call.has_transcript,
        has_report=call.report_path is not None,
        profile=call.profile,
        model=call.model,
        quality=call.quality,
        figures=call.score,
        created_at=call.created_at,
        updated_at=call.updated_at,
    )


def person_view(person: tables.Participant, scoring_version: int | None) -> models.Person:
    """Return a participant as it appears in lists."""
    return models.Person(**_person(person), scoring_version=scoring_version)


def moment_view(row: tables.Moment, names: dict[int, str]) -> models.Moment:
    """Return a moment with the names of its people."""
    moment = moment_from_row(row)
    people = [names[index] for index in moment.participants if index in names]
    return models.Moment(**asdict(moment), names=people)


def correction_view(row: tables.ParticipantCorrection) -> models.Correction:
    """Return an entry of the audit log."""
    return models.Correction(
        participant=row.pid,
        field=row.field,
        old_value=row.old_value,
        new_value=row.new_value,
        made_by=row.made_by,
        made_at=row.made_at,
    )


def line_view(line: tables.TranscriptLine) -> models.Line:
    """Return a line of the transcript."""
    return models.Line(
        start_s=line.start_ms / 1000,
        end_s=line.end_ms / 1000,
        speaker=line.speaker,
        text=line.text,
        is_chat=line.is_chat,
    )


def _call(call: tables.Call, notes: Sequence[tables.CallNote]) -> dict[str, Any]:
    return {
        "id": call.id,
        "zoom_uuid": call.zoom_uuid,
        "topic": call.topic,
        "host_email": call.host_email,
        "host_name": call.host_name,
        "started_at": call.started_at,
        "timezone": call.timezone,
        "duration_s": call.duration_ms / 1000,
        "status": call.status,
        "skipped_reason": call.skipped_reason,
        "failure": call.failure,
        "engagement": call.engagement,
        "interval": _interval(call.engagement_low, call.engagement_high),
        "coverage": call.coverage,
        "scoring_version": call.scoring_version,
        "workflow_id": f"{call.id}.{call.run}" if call.run else None,
        # A note without a text is about to be tried for the first time.
        "notes": [
            models.Note(text=note.text, since=note.noted_at, retry_at=note.retry_at)
            for note in notes
            if note.text
        ],
    }


def _person(person: tables.Participant) -> dict[str, Any]:
    return {
        "id": person.pid or str(person.position),
        "index": person.position,
        "name": person.name,
        "side": person.side,
        "is_host": person.is_host,
        "is_named": person.is_named,
        "name_confidence": person.name_confidence,
        "name_certainty": name_certainty(
            person.is_named, person.is_confirmed, person.name_confidence
        ).replace(words.NBSP, " "),
        "is_confirmed": person.is_confirmed,
        "is_scored": person.is_scored,
        "note": BLANKED if person.is_blanked else "",
        "engagement": person.engagement,
        "interval": _interval(person.engagement_low, person.engagement_high),
        "attention": person.attention,
        "coverage": person.coverage,
        "face_s": person.face_ms / 1000,
        "camera_off_s": None if person.camera_off_ms is None else person.camera_off_ms / 1000,
        "talk_s": person.talk_ms / 1000,
        "talk_share": person.talk_share,
        "talk": talk_fields((person.score or {}).get("talk")),
        "expressions": (person.score or {}).get("expressions") or {},
    }


def _person_figures(
    person: tables.Participant, scoring_version: int | None
) -> models.PersonFigures:
    return models.PersonFigures(
        **_person(person),
        scoring_version=scoring_version,
        first_seen_s=person.first_seen_ms / 1000,
        last_seen_s=person.last_seen_ms / 1000,
        figures=person.score,
    )


def _interval(low: float | None, high: float | None) -> tuple[float, float] | None:
    return None if low is None or high is None else (low, high)
