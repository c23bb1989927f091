"""API keys: random tokens, of which only the SHA-256 is stored.

A plain hash is enough for 256 random bits: no dictionary attack is possible.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence

from sqlmodel import Session, col, delete, select

from storage.errors import Missing
from storage.schema.columns import utc_now
from storage.schema.tables import ApiKey

PREFIX = "rpt_"
TOKEN_BYTES = 32


def create(session: Session, name: str) -> str:
    """Create a key and return its token, which cannot be read again.

    Raises:
        Duplicate: the name is taken (when the transaction maps its errors).
    """
    token = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    session.add(ApiKey(name=name, token_sha256=_digest(token), created_at=utc_now()))
    session.flush()
    return token


def verify(session: Session, token: str) -> str | None:
    """Return the name of the key that a token belongs to, or None if it is not valid."""
    # Looked up by digest, so that the time it takes reveals nothing about a token.
    query = select(ApiKey.name).where(col(ApiKey.token_sha256) == _digest(token))
    return session.exec(query).one_or_none()


def revoke(session: Session, name: str) -> None:
    """Delete a key; its token is refused from then on.

    Raises:
        Missing: no key has this name.
    """
    if not session.exec(delete(ApiKey).where(col(ApiKey.name) == name)).rowcount:
        raise Missing(f"There is no key named {name!r}.")


def list(session: Session) -> Sequence[ApiKey]:
    """Return all keys, sorted by name."""
    return session.exec(select(ApiKey).order_by(col(ApiKey.name))).all()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
