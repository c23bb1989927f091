"""One process of the analysis, as the service sees it: started, given jobs, watched, ended."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import select
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from copy import copy
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

from bot.analysis.errors import AnalysisCrashed, MemoryExceeded, crashed, name_of
from bot.analysis.job import Job, Progress
from bot.analysis.messages import (
    Cancel,
    Ended,
    HoldUntil,
    Logged,
    Ready,
    Reported,
    Run,
    Start,
)
from inference.errors import Cancelled
from storage.errors import DatabaseDown

log = logging.getLogger(__name__)

SOURCE = Path(__file__).resolve().parents[2]
"""The folder with the package `bot`: the process runs the same version as the service."""
ARENAS = "2"
"""How many pools of memory glibc keeps for the threads of a process. By default it is eight for
each core, and each keeps what pictures of earlier calls took."""
LOOK_EVERY_S = 0.5
"""Seconds between two looks at the memory of the process."""
STOP_EVERY_S = 0.2
"""Seconds between two looks at the stop flag."""
CANCEL_S = 10.0
"""A job that is cancelled ends within a second or two; after this long its process is killed."""


class ChildProcess:
    """A process that runs jobs, any number at once. Making one returns before it is loaded.

    `memory_mb` is the memory that it may take, resident, in MiB; 0 = any. It may be changed.

    Not forked: the service has threads, and a device cannot be used after a fork.
    """

    def __init__(self, start: Start, memory_mb: int) -> None:
        self.memory_mb = memory_mb
        self._sending = threading.Lock()
        self._changed = threading.Condition()
        self._jobs: dict[int, tuple[str, queue.SimpleQueue[Reported | Ended]]] = {}
        self._last_number = 0
        self._ready: Ready | None = None
        self._death: Exception | None = None
        self._is_closed = False
        self._is_too_large = False
        self._looked_at = 0.0
        ours, theirs = socket.socketpair()
        self._trace = tempfile.TemporaryFile()  # noqa: SIM115, it is open as long as the process
        fds = (theirs.fileno(), self._trace.fileno())
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "bot.analysis.child", *map(str, fds)],
                stdin=subprocess.DEVNULL,
                pass_fds=fds,
                env=_environment(),
            )
        self._connection = Connection(ours.detach())
        self._watched = psutil.Process(self._process.pid)
        self._listener = threading.Thread(target=self._listen, name="analysis-process", daemon=True)
        self._listener.start()
        self._send(start)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it can be given jobs."""
        with self._changed:
            return self._death is None and not self._is_closed

    def wait_until_ready(self) -> Ready:
        """Return what the process says when it has loaded the models.

        Raises:
            InferenceError: it cannot load them, or it ended before it did.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._ready is not None or self._death is not None)
            if self._death is not None:
                raise self._death
            assert self._ready is not None
            return self._ready

    def hold_until(self, until_s: float) -> None:
        """Let the process end at a time of `lasting_now_s`, unless a later one follows.

        Sends nothing to a process that has not read for long, as it would block: a heartbeat may
        not wait for a frozen process.
        """
        with contextlib.suppress(OSError), self._sending:  # The listener sees the death.
            room = select.poll()
            room.register(self._connection, select.POLLOUT)
            if room.poll(0):
                self._connection.send(HoldUntil(until_s))

    def run(self, job: Job, progress: Progress, stop: threading.Event) -> None:
        """Run a job; arguments and errors are those of `Analysis.run`."""
        number, messages = self._begin(job)
        is_cancelled = is_over = False
        try:
            while True:
                if stop.is_set() and not is_cancelled:
                    is_cancelled = True
                    self._send(Cancel(number))
                try:
                    message = messages.get(timeout=STOP_EVERY_S)
                except queue.Empty:
                    continue
                if isinstance(message, Reported):
                    progress(message.share, message.text)
                    continue
                is_over = True
                if message.error is not None:
                    raise message.error
                return
        finally:
            if not is_over:
                self._abandon(number, messages)
            with self._changed:
                del self._jobs[number]

    def close(self) -> None:
        """End the process and whatever it is doing."""
        with self._changed:
            self._is_closed = True
        self._process.kill()
        self._listener.join()

    def _begin(self, job: Job) -> tuple[int, queue.SimpleQueue[Reported | Ended]]:
        messages: queue.SimpleQueue[Reported | Ended] = queue.SimpleQueue()
        with self._changed:
            self._last_number += 1
            number = self._last_number
            self._jobs[number] = (job.call_id, messages)
            if self._death is not None:
                messages.put(Ended(number, copy(self._death)))
        self._send(Run(number, job))
        return number, messages

    def _abandon(self, number: int, messages: queue.SimpleQueue[Reported | Ended]) -> None:
        """Cancel a job whose caller has given up, and wait until the process has let go of it."""
        self._send(Cancel(number))
        deadline = time.monotonic() + CANCEL_S
        try:
            while not isinstance(messages.get(timeout=deadline - time.monotonic()), Ended):
                pass
        except (queue.Empty, ValueError):  # a time that has passed is a ValueError
            log.warning("The analysis process %d did not stop, and is killed", self.pid)
            self._process.kill()

    def _send(self, message: Start | Run | Cancel) -> None:
        with contextlib.suppress(OSError), self._sending:  # The listener sees the death.
            self._connection.send(message)

    def _listen(self) -> None:
        with contextlib.suppress(EOFError, OSError):
            while self._process.poll() is None or self._connection.poll():
                if self._connection.poll(LOOK_EVERY_S):
                    self._receive(self._connection.recv())
                self._look_at_memory()
        self._note_death(self._process.wait())

    def _receive(self, message: Ready | Reported | Ended | Logged) -> None:
        match message:
            case Ready():
                with self._changed:
                    self._ready = message
                    self._death = message.error
                    self._changed.notify_all()
            case Logged(logger, level, text):
                logging.getLogger(logger).log(level, "%s", text)
            case Reported() | Ended():
                with self._changed:
                    if message.number in self._jobs:
                        self._jobs[message.number][1].put(message)

    def _look_at_memory(self) -> None:
        now = time.monotonic()
        if not self.memory_mb or now - self._looked_at < LOOK_EVERY_S:
            return
        self._looked_at = now
        with contextlib.suppress(psutil.Error):
            if self._watched.memory_info().rss > self.memory_mb << 20:
                self._is_too_large = True
                self._process.kill()

    def _note_death(self, status: int) -> None:
        with self._sending:  # Nobody may write into a file that has its number next.
            self._connection.close()
        with self._trace:
            self._trace.seek(0)
            trace = self._trace.read().decode(errors="replace").rstrip()
        death = self._reason(status)
        if isinstance(death, AnalysisCrashed):
            with self._changed:
                calls = sorted({call_id for call_id, _ in self._jobs.values()})
            log.warning(
                "The analysis process %d ended (%s); calls in it: %s%s",
                self.pid, name_of(status), ", ".join(calls) or "none", trace and f"\n{trace}",
            )  # fmt: skip
        with self._changed:
            self._death = self._death or death
            for number, (_, messages) in self._jobs.items():
                # Each caller raises an error of its own: their tracebacks would mix.
                messages.put(Ended(number, copy(self._death)))
            self._changed.notify_all()

    def _reason(self, status: int) -> Exception:
        if self._is_closed:
            return Cancelled("the analysis process was closed")
        if self._is_too_large:
            return MemoryExceeded(
                f"The analysis took more than {self.memory_mb} MB of memory, which "
                "RAPPORT_ANALYSIS__MAX_MEMORY_MB allows."
            )
        if status == -signal.SIGALRM:
            return DatabaseDown(
                "The database did not answer for so long that the analysis was stopped."
            )
        return crashed(status)


def _environment() -> dict[str, str]:
    paths = [str(SOURCE), os.environ.get("PYTHONPATH", "")]
    if Path(sysconfig.get_path("purelib")).resolve() == SOURCE:
        del paths[0]  # Installed packages are found anyway, and must not precede Python's own.
    given = {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}
    return {"MALLOC_ARENA_MAX": ARENAS} | os.environ | given
