"""Removes what nothing needs any more: recordings of failed calls, and runs that ended long ago."""

from __future__ import annotations

import logging
from datetime import timedelta

from dbos import DBOS

from bot.pipeline.resources import Resources
from storage import calls
from storage.engine import reading, transaction
from storage.errors import Missing, StorageError
from storage.schema.columns import utc_now

log = logging.getLogger(__name__)

ENDED_RUNS_KEPT = timedelta(days=30)
"""How long the workflow engine remembers a run that has ended. Nothing reads it after that: what
the API says about a run comes from the call."""
ENDED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
PAGE = 200


def remove_leftovers(resources: Resources) -> None:
    """Remove both kinds; an error is logged, and the next tick tries again."""
    try:
        delete_failed_recordings(resources)
    except StorageError as exc:
        log.warning("recordings of failed calls stay for now: %s", exc)
    try:
        removed = forget_ended_runs()
    except Exception as exc:  # The engine raises its database's own errors.
        log.warning("the workflow engine could not forget ended runs: %s", type(exc).__name__)
        return
    if removed:
        log.info("the workflow engine forgot %d runs that ended long ago", removed)


def delete_failed_recordings(resources: Resources) -> int:
    """Delete the recordings of calls that failed long ago, and return how many calls had one.

    They go `RAPPORT_FAILED_MEDIA_DAYS` after the failure, unless recordings are kept anyway. The
    calls stay: another analysis fetches the recording from Zoom again.
    """
    settings = resources.settings
    if settings.keep_recordings or settings.failed_media_days == 0:
        return 0
    before = utc_now() - timedelta(days=settings.failed_media_days)
    with reading(resources.engine) as session:
        old = [call.id for call in calls.failed_calls(session, before)]
    deleted = 0
    for call_id in old:
        if not resources.files.media_folder(call_id, make=False).exists():
            continue
        # The lock keeps a new run from beginning while its files go.
        with transaction(resources.engine) as session:
            try:
                call = calls.lock_call(session, call_id)
            except Missing:
                continue
            if call.status != "failed" or call.updated_at >= before:
                continue
            freed = resources.files.delete_media(call_id)
            for file in calls.get_files(session, call_id):
                if file.path is not None:
                    calls.set_file(session, call_id, file.zoom_file_id, state="deleted")
        deleted += 1
        log.info(
            "call %s: it failed over %d days ago; recording deleted, %.1f MB freed",
            call_id, settings.failed_media_days, freed / 1e6,
        )  # fmt: skip
    return deleted


def forget_ended_runs() -> int:
    """Delete runs that ended from the workflow engine's tables; return how many.

    A run goes a month after it was queued, and only if it has ended by then.
    """
    before = (utc_now() - ENDED_RUNS_KEPT).isoformat()
    removed = 0
    while True:
        ended = DBOS.list_workflows(
            status=ENDED, end_time=before, limit=PAGE, load_input=False, load_output=False
        )
        if not ended:
            return removed
        DBOS.delete_workflows([run.workflow_id for run in ended])
        removed += len(ended)
