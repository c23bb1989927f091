"""Counts the starts of each step in the database, over all processes.

A call may kill the process that works on it. The next start, or another worker, would then try the
same step again and die too. After `MOST_STARTS` starts without an end the call fails instead.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Engine

from storage.calls import progress
from storage.engine import transaction
from storage.errors import StorageError

log = logging.getLogger(__name__)

MOST_STARTS = 3
"""Two for what has nothing to do with the call, such as a power cut or a kill by hand."""


class StartedTooOften(Exception):
    """A step was started `MOST_STARTS` times, and each time its process ended before it did."""


@dataclass(frozen=True, slots=True)
class RunningSteps:
    """The runs (call, run) of this process that are in a step.

    `unwritten` are those whose step has ended, but whose end could not be written.
    """

    current: set[tuple[str, int]] = field(default_factory=set)
    unwritten: set[tuple[str, int]] = field(default_factory=set)


@contextmanager
def counted(
    engine: Engine, running: RunningSteps, call_id: str, run: int, step: str
) -> Iterator[None]:
    """Count the start of a step; an error that leaves the block is an end.

    A step that ends well needs no end: the run's next step starts anew.

    Raises:
        StartedTooOften: it was started too often before.
    """
    key = (call_id, run)
    running.current.add(key)
    try:
        with transaction(engine) as session:
            if key in running.unwritten:
                progress.count_end(session, call_id, run)
            starts = progress.count_start(session, call_id, run)
        running.unwritten.discard(key)
        if starts > MOST_STARTS:
            raise StartedTooOften(
                f'Rapport\'s process ended {MOST_STARTS} times in the middle of the step "{step}" '
                "of this call, so it is not tried again."
            )
        try:
            yield
        except Exception:
            _end(engine, running, key)
            raise
    except Exception:
        running.current.discard(key)
        raise
    running.current.discard(key)  # Unless it was told to stop: `take_back` looks for those.


def take_back(engine: Engine, running: RunningSteps) -> None:
    """Uncount the starts of the steps in progress: the process was asked to end."""
    runs = list(running.current)
    if not runs:
        return
    try:
        with transaction(engine, is_urgent=True) as session:
            progress.take_back(session, runs)
    except StorageError as exc:
        log.warning("the steps in progress count as started: %s", exc)


def _end(engine: Engine, running: RunningSteps, key: tuple[str, int]) -> None:
    try:
        with transaction(engine) as session:
            progress.count_end(session, *key)
    except StorageError:  # The next start in this process makes up for it.
        running.unwritten.add(key)
