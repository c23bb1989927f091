"""`POST /webhooks/zoom`: check the signature, store the delivery, respond.

What it starts is decided after the response (`bot/pipeline/deliveries.py`). Zoom repeats a delivery
that is not answered with 200 or 204 within three seconds after 5, 25 and 85 minutes, so nothing is
lost if the database is locked for longer than that.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import SecretStr
from starlette.datastructures import Headers

from bot.api.problems import Problem
from bot.monitoring.metrics import figures
from bot.pipeline.deliveries import Deliveries, Delivery
from bot.settings import Settings
from integrations.errors import UnexpectedResponse
from integrations.zoom.webhook import (
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    URL_VALIDATION,
    answer_validation,
    is_signed,
    parse_event,
    timestamp_age_s,
)

log = logging.getLogger(__name__)


def create_webhook(settings: Settings, deliveries: Deliveries, refused: Counter[str]) -> APIRouter:
    """Build the route that Zoom posts to. Refused deliveries are counted in `refused`."""
    router = APIRouter()

    @router.post("/webhooks/zoom", status_code=204, include_in_schema=False)
    async def zoom(request: Request) -> Response:
        began = time.monotonic()
        secret = _secret(settings)
        body = await request.body()
        timestamp = request.headers.get(TIMESTAMP_HEADER, "")
        signature = request.headers.get(SIGNATURE_HEADER, "")
        if not is_signed(body, timestamp, signature, secret.get_secret_value()):
            refused["signature"] += 1
            log.warning("webhook refused: wrong signature (%d so far)", refused["signature"])
            raise Problem(401, "The signature does not match the webhook secret.")
        try:
            event = parse_event(body)
        except UnexpectedResponse as exc:
            refused["unreadable"] += 1
            raise Problem(400, str(exc)) from exc
        age_s = timestamp_age_s(timestamp, time.time())
        is_stale = age_s is None or abs(age_s) > settings.zoom.stale_after_s
        if is_stale:
            log.warning("webhook %s carries an old timestamp (%s s)", event.event, age_s)
        await deliveries.keep(Delivery(event.event, event.uuid, body, datetime.now(UTC), is_stale))
        figures.time_webhook(time.monotonic() - began)
        if event.event == URL_VALIDATION:
            answer = answer_validation(event.plain_token or "", secret.get_secret_value())
            return JSONResponse(answer)
        return Response(status_code=204)

    return router


def webhook_check(settings: Settings, refused: Counter[str]) -> Callable[[Headers], None]:
    """Build the check of a delivery's headers, made before its body is read.

    It raises `Problem` if they are not those of a signed delivery.
    """

    def check(headers: Headers) -> None:
        _secret(settings)
        if not headers.get(SIGNATURE_HEADER) or not headers.get(TIMESTAMP_HEADER):
            refused["signature"] += 1
            log.warning("webhook refused: not signed (%d refused so far)", refused["signature"])
            raise Problem(401, "Only signed webhooks are accepted.")
        age_s = timestamp_age_s(headers[TIMESTAMP_HEADER], time.time())
        if age_s is None or abs(age_s) > settings.zoom.refuse_after_s:
            # Whoever once saw a delivery could send it again for ever.
            refused["age"] += 1
            log.warning("webhook refused: its timestamp is too old (%d so far)", refused["age"])
            raise Problem(
                401,
                "The webhook's timestamp differs from this computer's time by more than "
                f"{settings.zoom.refuse_after_s} seconds (RAPPORT_ZOOM__REFUSE_AFTER_S).",
            )

    return check


def _secret(settings: Settings) -> SecretStr:
    if settings.zoom.webhook_secret is None:
        raise Problem(503, "No webhook secret is set up: set RAPPORT_ZOOM__WEBHOOK_SECRET.")
    return settings.zoom.webhook_secret
