"""How numbers, times and names are put into words, the same in report, message and page.

A manager reads these: engagement is on 0–100, an interval is "51–64", and time into the call is a
clock. What people typed (topics, names, quotes) is cleaned of characters that
would disturb the line around it, and is otherwise kept exactly.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from inference.schema.analysis import Estimate

NBSP = "\u00a0"
FIRST_STRONG_ISOLATE, POP_ISOLATE = "\u2068", "\u2069"
_DIRECTION_MARKS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_JOINERS = frozenset("\u200c\u200d")  # they shape Persian, Indic scripts and emoji


def clean(text: str) -> str:
    """Return text as one line: composed, without control characters and direction overrides.

    An override (U+202E) in a name would turn the rest of the line around.
    """
    composed = unicodedata.normalize("NFC", text)
    kept = (
        " " if c.isspace() else c
        for c in composed
        if c not in _DIRECTION_MARKS
        and (c.isspace() or c in _JOINERS or unicodedata.category(c) not in ("Cc", "Cf", "Cs"))
    )
    return " ".join("".join(kept).split())


def shorten(text: str, length: int) -> str:
    """Cut text at a word to at most `length` letters of usual width, ending in an ellipsis.

    A Chinese, Japanese or Korean letter or an emoji counts as two, a wide capital as 1.5.
    """
    if width(text) <= length:
        return text
    room, end = length - 1.0, 0
    while end < len(text) and room >= _width(text[end]):
        room -= _width(text[end])
        end += 1
    cut = text[:end]
    space = cut.rfind(" ")
    if space > len(cut) * 0.6:
        cut = cut[:space]
    while cut and (unicodedata.combining(cut[-1]) or cut[-1] in _JOINERS):
        cut = cut[:-1]
    return cut.rstrip(" ,;:–-") + "…"


def width(text: str) -> float:
    """Return how much room a text takes, in letters of usual width."""
    return sum(map(_width, text))


def _width(letter: str) -> float:
    if unicodedata.east_asian_width(letter) in "WF":
        return 2.0
    return 1.5 if letter in "WM@" else 1.0


def isolate(name: str) -> str:
    """Wrap a right-to-left name so that the sentence around it keeps its order."""
    if any(unicodedata.bidirectional(c) in ("R", "AL") for c in name):
        return f"{FIRST_STRONG_ISOLATE}{name}{POP_ISOLATE}"
    return name


def clock(t_s: float) -> str:
    """Format a time into the call as 12:40, or 1:02:40 from the first hour on."""
    total = math.floor(max(0.0, t_s) + 0.5)
    hours, rest = divmod(total, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def length(t_s: float) -> str:
    """Format a length of time as a person would: 48 s, 1 min 36 s, 12 min, 1 h 5 min.

    Seconds are told below ten minutes, minutes from one minute on.
    """
    total = math.floor(max(0.0, t_s) + 0.5)
    if total < 60:
        return f"{total}{NBSP}s"
    minutes, seconds = divmod(total, 60)
    if minutes < 10:
        return f"{minutes}{NBSP}min" + (f" {seconds}{NBSP}s" if seconds else "")
    hours, minutes = divmod((total + 30) // 60, 60)
    if not hours:
        return f"{minutes}{NBSP}min"
    return f"{hours}{NBSP}h" + (f" {minutes}{NBSP}min" if minutes else "")


def spelled_length(t_s: float) -> str:
    """Format a length of time for a sentence: 1 second, 40 seconds, 1 min 36 s."""
    total = math.floor(max(0.0, t_s) + 0.5)
    if total >= 60:
        return length(t_s)
    return f"{total}{NBSP}second" if total == 1 else f"{total}{NBSP}seconds"


def listed(names: Sequence[str], most: int) -> str:
    """Join names as in a sentence: "Ana", "Ana and Tom", "Ana, Tom and 3 more".

    Of more than `most`, one fewer is named.
    """
    if len(names) > most:
        names = [*names[: most - 1], f"{len(names) - most + 1} more"]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def first_name(name: str, names: Sequence[str]) -> str:
    """Return the first word of a name if it is a first name and no other name begins with it.

    `names` are those of everybody in the call, with this one. Names in scripts without spaces, with
    a title, a comma or a digit are returned whole.
    """
    whole = clean(name)
    first, *rest = whole.split() or [""]
    is_plain = rest and not _NOT_FIRST.search(whole) and first.casefold() not in _TITLES
    if not is_plain or len(first) < 2 or any(unicodedata.east_asian_width(c) == "W" for c in first):
        return whole
    begins = [clean(other).split()[:1] == [first] for other in names]
    return first if sum(begins) == 1 else whole


_NOT_FIRST = re.compile(r"[\d,.@()\[\]/|]")
_TITLES = frozenset(
    {"dr", "prof", "mr", "mrs", "ms", "miss", "sir", "herr", "frau", "monsieur", "madame"}
    | {"señor", "señora", "the", "room", "meeting", "conference"}
)


def points(share: float) -> int:
    """Convert 0–1 to whole points on 0–100, halves up."""
    return math.floor(share * 100 + 0.5)


def percent(share: float) -> str:
    """Format a share as 83 %; one above zero that rounds to zero as < 1 %."""
    value = points(share)
    return f"<{NBSP}1{NBSP}%" if value == 0 and share > 0 else f"{value}{NBSP}%"


def span(estimate: Estimate) -> str:
    """Format the 95 % interval of a 0–1 figure for a table: 51–64."""
    return f"{points(estimate.low)}–{points(estimate.high)}"


def signed(value: int) -> str:
    """Format a change with its sign and a true minus."""
    return f"+{value}" if value > 0 else f"−{-value}" if value < 0 else "0"


def is_clear(estimate: Estimate) -> bool:
    """Return whether the interval excludes zero, so that the sign of a change is certain."""
    return estimate.low > 0 or estimate.high < 0


def change(estimate: Estimate, factor: float = 1.0) -> str:
    """Return a change of a 0–1 figure in points with its sign; "" unless the sign is certain.

    `factor` scales it first, such as minutes for a change per minute. Within ±100.
    """
    if not is_clear(estimate):
        return ""
    return signed(max(-100, min(100, points(estimate.value * factor))))


def local_time(started_at: datetime, timezone: str | None) -> tuple[datetime, str, str]:
    """Return a start in the meeting's zone, the zone's name, and a note if it is not known.

    An unknown or missing zone becomes UTC, and the note says so.
    """
    if timezone:
        try:
            return started_at.astimezone(ZoneInfo(timezone)), timezone.replace("_", " "), ""
        except (ZoneInfoNotFoundError, ValueError, OSError):
            note = f"The meeting's time zone “{clean(timezone)}” is not known; times are UTC."
            return started_at.astimezone(UTC), "UTC", note
    return started_at.astimezone(UTC), "UTC", "The meeting names no time zone; times are UTC."


def long_date(at: datetime) -> str:
    """Format a date as Thursday 19 November 2026, whatever the machine's locale is."""
    return f"{_DAYS[at.weekday()]} {at.day} {_MONTHS[at.month - 1]} {at.year}"


def day(at: datetime) -> str:
    """Format a date as 19 Nov, for what is read within weeks."""
    return f"{at.day} {_MONTHS[at.month - 1][:3]}"


def short_date(at: datetime) -> str:
    """Format a date as 19 Nov 2026."""
    return f"{day(at)} {at.year}"


_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
