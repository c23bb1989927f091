"""Moments and words of a call, as the REST API returns them."""

from __future__ import annotations

from pydantic import BaseModel, Field

from bot.api.models.people import SCORED_BY


class Line(BaseModel):
    """One cue of the transcript, or one message in the meeting's chat."""

    start_s: float
    end_s: float
    speaker: str | None
    text: str
    is_chat: bool = False


class MomentLine(Line):
    """A line that stands beside a moment."""

    at_change: bool = Field(
        description="The last line begun at or before the change; true for one spoken line."
    )
    pause_s: float = Field(
        description="Silence between the line before it and this one; 0 below 4 s."
    )


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
    change_s: float = Field(description="When it changed, or the silence began: the time to show.")
    silence_s: float | None = Field(
        description="Length of the silence; of another moment, of the longest pause of 4 s or "
        "more between its lines."
    )
    what: str = Field(
        description='What was seen: "stopped smiling". "" where an earlier version stored it.'
    )
    lasted_s: float | None = Field(description="How long it stayed so.")
    said_by: int | None = Field(
        description="Who spoke for more than half of the 5 s before and of the 5 s after it."
    )
    is_greeting: bool = Field(
        description="A smile at the very start or end of the call; it ranks last."
    )
    lines: list[MomentLine] = Field(
        description="The line at the change, the one before and the one after it; then chat."
    )


class Moments(BaseModel):
    """The moments of a call, the one most worth watching first."""

    call_id: str
    scoring_version: int | None = Field(None, description=SCORED_BY)
    items: list[Moment]


class Transcript(BaseModel):
    """What was said in a call, in order of time; empty if there is no transcript."""

    call_id: str
    has_transcript: bool
    items: list[Line]
