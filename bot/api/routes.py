"""The REST API under /api/v1, with health checks and the signed pages beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import FileResponse
from pydantic import AfterValidator
from sqlalchemy import Engine

from bot.annotated.lifecycle import find, why_missing
from bot.api import models
from bot.api.auth import require_key
from bot.api.control import Gone, WorkflowControl
from bot.api.health import create_health
from bot.api.participants import add_corrections
from bot.api.problems import Problem, problem
from bot.api.timeline import DEFAULT_STEP_S, Timeline, TimelineStep, timeline_steps
from bot.api.views import call_figures, call_view, line_view, moment_view
from bot.calls.result_rows import result_rows
from bot.calls.stored import load_analysis, score_as
from bot.settings import Profile, Settings
from bot.web.routes import create_pages
from inference.timeline import series_at
from integrations.errors import IntegrationError
from storage import calls
from storage.delivery import notes
from storage.engine import reading, transaction
from storage.errors import BadCursor, DatabaseDown, Missing, StorageError
from storage.files import MediaFiles
from storage.schema.tables import Call, Participant

MOST_STEPS = 200_000
"""Limit on steps times people in one timeline: a few tens of megabytes of JSON."""

PRIVATE = {"Cache-Control": "private, no-store"}


COMMON: dict[int | str, dict[str, Any]] = {
    401: problem("No valid API key."),
    422: problem("A parameter is invalid; `errors` lists which and why."),
    503: problem("The database does not respond; try again after `Retry-After`."),
}
NO_CALL: dict[int | str, dict[str, Any]] = {
    404: problem("There is no such call, or it has no such part.")
}


def _in_utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        return at.replace(tzinfo=UTC)
    try:
        return at.astimezone(UTC)
    except OverflowError as exc:
        raise ValueError("there is no such time in UTC") from exc


Instant = Annotated[datetime, AfterValidator(_in_utc)]
"""A time in a query: UTC if it names no zone."""


def create_api(
    engine: Engine,
    settings: Settings,
    files: MediaFiles,
    workflows: WorkflowControl,
    *,
    link_secret: str | None = None,
    refused: Mapping[str, int] | None = None,
) -> APIRouter:
    """Build every route of the API. Without a link secret, the signed pages are left out.

    `refused` counts the refused webhooks by reason; `/healthz` shows it.
    """
    router = APIRouter()
    router.include_router(
        create_health(engine, settings, files, refused if refused is not None else {})
    )
    key = require_key(engine)
    api = APIRouter(prefix="/api/v1", dependencies=[Depends(key)], responses=COMMON)
    _add_calls(api, engine, settings, files)
    _add_parts(api, engine, settings, files)
    _add_workflows(api, engine, files, workflows)
    add_corrections(api, engine, files, workflows, key)
    router.include_router(api)
    if link_secret is not None:
        router.include_router(create_pages(engine, settings, files, link_secret))
    return router


def _add_calls(api: APIRouter, engine: Engine, settings: Settings, files: MediaFiles) -> None:
    @api.get(
        "/calls",
        tags=["calls"],
        summary="Find calls, latest first",
        responses={400: problem("The cursor was not issued by this service.")},
    )
    def find_calls(
        from_: Annotated[
            Instant | None,
            Query(alias="from", description="Started then or later; UTC if it names no zone."),
        ] = None,
        to: Annotated[Instant | None, Query(description="Started before then.")] = None,
        host: Annotated[
            str | None,
            Query(
                min_length=1,
                max_length=200,
                description="The host's name or e-mail address, or part of either.",
            ),
        ] = None,
        participant: Annotated[
            str | None,
            Query(min_length=1, max_length=200, description="Part of a participant's name."),
        ] = None,
        text: Annotated[
            str | None, Query(min_length=1, max_length=200, description="Part of the topic.")
        ] = None,
        min_engagement: Annotated[float | None, Query(ge=0, le=1)] = None,
        max_engagement: Annotated[float | None, Query(ge=0, le=1)] = None,
        status: Annotated[
            Literal["queued", "running", "waiting", "done", "failed", "skipped"] | None, Query()
        ] = None,
        cursor: Annotated[
            str | None, Query(max_length=200, description="`next_cursor` of the previous page.")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> models.CallPage:
        wanted = calls.CallFilter(
            from_=from_,
            to=to,
            host=host,
            participant=participant,
            text=text,
            min_engagement=min_engagement,
            max_engagement=max_engagement,
            status=status,
        )
        try:
            with reading(engine) as session:
                page = calls.find_calls(session, wanted, cursor, limit)
                ids = [call.id for call in page.items]
                people = calls.get_people_of(session, ids)
                left = notes.list_for(session, ids)
        except BadCursor as exc:
            raise Problem(400, str(exc)) from exc
        return models.CallPage(
            items=[call_view(call, people[call.id], left[call.id]) for call in page.items],
            next_cursor=page.next_cursor,
        )

    @api.get(
        "/calls/{call_id}",
        tags=["calls"],
        summary="One call with every figure",
        description="With `profile`, the figures are those of another profile, computed from the "
        "stored series for this answer alone: nothing stored changes.",
        responses=NO_CALL,
    )
    def get_call(
        call_id: str,
        profile: Annotated[
            Profile | None, Query(description="Score the call with this profile instead.")
        ] = None,
    ) -> models.CallFigures:
        with reading(engine) as session:
            call = calls.get_call(session, call_id)
            left = notes.list_for(session, [call_id])[call_id]
            people = calls.get_participants(session, call_id)
        if profile is not None and profile != call.profile:
            call, people = _with_profile(files, settings, call, profile)
        return call_figures(call, people, left)


def _add_parts(api: APIRouter, engine: Engine, settings: Settings, files: MediaFiles) -> None:
    @api.get(
        "/calls/{call_id}/timeline",
        tags=["calls"],
        summary="The course of a call",
        description="Means over steps of `resolution` seconds, from the stored analysis; a span "
        "has the same figures at every resolution, in the report and on the page.",
        responses=NO_CALL,
    )
    def get_timeline(
        call_id: str,
        resolution: Annotated[
            float, Query(ge=0.5, le=3600, description="Seconds per step.")
        ] = DEFAULT_STEP_S,
    ) -> Timeline:
        with reading(engine) as session:
            call = calls.get_call(session, call_id)
            people = len(calls.get_participants(session, call_id))
        if call.duration_ms / 1000 / resolution * max(people, 1) > MOST_STEPS:
            raise Problem(422, "That is too much for one response: ask for a coarser resolution.")
        return Timeline(
            call_id=call_id,
            resolution_s=resolution,
            scoring_version=call.scoring_version,
            items=_steps(files, settings, call, resolution),
        )

    @api.get(
        "/calls/{call_id}/moments",
        tags=["calls"],
        summary="Moments worth watching, the one most worth it first",
        responses=NO_CALL,
    )
    def get_moments(call_id: str) -> models.Moments:
        with reading(engine) as session:
            call = calls.get_call(session, call_id)
            names = {p.position: p.name for p in calls.get_participants(session, call_id)}
            moments = calls.get_moments(session, call_id)
        items = [moment_view(moment, names) for moment in moments]
        return models.Moments(call_id=call_id, scoring_version=call.scoring_version, items=items)

    @api.get(
        "/calls/{call_id}/transcript", tags=["calls"], summary="What was said", responses=NO_CALL
    )
    def get_transcript(call_id: str) -> models.Transcript:
        with reading(engine) as session:
            call = calls.get_call(session, call_id)
            lines = calls.get_transcript(session, call_id)
        return models.Transcript(
            call_id=call_id,
            has_transcript=call.has_transcript,
            items=[line_view(line) for line in lines],
        )

    @api.get(
        "/calls/{call_id}/report.pdf",
        tags=["calls"],
        summary="The report",
        response_class=FileResponse,
        responses={
            200: {"content": {"application/pdf": {}}, "description": "The report as PDF."},
            **NO_CALL,
        },
    )
    def get_report(call_id: str) -> FileResponse:
        with reading(engine) as session:
            call = calls.get_call(session, call_id)
        path = files.resolve(call.report_path) if call.report_path else None
        if path is None or not path.is_file():
            raise Problem(404, "This call has no report yet; its status says why.")
        return FileResponse(
            path, media_type="application/pdf", filename=f"call-{call_id}.pdf", headers=PRIVATE
        )

    @api.get(
        "/calls/{call_id}/annotated.mp4",
        tags=["calls"],
        summary="The recording with boxes, names and engagement",
        description="Made while a call is analysed, if annotating and keeping recordings are "
        "switched on. Range requests are supported.",
        response_class=FileResponse,
        responses={
            200: {"content": {"video/mp4": {}}, "description": "The annotated recording."},
            206: {"content": {"video/mp4": {}}, "description": "The requested part."},
            **NO_CALL,
        },
    )
    def get_annotated(call_id: str) -> FileResponse:
        with reading(engine) as session:
            calls.get_call(session, call_id)
        path = find(files, settings, call_id)
        if path is None:
            raise Problem(404, why_missing(settings))
        return FileResponse(
            path,
            media_type="video/mp4",
            filename=f"call-{call_id}.mp4",
            content_disposition_type="inline",
            headers=PRIVATE,
        )


def _add_workflows(
    api: APIRouter, engine: Engine, files: MediaFiles, workflows: WorkflowControl
) -> None:
    @api.get(
        "/workflows/{workflow_id}",
        tags=["workflows"],
        summary="How far a run is: step and progress",
        responses={404: problem("There is no such run.")},
    )
    def get_workflow(workflow_id: str) -> models.Workflow:
        found = workflows.status(workflow_id)
        if found is None:
            raise Problem(
                404, "There is no such run; a call's `workflow_id` is the id of its current run."
            )
        return models.Workflow.model_validate(found)

    @api.post(
        "/calls/{call_id}/reanalyze",
        tags=["workflows"],
        status_code=202,
        summary="Fetch the recording from Zoom and analyse it again",
        responses={**NO_CALL, 409: problem("Zoom no longer has the recording.")},
    )
    def reanalyze(call_id: str, response: Response) -> models.Started:
        with reading(engine) as session:
            calls.get_call(session, call_id)
        try:
            workflow_id = workflows.reanalyze(call_id)
        except Gone as exc:
            raise Problem(409, str(exc) or "Zoom no longer has the recording.") from exc
        except IntegrationError as exc:
            raise Problem(503, str(exc), {"Retry-After": "60"}) from exc
        response.headers["Location"] = f"/api/v1/workflows/{workflow_id}"
        return models.Started(workflow_id=workflow_id, call_id=call_id)

    @api.delete(
        "/calls/{call_id}",
        tags=["calls"],
        status_code=204,
        summary="Delete a call with its rows, recording, series and report",
        responses=NO_CALL,
    )
    def delete_call(call_id: str) -> None:
        with reading(engine) as session:
            calls.get_call(session, call_id)
        workflows.cancel(call_id)
        # Files first: if the process dies here, the call is still listed and can be deleted again.
        files.delete_call(call_id)
        with transaction(engine) as session:
            calls.delete_call(session, call_id)
        files.delete_call(call_id)  # what a step that was still finishing wrote in the meantime


def _with_profile(
    files: MediaFiles, settings: Settings, call: Call, profile: str
) -> tuple[Call, list[Participant]]:
    """Return a call and its people as rows with the figures of another profile."""
    with _damage_told():
        analysis = score_as(files, settings, call, profile)
    rows = result_rows(analysis, series_path=call.series_path or "")
    scored = Call(**{**call.model_dump(), **rows.call})
    return scored, [Participant(call_id=call.id, **row) for row in rows.participants]


def _steps(
    files: MediaFiles, settings: Settings, call: Call, resolution_s: float
) -> list[TimelineStep]:
    with _damage_told():
        return timeline_steps(series_at(load_analysis(files, settings, call), resolution_s))


@contextmanager
def _damage_told() -> Iterator[None]:
    """Turn damaged files of a call into a problem that says what to do."""
    try:
        yield
    except (Missing, DatabaseDown):
        raise
    except StorageError as exc:
        raise Problem(500, str(exc)) from exc
