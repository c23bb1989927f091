"""A folder that stands in for Slack: messages as JSON and text, with their files next to them.

Layout: `<ts>-<key>.json` is the message as Slack would receive it, `<ts>-<key>.txt` is the same
message to read, and the folder `<ts>-<key>/` holds the files of its thread. Lookups read the
folder, so a retry after a crash finds what is already there.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from integrations.errors import NoSpace, NotFound, UnexpectedResponse
from integrations.slack.messenger import METADATA_EVENT, REQUIRED_SCOPES, Account, Blocks, Posted

DEFAULT_CHANNEL = "outbox"


class Outbox:
    """A folder that messages are written to. Thread-safe; created by the first message.

    `check` is called before anything is written or deleted, and raises if that may not be.
    """

    def __init__(
        self,
        folder: Path,
        clock: Callable[[], float] = time.time,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._check = check
        self._lock = threading.Lock()

    def check(self) -> Account:
        """Return the folder as the account; it has every scope."""
        return Account(team=str(self._folder), bot_user="rapport", scopes=REQUIRED_SCOPES)

    def check_channel(self, channel: str) -> None:
        """Accept any channel, even an empty one."""

    def post(
        self, channel: str, text: str, blocks: Blocks, *, key: str, thread_ts: str | None = None
    ) -> Posted:
        """Write a message as JSON and text."""
        with self._lock:
            taken = {content["ts"] for _, content in self._messages()}
            micros = int(self._clock() * 1_000_000)
            while (ts := f"{micros // 1_000_000}.{micros % 1_000_000:06d}") in taken:
                micros += 1
            if thread_ts is not None and thread_ts not in taken:
                raise NotFound("The outbox has no message to start this thread.")
            content = {
                "channel": channel or DEFAULT_CHANNEL,
                "ts": ts,
                "thread_ts": thread_ts,
                "text": text,
                "blocks": [dict(block) for block in blocks],
                "metadata": {"event_type": METADATA_EVENT, "event_payload": {"key": key}},
            }
            self._write(self._folder / f"{ts}-{_file_name(key)}.json", content)
        return Posted(str(content["channel"]), ts)

    def update(self, channel: str, ts: str, text: str, blocks: Blocks, *, key: str) -> Posted:
        """Rewrite a message's files with new content."""
        with self._lock:
            path, content = self._message(channel, ts)
            words = {"text": text, "blocks": [dict(block) for block in blocks]}
            metadata = {"event_type": METADATA_EVENT, "event_payload": {"key": key}}
            self._write(path, {**content, **words, "metadata": metadata})
        return Posted(content["channel"], ts)

    def find(self, channel: str, key: str, since: datetime) -> Posted | None:
        """Return the newest message with this key, or None; ignores `since`."""
        for _, content in sorted(self._messages(), key=lambda one: one[1]["ts"], reverse=True):
            is_there = content["channel"] == (channel or DEFAULT_CHANNEL)
            if is_there and not content.get("thread_ts") and _key_of(content) == key:
                return Posted(content["channel"], content["ts"])
        return None

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
        """Copy a file next to its message, replacing any file of the same name.

        Raises:
            NotFound: the file is missing or empty, or the message does not exist.
        """
        if not path.is_file() or path.stat().st_size == 0:
            raise NotFound(f"The file {path.name} for the outbox is missing or empty.")
        message, _ = self._message(channel, thread_ts)
        target = message.with_suffix("") / _file_name(filename)
        self._check()
        try:
            target.parent.mkdir(exist_ok=True)
            partial = target.with_name(target.name + ".part")
            shutil.copyfile(path, partial)
            os.replace(partial, target)
        except OSError as exc:
            raise _unwritable(exc) from exc
        return f"{target.parent.name}/{target.name}"

    def find_upload(self, channel: str, thread_ts: str, filename: str) -> str | None:
        """Return the id of the file with this name next to a message, or None."""
        message, _ = self._message(channel, thread_ts)
        target = message.with_suffix("") / _file_name(filename)
        return f"{target.parent.name}/{target.name}" if target.is_file() else None

    def delete_file(self, file_id: str) -> None:
        """Delete a file; a file that is already gone is not an error."""
        folder, _, name = file_id.partition("/")
        if any(part != Path(part).name or part in ("", "..") for part in (folder, name)):
            raise UnexpectedResponse("This file is not in the outbox.")
        self._check()
        (self._folder / folder / name).unlink(missing_ok=True)

    def path_of(self, posted: Posted) -> Path:
        """Return the path of a message's text file."""
        return self._message(posted.channel, posted.ts)[0].with_suffix(".txt")

    def _messages(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        for path in sorted(self._folder.glob("*.json")):
            try:
                content = json.loads(path.read_text("utf-8"))
            except (OSError, ValueError):
                continue  # not ours: we replace files atomically
            if isinstance(content, dict) and "ts" in content and "channel" in content:
                yield path, content

    def _message(self, channel: str, ts: str) -> tuple[Path, dict[str, Any]]:
        for path, content in self._messages():
            if content["ts"] == ts and content["channel"] == (channel or DEFAULT_CHANNEL):
                return path, content
        raise NotFound("The message is not in the outbox, or no longer there.")

    def _write(self, path: Path, content: dict[str, Any]) -> None:
        self._check()
        # The text goes first: a message counts as posted once its JSON exists.
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            _write_whole(path.with_suffix(".txt"), _as_text(content))
            _write_whole(path, json.dumps(content, ensure_ascii=False, indent=2))
        except OSError as exc:
            raise _unwritable(exc) from exc


def _as_text(content: dict[str, Any]) -> str:
    """Format a message for reading: the text of its blocks, or else its notification text."""
    lines = [line for block in content["blocks"] for line in _block_lines(block)]
    return "\n\n".join(lines or [content["text"]]) + "\n"


def _block_lines(block: dict[str, Any]) -> Iterator[str]:
    kind = block.get("type")
    if kind == "divider":
        yield "―" * 20
    if isinstance(block.get("text"), dict):
        yield _plain(block["text"].get("text", ""))
    fields = [_plain(field.get("text", "")) for field in block.get("fields", [])]
    if fields:
        yield "\n".join(field.replace("\n", ": ", 1) for field in fields)
    elements = block.get("elements", [])
    if kind == "context":
        yield "  ".join(_plain(element.get("text", "")) for element in elements)
    if kind == "actions":
        for element in elements:
            label = _plain(element.get("text", {}).get("text", ""))
            yield f"[{label}] {element.get('url', '')}".rstrip()


def _plain(mrkdwn: str) -> str:
    text = re.sub(r"<(https?://[^|>]+)\|([^>]+)>", r"\2 (\1)", mrkdwn)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _key_of(content: dict[str, Any]) -> object:
    return ((content.get("metadata") or {}).get("event_payload") or {}).get("key")


def _file_name(name: str) -> str:
    """Return a file name that is safe on any file system and distinct for distinct names."""
    safe = re.sub(r"[^\w.-]+", "_", name).lstrip(".")
    if safe == name and len(name) <= 100:
        return name
    stem, dot, ending = safe[-100:].rpartition(".")
    digest = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{stem}-{digest}.{ending}" if dot else f"{ending}-{digest}"


def _write_whole(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".part")
    partial.write_text(text, "utf-8")
    os.replace(partial, path)


def _unwritable(exc: OSError) -> NoSpace | UnexpectedResponse:
    if exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoSpace("The disk is full; the outbox could not be written.", 0, 0)
    return UnexpectedResponse(f"The outbox could not be written: {exc.strerror or exc}.")
