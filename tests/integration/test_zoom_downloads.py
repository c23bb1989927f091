"""Downloads: resumed, checked, kept to allowed hosts, and whole or not there."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from bot.demo.meeting import DEMO_UUID, FileFixture, MeetingFixture
from bot.demo.zoom import ZoomStandIn
from integrations.errors import (
    AuthFailed,
    NoSpace,
    NotFound,
    RateLimited,
    Unavailable,
    UnexpectedResponse,
)
from integrations.zoom.client import ZoomClient
from integrations.zoom.downloads import Access, Downloader, DownloadStopped
from integrations.zoom.recordings import RecordingFile

MP4 = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 4000
URL = "https://us02web.zoom.us/rec/webhook_download/SECRET"
PAGE = httpx.Response(200, html="<!DOCTYPE html><html>Sign in</html>")
STARTED_AT = datetime(2026, 9, 10, tzinfo=UTC)
Handler = Callable[[httpx.Request], httpx.Response]


def file_of(file_type: str = "MP4", size: int | None = len(MP4), url: str = URL) -> RecordingFile:
    return RecordingFile(
        "file-1", file_type, "gallery_view", file_type, size, url,
        STARTED_AT, STARTED_AT, "completed", "", False,
    )  # fmt: skip


class Broken(httpx.SyncByteStream):
    """A body that breaks off."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self._content
        raise httpx.ReadError("https://us02web.zoom.us/SECRET")


