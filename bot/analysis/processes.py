"""The processes that analyse a service's calls: how many there are, and which call goes where."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from bot.analysis.child_process import ChildProcess
from bot.analysis.errors import AnalysisCrashed
from bot.analysis.job import Job, Progress
from bot.analysis.messages import Start
from bot.settings import Settings
from storage.files import MediaFiles

CALLS_PER_PROCESS = 20
"""Calls after which a process is replaced, so that what native libraries leak stays small. Loading
takes a few seconds, which is nothing beside the analysis of so many calls."""


@dataclass(slots=True, eq=False)
class _Member:
    """A process, how many calls it has begun, how many are in it, and whether it is for one."""

    process: ChildProcess
    begun: int = 0
    running: int = 0
    is_for_one: bool = False


class AnalysisProcesses:
    """Runs each call in a process that is kept for the next ones.

    On the processor, each call that is analysed has a process to itself. Any other device is shared
    by all calls, so that batches fill from several of them: then one process has them all. If that
    one dies, nobody knows whose fault it was, and each of its calls is tried again by itself.

    `shares_device` says which of the two it is; None leaves that to the device which is found.
    """

    def __init__(
        self,
        settings: Settings,
        files: MediaFiles,
        *,
        calls_per_process: int = CALLS_PER_PROCESS,
        shares_device: bool | None = None,
    ) -> None:
        self.files = files
        self._settings = settings
        self._start = Start(settings, files.root)
        self._calls_per_process = calls_per_process
        self._lock = threading.Lock()
        self._members: list[_Member] = []
        self._shares_device = bool(shares_device)
        self._device_decides = shares_device is None
        self._suspects: set[str] = set()
        self._is_closed = False
        self._until_s: float | None = None

    def start(self) -> None:
        """Start the first process and wait until it has loaded the models.

        Raises:
            InferenceError: the weights or the device cannot be used, or the process ended.
        """
        with self._lock:
            member = self._add(is_for_one=False)
        try:
            ready = member.process.wait_until_ready()
            if self._device_decides:
                self._shares_device = ready.shares_device
            member.process.memory_mb = self._memory_mb(member.is_for_one)
        except BaseException:
            self.close()
            raise

    def run(self, job: Job, progress: Progress, stop: threading.Event) -> None:
        """See `Analysis`."""
        member = self._take(job.call_id)
        try:
            member.process.run(job, progress, stop)
            self._suspects.discard(job.call_id)
        except AnalysisCrashed:
            if self._shares_device:
                self._suspects.add(job.call_id)
            raise
        finally:
            self._give_back(member)

    def hold_until(self, until_s: float) -> None:
        """Let all processes end at a time of `lasting_now_s`, unless a later one follows."""
        with self._lock:
            self._until_s = until_s
            for member in self._members:
                member.process.hold_until(until_s)

    def close(self) -> None:
        """End all processes, whatever they are doing."""
        with self._lock:
            self._is_closed = True
            members, self._members = self._members, []
        for member in members:
            member.process.close()

    def _take(self, call_id: str) -> _Member:
        with self._lock:
            self._members = [member for member in self._members if member.process.is_alive]
            is_for_one = self._shares_device and call_id in self._suspects
            fitting = (
                member
                for member in self._members
                if not member.is_for_one
                and member.begun < self._calls_per_process
                and (self._shares_device or not member.running)
            )
            member = None if is_for_one else next(fitting, None)
            if member is None:
                member = self._add(is_for_one)
            member.begun += 1
            member.running += 1
            return member

    def _memory_mb(self, is_for_one: bool) -> int:
        analysis = self._settings.analysis
        calls_at_once = analysis.workers if self._shares_device and not is_for_one else 1
        return analysis.max_memory_mb * calls_at_once

    def _add(self, is_for_one: bool) -> _Member:
        process = ChildProcess(self._start, self._memory_mb(is_for_one))
        member = _Member(process, is_for_one=is_for_one)
        if self._until_s is not None:
            process.hold_until(self._until_s)
        if self._is_closed:
            member.process.close()
        else:
            self._members.append(member)
        return member

    def _give_back(self, member: _Member) -> None:
        with self._lock:
            member.running -= 1
            is_used_up = member.is_for_one or member.begun >= self._calls_per_process
            if member.running or not is_used_up:
                return
            if member in self._members:
                self._members.remove(member)
        member.process.close()
