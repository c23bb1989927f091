"""Zoom's REST client: tokens, paths, pages and errors."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from integrations.errors import (
    AuthFailed,
    IntegrationError,
    NotFound,
    RateLimited,
    Unavailable,
    UnexpectedResponse,
)
from integrations.zoom.answers import retry_after_s
from integrations.zoom.client import ZoomClient

NOW = datetime(2026, 9, 10, 12, 0, tzinfo=UTC).timestamp()
UUID = "/q9Tz//k4Rw+=="
Answer = Callable[[httpx.Request], httpx.Response]


class Zoom:
    """Responds as Zoom does: `answer` builds API responses, `requests` records the requests."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.answer: Answer = answer or (lambda request: httpx.Response(200, json={}))
        self.requests: list[httpx.Request] = []
        self.tokens = 0
        self.now = NOW
        self.token_answer: Callable[[], httpx.Response] = self._token
        self._lock = threading.Lock()
        self.client = ZoomClient(
            httpx.Client(transport=httpx.MockTransport(self._handle)),
            account_id="acc",
            client_id="cid",
            client_secret="s3cret",
            clock=lambda: self.now,
        )

    def _token(self) -> httpx.Response:
        return httpx.Response(
            200,
            json={"access_token": f"t{self.tokens}", "expires_in": 3600, "scope": "a:read b:read"},
        )

    def _handle(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self.requests.append(request)
            if request.url.path == "/oauth/token":
                self.tokens += 1
                return self.token_answer()
        return self.answer(request)

    @property
    def api_requests(self) -> list[httpx.Request]:
        return [request for request in self.requests if request.url.path != "/oauth/token"]


def failing(status: int, body: Any = None, **headers: str) -> Answer:
    text = body if isinstance(body, str) else json.dumps(body or {})
    return lambda request: httpx.Response(
        status,
        text=text,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


def recording(uuid: str = "u1") -> dict[str, Any]:
    return {"uuid": uuid, "id": "1", "type": "2", "start_time": "2026-09-10T08:00:05Z"}


def test_the_constructor_sends_no_request() -> None:
    assert Zoom().requests == []


def test_the_token_is_requested_as_zoom_documents_and_reused() -> None:
    zoom = Zoom()
    assert zoom.client.access_token() == "t1"
    assert zoom.client.scopes() == {"a:read", "b:read"}
    (request,) = zoom.requests
    assert str(request.url) == "https://zoom.us/oauth/token"
    assert request.headers["Authorization"] == "Basic " + base64.b64encode(b"cid:s3cret").decode()
    form = parse_qs(request.content.decode())
    assert form == {"grant_type": ["account_credentials"], "account_id": ["acc"]}


def test_the_token_is_renewed_a_minute_before_it_expires() -> None:
    zoom = Zoom()
    zoom.client.access_token()
    zoom.now = NOW + 3600 - 61
    assert zoom.client.access_token() == "t1"
    zoom.now = NOW + 3600 - 60
    assert zoom.client.access_token() == "t2"


def test_many_threads_share_one_token_request() -> None:
    zoom = Zoom()
    with ThreadPoolExecutor(8) as pool:
        tokens = set(pool.map(lambda _: zoom.client.access_token(), range(40)))
    assert (tokens, zoom.tokens) == ({"t1"}, 1)


@pytest.mark.parametrize("refusal", [failing(401, {"code": 124}), failing(400, {"code": 124})])
def test_a_token_that_expired_early_is_renewed_once(refusal: Answer) -> None:
    zoom = Zoom()
    zoom.answer = lambda request: (
        refusal(request)
        if request.headers["Authorization"] == "Bearer t1"
        else httpx.Response(200, json=recording())
    )
    assert zoom.client.recording("u1").uuid == "u1"
    assert zoom.tokens == 2


def test_a_refused_fresh_token_is_an_error_and_not_a_loop() -> None:
    zoom = Zoom(failing(401, {"code": 124, "message": "Invalid access token."}))
    with pytest.raises(AuthFailed, match="access token is not valid"):
        zoom.client.recording("u1")
    assert (zoom.tokens, len(zoom.api_requests)) == (2, 2)


def test_wrong_credentials_say_what_to_check() -> None:
    zoom = Zoom()
    reason = {"reason": "Invalid client_id or client_secret", "error": "invalid_client"}
    zoom.token_answer = lambda: httpx.Response(400, json=reason)
    with pytest.raises(AuthFailed, match=r"Invalid client_id or client_secret\. Check") as caught:
        zoom.client.access_token()
    assert "s3cret" not in str(caught.value)


def test_a_recording_is_requested_by_its_twice_encoded_uuid() -> None:
    zoom = Zoom(
        lambda request: httpx.Response(200, json={**recording(UUID), "download_access_token": "d"})
    )
    meeting = zoom.client.recording(UUID)
    assert (meeting.uuid, meeting.account_id, meeting.download_token) == (UUID, "acc", "d")
    path, _, query = zoom.api_requests[0].url.raw_path.decode().partition("?")
    assert path == "/v2/meetings/%252Fq9Tz%252F%252Fk4Rw%252B%253D%253D/recordings"
    assert parse_qs(query)["include_fields"] == ["download_access_token"]
    assert 0 < int(parse_qs(query)["ttl"][0]) <= 604_800


def test_all_pages_of_participants_are_read_and_those_who_only_waited_counted() -> None:
    pages = {
        "": {"participants": [{"name": "Ada", "user_id": 16778240, "internal_user": True}],
             "next_page_token": "p2"},
        "p2": {"participants": [
            {"name": "Bob", "user_email": "", "join_time": "2026-09-10T08:00:05Z",
             "status": "in_meeting"},
            {"name": "Eve", "status": "in_waiting_room"}, "x"], "next_page_token": ""},
    }  # fmt: skip
    zoom = Zoom(lambda r: httpx.Response(200, json=pages[r.url.params.get("next_page_token", "")]))
    listed = zoom.client.participants(UUID)
    ada, bob = listed.rows
    assert listed.problems == (
        "PARTICIPANTS: 1 row of somebody who only waited to be let in was left out.",
    )
    assert (ada.name, ada.user_id, ada.is_internal, ada.join_time) == (
        "Ada",
        "16778240",
        True,
        None,
    )
    assert (bob.name, bob.is_internal) == ("Bob", None)
    assert bob.join_time == datetime(2026, 9, 10, 8, 0, 5, tzinfo=UTC)
    assert zoom.api_requests[0].url.params["page_size"] == "300"


def test_a_long_span_is_requested_month_by_month_and_yields_each_recording_once() -> None:
    zoom = Zoom(
        lambda request: httpx.Response(
            200, json={"meetings": [recording("same"), recording(request.url.params["from"]), {}]}
        )
    )
    found = [m.uuid for m in zoom.client.recordings(date(2026, 1, 15), date(2026, 3, 1))]
    assert found == ["same", "2026-01-15", "2026-02-12"]
    spans = [(r.url.params["from"], r.url.params["to"]) for r in zoom.api_requests]
    assert spans == [("2026-01-15", "2026-02-11"), ("2026-02-12", "2026-03-01")]
    assert zoom.api_requests[0].url.path == "/v2/accounts/me/recordings"


def test_one_day_is_one_request() -> None:
    zoom = Zoom(lambda request: httpx.Response(200, json={"meetings": []}))
    assert list(zoom.client.recordings(date(2026, 1, 1), date(2026, 1, 1))) == []
    assert len(zoom.api_requests) == 1
    assert list(zoom.client.recordings(date(2026, 1, 2), date(2026, 1, 1))) == []


def test_pages_that_loop_end_in_an_error() -> None:
    zoom = Zoom(lambda r: httpx.Response(200, json={"participants": [], "next_page_token": "p"}))
    with pytest.raises(UnexpectedResponse, match="never ends"):
        zoom.client.participants("u1")


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (failing(404, {"code": 3301, "message": "This recording does not exist."}), NotFound, "u1"),
        (failing(404, "<html>"), NotFound, "u1"),
        (failing(400, {"code": 1001, "message": "User does not exist"}), NotFound, "u1"),
        (
            failing(400, {"code": 4711, "message": "Invalid access token, does not contain "
                          "scopes:[cloud_recording:read:list_recording_files:admin]."}),
            AuthFailed, "scope cloud_recording:read:list_recording_files:admin",
        ),
        (failing(400, {"code": 4700, "message": "Token cannot be used."}), AuthFailed, "not say"),
        (failing(403, {"code": 200, "message": "No permission."}), AuthFailed, "No permission."),
        (failing(500), Unavailable, "500"),
        (failing(503, "<html>"), Unavailable, "503"),
        (failing(400, {"code": 300, "message": "Bad request"}), UnexpectedResponse, "code 300"),
        (failing(302, Location="https://elsewhere.test"), UnexpectedResponse, "302"),
        (failing(200, "<html>"), UnexpectedResponse, "not JSON"),
        (failing(200, "[]"), UnexpectedResponse, "not an object"),
        (failing(200, "{}"), UnexpectedResponse, "UUID"),
    ],
)  # fmt: skip
def test_each_response_maps_to_an_error_that_says_what_failed(
    answer: Answer, error: type[IntegrationError], words: str
) -> None:
    with pytest.raises(error, match=words):
        Zoom(answer).client.recording("u1")


