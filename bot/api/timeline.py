"""The course of a call as the REST API returns it."""

from __future__ import annotations

from collections.abc import Iterable

from bot.api.models import PersonStep, TimelineStep
from inference.timeline import TimelinePoint

DEFAULT_STEP_S = 10


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
