"""Maps Zoom's error responses, and httpx's exceptions, to our errors.

Every error body is `{"code": int, "message": str}`. The code matters more than the HTTP status:
3301 is also returned for a recording that is still being made, 124 means that the token has
expired, and 4700 and 4711 mean that the token lacks a permission.
"""

from __future__ import annotations

import email.utils
import re
from datetime import UTC, datetime, timedelta

import httpx

from integrations.errors import (
    AuthFailed,
    IntegrationError,
    NotFound,
    RateLimited,
    Unavailable,
    UnexpectedResponse,
)
from integrations.zoom.text import clean_text, moment, whole_number

TOKEN_ENDED = 124
_MISSING_SCOPE = (4700, 4711)
_NOT_FOUND = (1001, 3001, 3301, 3302)
_NO_PERMISSION = (200, 300_003)
_SCOPES = re.compile(r"scopes?:?\s*\[([^\]]+)\]", re.IGNORECASE)
_SHORTEST_WAIT_S = 1.0
_LONGEST_WAIT_S = 86_400.0
_LONGEST_MESSAGE = 200


def error_code(response: httpx.Response) -> int | None:
    """Return Zoom's own error code, or None if the body has none."""
    return _code_and_message(response)[0]


def error_from(response: httpx.Response, what: str, now: float) -> IntegrationError:
    """Return our error for an unsuccessful response.

    Args:
        what: what was requested, to complete "Zoom has no …" or "Zoom refused the …"; never a URL.
        now: seconds since 1970; waits are counted from here.
    """
    status = response.status_code
    code, said = _code_and_message(response)
    if status == 429:
        wait_s = retry_after_s(response.headers, now)
        return RateLimited(f"Zoom's rate limit was reached ({what}); wait {wait_s:.0f} s.", wait_s)
    if status >= 500:
        return Unavailable(f"Zoom had an internal error ({what}): HTTP {status}.")
    if code in _MISSING_SCOPE:
        named = _SCOPES.search(said)
        scope = named[1].strip() if named else "that this needs (Zoom did not say which)"
        return AuthFailed(
            f"Zoom refused the {what}: the app lacks the scope {scope}. "
            "Add it to the app in the Zoom App Marketplace and reactivate the app."
        )
    if status == 401 or code == TOKEN_ENDED:
        return AuthFailed(
            f"Zoom refused the {what}: the access token is not valid. "
            "Check that the app is activated and that its client ID and secret are correct."
        )
    if code in _NOT_FOUND or status in (404, 410):
        return NotFound(f"Zoom has no {what}: it was deleted, or is not ready yet.")
    if status == 403 or code in _NO_PERMISSION:
        return AuthFailed(
            f"Zoom refused the {what}: {said or 'no permission'} "
            'The app\'s owner needs the role permission "View the recording content".'
        )
    detail = f"code {code}: {said}" if code is not None else f"HTTP {status}"
    return UnexpectedResponse(
        f"Zoom's response to the request for the {what} was unexpected: {detail}"
    )


def error_from_httpx(exc: Exception, what: str) -> IntegrationError:
    """Return our error for an httpx exception, without its text, which may contain a URL."""
    if isinstance(exc, httpx.UnsupportedProtocol | httpx.InvalidURL):
        return UnexpectedResponse(f"The address for the {what} is not an http or https URL.")
    if isinstance(exc, httpx.TimeoutException):
        return Unavailable(f"Zoom did not respond in time ({what}).")
    if isinstance(exc, httpx.DecodingError | httpx.TooManyRedirects):
        return UnexpectedResponse(
            f"Zoom's response could not be read ({what}): {type(exc).__name__}."
        )
    return Unavailable(f"The connection to Zoom broke ({what}): {type(exc).__name__}.")


def retry_after_s(headers: httpx.Headers, now: float) -> float:
    """Return how long Zoom asks us to wait, from 1 s to a day.

    `Retry-After` is in seconds, or an ISO time for the daily limit; `X-RateLimit-Reset` is in
    seconds since 1970. Without either, the daily limit ends at midnight UTC, the others in 1 s.
    """
    for at in (_wait_until(headers.get("Retry-After"), now), _reset(headers, now)):
        if at is not None:
            return min(_LONGEST_WAIT_S, max(_SHORTEST_WAIT_S, at - now))
    if "daily" in headers.get("X-RateLimit-Type", "").lower():
        today = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return max(_SHORTEST_WAIT_S, (today + timedelta(days=1)).timestamp() - now)
    return _SHORTEST_WAIT_S


def _wait_until(value: str | None, now: float) -> float | None:
    if not value:
        return None
    seconds = re.fullmatch(r"\s*(\d{1,9})(?:\.\d+)?\s*", value)
    if seconds:
        return now + int(seconds[1])
    at = moment(value)
    if at is None:
        try:
            at = email.utils.parsedate_to_datetime(value)
        except ValueError:
            return None
    return at.timestamp()


def _reset(headers: httpx.Headers, now: float) -> float | None:
    reset = whole_number(headers.get("X-RateLimit-Reset"))
    if reset is None:
        return None
    # A small number is a delay and a huge one is in milliseconds; both occur in practice.
    return now + reset if reset < 1_000_000 else reset / 1000 if reset > 10**11 else float(reset)


def _code_and_message(response: httpx.Response) -> tuple[int | None, str]:
    try:
        body = response.json()
    except (ValueError, RecursionError, httpx.ResponseNotRead):
        return None, ""
    if not isinstance(body, dict):
        return None, ""
    said = clean_text(body.get("message") or body.get("errorMessage") or body.get("reason"))
    return whole_number(body.get("code", body.get("errorCode"))), said[:_LONGEST_MESSAGE]
