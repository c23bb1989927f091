"""Slack and the outbox behind one interface, and the mapping of Slack's errors."""

from __future__ import annotations

import json
import logging
import pickle
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bot.demo.stand_ins.slack import SlackStandIn
from bot.demo.stand_ins.slack_workspace import DEFAULT_CHANNEL
from integrations.errors import (
    AuthFailed,
    IntegrationError,
    NotFound,
    RateLimited,
    Unavailable,
    UnexpectedResponse,
)
from integrations.slack import client as slack_client
from integrations.slack.client import SlackMessenger
from integrations.slack.messenger import REQUIRED_SCOPES, Messenger
from integrations.slack.outbox import Outbox
from tests.fakes.canned_server import CannedServer

TOKEN = "xoxb-demo-token"
BLOCKS = [{"type": "section", "text": {"type": "mrkdwn", "text": "*Weekly* &amp; more"}}]


@pytest.fixture(scope="module")
def one_slack() -> Iterator[SlackStandIn]:
    with SlackStandIn(token=TOKEN) as stand_in:
        yield stand_in


@pytest.fixture
def slack(one_slack: SlackStandIn) -> SlackStandIn:
    """Slack without messages and files: starting one for each test takes longer than the tests."""
    for message in one_slack.messages:
        one_slack.workspace.call("chat.delete", {"channel": message.channel, "ts": message.ts})
    for file in one_slack.files:
        one_slack.workspace.call("files.delete", {"file": file.id})
    one_slack.faults.clear()
    one_slack.requests.clear()
    return one_slack


@pytest.fixture
def messenger(slack: SlackStandIn) -> SlackMessenger:
    return SlackMessenger(TOKEN, slack.api_url)


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.pdf"
    path.write_bytes(b"%PDF-1.7 report")
    return path


def long_ago() -> datetime:
    return datetime.now(UTC) - timedelta(hours=1)


class TestMessengers:
    """Behaviour that both messengers share."""

    @pytest.fixture(params=["slack", "outbox"])
    def place(self, request: pytest.FixtureRequest, tmp_path: Path) -> Messenger:
        if request.param == "outbox":
            return Outbox(tmp_path / "outbox")
        messenger: SlackMessenger = request.getfixturevalue("messenger")
        return messenger

    def test_checking_the_token_returns_who_we_are_and_no_missing_scope(
        self, place: Messenger
    ) -> None:
        account = place.check()
        assert account.bot_user == "rapport"
        assert account.team
        assert account.missing_scopes == frozenset()
        place.check_channel(DEFAULT_CHANNEL)

    def test_a_posted_message_is_found_by_its_key(self, place: Messenger) -> None:
        assert place.find(DEFAULT_CHANNEL, "call-1:message", long_ago()) is None
        posted = place.post(DEFAULT_CHANNEL, "Weekly", BLOCKS, key="call-1:message")
        place.post(DEFAULT_CHANNEL, "Weekly", BLOCKS, key="call-2:message")
        assert place.find(DEFAULT_CHANNEL, "call-1:message", long_ago()) == posted
        assert place.find(DEFAULT_CHANNEL, "call-1", long_ago()) is None

    def test_an_edited_message_keeps_its_identity_and_is_still_found(
        self, place: Messenger
    ) -> None:
        posted = place.post(DEFAULT_CHANNEL, "Weekly", BLOCKS, key="k")
        assert place.update(posted.channel, posted.ts, "Better", BLOCKS, key="k") == posted
        assert place.find(DEFAULT_CHANNEL, "k", long_ago()) == posted

    def test_the_newest_of_two_with_one_key_is_found(self, place: Messenger) -> None:
        place.post(DEFAULT_CHANNEL, "one", BLOCKS, key="k")
        second = place.post(DEFAULT_CHANNEL, "two", BLOCKS, key="k")
        assert place.find(DEFAULT_CHANNEL, "k", long_ago()) == second

    def test_thread_replies_are_not_mistaken_for_the_message(self, place: Messenger) -> None:
        posted = place.post(DEFAULT_CHANNEL, "Weekly", BLOCKS, key="k")
        place.post(DEFAULT_CHANNEL, "reply", [], key="k", thread_ts=posted.ts)
        assert place.find(DEFAULT_CHANNEL, "k", long_ago()) == posted

    def test_a_file_is_found_by_name_until_it_is_deleted(
        self, place: Messenger, report: Path
    ) -> None:
        posted = place.post(DEFAULT_CHANNEL, "Weekly", BLOCKS, key="call-1:message")
        assert place.find_upload(posted.channel, posted.ts, "rapport.pdf") is None
        file_id = place.upload(
            posted.channel, posted.ts, report, filename="rapport.pdf", title="Report"
        )
        assert place.find_upload(posted.channel, posted.ts, "rapport.pdf") == file_id
        assert place.find_upload(posted.channel, posted.ts, "other.pdf") is None
        place.delete_file(file_id)
        assert place.find_upload(posted.channel, posted.ts, "rapport.pdf") is None
        place.delete_file(file_id)

    def test_an_empty_or_missing_file_is_reported(
        self, place: Messenger, report: Path, tmp_path: Path
    ) -> None:
        posted = place.post(DEFAULT_CHANNEL, "Weekly", BLOCKS, key="k")
        report.write_bytes(b"")
        for path in (report, tmp_path / "none.pdf"):
            with pytest.raises(NotFound, match=path.name):
                place.upload(posted.channel, posted.ts, path, filename="r.pdf", title="Report")

    def test_a_missing_message_is_reported(self, place: Messenger) -> None:
        with pytest.raises(NotFound):
            place.update(DEFAULT_CHANNEL, "1.000001", "x", BLOCKS, key="k")
        with pytest.raises(NotFound):
            place.post(DEFAULT_CHANNEL, "x", BLOCKS, key="k", thread_ts="1.000001")


