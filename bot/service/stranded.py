"""Starts again what counts as in progress but that the workflow engine does not know, or has ended.

That happens to calls whose databases are of different moments, as after restoring copies made by
hand, and where a process died between numbering a run and queuing it. Without this, such a call
would be `queued` or `running` for ever.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from dbos import DBOS, WorkflowStatus
from dbos import error as dbos_error

from bot.pipeline.resources import Resources
from bot.pipeline.workflow import CallPipeline
from storage import calls
from storage.engine import reading, transaction
from storage.errors import Missing, StorageError
from storage.schema.columns import utc_now
from storage.schema.tables import Call

log = logging.getLogger(__name__)

SETTLED = timedelta(minutes=1)
"""A run is queued a moment after it was numbered: younger ones are left alone."""
UNFINISHED = ["PENDING", "ENQUEUED", "DELAYED"]
"""The workflow engine's statuses of what it will go on with."""
REFRESH = "CallPipeline.refresh_call"
REPORT_AGAIN = "CallPipeline.retell_call"
GIVEN_UP = {
    "CANCELLED": "Its run was stopped. Analyse the call again, or delete it.",
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": "The process ended each time it worked on this call. Look "
    "for the reason in its log (memory is the usual one), then analyse the call again.",
}
"""Statuses of workflows that must not begin again by themselves, and what is kept as the reason."""


def restart_stranded(resources: Resources, pipeline: CallPipeline) -> None:
    """Start the runs of calls in progress that nobody would go on with, each once."""
    try:
        with reading(resources.engine) as session:
            active = calls.active_calls(session, utc_now() - SETTLED)
        if not active:
            return
        ids = [f"{call.id}.{call.run}" for call in active]
        known = {
            found.workflow_id: found
            for found in DBOS.list_workflows(workflow_ids=ids, load_input=False, load_output=False)
        }
        for call in active:
            found = known.get(f"{call.id}.{call.run}")
            if found is None or found.status not in UNFINISHED:
                _restart(resources, pipeline, call, found)
    except StorageError as exc:  # The next tick tries again.
        log.warning("calls in progress could not be checked: %s", exc)


def _restart(
    resources: Resources, pipeline: CallPipeline, call: Call, found: WorkflowStatus | None
) -> None:
    others = DBOS.list_workflows(
        workflow_id_prefix=f"{call.id}.", status=UNFINISHED, load_input=False, load_output=False
    )
    if others:  # An earlier run is about to end, and starts this one itself.
        return
    run: int | None = call.run
    if found is not None:
        try:
            run = _number_again(resources, call, GIVEN_UP.get(found.status))
        except Missing:
            return  # deleted meanwhile
    if run is None:
        return
    log.warning(
        "call %s: the workflow engine %s run %d; starting run %d",
        call.id, "does not know" if found is None else "has ended", call.run, run,
    )  # fmt: skip
    try:
        _start(resources, pipeline, call, run, found.name if found is not None else None)
    except dbos_error.DBOSConflictingWorkflowError:
        return  # Somebody queued this run in the meantime.


def _number_again(resources: Resources, call: Call, given_up: str | None) -> int | None:
    """Number the next run of a call whose run has ended; None if there is nothing to start."""
    with transaction(resources.engine) as session:
        now = calls.lock_call(session, call.id)
        if now.run != call.run or now.status not in calls.ACTIVE:
            return None
        why = given_up or "Its run ended without a result."
        calls.set_status(session, call.id, "failed", run=call.run, failure=why)
        if given_up is None:
            return calls.begin_run(session, call.id)
    log.error("call %s run %d failed: %s", call.id, call.run, why)
    return None


def _start(
    resources: Resources, pipeline: CallPipeline, call: Call, run: int, name: str | None
) -> None:
    """Start a run that does what the call lacks, or what the ended run was for."""
    with reading(resources.engine) as session:
        files = calls.get_files(session, call.id)
    new = {file.file_type for file in files if file.state == "announced"}
    if name is None and call.series_path is not None and "MP4" not in new:
        # It was stored before: only what came since is left to do.
        name = REFRESH if "TRANSCRIPT" in new else REPORT_AGAIN if call.has_new_corrections else ""
    if name == REFRESH:
        pipeline.start_refresh(call.id, run)
    elif name == REPORT_AGAIN:
        pipeline.start_report_again(call.id, run)
    else:  # Whoever asked for another analysis of a stored call did so by hand.
        pipeline.start(call.id, run, by_hand=call.series_path is not None)
