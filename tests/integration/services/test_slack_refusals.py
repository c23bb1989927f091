"""What Slack refuses: each error names the method, and says whether another try may help."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from bot.demo.stand_ins.slack import SlackStandIn
from bot.demo.stand_ins.slack_workspace import DEFAULT_CHANNEL
from integrations.errors import (
    AuthFailed,
    IntegrationError,
    NotFound,
    RateLimited,
    Refused,
    Unavailable,
    UnexpectedResponse,
)
from integrations.slack.client import SlackMessenger
from integrations.slack.messenger import Posted

FIRST, LAST = "files.getUploadURLExternal", "files.completeUploadExternal"


@pytest.fixture(scope="module")
def one_slack() -> Iterator[SlackStandIn]:
    with SlackStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def slack(one_slack: SlackStandIn) -> SlackStandIn:
    one_slack.faults.clear()
    return one_slack


@pytest.fixture
def messenger(slack: SlackStandIn) -> SlackMessenger:
    return SlackMessenger(slack.token, slack.api_url)


@pytest.fixture
def posted(messenger: SlackMessenger) -> Posted:
    return messenger.post(DEFAULT_CHANNEL, "Weekly", [], key="call-1:message")


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.pdf"
    path.write_bytes(b"%PDF-1.7 report")
    return path


@pytest.mark.parametrize(
    ("method", "error", "kind"),
    [
        (FIRST, "file_uploads_disabled", Refused),
        (FIRST, "file_uploads_except_images_disabled", Refused),
        (FIRST, "file_upload_size_restricted", Refused),
        (FIRST, "storage_limit_reached", Refused),
        (FIRST, "missing_scope", AuthFailed),
        (FIRST, "ratelimited", RateLimited),
        (FIRST, "internal_error", Unavailable),
        (LAST, "file_uploads_except_images_disabled", Refused),
        (LAST, "file_type_not_allowed", Refused),
        (LAST, "internal_error", Unavailable),
        (LAST, "file_update_failed", Unavailable),
        (LAST, "ratelimited", RateLimited),
        (LAST, "not_in_channel", AuthFailed),
        (LAST, "posting_to_channel_denied", AuthFailed),
        (LAST, "thread_not_found", NotFound),
        (LAST, "invalid_channel", NotFound),
        (LAST, "something_new", UnexpectedResponse),
    ],
)
def test_a_refused_upload_names_the_method_that_refused_it(
    slack: SlackStandIn,
    messenger: SlackMessenger,
    posted: Posted,
    report: Path,
    method: str,
    error: str,
    kind: type[IntegrationError],
) -> None:
    slack.faults.refuse(f"/api/{method}", error)

    with pytest.raises(kind, match=method) as caught:
        messenger.upload(posted.channel, posted.ts, report, filename="r.pdf", title="Report")

    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("status", "kind"), [(403, UnexpectedResponse), (413, UnexpectedResponse), (502, Unavailable)]
)
def test_an_upload_address_that_refuses_the_bytes_is_told_apart_from_slacks_methods(
    slack: SlackStandIn,
    messenger: SlackMessenger,
    posted: Posted,
    report: Path,
    status: int,
    kind: type[IntegrationError],
) -> None:
    slack.faults.status("/upload/", status)

    with pytest.raises(kind, match=rf"upload address: HTTP {status}"):
        messenger.upload(posted.channel, posted.ts, report, filename="r.pdf", title="Report")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("edit_window_closed", Refused),
        ("cant_update_message", Refused),
        ("restricted_action", Refused),
        ("restricted_action_non_threadable_channel", Refused),
        ("no_permission", Refused),
        ("block_mismatch", Refused),
        ("streaming_state_conflict", Refused),
        ("as_user_not_supported", Refused),
        ("message_not_found", NotFound),
        ("is_inactive", NotFound),
        ("update_failed", Unavailable),
        ("external_channel_migrating", Unavailable),
        ("internal_error", Unavailable),
        ("token_revoked", AuthFailed),
        ("msg_too_long", UnexpectedResponse),
    ],
)
def test_a_refused_edit_names_the_method_and_the_reason(
    slack: SlackStandIn,
    messenger: SlackMessenger,
    posted: Posted,
    error: str,
    kind: type[IntegrationError],
) -> None:
    slack.faults.refuse("/api/chat.update", error)

    with pytest.raises(kind, match=r"chat\.update") as caught:
        messenger.update(posted.channel, posted.ts, "Better", [], key="call-1:message")

    assert type(caught.value) is kind


def test_a_setting_of_the_workspace_is_not_blamed_on_the_token(
    slack: SlackStandIn, messenger: SlackMessenger
) -> None:
    slack.faults.refuse("/api/chat.postMessage", "restricted_action")

    # Before the summary stands, it is tried again, because an administrator may change it.
    with pytest.raises(AuthFailed, match="administrators") as caught:
        messenger.post(DEFAULT_CHANNEL, "Weekly", [], key="k")

    assert "RAPPORT_SLACK__TOKEN" not in str(caught.value)


def test_a_file_that_is_already_deleted_is_no_error_and_one_that_must_stay_is(
    slack: SlackStandIn, messenger: SlackMessenger, posted: Posted, report: Path
) -> None:
    file_id = messenger.upload(posted.channel, posted.ts, report, filename="r.pdf", title="Report")
    slack.faults.refuse("/api/files.delete", "file_deleted")
    messenger.delete_file(file_id)

    for error in ("cant_delete_file", "delete_not_allowed", "file_deleting_disabled"):
        slack.faults.refuse("/api/files.delete", error)
        with pytest.raises(Refused, match=rf"files\.delete: {error}"):
            messenger.delete_file(file_id)


@pytest.mark.parametrize(
    "error",
    ["channel_not_found", "not_in_channel", "token_revoked", "posting_to_general_channel_denied"],
)
def test_whatever_refuses_a_message_is_named(
    slack: SlackStandIn, messenger: SlackMessenger, error: str
) -> None:
    ask: dict[str, Callable[[], object]] = {
        "chat.postMessage": partial(messenger.post, DEFAULT_CHANNEL, "Weekly", [], key="k"),
        "conversations.history": partial(
            messenger.find, DEFAULT_CHANNEL, "k", datetime.now(UTC) - timedelta(hours=1)
        ),
        "conversations.replies": partial(
            messenger.find_upload, DEFAULT_CHANNEL, "1.000001", "r.pdf"
        ),
    }
    for method, call in ask.items():
        slack.faults.refuse(f"/api/{method}", error)
        with pytest.raises((AuthFailed, NotFound), match=method):
            call()
