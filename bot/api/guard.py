"""What every request passes before a route sees it: key, then size and time of its body.

A request without a valid key is answered before its body is read, and no route reads a body itself:
it is here that a client can send too much, too slowly, or go away in the middle.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.api.problems import SAFE_HEADERS, Problem, problem_response
from storage.errors import DatabaseDown

log = logging.getLogger(__name__)

API_PATH = "/api/v1"
WEBHOOK_PATH = "/webhooks/zoom"

LARGEST_BODY_BYTES = 1_000_000
"""No route takes uploads. Zoom's webhooks have a few kilobytes."""

BODY_TIMEOUT_S = 30.0
WEBHOOK_BODY_TIMEOUT_S = 5.0
"""Zoom gives up on a webhook after three seconds."""

SMALL_BODY_BYTES = 64_000
MOST_BODY_BYTES_AT_ONCE = 64_000_000
"""Memory for bodies beyond their first `SMALL_BODY_BYTES`, over all requests: anybody may send a
webhook, and small ones are never refused for want of memory."""

MOST_REQUESTS_PER_CLIENT = 100
"""Requests of one client at the same time."""


class TrustedProxies:
    """The addresses and networks whose `X-Forwarded-For` is believed.

    Behind a reverse proxy every connection has the proxy's address, so the proxy names the client
    (the HTTP server puts that name in place of its own) and has no limit itself.
    """

    def __init__(self, proxies: Iterable[str]) -> None:
        self._networks = tuple(ip_network(proxy) for proxy in proxies)
        self.client = lru_cache(maxsize=4096)(self._client)

    def _client(self, address: str | None) -> str | None:
        """Return the client that an address counts for; None for a proxy, which has no limit.

        One customer of a provider usually gets a whole IPv6 network of 64 bits: it is one client.
        """
        if not address:
            return None
        try:
            parsed = ip_address(address)
        except ValueError:
            return address  # a proxy may name a client by anything
        if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        if any(parsed in network for network in self._networks):
            return None
        if isinstance(parsed, IPv6Address):
            return str(ip_network((int(parsed), 64), strict=False))
        return str(parsed)


@dataclass(frozen=True)
class Checks:
    """What the headers alone decide, by the part of the service; each raises `Problem`."""

    key: Callable[[Headers], str]
    """Returns the name of the API key. Called in a thread: it reads the database."""
    webhook: Callable[[Headers], None]


class ClientGone(Exception):
    """The client closed the connection before its request was complete."""


class Guard:
    """ASGI middleware around the whole app.

    `refused` counts webhooks whose body was too large ("size") or too slow ("slow").
    """

    def __init__(
        self, app: ASGIApp, checks: Checks, proxies: TrustedProxies, refused: Counter[str]
    ) -> None:
        self._app = app
        self._checks = checks
        self._proxies = proxies
        self._refused = refused
        self._at_once: Counter[str] = Counter()
        self._large_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that may not pass; hand every other one on with its whole body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SAFE_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        peer = scope.get("client")
        client = self._proxies.client(peer[0] if peer else None)
        if client is not None:
            self._at_once[client] += 1
        held = _Held()
        try:
            await self._admit(scope, client)
            body = await self._body(scope, receive, held)
            await self._app(scope, _replay(body, receive), send_safely)
        except ClientGone:
            pass  # Nobody is left to answer, and nothing was done.
        except (Problem, DatabaseDown) as exc:
            await _answer(exc)(scope, receive, send_safely)
        finally:
            self._large_bytes -= held.large_bytes
            if client is not None:
                self._at_once[client] -= 1
                if self._at_once[client] <= 0:
                    del self._at_once[client]

    async def _admit(self, scope: Scope, client: str | None) -> None:
        """Decide by the headers alone.

        Raises:
            Problem: the request is refused.
            DatabaseDown: a key cannot be checked just now.
        """
        if client is not None and self._at_once[client] > MOST_REQUESTS_PER_CLIENT:
            log.warning("requests refused: too many at once from one address")
            raise Problem(
                429,
                f"At most {MOST_REQUESTS_PER_CLIENT} requests from one address at the same time.",
                {"Retry-After": "1"},
            )
        path: str = scope["path"]
        if path == API_PATH or path.startswith(API_PATH + "/"):
            name = await run_in_threadpool(self._checks.key, Headers(scope=scope))
            scope.setdefault("state", {})["key_name"] = name
        elif path == WEBHOOK_PATH and scope["method"] == "POST":
            self._checks.webhook(Headers(scope=scope))

    async def _body(self, scope: Scope, receive: Receive, held: _Held) -> bytes | None:
        """Return the whole body, or None if the request has none.

        Raises:
            Problem: it is too large or does not arrive in time.
            ClientGone: it breaks off.
        """
        headers = Headers(scope=scope)
        length = headers.get("content-length", "")
        if "transfer-encoding" not in headers and length in ("", "0"):
            return None
        is_webhook = scope["path"] == WEBHOOK_PATH
        limit_s = WEBHOOK_BODY_TIMEOUT_S if is_webhook else BODY_TIMEOUT_S
        body = bytearray()
        try:
            if length.isdecimal() and int(length[:20]) > LARGEST_BODY_BYTES:
                raise _TooLarge
            async with asyncio.timeout(limit_s):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientGone
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
                    if len(body) > LARGEST_BODY_BYTES:
                        raise _TooLarge
                    self._hold(held, len(body))
        except _TooLarge:
            if is_webhook:
                self._refused["size"] += 1
            log.warning("requests refused: the body is too large")
            raise Problem(
                413, f"A request may have a body of at most {LARGEST_BODY_BYTES} bytes."
            ) from None
        except TimeoutError:
            if is_webhook:
                self._refused["slow"] += 1
            log.warning("requests refused: the body did not arrive in time")
            raise Problem(
                408, f"The request's body did not arrive within {limit_s:.0f} seconds."
            ) from None
        return bytes(body)

    def _hold(self, held: _Held, size_bytes: int) -> None:
        """Count a body's memory.

        Raises:
            Problem: large bodies already take as much as they may.
        """
        large_bytes = max(0, size_bytes - SMALL_BODY_BYTES)
        self._large_bytes += large_bytes - held.large_bytes
        held.large_bytes = large_bytes
        if large_bytes and self._large_bytes > MOST_BODY_BYTES_AT_ONCE:
            log.warning("requests refused: too many large bodies at once")
            raise Problem(503, "Too many large requests at once.", {"Retry-After": "5"})


@dataclass
class _Held:
    """The bytes of one request's body that count as large."""

    large_bytes: int = 0


class _TooLarge(Exception):
    """The body has more bytes than any route takes."""


def _replay(body: bytes | None, receive: Receive) -> Receive:
    """Return a `receive` that gives a body that was already read, then what follows it."""
    if body is None:
        return receive
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay


def _answer(error: Problem | DatabaseDown) -> Response:
    """Return the response to a refused request; the connection ends with it."""
    close = {"Connection": "close"}  # the rest of the body may still be on its way
    if isinstance(error, DatabaseDown):
        return problem_response(503, str(error), {"Retry-After": "5", **close})
    return problem_response(error.status, error.detail, {**(error.headers or {}), **close})
