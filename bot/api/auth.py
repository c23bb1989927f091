"""Bearer keys: nothing under /api/v1 is readable without one, not even from loopback."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import Engine

from bot.api.problems import Problem
from storage.access import keys
from storage.engine import reading

bearer = HTTPBearer(
    auto_error=False, scheme_name="API key", description="A key made by `rapport keys add NAME`."
)

Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]


def require_key(engine: Engine) -> Callable[[Credentials], str]:
    """Build the dependency that admits a request only with a valid key, and returns its name.

    Behind a proxy every caller looks local, so the caller's address is not considered.
    """

    def key_name(credentials: Credentials) -> str:
        if credentials is None:
            raise Problem(
                401,
                "Send an API key: `Authorization: Bearer rpt_…` (made by `rapport keys add NAME`).",
                {"WWW-Authenticate": "Bearer"},
            )
        with reading(engine) as session:
            name = keys.verify(session, credentials.credentials)
        if name is None:
            raise Problem(
                401,
                "This API key is not valid; it may have been revoked.",
                {"WWW-Authenticate": 'Bearer error="invalid_token"'},
            )
        return name

    return key_name
