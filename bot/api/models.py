"""What the REST API returns. Engagement is 0–1, times in the call are seconds, null is not seen."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from bot.text import words

PERSON_EXAMPLE: dict[str, Any] = {
    "id": "p5e1f0c2a97", "index": 1, "name": "Jonas Brandt", "side": "prospect", "is_host": False,
    "is_named": True, "name_confidence": 0.98, "name_certainty": "98 % sure",
    "is_confirmed": False, "is_scored": True, "note": "", "engagement": 0.58,
    "interval": [0.53, 0.63], "attention": 0.81, "coverage": 0.94, "face_s": 1743.5,
    "camera_off_s": None, "talk_s": 912.0, "talk_share": 0.47,
    "expressions": {"happy": 0.21, "neutral": 0.66, "sad": 0.13},
}  # fmt: skip
CALL_EXAMPLE: dict[str, Any] = {
    "id": "k3v7qzv2m4x5ab6c", "zoom_uuid": "abc/def+gh==", "topic": "Offer walk-through",
    "host_email": "dana@example.com", "host_name": "Dana Weiss",
    "started_at": "2026-03-04T09:30:00Z", "timezone": "Europe/Berlin", "duration_s": 1860.0,
    "status": "done", "skipped_reason": None, "failure": None, "engagement": 0.61,
    "interval": [0.57, 0.65], "coverage": 0.92, "workflow_id": "k3v7qzv2m4x5ab6c.1",
    "notes": [], "participants": [PERSON_EXAMPLE],
}  # fmt: skip


class Person(BaseModel):
    """A participant and the figures that are compared."""

    id: str = Field(
        description="Identifies the person in PATCH /calls/{id}/participants/{pid}. It stays the "
        "same when the call is reported again; the id of a face that was merged into somebody "
        "finds that person."
    )
    index: int = Field(
        description="Identifies the person in the call's other responses until the next report."
    )
    name: str
    side: str = Field(description='"rep" (own side), "prospect" or "unknown".')
    is_host: bool
    is_named: bool = Field(description='False for "Person 1": the face has no certain name.')
    name_confidence: float = Field(
        description="Confidence that this face and this name belong together, 0–1; 1 if a person "
        "confirmed it, and for people heard but not seen."
    )
    name_certainty: str = Field(
        description='The same in words: "confirmed by a person", "98 % sure", "not named", or "" '
        "if Zoom names a voice without a face."
    )
    is_confirmed: bool = Field(description="A person gave or confirmed the name.")
    is_scored: bool = Field(description="False if a setting excludes this person from scoring.")
    note: str = Field(description='What to know before reading the figures, or "".')
    engagement: float | None
    interval: tuple[float, float] | None = Field(description="95 % interval of the engagement.")
    attention: float | None
    coverage: float = Field(
        description="Share of the person's time during which their face was seen."
    )
    face_s: float
    camera_off_s: float | None = Field(
        description="Seconds in the call with the camera off; null if not known."
    )
    talk_s: float
    talk_share: float
    expressions: dict[str, float] = Field(description="Mean probability of each expression.")

    model_config = ConfigDict(json_schema_extra={"examples": [PERSON_EXAMPLE]})


class PersonFigures(Person):
    """A participant with every figure of docs/scoring.md."""

    first_seen_s: float
    last_seen_s: float
    figures: dict[str, Any] | None = Field(
        description="All figures with their intervals, as docs/scoring.md names them."
    )


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
    workflow_id: str | None = Field(description="The current run, for GET /workflows/{id}.")
    notes: list[Note] = Field(
        description="What Slack or the disk refused after the summary was posted, and why a later "
        "run failed, oldest first."
    )


class Call(CallFields):
    """A call as it appears in lists."""

    participants: list[Person]

    model_config = ConfigDict(json_schema_extra={"examples": [CALL_EXAMPLE]})


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
    expressions: dict[str, float]
    reactions: list[Reaction]


class CallFigures(CallFields):
    """A call with every figure of docs/scoring.md."""

    participants: list[PersonFigures]
    sides: list[Side] = Field(
        description="What each side showed, overall and while each side spoke."
    )
    has_transcript: bool
    has_report: bool
    profile: str | None
    scoring_version: int | None
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


class Line(BaseModel):
    """One cue of the transcript, or one message in the meeting's chat."""

    start_s: float
    end_s: float
    speaker: str | None
    text: str
    is_chat: bool = False


