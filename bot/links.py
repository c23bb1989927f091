"""Links that open one call for a limited time, for people without an API key."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import jwt

from bot.settings import Settings

AUDIENCE = "rapport:call"
ALGORITHM = "HS256"


class LinkInvalid(Exception):
    """This service did not create the token."""


class LinkExpired(LinkInvalid):
    """This service created the token, but it has expired."""


def sign_link(call_id: str, secret: str, days: int, now: datetime | None = None) -> str:
    """Create a token for one call, valid for `days` days, to the end of the last one (UTC).

    All tokens of one day are identical, so that a repeated message is recognised as the same.
    """
    last = (now or datetime.now(UTC)).astimezone(UTC) + timedelta(days=days + 1)
    expires_at = last.replace(hour=0, minute=0, second=0, microsecond=0)
    claims = {"aud": AUDIENCE, "sub": call_id, "exp": expires_at}
    return jwt.encode(claims, _key(secret), algorithm=ALGORITHM)


def read_link(token: str, secret: str) -> str:
    """Return the id of the call that a token opens.

    Raises:
        LinkExpired: the token has expired.
        LinkInvalid: the token is not one of ours.
    """
    try:
        claims = jwt.decode(
            token,
            _key(secret),
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            options={"require": ["exp", "sub", "aud"]},
        )
    except jwt.ExpiredSignatureError as exc:
        raise LinkExpired("This link has expired.") from exc
    except (jwt.InvalidTokenError, ValueError) as exc:
        raise LinkInvalid("This link is not valid.") from exc
    return str(claims["sub"])


def page_link(settings: Settings, secret: str, call_id: str) -> str | None:
    """Return the URL of a call's page, or None if the service has no public URL."""
    if not settings.public_url:
        return None
    token = sign_link(call_id, secret, settings.link_days)
    return f"{settings.public_url.rstrip('/')}/c/{token}"


def _key(secret: str) -> bytes:
    # Always 256 bits, whatever the secret's length, and useless for anything else it may sign.
    return hashlib.sha256(f"{AUDIENCE}\n{secret}".encode()).digest()
