"""What a download accepts, where it may come from, and what stays secret."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from integrations.errors import AuthFailed, UnexpectedResponse
from tests.fakes.recording_host import MP4, URL, RecordingHost, file_of, redirecting


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "call" / "00-video.mp4"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty|has 0 bytes"),
        (b"RIFF" + bytes(5000), "is not such a file"),
        (MP4[:1000], "has 1000 bytes"),
    ],
)
def test_anything_but_an_mp4_is_a_clear_error_and_leaves_no_file(
    target: Path, content: bytes, words: str
) -> None:
    zoom = RecordingHost(content=content)
    with pytest.raises(UnexpectedResponse, match=f"MP4 file file-1.*({words})"):
        zoom.fetch(target, file=file_of())
    assert not target.exists()
    zoom.content = MP4
    assert zoom.fetch(target) == MP4


def test_a_size_within_zooms_usual_error_is_accepted(target: Path) -> None:
    assert RecordingHost().fetch(target, file=file_of(size=int(len(MP4) * 1.04))) == MP4
    target.unlink()
    assert RecordingHost().fetch(target, file=file_of(size=None)) == MP4


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
    zoom = RecordingHost(content=content, content_type=content_type)
    file = file_of(file_type, None)
    assert zoom.fetch(tmp_path / "file", file=file) == content


@pytest.mark.parametrize(
    "content", [b'{"status":false,"errorCode":3302,"errorMessage":"gone"}', b" <html>", b"<HEAD>"]
)
def test_an_error_message_is_not_a_timeline(tmp_path: Path, content: bytes) -> None:
    zoom = RecordingHost(content=content, content_type="application/json")
    with pytest.raises(AuthFailed):
        zoom.fetch(tmp_path / "file", file=file_of("TIMELINE", len(content)))


@pytest.mark.parametrize(
    ("location", "is_token_sent"),
    [
        ("/cdn/file?sig=SECRET", True),
        ("https://ssrweb.zoom.us/cdn/file?sig=SECRET", False),
        ("https://us02web.zoom.us:443/cdn/file", True),
        ("http://127.0.0.1:8123/cdn/file", False),
    ],
)
def test_redirects_are_followed_and_the_token_stays_on_its_host(
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
        "https://zoom.us:22/rec/download/x",
        "https://us02web.zoom.us:8443/rec/download/x",
    ],
)
def test_no_other_address_is_ever_requested(target: Path, address: str) -> None:
    zoom, requests = redirecting(address)
    with pytest.raises(UnexpectedResponse):
        zoom.fetch(target)
    assert len(requests) == 1
    direct = RecordingHost()
    with pytest.raises(UnexpectedResponse):
        direct.fetch(target, file=file_of(url=address))
    assert direct.requests == []


def test_a_redirect_loop_ends(target: Path) -> None:
    zoom, requests = redirecting(URL)
    with pytest.raises(UnexpectedResponse, match="too many redirects"):
        zoom.fetch(target)
    assert len(requests) < 10


def test_neither_addresses_nor_tokens_are_logged(
    target: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    zoom, _ = redirecting("https://ssrweb.zoom.us/cdn/file?sig=SECRET")
    zoom.fetch(target)
    assert "SECRET" not in caplog.text
    assert "t1" not in caplog.text
