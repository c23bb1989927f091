"""The progress of every run, written by the process that executes it and read by all."""

from __future__ import annotations

from sqlmodel import Session

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


def find(session: Session, call_id: str, run: int) -> Progress | None:
    """Return a run's progress, or None before its first step."""
    return session.get(Progress, (call_id, run), populate_existing=True)
