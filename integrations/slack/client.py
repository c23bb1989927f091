"""Slack through slack_sdk, with the library's errors mapped in one place (`_call`).

The library's own retry handlers are off: the default one resends a message when the connection
drops after Slack has accepted it, which would post the message twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import HTTPError
from urllib.parse import urlsplit

from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.client import WebClient
from slack_sdk.web.slack_response import SlackResponse

from integrations.errors import NotFound, RateLimited, Unavailable, UnexpectedResponse
from integrations.slack.messenger import METADATA_EVENT, Account, Blocks, Posted
from integrations.slack.refusals import error_from, seconds

log = logging.getLogger(__name__)

TIMEOUT_S = 30
PAGE_SIZE = 200  # The most that Slack recommends.
MOST_PAGES = 50
Answer = TypeVar("Answer")
CLOCK_MARGIN = timedelta(minutes=5)
"""Allows for clock drift: messages are timed by Slack's clock, `since` by ours."""


class SlackMessenger:
    """A Slack workspace. Thread-safe; the constructor does no I/O.

    `check` is called immediately before each request, and raises if none may be made.
    """

    def __init__(
        self,
        token: str,
        base_url: str = "https://slack.com/api/",
        *,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._check = check
        # The library logs upload URLs, which are secrets, and errors that we raise anyway.
        quiet = logging.getLogger(f"{__name__}.sdk")
        quiet.setLevel(logging.CRITICAL + 1)
        self._web = _Web(
            token=token, base_url=base_url, timeout=TIMEOUT_S, logger=quiet, retry_handlers=[]
        )
        # slack_sdk reads HTTPS_PROXY but ignores NO_PROXY; None leaves both to urllib.
        self._web.proxy = None

    def check(self) -> Account:
        """Return the workspace and bot that the token belongs to, and the token's scopes."""
        answer = self._call("auth.test", None, self._web.auth_test)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        scopes = str(headers.get("x-oauth-scopes", ""))
        return Account(
            team=str(answer.get("team", "")),
            bot_user=str(answer.get("user", "")),
            scopes=frozenset(scope.strip() for scope in scopes.split(",") if scope.strip()),
        )

    def check_channel(self, channel: str) -> None:
        """Check that the channel's history can be read; needs only the scopes that `find` needs."""
        self._call(
            "conversations.history",
            channel,
            lambda: self._web.conversations_history(channel=channel, limit=1),
        )

    def post(
        self, channel: str, text: str, blocks: Blocks, *, key: str, thread_ts: str | None = None
    ) -> Posted:
        """Post a message with its key as metadata; links in it are not unfurled."""
        answer = self._call(
            "chat.postMessage",
            channel,
            lambda: self._web.chat_postMessage(
                channel=channel,
                text=text,
                blocks=[dict(block) for block in blocks],
                metadata=_metadata(key),
                thread_ts=thread_ts,
                unfurl_links=False,
                unfurl_media=False,
            ),
        )
        return _posted(answer, channel)

    def update(self, channel: str, ts: str, text: str, blocks: Blocks, *, key: str) -> Posted:
        """Edit one of our messages; its key stays the same."""
        answer = self._call(
            "chat.update",
            channel,
            lambda: self._web.chat_update(
                channel=channel,
                ts=ts,
                text=text,
                blocks=[dict(block) for block in blocks],
                metadata=_metadata(key),
            ),
        )
        return _posted(answer, channel)

    def find(self, channel: str, key: str, since: datetime) -> Posted | None:
        """Search the channel's history for our newest message with this key.

        Reads at most 10 000 messages, and logs a warning when it stops there.
        """
        oldest = f"{(since - CLOCK_MARGIN).timestamp():.6f}"
        found = [
            message
            for message in self._messages(
                "conversations.history",
                channel,
                lambda cursor: self._web.conversations_history(
                    channel=channel,
                    oldest=oldest,
                    include_all_metadata=True,
                    limit=PAGE_SIZE,
                    cursor=cursor,
                ),
            )
            if _key_of(message) == key and message.get("ts")
        ]
        newest = max(found, key=lambda message: float(message["ts"]), default=None)
        return Posted(channel, str(newest["ts"])) if newest else None

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
        """Upload a file to a message's thread and return its id.

        Raises:
            NotFound: the local file is missing, or is empty, which Slack does not accept.
        """
        if not path.is_file() or path.stat().st_size == 0:
            raise NotFound(f"The file {path.name} for Slack is missing or empty.")
        content = path.read_bytes()
        # Step by step, so that an error names the step that failed.
        place = self._call(
            "files.getUploadURLExternal",
            channel,
            lambda: self._web.files_getUploadURLExternal(filename=filename, length=len(content)),
        )
        self._call(
            "the file's upload address",
            channel,
            lambda: self._web.send_file(str(place["upload_url"]), content),
        )
        answer = self._call(
            "files.completeUploadExternal",
            channel,
            lambda: self._web.files_completeUploadExternal(
                files=[{"id": place.get("file_id"), "title": title}],
                channel_id=channel,
                thread_ts=thread_ts,
                initial_comment=comment,
            ),
        )
        files = answer.get("files")
        file_id = files[0].get("id") if isinstance(files, list) and files else None
        if not isinstance(file_id, str):
            raise UnexpectedResponse("Slack accepted the file but returned no id for it.")
        return file_id

    def find_upload(self, channel: str, thread_ts: str, filename: str) -> str | None:
        """Return the id of the newest file with this name in a thread, or None."""
        found: str | None = None
        for message in self._messages(
            "conversations.replies",
            channel,
            lambda cursor: self._web.conversations_replies(
                channel=channel, ts=thread_ts, limit=PAGE_SIZE, cursor=cursor
            ),
        ):
            for file in message.get("files") or ():
                # A deleted file leaves a tombstone in the thread.
                if file.get("name") == filename and file.get("mode") != "tombstone":
                    found = str(file["id"])
        return found

    def delete_file(self, file_id: str) -> None:
        """Delete a file; a file that is already gone is not an error."""
        try:
            self._call("files.delete", None, lambda: self._web.files_delete(file=file_id))
        except NotFound:
            log.info("The file %s was already gone from Slack.", file_id)

    def _messages(
        self, method: str, channel: str, ask: Callable[[str | None], SlackResponse]
    ) -> Iterator[Mapping[str, Any]]:
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            at = cursor
            answer = self._call(method, channel, lambda at=at: ask(at))  # type: ignore[misc]
            messages = answer.get("messages")
            if not isinstance(messages, list):
                raise UnexpectedResponse(f"Slack's response to {method} contains no messages.")
            yield from (message for message in messages if isinstance(message, dict))
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or None
            if cursor is None:
                return
        log.warning("Stopped after searching %d messages in %s.", MOST_PAGES * PAGE_SIZE, channel)

    def _call(self, method: str, channel: str | None, ask: Callable[[], Answer]) -> Answer:
        if channel == "":
            raise NotFound("No Slack channel is set: put its ID in RAPPORT_SLACK__CHANNEL.")
        self._check()
        try:
            return ask()
        except SlackApiError as exc:
            raise error_from(exc, method, channel) from exc
        except HTTPError as exc:  # from the upload, which is not an API call
            with exc:
                if exc.code == 429:
                    wait_s = seconds(exc.headers.get("Retry-After"))
                    raise RateLimited(
                        f"Slack's rate limit was reached ({method}).", wait_s
                    ) from exc
            if exc.code >= 500:
                raise Unavailable(
                    f"Slack had an internal error ({method}: HTTP {exc.code})."
                ) from exc
            raise UnexpectedResponse(
                f"Slack refused the upload ({method}: HTTP {exc.code})."
            ) from exc
        except (OSError, HTTPException) as exc:
            # URLError, timeouts and broken connections; their text may contain an upload URL.
            reason = type(getattr(exc, "reason", None) or exc).__name__
            raise Unavailable(f"The connection to Slack broke ({method}): {reason}.") from exc
        except (SlackClientError, ValueError) as exc:
            raise UnexpectedResponse(f"Slack's response to {method} could not be read.") from exc


class _Web(WebClient):
    """slack_sdk's client, with a check on the address that files are uploaded to."""

    def files_getUploadURLExternal(self, **kwargs: Any) -> SlackResponse:
        answer = super().files_getUploadURLExternal(**kwargs)
        address = urlsplit(str(answer.get("upload_url", "")))
        # Plain http is allowed only for the stand-in, whose API also uses plain http.
        allowed = {"https"} if urlsplit(self.base_url).scheme == "https" else {"https", "http"}
        if address.scheme not in allowed or not address.hostname:
            raise UnexpectedResponse("Slack returned an upload address that is not https.")
        return answer

    def send_file(self, url: str, content: bytes) -> None:
        """Send a file's bytes to the address that `files_getUploadURLExternal` returned."""
        self._upload_file(
            url=url,
            data=content,
            logger=self._logger,
            timeout=self.timeout,
            proxy=self.proxy,
            ssl=self.ssl,
        )


def _metadata(key: str) -> dict[str, object]:
    return {"event_type": METADATA_EVENT, "event_payload": {"key": key}}


def _key_of(message: Mapping[str, Any]) -> str | None:
    metadata = message.get("metadata")
    if not isinstance(metadata, dict) or metadata.get("event_type") != METADATA_EVENT:
        return None
    payload = metadata.get("event_payload")
    key = payload.get("key") if isinstance(payload, dict) else None
    return key if isinstance(key, str) else None


def _posted(answer: SlackResponse, channel: str) -> Posted:
    ts = answer.get("ts")
    if not isinstance(ts, str) or not ts:
        raise UnexpectedResponse("Slack accepted the message but returned no ts for it.")
    return Posted(str(answer.get("channel") or channel), ts)
