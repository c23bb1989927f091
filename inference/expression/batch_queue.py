"""One queue in front of the device: crops of all calls in the process, classified in batches."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import TracebackType

import numpy as np

from inference.errors import Cancelled, DeviceOutOfMemory, InferenceError
from inference.schema.arrays import EXPRESSIONS, F32, U8

Classify = Callable[[U8], F32]


@dataclass(slots=True, eq=False)
class _Request:
    """One call to `submit`: its crops, how far they were handed out, and what came back."""

    crops: U8
    future: Future[F32]
    arrived_s: float
    taken: int = 0
    is_settled: bool = False
    done: list[F32] = field(default_factory=list)

    @property
    def left(self) -> int:
        return len(self.crops) - self.taken


@dataclass(frozen=True, slots=True)
class _Part:
    """A run of one request's crops inside a batch."""

    request: _Request
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """What a queue has done so far. A crop waits from `submit` until its batch begins."""

    batches: int = 0
    crops: int = 0
    waited_s: float = 0.0
    """Summed over the crops."""
    longest_wait_s: float = 0.0


class DeviceQueue:
    """Gathers crops from many threads into batches for the one thread that owns the device.

    A batch goes when `max_batch` crops wait or the oldest has waited `max_wait_s`. At most
    `max_pending` crops wait; `submit` blocks beyond that (a larger single request is let in
    alone). A batch that fails fails the futures in it and no other; one that does not fit into
    the device's memory is halved and tried again, and the smaller size is kept.
    """

    def __init__(
        self,
        classify: Classify,
        *,
        max_batch: int = 64,
        max_wait_s: float = 0.02,
        max_pending: int = 1024,
    ) -> None:
        if max_batch < 1 or max_pending < 1 or max_wait_s < 0:
            raise ValueError("max_batch and max_pending must be at least 1, max_wait_s at least 0")
        self._classify = classify
        self._max_batch = max_batch
        self._max_wait_s = max_wait_s
        self._max_pending = max_pending
        self._waiting: deque[_Request] = deque()
        self._pending = 0
        self._figures = QueueFigures()
        self._is_closed = False
        self._changed = threading.Condition()
        self._worker = threading.Thread(target=self._work, name="device-queue", daemon=True)
        self._worker.start()

    def __enter__(self) -> DeviceQueue:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(drain=error is None)

    @property
    def batch_size(self) -> int:
        """The largest batch that is tried: `max_batch` until the device's memory proved smaller."""
        return self._max_batch

    @property
    def pending(self) -> int:
        """Crops that wait for a batch."""
        with self._changed:
            return self._pending

    @property
    def figures(self) -> QueueFigures:
        """Batches, crops and waits so far."""
        return self._figures

    def submit(self, crops: U8) -> Future[F32]:
        """Queue crops of one frame or of many; blocks while too many wait.

        Args:
            crops: (N, H, W) uint8. N may be 0. They must not be changed until the future is done.

        Returns:
            A future of what `classify` returns for them, (N, K), in the same order. Cancelling it
            before its batch has begun takes its crops out of the queue.

        Raises:
            Cancelled: the queue is closed, or was closed while this waited.
        """
        if crops.ndim != 3 or crops.dtype != np.uint8:
            raise ValueError(f"crops must be (N, H, W) uint8, got {crops.shape} {crops.dtype}")
        future: Future[F32] = Future()
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self._is_closed
                    or not self._pending
                    or self._pending + len(crops) <= self._max_pending
                )
            )
            if self._is_closed:
                raise Cancelled("the device queue is closed")
            if len(crops) == 0:
                future.set_result(np.zeros((0, len(EXPRESSIONS)), np.float32))
                return future
            self._waiting.append(_Request(crops, future, time.monotonic()))
            self._pending += len(crops)
            self._changed.notify_all()
        return future

    def close(self, *, drain: bool = True) -> None:
        """End the worker thread; safe to call twice.

        Args:
            drain: classify what still waits first; otherwise it fails with `Cancelled`.
        """
        dropped: list[_Request] = []
        with self._changed:
            self._is_closed = True
            if not drain:
                self._drop_cancelled()
                dropped = [r for r in self._waiting if self._settle(r)]
                self._waiting.clear()
                self._pending = 0
            self._changed.notify_all()
        for request in dropped:
            if request.taken or request.future.set_running_or_notify_cancel():
                request.future.set_exception(Cancelled("the device queue was closed"))
        self._worker.join()

    def _work(self) -> None:
        while batch := self._next_batch():
            self._run(batch)

    def _next_batch(self) -> list[_Part]:
        """Wait for a batch to fill; an empty one means that the queue is closed and drained."""
        with self._changed:
            while True:
                self._drop_cancelled()
                if not self._waiting:
                    if self._is_closed:
                        return []
                    self._changed.wait()
                    continue
                rest_s = self._waiting[0].arrived_s + self._max_wait_s - time.monotonic()
                enough = min(self._max_batch, self._max_pending)
                if self._pending >= enough or rest_s <= 0 or self._is_closed:
                    if batch := self._take():
                        return batch
                    continue
                self._changed.wait(rest_s)

    def _drop_cancelled(self) -> None:
        gone = [r for r in self._waiting if not r.taken and r.future.cancelled()]
        for request in gone:
            request.future.set_running_or_notify_cancel()
            self._waiting.remove(request)
            self._pending -= request.left
        if gone:
            self._changed.notify_all()

    def _take(self) -> list[_Part]:
        """Crops for one batch, oldest first; all of one size, since they become one array."""
        parts: list[_Part] = []
        room = self._max_batch
        while self._waiting and room:
            request = self._waiting[0]
            if parts and request.crops.shape[1:] != parts[0].request.crops.shape[1:]:
                break
            if not request.taken and not request.future.set_running_or_notify_cancel():
                self._waiting.popleft()
                self._pending -= request.left
                continue
            count = min(room, request.left)
            parts.append(_Part(request, request.taken, request.taken + count))
            request.taken += count
            self._pending -= count
            room -= count
            if not request.left:
                self._waiting.popleft()
        self._changed.notify_all()
        if parts:
            self._note(parts)
        return parts

    def _note(self, parts: list[_Part]) -> None:
        now, so_far = time.monotonic(), self._figures
        waits = [(part.end - part.start, now - part.request.arrived_s) for part in parts]
        self._figures = QueueFigures(
            batches=so_far.batches + 1,
            crops=so_far.crops + sum(count for count, _ in waits),
            waited_s=so_far.waited_s + sum(count * wait_s for count, wait_s in waits),
            longest_wait_s=max(so_far.longest_wait_s, *(wait_s for _, wait_s in waits)),
        )

    def _run(self, parts: list[_Part]) -> None:
        try:
            crops = np.concatenate([p.request.crops[p.start : p.end] for p in parts])
            probs = self._classify_halving(crops)
        except Exception as exc:  # whatever it is belongs to those who wait for this batch
            self._fail_batch(parts, exc)
            return
        row = 0
        for part in parts:
            count = part.end - part.start
            part.request.done.append(probs[row : row + count])
            row += count
            with self._changed:
                is_last = part.end == len(part.request.crops) and self._settle(part.request)
            if is_last:
                part.request.future.set_result(np.concatenate(part.request.done))

    def _classify_halving(self, crops: U8) -> F32:
        results: list[F32] = []
        start = 0
        while start < len(crops):
            size = min(self._max_batch, len(crops) - start)
            try:
                probs = self._classify(crops[start : start + size])
            except DeviceOutOfMemory:
                if size == 1:
                    raise
                self._max_batch = size // 2
                continue
            if len(probs) != size:
                raise InferenceError(f"the classifier returned {len(probs)} rows for {size} crops")
            results.append(probs)
            start += size
        return np.concatenate(results)

    def _fail_batch(self, parts: list[_Part], error: Exception) -> None:
        with self._changed:
            failed = [part.request for part in parts if self._settle(part.request)]
            for request in failed:
                if request.left:
                    self._waiting.remove(request)
                    self._pending -= request.left
            self._changed.notify_all()
        for request in failed:
            request.future.set_exception(error)

    def _settle(self, request: _Request) -> bool:
        """Claim the right to finish a future, which only one thread may do. Needs the lock."""
        is_first = not request.is_settled
        request.is_settled = True
        return is_first
