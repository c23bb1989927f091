"""Step 5: one message and one PDF in Slack, ever.

The first post decides: until the summary stands in Slack, an error is raised and the step is tried
again. After that the call is as good as done. Whatever else Slack refuses (an edit, the PDF, the
deletion of an earlier PDF) becomes a note of the call, and `retry_notify` tries it again later.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from bot.annotated.lifecycle import find
from bot.calls.stored import call_info, load_analysis
from bot.links import page_link
from bot.pipeline import posting
from bot.pipeline.noting import is_due, noting
from bot.pipeline.resources import Resources
from bot.report.message import Message, compose_failure, compose_message
from integrations.errors import NotFound, Refused, Unavailable
from storage import calls
from storage.delivery import messages, notes
from storage.engine import reading, transaction
from storage.errors import Missing, StorageError
from storage.schema.columns import utc_now
from storage.schema.tables import Call, Delivery

log = logging.getLogger(__name__)

BETWEEN_FAILURES = timedelta(hours=1)
"""Between two lines on one kind of failure in the operators' channel: an outage that fails every
call says so once, and again while it lasts."""


def notify_call(resources: Resources, call_id: str) -> None:
    """Post the call's message with the PDF in its thread, or edit what was posted.

    Raises:
        StorageError: the first message could not be composed.
        IntegrationError: Slack refused the first message or did not respond; a retry posts nothing
            twice. Once the message stands, nothing that Slack refuses is raised.
    """
    with reading(resources.engine) as session:
        call = calls.get_call(session, call_id)
        before = messages.find(session, call_id, "message")
        if notes.is_claimed(session, call_id, utc_now()):
            raise Unavailable("What an earlier run left to do in Slack is being done.")
    compose = None  # A summary that stands is composed where an error becomes a note.
    if before is None:
        compose = _composer(resources, call)
        posting.post_first(resources, call, "message", compose)
    _edit_message(resources, call, compose, is_retry=False)
    _upload_report(resources, call, is_retry=False)
    _delete_old_files(resources, call, is_retry=False)


def notify_failure(resources: Resources, call_id: str, reason: str, kind: str = "") -> None:
    """Post one line on why the call could not be analysed, or edit the one that was posted.

    Does nothing if the call's summary is posted: under it, the line would be wrong. With
    `RAPPORT_SLACK__OPS_CHANNEL` the line goes there, at most one an hour of each kind; the next one
    says how many calls were left out.

    Args:
        resources: the process's clients.
        call_id: the call that failed.
        reason: what went wrong and what to do.
        kind: name of the error's type.
    """
    channel = resources.settings.slack.ops_channel or ""
    with reading(resources.engine) as session:
        call = calls.get_call(session, call_id)
        if messages.find(session, call_id, "message") is not None:
            return
        before = messages.find(session, call_id, "failure")
    if before is None or (channel and before.channel != channel):
        if channel:
            now = utc_now()
            with transaction(resources.engine) as session:
                left_out = messages.claim_line(
                    session, call_id, kind, channel, now, BETWEEN_FAILURES
                )
            if left_out is None:
                log.info("call %s: not posted, since a like failure was within the hour", call_id)
                return
            reason = _with_left_out(reason, left_out)
        compose = _failure_composer(call, reason)
        posting.post_first(resources, call, "failure", compose, channel)
    else:
        compose = _failure_composer(call, reason)
    posting.bring_up_to_date(resources, call, "failure", compose)


def _with_left_out(reason: str, count: int) -> str:
    if not count:
        return reason
    calls_failed = "1 other call" if count == 1 else f"{count} other calls"
    return f"{calls_failed} failed for a like reason since the last such line. {reason}"


def retry_notify(resources: Resources, call_id: str, due: Collection[str]) -> bool:
    """Try again what is left to do in Slack, as far as it is due; `due` holds kinds of notes.

    Returns:
        False if Slack did not respond, so that trying other calls now would be in vain.

    Raises:
        Missing: the call was deleted meanwhile.
        DatabaseDown: the notes stay.
    """
    with reading(resources.engine) as session:
        call = calls.get_call(session, call_id)
    answered = True
    if "message" in due:
        answered = _edit_message(resources, call, None, is_retry=True)
    if is_due(resources, call_id, "report_file"):  # Perhaps only since the message moved.
        answered &= _upload_report(resources, call, is_retry=True)
    return answered & _delete_old_files(resources, call, is_retry=True)


def _composer(resources: Resources, call: Call) -> posting.Compose:
    analysis = load_analysis(resources.files, resources.settings, call)
    info = call_info(call)
    page_url = page_link(resources.settings, resources.link_secret, call.id)
    has_video = find(resources.files, resources.settings, call.id) is not None

    def compose(replaced_ts: str) -> Message:
        return compose_message(
            analysis, info, page_url=page_url, has_video=has_video,
            replaced_at=_posted_at(replaced_ts),
        )  # fmt: skip

    return compose


def _failure_composer(call: Call, reason: str) -> posting.Compose:
    info = call_info(call)
    return lambda replaced_ts: compose_failure(info, reason, replaced_at=_posted_at(replaced_ts))


def _posted_at(ts: str) -> datetime | None:
    """Return when a message was posted: Slack's timestamp of it is that second; "" is none."""
    return datetime.fromtimestamp(float(ts), UTC) if ts else None


