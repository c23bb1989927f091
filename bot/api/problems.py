"""Errors as RFC 9457 problem details: every error response has this form."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from storage.errors import DatabaseDown, Missing

MEDIA_TYPE = "application/problem+json"

SAFE_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""On every response that sets none of its own: answers are about people, and are what they say."""


class Problem(Exception):
    """Ends a request with a status and a sentence on what to do."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, detail, headers)
        self.status = status
        self.detail = detail
        self.headers = headers


def problem_response(
    status: int, detail: str, headers: dict[str, str] | None = None, **more: object
) -> JSONResponse:
    """Build the JSON response: type, title, status, detail, and any further members."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    return JSONResponse(
        {**body, "detail": detail, **more},
        status_code=status,
        headers={**SAFE_HEADERS, **(headers or {})},
        media_type=MEDIA_TYPE,
    )


def problem(description: str) -> dict[str, Any]:
    """Describe an error response for OpenAPI."""
    schema = {
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
        },
    }
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}


def install_problem_handlers(app: FastAPI) -> None:
    """Make every error of the app a problem document, 404, 405 and validation included."""

    @app.exception_handler(Problem)
    def on_problem(_: Request, exc: Problem) -> JSONResponse:
        return problem_response(exc.status, exc.detail, exc.headers)

    @app.exception_handler(HTTPException)
    def on_http(_: Request, exc: HTTPException) -> JSONResponse:
        headers = dict(exc.headers) if exc.headers else None
        return problem_response(exc.status_code, str(exc.detail), headers)

    @app.exception_handler(RequestValidationError)
    def on_invalid(_: Request, exc: RequestValidationError) -> JSONResponse:
        errors = [
            {"at": ".".join(str(part) for part in error["loc"]), "message": error["msg"]}
            for error in exc.errors()
        ]
        detail = "; ".join(f"{error['at']}: {error['message']}" for error in errors)
        return problem_response(422, detail, errors=errors)

    @app.exception_handler(Missing)
    def on_missing(_: Request, exc: Missing) -> JSONResponse:
        return problem_response(404, str(exc))

    @app.exception_handler(DatabaseDown)
    def on_database_down(_: Request, exc: DatabaseDown) -> JSONResponse:
        return problem_response(503, str(exc), {"Retry-After": "5"})

    @app.exception_handler(Exception)
    def on_anything(_: Request, exc: Exception) -> JSONResponse:
        return problem_response(500, "Something went wrong; the service's log has the cause.")
