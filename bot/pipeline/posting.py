"""Posts a message to Slack once, ever, and keeps it up to date.

Slack may accept a post and lose the response, and the process may die in between. So an attempt is
recorded before it is made, and Slack is searched for what an earlier one may have posted, by the
key in its metadata. What was posted is stored in the table `deliveries`.

Where Slack refuses an edit, a new message takes the place of the old one: it says so, has a key of
its own, and is the one that is edited from then on. At most `MOST_REPLACEMENTS` per call.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from bot.pipeline.resources import Resources
from bot.report.message import Message
from bot.settings import Settings
from integrations.errors import (
    AuthFailed,
    NotFound,
    RateLimited,
    Refused,
    Unavailable,
    UnexpectedResponse,
)
from integrations.slack.messenger import Posted
from storage.delivery import messages, notes
from storage.engine import reading, transaction
from storage.errors import Missing
from storage.schema.columns import utc_now
from storage.schema.tables import Call, Delivery

log = logging.getLogger(__name__)

SEARCH_BEFORE = timedelta(hours=1)
"""The search starts this long before the post can have been made, because clocks differ."""
SETTLE = timedelta(seconds=10)
"""A request that was cut off is carried out within this time or never. Slack usually takes less
than a second, and shows uploads a few seconds later."""
MOST_REPLACEMENTS = 3
"""More messages about one call would be noise, where a workspace does not allow edits at all."""

Found = TypeVar("Found")
Compose = Callable[[str], Message]
"""Composes a message, given Slack's timestamp of the one it replaces, or ""."""


def channel_for(host_email: str | None, settings: Settings) -> str:
    """Return the channel of a host's calls: the host's own, else the default, else ""."""
    by_host = {host.lower(): channel for host, channel in settings.slack.channel_by_host.items()}
    return by_host.get((host_email or "").lower()) or settings.slack.channel or ""


def post_first(
    resources: Resources, call: Call, kind: str, compose: Compose, channel: str = ""
) -> None:
    """Post the first message of a kind, or record the one that an earlier attempt posted.

    It goes to the channel of the call's host, unless another is given.

    Raises:
        IntegrationError: Slack refused or did not respond; a retry posts nothing twice.
    """
    channel = channel or channel_for(call.host_email, resources.settings)
    if not channel and resources.settings.slack.token is not None:
        raise AuthFailed(
            "There is a Slack token but no channel for this call: set RAPPORT_SLACK__CHANNEL."
        )
    _post(resources, call, kind, compose(""), channel, since=call.created_at)


def bring_up_to_date(resources: Resources, call: Call, kind: str, compose: Compose) -> str:
    """Edit the message of a kind if its content has changed, or post it again if it is gone.

    Returns:
        Why Slack refused the edit, if a new message took the place of the old one; else "".

    Raises:
        Refused: Slack refused the edit, and there were enough new messages already.
        Missing: the call has been deleted.
        IntegrationError: Slack refused or did not respond; a retry posts nothing twice.
    """
    _record_unrecorded(resources, call, kind)
    why = last = ""
    for _ in range(MOST_REPLACEMENTS + 2):
        with reading(resources.engine) as session:
            row = messages.find(session, call.id, kind)
        if row is None:
            raise Missing(f"The call {call.id} was deleted.")
        message = compose(row.replaces)
        if row.version == digest(message):
            return why
        try:
            resources.messenger.update(
                row.channel, row.ts, message.text, message.blocks, key=_key(call, kind, row.number)
            )
        except NotFound as exc:  # Somebody deleted it in Slack: post the current version.
            last = str(exc)
            _post_again(resources, call, kind, message, row)
        except Refused as exc:
            if row.number >= MOST_REPLACEMENTS:
                raise
            why = str(exc)
            log.warning("call %s: %s A new message takes its place.", call.id, exc)
            _post(
                resources, call, kind, compose(row.ts), row.channel,
                since=row.updated_at, number=row.number + 1, replaces=row.ts,
            )  # fmt: skip
        else:
            with transaction(resources.engine) as session:
                messages.record(
                    session, call.id, kind, channel=row.channel, ts=row.ts,
                    version=digest(message), number=row.number, replaces=row.replaces,
                )  # fmt: skip
            return why
    raise UnexpectedResponse(
        f"Slack shows a message of this call, but does not let Rapport edit it. {last}".strip()
    )


