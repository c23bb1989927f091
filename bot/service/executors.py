"""Which processes work on this installation, and what a dead one left behind.

Every process holds a lock file in the data folder under its own name. A process that starts again
under its name finishes what it began. What a process began that does not come back is taken over by
another: its lock can be had, and nobody has touched the file for a while. Both must hold, because
locks do not cross every network file system and clocks may differ.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dbos import DBOS

log = logging.getLogger(__name__)

PREFIX = "executor-"
SUFFIX = ".lock"


class NameTaken(Exception):
    """Another process of this name is running on the same data folder."""


class Executor:
    """This process's place among those that work on the installation."""

    def __init__(self, data_dir: Path, name: str) -> None:
        self.name = name
        self._data_dir = data_dir
        self._path = data_dir / f"{PREFIX}{name}{SUFFIX}"

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold the name.

        Raises:
            NameTaken: two processes of one name would run the same step at once.
        """
        with self._path.open("w") as lock:
            if not _can_lock(lock.fileno()):
                raise NameTaken(
                    f"Another process named {self.name!r} is running on {self._data_dir}. "
                    "Stop it, or give this one a name of its own with RAPPORT_EXECUTOR_ID."
                )
            yield

    def touch(self) -> None:
        """Say that this process is alive."""
        os.utime(self._path)

    def abandoned(self, after_s: float) -> list[str]:
        """Names of the processes that are gone and were not alive for `after_s` seconds."""
        found = []
        for path in self._data_dir.glob(f"{PREFIX}*{SUFFIX}"):
            name = path.name.removeprefix(PREFIX).removesuffix(SUFFIX)
            if name == self.name or time.time() - path.stat().st_mtime < after_s:
                continue
            with path.open("r") as lock:
                if _can_lock(lock.fileno()):
                    found.append(name)
        return found

    def take_over(self, after_s: float) -> None:
        """Put what dead processes began back into the queue; the step they were in is repeated."""
        for name in self.abandoned(after_s):
            for left in DBOS.list_workflows(executor_id=name, status="PENDING", load_input=False):
                log.warning("taking over %s from %s, which is gone", left.workflow_id, name)
                DBOS.resume_workflow(left.workflow_id)


def _can_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
