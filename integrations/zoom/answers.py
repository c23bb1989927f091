"""What Zoom's answers mean: one table from answers and httpx's errors to ours.

Every body of an error is `{"code": int, "message": str}`. The numbers matter more than the HTTP
status: 3301 also comes for a recording that is still being made, 124 is a token that ended, 4700
and 4711 are a token without a permission.
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
    """Give Zoom's own number of an error, None where the body has none."""
    return _code_and_message(response)[0]


def error_from(response: httpx.Response, what: str, now: float) -> IntegrationError:
    """Give the error that an answer other than success means.

    Args:
        what: what was asked, to complete "Zoom has no …" or "Zoom refused …": never a URL.
        now: seconds since 1970, against which waiting times are counted.
    """
    status = response.status_code
    code, said = _code_and_message(response)
    if status == 429:
        wait_s = retry_after_s(response.headers, now)
        return RateLimited(f"Zoom's rate limit is reached ({what}); wait {wait_s:.0f} s.", wait_s)
    if status >= 500:
        return Unavailable(f"Zoom has trouble of its own ({what}): HTTP {status}.")
    if code in _MISSING_SCOPE:
        named = _SCOPES.search(said)
        scope = named[1].strip() if named else "that this needs (Zoom does not say which)"
        return AuthFailed(
            f"Zoom refused {what}: the app lacks the scope {scope}. "
            "Add it to the app in the Zoom App Marketplace and activate the app again."
        )
    if status == 401 or code == TOKEN_ENDED:
        return AuthFailed(
            f"Zoom refused {what}: the access token is not valid. "
            "Check that the app is activated and its client ID and secret are right."
        )
    if code in _NOT_FOUND or status in (404, 410):
        return NotFound(f"Zoom has no {what} (any more, or not yet).")
    if status == 403 or code in _NO_PERMISSION:
        return AuthFailed(
            f"Zoom refused {what}: {said or 'no permission'} "
            'The app\'s owner needs the role permission "View the recording content".'
        )
    detail = f"code {code}: {said}" if code is not None else f"HTTP {status}"
    return UnexpectedResponse(f"Zoom answered {what} with {detail}")


def error_from_httpx(exc: Exception, what: str) -> IntegrationError:
    """Give the error that an exception of httpx means; its text is left out, it may hold a URL."""
    if isinstance(exc, httpx.UnsupportedProtocol | httpx.InvalidURL):
        return UnexpectedResponse(f"The address for {what} is no http or https URL.")
    if isinstance(exc, httpx.TimeoutException):
        return Unavailable(f"Zoom did not answer in time ({what}).")
    if isinstance(exc, httpx.DecodingError | httpx.TooManyRedirects):
        return UnexpectedResponse(f"Zoom's answer cannot be read ({what}): {type(exc).__name__}.")
    return Unavailable(f"The connection to Zoom broke ({what}): {type(exc).__name__}.")


def retry_after_s(headers: httpx.Headers, now: float) -> float:
    """Give how long Zoom wants us to wait, 1 s to a day.

    `Retry-After` comes in seconds, and for the daily limit as an ISO time; `X-RateLimit-Reset` is
    in seconds since 1970. Without any, the daily limit ends at midnight UTC, the others in 1 s.
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
    # A small number is a span, a huge one milliseconds: either has been seen in the wild.
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
