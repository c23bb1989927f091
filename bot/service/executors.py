"""The processes of this installation, and the takeover of calls from dead ones.

Every process holds a lock file in the data folder under its own name. A process that restarts under
the same name finishes what it started. If it does not come back, another process takes over its
calls once the lock is free and the file has not been touched for a while. Both are required,
because locks do not work across every network file system and clocks may differ.
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

from bot.monitoring.overview import LOCK_PREFIX, LOCK_SUFFIX

log = logging.getLogger(__name__)


class NameTaken(Exception):
    """Another process with this name is running on the same data folder."""


class Executor:
    """This process, as one of those that work on the installation."""

    def __init__(self, data_dir: Path, name: str) -> None:
        self.name = name
        self._data_dir = data_dir
        self._path = data_dir / f"{LOCK_PREFIX}{name}{LOCK_SUFFIX}"

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold the lock on this process's name.

        Raises:
            NameTaken: another process has the name; both would run the same steps at once.
        """
        with self._path.open("w") as lock:
            if not _can_lock(lock.fileno()):
                raise NameTaken(
                    f"Another process named {self.name!r} is running on {self._data_dir}. "
                    "Stop it, or give this one its own name with RAPPORT_EXECUTOR_ID."
                )
            yield

    def touch(self) -> None:
        """Record that this process is alive."""
        os.utime(self._path)

    def abandoned(self, after_s: float) -> list[str]:
        """Return the names of the processes that are gone and silent for `after_s` seconds."""
        found = []
        for path in self._data_dir.glob(f"{LOCK_PREFIX}*{LOCK_SUFFIX}"):
            name = path.name.removeprefix(LOCK_PREFIX).removesuffix(LOCK_SUFFIX)
            if name == self.name or time.time() - path.stat().st_mtime < after_s:
                continue
            with path.open("r") as lock:
                if _can_lock(lock.fileno()):
                    found.append(name)
        return found

    def take_over(self, after_s: float) -> None:
        """Requeue the unfinished workflows of dead processes; their last step is repeated."""
        for name in self.abandoned(after_s):
            for left in DBOS.list_workflows(executor_id=name, status="PENDING", load_input=False):
                log.warning("Taking over %s from %s, which is gone", left.workflow_id, name)
                DBOS.resume_workflow(left.workflow_id)


def _can_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