class Zoom:
    """Gives MP4 by ranges to the tokens that are good; notes what was asked."""

    def __init__(self, *good: str, content: bytes = MP4, content_type: str = "video/mp4") -> None:
        self.good = good or ("t1",)
        self.content = content
        self.content_type = content_type
        self.handler: Handler = self.give
        self.requests: list[httpx.Request] = []

    def give(self, request: httpx.Request) -> httpx.Response:
        if request.headers.get("Authorization") not in [f"Bearer {token}" for token in self.good]:
            return httpx.Response(200, html="<html>Sign in</html>")
        return self.send(request)

    def send(self, request: httpx.Request) -> httpx.Response:
        headers = {"Content-Type": self.content_type}
        match = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
        if match is None:
            return httpx.Response(200, content=self.content, headers=headers)
        start, size = int(match[1]), len(self.content)
        if start >= size:
            return httpx.Response(416, headers={"Content-Range": f"bytes */{size}"})
        headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
        return httpx.Response(206, content=self.content[start:], headers=headers)

    def _note(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.handler(request)

    def downloader(self, reserve_bytes: int = 0) -> Downloader:
        return Downloader(
            httpx.Client(transport=httpx.MockTransport(self._note)),
            allowed_hosts=["zoom.us"],
            insecure_hosts=["127.0.0.1:8123"],
            reserve_bytes=reserve_bytes,
        )

    def fetch(self, target: Path, *tokens: str, file: RecordingFile | None = None) -> bytes:
        sources = [lambda token=token: token for token in tokens or ("t1",)]
        done = self.downloader().download(file or file_of(size=len(self.content)), target, sources)
        assert done.path == target
        assert done.size_bytes == target.stat().st_size
        assert not target.with_name(target.name + ".part").exists()
        return target.read_bytes()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "call" / "00-video.mp4"


@pytest.fixture
def part(target: Path) -> Path:
    target.parent.mkdir()
    return target.with_name(target.name + ".part")


def test_a_file_arrives_whole_with_the_token_in_a_header(target: Path) -> None:
    zoom = Zoom()
    seen: list[int] = []
    zoom.downloader().download(file_of(), target, [lambda: "t1"], seen.append)
    assert target.read_bytes() == MP4
    assert seen == sorted(seen)
    assert seen[-1] == len(MP4)
    (request,) = zoom.requests
    assert request.headers["Authorization"] == "Bearer t1"
    assert "t1" not in str(request.url)


def test_a_file_that_is_there_is_not_fetched_again(target: Path) -> None:
    zoom = Zoom()
    assert zoom.fetch(target) == zoom.fetch(target) == MP4
    assert len(zoom.requests) == 1
    target.write_bytes(MP4[: len(MP4) // 2])
    assert zoom.fetch(target) == MP4


def test_a_broken_connection_keeps_what_came_and_the_next_try_goes_on(
    target: Path, part: Path
) -> None:
    zoom = Zoom()
    headers = {"Content-Type": "video/mp4", "Content-Length": str(len(MP4))}
    zoom.handler = lambda request: httpx.Response(
        200, stream=Broken(MP4[:300_000]), headers=headers
    )
    with pytest.raises(Unavailable) as caught:
        zoom.fetch(target)
    assert "SECRET" not in str(caught.value)
    kept = part.stat().st_size
    assert 0 < kept <= 300_000
    zoom.handler = zoom.give
    assert zoom.fetch(target) == MP4
    assert zoom.requests[-1].headers["Range"] == f"bytes={kept}-"


def test_a_body_shorter_than_its_length_is_a_broken_connection(target: Path, part: Path) -> None:
    zoom = Zoom()
    headers = {"Content-Type": "video/mp4", "Content-Length": str(len(MP4))}
    zoom.handler = lambda request: httpx.Response(200, content=MP4[:5000], headers=headers)
    with pytest.raises(Unavailable, match="broke off at 5000"):
        zoom.fetch(target)
    assert part.stat().st_size == 5000


def test_a_server_that_ignores_the_range_starts_afresh(target: Path, part: Path) -> None:
    part.write_bytes(b"\x00\x00\x00\x18ftyp other bytes")
    zoom = Zoom()
    headers = {"Content-Type": "video/mp4"}
    zoom.handler = lambda request: httpx.Response(200, content=MP4, headers=headers)
    assert zoom.fetch(target) == MP4


def test_a_part_from_elsewhere_in_the_file_starts_afresh(target: Path, part: Path) -> None:
    part.write_bytes(MP4[:1000])
    zoom = Zoom()
    wrong = {"Content-Type": "video/mp4", "Content-Range": f"bytes 500-{len(MP4) - 1}/{len(MP4)}"}
    zoom.handler = lambda request: (
        httpx.Response(206, content=MP4[500:], headers=wrong)
        if "Range" in request.headers
        else zoom.give(request)
    )
    assert zoom.fetch(target) == MP4
    assert len(zoom.requests) == 2


def test_a_part_that_is_complete_already_is_taken_as_it_is(target: Path, part: Path) -> None:
    part.write_bytes(MP4)
    zoom = Zoom()
    assert zoom.fetch(target) == MP4
    assert len(zoom.requests) == 1


def test_a_part_longer_than_the_file_starts_afresh(target: Path, part: Path) -> None:
    part.write_bytes(MP4 + b"more")
    assert Zoom().fetch(target) == MP4


@pytest.mark.parametrize(
    "refusal",
    [
        lambda request: PAGE,
        lambda request: httpx.Response(401),
        lambda request: httpx.Response(403, html="<html>"),
        lambda request: httpx.Response(400, json={"code": 124, "message": "Invalid token"}),
        lambda request: httpx.Response(200, json={"status": False, "errorCode": 124}),
        lambda request: httpx.Response(
            200, content=b"\n<!doctype HTML>", headers={"Content-Type": "video/mp4"}
        ),
    ],
)
def test_a_refused_token_midway_is_followed_by_the_next_without_loss(
    target: Path, part: Path, refusal: Handler
) -> None:
    part.write_bytes(MP4[:1000])
    zoom = Zoom("t3")
    zoom.handler = lambda request: (
        zoom.give(request) if request.headers["Authorization"] == "Bearer t3" else refusal(request)
    )
    assert zoom.fetch(target, "t1", "", "t2", "t3") == MP4
    assert [request.headers["Authorization"][-2:] for request in zoom.requests] == [
        "t1",
        "t2",
        "t3",
    ]
    assert zoom.requests[-1].headers["Range"] == "bytes=1000-"


def test_later_tokens_are_not_asked_for_while_the_first_is_good(target: Path) -> None:
    def never() -> str:
        raise AssertionError("not needed")

    Zoom().downloader().download(file_of(), target, [lambda: "t1", never])


def test_a_source_without_permission_is_passed_over(target: Path) -> None:
    def refused() -> str:
        raise AuthFailed("no scope")

    Zoom().downloader().download(file_of(), target, [refused, lambda: "t1"])
    assert target.read_bytes() == MP4


def test_a_source_may_bring_the_address_that_belongs_to_its_token(target: Path) -> None:
    zoom = Zoom()
    fresh = "https://us06web.zoom.us/rec/download/NEW"
    zoom.downloader().download(file_of(), target, [lambda: "old", lambda: Access("t1", fresh)])
    assert [str(request.url) for request in zoom.requests] == [URL, fresh]


def test_when_every_token_is_refused_the_error_says_what_that_can_mean(target: Path) -> None:
    with pytest.raises(AuthFailed, match=r"MP4 file file-1 .* deleted, or the app lacks") as caught:
        Zoom().fetch(target, "wrong", "worse")
    assert "SECRET" not in str(caught.value)
    assert "worse" not in str(caught.value)
    with pytest.raises(AuthFailed, match="no token"):
        Zoom().fetch(target, "")
    assert not target.exists()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(404), NotFound),
        (httpx.Response(429, headers={"Retry-After": "3"}), RateLimited),
        (httpx.Response(500), Unavailable),
        (httpx.Response(400, json={"code": 300, "message": "bad"}), UnexpectedResponse),
        (
            httpx.Response(206, content=MP4, headers={"Content-Type": "video/mp4"}),
            UnexpectedResponse,
        ),
    ],
)
def test_other_answers_are_told_as_what_they_are(
    target: Path, answer: httpx.Response, error: type[Exception]
) -> None:
    zoom = Zoom()
    zoom.handler = lambda request: answer
    with pytest.raises(error) as caught:
        zoom.fetch(target)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty|has 0 bytes"),
        (b"RIFF" + bytes(5000), "does not begin as one"),
        (MP4[:1000], "has 1000 bytes"),
    ],
)
def test_what_is_no_mp4_is_one_clear_error_and_leaves_nothing(
    target: Path, content: bytes, words: str
) -> None:
    zoom = Zoom(content=content)
    with pytest.raises(UnexpectedResponse, match=f"MP4 file file-1.*({words})"):
        zoom.fetch(target, file=file_of())
    assert not target.exists()
    zoom.content = MP4
    assert zoom.fetch(target) == MP4


