"""Zoom's recording host as a download sees it, answering from a function instead of sockets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx

from integrations.zoom.downloads import Downloader
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
    """A body that breaks off part-way through."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self._content
        raise httpx.ReadError("https://us02web.zoom.us/SECRET")


class RecordingHost:
    """Serves MP4 byte ranges to valid tokens, and records the requests."""

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


def redirecting(location: str) -> tuple[RecordingHost, list[httpx.Request]]:
    zoom = RecordingHost()

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == httpx.URL(URL).path and request.url.host == "us02web.zoom.us":
            return httpx.Response(302, headers={"Location": location})
        return zoom.send(request)

    zoom.handler = answer
    return zoom, zoom.requests
