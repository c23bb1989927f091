"""This process among those of the installation: its lease, and the takeover of dead ones' calls.

A process works under a name, and under an epoch that is new at each start. The workflow engine
knows it by both, so a run belongs to one start of one process. Whoever finds a run of a start that
holds no lease puts it back into the queue, which gives it to exactly one process; the engine then
accepts nothing more from the former one. A restart and a takeover are the same in this.

While it holds the lease, a process gives heartbeats. Every transaction begins with a look at the
lease (`storage.engine.set_fence`), and what is no transaction is preceded by `check`: a process
that was frozen comes back to find its lease gone, and ends.
"""

from __future__ import annotations

import fcntl
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, NoReturn
from urllib.parse import quote

import psutil
from dbos import DBOS
from sqlalchemy import Engine
from sqlmodel import Session

from storage.engine import set_fence, transaction
from storage.errors import LeaseLost, StorageError
from storage.schema.tables import Lease
from storage.workers import leases
from storage.workers.clock import lasting_now_s

log = logging.getLogger(__name__)

BEATS = 10
"""Heartbeats in the time after which a silent process loses its calls."""
TRUSTED = 0.5
"""Share of that time after a heartbeat in which a process may go on without asking the database;
what it began then has the rest of the time to end."""
PATIENCE = 2 / BEATS
"""Share of that time in which a process that was silent itself leaves others alone."""
SECONDS_BETWEEN_LOOKS = 1.0
"""While a process waits for its name."""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class NameTaken(Exception):
    """Another process with this name is running on the same database."""


