"""Parses a CHAT file, as Zoom's cloud stores it or as its client saves it.

No content raises an error: valid parts are used, and the rest is reported in `problems`. Direct
messages are private and never used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise

from integrations.zoom.formats.chat_lines import (
    FirstLine,
    first_line,
    is_reaction,
    is_timed,
    without_quote,
)
from integrations.zoom.formats.clock import ROUNDING_S, fitting_offsets, name_of, seconds_in
from integrations.zoom.text import clean_text, count, decode, offset_s, split_lines

MOST_MESSAGES = 100_000
"""A message per second for 27 hours."""
_EXPECTED = (
    'expected "00:21:14<TAB>Name:<TAB>message" or "15:21:14 From Name to Everyone: message".'
)
_GIVE_START = "give it with --start, such as --start 2026-09-10T13:00:05Z."
_GIVE_ZONE = "give --start in the time zone of the chat, such as 2026-09-10T15:00:05+02:00."


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message and its time, in seconds from the start of the recording; keeps line breaks."""

    at_s: float
    sender: str
    text: str


@dataclass(frozen=True, slots=True)
class Chat:
    """All messages in time order, and a sentence for each problem in the file."""

    messages: tuple[ChatMessage, ...]
    problems: tuple[str, ...]
    needs_start: bool = False
    """Whether the file has times of day, so that the start of the recording must be known."""


def parse_chat(
    data: bytes, duration_s: float | None = None, *, start_at: datetime | None = None
) -> Chat:
    """Read a CHAT file.

    The client's file has times of day without a zone. They are read in the zone of `start_at`; if
    that is UTC, in the one zone in which most messages lie within the recording.

    Args:
        data: the file; any encoding, may be truncated or malformed. An empty file is not a
            problem: nobody wrote anything.
        duration_s: length of the recording, if known; later messages are left out.
        start_at: when the recording began, if known.
    """
    problems: list[str] = []
    text, complaint = decode(data)
    if complaint:
        problems.append(complaint)
    found = _read(text.lstrip("\ufeff"))
    messages = found.messages
    problems += [
        *_left_out(found.unread, "line", f"could not be read and {{was}} left out; {_EXPECTED}"),
        *_left_out(found.private, "direct message", "{was} left out as private."),
        *_left_out(found.reactions, "reaction", "to messages {was} left out."),
        *_left_out(found.beyond, "message", f"after the first {MOST_MESSAGES:,} {{was}} left out."),
    ]
    is_past_end = duration_s is not None and all(one.at_s > duration_s for one in messages)
    if messages and (found.is_clients or (is_past_end and start_at)):
        messages, notes = _placed(messages, duration_s, start_at, is_clients=found.is_clients)
        problems += notes
    past_end = [one for one in messages if duration_s is not None and one.at_s > duration_s]
    messages = [one for one in messages if duration_s is None or one.at_s <= duration_s]
    backwards = sum(later.at_s < earlier.at_s for earlier, later in pairwise(messages))
    messages.sort(key=lambda message: message.at_s)
    problems += _left_out(backwards, "message", "out of order {was} sorted.")
    end = "after the end of the recording {was} left out."
    if past_end and is_past_end and start_at is None:
        end = f"{end[:-1]}; if the file has times of day, the recording's start is missing: "
        end += _GIVE_START
    problems += _left_out(len(past_end), "message", end)
    return Chat(
        tuple(messages),
        tuple(f"CHAT: {problem}" for problem in problems),
        needs_start=found.is_clients,
    )


@dataclass(slots=True)
class _Found:
    """What a file holds; the messages' times are as in the file."""

    messages: list[ChatMessage] = field(default_factory=list)
    is_clients: bool = False
    unread: int = 0
    private: int = 0
    reactions: int = 0
    beyond: int = 0


def _read(text: str) -> _Found:
    found = _Found()
    firsts = [(first_line(line), line) for line in split_lines(text)]
    found.is_clients = any(first and first.form == "client" for first, _ in firsts)
    written: list[str] | None = None  # None while what follows belongs to no message that is used
    message: FirstLine | None = None
    for first, line in firsts:
        starts = first is not None or (found.is_clients and is_timed(line))
        if not starts:
            if written is not None:
                written.append(clean_text(line))
            elif message is None:
                found.unread += bool(line.strip())
            continue
        _end(found, message, written)
        message, written = first, None
        if first is not None and first.is_private:
            found.private += 1
        elif first is None or first.sender is None or offset_s(first.time) is None:
            found.unread += 1
            # Nobody knows to whom the lines below were written.
            message = None
        else:
            written = [clean_text(first.text)]
    _end(found, message, written)
    return found


def _end(found: _Found, first: FirstLine | None, written: Sequence[str] | None) -> None:
    """Keep a message whose lines are complete."""
    if first is None or written is None:
        return
    text = without_quote("\n".join(written).strip())
    if is_reaction(text):
        found.reactions += 1
    elif len(found.messages) >= MOST_MESSAGES:
        found.beyond += 1
    else:
        at_s = offset_s(first.time) or 0.0
        found.messages.append(ChatMessage(at_s, clean_text(first.sender), text))


def _placed(
    messages: list[ChatMessage],
    duration_s: float | None,
    start_at: datetime | None,
    *,
    is_clients: bool,
) -> tuple[list[ChatMessage], list[str]]:
    """Return messages with times of day on the recording's time line, and notes."""
    number = len(messages)
    if start_at is None:
        what = "with a time of day {was} left out: the recording's start is not known; "
        return [], _left_out(number, "message", what + _GIVE_START)
    times_s = [one.at_s for one in messages]
    own = start_at.utcoffset() or timedelta()
    fits = [own]
    if is_clients and not own and duration_s is not None:
        fits = fitting_offsets(times_s, start_at, duration_s)
    if not fits:
        what = f"with a time of day {{was}} left out: none lies in the recording; {_GIVE_ZONE}"
        return [], _left_out(number, "message", what)
    if own not in fits and len(fits) > 1:
        what = f"with a time of day {{was}} left out: several time zones fit; {_GIVE_ZONE}"
        return [], _left_out(number, "message", what)
    offset = own if own in fits else fits[0]
    notes = []
    if len(fits) > 1:
        notes.append(f"times of day were read as {name_of(offset)}; if that is wrong, {_GIVE_ZONE}")
    elif offset != own:
        notes.append(
            f"times of day were read as {name_of(offset)}, the only time zone that fits the "
            "recording."
        )
    placed_s = seconds_in(times_s, start_at, offset)
    before = sum(at_s <= -ROUNDING_S for at_s in placed_s)
    notes += _left_out(before, "message", "before the start of the recording {was} left out.")
    return [
        replace(one, at_s=max(at_s, 0.0))
        for one, at_s in zip(messages, placed_s, strict=True)
        if at_s > -ROUNDING_S
    ], notes


def _left_out(number: int, noun: str, what: str) -> list[str]:
    if not number:
        return []
    return [f"{count(number, noun)} {what.format(was='was' if number == 1 else 'were')}"]
