"""The HTTP server: uvicorn on its own thread, with limits on connections and on time.

Uvicorn closes idle connections but waits for ever for the rest of a request, and accepts
connections until the process has no file descriptors left. Hypercorn and granian have no limit per
address either. So a subclass of uvicorn's h11 protocol adds what is missing; it uses the callbacks
of `asyncio.Protocol` and h11's states, which are public, and little else.

A client that only waits never keeps others out: at a limit, the connection that has waited longest
for its client is closed in favour of the new one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import socket
import threading
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, ClassVar

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from bot.api.guard import TrustedProxies
from bot.api.problems import problem_response

log = logging.getLogger(__name__)

MOST_CONNECTIONS = 400
MOST_CONNECTIONS_PER_ADDRESS = 100
"""Browsers open six at a time. A trusted proxy has no limit of its own."""

CLOSED_AT_ONCE = 20
"""Connections closed to make room for one: finding the longest among hundreds takes time."""

HEADERS_TIMEOUT_S = 5.0
"""Time for a request's headers, from the connection or their first byte on. A proxy sends them at
once; the time for a body is in `bot/api/guard.py`."""

STALLED_TIMEOUT_S = 60.0
"""How long a response may wait for a client that does not read it."""

LINGER_S = 2.0
"""How long what a client still sends is discarded after its request was refused: closing at once
would reset the connection, and the client might never see the answer."""

ACCEPT_AT_ONCE = 64
"""Connections accepted in a row, before any of them is counted."""

BACKLOG = 1024
"""Connections that the operating system keeps waiting."""

LEAST_FILES = 4096
"""File descriptors to ask for: connections, databases, recordings and models share them."""

SECONDS_TO_STOP = 2
"""Time that open requests get to finish when the process is asked to stop."""


class HttpServer(uvicorn.Server):
    """Uvicorn on its own thread. `has_ended` is set when it stops, whatever the reason."""

    def __init__(
        self, app: FastAPI, listener: socket.socket, proxies: list[str], at_end: Callable[[], None]
    ) -> None:
        trusted = TrustedProxies(proxies)

        class Protocol(LimitedProtocol):
            proxies = trusted
            _at_once: ClassVar[Counter[str | None]] = Counter()

        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                loop="asyncio",
                http=Protocol,
                ws="none",
                backlog=ACCEPT_AT_ONCE,
                forwarded_allow_ips=proxies,
                timeout_graceful_shutdown=SECONDS_TO_STOP,
                server_header=False,
            )
        )
        self.has_ended = threading.Event()
        self._listener = listener
        self._at_end = at_end

    def start(self) -> None:
        """Serve on a thread until `should_exit` is set; an error is logged."""
        self._listener.listen(BACKLOG)
        threading.Thread(target=self._serve_on_thread, name="http", daemon=True).start()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to accept connections."""
        await super().startup(sockets)
        # asyncio uses one number for what it accepts in a row and for what may wait.
        self._listener.listen(BACKLOG)

    def _serve_on_thread(self) -> None:
        try:
            self.run(sockets=[self._listener])
        except Exception:  # The thread's outermost frame: the process exits with an error.
            log.exception("The HTTP server failed")
        finally:
            self.has_ended.set()
            self._at_end()


