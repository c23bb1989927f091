"""Scheduled work. Each job runs once per tick, however many processes are running.

APScheduler only decides when: a tick starts a workflow whose id contains the tick, so a second
process that starts the same workflow joins it.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.background import BackgroundScheduler
from dbos import DBOS, DBOSConfiguredInstance, SetWorkflowID

from bot.monitoring.metrics import figures
from bot.pipeline.intake import Intake
from bot.pipeline.resources import Resources
from bot.pipeline.workflow import CallPipeline
from bot.service.download_tokens import DownloadTokens
from bot.service.executors import BEATS, Executor
from bot.service.left_to_do import retry_due
from bot.service.leftovers import remove_leftovers
from bot.service.stranded import restart_stranded
from bot.settings import Settings
from integrations.errors import IntegrationError
from storage import calls
from storage.calls import CallFilter, corrections
from storage.delivery import inbox
from storage.engine import reading, transaction
from storage.errors import StorageError

log = logging.getLogger(__name__)

SECONDS_BETWEEN_INBOX_LOOKS = 5
SECONDS_BETWEEN_CORRECTION_LOOKS = 60
SECONDS_BETWEEN_STRANDED_LOOKS = 60
SECONDS_BETWEEN_NOTE_LOOKS = 10
SECONDS_BETWEEN_SWEEPS = 10
MINUTES_BETWEEN_LEFTOVERS = 60
RECONCILE_DAYS = 7
"""How far back to look in Zoom for recordings whose webhook never arrived."""
RETENTION_PAGE = 200
FIRST_LOOK = timedelta(seconds=3)
"""Delay of the first run after startup, which catches up on what was missed while down."""


@DBOS.dbos_class("Housekeeping")
class Housekeeping(DBOSConfiguredInstance):
    """The workflows that the scheduler starts."""

    def __init__(self, resources: Resources, intake: Intake, pipeline: CallPipeline) -> None:
        super().__init__("housekeeping")
        self._resources = resources
        self._intake = intake
        self._pipeline = pipeline

    @DBOS.workflow(name="Housekeeping.reconcile")
    def reconcile(self, today: str) -> None:
        """Start runs for recent recordings that no webhook announced."""
        try:
            missed = self._register_missed(today)
        except (IntegrationError, StorageError) as exc:  # The next tick tries again.
            figures.count_error(exc)
            log.warning("reconcile: %s", exc)
            return
        for call_id, run in missed:
            self._pipeline.start(call_id, run)
        log.info("reconcile: starting runs for %d missed recordings", len(missed))

    @DBOS.step(name="Housekeeping._register_missed")
    def _register_missed(self, today: str) -> list[tuple[str, int]]:
        if self._resources.zoom is None:
            return []
        day = datetime.fromisoformat(today).date()
        found = [
            self._intake.register(meeting)
            for meeting in self._resources.zoom.recordings(
                day - timedelta(days=RECONCILE_DAYS), day
            )
            if not meeting.is_processing
        ]
        return [(call.call_id, call.run) for call in found if call.call_id and call.run]

    def start_corrected(self) -> None:
        """Start runs for corrections whose process died before it could start them."""
        try:
            with reading(self._resources.engine) as session:
                queued = [c for c in corrections.waiting(session) if c.status == "queued"]
        except StorageError as exc:  # The next tick tries again.
            log.warning("corrections: %s", exc)
            return
        for call in queued:
            self._pipeline.start_report_again(call.id, call.run)

    def start_stranded(self) -> None:
        """Start the runs of calls in progress that the workflow engine would not go on with."""
        restart_stranded(self._resources, self._pipeline)

    @DBOS.workflow(name="Housekeeping.retention")
    def retention(self, before: str) -> None:
        """Delete webhooks and calls from before a time, with the calls' scores and reports."""
        deleted = self._delete_before(before)
        log.info("retention: deleted %d calls", deleted)

    @DBOS.step(name="Housekeeping._delete_before")
    def _delete_before(self, before: str) -> int:
        wanted = CallFilter(to=datetime.fromisoformat(before))
        deleted = 0
        while True:
            with reading(self._resources.engine) as session:
                page = calls.find_calls(session, wanted, limit=RETENTION_PAGE)
            old = [call for call in page.items if call.status not in calls.ACTIVE]
            for call in old:
                self._resources.files.delete_call(call.id)
                with transaction(self._resources.engine) as session:
                    calls.delete_call(session, call.id)
            deleted += len(old)
            if not old:
                break
        with transaction(self._resources.engine) as session:
            inbox.delete_before(session, datetime.fromisoformat(before))
        return deleted


def start_schedules(
    settings: Settings,
    resources: Resources,
    intake: Intake,
    housekeeping: Housekeeping,
    executor: Executor,
) -> BackgroundScheduler:
    """Start the scheduler. Shut it down before the resources are closed."""
    scheduler = BackgroundScheduler(
        timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": 60}
    )
    scheduler.add_job(
        lambda: intake.handle_pending(datetime.now(UTC)),
        "interval",
        seconds=SECONDS_BETWEEN_INBOX_LOOKS,
    )
    tokens = DownloadTokens(resources.engine)
    scheduler.add_job(
        lambda: tokens.remove_used(datetime.now(UTC)), "interval", seconds=SECONDS_BETWEEN_SWEEPS
    )
    scheduler.add_job(
        housekeeping.start_corrected,
        "interval",
        seconds=SECONDS_BETWEEN_CORRECTION_LOOKS,
        next_run_time=datetime.now(UTC) + FIRST_LOOK,
    )
    scheduler.add_job(
        housekeeping.start_stranded,
        "interval",
        seconds=SECONDS_BETWEEN_STRANDED_LOOKS,
        next_run_time=datetime.now(UTC) + FIRST_LOOK,
    )
    scheduler.add_job(
        lambda: retry_due(resources),
        "interval",
        seconds=SECONDS_BETWEEN_NOTE_LOOKS,
        next_run_time=datetime.now(UTC) + FIRST_LOOK,
    )
    scheduler.add_job(
        lambda: remove_leftovers(resources),
        "interval",
        minutes=MINUTES_BETWEEN_LEFTOVERS,
        next_run_time=datetime.now(UTC) + FIRST_LOOK,
    )
    scheduler.add_job(
        lambda: _take_over(executor), "interval", seconds=max(1.0, settings.takeover_s / BEATS)
    )
    if settings.reconcile_hours > 0 and resources.zoom is not None:
        hours = settings.reconcile_hours

        def reconcile() -> None:
            now = datetime.now(UTC)
            with SetWorkflowID(f"reconcile.{int(now.timestamp() // 3600 // hours)}"):
                DBOS.start_workflow(housekeeping.reconcile, now.isoformat())

        first = datetime.now(UTC) + FIRST_LOOK
        scheduler.add_job(reconcile, "interval", hours=hours, next_run_time=first)
    if settings.retention_days > 0:

        def retention() -> None:
            now = datetime.now(UTC)
            before = now - timedelta(days=settings.retention_days)
            with SetWorkflowID(f"retention.{now:%Y-%m-%d}"):
                DBOS.start_workflow(housekeeping.retention, before.isoformat())

        scheduler.add_job(
            retention, "interval", hours=24, next_run_time=datetime.now(UTC) + FIRST_LOOK
        )
    scheduler.start()
    return scheduler


def _take_over(executor: Executor) -> None:
    try:
        executor.take_over()
    except StorageError as exc:  # The next tick tries again.
        log.warning("processes could not be looked after: %s", exc)
