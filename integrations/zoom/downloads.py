"""Downloads recording files: streamed, resumable, checked, and moved into place when complete.

A file is written under its name plus ".part", and renamed only when its content type, size and
first bytes are right, so a file under its own name is complete. Addresses and tokens are secrets:
neither appears in an error or a log.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from integrations.errors import AuthFailed, NoSpace, NotFound, Unavailable, UnexpectedResponse
from integrations.zoom.addresses import AllowedAddresses, is_same_origin
from integrations.zoom.answers import TOKEN_ENDED, error_code, error_from, error_from_httpx
from integrations.zoom.containers import (
    HEAD_BYTES,
    Verdict,
    is_size_right,
    judge_head,
    judge_type,
    largest_size_bytes,
)
from integrations.zoom.recordings import RecordingFile

TIMEOUT = httpx.Timeout(30.0, connect=10.0)
SPACE_CHECK_BYTES = 64 * 1024 * 1024
MOST_REDIRECTS = 5
_SMALL_ANSWER_BYTES = 64 * 1024
_PARTIAL = re.compile(r"bytes\s+(\d+)-\d+/(?:\d+|\*)")
_NOT_SATISFIABLE = re.compile(r"bytes\s+\*/(\d+)")


@dataclass(frozen=True, slots=True)
class Access:
    """A token, and the address it is for if that is not the file's own."""

    token: str
    download_url: str | None = None


