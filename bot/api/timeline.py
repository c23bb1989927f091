"""The course of a call as the REST API returns it."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field

from inference.timeline import TimelinePoint

DEFAULT_STEP_S = 10


class PersonStep(BaseModel):
    """One person's means over one step of the timeline."""

    participant: int
    engagement: float | None = Field(
        description="Of listening: null where the face was not seen, or its owner spoke throughout."
    )
    attention: float | None
    expression: str | None = Field(description="The most likely expression.")
    coverage: float = Field(
        description="Share of the step during which the face was seen and read."
    )
    talk_s: float = Field(description="Seconds of the step in which the person spoke.")
    rolling_30s: float | None = Field(None, description="Engagement over the last 30 s.")
    rolling_60s: float | None = Field(None, description="Engagement over the last minute.")
    cumulative: float | None = Field(None, description="Engagement from the start on.")


class TimelineStep(BaseModel):
    """The call's means over one step, and who spoke in it."""

    start_s: float
    end_s: float
    engagement: float | None
    attention: float | None
    speakers: list[str]
    people: list[PersonStep]
    rolling_30s: float | None = Field(None, description="Engagement over the last 30 s.")
    rolling_60s: float | None = Field(None, description="Engagement over the last minute.")
    cumulative: float | None = Field(None, description="Engagement from the start on.")


class Timeline(BaseModel):
    """The course of a call."""

    call_id: str
    resolution_s: float
    scoring_version: int | None = Field(
        None, description="Version of docs/scoring.md that the figures follow."
    )
    items: list[TimelineStep]

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "call_id": "k3v7qzv2m4x5ab6c",
                    "resolution_s": 10.0,
                    "scoring_version": 2,
                    "items": [
                        {
                            "start_s": 0.0,
                            "end_s": 10.0,
                            "engagement": 0.55,
                            "attention": 0.9,
                            "speakers": ["Dana Weiss"],
                            "people": [
                                {
                                    "participant": 1,
                                    "engagement": 0.55,
                                    "attention": 0.9,
                                    "expression": "neutral",
                                    "coverage": 1.0,
                                    "talk_s": 0.0,
                                }
                            ],
                        }
                    ],
                }
            ]
        }
    )


def timeline_steps(points: Iterable[TimelinePoint]) -> list[TimelineStep]:
    """Return the points of a call's course as steps of the response."""
    return [
        TimelineStep(
            start_s=point.start_s,
            end_s=point.end_s,
            engagement=point.engagement,
            attention=point.attention,
            rolling_30s=point.rolling_30s,
            rolling_60s=point.rolling_60s,
            cumulative=point.cumulative,
            speakers=list(point.speakers),
            people=[
                PersonStep(
                    participant=person.participant,
                    engagement=person.engagement,
                    attention=person.attention,
                    expression=person.expression,
                    coverage=person.coverage,
                    talk_s=person.talk_s,
                    rolling_30s=person.rolling_30s,
                    rolling_60s=person.rolling_60s,
                    cumulative=person.cumulative,
                )
                for person in point.people
            ],
        )
        for point in points
    ]
