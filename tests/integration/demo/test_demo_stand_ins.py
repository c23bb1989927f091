"""The stand-ins respond to real clients as Zoom and Slack do, and fail when told to."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.error import URLError
from urllib.parse import quote

import httpx
import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.demo.stand_ins.server import LocalServer
from bot.demo.stand_ins.slack import SlackStandIn
from bot.demo.stand_ins.slack_workspace import DEFAULT_CHANNEL
from bot.demo.stand_ins.zoom import ZoomStandIn
from bot.demo.stand_ins.zoom_meeting import (
    DEMO_UUID,
    FileFixture,
    MeetingFixture,
    ParticipantFixture,
)

STARTED_AT = datetime(2026, 9, 10, 8, 0, 5, tzinfo=UTC)
MOVIE = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 400


@pytest.fixture
def zoom(tmp_path: Path) -> Iterator[ZoomStandIn]:
    movie, timeline = tmp_path / "gallery.mp4", tmp_path / "timeline.json"
    movie.write_bytes(MOVIE)
    timeline.write_text('{"timeline": []}')
    people = [ParticipantFixture(f"Person {i}", 16778240 + i) for i in range(5)]
    meeting = MeetingFixture(
        uuid=DEMO_UUID,
        topic="Renewal",
        host_email="maya@vendor.example.com",
        started_at=STARTED_AT,
        duration_s=96,
        files=[FileFixture(movie), FileFixture(timeline, "TIMELINE")],
        participants=people,
    )
    with ZoomStandIn() as stand_in:
        stand_in.add_meeting(meeting)
        yield stand_in


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, follow_redirects=True, timeout=5) as client:
        yield client


@pytest.fixture
def slack() -> Iterator[SlackStandIn]:
    with SlackStandIn() as stand_in:
        yield stand_in


def slack_client(stand_in: SlackStandIn, token: str | None = None) -> WebClient:
    return WebClient(token or stand_in.token, base_url=stand_in.api_url, retry_handlers=[])


def access_token(zoom: ZoomStandIn, client: httpx.Client) -> dict[str, str]:
    answer = client.post(
        f"{zoom.base_url}/oauth/token",
        data={"grant_type": "account_credentials", "account_id": zoom.account_id},
        auth=(zoom.client_id, zoom.client_secret),
    )
    assert answer.status_code == 200
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def recordings_url(zoom: ZoomStandIn, uuid: str = DEMO_UUID) -> str:
    twice = quote(quote(uuid, safe=""), safe="")
    return f"{zoom.base_url}/v2/meetings/{twice}/recordings?include_fields=download_access_token"


def test_zoom_issues_a_token_only_for_the_right_secret(
    zoom: ZoomStandIn, client: httpx.Client
) -> None:
    wrong = client.post(
        f"{zoom.base_url}/oauth/token",
        data={"grant_type": "account_credentials", "account_id": zoom.account_id},
        auth=(zoom.client_id, "guess"),
    )
    assert wrong.status_code == 401
    assert access_token(zoom, client)


def test_zoom_finds_a_recording_by_its_twice_encoded_uuid(
    zoom: ZoomStandIn, client: httpx.Client
) -> None:
    headers = access_token(zoom, client)
    recording = client.get(recordings_url(zoom), headers=headers).json()
    assert recording["uuid"] == DEMO_UUID
    assert [file["file_type"] for file in recording["recording_files"]] == ["MP4", "TIMELINE"]
    assert recording["recording_files"][0]["file_size"] == len(MOVIE)
    missing = client.get(recordings_url(zoom, "other=="), headers=headers)
    assert (missing.status_code, missing.json()["code"]) == (404, 3301)
    stranger = client.get(recordings_url(zoom), headers={"Authorization": "Bearer x"})
    assert (stranger.status_code, stranger.json()["code"]) == (401, 124)


def test_zoom_lists_in_pages(zoom: ZoomStandIn, client: httpx.Client) -> None:
    headers = access_token(zoom, client)
    twice = quote(quote(DEMO_UUID, safe=""), safe="")
    url = f"{zoom.base_url}/v2/past_meetings/{twice}/participants"
    names: list[str] = []
    token = ""
    while True:
        parameters = {"page_size": "2", "next_page_token": token}
        page = client.get(url, params=parameters, headers=headers).json()
        names += [person["name"] for person in page["participants"]]
        token = page["next_page_token"]
        if not token:
            break
    assert names == [f"Person {i}" for i in range(5)]
    days = {"from": "2026-09-01", "to": "2026-09-20"}
    listed = client.get(
        f"{zoom.base_url}/v2/accounts/me/recordings", params=days, headers=headers
    ).json()
    assert [meeting["uuid"] for meeting in listed["meetings"]] == [DEMO_UUID]


def test_zoom_downloads_redirect_and_resume(zoom: ZoomStandIn, client: httpx.Client) -> None:
    body = json.loads(zoom.webhook_body(DEMO_UUID))
    url = body["payload"]["object"]["recording_files"][0]["download_url"]
    headers = {"Authorization": f"Bearer {body['download_token']}"}
    whole = client.get(url, headers=headers)
    assert whole.content == MOVIE
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.history[0].status_code == 302
    rest = client.get(url, headers={**headers, "Range": "bytes=1000-"})
    assert (rest.status_code, rest.content) == (206, MOVIE[1000:])
    beyond = client.get(url, headers={**headers, "Range": f"bytes={len(MOVIE)}-"})
    assert beyond.status_code == 416
    zoom.ignore_range = True
    again = client.get(url, headers={**headers, "Range": "bytes=1000-"})
    assert (again.status_code, again.content) == (200, MOVIE)


@pytest.mark.parametrize("reason", ["wrong token", "expired", "deleted"])
def test_zoom_returns_200_with_html_for_a_download_it_refuses(
    zoom: ZoomStandIn, client: httpx.Client, reason: str
) -> None:
    body = json.loads(zoom.webhook_body(DEMO_UUID))
    url = body["payload"]["object"]["recording_files"][0]["download_url"]
    token = "guess" if reason == "wrong token" else body["download_token"]
    if reason == "expired":
        zoom.expire_tokens()
    if reason == "deleted":
        command = {"kind": "delete_recording", "uuid": DEMO_UUID}
        assert client.post(f"{zoom.base_url}/_faults", json=command).status_code == 200
    answer = client.get(url, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")


def test_zoom_cuts_a_download_the_requested_number_of_times(
    zoom: ZoomStandIn, client: httpx.Client
) -> None:
    body = json.loads(zoom.webhook_body(DEMO_UUID))
    url = body["payload"]["object"]["recording_files"][0]["download_url"]
    headers = {"Authorization": f"Bearer {body['download_token']}"}
    fault = {"kind": "drop", "path": "/cdn/", "after_bytes": 3000, "times": 2}
    assert client.post(f"{zoom.base_url}/_faults", json=fault).json() == {"ok": True}
    for _ in range(2):
        got: list[bytes] = []
        with client.stream("GET", url, headers=headers) as answer:
            chunks = answer.iter_bytes()
            with pytest.raises(httpx.RemoteProtocolError):
                got.extend(chunks)
        assert b"".join(got) == MOVIE[:3000]
    assert client.get(url, headers=headers).content == MOVIE
    asked = client.get(f"{zoom.base_url}/_requests").json()
    assert len([request for request in asked if request["path"].startswith("/cdn/")]) == 3


def test_zoom_refuses_for_a_while(zoom: ZoomStandIn, client: httpx.Client) -> None:
    headers = access_token(zoom, client)
    zoom.faults.status("/v2/", 429, retry_after="2026-09-10T09:00:00Z")
    zoom.faults.status("/v2/", 503)
    limited = client.get(recordings_url(zoom), headers=headers)
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "2026-09-10T09:00:00Z")
    assert client.get(recordings_url(zoom), headers=headers).status_code == 503
    assert client.get(recordings_url(zoom), headers=headers).status_code == 200


def test_an_unknown_fault_is_refused(zoom: ZoomStandIn, client: httpx.Client) -> None:
    assert client.post(f"{zoom.base_url}/_faults", json={"kind": "flood"}).status_code == 400


def test_zoom_signs_webhooks_and_validates_the_url(zoom: ZoomStandIn, client: httpx.Client) -> None:
    seen: list[tuple[bytes, bool]] = []

    async def receive(request: Request) -> Response:
        body = await request.body()
        sent_at = request.headers["x-zm-request-timestamp"].encode()
        key = zoom.webhook_secret.encode()
        signature = hmac.new(key, b"v0:" + sent_at + b":" + body, hashlib.sha256).hexdigest()
        seen.append((body, request.headers["x-zm-signature"] == f"v0={signature}"))
        payload = json.loads(body)
        if payload["event"] != "endpoint.url_validation":
            return Response(status_code=204)
        plain = payload["payload"]["plainToken"]
        encrypted = hmac.new(key, plain.encode(), hashlib.sha256).hexdigest()
        return JSONResponse({"plainToken": plain, "encryptedToken": encrypted})

    server = LocalServer(Starlette(routes=[Route("/hook", receive, methods=["POST"])]))
    server.start()
    try:
        target = f"{server.base_url}/hook"
        assert zoom.validate(target)
        body = zoom.webhook_body(DEMO_UUID)
        assert zoom.send(target, DEMO_UUID, body=body).status_code == 204
        assert zoom.send(target, DEMO_UUID, secret="other").status_code == 204
        order = {"target": target, "uuid": DEMO_UUID}
        assert client.post(f"{zoom.base_url}/_send", json=order).json() == {"status": 204}
    finally:
        server.stop()
    assert [is_signed for _, is_signed in seen] == [True, True, False, True]
    assert seen[1][0] == body


def test_slack_keeps_a_message_with_metadata_and_edits_it(slack: SlackStandIn) -> None:
    client = slack_client(slack)
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "*Renewal*"}}]
    metadata = {"event_type": "rapport_call", "event_payload": {"call_id": "c1"}}
    posted = client.chat_postMessage(
        channel=DEFAULT_CHANNEL, text="Renewal", blocks=blocks, metadata=metadata
    )
    client.chat_postMessage(channel=DEFAULT_CHANNEL, text="PDF", thread_ts=posted["ts"])
    client.chat_update(channel=DEFAULT_CHANNEL, ts=posted["ts"], text="Renewal, edited")
    history = client.conversations_history(channel=DEFAULT_CHANNEL, include_all_metadata=True)
    assert [(m["text"], m["metadata"]) for m in history["messages"]] == [
        ("Renewal, edited", metadata)
    ]
    bare = client.conversations_history(channel=DEFAULT_CHANNEL)
    assert "metadata" not in bare["messages"][0]
    replies = client.conversations_replies(channel=DEFAULT_CHANNEL, ts=posted["ts"])
    assert [m["text"] for m in replies["messages"]] == ["Renewal, edited", "PDF"]
    client.chat_delete(channel=DEFAULT_CHANNEL, ts=posted["ts"])
    assert [m.text for m in slack.messages] == ["PDF"]


def test_slack_pages_through_history(slack: SlackStandIn) -> None:
    client = slack_client(slack)
    stamps = [client.chat_postMessage(channel=DEFAULT_CHANNEL, text=f"{i}")["ts"] for i in range(5)]
    texts: list[str] = []
    cursor = None
    while True:
        page = client.conversations_history(
            channel=DEFAULT_CHANNEL, limit=2, oldest=stamps[0], cursor=cursor
        )
        texts += [m["text"] for m in page["messages"]]
        cursor = page["response_metadata"]["next_cursor"]
        if not page["has_more"]:
            break
    assert texts == ["4", "3", "2", "1"]


def test_slack_accepts_a_file_in_a_thread(slack: SlackStandIn, tmp_path: Path) -> None:
    client = slack_client(slack)
    report = tmp_path / "report.pdf"
    report.write_bytes(b"%PDF-1.7 demo")
    parent = client.chat_postMessage(channel=DEFAULT_CHANNEL, text="Renewal")
    answer = client.files_upload_v2(
        channel=DEFAULT_CHANNEL,
        file=str(report),
        filename="report.pdf",
        title="Report",
        thread_ts=parent["ts"],
        initial_comment="The report",
    )
    [file] = slack.files
    assert (file.content, file.title, file.thread_ts) == (b"%PDF-1.7 demo", "Report", parent["ts"])
    replies = client.conversations_replies(channel=DEFAULT_CHANNEL, ts=parent["ts"])
    assert replies["messages"][1]["files"][0]["id"] == answer["file"]["id"]
    listed = httpx.get(f"{slack.base_url}/_files", trust_env=False).json()
    assert httpx.get(listed[0]["content_url"], trust_env=False).content == file.content
    client.files_delete(file=file.id)
    assert slack.files == []


def test_slack_refuses_a_wrong_token_and_returns_the_scopes_of_the_right_one(
    slack: SlackStandIn,
) -> None:
    with pytest.raises(SlackApiError, match="invalid_auth"):
        slack_client(slack, "xoxb-guess").auth_test()
    answer = slack_client(slack).auth_test()
    assert "chat:write" in answer.headers["x-oauth-scopes"]
    info = slack_client(slack).conversations_info(channel=DEFAULT_CHANNEL)
    assert info["channel"]["is_member"]
    with pytest.raises(SlackApiError, match="channel_not_found"):
        slack_client(slack).conversations_info(channel="C0OTHER")


def test_slack_names_the_missing_scope() -> None:
    with (
        SlackStandIn(scopes=("chat:write",)) as slack,
        pytest.raises(SlackApiError, match="missing_scope") as caught,
    ):
        slack_client(slack).files_upload_v2(content="x", filename="x.txt")
    assert caught.value.response["needed"] == "files:write"


@pytest.mark.parametrize(
    ("blocks", "error"),
    [
        ([{"type": "divider"}] * 51, "invalid_blocks"),
        ([{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}], "invalid_blocks"),
        ([{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}], "invalid_blocks"),
        ([{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}], "invalid_blocks"),
        ([{"type": "section", "text": {"type": "mrkdwn", "text": ""}}], "invalid_blocks"),
        (
            [{"type": "section", "fields": [{"type": "mrkdwn", "text": "x"}] * 11}],
            "invalid_blocks",
        ),
        (
            [{"type": "section", "fields": [{"type": "mrkdwn", "text": "x" * 2001}]}],
            "invalid_blocks",
        ),
        (
            [{"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * 11}],
            "invalid_blocks",
        ),
        (
            [
                {
                    "type": "actions",
                    "elements": [
                        {"type": "button", "text": {"type": "plain_text", "text": "x" * 76}}
                    ],
                }
            ],
            "invalid_blocks",
        ),
        ([{"type": "fireworks"}], "invalid_blocks"),
        (
            [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2900}}] * 5,
            "msg_blocks_too_long",
        ),
    ],
)
def test_slack_enforces_its_limits(
    slack: SlackStandIn, blocks: list[dict[str, object]], error: str
) -> None:
    with pytest.raises(SlackApiError, match=error):
        slack_client(slack).chat_postMessage(channel=DEFAULT_CHANNEL, text="x", blocks=blocks)
    assert slack.messages == []


def test_slack_limits_the_rate_for_a_while(slack: SlackStandIn) -> None:
    slack.faults.status("/api/chat.postMessage", 429, retry_after=7)
    client = slack_client(slack)
    with pytest.raises(SlackApiError) as caught:
        client.chat_postMessage(channel=DEFAULT_CHANNEL, text="x")
    assert caught.value.response.status_code == 429
    assert caught.value.response.headers["Retry-After"] == "7"
    client.chat_postMessage(channel=DEFAULT_CHANNEL, text="x")


@pytest.mark.usefixtures("logged_errors")  # slack_sdk logs the lost connection itself
def test_slack_accepts_a_message_and_drops_the_connection(slack: SlackStandIn) -> None:
    slack.faults.drop("/api/chat.postMessage")
    client = slack_client(slack)
    with pytest.raises((URLError, ConnectionError)):
        client.chat_postMessage(channel=DEFAULT_CHANNEL, text="once")
    assert [m.text for m in slack.messages] == ["once"]
    seen = httpx.get(f"{slack.base_url}/_messages", trust_env=False).json()
    assert [m["text"] for m in seen] == ["once"]


def test_zoom_records_its_requests(zoom: ZoomStandIn, client: httpx.Client) -> None:
    access_token(zoom, client)
    [request] = zoom.requests.to("/oauth/token")
    expected = base64.b64encode(f"{zoom.client_id}:{zoom.client_secret}".encode()).decode()
    assert request.headers["authorization"] == f"Basic {expected}"
