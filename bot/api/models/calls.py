"""A call, its sides and its figures, as the REST API returns them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from bot.api.models.people import PERSON_EXAMPLE, SCORED_BY, Person, PersonFigures, Talk

CALL_EXAMPLE: dict[str, Any] = {
    "id": "k3v7qzv2m4x5ab6c", "zoom_uuid": "abc/def+gh==", "topic": "Offer walk-through",
    "host_email": "dana@example.com", "host_name": "Dana Weiss",
    "started_at": "2026-03-04T09:30:00Z", "timezone": "Europe/Berlin", "duration_s": 1860.0,
    "status": "done", "skipped_reason": None, "failure": None, "engagement": 0.61,
    "interval": [0.57, 0.65], "coverage": 0.92, "scoring_version": 2,
    "workflow_id": "k3v7qzv2m4x5ab6c.1", "notes": [], "participants": [PERSON_EXAMPLE],
}  # fmt: skip


class Note(BaseModel):
    """Something that could not be done for a call after its summary was posted."""

    text: str = Field(description="What, why, and what to do about it.")
    since: datetime = Field(description="Time of the first failure.")
    retry_at: datetime | None = Field(
        description="Time of the next try; null if Rapport does not try again by itself."
    )


class CallFields(BaseModel):
    """The fields of every response about a call."""

    id: str
    zoom_uuid: str
    topic: str
    host_email: str
    host_name: str | None
    started_at: datetime
    timezone: str | None = Field(description="The meeting's time zone, an IANA name.")
    duration_s: float
    status: str = Field(
        description='"queued", "running", "waiting" (for a transcript), "done", "failed" or '
        '"skipped".'
    )
    skipped_reason: str | None
    failure: str | None
    engagement: float | None
    interval: tuple[float, float] | None = Field(description="95 % interval of the engagement.")
    coverage: float | None
    scoring_version: int | None = Field(description=SCORED_BY)
    workflow_id: str | None = Field(description="The current run, for GET /workflows/{id}.")
    notes: list[Note] = Field(
        description="What Slack or the disk refused after the summary was posted, and why a later "
        "run failed, oldest first."
    )


class Call(CallFields):
    """A call as it appears in lists."""

    participants: list[Person]

    model_config = ConfigDict(json_schema_extra={"examples": [CALL_EXAMPLE]})


class CallTalk(BaseModel):
    """How everybody together talked (docs/scoring.md, 8). Null is not known."""

    speaker_changes_per_min: float | None
    overlap_s: float | None = Field(description="Seconds in which two or more people spoke.")
    longest_silence_s: float | None = Field(description="The longest pause between two turns.")
    question_answer_s: float | None = Field(
        description="Median time from a question to somebody else's words."
    )


class Estimate(BaseModel):
    """A mean with its 95 % interval and its effective number of independent samples."""

    value: float
    low: float
    high: float
    n_effective: float


class Reaction(BaseModel):
    """What a side showed while people of only one side spoke."""

    speaking: str = Field(description='"rep", "prospect" or "unknown".')
    spoken_s: float
    seen_s: float = Field(description="Seconds of `spoken_s` during which a face was seen.")
    engagement: Estimate | None
    attention: Estimate | None
    expressions: dict[str, float] = Field(description="Mean probability of each expression.")
    shares: dict[str, float] = Field(
        description="Share of the faces seen for which each expression was the most likely."
    )
    listening_s: float | None = Field(
        None,
        description="Seconds of `seen_s` with somebody listening: what engagement is taken over. "
        "null in version 1 of the scoring.",
    )


class Side(BaseModel):
    """Everyone on one side together (docs/scoring.md, 10)."""

    side: str = Field(description='"rep" (own side), "prospect" or "unknown".')
    people: list[int] = Field(description="Indexes of the participants.")
    scored: int = Field(description="How many of them are scored.")
    engagement: Estimate | None
    attention: Estimate | None
    coverage: float
    face_s: float
    talk_s: float
    talk: Talk | None = Field(None, description="As for a person; null in older calls.")
    expressions: dict[str, float]
    reactions: list[Reaction]


class CallFigures(CallFields):
    """A call with every figure of docs/scoring.md."""

    participants: list[PersonFigures]
    sides: list[Side] = Field(
        description="What each side showed, overall and while each side spoke."
    )
    talk: CallTalk | None = Field(description="Talk of the whole call; null in older calls.")
    has_transcript: bool
    has_report: bool
    profile: str | None
    model: str | None
    quality: dict[str, Any] | None = Field(
        description="Quality of the recording: what could be seen and heard."
    )
    figures: dict[str, Any] | None = Field(
        description="The call's figures with their intervals, as docs/scoring.md names them."
    )
    created_at: datetime
    updated_at: datetime


class CallPage(BaseModel):
    """Some calls, latest first."""

    items: list[Call]
    next_cursor: str | None = Field(description="Pass it as `cursor` to get the next page.")
