"""Text and numbers as Zoom sends them: any encoding, any type, made safe to keep.

Nothing here raises on content. PostgreSQL refuses NUL and no encoder takes half a surrogate pair,
so both are removed once, where text comes in.
"""

from __future__ import annotations

import codecs
import re
from datetime import UTC, datetime

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    # UTF-32 before UTF-16: the little-endian mark of the one begins with the mark of the other.
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_OFFSET = re.compile(r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,9}))?")
_LARGEST = 2**63 - 1


def clean_text(value: object) -> str:
    """Give a string (or number) as trimmed text without control characters; "" for the rest."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return _CONTROL.sub("", str(value)).strip()


def whole_number(value: object) -> int | None:
    """Give a whole number of at most 64 bits sent as number or digits; None for the rest."""
    if isinstance(value, str) and value.strip().isdecimal() and len(value) <= 19:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = int(value)
    except (ValueError, OverflowError):  # NaN and infinity, which Python's JSON reader lets in
        return None
    return number if -_LARGEST <= number <= _LARGEST else None


def moment(value: object) -> datetime | None:
    """Give an ISO time as aware UTC; without a zone it is UTC, as Zoom means it. None if none."""
    text = clean_text(value)
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def offset_s(text: str) -> float | None:
    """Give "HH:MM:SS.mmm" (hours and fraction may be missing) in seconds; None if it is none."""
    match = _OFFSET.fullmatch(text.strip())
    if match is None:
        return None
    hours, minutes, seconds, fraction = match.groups()
    if int(minutes) > 59 or int(seconds) > 59:
        return None
    whole = int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds)
    return whole + (int(fraction) / 10 ** len(fraction) if fraction else 0.0)


def decode(data: bytes) -> tuple[str, str | None]:
    """Give a file's text, and a plain sentence where it was not sound UTF-8 (None where it was).

    Byte order marks decide first; then zero bytes at every other place mean UTF-16; then UTF-8.
    What is none of these was written by an older Windows program: Windows-1252.
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


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Give "1 entry" or "3 entries" for a sentence."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
