"""`/healthz` and `/readyz`, for load balancers and container engines: no key, no names.

`/metrics`, for Prometheus, has a key of its own: who watches the service may not read calls.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence

from fastapi import APIRouter, Request, Response
from fastapi.security.utils import get_authorization_scheme_param
from sqlalchemy import Engine

from bot.api.models import Health, Readiness, Workers
from bot.api.problems import Problem, problem_response
from bot.monitoring.metrics import CONTENT_TYPE, metrics_text
from bot.monitoring.overview import Process, read_processes, read_queue
from bot.settings import Settings
from inference.expression.shipped import SHIPPED_WEIGHTS
from storage.engine import ping, reading
from storage.errors import OtherFolder, StorageError
from storage.files import MediaFiles
from storage.workers.installation import check_folder


def create_health(
    engine: Engine, settings: Settings, files: MediaFiles, refused: Mapping[str, int]
) -> APIRouter:
    """Build the three routes."""
    router = APIRouter(tags=["health"])

    def database() -> str | None:
        try:
            ping(engine)
        except StorageError as exc:
            return str(exc)
        return None

    def disk() -> str | None:
        try:
            with reading(engine) as session:
                check_folder(session, settings.data_dir)
        except OtherFolder:  # Its message names paths, which are no business of any client's.
            return "The data folder is missing or another one: see `rapport status`."
        except StorageError:
            pass  # the check of the database says so
        free = files.free_bytes()
        if free >= settings.zoom.disk_reserve_bytes:
            return None
        return (
            f"{free / 1e9:.1f} GB are free, less than the reserve that downloads must leave free."
        )

    def weights() -> str | None:
        if (settings.analysis.weights or SHIPPED_WEIGHTS).is_file():
            return None
        return "The expression weights are missing: install Rapport again."

    def processes() -> list[Process]:
        try:
            with reading(engine) as session:
                return read_processes(session, settings.takeover_s)
        except StorageError:
            return []  # the check of the database says so

    checks: dict[str, Callable[[], str | None]] = {
        "database": database,
        "disk": disk,
        "weights": weights,
    }

    @router.get("/healthz", summary="Is the process up?")
    async def healthz() -> Health:  # without a thread: it answers while all of them are busy
        return Health(webhooks_refused=dict(refused))

    @router.get(
        "/readyz",
        summary="Can the service work: database, disk, weights, workers?",
        response_model=Readiness,
        responses={503: {"description": "A check failed; `checks` says which and why."}},
    )
    def readyz() -> Readiness | Response:
        known = processes()
        found = {name: check() for name, check in checks.items()}
        found["workers"] = _silent(known)
        failed = {name: reason for name, reason in found.items() if reason is not None}
        results = {name: reason or "ok" for name, reason in found.items()}
        if failed:
            return problem_response(503, f"Not ready: {', '.join(failed)}.", checks=results)
        running = [each.heartbeat_age_s for each in known if each.is_running]
        workers = Workers(running=len(running), oldest_heartbeat_s=max(running, default=None))
        return Readiness(status="ready", checks=results, workers=workers)

    @router.get("/metrics", include_in_schema=False)
    def metrics(request: Request) -> Response:
        _check_metrics_key(settings, request)
        with reading(engine) as session:
            queue = read_queue(session)
            processes = read_processes(session, settings.takeover_s)
        text = metrics_text(queue, processes, refused, files.free_bytes())
        return Response(text, media_type=CONTENT_TYPE)

    return router


def _silent(known: Sequence[Process]) -> str | None:
    """Return what is wrong if no process that ever ran gives heartbeats any more."""
    if not known or any(each.is_running for each in known):
        return None
    least_s = min(each.heartbeat_age_s for each in known)
    return f"No process has given a heartbeat for {least_s:.0f} s, so calls wait."


def _check_metrics_key(settings: Settings, request: Request) -> None:
    if settings.metrics_key is None:
        raise Problem(404, "There are no metrics: set RAPPORT_METRICS_KEY to have them.")
    scheme, token = get_authorization_scheme_param(request.headers.get("authorization"))
    key = settings.metrics_key.get_secret_value().strip()
    if scheme.lower() != "bearer" or not hmac.compare_digest(token.encode(), key.encode()):
        raise Problem(
            401,
            "Send the key that RAPPORT_METRICS_KEY names: `Authorization: Bearer …`.",
            {"WWW-Authenticate": "Bearer"},
        )
