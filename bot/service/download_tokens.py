"""Takes download tokens out of stored webhooks once nothing needs them any more."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from sqlalchemy import Engine

from integrations.zoom.webhook import holds_download_token, without_download_tokens
from storage.delivery import inbox
from storage.engine import reading, transaction
from storage.errors import StorageError

log = logging.getLogger(__name__)

TOKEN_LIFE = timedelta(hours=24)
"""Zoom accepts a webhook's token for a day."""

PAGE = 200


class DownloadTokens:
    """The tokens in the inbox, and which of them may go.

    A token goes when none of its call's files is left to fetch and no run is in progress, and at
    the latest a day after the webhook came. Which webhooks hold one is found once after a start
    and then kept up to date, since the text of a body cannot be searched cheaply.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._seen_id = 0
        self._holding: set[int] = set()

    def remove_used(self, now: datetime) -> None:
        """Remove what may go; an error is logged, and the next call tries again."""
        try:
            self._find_new()
            removed = sum(
                self._remove(page, now)
                for at in range(0, len(self._holding), PAGE)
                if (page := sorted(self._holding)[at : at + PAGE])
            )
        except StorageError as exc:
            log.warning("download tokens stay in the inbox for now: %s", exc)
            return
        if removed:
            log.info("download tokens removed from webhooks: %d", removed)

    def _find_new(self) -> None:
        while True:
            with reading(self._engine) as session:
                rows = inbox.bodies_after(session, self._seen_id, PAGE)
            self._holding |= {row_id for row_id, body in rows if holds_download_token(body)}
            if not rows:
                return
            self._seen_id = rows[-1][0]

    def _remove(self, row_ids: list[int], now: datetime) -> int:
        with reading(self._engine) as session:
            rows = inbox.done_with_files(session, row_ids, now - TOKEN_LIFE)
        if rows:
            with transaction(self._engine) as session:
                for row_id, body in rows:
                    # A call that is deleted meanwhile empties its bodies: they must stay empty.
                    inbox.replace_body(session, row_id, body, without_download_tokens(body))
            self._holding -= {row_id for row_id, _ in rows}
        return len(rows)
