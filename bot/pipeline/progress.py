"""How far a run is: its step and the share done, readable by every process."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bot.analysis.job import Progress
from bot.analysis.turns import Closed, Run, Turns
from bot.monitoring.log_format import about_call
from bot.pipeline.resources import Resources
from bot.pipeline.starts import counted
from storage import calls
from storage.calls import progress
from storage.engine import reading, transaction
from storage.errors import DatabaseDown, Missing, StorageError

log = logging.getLogger(__name__)

__all__ = ["Progress", "ShuttingDown", "note_wait", "reporting"]

SECONDS_BETWEEN_WRITES = 1.0


class ShuttingDown(BaseException):
    """The process is ending; the step stays unrecorded, so that the next start repeats it.

    Not an `Exception`, because the workflow engine would record that as the step's outcome.
    """


@contextmanager
def reporting(
    resources: Resources,
    call_id: str,
    run: int,
    step: str,
    turns: Turns | None = None,
    *,
    keep_turn: bool = False,
) -> Iterator[Progress]:
    """Mark a step as running, yield a callback for its progress, and log the outcome.

    With `turns`, the step waits for its turn first; only then it counts as started. Its place is
    given back at the end; with `keep_turn`, only after an error.

    Raises:
        StartedTooOften: the step was started several times, and each time the process died.
        ShuttingDown: instead of any error, once the process was asked to stop.
    """
    last_write = 0.0

    def write(share: float, detail: str) -> None:
        with transaction(resources.engine) as session:
            progress.record(session, call_id, run, step=step, share=share, detail=detail)

    def begin() -> None:
        with transaction(resources.engine) as session:
            calls.set_status(session, call_id, "running", run=run)
            progress.begin(session, call_id, run, step)

    def report(share: float, detail: str) -> None:
        nonlocal last_write
        if resources.stop.is_set():
            raise ShuttingDown
        now = time.monotonic()
        if now - last_write >= SECONDS_BETWEEN_WRITES:
            last_write = now
            try:
                write(share, detail)
            except DatabaseDown as exc:  # Progress is only informative; the step continues.
                log.warning("call %s: progress not written: %s", call_id, exc)

    with about_call(call_id, run):
        if resources.stop.is_set():
            raise ShuttingDown
        begin()
        started = time.monotonic()
        log.info("call %s run %d: %s …", call_id, run, step)
        try:
            with (
                _turn(turns, (call_id, run), report, keep_turn),
                counted(resources.engine, resources.running, call_id, run, step),
            ):
                if resources.stop.is_set():
                    raise ShuttingDown
                yield report
            resources.check()
            if _is_deleted(resources, call_id):
                raise Missing(f"The call {call_id} was deleted.")
        except Exception as exc:  # Raised again; at shutdown the next start repeats the step.
            if resources.stop.is_set():
                raise ShuttingDown from None
            if isinstance(exc, Missing) and _is_deleted(resources, call_id):
                # The step may have written after the call's folder was deleted.
                resources.files.delete_call(call_id)
                log.info("call %s was deleted while it was being processed", call_id)
            raise
        log.info(
            "call %s run %d: %s done in %.1f s", call_id, run, step, time.monotonic() - started
        )


@contextmanager
def _turn(turns: Turns | None, run: Run, report: Progress, keep: bool) -> Iterator[None]:
    if turns is None:
        yield
        return
    try:
        turns.take(run, lambda: report(0.0, f"waiting for {turns.what}"))
    except Closed:
        raise ShuttingDown from None
    try:
        yield
    except BaseException:
        turns.give_back(run)
        raise
    if not keep:
        turns.give_back(run)


def note_wait(resources: Resources, call_id: str, run: int, text: str) -> None:
    """Store with the step why its run is waiting. Failing is harmless: the log says it too."""
    try:
        with transaction(resources.engine) as session:
            where = progress.find(session, call_id, run)
            if where is not None:
                progress.record(
                    session, call_id, run, step=where.step, share=where.share, detail=text
                )
    except StorageError as exc:
        log.warning("call %s: progress not written: %s", call_id, exc)


def _is_deleted(resources: Resources, call_id: str) -> bool:
    with reading(resources.engine) as session:
        try:
            calls.get_call(session, call_id)
        except Missing:
            return True
    return False