class Moment(BaseModel):
    """A span worth watching."""

    start_s: float
    end_s: float
    kind: str = Field(description='"rise", "fall", "to_happy", "to_angry" or "silence".')
    participants: list[int]
    names: list[str]
    side: str = Field(description='The side of all its people; "" if they are on several sides.')
    speakers: list[int] = Field(description="Who spoke in it, most talkative first.")
    reason: str
    before: float | None
    after: float | None
    strength: float
    lines: list[Line]


class Moments(BaseModel):
    """The moments of a call, strongest first."""

    call_id: str
    items: list[Moment]


class Transcript(BaseModel):
    """What was said in a call, in order of time; empty if there is no transcript."""

    call_id: str
    has_transcript: bool
    items: list[Line]


class Workflow(BaseModel):
    """How far one run of a call is."""

    id: str
    call_id: str
    run: int
    status: str
    step: str | None = Field(description='"fetch", "analyse", "store", "report", "notify", …')
    progress: float | None = Field(description="Share of the step that is done, 0–1.")
    detail: str
    error: str | None

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "k3v7qzv2m4x5ab6c.1",
                    "call_id": "k3v7qzv2m4x5ab6c",
                    "run": 1,
                    "status": "running",
                    "step": "analyse",
                    "progress": 0.42,
                    "detail": "12:40 of 31:00",
                    "error": None,
                }
            ]
        },
    )


def _clean_name(name: str) -> str:
    cleaned = words.clean(name)
    if name.strip() and not cleaned:
        raise ValueError("the name has no letters; send an empty one to remove a name")
    return cleaned


Name = Annotated[str, Field(max_length=200), AfterValidator(_clean_name)]


class ParticipantChange(BaseModel):
    """What is true: a name, a side, or both. An empty name removes a wrong one."""

    name: Name = Field(
        "", description="The name of someone else in the call merges the two; any other is new."
    )
    side: Literal["rep", "prospect", "unknown"] = "unknown"

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "Jonas Brandt", "side": "prospect"}]},
    )

    @model_validator(mode="after")
    def _says_something(self) -> ParticipantChange:
        if not self.model_fields_set:
            raise ValueError("give a name, a side, or both")
        return self


class CorrectedParticipant(BaseModel):
    """The participant as the run will report them."""

    call_id: str
    id: str
    name: str
    side: str
    is_new: bool = Field(
        description="False if all of it was true already; nothing is stored twice."
    )
    workflow_id: str = Field(
        description="The run that reports the call again, or the one in progress before it."
    )


class Correction(BaseModel):
    """One entry of the audit log."""

    participant: str = Field(description="The participant's id at the time.")
    field: str = Field(description='"name" or "side".')
    old_value: str
    new_value: str = Field(description="An empty name removed one.")
    made_by: str = Field(description="Name of the API key.")
    made_at: datetime


class Corrections(BaseModel):
    """What people corrected in a call, in order."""

    call_id: str
    items: list[Correction]


class Started(BaseModel):
    """The run that was started or joined."""

    workflow_id: str
    call_id: str


class Health(BaseModel):
    """The process is up."""

    status: str = "ok"
    webhooks_refused: dict[str, int] = Field(
        {}, description="Webhooks refused since the start, by reason."
    )


class Workers(BaseModel):
    """The processes that work on calls, by their heartbeats in the database."""

    running: int
    oldest_heartbeat_s: float | None = None
    """Age of the oldest of their last heartbeats; None without any."""


class Readiness(BaseModel):
    """Whether the service can work: the result of each check, and the reason if it failed."""

    status: str
    checks: dict[str, str]
    workers: Workers