class Executor:
    """This process, as one of those that work on the installation.

    Args:
        engine: the database, of which this becomes the one user in this process.
        data_dir: where lock files prove that a process of this computer is dead.
        name: the name to work under.
        takeover_s: seconds without a heartbeat before another process takes over the calls.
        on_lost: ends the process, given the reason.
    """

    def __init__(
        self,
        engine: Engine,
        data_dir: Path,
        name: str,
        takeover_s: float,
        on_lost: Callable[[str], NoReturn],
    ) -> None:
        self.name = name
        self._engine = engine
        self._data_dir = data_dir
        self._takeover_s = takeover_s
        self._on_lost = on_lost
        self._epoch = 0
        self._renewed_at = 0.0
        self._patient_until = 0.0
        self._first_seen: dict[tuple[str, int, datetime], float] = {}
        self._is_answered = True
        self._ends = threading.Event()
        self._listener: Callable[[float], None] = lambda until: None

    @property
    def id(self) -> str:
        """What the workflow engine calls this process; another one after each start."""
        return leases.executor_id(self.name, self._epoch)

    @contextmanager
    def hold(self, stopped: Callable[[float], bool]) -> Iterator[None]:
        """Hold the lease on this process's name, and renew it until the block ends.

        Args:
            stopped: waits for some seconds, and returns whether this process is asked to end.

        Raises:
            NameTaken: another process has the name, or may have it and the wait was ended.
        """
        self._await_name(stopped)
        with self._take():
            set_fence(self._engine, self._fence)
            beats = threading.Thread(target=self._beat_on, name="heartbeat", daemon=True)
            beats.start()
            try:
                yield
            finally:
                self.release()
                beats.join()
                set_fence(self._engine, None)

    def check(self) -> None:
        """Check that this process still holds its lease; returns at once after a heartbeat.

        Raises:
            DatabaseDown: nobody knows, because the database did not answer for a while.
            LeaseLost: it does not, where `on_lost` returns.
        """
        if lasting_now_s() - self._renewed_at > self._takeover_s * TRUSTED:
            self.beat()

    def beat(self) -> None:
        """Send a heartbeat; `check` does this when the last one is old."""
        sent_at = lasting_now_s()
        with transaction(self._engine, is_urgent=True) as session:
            leases.renew(session, self.name, self._epoch)
        if sent_at - self._renewed_at > self._takeover_s * TRUSTED:
            # What kept this one silent, such as a restart of the database, may have kept others.
            self._patient_until = sent_at + self._takeover_s * PATIENCE
        self._renewed_at = max(self._renewed_at, sent_at)
        self._listener(self._renewed_at + self._takeover_s)

    def tell_until(self, listener: Callable[[float], None]) -> None:
        """Call a function after each heartbeat with the time until which the lease is safe.

        The time is that of `lasting_now_s`.
        """
        self._listener = listener
        listener(self._renewed_at + self._takeover_s)

    def take_over(self) -> None:
        """Put the unfinished runs of processes without a lease back into the queue.

        Their last step is repeated, here or in another process.
        """
        self.end_silent()
        # First the runs, then the leases: whoever has a run had a lease before.
        runs = DBOS.list_workflows(status="PENDING", load_input=False, load_output=False)
        with transaction(self._engine) as session:
            alive = {
                leases.executor_id(seen.name, seen.epoch)
                for seen in leases.list_all(session)
                if seen.is_held
            }
        left: dict[str, list[str]] = {}
        for run in runs:
            if run.executor_id is not None and run.executor_id not in alive:
                left.setdefault(run.executor_id, []).append(run.workflow_id)
        for owner in [name for name in left if not self._is_of_earlier_version(name)]:
            log.warning("Taking over %s from %s, which is gone", ", ".join(left[owner]), owner)
            # Not `resume_workflow`: that would requeue a run which another process has taken over.
            DBOS._recover_pending_workflows([owner])

    def end_silent(self) -> None:
        """End the leases of processes that are silent; this one gives a heartbeat first.

        After the computer has slept, its own would be the oldest.
        """
        self.beat()
        if lasting_now_s() < self._patient_until:
            return
        with transaction(self._engine) as session:
            unchanged = self._unchanged(session)
            for seen in leases.end_silent(session, self._takeover_s, unchanged):
                log.warning(
                    "%s gave no heartbeat for %.0f s and loses its calls. If it comes back, it "
                    "ends itself.", seen.name, seen.heartbeat_age_s,
                )  # fmt: skip

    def _unchanged(self, session: Session) -> list[leases.Seen]:
        """Return the leases whose heartbeat has been the same for too long by the own clock.

        The database's clock does not show it after it went back.
        """
        now_s = lasting_now_s()
        held = [seen for seen in leases.list_all(session) if seen.is_held]
        keys = {(seen.name, seen.epoch, seen.heartbeat_at): seen for seen in held}
        self._first_seen = {key: self._first_seen.get(key, now_s) for key in keys}
        return [keys[key] for key, at in self._first_seen.items() if now_s - at > self._takeover_s]

    def release(self) -> None:
        """Release the lease, so that another process or the next start resumes unfinished runs."""
        self._ends.set()
        try:
            with transaction(self._engine, is_urgent=True) as session:
                leases.release(session, self.name, self._epoch)
        except LeaseLost:
            return
        except StorageError as exc:  # It expires.
            log.warning("The lease of %s could not be given back: %s", self.name, exc)

    def _await_name(self, stopped: Callable[[float], bool]) -> None:
        """Wait while nobody can say whether the holder of the name lives.

        After a reboot its lock proves nothing: only heartbeats tell it from one elsewhere.
        """
        silent_at = lasting_now_s() + self._takeover_s
        first: tuple[int, datetime] | None = None
        while True:
            with transaction(self._engine) as session:
                lease = leases.lock(session, self.name)
                if not lease.is_held or self._is_dead(session, lease):
                    return
                rest_s = self._takeover_s - leases.age_s(session, lease)
                seen = (lease.epoch, lease.heartbeat_at)
                if first in (None, seen) and lasting_now_s() > silent_at:
                    # The database's clock went back, but it has been silent all the same.
                    leases.release(session, self.name, lease.epoch)
                    return
            is_here = lease.computer == _computer() and _is_locked(self._lock_path(lease.epoch))
            if is_here or first not in (None, seen):
                raise self._taken()
            if first is None:
                log.warning(
                    "%r gave its last heartbeat on another computer, or before a reboot. Starting "
                    "in %.0f s unless it gives another.", self.name, rest_s,
                )  # fmt: skip
            first = seen
            if stopped(min(rest_s + 0.01, SECONDS_BETWEEN_LOOKS)):
                raise self._taken()

    @contextmanager
    def _take(self) -> Iterator[None]:
        if self._is_of_earlier_version(self.name):
            raise self._taken()
        asked_at = lasting_now_s()
        lock: IO[str] | None = None
        try:
            with transaction(self._engine) as session:
                lease = leases.lock(session, self.name)
                if lease.is_held and not self._is_dead(session, lease):
                    raise self._taken()
                # Before anybody can know of this epoch: no look at the lock can meet this.
                path = self._lock_path(lease.epoch + 1)
                lock = path.open("w")
                if not _can_lock(lock):
                    raise self._taken()
                self._epoch = leases.take(session, lease, _computer())
            self._renewed_at = asked_at
            self._remove_old_locks(path)
            yield
        finally:
            if lock is not None:
                lock.close()

    def _is_dead(self, session: Session, lease: Lease) -> bool:
        """Return whether the holder of a lease is silent, or provably gone from this computer."""
        if leases.age_s(session, lease) > self._takeover_s:
            return True
        if lease.computer != _computer():  # Locks of other computers may not be seen.
            return False
        return _is_locked(self._lock_path(lease.epoch)) is False

    def _taken(self) -> NameTaken:
        return NameTaken(
            f"Another process named {self.name!r} is running on this database. Stop it, or give "
            "this one its own name with RAPPORT_EXECUTOR_ID."
        )

    def _lock_path(self, epoch: int) -> Path:
        return self._data_dir / f"lease-{quote(self.name, safe='')}@{epoch}.lock"

    def _remove_old_locks(self, own: Path) -> None:
        for path in self._data_dir.glob(f"lease-{quote(self.name, safe='')}@*.lock"):
            if path != own:
                path.unlink(missing_ok=True)
        (self._data_dir / f"executor-{self.name}.lock").unlink(missing_ok=True)

    def _is_of_earlier_version(self, name: str) -> bool:
        """Return whether a process of a version without leases still runs under a name."""
        return _is_locked(self._data_dir / f"executor-{name}.lock") is True

    def _fence(self, session: Session) -> None:
        try:
            leases.check(session, self.name, self._epoch)
        except LeaseLost:
            if not self._ends.is_set():
                self._on_lost(
                    f"Another process has taken over the calls of {self.name}, which gave no "
                    f"heartbeat for {self._takeover_s:.0f} s. Nothing more was written; the "
                    "process ends, and can be started again."
                )
            raise

    def _beat_on(self) -> None:
        while not self._ends.wait(self._takeover_s / BEATS):
            try:
                self.beat()
            except StorageError as exc:
                if self._is_answered:
                    log.warning("No heartbeat could be given: %s", exc)
                self._is_answered = False
            except LeaseLost:
                return
            else:
                self._is_answered = True


def _is_locked(path: Path) -> bool | None:
    """Return whether a process holds a lock file, or None if there is no such file."""
    try:
        with path.open("r") as file:
            # Shared: several may look at once, and none takes the others for the holder.
            return not _can_lock(file, fcntl.LOCK_SH)
    except FileNotFoundError:
        return None


def _can_lock(file: IO[str], kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(file.fileno(), kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _computer() -> str:
    """Return what names this running system: all its containers share it, and its file locks."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:  # not Linux
        return f"{socket.gethostname()} {psutil.boot_time():.0f}"
