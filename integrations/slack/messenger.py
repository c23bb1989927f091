"""The interface that Rapport posts messages through, and the values it returns.

It has two implementations: `SlackMessenger` (a workspace) and `Outbox` (a folder). Each post
carries a key in its metadata, so a retry can find what was posted before the process died or the
response was lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

METADATA_EVENT = "rapport_call"
REQUIRED_SCOPES = frozenset({"chat:write", "files:write", "channels:history"})
"""A private channel also needs `groups:history`."""

Blocks = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Account:
    """The workspace and bot that we post as."""

    team: str
    bot_user: str
    scopes: frozenset[str]

    @property
    def missing_scopes(self) -> frozenset[str]:
        """Scopes that Rapport needs and the token lacks."""
        return REQUIRED_SCOPES - self.scopes


@dataclass(frozen=True, slots=True)
class Posted:
    """A posted message. `channel` is the ID that Slack returned."""

    channel: str
    ts: str


class Messenger(Protocol):
    """A place to post messages, with threads and files.

    Every method may raise AuthFailed, RateLimited, Unavailable, NotFound or UnexpectedResponse.
    None of them waits or retries.
    """

    def check(self) -> Account:
        """Return who we are posting as and which scopes we have."""
        ...

    def check_channel(self, channel: str) -> None:
        """Check that this channel's messages can be read; raise the error if they cannot."""
        ...

    def post(
        self, channel: str, text: str, blocks: Blocks, *, key: str, thread_ts: str | None = None
    ) -> Posted:
        """Post a message that `find` can find by `key`. `text` is shown in notifications."""
        ...

    def update(self, channel: str, ts: str, text: str, blocks: Blocks, *, key: str) -> Posted:
        """Replace the content of a posted message."""
        ...

    def find(self, channel: str, key: str, since: datetime) -> Posted | None:
        """Return the newest message with this key posted since then, or None."""
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
        """Upload a file to a message's thread and return its id."""
        ...

    def find_upload(self, channel: str, thread_ts: str, filename: str) -> str | None:
        """Return the id of the file with this name in a thread, or None."""
        ...

    def delete_file(self, file_id: str) -> None:
        """Delete a file; a file that is already gone is not an error."""
        ...
