"""The Slack message about a call: where they were lost, and the words spoken just then.

It fits the first screen of a phone: the sentence, its words, two buttons, one rise, one line of
facts and one of limits. People and figures are in the PDF in its thread.

What people typed is escaped and cannot mention anybody; the texts are `verbatim`, so Slack adds no
links or mentions.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.calls.info import CallInfo
from bot.report.answer import Answer, call_answer, seen_note, who_met, who_spoke
from bot.report.content import title
from bot.report.moments import MomentItem, Quote, lead
from bot.text import words
from inference.schema.analysis import CallAnalysis
from integrations.slack.limits import HEADER_TEXT, SECTION_TEXT, clip

Block = dict[str, Any]

LIMITS = "What a face shows is not what a person feels."
TOPIC, AT_CHANGE = 56, 92
"""Letters of the topic (two lines of a phone) and of the words at a change (three)."""
REASON = 440
"""Letters of the reason of a failure: with topic and advice one screen of a phone."""
LEAST_WORDS = 12
ROOM = ((62, 62), (62, 33), (62, 0), (33, 0), (0, 0))
"""Letters of each line beside the words at a change, and of the words at a rise: as many as leave
the message one screen."""
LINES = 20.0
"""Lines of 22 px, besides one row of buttons and what stands between, that make 505 px: one screen
of a phone has 520."""
LINE_LETTERS, BUTTONS_ROW = 33, 28
NOTIFICATION = 100
"""Letters of a notification that a phone shows."""
_WORD_JOINER = "\u2060"


@dataclass(frozen=True, slots=True)
class Message:
    """A Slack message: `text` is what a notification shows, `blocks` what the channel shows."""

    text: str
    blocks: list[Block]


def compose_message(
    analysis: CallAnalysis,
    info: CallInfo,
    *,
    page_url: str | None,
    has_video: bool = False,
    replaced_at: datetime | None = None,
) -> Message:
    """Compose a call's message; it stays within Slack's limits for any number of people.

    Args:
        analysis: the call.
        info: its topic, start and zone.
        page_url: address of the call's page; None leaves the buttons out.
        has_video: whether that page shows the recording.
        replaced_at: when the message was posted in whose place this one stands, if there is one.
    """
    topic, answer = title(info), call_answer(analysis)
    blocks: list[Block] = []
    for beside, at_rise in ROOM:
        blocks = [
            *_replaced(replaced_at, info),
            {
                "type": "header",
                "text": {"type": "plain_text", "text": _header(topic), "emoji": True},
            },
            _section(_answer(answer, beside)),
        ]
        if page_url:
            buttons = _buttons(answer.moment, page_url, has_video)
            blocks.append({"type": "actions", "elements": buttons})
        if answer.also:
            blocks.append(_section(_in_one_line(answer.also, answer.moment, page_url, at_rise)))
        blocks.append(_context(escape(_facts(analysis, info, answer))))
        blocks.append(_context(escape(LIMITS)))
        if _phone_lines(blocks) <= LINES:
            break
    return Message(_notification(answer, topic), blocks)


def compose_failure(info: CallInfo, reason: str, *, replaced_at: datetime | None = None) -> Message:
    """Compose one line that says that a call could not be reported, why, and what to do."""
    when = ""
    if info.started_at is not None:
        start, zone, _ = words.local_time(info.started_at, info.timezone)
        when = f" ({words.short_date(start)}, {start:%H:%M} {zone})"
    topic = words.shorten(title(info), TOPIC)
    why = words.shorten(words.clean(reason), REASON).rstrip(".") or "The reason is in the log"
    line = (
        f"No report for “{topic}”{when}: {why}. "
        f"Once that is fixed, an operator can start call {words.clean(info.call_id)} again."
    )
    return Message(escape(line), [*_replaced(replaced_at, info), _section(escape(line))])


def as_text(message: Message) -> str:
    """Return a message as text for a terminal: no markup, one item per line."""
    return "\n".join(line for block in message.blocks for line in _lines(block)).strip() + "\n"


def plain_text(text: str) -> str:
    """Return a text of a message as a terminal shows it: no markup, nothing escaped."""
    quoted = re.sub(r"^> ", "  │ ", text, flags=re.MULTILINE)
    named = re.sub(r"<[^<>|]+\|([^<>]+)>", r"\1", quoted)
    plain = re.sub(r"(?<!\u2060)\*(?!\u2060)", "", named).replace(_WORD_JOINER, "")
    return plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def escape(text: str) -> str:
    """Escape text so that Slack sees no entity, mention, bold, code or strike-through in it.

    Slack reads &, < and > as control characters; an invisible word joiner keeps @ and the
    characters of emphasis from having an effect.
    """
    entities = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"(?<!\w)@(?=\w)", f"@{_WORD_JOINER}", _EMPHASIS.sub(_apart, entities))


def _replaced(posted_at: datetime | None, info: CallInfo) -> list[Block]:
    """Return the line that says which message this one replaces: the one posted then, if any."""
    if posted_at is None:
        return []
    at, zone, is_unknown = words.local_time(posted_at, info.timezone)
    when = f"{words.day(at)}, {at:%H:%M}{f' {zone}' if is_unknown else ''}"
    return [_context(f"Replaces the message of {when}, which Slack did not let Rapport edit.")]


_EMPHASIS = re.compile(r"\*+|(?<!\w)[_~`]+|[_~`]+(?!\w)")


def _apart(signs: re.Match[str]) -> str:
    return f"{_WORD_JOINER}{_WORD_JOINER.join(signs[0])}{_WORD_JOINER}"


def _header(topic: str) -> str:
    """Return the topic in at most two lines; the limit counts characters after escaping."""
    allowed = TOPIC
    while len(escape(words.shorten(topic, allowed))) > HEADER_TEXT:
        allowed -= 5
    return escape(words.shorten(topic, allowed))


def _answer(answer: Answer, beside: int) -> str:
    if answer.moment is None:
        first, dot, rest = answer.without.partition(". ")
        return f"*{escape(first + dot.strip())}* {escape(rest)}".strip()
    claim, rest = lead(answer.moment)
    spoken = [quote for quote in answer.moment.quotes if not quote.is_chat]
    quotes = [_quote(quote, beside) for quote in spoken or answer.moment.quotes[:1]]
    return "\n".join([f"*{escape(claim)}*{escape(rest)}", *filter(None, quotes)])


def _quote(quote: Quote, beside: int) -> str:
    """Return a line of the message for a quote; "" if there is no room for it."""
    silence = f"{quote.pause}. " if quote.pause else ""
    speaker = f"{quote.speaker}: " if quote.speaker else ""
    room = (AT_CHANGE if quote.at_change else beside) - int(words.width(silence + speaker))
    if room < min(LEAST_WORDS, words.width(quote.text)):
        return f"> {silence.strip()}" if silence else ""
    said = escape(f"{speaker}“{words.shorten(quote.text, room)}”")
    return f"> {silence}{f'*{said}*' if quote.at_change else said}"


def _in_one_line(
    item: MomentItem, before: MomentItem | None, page_url: str | None, room: int
) -> str:
    """Return a moment in one line; it does not name again who the moment before was about."""
    clock = f"<{_at(page_url, item.watch_s)}|{item.clock}>" if page_url else item.clock
    is_same = before is not None and (before.who, before.people) == (item.who, item.people)
    did = item.did[0].upper() + item.did[1:] if is_same else f"{item.who} {item.did}"
    line = f"*{escape(did)} {item.at.removesuffix(item.clock)}{clock}*"
    if not item.words or room < LEAST_WORDS:
        return line
    said = "at" if item.said.startswith("while") else item.said
    return f"{line}, {escape(said)} “{escape(words.shorten(item.words, room))}”"


def _phone_lines(blocks: list[Block]) -> float:
    """Return about how many lines of 22 px a phone needs for the blocks."""
    lines = 0.0
    for block in blocks:
        if block["type"] == "header":
            lines += 1.3 * _wrapped(block["text"]["text"], LINE_LETTERS - 3)
        elif block["type"] == "section":
            lines += sum(
                _wrapped(line, LINE_LETTERS - 2)
                for line in plain_text(block["text"]["text"]).split("\n")
            )
        elif block["type"] == "actions":
            labels = " ".join(button["text"]["text"] for button in block["elements"])
            lines += 1.75 * (len(labels) > BUTTONS_ROW)
        elif block["type"] == "context":
            lines += 0.8 * _wrapped(block["elements"][0]["text"], LINE_LETTERS * 1.2)
    return lines


def _wrapped(text: str, letters: float) -> int:
    return math.ceil(words.width(text) / letters)


def _buttons(moment: MomentItem | None, page_url: str, has_video: bool) -> list[Block]:
    page = _button("See the call", page_url, "page")
    if moment is None:
        return [page]
    if not has_video:
        return [_button(f"Go to {moment.clock}", _at(page_url, moment.at_s), "moment"), page]
    watch = f"Watch from {moment.watch_clock}"
    return [_button(watch, _at(page_url, moment.watch_s), "moment"), page]


def _at(page_url: str, at_s: float) -> str:
    return f"{page_url}?t={round(at_s)}"


def _facts(analysis: CallAnalysis, info: CallInfo, answer: Answer) -> str:
    when = ""
    if info.started_at is not None:
        start, zone, is_unknown = words.local_time(info.started_at, info.timezone)
        when = f"{words.day(start)}, {start:%H:%M}{f' {zone}' if is_unknown else ''}"
    facts = [
        when,
        words.length(analysis.duration_s),
        who_met(analysis),
        "" if who_spoke(analysis) in answer.sentence else who_spoke(analysis),
        *seen_note(analysis),
    ]
    if analysis.quality.lost_share > 0:
        facts.append(f"{words.percent(analysis.quality.lost_share)} of the picture missing")
    if not info.has_transcript:
        facts.append("no transcript")
    return " · ".join(fact for fact in facts if fact)


def _notification(answer: Answer, topic: str) -> str:
    said = answer.within(NOTIFICATION, joint="as")
    return f"{escape(said)} · {escape(words.shorten(topic, 120))}"


def _mrkdwn(text: str) -> Block:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _section(text: str) -> Block:
    return {"type": "section", "text": _mrkdwn(clip(text, SECTION_TEXT))}


def _context(text: str) -> Block:
    return {"type": "context", "elements": [_mrkdwn(clip(text, SECTION_TEXT))]}


def _button(label: str, url: str, name: str) -> Block:
    return {
        "type": "button", "text": {"type": "plain_text", "text": label}, "url": url,
        "action_id": f"open_{name}",
    }  # fmt: skip


def _lines(block: Block) -> list[str]:
    if block["type"] == "actions":
        return ["", *(f"{b['text']['text']}: {b['url']}" for b in block["elements"])]
    if block["type"] == "header":
        name = plain_text(block["text"]["text"])
        return [name, "─" * min(len(name), 60)]
    if block["type"] == "context":
        return ["", *(plain_text(element["text"]) for element in block["elements"])]
    return ["", *plain_text(block["text"]["text"]).split("\n")]
