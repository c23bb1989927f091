"""Runs of calls, and the state of the service."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


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
