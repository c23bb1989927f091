"""What the API asks of the workflows; the pipeline implements it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Gone(Exception):
    """Zoom no longer has the recording, so that it cannot be analysed again."""


@dataclass(frozen=True, slots=True)
class WorkflowStatus:
    """Where one run of a call stands. `progress` is the share of the step that is done, 0–1."""

    id: str
    call_id: str
    run: int
    status: str
    """The call's word for it: "queued", "running", "waiting", "done", "failed" or "skipped"."""
    step: str | None = None
    progress: float | None = None
    detail: str = ""
    error: str | None = None


class WorkflowControl(Protocol):
    """Reads and starts the runs of calls."""

    def status(self, workflow_id: str) -> WorkflowStatus | None:
        """Where a run, named `{call_id}.{run}`, stands; None where there is no such run."""
        ...

    def reanalyze(self, call_id: str) -> str:
        """Start the call's next run, or join the one that is going on, and give its id.

        Raises:
            Gone: Zoom no longer has the recording.
            Missing: there is no such call.
        """
        ...

    def cancel(self, call_id: str) -> None:
        """End what runs for a call that is about to be deleted; nothing running is no error."""
        ...
