"""The Slack stand-in's data, and the methods of Slack's Web API on it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bot.demo.stand_ins.slack_blocks import block_errors

DEFAULT_CHANNEL = "C0RAPPORT"
TEXT_CHARS = 40_000
"""Slack truncates longer texts."""

Arguments = dict[str, Any]
Answer = dict[str, Any]


@dataclass
class SlackMessage:
    """One message of a channel, or a reply in a thread (`thread_ts` of another message)."""

    channel: str
    ts: str
    text: str
    blocks: list[dict[str, Any]] = field(default_factory=list)
    metadata: dict[str, Any] | None = None
    thread_ts: str | None = None
    edited: bool = False
    file_ids: list[str] = field(default_factory=list)

    @property
    def is_reply(self) -> bool:
        """Whether the message is a reply in another message's thread."""
        return self.thread_ts is not None and self.thread_ts != self.ts


@dataclass
class SlackFile:
    """One upload. `is_complete` is set once files.completeUploadExternal has named the file."""

    id: str
    name: str
    length: int
    title: str = ""
    content: bytes = field(default=b"", repr=False)
    is_complete: bool = False
    channel: str | None = None
    thread_ts: str | None = None


class SlackError(Exception):
    """A response with `ok: false`; carries Slack's error code and other fields."""

    def __init__(self, code: str, fields: Answer | None = None) -> None:
        super().__init__(code, fields)
        self.code = code
        self.fields = fields or {}


