"""Jobs for processes of the analysis, which import them from here."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from bot.analysis.job import AnalysisResources, Progress
from inference.errors import Cancelled, UnreadableMedia


@dataclass(frozen=True, slots=True)
class Crash:
    """Ends its process: by a signal, by reading from address 0 (SIGSEGV), or with a status."""

    call_id: str
    by: signal.Signals | int
    once_there: str = ""
    """Waits until a file of this name, in the folder of the call, is there."""

    def run(self, resources: AnalysisResources, progress: Progress, stop: threading.Event) -> None:
        folder = resources.files.call_folder(self.call_id)
        (folder / "began").touch()
        while self.once_there and not (folder / self.once_there).exists():
            time.sleep(0.02)
        if self.by == signal.SIGSEGV:
            ctypes.string_at(0)
        if isinstance(self.by, signal.Signals):
            os.kill(os.getpid(), self.by)
        os._exit(self.by)


@dataclass(frozen=True, slots=True)
class Note:
    """Writes which process it runs in, and reports three times."""

    call_id: str

    def run(self, resources: AnalysisResources, progress: Progress, stop: threading.Event) -> None:
        for done in range(1, 4):
            progress(done / 3, f"{done} of 3")
        logging.getLogger("bot.calls.voices").info("call %s heard", self.call_id)
        (resources.files.call_folder(self.call_id) / "pid").write_text(str(os.getpid()))


@dataclass(frozen=True, slots=True)
class SlowToRead(Note):
    """A note that takes a second to arrive, as one that imports large libraries does."""

    def __reduce__(self) -> tuple[object, ...]:
        return _read_slowly, (self.call_id,)


def _read_slowly(call_id: str) -> SlowToRead:
    time.sleep(1.0)
    return SlowToRead(call_id)


@dataclass(frozen=True, slots=True)
class Wait:
    """Reports until it is told to stop, or until there is a file `end`; writes how it ended."""

    call_id: str

    def run(self, resources: AnalysisResources, progress: Progress, stop: threading.Event) -> None:
        folder = resources.files.call_folder(self.call_id)
        (folder / "pid").write_text(str(os.getpid()))
        while not (folder / "end").exists():
            progress(0.5, "waiting")
            if stop.wait(0.02):
                (folder / "cancelled").touch()
                raise Cancelled("told to stop")


@dataclass(frozen=True, slots=True)
class Grow:
    """Takes memory until somebody ends its process."""

    call_id: str

    def run(self, resources: AnalysisResources, progress: Progress, stop: threading.Event) -> None:
        taken: list[bytes] = []
        while len(taken) < 200:
            taken.append(b"x" * (20 << 20))
            time.sleep(0.02)


class _Unpicklable(ValueError):
    def __init__(self, one: str, other: str) -> None:
        super().__init__(f"{one} {other}")


@dataclass(frozen=True, slots=True)
class Fail:
    """Raises an error of each kind: one of ours, a foreign one, one that cannot be pickled."""

    call_id: str
    kind: str

    def run(self, resources: AnalysisResources, progress: Progress, stop: threading.Event) -> None:
        match self.kind:
            case "ours":
                raise UnreadableMedia(f"{Path('call.mp4')}: it is damaged")
            case "foreign":
                raise KeyError("unheard of")
            case _:
                raise _Unpicklable("cannot", "travel")
