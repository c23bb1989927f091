"""The process of an analysis: takes jobs from the service that started it, until that is gone.

    python -P -m bot.analysis.child SOCKET_FD TRACE_FD

It ignores SIGINT and SIGTERM, which a terminal or systemd sends to all processes of the service:
the service decides what ends. It also ends when the time is over that the service's lease is known
to last. When the other end of the socket is closed, for whatever reason, this
process exits at once.
"""

from __future__ import annotations

import ctypes
import faulthandler
import logging
import os
import pickle
import signal
import sys
import threading
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.analysis.job import AnalysisResources, Job
    from bot.analysis.messages import Start

OOM_SCORE = "500"
"""If memory runs out, Linux ends the process with the highest score, 0–1000: this one, and not the
service, whose score is 0 plus its share of the memory."""


def main() -> None:
    """Run until the service closes its end of the socket."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process
    socket_fd, trace_fd = (int(argument) for argument in sys.argv[1:])
    faulthandler.enable(trace_fd)
    with suppress(OSError):  # not Linux, or not allowed
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)
    with suppress(EOFError, OSError):  # The service is gone.
        _Child(Connection(socket_fd)).serve()
    os._exit(0)


class _Child:
    """The other end of `ChildProcess`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sending = threading.Lock()
        self._stops: dict[int, threading.Event] = {}

    def serve(self) -> None:
        """Take jobs, each in a thread of its own."""
        start = self._connection.recv()
        # Imported after the signals are set: loading takes seconds.
        from bot.analysis.messages import Cancel, HoldUntil, Ready, Run
        from storage.workers.clock import lasting_now_s

        self._log_to_the_service(start.settings.log_level)
        try:
            resources, shares_device = _load(start)
        except Exception as exc:  # The process's edge: the service raises it in the step.
            self._send(Ready(error=_portable(exc)))
            return
        self._send(Ready(shares_device))
        until_s: float | None = None
        while True:
            message = self._connection.recv()
            match message:
                case Run(number, job):
                    self._stops[number] = threading.Event()
                    threading.Thread(
                        target=self._run, args=(resources, number, job), name="analysis"
                    ).start()
                case HoldUntil():
                    until_s = message.until_s
                case Cancel(number):
                    if number in self._stops:
                        self._stops[number].set()
            # A later time may be among the messages that wait: those that came while the models
            # were loaded are past, and to read a job takes seconds on a busy computer.
            if until_s is not None and not self._connection.poll():
                # By the system, not by a thread: nothing here can delay it.
                signal.setitimer(signal.ITIMER_REAL, max(until_s - lasting_now_s(), 0.001))
                until_s = None

    def _run(self, resources: AnalysisResources, number: int, job: Job) -> None:
        from bot.analysis.messages import Ended, Reported

        def progress(share: float, text: str) -> None:
            self._send(Reported(number, share, text))

        error: Exception | None = None
        try:
            job.run(resources, progress, self._stops[number])
        except BaseException as exc:  # The service raises it again, and decides.
            error = _portable(exc)
        del self._stops[number]
        _return_free_memory()
        self._send(Ended(number, error))

    def _send(self, message: object) -> None:
        try:
            with self._sending:
                self._connection.send(message)
        except OSError:  # The service is gone: nobody would use the results.
            os._exit(0)

    def _log_to_the_service(self, level: str) -> None:
        from bot.analysis.messages import Logged

        child = self

        class ToTheService(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                child._send(Logged(record.name, record.levelno, self.format(record)))

        logging.basicConfig(level=level, handlers=[ToTheService()], format="%(message)s")


def _load(start: Start) -> tuple[AnalysisResources, bool]:
    """Return what jobs use, and whether the device is another one than the processor."""
    from bot.analysis.job import AnalysisResources
    from inference.expression.batch_queue import DeviceQueue
    from inference.expression.classifier import ExpressionClassifier
    from storage.files import MediaFiles

    analysis = start.settings.analysis
    classifier = ExpressionClassifier.load(analysis.weights, device=analysis.device, threads=1)
    queue = DeviceQueue(
        classifier.classify,
        max_batch=analysis.batch_size,
        max_wait_s=analysis.batch_wait_ms / 1000,
        max_pending=analysis.batch_size * 8,
    )
    files = MediaFiles(start.calls_folder)
    resources = AnalysisResources(files, queue, classifier.name)
    return resources, classifier.device != "cpu"


def _return_free_memory() -> None:
    """Return freed memory to the system; glibc holds on to up to 100 MB after a call."""
    with suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def _portable(error: BaseException) -> Exception:
    """Return the error as it can be sent: one that nobody foresaw has its traceback as a note."""
    from inference.errors import InferenceError
    from storage.errors import StorageError

    if isinstance(error, InferenceError | StorageError):
        return error
    sent = RuntimeError(f"{type(error).__name__}: {error}")
    if isinstance(error, Exception):
        with suppress(Exception):  # whatever its class does when it is pickled
            sent = pickle.loads(pickle.dumps(error))
    lines = traceback.format_exception(error)
    sent.add_note("In the process of the analysis:\n" + "".join(lines).rstrip())
    return sent


if __name__ == "__main__":
    main()
