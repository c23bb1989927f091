"""What the API may ask of the workflows: progress, a new run, a new report, and to stop."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from dbos import DBOS

from bot.pipeline.resources import Resources
from bot.pipeline.workflow import CallPipeline
from integrations.errors import NotFound
from storage import calls
from storage.calls import progress
from storage.engine import reading, transaction
from storage.errors import Missing


class PipelineControl:
    """Implements `WorkflowControl` with the call pipeline."""

    def __init__(self, resources: Resources, pipeline: CallPipeline) -> None:
        self._resources = resources
        self._pipeline = pipeline

    def status(self, workflow_id: str) -> WorkflowStatus | None:
        """Return where a run is, or None if there is no such run.

        A run that is not the call's current one has ended, so it is reported as done.
        """
        named = call_and_run(workflow_id)
        if named is None:
            return None
        call_id, run = named
        with reading(self._resources.engine) as session:
            try:
                call = calls.get_call(session, call_id)
            except Missing:
                return None
            where = progress.find(session, call_id, run)
        if run > call.run:
            return None
        status = call.status if run == call.run else "done"
        return WorkflowStatus(
            id=workflow_id,
            call_id=call_id,
            run=run,
            status=status,
            step=where.step if where else None,
            progress=1.0 if status == "done" else where.share if where else 0.0,
            detail=where.detail if where else "",
            error=call.failure if run == call.run else None,
        )

    def reanalyze(self, call_id: str) -> str:
        """Start a run that fetches the recording from Zoom again, or join the one in progress.

        Raises:
            Missing: there is no such call.
            Gone: Zoom no longer has the recording, or there is no Zoom app to ask for it.
            IntegrationError: Zoom did not answer.
        """
        with reading(self._resources.engine) as session:
            call = calls.get_call(session, call_id)
        if call.status == "done" and self._resources.zoom is None:
            raise Gone(
                f"The recording of call {call_id} was deleted here, and no Zoom app is set up to "
                "fetch it again: see `rapport check`."
            )
        if call.status not in calls.ACTIVE and self._resources.zoom is not None:
            try:
                self._resources.zoom.recording(call.zoom_uuid)
            except NotFound as exc:
                raise Gone(f"Zoom no longer has the recording of call {call_id}.") from exc
        with transaction(self._resources.engine) as session:
            run = calls.begin_run(session, call_id, force=True)
            current = calls.get_call(session, call_id).run
        if run is None:
            return f"{call_id}.{current}"
        return self._pipeline.start(call_id, run, by_hand=True)

    def report_again(self, call_id: str, run: int) -> str:
        """Queue the run that was numbered for a correction; queuing it twice has no effect."""
        return self._pipeline.start_report_again(call_id, run)

    def cancel(self, call_id: str) -> None:
        """Stop a call's current run, if it has one: no further step starts."""
        with reading(self._resources.engine) as session:
            call = calls.get_call(session, call_id)
        if call.run > 0 and call.status in calls.ACTIVE:
            DBOS.cancel_workflow(f"{call_id}.{call.run}")


class Gone(Exception):
    """Zoom no longer has the recording, so the call cannot be analysed again."""


@dataclass(frozen=True, slots=True)
class WorkflowStatus:
    """How far one run of a call is. `progress` is the share of the step that is done, 0–1."""

    id: str
    call_id: str
    run: int
    status: str
    """The call's status: "queued", "running", "waiting", "done", "failed" or "skipped"."""
    step: str | None = None
    progress: float | None = None
    detail: str = ""
    error: str | None = None


def call_and_run(workflow_id: str) -> tuple[str, int] | None:
    """Split a run's id, `{call_id}.{run}`, into call and number; None if it is not a run's id."""
    found = re.fullmatch(r"(.+)\.([1-9][0-9]{0,8})", workflow_id, re.ASCII | re.DOTALL)
    return (found[1], int(found[2])) if found else None


class WorkflowControl(Protocol):
    """Reads and starts the runs of calls."""

    def status(self, workflow_id: str) -> WorkflowStatus | None:
        """Return how far the run `{call_id}.{run}` is, or None if there is no such run."""
        ...

    def reanalyze(self, call_id: str) -> str:
        """Start the call's next run, or join the one in progress, and return its id.

        Raises:
            Gone: Zoom no longer has the recording.
            Missing: there is no such call.
        """
        ...

    def report_again(self, call_id: str, run: int) -> str:
        """Start the run that reports the call with people's corrections, and return its id."""
        ...

    def cancel(self, call_id: str) -> None:
        """Stop the run of a call that is about to be deleted; does nothing if none is running."""
        ...
