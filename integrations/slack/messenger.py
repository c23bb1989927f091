"""What Rapport asks of a place for messages, and the values it gets back.

Two things are it: `SlackMessenger` (a workspace) and `Outbox` (a folder). A post carries a key in
its metadata; a repeat finds by it what was posted before the process died or the answer was lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

METADATA_EVENT = "rapport_call"
REQUIRED_SCOPES = frozenset({"chat:write", "files:write", "channels:history"})
"""`groups:history` besides, where messages go to a private channel."""

Blocks = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Account:
    """Who we are there."""

    team: str
    bot_user: str
    scopes: frozenset[str]

    @property
    def missing_scopes(self) -> frozenset[str]:
        """Scopes that Rapport needs and the token lacks."""
        return REQUIRED_SCOPES - self.scopes


@dataclass(frozen=True, slots=True)
class Posted:
    """A message that stands there. `channel` is the ID that Slack gave back."""

    channel: str
    ts: str


class Messenger(Protocol):
    """A place for messages with threads and files.

    Every method raises AuthFailed, RateLimited, Unavailable, NotFound or UnexpectedResponse.
    None of them waits or tries again.
    """

    def check(self) -> Account:
        """Say who we are there and what we may do."""
        ...

    def check_channel(self, channel: str) -> None:
        """Return when messages of this channel can be read; raise what keeps us from it."""
        ...

    def post(
        self, channel: str, text: str, blocks: Blocks, *, key: str, thread_ts: str | None = None
    ) -> Posted:
        """Post a message that `find` finds again by `key`. `text` is shown in notifications."""
        ...

    def update(self, channel: str, ts: str, text: str, blocks: Blocks, *, key: str) -> Posted:
        """Put other words into a message that stands there."""
        ...

    def find(self, channel: str, key: str, since: datetime) -> Posted | None:
        """Give the newest message with this key that was posted since then, None if none was."""
        ...

    def upload(
        self,
        channel: str,
        thread_ts: str,
        path: Path,
        *,
        filename: str,
        title: str,
        comment: str | None = None,
    ) -> str:
        """Put a file into a message's thread and give its id."""
        ...

    def find_upload(self, channel: str, thread_ts: str, filename: str) -> str | None:
        """Give the id of the file with this name in a thread, None if there is none."""
        ...

    def delete_file(self, file_id: str) -> None:
        """Delete a file; one that is gone already is no error."""
        ...
