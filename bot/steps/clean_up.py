"""Step 6: delete the media unless it is kept, and close the run."""

from __future__ import annotations

import logging

from bot.parts import Parts
from storage import calls
from storage.engine import transaction

log = logging.getLogger(__name__)


def finish_call(parts: Parts, call_id: str, run: int) -> int | None:
    """Delete the recording, mark the call done, and give the next run where one is waiting.

    A transcript that came while the report was being made is in none of its figures: the run that
    takes it up is begun here, in the same transaction, so that it cannot be missed.
    """
    if not parts.settings.keep_recordings:
        freed = parts.files.delete_media(call_id)
        log.info("call %s: recording deleted, %.1f MB freed", call_id, freed / 1e6)
    with transaction(parts.engine) as session:
        files = calls.get_files(session, call_id)
        late = any(file.file_type == "TRANSCRIPT" and file.state == "announced" for file in files)
        if not parts.settings.keep_recordings:
            for file in files:
                if file.path is not None:
                    calls.set_file(session, call_id, file.zoom_file_id, state="deleted")
        calls.set_status(session, call_id, "done", run=run)
        return calls.begin_run(session, call_id, force=True) if late else None


def fail_call(parts: Parts, call_id: str, run: int, reason: str) -> None:
    """Keep why a call could not be analysed. Fetched files stay for the next try."""
    log.error("call %s run %d failed: %s", call_id, run, reason)
    with transaction(parts.engine) as session:
        calls.set_status(session, call_id, "failed", run=run, failure=reason)