AccessSource = Callable[[], str | Access]
"""Called only when this token is tried; "" means that there is none."""


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A complete file on disk."""

    path: Path
    size_bytes: int


class _TokenRefused(Exception):
    """Zoom refused this token for this file; another may work."""


@dataclass(frozen=True, slots=True)
class _Job:
    file: RecordingFile
    part: Path
    what: str
    on_progress: Callable[[int], None] | None
    stop: threading.Event | None


class Downloader:
    """Downloads recording files from allowed hosts. Thread-safe; the constructor does no I/O.

    Args:
        allowed_hosts: hosts, with their subdomains, that files may come from over https.
        insecure_hosts: `host:port` pairs that may also be used over plain http, for stand-ins.
        reserve_bytes: disk space that a download must leave free.
    """

    def __init__(
        self,
        http: httpx.Client,
        *,
        allowed_hosts: Iterable[str],
        insecure_hosts: Iterable[str] = (),
        reserve_bytes: int = 0,
    ) -> None:
        self._http = http
        self._addresses = AllowedAddresses(allowed_hosts, insecure_hosts)
        self._reserve_bytes = reserve_bytes
        self._begun: set[Path] = set()
        # httpx logs every URL at INFO and httpcore every header at DEBUG; here both are secret.
        for name in ("httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.WARNING)

    def download(
        self,
        file: RecordingFile,
        target: Path,
        tokens: Sequence[AccessSource],
        on_progress: Callable[[int], None] | None = None,
        stop: threading.Event | None = None,
    ) -> Downloaded:
        """Download a file to `target`; return at once if it is already there.

        Args:
            tokens: tried in order; when Zoom refuses one, even part-way through, the next one
                resumes the download.
            on_progress: called often with the number of bytes on disk so far.

        Raises:
            NoSpace: the disk cannot hold the file and the reserve.
            AuthFailed: every token was refused, which is also how Zoom reports a deleted file.
            NotFound, RateLimited: Zoom said so.
            Unavailable: the connection broke or `stop` was set; the bytes received are kept.
            UnexpectedResponse: the response is not the file, or its host is not allowed.
        """
        what = f"{file.file_type} file {file.id}"
        if target.is_file() and _complaint(file, target) is None:
            return Downloaded(target, target.stat().st_size)
        if not file.download_url:
            raise NotFound(f"Zoom offers no download of the {what}, or not yet.")
        target.parent.mkdir(parents=True, exist_ok=True)
        job = _Job(file, target.with_name(target.name + ".part"), what, on_progress, stop)
        refusal: Exception | None = None
        for source in tokens:
            try:
                answer = source()
                access = answer if isinstance(answer, Access) else Access(answer)
                if access.token:
                    self._fetch(job, access)
                    self._begun.discard(job.part)
                    return _put_in_place(job, target)
            except (_TokenRefused, AuthFailed) as exc:
                refusal = exc
        if refusal is None:
            raise AuthFailed(f"There is no token for downloading the {what}.")
        if isinstance(refusal, AuthFailed):
            raise refusal
        raise AuthFailed(
            f"Zoom refused every token for the {what}: it was deleted, or the app lacks the "
            "scope cloud_recording:read:list_recording_files:admin or recording:read:admin."
        ) from refusal

    def _fetch(self, job: _Job, access: Access) -> None:
        """Complete the part file, resuming if the server supports it."""
        if job.part not in self._begun:
            self._begun.add(job.part)
            _set_apart(job.part)
        have = _size_of(job.part)
        self._check_space(job, max(0, (job.file.size_bytes or 0) - have))
        with self._answer(job, access, have) as response:
            if response.status_code == 200:
                self._receive(job, response, 0)
                return
            if response.status_code == 206 and _first_byte(response) == have:
                self._receive(job, response, have)
                return
            if response.status_code == 416 and have and _whole_size(response) == have:
                return
        # The server's file is not the one we started, or its size differs.
        job.part.unlink(missing_ok=True)
        with self._answer(job, access, 0) as response:
            if response.status_code != 200:
                raise UnexpectedResponse(f"Zoom sends only a part of the {job.what}.")
            self._receive(job, response, 0)

    @contextlib.contextmanager
    def _answer(self, job: _Job, access: Access, offset: int) -> Iterator[httpx.Response]:
        """Follow redirects and yield the final response (200, 206 or 416) with its body unread."""
        first = address = self._addresses.checked(
            access.download_url or job.file.download_url, job.what
        )
        headers = {"Authorization": f"Bearer {access.token}", "Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
        for _ in range(MOST_REDIRECTS + 1):
            if not is_same_origin(first, address):
                headers.pop("Authorization", None)
            request = self._http.build_request("GET", address, headers=headers, timeout=TIMEOUT)
            try:
                response = self._http.send(request, stream=True, follow_redirects=False)
            except (httpx.HTTPError, httpx.InvalidURL) as exc:
                raise error_from_httpx(exc, job.what) from exc
            with contextlib.closing(response):
                if not response.is_redirect:
                    _check_status(job, response)
                    yield response
                    return
                location = response.headers.get("Location", "")
            try:
                joined = str(address.join(location))
            except httpx.InvalidURL as exc:
                raise UnexpectedResponse(
                    f"The {job.what} redirects to an invalid address."
                ) from exc
            address = self._addresses.checked(joined, job.what)
        raise UnexpectedResponse(f"The {job.what} has too many redirects.")

    def _receive(self, job: _Job, response: httpx.Response, offset: int) -> None:
        whole = _announced_bytes(response, offset)
        size, next_check = offset, offset + SPACE_CHECK_BYTES
        try:
            # No chunk size: bytes waiting to fill a chunk are lost when the connection breaks.
            chunks = response.iter_bytes()
            head = _head(chunks)
            # Checked before the part file is touched: a refusal must not lose what it holds.
            if offset == 0 and head:
                _check_head(job, head)
            if whole is not None:
                _check_size(job, whole)
                self._check_space(job, whole - offset)
            with job.part.open("ab" if offset else "wb") as out:
                for chunk in _then(head, chunks):
                    out.write(chunk)
                    size += len(chunk)
                    if job.on_progress is not None:
                        job.on_progress(size)
                    if job.stop is not None and job.stop.is_set():
                        raise Unavailable(f"The download of the {job.what} was stopped.")
                    if size >= next_check:
                        next_check = size + SPACE_CHECK_BYTES
                        self._check_space(job, 0)
                    if size > (largest_size_bytes(job.file) or size):
                        break
                out.flush()
                os.fsync(out.fileno())
        except (httpx.HTTPError, httpx.StreamError) as exc:
            raise error_from_httpx(exc, job.what) from exc
        except OSError as exc:
            if exc.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise self._no_space(job, HEAD_BYTES) from exc
        if whole is not None and size < whole:
            raise Unavailable(
                f"The download of the {job.what} broke off at {size} of {whole} bytes."
            )

    def _check_space(self, job: _Job, missing_bytes: int) -> None:
        free = shutil.disk_usage(job.part.parent).free
        if free < missing_bytes + self._reserve_bytes:
            raise self._no_space(job, missing_bytes)

    def _no_space(self, job: _Job, missing_bytes: int) -> NoSpace:
        needed = missing_bytes + self._reserve_bytes
        free = shutil.disk_usage(job.part.parent).free
        return NoSpace(
            f"The disk has {free / 1e9:.1f} GB free, but the {job.what} and the reserve need "
            f"{needed / 1e9:.1f} GB. Free some space, or lower RAPPORT_ZOOM__DISK_RESERVE_BYTES.",
            needed,
            free,
        )


def _set_apart(part: Path) -> None:
    """Replace a part file by a copy: a process that was frozen may still write into the old one."""
    copy = part.with_name(f"{part.name}-copy")
    try:
        shutil.copyfile(part, copy)
        os.replace(copy, part)
    except FileNotFoundError:
        return
    except OSError:  # no room for both: begin anew
        copy.unlink(missing_ok=True)
        part.unlink(missing_ok=True)


def _check_status(job: _Job, response: httpx.Response) -> None:
    """Accept 200, 206 and 416 unless they look like a refusal; raise an error for the rest."""
    if response.status_code == 416:
        return
    if response.status_code in (200, 206):
        verdict = judge_type(job.file, response.headers.get("Content-Type", ""))
        if verdict is Verdict.REFUSAL:
            raise _TokenRefused(f"a page instead of the {job.what}")
        return
    if response.status_code in (401, 403):
        raise _TokenRefused(f"no access to the {job.what}")
    try:
        body = b"".join(_at_most(response.iter_bytes(), _SMALL_ANSWER_BYTES))
    except (httpx.HTTPError, httpx.StreamError):
        body = b""
    told = httpx.Response(response.status_code, headers=_waits(response), content=body)
    if error_code(told) == TOKEN_ENDED:
        raise _TokenRefused(f"the token for the {job.what} has expired")
    raise error_from(told, job.what, time.time())


def _waits(response: httpx.Response) -> dict[str, str]:
    names = ("Retry-After", "X-RateLimit-Reset", "X-RateLimit-Type")
    return {name: response.headers[name] for name in names if name in response.headers}


def _check_head(job: _Job, head: bytes) -> None:
    verdict = judge_head(job.file, head)
    if verdict is Verdict.REFUSAL:
        raise _TokenRefused(f"an error message instead of the {job.what}")
    if verdict is Verdict.WRONG:
        raise UnexpectedResponse(f"What Zoom sends as the {job.what} is not such a file.")


def _check_size(job: _Job, whole_bytes: int) -> None:
    if is_size_right(job.file, whole_bytes):
        return
    job.part.unlink(missing_ok=True)  # it belongs to another file
    raise UnexpectedResponse(
        f"What Zoom sends as the {job.what} has {whole_bytes} bytes where "
        f"{job.file.size_bytes} were announced."
    )


def _complaint(file: RecordingFile, path: Path) -> str | None:
    """Return what is wrong with a file on disk, or None if it is the announced one."""
    size = path.stat().st_size
    if not is_size_right(file, size):
        return f"has {size} bytes where {file.size_bytes} were announced"
    with path.open("rb") as opened:
        verdict = judge_head(file, opened.read(HEAD_BYTES))
    if verdict is Verdict.FITS:
        return None
    return "is empty" if size == 0 else "is not such a file"


def _put_in_place(job: _Job, target: Path) -> Downloaded:
    complaint = _complaint(job.file, job.part)
    if complaint is not None:
        job.part.unlink(missing_ok=True)  # resuming would only make it longer
        raise UnexpectedResponse(f"What Zoom sent as the {job.what} {complaint}.")
    os.replace(job.part, target)
    with contextlib.suppress(OSError):  # Some file systems cannot sync a folder.
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    return Downloaded(target, target.stat().st_size)


def _announced_bytes(response: httpx.Response, offset: int) -> int | None:
    """Return the size of the whole file from the headers, or None if they do not say."""
    length = response.headers.get("Content-Length", "")
    if not length.isdecimal() or "Content-Encoding" in response.headers:
        return None
    return offset + int(length)


def _first_byte(response: httpx.Response) -> int | None:
    match = _PARTIAL.match(response.headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def _whole_size(response: httpx.Response) -> int | None:
    match = _NOT_SATISFIABLE.match(response.headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def _size_of(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _head(chunks: Iterator[bytes]) -> bytes:
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= HEAD_BYTES:
            break
    return head


def _then(head: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    if head:
        yield head
    yield from chunks


def _at_most(chunks: Iterator[bytes], most_bytes: int) -> Iterator[bytes]:
    for chunk in chunks:
        yield chunk[:most_bytes]
        most_bytes -= len(chunk)
        if most_bytes <= 0:
            return
