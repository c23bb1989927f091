"""Asks for stored calls to be scored by another version; the running service then does it."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Engine

from bot.calls.record import read_evidence, write_evidence
from storage import calls
from storage.calls import corrections
from storage.engine import transaction
from storage.files import MediaFiles


class NotDone(Exception):
    """The call has no stored result that could be scored again; the message says why."""


def request_rescore(engine: Engine, files: MediaFiles, call_id: str, version: int) -> int | None:
    """Note the version by which a call is to be scored, and number the run that does so.

    The run is that of a correction: it scores what was kept, edits report and message, and asks
    neither Zoom nor the recording. What a setting blanked is gone and stays so.

    Returns:
        The number of the run, which the service starts within a minute; None if the call's figures
        follow that version already.

    Raises:
        Missing: there is no such call.
        NotDone: the call is in progress, or has no result.
        StorageError: the evidence is damaged, or the database did not respond.
    """
    with transaction(engine) as session:
        # Locked until the run has its number, so that no other run reads the evidence meanwhile.
        call = calls.lock_call(session, call_id)
        if call.status != "done" or call.series_path is None:
            raise NotDone(
                f"The call {call_id} is {call.status}; only one that is done has figures."
            )
        if call.scoring_version == version:
            return None
        path = files.resolve(call.series_path)
        write_evidence(path, replace(read_evidence(path), scoring_version=version))
        corrections.mark_due(session, call_id)
        return calls.begin_run(session, call_id, force=True)
