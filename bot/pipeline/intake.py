"""From a stored webhook to a running workflow.

The webhook route stores a delivery and responds; this module decides what the delivery starts,
a moment later (`deliveries.py`) or by the schedule.
Deliveries come twice, late and in any order, so everything here can be repeated: one recording
gives one call, and only one run until there is something new.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine

from bot.calls.selection import announced_s, nothing_to_fetch, reason_to_skip
from bot.pipeline.workflow import CallPipeline
from bot.settings import Settings
from integrations.errors import UnexpectedResponse
from integrations.zoom.recordings import (
    Meeting,
    choose_files,
    meeting_from_event,
)
from integrations.zoom.webhook import (
    RECORDING_COMPLETED,
    TRANSCRIPT_COMPLETED,
    URL_VALIDATION,
    parse_event,
)
from storage import calls
from storage.delivery import inbox
from storage.engine import reading, transaction
from storage.errors import StorageError
from storage.schema.tables import InboxRow

log = logging.getLogger(__name__)

DELETED = "left alone: the call was deleted"
LONGEST_MS = 2**31 - 1
"""Of a call, as the database holds it: 24 days, where Zoom ends a meeting after 30 hours."""
GRACE = timedelta(seconds=10)
"""A delivery younger than this is about to be handled by the process that stored it."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A recording that is now known. `run` is the run to start; None if none is due.

    `call_id` is None if the call was deleted on purpose.
    """

    call_id: str | None
    run: int | None
    outcome: str


class Intake:
    """Starts what the inbox asks for."""

    def __init__(self, engine: Engine, settings: Settings, pipeline: CallPipeline) -> None:
        self._engine = engine
        self._settings = settings
        self._pipeline = pipeline
        self._lock = threading.Lock()
        self._in_hand: set[int] = set()

    def handle_pending(self, now: datetime | None = None) -> None:
        """Handle stored deliveries that were not started; with `now`, none younger than `GRACE`."""
        with reading(self._engine) as session:
            rows = inbox.pending(session)
        for row in rows:
            if now is not None and self._in_hand:
                return  # What has just arrived is being decided; the next look comes soon.
            if row.id is not None and (now is None or row.received_at <= now - GRACE):
                try:
                    self.handle(row.id)
                except StorageError as exc:
                    log.warning("webhook %d stays in the inbox: %s", row.id, exc)

    def handle(self, row_id: int) -> None:
        """Start what one delivery asks for, and record the outcome, unless that is done already.

        Raises:
            StorageError: the database did not respond; the delivery stays pending.
        """
        with self._lock:
            if row_id in self._in_hand:
                return
            self._in_hand.add(row_id)
        try:
            self._handle(row_id)
        finally:
            with self._lock:
                self._in_hand.discard(row_id)

    def _handle(self, row_id: int) -> None:
        with reading(self._engine) as session:
            row = inbox.get(session, row_id)
        if row.outcome != inbox.PENDING:
            return
        try:
            outcome, call_id = self._decide(row)
        except UnexpectedResponse as exc:
            outcome, call_id = f"not understood: {exc}", None
        except StorageError:
            raise
        except Exception:  # The edge: one bad delivery must not block the ones after it.
            log.exception("webhook %d could not be handled", row_id)
            outcome, call_id = "failed: the log has the cause; replay it once that is fixed", None
        with transaction(self._engine) as session:
            inbox.mark(session, row_id, outcome, call_id)
        log.info("webhook %d %s: %s", row_id, row.event, outcome)

    def _decide(self, row: InboxRow) -> tuple[str, str | None]:
        event = parse_event(row.raw_body)
        if event.event == RECORDING_COMPLETED:
            # A delivery that already has a call was put back into the inbox by a person.
            return self._start(meeting_from_event(event), is_replay=row.call_id is not None)
        if event.event == TRANSCRIPT_COMPLETED:
            return self._transcript(row, meeting_from_event(event))
        return "answered" if event.event == URL_VALIDATION else "ignored", None

    def register(self, meeting: Meeting, *, is_replay: bool = False) -> Registered:
        """Store what Zoom says about a recording, and number a run if one is due; starts nothing.

        Raises:
            StorageError: the database did not respond.
        """
        with transaction(self._engine) as session:
            if calls.was_deleted(session, meeting.uuid):
                return Registered(None, None, DELETED)
            call = calls.announce(session, _new_call(meeting))
            new_files = calls.add_files(session, call.id, _new_files(meeting))
            if new_files or is_replay or call.run == 0:
                skip = reason_to_skip(
                    meeting.topic, meeting.host_email, announced_s(meeting), self._settings.calls
                )
                if skip is None and meeting.is_on_premises:
                    skip = nothing_to_fetch(meeting)
                if skip is not None and not is_replay:
                    calls.set_status(session, call.id, "skipped", skipped_reason=skip)
                    return Registered(call.id, None, f"skipped: {skip}")
                run = calls.begin_run(session, call.id)
                if run is not None:
                    return Registered(call.id, run, f"started {call.id}.{run}")
                call = calls.get_call(session, call.id)
        # A numbered run may not have been queued: the process may have died in between.
        waiting = call.run if call.status == "queued" and call.run > 0 else None
        return Registered(call.id, waiting, f"joined {call.id}.{call.run}")

    def _start(self, meeting: Meeting, *, is_replay: bool) -> tuple[str, str | None]:
        found = self.register(meeting, is_replay=is_replay)
        if found.call_id is not None and found.run is not None:
            self._pipeline.start(found.call_id, found.run, by_hand=is_replay)
        return found.outcome, found.call_id

    def _transcript(self, row: InboxRow, meeting: Meeting) -> tuple[str, str | None]:
        with transaction(self._engine) as session:
            if calls.was_deleted(session, meeting.uuid):
                return DELETED, None
            call = calls.announce(session, _new_call(meeting))
            new_files = calls.add_files(session, call.id, _new_files(meeting))
            if call.run == 0:
                # The recording itself has not been announced; its run will find the transcript.
                return "kept for the recording", call.id
            if call.status in calls.ACTIVE:
                run = None
            elif call.status == "done" and (
                new_files or row.call_id is not None or not call.has_transcript
            ):
                run = calls.begin_run(session, call.id, force=True)
                call = calls.get_call(session, call.id)
            else:
                return f"joined {call.id}.{call.run}", call.id
        if run is None:
            self._pipeline.announce_transcript(call.id, call.run)
            return f"notified {call.id}.{call.run}", call.id
        return f"started {self._pipeline.start_refresh(call.id, run)}", call.id


def _new_call(meeting: Meeting) -> calls.NewCall:
    return calls.NewCall(
        zoom_uuid=meeting.uuid,
        zoom_meeting_id=str(meeting.number or ""),
        topic=meeting.topic,
        host_email=meeting.host_email,
        started_at=meeting.started_at,
        timezone=meeting.timezone,
        duration_ms=min(meeting.duration_min * 60_000, LONGEST_MS),
    )


def _new_files(meeting: Meeting) -> list[calls.NewFile]:
    chosen: dict[str, calls.NewFile] = {}
    for index, segment in enumerate(choose_files(meeting)):
        for file in segment.files:
            new = calls.NewFile(
                zoom_file_id=file.id,
                segment=index,
                file_type=file.file_type,
                recording_type=file.recording_type,
                file_extension=file.file_extension,
                recording_start=file.recording_start,
                recording_end=file.recording_end,
                size_bytes=file.size_bytes or 0,
            )
            chosen.setdefault(file.id, new)
    return list(chosen.values())
