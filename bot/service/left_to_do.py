"""Tries again what is left to do for calls that are done. Their notes say what, and when.

A claim keeps two processes from trying one call at once, and a run of the call waits for it, so no
workflow is needed: after a crash the claim expires, and the note is still due.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from bot.monitoring.log_format import about_call
from bot.pipeline.resources import Resources
from bot.pipeline.steps import clean_up, notify
from integrations.errors import IntegrationError
from storage.delivery import notes
from storage.engine import reading, transaction
from storage.errors import Missing, StorageError
from storage.schema.columns import utc_now

log = logging.getLogger(__name__)

MOST_AT_ONCE = 50
CLAIM = timedelta(minutes=5)
"""How long one process may take to try a call's notes again: many times what it needs."""


def retry_due(resources: Resources) -> None:
    """Try what is due, call by call. If Slack does not respond, the rest waits for the next tick.

    Calls with a run in progress are left to that run, and failed calls to their next.
    """
    try:
        with reading(resources.engine) as session:
            waiting = notes.due(session, utc_now(), MOST_AT_ONCE)
        for call_id in waiting:
            if resources.stop.is_set() or not _retry(resources, call_id):
                return
    except StorageError as exc:  # The next tick tries again.
        log.warning("notes: %s", exc)


def _retry(resources: Resources, call_id: str) -> bool:
    now = utc_now()
    with transaction(resources.engine) as session:
        due = {note.kind for note in notes.claim(session, call_id, now, now + CLAIM)}
    if not due:
        return True  # Another process was first, or a run of the call has begun.
    try:
        with about_call(call_id):
            clean_up.retry_clean_up(resources, call_id)
            return notify.retry_notify(resources, call_id, due)
    except Missing:
        log.info("notes: call %s was deleted meanwhile", call_id)
    except IntegrationError as exc:  # The process is ending: the next start tries again.
        log.info("notes: call %s: %s", call_id, exc)
    finally:
        with transaction(resources.engine) as session:
            notes.release(session, call_id)
    return True
