"""The faults that a stand-in can be told to produce, and its record of requests."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

FaultKind = Literal["status", "drop", "delay"]

KEPT_BODY_BYTES = 65_536
"""For longer request bodies, only the length is recorded."""


@dataclass
class Fault:
    """A fault that affects the next `times` requests below `path`.

    `status`: the request is refused with this HTTP status, with `retry_after` if given (seconds or
    a date, sent verbatim), and with the error code `error` if given (Slack only). `drop`: the
    request is handled, then the connection is cut after `after_bytes` of the response body; None
    cuts it before any byte of the response. `delay`: the request is handled after `seconds`. The
    first `skip` requests are not affected.
    """

    kind: FaultKind
    path: str = "/"
    times: int = 1
    skip: int = 0
    status: int = 503
    retry_after: str | None = None
    after_bytes: int | None = None
    seconds: float = 0.0
    error: str = ""

    def __post_init__(self) -> None:
        if self.kind not in ("status", "drop", "delay"):
            raise ValueError(f"Unknown fault {self.kind!r}: use status, drop or delay.")
        if self.times < 1 or self.skip < 0 or self.seconds < 0:
            raise ValueError(
                "A fault's times must be at least 1, and its skip and seconds must not be negative."
            )


class Faults:
    """The pending faults, in the order in which they were added. Thread-safe."""

    def __init__(self) -> None:
        self._pending: list[Fault] = []
        self._lock = threading.Lock()

    def status(
        self,
        path: str,
        status: int,
        *,
        times: int = 1,
        retry_after: str | int | None = None,
        skip: int = 0,
    ) -> None:
        """Refuse the next `times` requests whose path starts with `path`."""
        value = None if retry_after is None else str(retry_after)
        self.add(Fault("status", path, times, skip, status=status, retry_after=value))

    def refuse(self, path: str, error: str, *, times: int = 1, skip: int = 0) -> None:
        """Refuse the next `times` requests below `path` with an error code of Slack's, HTTP 200."""
        self.add(Fault("status", path, times, skip, status=200, error=error))

    def drop(
        self, path: str, *, times: int = 1, after_bytes: int | None = None, skip: int = 0
    ) -> None:
        """Handle the next `times` requests below `path`, and cut the connection midway."""
        self.add(Fault("drop", path, times, skip, after_bytes=after_bytes))

    def delay(self, path: str, seconds: float, *, times: int = 1, skip: int = 0) -> None:
        """Delay the next `times` requests below `path` before handling them."""
        self.add(Fault("delay", path, times, skip, seconds=seconds))

    def add(self, fault: Fault) -> None:
        """Queue a fault behind the pending ones."""
        with self._lock:
            self._pending.append(fault)

    def clear(self) -> None:
        """Discard all pending faults."""
        with self._lock:
            self._pending.clear()

    def take(self, path: str) -> Fault | None:
        """Return the fault for a request to `path`, using it once; None if there is none."""
        with self._lock:
            for fault in self._pending:
                if not path.startswith(fault.path):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    return None
                fault.times -= 1
                if fault.times <= 0:
                    self._pending.remove(fault)
                return fault
        return None

    def pending(self) -> list[dict[str, Any]]:
        """Return the pending faults as JSON values."""
        with self._lock:
            return [asdict(fault) for fault in self._pending]


@dataclass(frozen=True)
class RecordedRequest:
    """One request that a stand-in received. Header names are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    body_bytes: int = 0
    """Length of the body, also for bodies that are too long to keep."""

    def to_json(self) -> dict[str, Any]:
        """Return the request as JSON values, with its body as text."""
        return {
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "headers": dict(self.headers),
            "body": self.body.decode("utf-8", "replace"),
            "body_bytes": self.body_bytes,
        }


class RequestLog:
    """All requests in order of arrival. Thread-safe; iterates over a copy."""

    def __init__(self) -> None:
        self._requests: list[RecordedRequest] = []
        self._lock = threading.Lock()

    def add(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> None:
        """Record one request; for a long body, only its length is kept."""
        kept = body if len(body) <= KEPT_BODY_BYTES else b""
        with self._lock:
            self._requests.append(RecordedRequest(method, path, query, headers, kept, len(body)))

    def __iter__(self) -> Iterator[RecordedRequest]:
        with self._lock:
            return iter(list(self._requests))

    def __len__(self) -> int:
        with self._lock:
            return len(self._requests)

    def to(self, path: str) -> list[RecordedRequest]:
        """Return the requests whose path starts with `path`."""
        return [request for request in self if request.path.startswith(path)]

    def clear(self) -> None:
        """Discard all recorded requests."""
        with self._lock:
            self._requests.clear()
