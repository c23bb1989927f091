"""The base of both stand-ins: an HTTP server in a thread, which fails when it is told to."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from bot.demo.stand_ins.faults import Fault, Faults, RequestLog

START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 5.0

Connections = dict[tuple[str, int], asyncio.Transport]
"""Open connections by client address, so that a fault can cut one."""


class LocalServer:
    """An ASGI app on 127.0.0.1, served from a thread until `stop`.

    The port is bound by the constructor, so `base_url` is known before `start`.
    """

    def __init__(
        self, app: ASGIApp, *, port: int = 0, connections: Connections | None = None
    ) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            app,
            http=_tracking_protocol({} if connections is None else connections),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="stand-in", daemon=True)

    @property
    def base_url(self) -> str:
        """URL of the server, without a trailing slash."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start serving; return once the server responds.

        Raises:
            TimeoutError: the server did not start in time.
        """
        self._thread.start()
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise TimeoutError(f"The stand-in did not start on port {self.port}.")
            time.sleep(0.005)  # uvicorn only sets a flag when it has started

    def stop(self) -> None:
        """Stop the server and its thread. A second call does nothing."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(STOP_TIMEOUT_S)
        self._socket.close()

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])


def _tracking_protocol(connections: Connections) -> type[H11Protocol]:
    """uvicorn's HTTP protocol, which also records each open connection in `connections`.

    ASGI gives an app no way to cut its own connection, which is what a fault needs to do.
    """

    class TrackingProtocol(H11Protocol):
        # uvicorn narrows the argument of asyncio's own protocol, so this must too.
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            connections[transport.get_extra_info("peername")] = transport

        def connection_lost(self, exc: Exception | None) -> None:
            connections.pop(self.transport.get_extra_info("peername"), None)
            super().connection_lost(exc)

    return TrackingProtocol


class StandIn(ABC):
    """A service on 127.0.0.1 that stands in for the real one; a context manager.

    `faults` holds what goes wrong next, `requests` the requests received. Both are available to
    other processes: `POST /_faults` (one fault as JSON, see `Fault`), `GET` and `DELETE /_faults`,
    and `GET /_requests`.
    """

    def __init__(self, routes: list[BaseRoute], *, port: int = 0) -> None:
        self.faults = Faults()
        self.requests = RequestLog()
        connections: Connections = {}
        own_routes = [
            Route("/_faults", self._post_fault, methods=["POST"]),
            Route("/_faults", self._list_faults, methods=["GET"]),
            Route("/_faults", self._clear_faults, methods=["DELETE"]),
            Route("/_requests", self._list_requests, methods=["GET"]),
        ]
        app = Starlette(
            routes=[*own_routes, *routes],
            exception_handlers={HTTPException: self._unknown_path},
        )
        self._server = LocalServer(
            _FaultyApp(app, self, connections), port=port, connections=connections
        )

    @property
    def base_url(self) -> str:
        """URL of the stand-in, without a trailing slash."""
        return self._server.base_url

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._server.port

    def start(self) -> None:
        """Start serving, in a separate thread."""
        self._server.start()

    def stop(self) -> None:
        """Stop serving. A second call does nothing."""
        self._server.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @abstractmethod
    def fault_response(self, fault: Fault) -> Response:
        """Build the response to a refused request, in the service's own format."""

    @abstractmethod
    def unknown_path_response(self, status: int) -> Response:
        """Build the response to an unknown path or method, in the service's own format."""

    def apply_command(self, command: dict[str, Any]) -> bool:
        """Apply a service-specific fault from `POST /_faults`; return False if it is unknown."""
        return False

    async def _post_fault(self, request: Request) -> Response:
        try:
            command = json.loads(await request.body())
            if not self.apply_command(command):
                self.faults.add(Fault(**command))
        except (ValueError, TypeError, KeyError) as exc:
            return JSONResponse({"error": str(exc)}, 400)
        return JSONResponse({"ok": True})

    async def _list_faults(self, request: Request) -> Response:
        return JSONResponse(self.faults.pending())

    async def _clear_faults(self, request: Request) -> Response:
        self.faults.clear()
        return JSONResponse({"ok": True})

    async def _list_requests(self, request: Request) -> Response:
        return JSONResponse([recorded.to_json() for recorded in self.requests])

    async def _unknown_path(self, request: Request, exc: Exception) -> Response:
        status = exc.status_code if isinstance(exc, HTTPException) else 404
        return self.unknown_path_response(status)


class _FaultyApp:
    """ASGI middleware that records each request, applies the next fault, and passes on the rest."""

    def __init__(self, app: ASGIApp, stand_in: StandIn, connections: Connections) -> None:
        self._app = app
        self._stand_in = stand_in
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if path.startswith("/_"):
            await self._app(scope, receive, send)
            return
        body = await _read_body(receive)
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        query = scope["query_string"].decode("latin-1")
        self._stand_in.requests.add(scope["method"], path, query, headers, body)
        replay = _replay(body, receive)
        fault = self._stand_in.faults.take(path)
        if fault is None:
            await self._app(scope, replay, send)
        elif fault.kind == "status":
            await self._stand_in.fault_response(fault)(scope, replay, send)
        elif fault.kind == "delay":
            await asyncio.sleep(fault.seconds)
            await self._app(scope, replay, send)
        else:
            await self._drop(fault, scope, replay, receive, send)

    async def _drop(
        self, fault: Fault, scope: Scope, replay: Receive, receive: Receive, send: Send
    ) -> None:
        left = fault.after_bytes
        started: Message | None = None

        async def send_until_cut(message: Message) -> None:
            nonlocal left, started
            if left is None:
                return
            if message["type"] == "http.response.start":
                started = message
                return
            if started is not None:
                await send(started)
                started = None
            part = message.get("body", b"")[:left]
            left -= len(part)
            if part:
                await send({"type": "http.response.body", "body": part, "more_body": True})
            if left == 0:
                self._cut(scope)
                left = None

        await self._app(scope, replay, send_until_cut)
        self._cut(scope)
        while (await receive())["type"] != "http.disconnect":
            pass

    def _cut(self, scope: Scope) -> None:
        transport = self._connections.get(tuple(scope["client"]))
        if transport is not None:
            transport.close()


async def _read_body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            break
    return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that returns the already read body once more."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
