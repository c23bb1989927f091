"""What the REST API returns. Engagement is 0–1, times in the call are seconds, null is not seen."""

from bot.api.models.calls import (
    Call,
    CallFields,
    CallFigures,
    CallPage,
    CallTalk,
    Estimate,
    Note,
    Reaction,
    Side,
)
from bot.api.models.corrections import (
    CorrectedParticipant,
    Correction,
    Corrections,
    ParticipantChange,
)
from bot.api.models.moments import Line, Moment, MomentLine, Moments, Transcript
from bot.api.models.people import Person, PersonFigures, Talk
from bot.api.models.service import Health, Readiness, Started, Workers, Workflow

__all__ = [
    "Call",
    "CallFields",
    "CallFigures",
    "CallPage",
    "CallTalk",
    "CorrectedParticipant",
    "Correction",
    "Corrections",
    "Estimate",
    "Health",
    "Line",
    "Moment",
    "MomentLine",
    "Moments",
    "Note",
    "ParticipantChange",
    "Person",
    "PersonFigures",
    "Reaction",
    "Readiness",
    "Side",
    "Started",
    "Talk",
    "Transcript",
    "Workers",
    "Workflow",
]