def test_a_size_that_differs_as_zooms_figures_do_is_accepted(target: Path) -> None:
    assert Zoom().fetch(target, file=file_of(size=int(len(MP4) * 1.04))) == MP4
    target.unlink()
    assert Zoom().fetch(target, file=file_of(size=None)) == MP4


@pytest.mark.parametrize(
    ("file_type", "content", "content_type"),
    [
        ("TIMELINE", b'{"timeline": []}', "application/json"),
        ("TIMELINE", b"malformed {", "application/octet-stream"),
        ("TRANSCRIPT", b"WEBVTT\n", "text/vtt"),
        ("TRANSCRIPT", "WEBVTT\n".encode("utf-16"), "text/vtt"),
        ("CHAT", b"", "text/plain"),
    ],
)
def test_text_is_left_to_its_parser_even_when_malformed(
    tmp_path: Path, file_type: str, content: bytes, content_type: str
) -> None:
    zoom = Zoom(content=content, content_type=content_type)
    file = file_of(file_type, None)
    assert zoom.fetch(tmp_path / "file", file=file) == content


@pytest.mark.parametrize(
    "content", [b'{"status":false,"errorCode":3302,"errorMessage":"gone"}', b" <html>", b"<HEAD>"]
)
def test_an_error_message_is_no_timeline(tmp_path: Path, content: bytes) -> None:
    zoom = Zoom(content=content, content_type="application/json")
    with pytest.raises(AuthFailed):
        zoom.fetch(tmp_path / "file", file=file_of("TIMELINE", len(content)))


def redirecting(location: str) -> tuple[Zoom, list[httpx.Request]]:
    zoom = Zoom()

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == httpx.URL(URL).path and request.url.host == "us02web.zoom.us":
            return httpx.Response(302, headers={"Location": location})
        return zoom.send(request)

    zoom.handler = answer
    return zoom, zoom.requests


@pytest.mark.parametrize(
    ("location", "is_token_sent"),
    [
        ("/cdn/file?sig=SECRET", True),
        ("https://ssrweb.zoom.us/cdn/file?sig=SECRET", False),
        ("https://us02web.zoom.us:8443/cdn/file", False),
        ("http://127.0.0.1:8123/cdn/file", False),
    ],
)
def test_redirects_are_followed_and_the_token_stays_at_its_host(
    target: Path, location: str, is_token_sent: bool
) -> None:
    zoom, requests = redirecting(location)
    assert zoom.fetch(target) == MP4
    assert ("Authorization" in requests[-1].headers) is is_token_sent


