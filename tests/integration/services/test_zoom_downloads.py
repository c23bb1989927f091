"""Downloads: resumed, switched to another token midway, and complete or not there at all."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from bot.demo.stand_ins.zoom import ZoomStandIn
from bot.demo.stand_ins.zoom_meeting import DEMO_UUID, FileFixture, MeetingFixture
from integrations.errors import (
    AuthFailed,
    NoSpace,
    NotFound,
    RateLimited,
    Unavailable,
    UnexpectedResponse,
)
from integrations.zoom.client import ZoomClient
from integrations.zoom.downloads import Access, Downloader
from tests.fakes.recording_host import (
    MP4,
    PAGE,
    STARTED_AT,
    URL,
    Broken,
    Handler,
    RecordingHost,
    file_of,
)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "call" / "00-video.mp4"


@pytest.fixture
def part(target: Path) -> Path:
    target.parent.mkdir()
    return target.with_name(target.name + ".part")


def test_a_file_is_downloaded_whole_with_the_token_in_a_header(target: Path) -> None:
    zoom = RecordingHost()
    seen: list[int] = []
    zoom.downloader().download(file_of(), target, [lambda: "t1"], seen.append)
    assert target.read_bytes() == MP4
    assert seen == sorted(seen)
    assert seen[-1] == len(MP4)
    (request,) = zoom.requests
    assert request.headers["Authorization"] == "Bearer t1"
    assert "t1" not in str(request.url)


def test_an_existing_file_is_not_downloaded_again(target: Path) -> None:
    zoom = RecordingHost()
    assert zoom.fetch(target) == zoom.fetch(target) == MP4
    assert len(zoom.requests) == 1
    target.write_bytes(MP4[: len(MP4) // 2])
    assert zoom.fetch(target) == MP4


def test_a_broken_connection_keeps_the_bytes_received_and_the_next_try_resumes(
    target: Path, part: Path
) -> None:
    zoom = RecordingHost()
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


def test_a_process_that_was_frozen_in_a_download_cannot_damage_that_of_the_next(
    target: Path, part: Path
) -> None:
    part.write_bytes(MP4[:1000])
    zoom = RecordingHost()
    with part.open("ab") as frozen:
        assert zoom.fetch(target) == MP4
        frozen.write(b"what had arrived when it was frozen")

    assert zoom.requests[-1].headers["Range"] == "bytes=1000-"
    assert target.read_bytes() == MP4
    assert list(target.parent.iterdir()) == [target]


def test_a_body_shorter_than_its_length_is_a_broken_connection(target: Path, part: Path) -> None:
    zoom = RecordingHost()
    headers = {"Content-Type": "video/mp4", "Content-Length": str(len(MP4))}
    zoom.handler = lambda request: httpx.Response(200, content=MP4[:5000], headers=headers)
    with pytest.raises(Unavailable, match="broke off at 5000"):
        zoom.fetch(target)
    assert part.stat().st_size == 5000


def test_a_server_that_ignores_the_range_restarts_the_download(target: Path, part: Path) -> None:
    part.write_bytes(b"\x00\x00\x00\x18ftyp other bytes")
    zoom = RecordingHost()
    headers = {"Content-Type": "video/mp4"}
    zoom.handler = lambda request: httpx.Response(200, content=MP4, headers=headers)
    assert zoom.fetch(target) == MP4


def test_a_range_from_elsewhere_in_the_file_restarts_the_download(target: Path, part: Path) -> None:
    part.write_bytes(MP4[:1000])
    zoom = RecordingHost()
    wrong = {"Content-Type": "video/mp4", "Content-Range": f"bytes 500-{len(MP4) - 1}/{len(MP4)}"}
    zoom.handler = lambda request: (
        httpx.Response(206, content=MP4[500:], headers=wrong)
        if "Range" in request.headers
        else zoom.give(request)
    )
    assert zoom.fetch(target) == MP4
    assert len(zoom.requests) == 2


def test_a_part_file_that_is_already_complete_is_used_as_it_is(target: Path, part: Path) -> None:
    part.write_bytes(MP4)
    zoom = RecordingHost()
    assert zoom.fetch(target) == MP4
    assert len(zoom.requests) == 1


def test_a_part_file_longer_than_the_file_restarts_the_download(target: Path, part: Path) -> None:
    part.write_bytes(MP4 + b"more")
    assert RecordingHost().fetch(target) == MP4


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
def test_a_token_refused_midway_is_followed_by_the_next_without_loss(
    target: Path, part: Path, refusal: Handler
) -> None:
    part.write_bytes(MP4[:1000])
    zoom = RecordingHost("t3")
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


def test_later_tokens_are_not_requested_while_the_first_works(target: Path) -> None:
    def never() -> str:
        raise AssertionError("not needed")

    RecordingHost().downloader().download(file_of(), target, [lambda: "t1", never])


def test_a_source_without_permission_is_skipped(target: Path) -> None:
    def refused() -> str:
        raise AuthFailed("no scope")

    RecordingHost().downloader().download(file_of(), target, [refused, lambda: "t1"])
    assert target.read_bytes() == MP4


def test_a_source_may_supply_the_address_that_its_token_is_for(target: Path) -> None:
    zoom = RecordingHost()
    fresh = "https://us06web.zoom.us/rec/download/NEW"
    zoom.downloader().download(file_of(), target, [lambda: "old", lambda: Access("t1", fresh)])
    assert [str(request.url) for request in zoom.requests] == [URL, fresh]


def test_when_every_token_is_refused_the_error_lists_the_possible_causes(target: Path) -> None:
    with pytest.raises(
        AuthFailed, match=r"MP4 file file-1: .* deleted, or the app lacks"
    ) as caught:
        RecordingHost().fetch(target, "wrong", "worse")
    assert "SECRET" not in str(caught.value)
    assert "worse" not in str(caught.value)
    with pytest.raises(AuthFailed, match="no token"):
        RecordingHost().fetch(target, "")
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
def test_other_responses_map_to_their_own_errors(
    target: Path, answer: httpx.Response, error: type[Exception]
) -> None:
    zoom = RecordingHost()
    zoom.handler = lambda request: answer
    with pytest.raises(error) as caught:
        zoom.fetch(target)
    assert "SECRET" not in str(caught.value)


def test_a_full_disk_is_reported_before_anything_is_downloaded(target: Path) -> None:
    zoom = RecordingHost()
    with pytest.raises(NoSpace) as caught:
        zoom.downloader(reserve_bytes=10**18).download(file_of(), target, [lambda: "t1"])
    assert zoom.requests == []
    assert caught.value.needed_bytes >= 10**18 > caught.value.free_bytes


def test_a_stop_ends_the_download_at_once_and_keeps_the_bytes_received(
    target: Path, part: Path
) -> None:
    stop = threading.Event()
    zoom = RecordingHost()

    def stop_soon(done: int) -> None:
        stop.set()

    with pytest.raises(Unavailable, match="was stopped"):
        zoom.downloader().download(file_of(), target, [lambda: "t1"], stop_soon, stop)
    assert 0 < part.stat().st_size <= len(MP4)
    assert zoom.fetch(target) == MP4


def test_a_file_without_an_address_is_not_available_yet(target: Path) -> None:
    with pytest.raises(NotFound):
        RecordingHost().fetch(target, file=replace(file_of(), download_url=""))


def test_over_real_sockets_a_cut_and_an_expired_token_lose_no_byte(target: Path) -> None:
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
