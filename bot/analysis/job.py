"""What is run in a process of the analysis, and what it finds there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from inference.expression.batch_queue import DeviceQueue
from storage.files import MediaFiles

Progress = Callable[[float, str], None]
"""Called with the share of the work that is done, 0–1, and a short text."""


@dataclass(frozen=True, slots=True)
class AnalysisResources:
    """What the jobs of a process share: the calls' files, and the queue in front of the device.

    `model` names the weights behind the queue.
    """

    files: MediaFiles
    queue: DeviceQueue
    model: str


class Job(Protocol):
    """Work on one call. It is pickled, so it holds plain values; its results go into files."""

    @property
    def call_id(self) -> str:
        """The call that it works on."""

    def run(self, resources: AnalysisResources, progress: Progress, stop: threading.Event) -> None:
        """Do the work. Any error ends it; once `stop` is set, with `Cancelled`."""


class Analysis(Protocol):
    """Where jobs are run."""

    def run(self, job: Job, progress: Progress, stop: threading.Event) -> None:
        """Run a job and return when it is done.

        Args:
            job: the work.
            progress: called from this thread. An error that it raises ends the job.
            stop: set it to end the job with `Cancelled` within a second or two.

        Raises:
            AnalysisCrashed: the process that ran the job ended in the middle of it.
            Exception: whatever the job raised.
        """

    def hold_until(self, until_s: float) -> None:
        """End what still runs at a time of `lasting_now_s`, unless a later one follows."""

    def close(self) -> None:
        """End what still runs."""


class AnalysisInProcess:
    """Runs jobs in the calling thread. A crash of a native library ends the whole process."""

    def __init__(self, resources: AnalysisResources) -> None:
        self._resources = resources

    def run(self, job: Job, progress: Progress, stop: threading.Event) -> None:
        """See `Analysis`."""
        job.run(self._resources, progress, stop)

    def hold_until(self, until_s: float) -> None:
        """Do nothing: the jobs are in the process that holds the lease."""

    def close(self) -> None:
        """Do nothing: jobs end with the threads that run them."""
