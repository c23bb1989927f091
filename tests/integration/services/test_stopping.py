"""A signal ends the wait of the service wherever it arrives, and the process is gone in time."""

from __future__ import annotations

import subprocess
import sys
import time

from bot.service.stopping import StopRequest
from tests.places import ROOT

SIGNAL_AT_EVERY_LINE = """
import os, signal, sys, threading
from bot.service.stopping import StopRequest

for line in range(20):
    stop, passed = StopRequest(), 0
    signal.signal(signal.SIGTERM, lambda *_: stop.set())

    def trace(frame, event, argument):
        global passed
        if passed == line:
            os.kill(os.getpid(), signal.SIGTERM)
        passed += 1
        return trace

    late = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM))  # after the last line
    late.start()
    sys.settrace(trace)
    stop.wait()
    sys.settrace(None)
    late.cancel()
    late.join()
    print("stopped", flush=True)
"""

HANGING_CLEAN_UP = """
import threading
from bot.service import stopping

stopping.SECONDS_TO_EXIT = 0.2
stopping.exit_soon(3)
threading.Lock().acquire()
threading.Event().wait()
"""


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_a_signal_at_any_moment_of_the_wait_ends_it() -> None:
    ended = python(SIGNAL_AT_EVERY_LINE)
    assert ended.stdout.count("stopped") == 20, ended.stderr


def test_a_clean_up_that_hangs_does_not_keep_the_process() -> None:
    began = time.monotonic()
    assert python(HANGING_CLEAN_UP).returncode == 3
    assert time.monotonic() - began < 15


def test_many_requests_are_one() -> None:
    stop = StopRequest()
    for _ in range(100_000):  # more than a pipe holds
        stop.set()
    stop.wait()
