"""Turns: so many runs at once, and the others in the order in which they came.

Waiting costs nothing: whoever gives a place back wakes the one that has waited longest.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

Run = tuple[str, int]
"""A call's id and the number of its run."""


class Closed(Exception):
    """There are no more turns, because the process is asked to end."""


class _Waiting:
    def __init__(self, run: Run) -> None:
        self.run = run
        self.is_over = threading.Event()


class Turns:
    """Places for runs. Thread-safe.

    Args:
        places: how many runs may have one at once.
        what: what a run waits for, such as "another call to be analysed".
    """

    def __init__(self, places: int, what: str = "other calls") -> None:
        self.what = what
        self._places = places
        self._lock = threading.Lock()
        self._holders: set[Run] = set()
        self._queue: deque[_Waiting] = deque()
        self._is_closed = False

    def take(self, run: Run, on_wait: Callable[[], None] = lambda: None) -> None:
        """Return when a run has a place, at once if it has one; `on_wait` is called if it waits.

        Raises:
            Closed: it gets none.
        """
        with self._lock:
            self._check_open()
            if run in self._holders:
                return
            if len(self._holders) < self._places:
                self._holders.add(run)
                return
            waiting = _Waiting(run)
            self._queue.append(waiting)
        try:
            on_wait()
        except BaseException:
            self._withdraw(waiting)
            raise
        waiting.is_over.wait()
        with self._lock:
            self._check_open()

    def give_back(self, run: Run) -> None:
        """Pass a run's place on to whoever has waited longest; do nothing if it has none."""
        with self._lock:
            if run not in self._holders:
                return
            self._holders.remove(run)
            if self._queue:
                following = self._queue.popleft()
                self._holders.add(following.run)
                following.is_over.set()

    def close(self) -> None:
        """Wake all that wait: they get no place."""
        with self._lock:
            self._is_closed = True
            while self._queue:
                self._queue.popleft().is_over.set()

    def _withdraw(self, waiting: _Waiting) -> None:
        with self._lock:
            if waiting in self._queue:
                self._queue.remove(waiting)
                return
        self.give_back(waiting.run)

    def _check_open(self) -> None:
        if self._is_closed:
            raise Closed
