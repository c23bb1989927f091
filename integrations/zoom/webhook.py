"""Zoom's webhook deliveries: signature, URL validation, and the envelope around every event.

The signature covers the raw body bytes, so it is checked before anything is parsed. Zoom resends an
event that got no response (after 5, 25 and 85 minutes), and several subscriptions may include the
same event: parsing returns what was announced, not whether it is new.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from integrations.errors import UnexpectedResponse
from integrations.zoom.text import clean_text, whole_number

SIGNATURE_HEADER = "x-zm-signature"
TIMESTAMP_HEADER = "x-zm-request-timestamp"
URL_VALIDATION = "endpoint.url_validation"
RECORDING_COMPLETED = "recording.completed"
TRANSCRIPT_COMPLETED = "recording.transcript_completed"
TOKEN_FIELDS = ("download_token", "download_access_token")
"""What opens a recording's files: beside the payload, or in a recording itself."""


@dataclass(frozen=True, slots=True)
class ZoomEvent:
    """One webhook delivery, in Zoom's spelling; unknown events keep their name and object."""

    event: str
    event_ts: int
    """Milliseconds since 1970; 0 if the delivery has none."""
    account_id: str
    uuid: str | None
    """The meeting instance that the event is about; None for events without one."""
    download_token: str | None
    plain_token: str | None
    """The token to hash for `endpoint.url_validation`; None for every other event."""
    raw: Mapping[str, Any]
    """`payload.object`, or the whole payload if there is no object."""

    @property
    def sent_at(self) -> datetime | None:
        """When Zoom sent the event; None if the delivery does not say, or nonsense."""
        try:
            return datetime.fromtimestamp(self.event_ts / 1000, UTC) if self.event_ts > 0 else None
        except (ValueError, OverflowError, OSError):
            return None


def sign(body: bytes, timestamp: str, secret: str) -> str:
    """Compute the signature that Zoom sends with a body: "v0=" and 64 hexadecimal digits.

    Args:
        body: the raw bytes of the request.
        timestamp: the header `x-zm-request-timestamp`, verbatim.
        secret: the Secret Token of the event subscription.
    """
    message = b"v0:" + timestamp.encode("utf-8", "replace") + b":" + body
    return "v0=" + hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def is_signed(body: bytes, timestamp: str, signature: str, secret: str) -> bool:
    """Return whether Zoom signed this body, in constant time; always False for an empty secret."""
    if not secret:
        return False
    expected = sign(body, timestamp, secret)
    # Bytes, because compare_digest rejects non-ASCII text and a header may contain anything.
    return hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace"))


def answer_validation(plain_token: str, secret: str) -> dict[str, str]:
    """Build the JSON response to `endpoint.url_validation`, which Zoom sends every 72 hours."""
    digest = hmac.new(secret.encode(), plain_token.encode("utf-8", "replace"), hashlib.sha256)
    return {"plainToken": plain_token, "encryptedToken": digest.hexdigest()}


def timestamp_age_s(timestamp: str, now: float) -> float | None:
    """Return the age of a delivery's timestamp (negative if in the future); None if invalid."""
    seconds = whole_number(timestamp)
    return None if seconds is None else now - seconds


def holds_download_token(body: bytes) -> bool:
    """Return whether a body has a token in it, or merely the name of one: no body is parsed."""
    return any(name.encode() in body for name in TOKEN_FIELDS)


def without_download_tokens(body: bytes) -> bytes:
    """Return a body without the tokens that open recordings, wherever they are in it.

    The result is JSON again but no longer fits the signature. What is not JSON becomes empty: no
    call can come of it, and a token in it could not be found.
    """
    try:
        return json.dumps(_without(json.loads(body)), ensure_ascii=False).encode(
            "utf-8", "surrogatepass"
        )
    except (ValueError, RecursionError):
        return b""


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without(each) for k, each in value.items() if k not in TOKEN_FIELDS}
    return [_without(each) for each in value] if isinstance(value, list) else value


def parse_event(body: bytes) -> ZoomEvent:
    """Parse the envelope of a delivery whose signature was valid.

    Raises:
        UnexpectedResponse: not JSON, or a field that every event has is missing.
    """
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise UnexpectedResponse("The webhook's body is not JSON.") from exc
    if not isinstance(envelope, dict):
        raise UnexpectedResponse("The webhook's body is JSON but not an object.")
    event = clean_text(envelope.get("event"))
    if not event:
        raise UnexpectedResponse("The webhook names no event.")
    payload = envelope.get("payload")
    payload = {} if payload is None else payload
    if not isinstance(payload, dict):
        raise UnexpectedResponse(f"The payload of the webhook {event[:80]} is not an object.")
    about = payload.get("object")
    about = payload if about is None else about
    if not isinstance(about, dict):
        raise UnexpectedResponse(f'The "object" of the webhook {event[:80]} is not a JSON object.')
    plain_token = payload.get("plainToken")
    if event == URL_VALIDATION and not isinstance(plain_token, str):
        raise UnexpectedResponse("The URL validation carries no plainToken.")
    return ZoomEvent(
        event=event,
        event_ts=whole_number(envelope.get("event_ts")) or 0,
        account_id=clean_text(payload.get("account_id") or about.get("account_id")),
        # Most events call it `uuid`; RTMS and meeting summaries call it `meeting_uuid`.
        uuid=clean_text(about.get("uuid") or about.get("meeting_uuid")) or None,
        download_token=clean_text(envelope.get("download_token")) or None,
        plain_token=plain_token if isinstance(plain_token, str) else None,
        raw=about,
    )
