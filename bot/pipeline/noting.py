"""What goes wrong after a call's summary was posted: a note of the call, and the time of a retry.

The notes are rows (`storage/delivery/notes.py`), so that they survive restarts; the schedule in
`bot/service/schedule.py` looks for those that are due.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from bot.monitoring.metrics import figures
from bot.pipeline.resources import Resources
from bot.pipeline.retry import advice, wait_until_later
from integrations.errors import AuthFailed, IntegrationError, Unavailable
from storage import calls
from storage.delivery import notes
from storage.engine import reading, transaction
from storage.errors import DatabaseDown, Missing, StorageError
from storage.schema.columns import utc_now

log = logging.getLogger(__name__)


def noting(
    resources: Resources,
    call_id: str,
    kind: str,
    do: Callable[[], str],
    left: Callable[[Exception], str],
    *,
    file_id: str = "",
    is_retry: bool,
) -> bool:
    """Do something after the summary was posted; an error becomes a note with the time of a retry.

    `do` returns "", or what is worth a note although it succeeded; `left` says after an error how
    things are now. Without `is_retry`, the tries are counted from the start.

    Returns:
        False if Slack did not respond.

    Raises:
        Missing: the call was deleted meanwhile.
        DatabaseDown: the database did not respond.
    """
    now = utc_now()
    with reading(resources.engine) as session:
        before = notes.find(session, call_id, kind, file_id) if is_retry else None
    try:
        done = do()
    except Exception as exc:  # The call's edge: the summary stands, so the call is done.
        figures.count_error(exc)
        is_gone = isinstance(exc, Missing) and _is_deleted(resources, call_id)
        if isinstance(exc, DatabaseDown) or is_gone or resources.stop.is_set():
            raise
        error = type(exc).__name__
        attempts = before.attempts if before is not None and before.error == error else 0
        wait_s = wait_until_later(exc, attempts)
        text = _text(call_id, exc, left(exc), wait_s)
        log.warning(
            "call %s: %s%s", call_id, text, f" Trying again in {wait_s:.0f} s." if wait_s else ""
        )
        with transaction(resources.engine) as session:
            notes.put(
                session, call_id, kind, file_id=file_id, text=text, error=error,
                attempts=attempts + 1, noted_at=before.noted_at if before is not None else now,
                retry_at=None if wait_s is None else utc_now() + timedelta(seconds=wait_s),
            )  # fmt: skip
        return not isinstance(exc, Unavailable)
    with transaction(resources.engine) as session:
        if done:
            notes.put(session, call_id, kind, text=done, noted_at=now, retry_at=None)
        else:
            notes.clear(session, call_id, kind, file_id)
    if before is not None:
        log.info("call %s: what was left to do is done (%s)", call_id, kind.replace("_", " "))
    return True


def _text(call_id: str, error: Exception, left: str, wait_s: float | None) -> str:
    if isinstance(error, (IntegrationError, StorageError)):
        said = str(error)
    else:
        log.error("call %s: unexpected error after it was posted", call_id, exc_info=error)
        said = f"Rapport failed ({type(error).__name__}); its log has the cause."
    fix = advice(error) if isinstance(error, AuthFailed) else ""
    end = "" if wait_s is not None else "Rapport has stopped trying."
    return " ".join(part for part in (said, left, fix, end) if part)


def _is_deleted(resources: Resources, call_id: str) -> bool:
    with reading(resources.engine) as session:
        try:
            calls.get_call(session, call_id)
        except Missing:
            return True
    return False


def is_due(resources: Resources, call_id: str, kind: str, file_id: str = "") -> bool:
    """Return whether something is left to do, and its next try is due."""
    with reading(resources.engine) as session:
        note = notes.find(session, call_id, kind, file_id)
    return note is not None and note.retry_at is not None and note.retry_at <= utc_now()
