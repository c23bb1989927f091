"""What the API asks of the workflows; the pipeline implements it."""

from __future__ import annotations

import re
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


def call_and_run(workflow_id: str) -> tuple[str, int] | None:
    """The call and the number in a run's name, `{call_id}.{run}`; None where it names no run."""
    found = re.fullmatch(r"(.+)\.([1-9][0-9]{0,8})", workflow_id, re.ASCII | re.DOTALL)
    return (found[1], int(found[2])) if found else None


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

    def retell(self, call_id: str, run: int) -> str:
        """Start a run that tells the call anew as people corrected it, and give its id."""
        ...

    def cancel(self, call_id: str) -> None:
        """End what runs for a call that is about to be deleted; nothing running is no error."""
        ...