class SlackWorkspace:
    """Channels, messages and files. Thread-safe; `base_url` is the start of the URLs it returns."""

    def __init__(self, channels: dict[str, str], scopes: tuple[str, ...]) -> None:
        self.channels = channels
        self.scopes = scopes
        self.base_url = ""
        self._messages: list[SlackMessage] = []
        self._files: dict[str, SlackFile] = {}
        self._last_ts = 0
        self._lock = threading.RLock()
        self._methods: dict[str, tuple[Callable[[Arguments], Answer], str]] = {
            "auth.test": (self._auth_test, ""),
            "chat.postMessage": (self._post_message, "chat:write"),
            "chat.update": (self._update, "chat:write"),
            "chat.delete": (self._delete, "chat:write"),
            "chat.getPermalink": (self._permalink, ""),
            "conversations.history": (self._history, "channels:history"),
            "conversations.replies": (self._replies, "channels:history"),
            "conversations.info": (self._channel_info, "channels:read"),
            "files.getUploadURLExternal": (self._upload_url, "files:write"),
            "files.completeUploadExternal": (self._complete_upload, "files:write"),
            "files.info": (self._file_info, "files:read"),
            "files.delete": (self._delete_file, "files:write"),
        }

    @property
    def messages(self) -> list[SlackMessage]:
        """Every message and reply, oldest first. A copy."""
        with self._lock:
            return list(self._messages)

    @property
    def files(self) -> list[SlackFile]:
        """Every completed upload, oldest first. A copy."""
        with self._lock:
            return [file for file in self._files.values() if file.is_complete]

    def call(self, method: str, arguments: Arguments) -> Answer:
        """Execute a method of the Web API and return its response without `ok`.

        Raises:
            SlackError: Slack would respond with `ok: false`.
        """
        if method not in self._methods:
            raise SlackError("unknown_method", {"req_method": method})
        do, scope = self._methods[method]
        if scope and not self._has_scope(scope):
            provided = ",".join(self.scopes)
            raise SlackError("missing_scope", {"needed": scope, "provided": provided})
        with self._lock:
            return do(arguments)

    def upload(self, file_id: str, content: bytes) -> None:
        """Store the bytes of an announced file.

        Raises:
            SlackError: no such file was announced, or the length is different.
        """
        with self._lock:
            file = self.file(file_id)
            if len(content) != file.length:
                raise SlackError(f"expected {file.length} bytes, got {len(content)}")
            file.content = content

    def file(self, file_id: str) -> SlackFile:
        """Return the file with this id.

        Raises:
            SlackError: there is no such file.
        """
        file = self._files.get(file_id)
        if file is None:
            raise SlackError("file_not_found")
        return file

    def message_view(self, message: SlackMessage, *, metadata: bool) -> dict[str, Any]:
        """Return a message in the format of Slack's API."""
        with self._lock:
            return self._view(message, metadata=metadata)

    # Methods; each runs under the lock.

    def _auth_test(self, arguments: Arguments) -> Answer:
        return {
            "url": f"{self.base_url}/",
            "team": "Rapport demo",
            "user": "rapport",
            "team_id": "T0RAPPORT",
            "user_id": "U0RAPPORT",
            "bot_id": "B0RAPPORT",
            "is_enterprise_install": False,
        }

    def _post_message(self, arguments: Arguments) -> Answer:
        channel = self._channel(arguments)
        text, blocks = _content(arguments)
        thread_ts = arguments.get("thread_ts") or None
        if thread_ts is not None and self._message(channel, thread_ts) is None:
            raise SlackError("thread_not_found")
        metadata = arguments.get("metadata")
        message = SlackMessage(channel, self._new_ts(), text, blocks, metadata, thread_ts)
        self._messages.append(message)
        return {"channel": channel, "ts": message.ts, "message": self._view(message, metadata=True)}

    def _update(self, arguments: Arguments) -> Answer:
        channel = self._channel(arguments)
        message = self._message(channel, str(arguments.get("ts", "")))
        if message is None:
            raise SlackError("message_not_found")
        message.text, message.blocks = _content(arguments)
        if arguments.get("metadata") is not None:
            message.metadata = arguments["metadata"]
        message.edited = True
        return {
            "channel": channel,
            "ts": message.ts,
            "text": message.text,
            "message": self._view(message, metadata=True),
        }

    def _delete(self, arguments: Arguments) -> Answer:
        channel = self._channel(arguments)
        message = self._message(channel, str(arguments.get("ts", "")))
        if message is None:
            raise SlackError("message_not_found")
        self._messages.remove(message)
        return {"channel": channel, "ts": message.ts}

    def _permalink(self, arguments: Arguments) -> Answer:
        channel = self._channel(arguments)
        message = self._message(channel, str(arguments.get("message_ts", "")))
        if message is None:
            raise SlackError("message_not_found")
        path = f"archives/{channel}/p{message.ts.replace('.', '')}"
        return {"channel": channel, "permalink": f"{self.base_url}/{path}"}

    def _history(self, arguments: Arguments) -> Answer:
        channel = self._channel(arguments)
        found = [m for m in self._messages if m.channel == channel and not m.is_reply]
        return self._listing(found[::-1], arguments)

    def _replies(self, arguments: Arguments) -> Answer:
        channel = self._channel(arguments)
        parent = str(arguments.get("ts", ""))
        if self._message(channel, parent) is None:
            raise SlackError("thread_not_found")
        found = [
            message
            for message in self._messages
            if message.channel == channel and parent in (message.ts, message.thread_ts)
        ]
        return self._listing(found, arguments)

    def _channel_info(self, arguments: Arguments) -> Answer:
        channel = self._channel(arguments)
        return {
            "channel": {
                "id": channel,
                "name": self.channels[channel],
                "is_channel": True,
                "is_private": False,
                "is_archived": False,
                "is_member": True,
            }
        }

    def _upload_url(self, arguments: Arguments) -> Answer:
        length = int(arguments.get("length") or 0)
        if not arguments.get("filename") or length <= 0:
            raise SlackError("invalid_arguments")
        file_id = f"F{len(self._files) + 1:08d}"
        self._files[file_id] = SlackFile(file_id, arguments["filename"], length)
        return {"upload_url": f"{self.base_url}/upload/{file_id}", "file_id": file_id}

    def _complete_upload(self, arguments: Arguments) -> Answer:
        channel = arguments.get("channel_id") or arguments.get("channels") or None
        thread_ts = arguments.get("thread_ts") or None
        if channel is not None:
            channel = self._channel({"channel": str(channel).split(",")[0]})
            if thread_ts is not None and self._message(channel, thread_ts) is None:
                raise SlackError("thread_not_found")
        entries = arguments.get("files") or []
        files = [self._files.get(entry.get("id", "")) for entry in entries]
        done = [file for file in files if file is not None and file.content]
        if not done or len(done) != len(files):
            raise SlackError("file_not_found")
        for file, entry in zip(done, entries, strict=True):
            file.title = entry.get("title") or file.name
            file.is_complete = True
            file.channel, file.thread_ts = channel, thread_ts
        if channel is not None:
            text, file_ids = arguments.get("initial_comment") or "", [file.id for file in done]
            self._messages.append(
                SlackMessage(channel, self._new_ts(), text, thread_ts=thread_ts, file_ids=file_ids)
            )
        return {"files": [self.file_view(file) for file in done]}

    def _file_info(self, arguments: Arguments) -> Answer:
        return {"file": self.file_view(self.file(str(arguments.get("file") or "")))}

    def _delete_file(self, arguments: Arguments) -> Answer:
        file = self.file(str(arguments.get("file") or ""))
        del self._files[file.id]
        for message in list(self._messages):
            if file.id in message.file_ids:
                message.file_ids.remove(file.id)
                if not message.file_ids and not message.text:
                    self._messages.remove(message)
        return {}

    # Parts of the methods.

    def _has_scope(self, scope: str) -> bool:
        """Return whether a scope is granted; channels:… and groups:… count as the same here."""
        return scope in self.scopes or scope.replace("channels:", "groups:") in self.scopes

    def _channel(self, arguments: Arguments) -> str:
        channel = str(arguments.get("channel") or "")
        if channel not in self.channels:
            raise SlackError("channel_not_found")
        return channel

    def _message(self, channel: str, ts: str) -> SlackMessage | None:
        found = (m for m in self._messages if (m.channel, m.ts) == (channel, ts))
        return next(found, None)

    def _new_ts(self) -> str:
        """Return a new Slack timestamp, which also identifies the message: unique and ascending."""
        self._last_ts = max(self._last_ts + 1, int(time.time() * 1_000_000))
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def _listing(self, found: list[SlackMessage], arguments: Arguments) -> Answer:
        oldest = float(arguments.get("oldest") or 0)
        latest = float(arguments.get("latest") or "inf")
        inclusive = _is_true(arguments.get("inclusive"))
        kept = [
            message
            for message in found
            if oldest < float(message.ts) < latest
            or (inclusive and float(message.ts) in (oldest, latest))
        ]
        limit = max(1, min(1000, int(arguments.get("limit") or 100)))
        start = int(arguments.get("cursor") or 0)
        following = start + limit
        has_more = following < len(kept)
        with_metadata = _is_true(arguments.get("include_all_metadata"))
        return {
            "messages": [self._view(m, metadata=with_metadata) for m in kept[start:following]],
            "has_more": has_more,
            "response_metadata": {"next_cursor": str(following) if has_more else ""},
        }

    def _view(self, message: SlackMessage, *, metadata: bool) -> dict[str, Any]:
        view: dict[str, Any] = {
            "type": "message",
            "user": "U0RAPPORT",
            "bot_id": "B0RAPPORT",
            "ts": message.ts,
            "text": message.text,
            "blocks": message.blocks,
        }
        if message.thread_ts is not None:
            view["thread_ts"] = message.thread_ts
        if message.edited:
            view["edited"] = {"user": "U0RAPPORT", "ts": message.ts}
        if message.file_ids:
            view["files"] = [self.file_view(self._files[id_]) for id_ in message.file_ids]
        if metadata and message.metadata is not None:
            view["metadata"] = message.metadata
        return view

    def file_view(self, file: SlackFile) -> dict[str, Any]:
        """Return a file in the format of Slack's API."""
        return {
            "id": file.id,
            "name": file.name,
            "title": file.title,
            "size": file.length,
            "url_private": f"{self.base_url}/files/{file.id}/{file.name}",
        }


def _content(arguments: Arguments) -> tuple[str, list[dict[str, Any]]]:
    """Validate and return the text and blocks of a message."""
    text = str(arguments.get("text") or "")
    blocks = arguments.get("blocks") or []
    if not text and not blocks:
        raise SlackError("no_text")
    code, messages = block_errors(blocks)
    if code:
        raise SlackError(code, {"response_metadata": {"messages": messages}} if messages else None)
    metadata = arguments.get("metadata")
    if metadata is not None and not (
        isinstance(metadata, dict) and {"event_type", "event_payload"} <= metadata.keys()
    ):
        raise SlackError("invalid_metadata_format")
    return text[:TEXT_CHARS], blocks


def _is_true(value: Any) -> bool:
    return str(value).lower() in ("1", "true")
