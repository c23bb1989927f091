"""Step 5: one message and one PDF in Slack, ever.

Slack may accept a post and lose the response, and the process may die in between. So Slack is
searched for the post, by the key in its metadata, before it is made; what was posted is stored in
the table `deliveries`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from bot.calls.stored import call_info, load_analysis
from bot.links import page_link, report_link
from bot.pipeline.resources import Resources
from bot.report.message import Message, compose_failure, compose_message
from bot.settings import Settings
from integrations.errors import AuthFailed, NotFound, RateLimited, Unavailable
from integrations.slack.messenger import Posted
from storage import calls
from storage.delivery import messages
from storage.engine import reading, transaction
from storage.schema.tables import Call

SEARCH_BEFORE = timedelta(hours=1)
"""The search starts this long before the call was first known, because clocks differ."""
SETTLE = timedelta(seconds=10)
"""A request that was cut off is carried out within this time or never. Slack usually takes less
than a second, and shows uploads a few seconds later."""


def channel_for(host_email: str | None, settings: Settings) -> str:
    """Return the channel of a host's calls: the host's own, else the default, else ""."""
    by_host = {host.lower(): channel for host, channel in settings.slack.channel_by_host.items()}
    return by_host.get((host_email or "").lower()) or settings.slack.channel or ""


def notify_call(resources: Resources, call_id: str) -> None:
    """Post the call's message with the PDF in its thread, or edit what was posted.

    Raises:
        IntegrationError: Slack refused or did not respond; a retry posts nothing twice.
    """
    with reading(resources.engine) as session:
        call = calls.get_call(session, call_id)
    message = compose_message(
        load_analysis(resources.files, resources.settings, call),
        call_info(call),
        report_url=report_link(resources.settings, resources.link_secret, call_id),
        page_url=page_link(resources.settings, resources.link_secret, call_id),
    )
    posted = _post_or_edit(resources, call, "message", message)
    _upload_report(resources, call, posted)


def notify_failure(resources: Resources, call_id: str, reason: str) -> None:
    """Post one line on why the call could not be analysed."""
    with reading(resources.engine) as session:
        call = calls.get_call(session, call_id)
    _post_or_edit(resources, call, "failure", compose_failure(call_info(call), reason))


def _post_or_edit(resources: Resources, call: Call, kind: str, message: Message) -> Posted:
    version = _digest(message)
    with reading(resources.engine) as session:
        before = messages.find(session, call.id, kind)
    channel = before.channel if before else channel_for(call.host_email, resources.settings)
    if not channel and resources.settings.slack.token is not None:
        raise AuthFailed(
            "There is a Slack token but no channel for this call: set RAPPORT_SLACK__CHANNEL."
        )
    key = f"{call.id}:{kind}"

    def post() -> Posted:
        with _once(resources, call.id, kind, channel, version):
            found = resources.messenger.find(channel, key, call.created_at - SEARCH_BEFORE)
            return found or resources.messenger.post(channel, message.text, message.blocks, key=key)

    if before is None:
        posted = post()
    elif before.version == version:
        posted = Posted(before.channel, before.ts)
    else:
        try:
            posted = resources.messenger.update(
                before.channel, before.ts, message.text, message.blocks, key=key
            )
        except NotFound:  # Somebody deleted it in Slack: post the current version.
            posted = post()
    with transaction(resources.engine) as session:
        messages.record(
            session, call.id, kind, channel=posted.channel, ts=posted.ts, version=version
        )
    return posted


def _upload_report(resources: Resources, call: Call, posted: Posted) -> None:
    if call.report_path is None:
        return
    report = resources.files.resolve(call.report_path)
    version = hashlib.sha256(report.read_bytes()).hexdigest()[:16]
    with reading(resources.engine) as session:
        before = messages.find(session, call.id, "report_file")
    if before is not None and before.ts != posted.ts:
        before = None  # It was in the thread of a message that is gone.
    if before is not None and before.version == version:
        return
    filename = f"rapport-{call.id}-{version}.pdf"
    with _once(resources, call.id, "report_file", posted.channel, version):
        file_id = resources.messenger.find_upload(
            posted.channel, posted.ts, filename
        ) or resources.messenger.upload(
            posted.channel, posted.ts, report, filename=filename, title=f"Report: {call.topic}"
        )
    with transaction(resources.engine) as session:
        messages.record(
            session,
            call.id,
            "report_file",
            channel=posted.channel,
            ts=posted.ts,
            file_id=file_id,
            version=version,
        )
    if before is not None and before.file_id and before.file_id != file_id:
        # The thread holds one PDF: the current one.
        resources.messenger.delete_file(before.file_id)


@contextmanager
def _once(
    resources: Resources, call_id: str, kind: str, channel: str, version: str
) -> Iterator[None]:
    """Record that something is about to be posted, and first let an earlier attempt settle.

    Slack may still be carrying out a request of a process that died when the next process searches
    for its result: searching too early would find nothing and post again.

    Raises:
        Unavailable: the process was asked to stop while it waited.
    """
    attempt = f"{kind} attempt"
    with reading(resources.engine) as session:
        earlier = messages.find(session, call_id, attempt)
    if earlier is not None and earlier.version == version:
        rest_s = (earlier.updated_at + SETTLE - datetime.now(UTC)).total_seconds()
        if rest_s > 0 and resources.stop.wait(rest_s):
            raise Unavailable("The process was asked to stop.")
    with transaction(resources.engine) as session:
        messages.record(session, call_id, attempt, channel=channel, version=version)
    try:
        yield
    except (RateLimited, AuthFailed, NotFound):
        # Refused outright: nothing is in flight that the next try would have to wait for.
        with transaction(resources.engine) as session:
            messages.record(session, call_id, attempt, channel=channel)
        raise


def _digest(message: Message) -> str:
    content = json.dumps([message.text, message.blocks], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()[:16]
