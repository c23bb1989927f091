"""Clients that send too much, too slowly or not at all, against a running service."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import psutil
import pytest

from bot.demo.stand_ins.slack import SlackStandIn
from bot.demo.stand_ins.zoom import ZoomStandIn
from bot.service.http_server import MOST_CONNECTIONS
from integrations.zoom.webhook import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign
from tests.acceptance.conftest import Rapport, running

MEGABYTE = 1_000_000
PATCH = "/api/v1/calls/x/participants/p"
SIGNED = ("x-zm-signature: v0=0", f"x-zm-request-timestamp: {time.time():.0f}")
SLOWEST_S = 5.0
"""For one answer, on a machine that runs other tests at the same time."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rapport]:
    """One service for all of them: each leaves it as it found it."""
    folder = tmp_path_factory.mktemp("hostile") / "data"
    with (
        ZoomStandIn() as zoom,
        SlackStandIn() as slack,
        running(Rapport(folder, zoom, slack, None)) as rapport,
    ):
        yield rapport


@pytest.fixture
def held() -> Iterator[ExitStack]:
    """Connections that stay open for the length of a test."""
    with ExitStack() as stack:
        yield stack


def connect(service: Rapport) -> socket.socket:
    url = httpx.URL(service.url)
    return socket.create_connection((url.host, url.port or 80), timeout=30)