def open_listener(host: str, port: int) -> socket.socket:
    """Take the address, so that nobody else can; connections wait until a server starts.

    Raises:
        OSError: the address is not this computer's, or the port is taken.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = LEAST_FILES if hard == resource.RLIM_INFINITY else min(LEAST_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


class LimitedProtocol(H11Protocol):
    """One connection, which ends in time whatever its client does."""

    proxies: ClassVar[TrustedProxies]
    _at_once: ClassVar[Counter[str | None]]
    """Connections by address, over all of the server."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, if there is room or another one can make room."""
        lingering = _LingeringTransport(transport, self._is_in_the_middle)
        super().connection_made(lingering)  # type: ignore[arg-type]
        self._lingering = lingering
        self._since = self.loop.time()
        self._headers_timer: asyncio.TimerHandle | None = None
        self._stalled_timer: asyncio.TimerHandle | None = None
        self._address = self.proxies.client(self.client[0] if self.client else None)
        self._at_once[self._address] += 1
        if self._make_room():
            self._start_headers_timer()
        else:
            log.warning("connections refused: too many, all of them at work")
            self._refuse(503, "Too many connections: try again.")

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_headers_timer()
        self.resume_writing()
        self._at_once[self._address] -= 1
        if self._at_once[self._address] <= 0:
            del self._at_once[self._address]
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take the next bytes of a request, or discard them if its answer is already given."""
        if self._lingering.is_closing():
            return
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE or self._lingering.is_closing():
            self._stop_headers_timer()
        elif self._headers_timer is None:
            self._start_headers_timer()

    def pause_writing(self) -> None:
        """Limit the time that the client may take to read."""
        super().pause_writing()
        self._since = self.loop.time()
        self._stalled_timer = self.loop.call_later(STALLED_TIMEOUT_S, self._end_stalled)

    def resume_writing(self) -> None:
        """Let the response go on."""
        super().resume_writing()
        if self._stalled_timer is not None:
            self._stalled_timer.cancel()
            self._stalled_timer = None

    def on_response_complete(self) -> None:
        """Wait for the client's next request."""
        self._since = self.loop.time()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP request."""
        self._refuse(400, msg)

    def waiting_since(self) -> float | None:
        """Return since when the connection waits for its client, on the loop's clock; None if the
        client waits for us."""
        is_waiting = (
            self._lingering.is_closing()
            or self.conn.their_state in (h11.IDLE, h11.SEND_BODY)
            or self.flow.write_paused
        )
        return self._since if is_waiting else None

    def drop(self) -> None:
        """Close the connection at once."""
        self._stop_headers_timer()
        self.transport.abort()

    def _make_room(self) -> bool:
        """Close the connection that has waited longest, if this one is one too many.

        Returns:
            False if there is none to close.
        """
        too_many = len(self.connections) - MOST_CONNECTIONS
        is_own = self._at_once[self._address] > MOST_CONNECTIONS_PER_ADDRESS
        if self._address is not None and is_own:
            too_many = self._at_once[self._address] - MOST_CONNECTIONS_PER_ADDRESS
        elif too_many <= 0:
            return True
        waiting = [
            (since, id(each), each)
            for each in self.connections
            if isinstance(each, LimitedProtocol)
            and each is not self
            and not (is_own and each._address != self._address)
            and (since := each.waiting_since()) is not None
        ]
        for _, _, longest in sorted(waiting)[: max(too_many, CLOSED_AT_ONCE)]:
            log.warning("connections closed: too many, and these waited longest for their client")
            self.connections.discard(longest)  # its own callback comes in the loop's next turn
            longest.drop()
        return len(waiting) >= too_many

    def _is_in_the_middle(self) -> bool:
        """Return whether the client may still be sending a request."""
        return self.conn.their_state in (h11.SEND_BODY, h11.ERROR)

    def _start_headers_timer(self) -> None:
        self._since = self.loop.time()
        self._headers_timer = self.loop.call_later(HEADERS_TIMEOUT_S, self._end_late)

    def _stop_headers_timer(self) -> None:
        if self._headers_timer is not None:
            self._headers_timer.cancel()
            self._headers_timer = None

    def _end_late(self) -> None:
        log.warning("connections closed: a request's headers did not arrive in time")
        self._refuse(
            408, f"The request's headers did not arrive within {HEADERS_TIMEOUT_S:.0f} seconds."
        )

    def _end_stalled(self) -> None:
        log.warning("connections closed: the client does not read the response")
        self.drop()

    def _refuse(self, status: int, detail: str) -> None:
        """Answer outside of any route, and close."""
        self._stop_headers_timer()
        answer = problem_response(status, detail, {"Connection": "close"})
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()]
        lines += [name + b": " + value for name, value in answer.raw_headers]
        self.transport.write(b"\r\n".join([*lines, b"", bytes(answer.body)]))
        self._lingering.linger()


class _LingeringTransport:
    """A transport that, when it is closed in the middle of a request, first discards the rest."""

    def __init__(self, transport: asyncio.Transport, is_in_the_middle: Callable[[], bool]) -> None:
        self._transport = transport
        self._is_in_the_middle = is_in_the_middle
        self._is_lingering = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        return self._is_lingering or self._transport.is_closing()

    def close(self) -> None:
        if self._is_in_the_middle() and not self.is_closing():
            self.linger()
        else:
            self._transport.close()

    def linger(self) -> None:
        """Send what is written and the end of the stream, then discard what still comes."""
        self._is_lingering = True
        self._transport.resume_reading()
        with contextlib.suppress(OSError):  # the client is gone
            self._transport.write_eof()
        asyncio.get_running_loop().call_later(LINGER_S, self._transport.abort)
