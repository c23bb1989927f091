"""Parses Zoom's CHAT file: "HH:MM:SS<TAB>Name:<TAB>message", times from the recording's start.

No content raises an error: valid parts are used, and the rest is reported in `problems`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise

from integrations.zoom.text import clean_text, count, decode, offset_s

# A name may contain ":" and a message tabs, so the name ends at the first ":" before a tab.
_LINE = re.compile(r"(\d{1,4}:\d{2}:\d{2})\t(.*?):(?:\t(.*)|\s*)")


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


def parse_chat(data: bytes, duration_s: float | None = None) -> Chat:
    """Read a CHAT file.

    Args:
        data: the file; any encoding, may be truncated or malformed. An empty file is not a
            problem: nobody wrote anything.
        duration_s: length of the recording, if known; later messages are left out.
    """
    problems: list[str] = []
    text, complaint = decode(data)
    if complaint:
        problems.append(complaint)
    messages: list[ChatMessage] = []
    stray = 0
    for line in text.lstrip("\ufeff").splitlines():
        match = _LINE.fullmatch(line)
        at_s = offset_s(match[1]) if match else None
        if match is not None and at_s is not None:
            messages.append(ChatMessage(at_s, clean_text(match[2]), clean_text(match[3] or "")))
        elif messages:
            whole = f"{messages[-1].text}\n{clean_text(line)}"
            messages[-1] = replace(messages[-1], text=whole)
        else:
            stray += bool(line.strip())
    messages = [replace(message, text=message.text.strip()) for message in messages]
    past_end = [one for one in messages if duration_s is not None and one.at_s > duration_s]
    messages = [one for one in messages if duration_s is None or one.at_s <= duration_s]
    backwards = sum(later.at_s < earlier.at_s for earlier, later in pairwise(messages))
    messages.sort(key=lambda message: message.at_s)
    for number, noun, what in (
        (stray, "line", "could not be read and {was} left out."),
        (backwards, "message", "out of order {was} sorted."),
        (len(past_end), "message", "after the end of the recording {was} left out."),
    ):
        if number:
            was = "was" if number == 1 else "were"
            problems.append(f"{count(number, noun)} {what.format(was=was)}")
    return Chat(tuple(messages), tuple(f"CHAT: {problem}" for problem in problems))