def head(method: str, path: str, *lines: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: rapport", *lines, "", ""]).encode()


def answer(client: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Read one response to the end of the connection."""
    data = b""
    try:
        while chunk := client.recv(65536):
            data += chunk
    except ConnectionResetError:
        pass  # the end, as far as this client is concerned
    top, _, body = data.partition(b"\r\n\r\n")
    first, *lines = top.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(first.split()[1]), headers, body


def chunks(megabytes: int) -> Iterator[bytes]:
    for _ in range(megabytes):
        yield b"x" * MEGABYTE


def memory_bytes(service: Rapport) -> int:
    assert service.process is not None
    return int(psutil.Process(service.process.pid).memory_info().rss)


def health_s(service: Rapport) -> float:
    """Return how long `/healthz` takes to answer, with the connection."""
    began = time.monotonic()
    with connect(service) as client:
        client.sendall(head("GET", "/healthz", "Connection: close"))
        assert answer(client)[0] == 200
    return time.monotonic() - began


def deliver(service: Rapport, body: bytes, age_s: float = 0) -> httpx.Response:
    """Send a signed webhook."""
    timestamp = str(int(time.time() - age_s))
    signature = sign(body, timestamp, service.zoom.webhook_secret)
    headers = {TIMESTAMP_HEADER: timestamp, SIGNATURE_HEADER: signature}
    return httpx.post(f"{service.url}/webhooks/zoom", content=body, headers=headers, timeout=20)


def test_without_a_key_no_body_is_read(service: Rapport) -> None:
    before = memory_bytes(service)
    answers: list[int] = []

    def send() -> None:
        try:
            sent = httpx.patch(f"{service.url}{PATCH}", content=chunks(100), timeout=30)
            answers.append(sent.status_code)
        except httpx.HTTPError as exc:
            answers.append(int(isinstance(exc, httpx.ReadError)))

    clients = [threading.Thread(target=send) for _ in range(6)]
    for client in clients:
        client.start()
    slowest_s = max(health_s(service) for _ in range(20))
    for client in clients:
        client.join()
    assert answers == [401] * 6
    assert slowest_s < SLOWEST_S
    assert memory_bytes(service) - before < 60 * MEGABYTE


@pytest.mark.parametrize("path", [PATCH, "/webhooks/zoom", "/healthz", "/api/v1/nothing"])
@pytest.mark.parametrize("framing", ["Content-Length: 1000001", "Transfer-Encoding: chunked"])
def test_a_large_body_is_refused_on_every_route(service: Rapport, path: str, framing: str) -> None:
    headers = [f"Authorization: Bearer {service.key}", *SIGNED, framing]
    headers += ["Content-Type: application/json"]
    with connect(service) as client:
        client.sendall(head("PATCH" if path == PATCH else "POST", path, *headers))
        if "chunked" in framing:
            for _ in range(11):
                client.sendall(b"186a0\r\n" + b" " * 100_000 + b"\r\n")
        status, found, body = answer(client)
    assert (status, found["content-type"]) == (413, "application/problem+json")
    assert (found["cache-control"], found["x-content-type-options"]) == ("no-store", "nosniff")
    assert json.loads(body)["status"] == 413


def test_half_sent_requests_keep_nobody_out_and_do_not_fill_the_log(
    service: Rapport, held: ExitStack
) -> None:
    log_bytes = len(service.log)
    for number in range(1010):
        client = held.enter_context(connect(service))
        body = head("POST", "/webhooks/zoom", "Content-Length: 9", *SIGNED)
        client.sendall(b"POST /webhooks/zoom HTT" if number % 2 else body)
    assert health_s(service) < SLOWEST_S
    assert httpx.get(f"{service.url}/readyz", timeout=20).status_code == 200
    assert deliver(service, b'{"event": "meeting.started", "payload": {}}').status_code == 204
    assert health_s(service) < SLOWEST_S
    held.close()
    time.sleep(0.5)
    assert len(service.log) - log_bytes < 20_000
    assert "Traceback" not in service.log


@pytest.mark.parametrize(
    ("sent", "limit_s"),
    [
        (b"", 5),
        (b"GET /healthz HTTP/1.1\r\nHost: rapp", 5),
        (head("GET", "/healthz") + b"GET /hea", 5),
        (head("POST", "/webhooks/zoom", "Content-Length: 9", *SIGNED) + b"{", 5),
    ],
    ids=["nothing", "half of the headers", "half of the second request", "half of a webhook"],
)  # fmt: skip
def test_a_client_that_drips_is_answered_and_closed(
    service: Rapport, sent: bytes, limit_s: float
) -> None:
    with connect(service) as client:
        client.sendall(sent)
        began = time.monotonic()
        threading.Thread(target=drip, args=(client, limit_s), daemon=True).start()
        data = b""
        try:
            while chunk := client.recv(65536):
                data += chunk
        except ConnectionResetError:
            pass
        assert limit_s - 1 < time.monotonic() - began < limit_s + 4
    assert b"HTTP/1.1 408 Request Timeout" in data


def drip(client: socket.socket, seconds: float) -> None:
    """Send a letter now and then, as a client does that wants to hold its connection."""
    try:
        for _ in range(int(seconds)):
            time.sleep(0.8)
            client.sendall(b"x")
    except OSError:
        pass  # closed, as it should be


def test_a_client_that_leaves_in_the_middle_is_not_an_error(service: Rapport) -> None:
    for path in ("/webhooks/zoom", PATCH):
        with connect(service) as client:
            lines = ["Content-Length: 900", f"Authorization: Bearer {service.key}"]
            client.sendall(head("PATCH" if path == PATCH else "POST", path, *lines, *SIGNED) + b"{")
            time.sleep(0.2)
    time.sleep(0.3)
    assert health_s(service) < SLOWEST_S
    assert "Traceback" not in service.log
    assert "ERROR" not in service.log


@pytest.mark.parametrize(("age_days", "status"), [(6.9, 204), (7.1, 401), (-7.1, 401)])
def test_a_signed_webhook_is_refused_once_it_is_a_week_old(
    service: Rapport, age_days: float, status: int
) -> None:
    body = b'{"event": "meeting.started", "payload": {}}'
    assert deliver(service, body, age_s=age_days * 24 * 3600).status_code == status


def test_behind_a_proxy_the_limit_is_the_clients(service: Rapport, held: ExitStack) -> None:
    """One client of a proxy holds 100 requests open; the next of its own is refused."""
    lines = ["Content-Length: 9", *SIGNED, "X-Forwarded-For: 192.0.2.7"]
    for _ in range(100):
        client = held.enter_context(connect(service))
        client.sendall(head("POST", "/webhooks/zoom", *lines))
    time.sleep(0.5)
    url = f"{service.url}/healthz"
    assert httpx.get(url, headers={"X-Forwarded-For": "192.0.2.7"}).status_code == 429
    assert httpx.get(url, headers={"X-Forwarded-For": "192.0.2.8"}).status_code == 200


def test_idle_connections_beyond_the_limit_make_room(service: Rapport, held: ExitStack) -> None:
    assert service.process is not None
    for _ in range(MOST_CONNECTIONS + 50):
        held.enter_context(connect(service))
    assert health_s(service) < SLOWEST_S
    assert psutil.Process(service.process.pid).num_fds() < MOST_CONNECTIONS + 200
