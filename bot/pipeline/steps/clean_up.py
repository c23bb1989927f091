"""Step 6: delete the media unless it is kept, and close the run."""

from __future__ import annotations

import logging

from sqlmodel import Session

from bot.pipeline.noting import is_due, noting
from bot.pipeline.resources import Resources
from storage import calls
from storage.delivery import messages, notes
from storage.engine import transaction
from storage.errors import Missing
from storage.schema.columns import utc_now

log = logging.getLogger(__name__)


NextRun = tuple[int, bool | None]
"""The number of a run, and whether its files include video (None if it has no files to fetch)."""


def finish_call(resources: Resources, call_id: str, run: int) -> NextRun | None:
    """Delete the recording, mark the call done, and return the next run if one is due.

    Files that arrived while the call was being processed, and corrections made after the scores
    were stored, are not in its figures yet. The run that adds them is numbered here, in the same
    transaction, so that none can be missed.

    Returns:
        The run to start, or None if nothing new arrived.
    """
    _delete_recording(resources, call_id, is_retry=False)
    with transaction(resources.engine) as session:
        if calls.set_status(session, call_id, "done", run=run):
            notes.clear(session, call_id, "run")
        late = _late_files(session, call_id)
        if not late and not calls.get_call(session, call_id).has_new_corrections:
            return None
        return _next_run(session, call_id, late)


def _late_files(session: Session, call_id: str) -> set[str]:
    """Return the types of the files that no run has fetched."""
    files = calls.get_files(session, call_id)
    late = {file.file_type for file in files if file.state == "announced"}
    return late & {"MP4", "TRANSCRIPT"}


def _next_run(session: Session, call_id: str, late: set[str]) -> NextRun | None:
    number = calls.begin_run(session, call_id, force=True)
    return None if number is None else (number, "MP4" in late if late else None)


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


def fail_call(resources: Resources, call_id: str, run: int, reason: str) -> bool | NextRun:
    """Store why a run failed: with the call, or as a note if the call's summary was posted before.

    Without a summary the call has failed, and fetched files stay for the next try. With one it is
    done, as after a run that succeeds: its recording is deleted, and nothing is posted.

    Returns:
        True if the reason is to be posted, False if not; or the run to start now, which adds what
        arrived during the one that failed.
    """
    try:
        with transaction(resources.engine) as session:
            is_posted = messages.find(session, call_id, "message") is not None
            is_current = calls.get_call(session, call_id).run == run
            if not is_posted:
                calls.set_status(session, call_id, "failed", run=run, failure=reason)
        if is_posted:
            return is_current and _end_with_note(resources, call_id, run, reason)
    except Missing:  # The call was deleted meanwhile.
        return False
    log.error("call %s run %d failed: %s", call_id, run, reason)
    return True


def _end_with_note(resources: Resources, call_id: str, run: int, reason: str) -> bool | NextRun:
    text = (
        f"{reason} The summary was posted before that, and stays as it is. To try again: "
        f"POST /api/v1/calls/{call_id}/reanalyze."
    )
    log.warning("call %s run %d: %s", call_id, run, text)
    _delete_recording(resources, call_id, is_retry=False)
    with transaction(resources.engine) as session:
        has_failed_before = notes.find(session, call_id, "run") is not None
        if not calls.set_status(session, call_id, "done", run=run):
            return False
        notes.put(session, call_id, "run", text=text, noted_at=utc_now(), retry_at=None)
        call = calls.get_call(session, call_id)
        # What this run could not do would fail again at once, and so on for ever: files count only
        # if they came after it began, and corrections only once.
        late = _late_files(session, call_id) if call.has_new_files else set()
        if late or (call.has_new_corrections and not has_failed_before):
            return _next_run(session, call_id, late) or False
    return False
