"""Checks whether the bytes received are the file that Zoom announced.

For a wrong token or a deleted file Zoom responds with status 200 and an HTML page, so neither the
status nor the file extension can be relied on.
"""

from __future__ import annotations

from enum import Enum

from integrations.zoom.recordings import RecordingFile
from integrations.zoom.text import decode

SIZE_TOLERANCE = 0.05
"""Zoom's `file_size` is sometimes off by 2–5 % (dlzoom)."""
SIZE_TOLERANCE_BYTES = 4096
HEAD_BYTES = 4096
_MEDIA = ("MP4", "M4A")
# The type of the first box, at byte 4: `ftyp`, or one that older QuickTime writers start with.
_FIRST_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_HTML = ("<!doctype html", "<html", "<head", "<body")


class Verdict(Enum):
    """What the first bytes of a response turned out to be."""

    FITS = "fits"
    REFUSAL = "a page or an error message, which is how Zoom refuses a token"
    WRONG = "not a file of this kind"


def judge_type(file: RecordingFile, content_type: str) -> Verdict:
    """Judge a response by its Content-Type; an unknown or missing one is accepted."""
    name = content_type.partition(";")[0].strip().lower()
    if name in ("text/html", "application/xhtml+xml"):
        return Verdict.REFUSAL
    is_text = name.startswith("text/") or name == "application/json"
    return Verdict.REFUSAL if is_text and _is_media(file) else Verdict.FITS


def judge_head(file: RecordingFile, head: bytes) -> Verdict:
    """Judge a file by its first bytes.

    Media must start like an MP4. Text only must not be a page or an error message: malformed
    text is for its parser to report, and must not fail the call.
    """
    if _is_media(file) and head[4:8] in _FIRST_BOXES:
        return Verdict.FITS
    text = decode(head[:HEAD_BYTES])[0].lstrip("\ufeff \t\r\n").lower()
    if text.startswith(_HTML) or "<html" in text[:1024]:
        return Verdict.REFUSAL
    if text.startswith("{") and _is_error_message(text):
        return Verdict.REFUSAL
    return Verdict.WRONG if _is_media(file) else Verdict.FITS


def is_size_right(file: RecordingFile, size_bytes: int) -> bool:
    """Return whether a file's size matches what Zoom announced, within Zoom's own error."""
    if not file.size_bytes:
        return True
    allowed = max(file.size_bytes * SIZE_TOLERANCE, SIZE_TOLERANCE_BYTES)
    return size_bytes > 0 and abs(size_bytes - file.size_bytes) <= allowed


def largest_size_bytes(file: RecordingFile) -> int | None:
    """Return the size above which a response is not the announced file; None if unknown."""
    if not file.size_bytes:
        return None
    return file.size_bytes + int(max(file.size_bytes * SIZE_TOLERANCE, SIZE_TOLERANCE_BYTES))


def _is_media(file: RecordingFile) -> bool:
    return file.file_type in _MEDIA or file.file_extension in _MEDIA


def _is_error_message(text: str) -> bool:
    names_error = '"errorcode"' in text or ('"code"' in text and '"message"' in text)
    return names_error and '"timeline' not in text
