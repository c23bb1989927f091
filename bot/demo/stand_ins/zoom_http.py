"""The Zoom stand-in's responses: errors, pages of lists, files, and HTML pages instead of files."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse

from bot.demo.stand_ins.zoom_meeting import FileFixture

CHUNK_BYTES = 65_536


def bearer_of(request: Request) -> str:
    """Return the bearer token of a request, or an empty string."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


def error(kind: tuple[int, int, str]) -> Response:
    """Build an error in Zoom's format from (HTTP status, Zoom's code, message)."""
    status, code, message = kind
    return JSONResponse({"code": code, "message": message}, status)


def html_page(message: str) -> Response:
    """Build the page that Zoom returns, with status 200, instead of a file it refuses."""
    return HTMLResponse(
        "<!DOCTYPE html><html><head><title>Error - Zoom</title></head>"
        f"<body><h1>{message}</h1></body></html>"
    )


def page_of(entries: list[dict[str, Any]], name: str, request: Request) -> dict[str, Any]:
    """Return one page of a list in Zoom's format."""
    size = min(300, max(1, int(request.query_params.get("page_size", 30))))
    start = int(request.query_params.get("next_page_token") or 0)
    following = start + size
    return {
        "page_count": -(-len(entries) // size),
        "page_size": size,
        "total_records": len(entries),
        "next_page_token": str(following) if following < len(entries) else "",
        name: entries[start:following],
    }


def send_file(file: FileFixture, byte_range: str | None) -> Response:
    """Send the whole file, or the part requested by `Range: bytes=A-B`."""
    size = file.path.stat().st_size
    first, last, status = 0, size - 1, 200
    headers = {
        "accept-ranges": "bytes",
        "content-disposition": f"attachment; filename*=UTF-8''{quote(file.path.name)}",
    }
    match = re.fullmatch(r"bytes=(\d+)-(\d*)", byte_range or "")
    if match:
        first = int(match[1])
        last = min(size - 1, int(match[2])) if match[2] else size - 1
        if first > last:
            return Response(status_code=416, headers={"content-range": f"bytes */{size}"})
        status = 206
        headers["content-range"] = f"bytes {first}-{last}/{size}"
    length = max(0, last - first + 1)
    headers["content-length"] = str(length)

    async def chunks() -> AsyncIterator[bytes]:
        left = length
        with file.path.open("rb") as handle:
            handle.seek(first)
            while left > 0:
                chunk = handle.read(min(CHUNK_BYTES, left))
                if not chunk:
                    return
                left -= len(chunk)
                yield chunk

    return StreamingResponse(chunks(), status, headers, file.media_type)