def once(
    resources: Resources,
    attempt: Delivery,
    find: Callable[[], Found | None],
    make: Callable[[], Found],
) -> tuple[Found, str]:
    """Make something in Slack unless an earlier attempt did, and return it with its version.

    The version is the attempt's own, or that of the earlier attempt ("" if not known). The caller
    records both and ends the attempt (`messages.end_attempt`), in one transaction.

    Args:
        attempt: what is about to be made; its `kind` is "message", "report_file" or "failure".
        find: searches Slack for it.
        make: makes it.

    Raises:
        Unavailable: Slack did not respond, or the process was asked to stop.
        IntegrationError: Slack refused.
        Missing: the call has been deleted.
    """
    name = f"{attempt.kind} attempt"
    with reading(resources.engine) as session:
        earlier = messages.find(session, attempt.call_id, name)
    _let_settle(resources, earlier)
    found = find()
    if found is not None:
        return found, earlier.version if earlier is not None else ""

    def record(version: str) -> None:
        with transaction(resources.engine) as session:
            messages.record(
                session, attempt.call_id, name, channel=attempt.channel, version=version,
                number=attempt.number, replaces=attempt.replaces,
            )  # fmt: skip

    record(attempt.version)
    try:
        return make(), attempt.version
    except (RateLimited, AuthFailed, NotFound, Refused):
        record("")  # Refused outright: nothing is in flight that the next try must wait for.
        raise


def digest(message: Message) -> str:
    """Return what identifies a message's content, to tell whether an edit is needed."""
    content = json.dumps([message.text, message.blocks], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _post(
    resources: Resources,
    call: Call,
    kind: str,
    message: Message,
    channel: str,
    *,
    since: datetime,
    number: int = 0,
    replaces: str = "",
) -> None:
    key = _key(call, kind, number)
    attempt = Delivery(
        call_id=call.id, kind=kind, channel=channel, version=digest(message), number=number,
        replaces=replaces, updated_at=utc_now(),
    )  # fmt: skip
    posted, version = once(
        resources,
        attempt,
        lambda: resources.messenger.find(channel, key, since - SEARCH_BEFORE),
        lambda: resources.messenger.post(channel, message.text, message.blocks, key=key),
    )
    _record(resources, attempt, posted, version)


def _post_again(
    resources: Resources, call: Call, kind: str, message: Message, row: Delivery
) -> None:
    """Post a message that is gone: in its channel, or if that is gone too, in the one now set."""

    def post(channel: str) -> None:
        _post(
            resources, call, kind, message, channel,
            since=row.updated_at, number=row.number, replaces=row.replaces,
        )  # fmt: skip

    try:
        post(row.channel)
    except NotFound:
        channel = channel_for(call.host_email, resources.settings)
        if channel in ("", row.channel):
            raise
        post(channel)


def _record_unrecorded(resources: Resources, call: Call, kind: str) -> None:
    """Record a new message that was posted by a process that died before it could record it.

    This comes before any edit: if Slack suddenly allowed one, two messages would be current.
    """
    with reading(resources.engine) as session:
        row = messages.find(session, call.id, kind)
        attempt = messages.find(session, call.id, f"{kind} attempt")
    if row is None or attempt is None or attempt.number <= row.number or not attempt.version:
        return
    _let_settle(resources, attempt)
    key = _key(call, kind, attempt.number)
    found = resources.messenger.find(attempt.channel, key, row.updated_at - SEARCH_BEFORE)
    if found is not None:
        _record(resources, attempt.model_copy(update={"kind": kind}), found, attempt.version)


def _record(resources: Resources, attempt: Delivery, posted: Posted, version: str) -> None:
    """Record a posted message, and that the report has to follow it into its thread."""
    now = utc_now()
    with transaction(resources.engine) as session:
        before = messages.find(session, attempt.call_id, attempt.kind)
        moved = before is not None and before.ts != posted.ts
        messages.record(
            session, attempt.call_id, attempt.kind, channel=posted.channel, ts=posted.ts,
            version=version, number=attempt.number, replaces=attempt.replaces,
        )  # fmt: skip
        messages.end_attempt(session, attempt.call_id, attempt.kind)
        if moved and attempt.kind == "message":
            notes.put(session, attempt.call_id, "report_file", noted_at=now, retry_at=now)


def _let_settle(resources: Resources, earlier: Delivery | None) -> None:
    """Wait until an earlier attempt that nobody ended has been carried out.

    Slack may still be carrying out a request of a process that died when the next process searches
    for its result: searching too early would find nothing and post again.
    """
    if earlier is None or not earlier.version:
        return
    rest_s = (earlier.updated_at + SETTLE - datetime.now(UTC)).total_seconds()
    if rest_s > 0 and resources.stop.wait(rest_s):
        raise Unavailable("The process was asked to stop.")


def _key(call: Call, kind: str, number: int) -> str:
    return f"{call.id}:{kind}" if number == 0 else f"{call.id}:{kind}:{number}"
