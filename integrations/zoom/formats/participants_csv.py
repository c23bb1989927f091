"""Reads the list of participants that Zoom's web portal exports as CSV.

Its header reads "Name (original name),Email,Join time,Leave time,Duration (minutes),Guest,…" with
changes between versions; a block about the meeting may stand above it. Somebody who changed their
name in the meeting is "Dana (Dana Whitfield)". Times are local, without a zone, in the form of the
account's language.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from integrations.zoom.text import clean_text, split_lines

_HEADER_WITHIN_ROWS = 40
_HAS_ORIGINALS = re.compile(r"\boriginal name\b", re.IGNORECASE)
# The columns, by how their title starts.
_COLUMNS = {
    "name": re.compile(r"(?:user |participant )?name\b|participant$", re.IGNORECASE),
    "email": re.compile(r"(?:user )?e-?mail\b", re.IGNORECASE),
    "join": re.compile(r"join(?:ed| time)\b", re.IGNORECASE),
    "leave": re.compile(r"left\b|leave time\b", re.IGNORECASE),
    "guest": re.compile(r"guest\b", re.IGNORECASE),
    "waiting": re.compile(r"in waiting room\b", re.IGNORECASE),
    "duration": re.compile(r"(?:total )?duration\b", re.IGNORECASE),
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_AFTERNOON = re.compile(r"p\.?\s?m\b|下午|午後|오후|ös\b", re.IGNORECASE)
_MORNING = re.compile(r"a\.?\s?m\b|上午|午前|오전|öö\b", re.IGNORECASE)
_NUMBERS = re.compile(r"\d{1,4}")
_LONGEST_TIME = 40


@dataclass(frozen=True, slots=True)
class CsvRows:
    """The rows in the words of Zoom's API, and how many times could not be read."""

    rows: tuple[Mapping[str, Any], ...]
    unread_times: int = 0
    unzoned_times: int = 0
    """Times left out because the time zone is not known."""


def read_csv(text: str, zone: tzinfo | None, near: datetime | None = None) -> CsvRows | None:
    """Read an export; None if no row is a header with a column of names.

    Args:
        text: the whole file.
        zone: of the times; None if not known, and then they are left out.
        near: a time near the meeting, which decides whether "09/10/2026" is in September.
    """
    lines = list(split_lines(text))
    headers = [header for separator in ",;\t" if (header := _header(lines, separator))]
    if not headers:
        return None
    best = max(headers, key=lambda header: len(header.columns))
    return _rows(_parsed(lines[best.line + 1 :], best.separator), best, zone, near)


@dataclass(frozen=True, slots=True)
class _Header:
    """Which line is the header, what separates its cells, and the place of each column."""

    line: int
    separator: str
    columns: Mapping[str, int]
    has_originals: bool
    """Whether the column of names adds the original name in brackets."""


def _header(lines: Sequence[str], separator: str) -> _Header | None:
    for at, line in enumerate(lines[:_HEADER_WITHIN_ROWS]):
        titles = [clean_text(cell) for row in _parsed([line], separator) for cell in row]
        columns = {
            column: places[0]
            for column, title in _COLUMNS.items()
            if (places := [i for i, found in enumerate(titles) if title.match(found)])
        }
        if "name" in columns and len(columns) > 1:
            has_originals = _HAS_ORIGINALS.search(titles[columns["name"]]) is not None
            return _Header(at, separator, columns, has_originals)
    return None


def _parsed(lines: Sequence[str], separator: str) -> list[list[str]]:
    try:
        return list(csv.reader((line + "\n" for line in lines), delimiter=separator))
    except csv.Error:  # a cell of more than 128 KiB
        return [line.split(separator) for line in lines]


def _rows(
    cells: Sequence[Sequence[str]],
    header: _Header,
    zone: tzinfo | None,
    near: datetime | None,
) -> CsvRows:
    def cell(row: Sequence[str], column: str) -> str:
        place = header.columns.get(column, len(row))
        return clean_text(row[place]) if place < len(row) else ""

    told = [row for row in cells if any(one.strip() for one in row)]
    times = [cell(row, column) for row in told for column in ("join", "leave")]
    day_first = _is_day_first(times, near)
    rows: list[Mapping[str, Any]] = []
    unread = unzoned = 0
    for row in told:
        entry: dict[str, Any] = {"name": cell(row, "name"), "user_email": cell(row, "email")}
        if header.has_originals:
            entry["other_names"] = _both_names(entry["name"])
        for column in ("join", "leave"):
            written = cell(row, column)
            at = _local_time(written, day_first) if written else None
            unread += bool(written) and at is None
            unzoned += at is not None and zone is None
            if at is not None and zone is not None:
                entry[f"{column}_time"] = at.replace(tzinfo=zone).isoformat()
        guest = cell(row, "guest").casefold()
        if guest in ("yes", "no"):
            entry["internal_user"] = guest == "no"
        if cell(row, "waiting").casefold() == "yes":
            entry["status"] = "in_waiting_room"
        rows.append(entry)
    return CsvRows(tuple(rows), unread, unzoned)


def _both_names(name: str) -> tuple[str, ...]:
    """Return the display name and the original name of "Dana (Dana Whitfield)"; else nothing."""
    open_brackets = 0
    for at in range(len(name) - 1, 0, -1):
        open_brackets += (name[at] == ")") - (name[at] == "(")
        if open_brackets == 0:
            both = (name[:at].strip(), name[at + 1 : -1].strip())
            return both if name.endswith(")") and all(both) else ()
    return ()


def _is_day_first(times: Sequence[str], near: datetime | None) -> bool:
    """Whether dates start with the day: by what the numbers allow, else by a time nearby."""
    reads = {
        day_first: [_local_time(text, day_first) for text in times if text]
        for day_first in (False, True)
    }
    unread = {day_first: found.count(None) for day_first, found in reads.items()}
    if unread[True] != unread[False]:
        return unread[True] < unread[False]
    if near is not None:
        plain = near.replace(tzinfo=UTC)
        far_s = {
            day_first: min((abs((at - plain).total_seconds()) for at in found if at), default=0.0)
            for day_first, found in reads.items()
        }
        if far_s[True] != far_s[False]:
            return far_s[True] < far_s[False]
    # Who writes AM and PM mostly writes the month first; dots come with the day first.
    return any("." in text[:6] for text in times) or not any(
        _AFTERNOON.search(text) or _MORNING.search(text) for text in times
    )


def _local_time(text: str, day_first: bool) -> datetime | None:
    """Parse "09/10/2026 03:00:05 PM" and its like, as if it were UTC."""
    if len(text) > _LONGEST_TIME:
        return None
    numbers = [int(number) for number in _NUMBERS.findall(text)]
    word = next((i for i, name in enumerate(_MONTHS, 1) if name in text[:12].casefold()), None)
    if word is not None:
        numbers[:1] = [word, *numbers[:1]]
        day_first = False
    if len(numbers) not in (5, 6):
        return None
    first, second, third, hour, minute, *seconds = numbers
    if first > 31:
        year, month, day = first, second, third
    else:
        year, month, day = third, *((second, first) if day_first else (first, second))
    if _AFTERNOON.search(text):
        hour = hour % 12 + 12
    elif _MORNING.search(text):
        hour %= 12
    try:
        return datetime(year, month, day, hour, minute, sum(seconds), tzinfo=UTC)
    except ValueError:
        return None
