"""What a person corrects, and what becomes of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from bot.text import words


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
