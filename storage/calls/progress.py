"""The progress of every run, written by the process that executes it and read by all."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import tuple_
from sqlmodel import Session, col, update

from storage.schema.columns import utc_now
from storage.schema.tables import Progress
from storage.schema.upsert import insert_or_update


def record(
    session: Session, call_id: str, run: int, *, step: str, share: float, detail: str = ""
) -> None:
    """Record the step a run is in and the share of that step that is done, 0–1.

    Raises:
        Missing: no such call (when the transaction maps its errors).
    """
    row = {
        "call_id": call_id, "run": run, "step": step, "share": min(max(share, 0.0), 1.0),
        "detail": detail, "updated_at": utc_now(),
    }  # fmt: skip
    session.exec(insert_or_update(session, Progress, row, ("call_id", "run")))


def begin(session: Session, call_id: str, run: int, step: str) -> None:
    """Record that a run is in a step, of which nothing is done.

    Raises:
        Missing: no such call (when the transaction maps its errors).
    """
    before = find(session, call_id, run)
    if before is not None and before.step != step:
        _set_starts(session, call_id, run, 0)
    record(session, call_id, run, step=step, share=0.0)


def count_start(session: Session, call_id: str, run: int) -> int:
    """Count a start of the step that a run is in; return how many have no end, this one included.

    Whoever else counts at the same time is counted too.
    """
    counted = session.exec(
        update(Progress)
        .where(col(Progress.call_id) == call_id, col(Progress.run) == run)
        .values(starts=Progress.starts + 1)
        .returning(col(Progress.starts))
        .execution_options(synchronize_session=False)
    ).all()
    return int(counted[0][0]) if counted else 1


def count_end(session: Session, call_id: str, run: int) -> None:
    """Note that the step that a run is in has ended: its starts so far no longer count."""
    _set_starts(session, call_id, run, 0)


def take_back(session: Session, runs: Collection[tuple[str, int]]) -> None:
    """Uncount the last start of the step that each of some runs (call, run) is in."""
    session.exec(
        update(Progress)
        .where(
            tuple_(col(Progress.call_id), col(Progress.run)).in_(list(runs)),
            col(Progress.starts) > 0,
        )
        .values(starts=Progress.starts - 1)
        .execution_options(synchronize_session=False)
    )


def _set_starts(session: Session, call_id: str, run: int, starts: int) -> None:
    session.exec(
        update(Progress)
        .where(col(Progress.call_id) == call_id, col(Progress.run) == run)
        .values(starts=starts)
        .execution_options(synchronize_session=False)
    )


def find(session: Session, call_id: str, run: int) -> Progress | None:
    """Return a run's progress, or None before its first step."""
    return session.get(Progress, (call_id, run), populate_existing=True)
