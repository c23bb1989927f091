"""Whether the bytes that came are the file that was announced.

Zoom answers a wrong token, and a file that was deleted, with status 200 and a page in HTML; so
neither the status nor the ending of a name says anything.
"""

from __future__ import annotations

from enum import Enum

from integrations.zoom.recordings import RecordingFile
from integrations.zoom.text import decode

SIZE_TOLERANCE = 0.05
"""Zoom's `file_size` is off by 2–5 % at times (dlzoom)."""
SIZE_TOLERANCE_BYTES = 4096
HEAD_BYTES = 4096
_MEDIA = ("MP4", "M4A")
# The type of the first box, at byte 4: `ftyp`, or what older QuickTime writers begin with.
_FIRST_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_HTML = ("<!doctype html", "<html", "<head", "<body")


class Verdict(Enum):
    """What the first bytes of an answer are."""

    FITS = "fits"
    REFUSAL = "a page or an error message: Zoom's way to refuse a token"
    WRONG = "no such file"


def judge_type(file: RecordingFile, content_type: str) -> Verdict:
    """Judge an answer by its Content-Type; an unknown or missing one fits."""
    name = content_type.partition(";")[0].strip().lower()
    if name in ("text/html", "application/xhtml+xml"):
        return Verdict.REFUSAL
    is_text = name.startswith("text/") or name == "application/json"
    return Verdict.REFUSAL if is_text and _is_media(file) else Verdict.FITS


def judge_head(file: RecordingFile, head: bytes) -> Verdict:
    """Judge a file by its first bytes.

    Media must begin as MP4 does. Text must only not be a page or an error message: what is
    malformed in it is for its parser to tell, and must not cost the call.
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
    """Say whether a file's size is what Zoom announced, as far as Zoom's own figures can be."""
    if not file.size_bytes:
        return True
    allowed = max(file.size_bytes * SIZE_TOLERANCE, SIZE_TOLERANCE_BYTES)
    return size_bytes > 0 and abs(size_bytes - file.size_bytes) <= allowed


def largest_size_bytes(file: RecordingFile) -> int | None:
    """Give the size above which an answer is not the announced file, None where unknown."""
    if not file.size_bytes:
        return None
    return file.size_bytes + int(max(file.size_bytes * SIZE_TOLERANCE, SIZE_TOLERANCE_BYTES))


def _is_media(file: RecordingFile) -> bool:
    return file.file_type in _MEDIA or file.file_extension in _MEDIA


def _is_error_message(text: str) -> bool:
    names_error = '"errorcode"' in text or ('"code"' in text and '"message"' in text)
    return names_error and '"timeline' not in text
