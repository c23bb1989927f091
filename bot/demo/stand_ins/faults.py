"""Faults that a stand-in can be told to show, and its record of what was asked of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

FaultKind = Literal["status", "drop", "delay"]

KEPT_BODY_BYTES = 65_536
"""Longer request bodies are recorded by their length alone."""


@dataclass
class Fault:
    """One thing that goes wrong for the next `times` requests below `path`.

    `status`: the request is refused with this HTTP status, and with `retry_after` where given
    (seconds or a date, as it stands). `drop`: the request is handled, then the connection is cut
    after `after_bytes` of the answer's body; None cuts it before any byte of the answer. `delay`:
    the request is handled after `seconds`. The first `skip` requests pass unharmed.
    """

    kind: FaultKind
    path: str = "/"
    times: int = 1
    skip: int = 0
    status: int = 503
    retry_after: str | None = None
    after_bytes: int | None = None
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in ("status", "drop", "delay"):
            raise ValueError(f"Unknown fault {self.kind!r}: use status, drop or delay.")
        if self.times < 1 or self.skip < 0 or self.seconds < 0:
            raise ValueError("A fault needs times of at least 1, and no negative skip or seconds.")


class Faults:
    """The faults still to come, in the order in which they were asked for. Thread-safe."""

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

    def drop(
        self, path: str, *, times: int = 1, after_bytes: int | None = None, skip: int = 0
    ) -> None:
        """Handle the next `times` requests below `path`, and cut the connection while answering."""
        self.add(Fault("drop", path, times, skip, after_bytes=after_bytes))

    def delay(self, path: str, seconds: float, *, times: int = 1, skip: int = 0) -> None:
        """Let the next `times` requests below `path` wait before they are handled."""
        self.add(Fault("delay", path, times, skip, seconds=seconds))

    def add(self, fault: Fault) -> None:
        """Queue a fault behind those that wait already."""
        with self._lock:
            self._pending.append(fault)

    def clear(self) -> None:
        """Forget every fault that has not happened yet."""
        with self._lock:
            self._pending.clear()

    def take(self, path: str) -> Fault | None:
        """The fault that befalls a request to `path` now, used up by one; None when all is well."""
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
        """The faults still to come, as JSON-able values."""
        with self._lock:
            return [asdict(fault) for fault in self._pending]


@dataclass(frozen=True)
class RecordedRequest:
    """One request that a stand-in got. Header names are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    body_bytes: int = 0
    """Length of the body; longer ones are not kept."""

    def to_json(self) -> dict[str, Any]:
        """The request as JSON-able values, its body as text."""
        return {
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "headers": dict(self.headers),
            "body": self.body.decode("utf-8", "replace"),
            "body_bytes": self.body_bytes,
        }


class RequestLog:
    """Every request in the order of arrival. Thread-safe; iterating gives a copy."""

    def __init__(self) -> None:
        self._requests: list[RecordedRequest] = []
        self._lock = threading.Lock()

    def add(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> None:
        """Record one request; a long body is dropped, its length kept."""
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
        """The requests whose path starts with `path`."""
        return [request for request in self if request.path.startswith(path)]

    def clear(self) -> None:
        """Forget every request so far."""
        with self._lock:
            self._requests.clear()
