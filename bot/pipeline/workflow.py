"""One recording, from Zoom's webhook to the Slack message. Read down.

Each step is a checkpoint: after a crash the workflow continues at the step it was in, and a
finished step is never repeated. Steps pass ids through the database, and media and series through
files. Nothing here knows HTTP, SQL or pixels: the steps' own modules do.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from typing import Any

from dbos import DBOS, DBOSConfiguredInstance, SetWorkflowID
from dbos import error as dbos_error

from bot.monitoring.log_format import about_call
from bot.monitoring.metrics import figures
from bot.monitoring.overview import TRYING_AGAIN
from bot.pipeline.progress import note_wait, reporting
from bot.pipeline.resources import Resources
from bot.pipeline.retry import Tries, advice
from bot.pipeline.starts import StartedTooOften
from bot.pipeline.steps import analyse, clean_up, fetch, notify, report, store
from bot.report.render import ReportFailed
from inference.errors import InferenceError
from integrations.errors import IntegrationError
from storage.errors import StorageError

log = logging.getLogger(__name__)

WORKFLOW_VERSION = "1"
"""Stored with every pending workflow. It does not change with the code, so that an upgrade finishes
the calls that the old version started; a changed order of steps is guarded by `DBOS.patch`."""

KNOWN = (IntegrationError, InferenceError, StorageError, ReportFailed, StartedTooOften)
"""Errors whose message is meant for people."""

QUEUE = "calls"
TRANSCRIPT_TOPIC = "transcript"


@DBOS.dbos_class("CallPipeline")
class CallPipeline(DBOSConfiguredInstance):
    """The durable workflows over a call. Built once per process, before `DBOS.launch()`.

    The engine finds workflows and steps by the names given here. These never change, so that a call
    that an earlier version started continues under them. Methods may be renamed.
    """

    def __init__(self, resources: Resources) -> None:
        super().__init__("pipeline")
        self.resources = resources

    # The workflows.

    @DBOS.workflow(name="CallPipeline.process_call")
    def process_call(self, call_id: str, run: int, by_hand: bool = False) -> None:
        """Process one recording: fetch, analyse, store, report, notify, clean up."""
        try:
            try:
                if not self._durably(self.fetch, call_id, run, by_hand):
                    return
                self._durably(self.analyse, call_id, run)
            finally:  # The next recording may be fetched.
                self.resources.on_disk.give_back((call_id, run))
            self._await_transcript(call_id, run)
            self._durably(self.store, call_id, run)
            self._durably(self.report, call_id, run)
            self._durably(self.notify, call_id, run)
            self._finish(call_id, run)
        except Exception as exc:  # The workflow's edge: the error is kept with the call.
            self._fail(call_id, run, exc)

    @DBOS.workflow(name="CallPipeline.refresh_call")
    def refresh_call(self, call_id: str, run: int) -> None:
        """Report a call again after a late transcript; the post is edited, not repeated."""
        try:
            self._durably(self.fetch_transcript, call_id, run)
            self._durably(self.store, call_id, run)
            self._durably(self.report, call_id, run)
            self._durably(self.notify, call_id, run)
            self._finish(call_id, run)
        except Exception as exc:  # The workflow's edge: the error is kept with the call.
            self._fail(call_id, run, exc)

    @DBOS.workflow(name="CallPipeline.retell_call")
    def report_again(self, call_id: str, run: int) -> None:
        """Report a call again after people corrected a name or a side; Zoom is not asked again."""
        try:
            self._durably(self.store, call_id, run)
            self._durably(self.report, call_id, run)
            self._durably(self.notify, call_id, run)
            self._finish(call_id, run)
        except Exception as exc:  # The workflow's edge: the error is kept with the call.
            self._fail(call_id, run, exc)

    def _finish(self, call_id: str, run: int) -> None:
        late = self._durably(self.clean_up, call_id, run)
        if late is not None:  # Files or corrections came while this run was working.
            self._start_next(call_id, *late)

    def _start_next(self, call_id: str, run: int, has_video: bool | None) -> None:
        if has_video is None:
            self.start_report_again(call_id, run)
        else:
            start = self.start if has_video else self.start_refresh
            start(call_id, run)

    def _await_transcript(self, call_id: str, run: int) -> None:
        wait_s = self._durably(self.transcript_wait_s, call_id, run)
        if wait_s > 0 and DBOS.recv(TRANSCRIPT_TOPIC, timeout_seconds=wait_s):
            self._durably(self.fetch_transcript, call_id, run)

    # The steps.

    @DBOS.step(name="CallPipeline.fetch")
    def fetch(self, call_id: str, run: int, by_hand: bool) -> bool:
        """Fetch the recording's files. False = the call is skipped; its row says why."""
        room = self.resources.on_disk
        with reporting(self.resources, call_id, run, "fetch", room, keep_turn=True) as progress:
            return fetch.fetch_call(self.resources, call_id, by_hand, progress)

    @DBOS.step(name="CallPipeline.analyse")
    def analyse(self, call_id: str, run: int) -> None:
        """Analyse video and audio, and write the evidence file."""
        turns = self.resources.analysing
        with reporting(self.resources, call_id, run, "analyse", turns) as progress:
            analyse.analyse_call(self.resources, call_id, progress)

    @DBOS.step(name="CallPipeline.transcript_wait_s")
    def transcript_wait_s(self, call_id: str, run: int) -> float:
        """Return how long the report waits for a transcript: 0 if it is here or not waited for."""
        return fetch.transcript_wait_s(self.resources, call_id)

    @DBOS.step(name="CallPipeline.fetch_transcript")
    def fetch_transcript(self, call_id: str, run: int) -> None:
        """Fetch a transcript that arrived after the recording."""
        with reporting(self.resources, call_id, run, "fetch") as progress:
            fetch.fetch_transcript(self.resources, call_id, progress)

    @DBOS.step(name="CallPipeline.store")
    def store(self, call_id: str, run: int) -> None:
        """Name, score and store: call, participants, windows, moments, words."""
        with reporting(self.resources, call_id, run, "store"):
            store.store_call(self.resources, call_id)

    @DBOS.step(name="CallPipeline.report")
    def report(self, call_id: str, run: int) -> None:
        """Write the PDF."""
        with reporting(self.resources, call_id, run, "report"):
            report.report_call(self.resources, call_id)

    @DBOS.step(name="CallPipeline.notify")
    def notify(self, call_id: str, run: int) -> None:
        """Post one message and one PDF, or edit them."""
        with reporting(self.resources, call_id, run, "notify"):
            notify.notify_call(self.resources, call_id)

    @DBOS.step(name="CallPipeline.clean_up")
    def clean_up(self, call_id: str, run: int) -> tuple[int, bool | None] | None:
        """Delete the media unless it is kept, and return the next run if one is due."""
        with reporting(self.resources, call_id, run, "clean up"):
            return clean_up.finish_call(self.resources, call_id, run)

    @DBOS.step(name="CallPipeline.mark_failed")
    def mark_failed(self, call_id: str, run: int, reason: str) -> bool | tuple[int, bool | None]:
        """Store the reason with the call, where API and page show it, and log it.

        Returns whether it is to be posted, or the next run if the summary stands and one is due.
        """
        with about_call(call_id, run):
            return clean_up.fail_call(self.resources, call_id, run, reason)

    @DBOS.step(name="CallPipeline.tell_failure")
    def post_failure(self, call_id: str, run: int, reason: str, kind: str = "") -> None:
        """Post one line with the reason; `kind` is the name of the error's type."""
        with about_call(call_id, run):
            notify.notify_failure(self.resources, call_id, reason, kind)

    @DBOS.step(name="CallPipeline.note_wait")
    def note_wait(self, call_id: str, run: int, text: str) -> None:
        """Store why a step is waiting, where the API shows it."""
        note_wait(self.resources, call_id, run, text)

    # Running one step.

    def _durably(self, step: Callable[..., Any], call_id: str, run: int, *more: Any) -> Any:
        """Run a step; after an error that retry.py lists, sleep durably and run it again."""
        tries = Tries()
        while True:
            try:
                return step(call_id, run, *more)
            except Exception as exc:  # The table decides; an error it does not list fails the run.
                figures.count_error(exc)
                wait_s = tries.wait_s(exc)
                if wait_s is None:
                    raise
                log.warning("call %s: %s %s %.0f s", call_id, exc, TRYING_AGAIN, wait_s)
                self.note_wait(call_id, run, f"{exc} {TRYING_AGAIN} {wait_s:.0f} s.")
                DBOS.sleep(wait_s)

    def _fail(self, call_id: str, run: int, error: Exception) -> None:
        if isinstance(error, KNOWN):
            reason = f"{error} {advice(error)}".strip()
        else:
            log.error("call %s: unexpected error", call_id, exc_info=error)
            reason = f"Rapport failed ({type(error).__name__}); its log has the cause."
        outcome = self._durably(self.mark_failed, call_id, run, reason)
        if outcome is not True:  # The call is deleted, or its summary stands and it is done.
            if outcome:
                self._start_next(call_id, *outcome)
            return
        try:
            self._durably(self.post_failure, call_id, run, reason, type(error).__name__)
        except Exception as exc:  # Slack is out of reach, but the call and the log hold the reason.
            log.error("call %s: the failure could not be posted: %s", call_id, exc)

    # Starting a run. Starting one id twice has no effect.

    def start(self, call_id: str, run: int, *, by_hand: bool = False) -> str:
        """Queue a run and return its workflow id, `{call_id}.{run}`; a repeat has no effect."""
        with SetWorkflowID(f"{call_id}.{run}"):
            DBOS.enqueue_workflow(QUEUE, self.process_call, call_id, run, by_hand)
        return f"{call_id}.{run}"

    def start_refresh(self, call_id: str, run: int) -> str:
        """Queue a run that only adds a late transcript; otherwise like `start`."""
        with SetWorkflowID(f"{call_id}.{run}"):
            DBOS.enqueue_workflow(QUEUE, self.refresh_call, call_id, run)
        return f"{call_id}.{run}"

    def start_report_again(self, call_id: str, run: int) -> str:
        """Queue a run that only applies people's corrections; otherwise like `start`.

        If the run was already queued to do more, it stays so: it applies the corrections too.
        """
        with (
            SetWorkflowID(f"{call_id}.{run}"),
            contextlib.suppress(dbos_error.DBOSConflictingWorkflowError),
        ):
            DBOS.enqueue_workflow(QUEUE, self.report_again, call_id, run)
        return f"{call_id}.{run}"

    def announce_transcript(self, call_id: str, run: int) -> None:
        """Notify a run that is waiting, or will wait, that the transcript is available."""
        DBOS.send(f"{call_id}.{run}", True, topic=TRANSCRIPT_TOPIC)
