"""Step 6: delete the media unless it is kept, and close the run."""

from __future__ import annotations

import logging

from bot.pipeline.noting import is_due, noting
from bot.pipeline.resources import Resources
from storage import calls
from storage.engine import transaction
from storage.errors import Missing

log = logging.getLogger(__name__)


def finish_call(resources: Resources, call_id: str, run: int) -> tuple[int, bool | None] | None:
    """Delete the recording, mark the call done, and return the next run if one is due.

    Files that arrived while the call was being processed, and corrections made after the scores
    were stored, are not in its figures yet. The run that adds them is numbered here, in the same
    transaction, so that none can be missed.

    Returns:
        The number of that run, and whether its files include video (None if it has no files to
        fetch); or None if nothing new arrived.
    """
    _delete_recording(resources, call_id, is_retry=False)
    with transaction(resources.engine) as session:
        files = calls.get_files(session, call_id)
        late = {file.file_type for file in files if file.state == "announced"}
        calls.set_status(session, call_id, "done", run=run)
        has_files = bool(late & {"MP4", "TRANSCRIPT"})
        if not has_files and not calls.get_call(session, call_id).has_new_corrections:
            return None
        next_run = calls.begin_run(session, call_id, force=True)
    return None if next_run is None else (next_run, "MP4" in late if has_files else None)


def retry_clean_up(resources: Resources, call_id: str) -> None:
    """Try again to delete the recording of a call that is done."""
    if is_due(resources, call_id, "recording"):
        _delete_recording(resources, call_id, is_retry=True)


def _delete_recording(resources: Resources, call_id: str, *, is_retry: bool) -> None:
    """Delete the recording unless it is kept; what prevents it becomes a note of the call."""

    def delete() -> str:
        if resources.settings.keep_recordings:
            return ""
        freed = resources.files.delete_media(call_id)
        log.info("call %s: recording deleted, %.1f MB freed", call_id, freed / 1e6)
        with transaction(resources.engine) as session:
            for file in calls.get_files(session, call_id):
                if file.path is not None:
                    calls.set_file(session, call_id, file.zoom_file_id, state="deleted")
        return ""

    noting(
        resources,
        call_id,
        "recording",
        delete,
        lambda _: f"Delete the folder calls/{call_id}/media of the data folder by hand.",
        is_retry=is_retry,
    )


def fail_call(resources: Resources, call_id: str, run: int, reason: str) -> bool:
    """Store why a call could not be analysed. Fetched files stay for the next try.

    Returns:
        False if the call has been deleted in the meantime, so there is nothing to report.
    """
    try:
        with transaction(resources.engine) as session:
            calls.set_status(session, call_id, "failed", run=run, failure=reason)
    except Missing:
        return False
    log.error("call %s run %d failed: %s", call_id, run, reason)
    return True
