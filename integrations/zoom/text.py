"""Converts text and numbers from Zoom, of any encoding and type, to values that are safe to store.

No content raises an error. PostgreSQL rejects NUL and no encoder accepts half a surrogate pair, so
both are removed once, where text comes in.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from datetime import UTC, datetime

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    # UTF-32 before UTF-16: UTF-32's little-endian mark starts with UTF-16's.
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_OFFSET = re.compile(r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,9}))?")
_LINE_END = re.compile("\r\n|\r|\n")
_LARGEST = 2**63 - 1


def clean_text(value: object) -> str:
    """Return a string or number as trimmed text without control characters; else ""."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return _CONTROL.sub("", str(value)).strip()


def whole_number(value: object) -> int | None:
    """Return an integer of at most 64 bits, sent as a number or as digits; otherwise None."""
    if isinstance(value, str) and value.strip().isdecimal() and len(value) <= 19:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = int(value)
    except (ValueError, OverflowError):  # NaN and infinity, which Python's JSON reader accepts
        return None
    return number if -_LARGEST <= number <= _LARGEST else None


def moment(value: object) -> datetime | None:
    """Parse an ISO time as aware UTC, or None. A time without a zone is UTC, as Zoom means it."""
    at = moment_with_zone(value)
    return None if at is None else at.astimezone(UTC)


def moment_with_zone(value: object) -> datetime | None:
    """Parse an ISO time as `moment` does, but leave it in its own zone."""
    text = clean_text(value)
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
        at.astimezone(UTC)  # the first and the last day of the calendar have none
        return at
    except (ValueError, OverflowError):
        return None


def offset_s(text: str) -> float | None:
    """Parse "HH:MM:SS.mmm" (hours and fraction optional) as seconds; None if it is not a time."""
    match = _OFFSET.fullmatch(text.strip())
    if match is None:
        return None
    hours, minutes, seconds, fraction = match.groups()
    if int(minutes) > 59 or int(seconds) > 59:
        return None
    whole = int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds)
    return whole + (int(fraction) / 10 ** len(fraction) if fraction else 0.0)


def decode(data: bytes) -> tuple[str, str | None]:
    """Decode a file's text; also return a sentence if it was not valid UTF-8 (None if it was).

    A byte order mark decides first; then, zero bytes in every other place mean UTF-16; then UTF-8.
    Anything else is taken as Windows-1252, written by an older Windows program.
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _decode_as(data[len(mark) :], encoding)
    head = data[:4096]
    for encoding, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[0::2])):
        if len(head) >= 4 and zeros.count(0) > len(zeros) // 3:
            return _decode_as(data, encoding)
    return _decode_as(data, "utf-8")


def _decode_as(data: bytes, encoding: str) -> tuple[str, str | None]:
    text = data.decode(encoding, "replace")
    damaged = text.count("\ufffd")
    if not damaged:
        return text, None
    beyond_ascii = sum(character > "\x7f" for character in text)
    if encoding == "utf-8" and damaged > beyond_ascii - damaged:
        return data.decode("cp1252", "replace"), "not UTF-8, read as Windows-1252."
    return text, f"{count(damaged, 'character')} unreadable."


def split_lines(text: str) -> Iterator[str]:
    """Yield a text's lines, one at a time, without their ends: CR, LF or both.

    `str.splitlines` also splits at separators that people paste into messages and names.
    """
    at = 0
    for end in _LINE_END.finditer(text):
        yield text[at : end.start()]
        at = end.end()
    yield text[at:]


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun, such as "1 entry" or "3 entries"."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