@pytest.mark.parametrize(
    "address",
    [
        "http://us02web.zoom.us/x",
        "https://evil-zoom.us/x",
        "https://zoom.us.evil.test/x",
        "https://169.254.169.254/latest",
        "https://user:pw@us02web.zoom.us/x",
        "http://127.0.0.1:8124/x",
        "https://127.0.0.1:8123/x",
        "file:///etc/passwd",
        "ftp://zoom.us/x",
        "https://[zoom.us/x",
    ],
)
def test_no_other_address_is_ever_asked(target: Path, address: str) -> None:
    zoom, requests = redirecting(address)
    with pytest.raises(UnexpectedResponse):
        zoom.fetch(target)
    assert len(requests) == 1
    direct = Zoom()
    with pytest.raises(UnexpectedResponse):
        direct.fetch(target, file=file_of(url=address))
    assert direct.requests == []


def test_redirects_in_a_circle_end(target: Path) -> None:
    zoom, requests = redirecting(URL)
    with pytest.raises(UnexpectedResponse, match="again and again"):
        zoom.fetch(target)
    assert len(requests) < 10


def test_a_full_disk_is_told_before_anything_is_fetched(target: Path) -> None:
    zoom = Zoom()
    with pytest.raises(NoSpace) as caught:
        zoom.downloader(reserve_bytes=10**18).download(file_of(), target, [lambda: "t1"])
    assert zoom.requests == []
    assert caught.value.needed_bytes >= 10**18 > caught.value.free_bytes


def test_a_stop_leaves_at_once_and_keeps_what_came(target: Path, part: Path) -> None:
    stop = threading.Event()
    zoom = Zoom()

    def stop_soon(done: int) -> None:
        stop.set()

    with pytest.raises(DownloadStopped):
        zoom.downloader().download(file_of(), target, [lambda: "t1"], stop_soon, stop)
    assert 0 < part.stat().st_size < len(MP4)
    assert zoom.fetch(target) == MP4


def test_a_file_without_an_address_is_not_there_yet(target: Path) -> None:
    with pytest.raises(NotFound):
        Zoom().fetch(target, file=replace(file_of(), download_url=""))


def test_over_real_sockets_a_cut_and_an_ended_token_cost_no_byte(target: Path) -> None:
    recorded = target.parent / "recorded.mp4"
    recorded.parent.mkdir()
    recorded.write_bytes(MP4)
    with ZoomStandIn() as stand_in, httpx.Client(trust_env=False) as http:
        files = [FileFixture(recorded)]
        stand_in.add_meeting(
            MeetingFixture(DEMO_UUID, "Demo", "host@example.test", STARTED_AT, 60.0, files=files)
        )
        zoom = ZoomClient(
            http,
            account_id=stand_in.account_id,
            client_id=stand_in.client_id,
            client_secret=stand_in.client_secret,
            api_url=f"{stand_in.base_url}/v2",
            oauth_url=stand_in.base_url,
        )
        meeting = zoom.recording(DEMO_UUID)
        (listed,) = zoom.recordings(STARTED_AT.date(), STARTED_AT.date())
        assert listed.uuid == meeting.uuid == DEMO_UUID
        tokens = [
            lambda: meeting.download_token or "",
            lambda: zoom.recording(DEMO_UUID).download_token or "",
        ]
        host = stand_in.base_url.removeprefix("http://")
        downloader = Downloader(http, allowed_hosts=[], insecure_hosts=[host])
        stand_in.faults.drop("/cdn/", after_bytes=600_000)
        with pytest.raises(Unavailable):
            downloader.download(meeting.files[0], target, tokens)
        stand_in.expire_tokens()
        downloader.download(meeting.files[0], target, tokens)
        assert target.read_bytes() == MP4
        last = stand_in.requests.to("/cdn/")[-1]
        assert int(last.headers["range"].removeprefix("bytes=").rstrip("-")) > 0


def test_neither_addresses_nor_tokens_are_logged(
    target: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    zoom, _ = redirecting("https://ssrweb.zoom.us/cdn/file?sig=SECRET")
    zoom.fetch(target)
    assert "SECRET" not in caplog.text
    assert "t1" not in caplog.text
