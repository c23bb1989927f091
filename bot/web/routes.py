"""`/c/{token}`: one call, read-only, for anyone who has a signed link."""

from __future__ import annotations

import logging

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse, HTMLResponse
from sqlalchemy import Engine

from bot.annotated.lifecycle import find
from bot.calls.stored import load_analysis
from bot.links import LinkExpired, LinkInvalid, read_link
from bot.settings import Settings
from bot.web.render import CallPage, message_page, render_page
from bot.web.style import STYLE_DIGEST
from inference.schema.analysis import CallAnalysis
from storage import calls
from storage.delivery import notes
from storage.engine import reading
from storage.errors import DatabaseDown, Missing, StorageError
from storage.files import MediaFiles
from storage.schema.tables import Call

MOST_SECONDS = 7 * 86_400.0
"""No recording is longer."""

log = logging.getLogger(__name__)

HEADERS = {
    "Cache-Control": "private, no-store",
    # The address is the key: it must not leak through a Referer or a search engine.
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "X-Content-Type-Options": "nosniff",
}
PAGE_HEADERS = {
    **HEADERS,
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{STYLE_DIGEST}'; "
    "media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}


def create_pages(engine: Engine, settings: Settings, files: MediaFiles, secret: str) -> APIRouter:
    """Build the routes for the page, the PDF and the annotated recording behind signed links."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/c/{token}", methods=["GET", "HEAD"])
    def page(token: str, t: str = "") -> Response:
        try:
            call_id = read_link(token, secret)
            with reading(engine) as session:
                call = calls.get_call(session, call_id)
                people = calls.get_participants(session, call_id)
                moments = calls.get_moments(session, call_id)
                left = notes.list_for(session, [call_id])[call_id]
            content = CallPage(
                call=call,
                people=people,
                moments=moments,
                analysis=_analysis(files, settings, call),
                report_url=f"{token}/report.pdf",
                video_url=f"{token}/annotated.mp4" if find(files, settings, call_id) else "",
                notes=left,
                at_s=_seconds(t),
            )
        except (LinkInvalid, Missing, DatabaseDown) as exc:
            return _refusal(exc)
        return HTMLResponse(render_page(content), headers=PAGE_HEADERS)

    @router.api_route("/c/{token}/report.pdf", methods=["GET", "HEAD"])
    def report(token: str) -> Response:
        try:
            call_id = read_link(token, secret)
            with reading(engine) as session:
                call = calls.get_call(session, call_id)
            path = files.resolve(call.report_path) if call.report_path else None
            if path is None or not path.is_file():
                raise Missing("no report")
        except (LinkInvalid, Missing, DatabaseDown) as exc:
            return _refusal(exc)
        return FileResponse(
            path,
            media_type="application/pdf",
            filename=f"call-{call_id}.pdf",
            content_disposition_type="inline",
            headers=HEADERS,
        )

    @router.api_route("/c/{token}/annotated.mp4", methods=["GET", "HEAD"])
    def annotated(token: str) -> Response:
        try:
            call_id = read_link(token, secret)
            with reading(engine) as session:
                calls.get_call(session, call_id)
            path = find(files, settings, call_id)
            if path is None:
                raise Missing("no annotated recording")
        except (LinkInvalid, Missing, DatabaseDown) as exc:
            return _refusal(exc)
        return FileResponse(
            path,
            media_type="video/mp4",
            filename=f"call-{call_id}.mp4",
            content_disposition_type="inline",
            headers=HEADERS,
        )

    return router


def _analysis(files: MediaFiles, settings: Settings, call: Call) -> CallAnalysis | None:
    """Return the call's analysis; a page with less is better than no page."""
    try:
        return load_analysis(files, settings, call)
    except StorageError as exc:
        if call.series_path is not None:
            log.warning("call %s: its page has no figures: %s", call.id, exc)
        return None


def _seconds(text: str) -> float | None:
    """Return the seconds of `?t=`; None where it is no time, for an address is easily cut off."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if 0.0 <= seconds < MOST_SECONDS else None


def _refusal(error: LinkInvalid | Missing | DatabaseDown) -> HTMLResponse:
    match error:
        case LinkExpired():
            status, title = 410, "This link has expired"
            text = "Links open a call for a limited time. Ask for a new one where you got this one."
        case DatabaseDown():
            status, title = 503, "Not available right now"
            text = "The call cannot be read at the moment. Please try again in a minute."
        case Missing():
            status, title = 404, "Nothing here any more"
            text = "The call or its recording was deleted, or what you ask for is not made yet."
        case _:
            status, title = 404, "This link does not work"
            text = "It may have been cut off when it was copied. Open it again from the message."
    return HTMLResponse(message_page(title, text), status_code=status, headers=PAGE_HEADERS)
