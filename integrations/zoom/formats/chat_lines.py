"""Tells the lines of a chat file apart: a message's first line, and what belongs to it.

Zoom's cloud writes "HH:MM:SS<TAB>Name:<TAB>message". Its client, when it saves a chat, writes
"HH:MM:SS From Name to Everyone:" with the message after it or below, and older clients
"HH:MM:SS<TAB> From  Name : message", both with the time of day and with direct messages among them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from integrations.zoom.text import clean_text

Form = Literal["cloud", "client"]

# A name may contain ":" and a message tabs, so the name ends at the first ":" before a tab. A space
# before it is the client's, in another language.
_CLOUD = re.compile(r"(\d{1,4}:\d{2}:\d{2})\t(?=\S)(.*?):(?:\t(.*)|\s*)")
_CLIENT = re.compile(
    r"(?:\d{4}-\d{2}-\d{2}[ T])?(\d{1,2}:\d{2}:\d{2})(?:\s?([AaPp])\.?[Mm]\.?)?\s+From\s+(.*)"
)
_TIMED = re.compile(r"(?:\d{4}-\d{2}-\d{2}[ T])?\d{1,2}:\d{2}:\d{2}(?:\s?[AaPp]\.?[Mm]\.?)?\s+\S.*")
# Any other recipient makes a message private: a report must not show it.
_PUBLIC = r"(?:everyone|everybody|meeting group chat|all panelists and attendees)"
_PUBLIC_ONLY = re.compile(rf"{_PUBLIC}(?:\s*\([^)]*\)|\s+in\s.*)?", re.IGNORECASE)
_TO_ALL = re.compile(
    rf"((?:(?!\s:\s).)+?)\s+to\s+{_PUBLIC}(?:\s*\([^):]*\)|\s+in\s[^:]*)?\s*:(?=\s|$)",
    re.IGNORECASE,
)
_OLDER = re.compile(r"(.+?)\s+:(?=\s)")
_TO_SOMEBODY = re.compile(r".+?\s+to\s+.+?\s*:(?=\s|$)", re.IGNORECASE)
_PRIVATE_MARK = re.compile(r"\((?:direct message|privately)\)", re.IGNORECASE)
# Names have 64 characters at most. What is longer is not searched for them: it could take minutes.
_LONGEST_HEAD = 300
_LONGEST_REACTION = 2000

_REPLY = re.compile(r"\s*Replying to [\"“].*?[\"”][ \t]*\n(?=.*\S)", re.DOTALL)
_REACTION = re.compile(
    r"(?:Reacted to [\"“].*[\"”] with \S.*|Removed an? .* reaction from [\"“].*[\"”])", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class FirstLine:
    """The first line of a message. `sender` is None where it cannot be read."""

    form: Form
    time: str
    sender: str | None
    text: str = ""
    is_private: bool = False


def first_line(line: str) -> FirstLine | None:
    """Read the first line of a message; None if the line belongs to the message before it."""
    client = _CLIENT.fullmatch(line)
    if client:
        return _from_client(_time_of_day(client[1], client[2]), client[3])
    cloud = _CLOUD.fullmatch(line)
    if cloud:
        sender, text = clean_text(cloud[2]), cloud[3] or ""
        to_all = _TO_ALL.match(f"{sender[:_LONGEST_HEAD]}:")
        sender = to_all[1] if to_all else sender
        return FirstLine("cloud", cloud[1], sender, text, bool(_PRIVATE_MARK.search(sender)))
    return None


def is_timed(line: str) -> bool:
    """Whether a line starts with a time: in a client's file, it starts a message of some form."""
    return _TIMED.fullmatch(line) is not None


def _from_client(time: str, rest: str) -> FirstLine:
    """Read what follows "From "; a name may contain " to " and ":", and older lines have " : "."""
    start = rest[:_LONGEST_HEAD]
    to_all = _TO_ALL.match(start)
    if to_all:
        return FirstLine("client", time, clean_text(to_all[1]), rest[to_all.end() :])
    older = _OLDER.match(start)
    if older:
        head, text = older[1], rest[older.end() :].lstrip()
        sender, to, receiver = head.rpartition(" to ")
        is_public = not to or _PUBLIC_ONLY.fullmatch(receiver.strip())
        # Some clients write "From Ana : to Bob (Privately) : message".
        named = text.partition(" : ")[0] if text.startswith("to ") else head
        is_private = not is_public or bool(_PRIVATE_MARK.search(f"{head} {named}"))
        return FirstLine("client", time, clean_text(sender or head), text, is_private)
    is_private = bool(_TO_SOMEBODY.match(start) or _PRIVATE_MARK.search(start))
    return FirstLine("client", time, "" if is_private else None, is_private=is_private)


def without_quote(text: str) -> str:
    """Return a reply without the start of the message that it replies to."""
    quote = _REPLY.match(text)
    return text[quote.end() :].strip() if quote else text


def is_reaction(text: str) -> bool:
    """Whether a message only says that somebody reacted to another, as with a thumb."""
    return len(text) <= _LONGEST_REACTION and _REACTION.fullmatch(text) is not None


def _time_of_day(text: str, half: str | None) -> str:
    hours, _, rest = text.partition(":")
    if half is None:
        return text
    return f"{int(hours) % 12 + (12 if half in 'pP' else 0)}:{rest}"
