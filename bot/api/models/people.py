"""A person of a call, as the REST API returns them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

SCORED_BY = "Version of docs/scoring.md that the figures follow; null before the call is scored."


PERSON_EXAMPLE: dict[str, Any] = {
    "id": "p5e1f0c2a97", "index": 1, "name": "Jonas Brandt", "side": "prospect", "is_host": False,
    "is_named": True, "name_confidence": 0.98, "name_certainty": "98 % sure",
    "is_confirmed": False, "is_scored": True, "note": "", "engagement": 0.58,
    "interval": [0.53, 0.63], "attention": 0.81, "coverage": 0.94, "face_s": 1743.5,
    "camera_off_s": None, "talk_s": 912.0, "talk_share": 0.47,
    "talk": {
        "talk_s": 912.0, "share_of_speech": 0.47, "share_of_call": 0.49,
        "longest_monologue_s": 84.0, "turns": 61, "patience_s": 0.6, "interruptions": 3,
        "words": 2310, "words_per_minute": 152.0, "questions": 14, "fillers": 41,
        "filler_share": 0.018,
    },
    "expressions": {"happy": 0.21, "neutral": 0.66, "sad": 0.13}, "scoring_version": 2,
}  # fmt: skip


class Talk(BaseModel):
    """How a person or a side talked (docs/scoring.md, 8). Null is not known."""

    talk_s: float | None
    share_of_speech: float | None = Field(description="Share of everybody's talk, 0–1.")
    share_of_call: float | None = Field(description="Share of the call's length, 0–1.")
    longest_monologue_s: float | None
    turns: int | None
    patience_s: float | None = Field(
        description="Median pause before a turn, after the other side stopped."
    )
    interruptions: int | None
    words: int | None
    words_per_minute: float | None
    questions: int | None
    fillers: int | None
    filler_share: float | None = Field(description="Share of the words that are fillers, 0–1.")


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
    talk: Talk | None = Field(
        description="Talk in figures; null if the call has not been analysed by this version."
    )
    expressions: dict[str, float] = Field(description="Mean probability of each expression.")
    scoring_version: int | None = Field(description=SCORED_BY)

    model_config = ConfigDict(json_schema_extra={"examples": [PERSON_EXAMPLE]})


class PersonFigures(Person):
    """A participant with every figure of docs/scoring.md."""

    first_seen_s: float
    last_seen_s: float
    figures: dict[str, Any] | None = Field(
        description="All figures with their intervals, as docs/scoring.md names them."
    )