class TestSlack:
    """Behaviour that only Slack has."""

    def test_the_message_is_posted_with_metadata_and_without_previews(
        self, slack: SlackStandIn, messenger: SlackMessenger
    ) -> None:
        messenger.post(DEFAULT_CHANNEL, "Weekly", BLOCKS, key="call-1:message")
        (message,) = slack.messages
        assert (message.text, message.blocks) == ("Weekly", BLOCKS)
        assert message.metadata == {
            "event_type": "rapport_call",
            "event_payload": {"key": "call-1:message"},
        }
        sent = json.loads(slack.requests.to("/api/chat.postMessage")[0].body)
        assert (sent["unfurl_links"], sent["unfurl_media"]) == (False, False)

    def test_the_file_arrives_unchanged_in_the_thread(
        self, slack: SlackStandIn, messenger: SlackMessenger, report: Path
    ) -> None:
        posted = messenger.post(DEFAULT_CHANNEL, "Weekly", BLOCKS, key="k")
        messenger.upload(posted.channel, posted.ts, report, filename="r.pdf", title="Report: Ü")
        (file,) = slack.files
        assert (file.content, file.name, file.title) == (report.read_bytes(), "r.pdf", "Report: Ü")
        assert (file.channel, file.thread_ts) == (posted.channel, posted.ts)

    def test_only_messages_since_the_given_time_are_searched(
        self, messenger: SlackMessenger
    ) -> None:
        messenger.post(DEFAULT_CHANNEL, "Weekly", BLOCKS, key="k")
        later = datetime.now(UTC) + timedelta(hours=1)
        assert messenger.find(DEFAULT_CHANNEL, "k", later) is None

    def test_a_message_several_pages_back_is_found(
        self, slack: SlackStandIn, messenger: SlackMessenger
    ) -> None:
        posted = messenger.post(DEFAULT_CHANNEL, "Weekly", BLOCKS, key="k")
        for number in range(slack_client.PAGE_SIZE + 5):
            slack.workspace.call(
                "chat.postMessage", {"channel": DEFAULT_CHANNEL, "text": f"chatter {number}"}
            )
        assert messenger.find(DEFAULT_CHANNEL, "k", long_ago()) == posted
        assert len(slack.requests.to("/api/conversations.history")) == 2

    def test_a_post_that_was_accepted_without_a_response_is_sent_once_and_found(
        self, slack: SlackStandIn, messenger: SlackMessenger
    ) -> None:
        slack.faults.drop("/api/chat.postMessage")
        with pytest.raises(Unavailable):
            messenger.post(DEFAULT_CHANNEL, "Weekly", BLOCKS, key="k")
        assert len(slack.messages) == 1
        found = messenger.find(DEFAULT_CHANNEL, "k", long_ago())
        assert found is not None
        assert found.ts == slack.messages[0].ts

    def test_a_rate_limit_says_how_long_to_wait_and_is_not_waited_for(
        self, slack: SlackStandIn, messenger: SlackMessenger, report: Path
    ) -> None:
        slack.faults.status("/api/chat.postMessage", 429, retry_after=17)
        with pytest.raises(RateLimited) as caught:
            messenger.post(DEFAULT_CHANNEL, "Weekly", BLOCKS, key="k")
        assert caught.value.retry_after_s == 17
        assert slack.messages == []
        posted = messenger.post(DEFAULT_CHANNEL, "Weekly", BLOCKS, key="k")
        slack.faults.status("/upload/", 429, retry_after=3)
        with pytest.raises(RateLimited) as caught:
            messenger.upload(posted.channel, posted.ts, report, filename="r.pdf", title="R")
        assert caught.value.retry_after_s == 3
        assert pickle.loads(pickle.dumps(caught.value)).retry_after_s == 3

    @pytest.mark.parametrize("path", ["/api/", "/api/files.complete", "/upload/"])
    def test_an_internal_error_of_slack_is_worth_retrying(
        self, slack: SlackStandIn, messenger: SlackMessenger, report: Path, path: str
    ) -> None:
        posted = messenger.post(DEFAULT_CHANNEL, "Weekly", BLOCKS, key="k")
        for fail in (
            partial(slack.faults.status, path, 503),
            partial(slack.faults.drop, path, after_bytes=1),
        ):
            fail()
            with pytest.raises(Unavailable):
                messenger.upload(posted.channel, posted.ts, report, filename="r.pdf", title="R")
        if messenger.find_upload(posted.channel, posted.ts, "r.pdf") is None:
            messenger.upload(posted.channel, posted.ts, report, filename="r.pdf", title="R")
        assert len(slack.files) == 1

    def test_an_unreachable_workspace_is_worth_retrying(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match="ConnectionRefusedError"):
            SlackMessenger(TOKEN, f"http://127.0.0.1:{port}/api/").check()

    def test_a_host_in_no_proxy_is_reached_without_the_proxy(
        self, slack: SlackStandIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert SlackMessenger(TOKEN, slack.api_url).check().bot_user == "rapport"

    def test_a_wrong_token_says_which_setting_to_check(self, slack: SlackStandIn) -> None:
        with pytest.raises(AuthFailed, match=r"RAPPORT_SLACK__TOKEN") as caught:
            SlackMessenger("xoxb-wrong", slack.api_url).check()
        assert "xoxb-wrong" not in str(caught.value)

    def test_a_missing_scope_is_named(self) -> None:
        with SlackStandIn(token=TOKEN, scopes=("chat:write",)) as slack:
            messenger = SlackMessenger(TOKEN, slack.api_url)
            assert messenger.check().missing_scopes == REQUIRED_SCOPES - {"chat:write"}
            with pytest.raises(AuthFailed, match="scope channels:history"):
                messenger.find(DEFAULT_CHANNEL, "k", long_ago())

    def test_a_missing_channel_says_what_to_do(self, messenger: SlackMessenger) -> None:
        for ask in (
            lambda: messenger.post("#sales", "Weekly", BLOCKS, key="k"),
            lambda: messenger.check_channel("#sales"),
        ):
            with pytest.raises(NotFound, match=r"#sales does not exist.*ID"):
                ask()

    def test_an_unset_channel_is_reported_before_slack_is_called(
        self, slack: SlackStandIn, messenger: SlackMessenger
    ) -> None:
        with pytest.raises(NotFound, match="RAPPORT_SLACK__CHANNEL"):
            messenger.find("", "k", long_ago())
        assert len(slack.requests) == 0

    def test_refused_blocks_are_reported_with_slacks_own_words(
        self, messenger: SlackMessenger
    ) -> None:
        blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}]
        with pytest.raises(UnexpectedResponse, match="invalid_blocks"):
            messenger.post(DEFAULT_CHANNEL, "Weekly", blocks, key="k")

    def test_neither_the_token_nor_upload_addresses_are_logged(
        self, messenger: SlackMessenger, report: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        posted = messenger.post(DEFAULT_CHANNEL, "Weekly", BLOCKS, key="k")
        messenger.upload(posted.channel, posted.ts, report, filename="r.pdf", title="R")
        # The stand-in's own server writes its log here too.
        logged = [r.getMessage() for r in caplog.records if not r.name.startswith("uvicorn")]
        assert not [line for line in logged if TOKEN in line or "/upload/" in line]


ERRORS: list[tuple[str, type[IntegrationError], str]] = [
    ("not_in_channel", AuthFailed, "/invite"),
    ("token_revoked", AuthFailed, "revoked"),
    ("restricted_action_read_only_channel", AuthFailed, "administrator"),
    ("is_archived", NotFound, "archived"),
    ("ratelimited", RateLimited, "wait 30 s"),
    ("internal_error", Unavailable, "internal error"),
    ("something_new", UnexpectedResponse, "something_new"),
]


@pytest.mark.parametrize(("error", "kind", "words"), ERRORS)
def test_each_slack_error_code_maps_to_one_error(
    canned: Callable[[str, str], str], error: str, kind: type[IntegrationError], words: str
) -> None:
    base_url = canned(json.dumps({"ok": False, "error": error}), "application/json")
    with pytest.raises(kind, match=words):
        SlackMessenger(TOKEN, base_url).post("C1", "Weekly", BLOCKS, key="k")


@pytest.mark.parametrize(
    ("body", "words"),
    [("<html>proxy</html>", "not JSON"), ('{"ok": true}', "no ts"), ("", "not JSON")],
)
def test_a_response_that_is_not_slacks_is_reported(
    canned: Callable[[str, str], str], body: str, words: str
) -> None:
    with pytest.raises(UnexpectedResponse, match=words) as caught:
        SlackMessenger(TOKEN, canned(body, "text/html")).post("C1", "Weekly", BLOCKS, key="k")
    assert "proxy</html>" not in str(caught.value)


@pytest.mark.parametrize("address", ["ftp://x.test/f", "file:///etc/passwd", "", "//"])
def test_a_file_is_never_uploaded_to_an_odd_address(
    canned: Callable[[str, str], str], report: Path, address: str
) -> None:
    body = json.dumps({"ok": True, "upload_url": address, "file_id": "F1"})
    messenger = SlackMessenger(TOKEN, canned(body, "application/json"))
    with pytest.raises(UnexpectedResponse, match="upload address"):
        messenger.upload("C1", "1.0", report, filename="r.pdf", title="R")


class TestOutbox:
    """Behaviour that only the folder has."""

    def test_a_message_is_written_as_json_and_as_readable_text(self, tmp_path: Path) -> None:
        blocks: list[dict[str, Any]] = [
            {"type": "header", "text": {"type": "plain_text", "text": "Weekly"}},
            *BLOCKS,
            {"type": "section", "fields": [{"type": "mrkdwn", "text": "*Engagement*\n72"}]},
            {"type": "divider"},
            {"type": "actions", "elements": [
                {"type": "button", "text": {"text": "Report"}, "url": "http://x.test/r"}]},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": "<http://x.test|more>"}]},
        ]  # fmt: skip
        outbox = Outbox(tmp_path)
        posted = outbox.post("", "Weekly", blocks, key="call/1:message")
        text = outbox.path_of(posted).read_text("utf-8")
        assert text == (
            "Weekly\n\n*Weekly* & more\n\n*Engagement*: 72\n\n" + "―" * 20 + "\n\n"
            "[Report] http://x.test/r\n\nmore (http://x.test)\n"
        )
        (path,) = tmp_path.glob("*.json")
        assert json.loads(path.read_text("utf-8"))["blocks"] == blocks

    def test_a_message_without_blocks_is_written_as_its_text(self, tmp_path: Path) -> None:
        outbox = Outbox(tmp_path)
        posted = outbox.post("C1", "One line", [], key="k")
        assert outbox.path_of(posted).read_text("utf-8") == "One line\n"
        outbox.update("C1", posted.ts, "Another", [], key="k")
        assert outbox.path_of(posted).read_text("utf-8") == "Another\n"
        assert len(list(tmp_path.iterdir())) == 2

    def test_messages_of_the_same_instant_are_kept_apart(self, tmp_path: Path) -> None:
        outbox = Outbox(tmp_path, clock=lambda: 1789012345.0)
        first, second = (outbox.post("C1", "x", [], key=key) for key in "ab")
        assert (first.ts, second.ts) == ("1789012345.000000", "1789012345.000001")

    def test_a_new_process_finds_earlier_messages(self, tmp_path: Path) -> None:
        posted = Outbox(tmp_path).post("C1", "x", [], key="k")
        assert Outbox(tmp_path).find("C1", "k", long_ago()) == posted

    def test_other_files_in_the_folder_do_no_harm(self, tmp_path: Path) -> None:
        (tmp_path / "notes.json").write_text("{", "utf-8")
        (tmp_path / "list.json").write_text("[]", "utf-8")
        assert Outbox(tmp_path).find("C1", "k", long_ago()) is None

    @pytest.mark.parametrize("file_id", ["../x", "a/../../x", "/etc/passwd", "a/", "a"])
    def test_nothing_outside_the_outbox_is_deleted(self, tmp_path: Path, file_id: str) -> None:
        with pytest.raises(UnexpectedResponse):
            Outbox(tmp_path).delete_file(file_id)

    def test_an_unwritable_folder_is_reported(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("x", "utf-8")
        with pytest.raises(UnexpectedResponse, match="could not be written"):
            Outbox(tmp_path / "file" / "outbox").post("C1", "x", [], key="k")


@pytest.fixture
def canned() -> Iterator[Callable[[str, str], str]]:
    """Start a server that sends every request one response, of the given body and type."""
    servers: list[CannedServer] = []

    def start(body: str, content_type: str) -> str:
        servers.append(CannedServer(body.encode(), content_type))
        return f"http://127.0.0.1:{servers[-1].port}/api/"

    yield start
    for server in servers:
        server.stop()