def _edit_message(
    resources: Resources, call: Call, compose: posting.Compose | None, *, is_retry: bool
) -> bool:
    def edit() -> str:
        current = compose or _composer(resources, call)
        why = posting.bring_up_to_date(resources, call, "message", current)
        return f"{why} A new message has taken its place." if why else ""

    def left(error: Exception) -> str:
        if isinstance(error, Refused):
            return (
                f"{posting.MOST_REPLACEMENTS} new messages have taken its place already, so the "
                "last one is out of date; the call's page is up to date."
            )
        if isinstance(error, StorageError):  # The page reads the same files.
            return "The message in Slack may be out of date."
        return "The message in Slack is out of date; the call's page is up to date."

    return noting(resources, call.id, "message", edit, left, is_retry=is_retry)


def _upload_report(resources: Resources, call: Call, *, is_retry: bool) -> bool:
    def left(_: Exception) -> str:
        if resources.settings.public_url:
            return "The PDF is behind the link in the message."
        return f"GET /api/v1/calls/{call.id}/report.pdf returns the PDF."

    def upload() -> str:
        if call.report_path is not None:
            _upload(resources, call, call.report_path)
        return ""

    return noting(resources, call.id, "report_file", upload, left, is_retry=is_retry)


def _upload(resources: Resources, call: Call, report_path: str) -> None:
    report = resources.files.resolve(report_path)
    try:
        version = hashlib.sha256(report.read_bytes()).hexdigest()[:16]
    except OSError as exc:
        raise NotFound(f"The PDF of the call could not be read ({exc.strerror}).") from exc
    with reading(resources.engine) as session:
        message = messages.find(session, call.id, "message")
        before = messages.find(session, call.id, "report_file")
    if message is None:
        raise Missing(f"The call {call.id} was deleted.")
    if before is not None and (before.version, before.ts) == (version, message.ts):
        return
    filename = f"rapport-{call.id}-{version}.pdf"
    attempt = Delivery(
        call_id=call.id, kind="report_file", channel=message.channel, version=version,
        updated_at=utc_now(),
    )  # fmt: skip
    slack = resources.messenger
    file_id, _ = posting.once(
        resources,
        attempt,
        lambda: slack.find_upload(message.channel, message.ts, filename),
        lambda: slack.upload(
            message.channel, message.ts, report, filename=filename, title=f"Report: {call.topic}"
        ),
    )
    now = utc_now()
    try:
        with transaction(resources.engine) as session:
            messages.record(
                session, call.id, "report_file",
                channel=message.channel, ts=message.ts, file_id=file_id, version=version,
            )  # fmt: skip
            messages.end_attempt(session, call.id, "report_file")
            if before is not None and before.file_id not in ("", file_id):
                # Slack holds one PDF of a call: the current one.
                notes.put(
                    session, call.id, "old_file", file_id=before.file_id, noted_at=now, retry_at=now
                )
    except Missing:
        slack.delete_file(file_id)  # The call was deleted meanwhile: nothing new may appear.
        raise


def _delete_old_files(resources: Resources, call: Call, *, is_retry: bool) -> bool:
    with reading(resources.engine) as session:
        old = [n for n in notes.list_for(session, [call.id])[call.id] if n.kind == "old_file"]
    answered = True
    for file_id in [note.file_id for note in old]:
        if is_retry and not is_due(resources, call.id, "old_file", file_id):
            continue

        def delete(file_id: str = file_id) -> str:
            resources.messenger.delete_file(file_id)
            return ""

        answered &= noting(
            resources, call.id, "old_file", delete,
            lambda _: "An earlier PDF of the call is still in Slack: delete it there.",
            file_id=file_id, is_retry=is_retry,
        )  # fmt: skip
    return answered
