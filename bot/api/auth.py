"""Bearer keys: nothing under /api/v1 is readable without one, not even from loopback."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param
from sqlalchemy import Engine
from starlette.datastructures import Headers

from bot.api.problems import Problem
from storage.access import keys
from storage.engine import reading

bearer = HTTPBearer(
    auto_error=False, scheme_name="API key", description="A key made by `rapport keys add NAME`."
)

Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]


def require_key(engine: Engine) -> Callable[[Request, Credentials], str]:
    """Build the dependency that admits a request only with a valid key, and returns its name.

    Behind a proxy every caller looks local, so the caller's address is not considered. A key that
    was checked before the body was read (`Guard`) is not looked up again.
    """

    def key_name(request: Request, credentials: Credentials) -> str:
        checked: str | None = getattr(request.state, "key_name", None)
        return checked or _verified(engine, credentials.credentials if credentials else None)

    return key_name


def key_check(engine: Engine) -> Callable[[Headers], str]:
    """Build the check of a request's headers: it returns the key's name, or raises `Problem`."""

    def check(headers: Headers) -> str:
        scheme, token = get_authorization_scheme_param(headers.get("authorization"))
        return _verified(engine, token if scheme.lower() == "bearer" and token else None)

    return check


def _verified(engine: Engine, token: str | None) -> str:
    if token is None:
        raise Problem(
            401,
            "Send an API key: `Authorization: Bearer rpt_…` (made by `rapport keys add NAME`).",
            {"WWW-Authenticate": "Bearer"},
        )
    with reading(engine) as session:
        name = keys.verify(session, token)
    if name is None:
        raise Problem(
            401,
            "This API key is not valid; it may have been revoked.",
            {"WWW-Authenticate": 'Bearer error="invalid_token"'},
        )
    return name