def test_after_a_missing_scope_the_next_request_uses_a_new_token() -> None:
    zoom = Zoom(failing(400, {"code": 4711, "message": "does not contain scopes:[x]."}))
    with pytest.raises(AuthFailed):
        zoom.client.recording("u1")
    assert zoom.tokens == 1
    assert zoom.client.access_token() == "t2"


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "2026-09-10T13:00:00Z"}, 3600.0),
        ({"Retry-After": "2026-09-10T15:00:00+02:00"}, 3600.0),
        ({"Retry-After": "Thu, 10 Sep 2026 12:00:30 GMT"}, 30.0),
        ({"X-RateLimit-Reset": str(int(NOW) + 2)}, 2.0),
        ({"X-RateLimit-Reset": str((int(NOW) + 5) * 1000)}, 5.0),
        ({"X-RateLimit-Type": "Daily-limit"}, 12 * 3600.0),
        ({"X-RateLimit-Type": "QPS"}, 1.0),
        ({"Retry-After": "2026-09-10T11:00:00Z"}, 1.0),
        ({"Retry-After": "soon", "X-RateLimit-Reset": "later"}, 1.0),
        ({"Retry-After": "99999999"}, 86_400.0),
    ],
)
def test_every_form_of_rate_limit_says_how_long_to_wait(
    headers: dict[str, str], wait_s: float
) -> None:
    assert retry_after_s(httpx.Headers(headers), NOW) == wait_s
    zoom = Zoom(lambda request: httpx.Response(429, json={"code": 429}, headers=headers))
    with pytest.raises(RateLimited) as caught:
        zoom.client.recording("u1")
    assert caught.value.retry_after_s == wait_s


@pytest.mark.parametrize("exc", [httpx.ReadTimeout, httpx.ConnectError, httpx.RemoteProtocolError])
def test_a_broken_connection_is_worth_retrying(exc: type[httpx.TransportError]) -> None:
    def break_off(request: httpx.Request) -> httpx.Response:
        raise exc("https://secret.test/token")

    with pytest.raises(Unavailable) as caught:
        Zoom(break_off).client.recording("u1")
    assert "secret" not in str(caught.value)


def test_a_token_endpoint_that_is_down_is_worth_retrying() -> None:
    zoom = Zoom()
    zoom.token_answer = lambda: httpx.Response(502, text="bad gateway")
    with pytest.raises(Unavailable):
        zoom.client.participants("u1")
    zoom.token_answer = lambda: httpx.Response(200, json={"token": "x"})
    with pytest.raises(UnexpectedResponse):
        zoom.client.participants("u1")
