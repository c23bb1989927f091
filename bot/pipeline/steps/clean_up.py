"""Step 6: delete the media unless it is kept, and close the run."""

from __future__ import annotations

import logging

from bot.pipeline.resources import Resources
from storage import calls
from storage.engine import transaction
from storage.errors import Missing

log = logging.getLogger(__name__)


def finish_call(resources: Resources, call_id: str, run: int) -> tuple[int, bool | None] | None:
    """Delete the recording, mark the call done, and give the next run where one is waiting.

    Files that came while the call was being worked on, and corrections that people made after the
    scores were stored, are in none of its figures: the run that takes them up is begun here, in
    the same transaction, so that they cannot be missed.

    Returns:
        The number of that run, and whether video is among its files, None where it has none to
        fetch; or None where nothing came.
    """
    if not resources.settings.keep_recordings:
        freed = resources.files.delete_media(call_id)
        log.info("call %s: recording deleted, %.1f MB freed", call_id, freed / 1e6)
    with transaction(resources.engine) as session:
        files = calls.get_files(session, call_id)
        late = {file.file_type for file in files if file.state == "announced"}
        if not resources.settings.keep_recordings:
            for file in files:
                if file.path is not None:
                    calls.set_file(session, call_id, file.zoom_file_id, state="deleted")
        calls.set_status(session, call_id, "done", run=run)
        has_files = bool(late & {"MP4", "TRANSCRIPT"})
        if not has_files and not calls.get_call(session, call_id).has_new_corrections:
            return None
        next_run = calls.begin_run(session, call_id, force=True)
    return None if next_run is None else (next_run, "MP4" in late if has_files else None)


def fail_call(resources: Resources, call_id: str, run: int, reason: str) -> bool:
    """Keep why a call could not be analysed. Fetched files stay for the next try.

    Returns:
        False where the call was deleted meanwhile: then there is nothing to tell.
    """
    try:
        with transaction(resources.engine) as session:
            calls.set_status(session, call_id, "failed", run=run, failure=reason)
    except Missing:
        return False
    log.error("call %s run %d failed: %s", call_id, run, reason)
    return True
