"""Correcting who is who: one participant at a time, with an audit log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from sqlalchemy import Engine

from bot.api import models
from bot.api.auth import Credentials
from bot.api.control import WorkflowControl
from bot.api.problems import Problem, problem
from bot.api.views import correction_view
from bot.calls.corrections import correct_participant
from inference.attribution.correction_requests import Refused
from storage import calls
from storage.calls import corrections
from storage.engine import reading
from storage.errors import DatabaseDown, Missing, StorageError
from storage.files import MediaFiles

NOBODY: dict[int | str, dict[str, Any]] = {404: problem("There is no such call or participant.")}
REFUSED: dict[int | str, dict[str, Any]] = {
    409: problem(
        "The call has no result yet, or the correction contradicts what was seen, for example "
        "because another face seen at the same time has the name. `detail` says why and what to do."
    )
}


def add_corrections(
    api: APIRouter,
    engine: Engine,
    files: MediaFiles,
    workflows: WorkflowControl,
    key: Callable[[Request, Credentials], str],
) -> None:
    """Add the two routes; `key` returns the name of the API key that a request came with."""

    @api.patch(
        "/calls/{call_id}/participants/{pid}",
        tags=["calls"],
        status_code=202,
        summary="Correct a participant's name or side",
        description="Scores, report and Slack message are redone; what was posted is edited. "
        "The name of someone else in the call merges the two into one person, talk and face "
        "together; an empty name removes a wrong one. The correction still applies when the call "
        "is analysed again. Repeating a correction has no effect.",
        responses={**NOBODY, **REFUSED},
    )
    def correct(
        call_id: str,
        pid: Annotated[str, Path(description="The participant's `id` (or `index`).")],
        change: models.ParticipantChange,
        response: Response,
        made_by: str = Depends(key),
    ) -> models.CorrectedParticipant:
        changes = change.model_dump(include=change.model_fields_set)
        try:
            done = correct_participant(engine, files, call_id, pid, changes, made_by)
        except Refused as exc:
            raise Problem(409, str(exc)) from exc
        except (Missing, DatabaseDown):
            raise
        except StorageError as exc:
            raise Problem(500, str(exc)) from exc
        workflow_id = f"{call_id}.{done.current_run}"
        if done.run is not None:
            workflow_id = workflows.report_again(call_id, done.run)
        response.headers["Location"] = f"/api/v1/workflows/{workflow_id}"
        return models.CorrectedParticipant(
            call_id=call_id,
            id=done.pid,
            name=done.name,
            side=done.side,
            is_new=done.is_new,
            workflow_id=workflow_id,
        )

    @api.get(
        "/calls/{call_id}/corrections",
        tags=["calls"],
        summary="What was corrected, by whom and when",
        responses=NOBODY,
    )
    def get_corrections(call_id: str) -> models.Corrections:
        with reading(engine) as session:
            calls.get_call(session, call_id)
            rows = corrections.list_for_call(session, call_id)
        return models.Corrections(call_id=call_id, items=[correction_view(row) for row in rows])
