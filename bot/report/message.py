"""The Slack message about a call: the answer first, then figures, people, moments and limits.

Read on a phone: short lines, nothing that needs scrolling sideways. What people typed is escaped
and cannot mention anybody; the texts are `verbatim`, so Slack adds no links or mentions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.calls.info import CallInfo
from bot.report.content import title
from bot.report.figures import Figure, key_figures
from bot.report.moments import MomentItem, headline, moment_items
from bot.report.people import PersonRow, head_count, person_row, prominence
from bot.report.sides import side_sentence
from bot.text import words
from inference.schema.analysis import CallAnalysis
from integrations.slack.limits import HEADER_TEXT, SECTION_TEXT, clip

Block = dict[str, Any]

TOP_MOMENTS = 3
MAX_PEOPLE = 8
MAX_QUOTE = 150
_WORD_JOINER = "\u2060"


@dataclass(frozen=True, slots=True)
class Message:
    """A Slack message: `text` is what a notification shows, `blocks` what the channel shows."""

    text: str
    blocks: list[Block]


def compose_message(
    analysis: CallAnalysis, info: CallInfo, *, report_url: str | None, page_url: str | None
) -> Message:
    """Compose a call's message; it stays within Slack's limits for any number of people.

    It has buttons only for the URLs that are given.
    """
    start, zone, _ = words.local_time(info.started_at, info.timezone)
    topic = title(info)
    when = f"{words.short_date(start)}, {start:%H:%M} {zone}"
    how = f"{words.length(analysis.duration_s)}, {head_count(analysis)}"
    blocks: list[Block] = [
        {"type": "header", "text": {"type": "plain_text", "text": _header(topic), "emoji": True}},
        _context(escape(f"{when} · {how}")),
        _section(escape(headline(analysis))),
        {"type": "section", "fields": [_mrkdwn(_field(f)) for f in key_figures(analysis)]},
    ]
    shown = side_sentence(analysis.sides)
    if shown:
        blocks.append(_section(escape(shown)))
    if analysis.participants:
        blocks.append(_section(_people(analysis)))
    moments = moment_items(analysis, TOP_MOMENTS)
    if moments:
        blocks.append({"type": "divider"})
        blocks.extend(_section(_moment(moment)) for moment in moments)
    blocks.append(_context(escape(_limits(analysis, info))))
    buttons = [
        _button(label, url, name)
        for label, url, name in (
            ("Open the report", report_url, "report"),
            ("See the call", page_url, "page"),
        )
        if url
    ]
    if buttons:
        blocks.append({"type": "actions", "elements": buttons})
    return Message(_fallback(analysis, topic), blocks)


def replacing(message: Message, posted_at: datetime, timezone: str | None) -> Message:
    """Return a message that first says which earlier one it replaces: the one posted then."""
    at, zone, _ = words.local_time(posted_at, timezone)
    line = (
        f"This replaces the message of {words.short_date(at)}, {at:%H:%M} {zone}, which Slack did "
        "not let Rapport edit."
    )
    return Message(
        f"Replaces an earlier message: {message.text}", [_context(line), *message.blocks]
    )


def compose_failure(info: CallInfo, reason: str) -> Message:
    """Compose one line that says that a call could not be reported, why, and what to do."""
    start, zone, _ = words.local_time(info.started_at, info.timezone)
    topic = words.shorten(title(info), 120)
    why = words.shorten(words.clean(reason), 600).rstrip(".") or "The reason is in the log"
    line = (
        f"No report for “{topic}” ({words.short_date(start)}, {start:%H:%M} {zone}): {why}. "
        f"Once that is fixed, an operator can start call {words.clean(info.call_id)} again."
    )
    return Message(escape(line), [_section(escape(line))])


def as_text(message: Message) -> str:
    """Return a message as text for a terminal: no markup, one item per line."""
    return "\n".join(line for block in message.blocks for line in _lines(block)).strip() + "\n"


def escape(text: str) -> str:
    """Escape text so that Slack sees no entity, mention, bold, code or strike-through in it.

    Slack reads &, < and > as control characters; an invisible word joiner keeps @ and the
    characters of emphasis from having an effect.
    """
    entities = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"(?<!\w)@(?=\w)", f"@{_WORD_JOINER}", _EMPHASIS.sub(_apart, entities))


_EMPHASIS = re.compile(r"\*+|(?<!\w)[_~`]+|[_~`]+(?!\w)")


def _apart(signs: re.Match[str]) -> str:
    return f"{_WORD_JOINER}{_WORD_JOINER.join(signs[0])}{_WORD_JOINER}"


def _header(topic: str) -> str:
    """Return the topic within the limit, which counts characters after escaping."""
    allowed = HEADER_TEXT
    while len(escape(words.shorten(topic, allowed))) > HEADER_TEXT:
        allowed -= 5
    return escape(words.shorten(topic, allowed))


def _field(figure: Figure) -> str:
    value = f"{figure.value} {figure.unit}".strip()
    return f"{escape(figure.label)}\n*{escape(value)}*\n{escape(figure.detail)}".strip()


def _people(analysis: CallAnalysis) -> str:
    ranked = sorted(analysis.participants, key=prominence, reverse=True)
    shown = ranked if len(ranked) <= MAX_PEOPLE + 1 else ranked[:MAX_PEOPLE]
    lines = [_person(person_row(person, analysis)) for person in shown]
    if len(ranked) > len(shown):
        lines.append(f"and {len(ranked) - len(shown)} more in the report")
    return "\n".join(lines)


def _person(row: PersonRow) -> str:
    role = f" ({escape(row.role)})" if row.role else ""
    facts = []
    if row.engagement is not None:
        facts.append(f"{row.engagement} of 100, likely {row.low}–{row.high}")
        facts.append(f"face seen {escape(row.seen)}")
    else:
        facts.append(escape(row.note.rstrip(".").lower()))
    if row.talk != "–":
        facts.append(f"{escape(row.talk)} of the talk")
    return f"*{escape(words.isolate(row.name))}*{role}\n{' · '.join(facts)}"


def _moment(moment: MomentItem) -> str:
    lines = [f"*{moment.clock}*  {escape(moment.reason)}"]
    for quote in moment.quotes:
        speaker = f"{escape(words.isolate(quote.speaker))}: " if quote.speaker else ""
        lines.append(f"> {speaker}“{escape(words.shorten(quote.text, MAX_QUOTE))}”")
    return "\n".join(lines)


def _limits(analysis: CallAnalysis, info: CallInfo) -> str:
    quality = analysis.quality
    said = []
    if analysis.call.engagement is not None:
        said.append(f"Faces were seen {words.percent(analysis.call.coverage)} of the time.")
    if quality.lost_share > 0:
        said.append(f"{words.percent(quality.lost_share)} of the picture was damaged or missing.")
    if not info.has_transcript:
        said.append("No transcript, so no quotes.")
    elif not analysis.turns:
        said.append("The recording does not say who spoke.")
    said.append("Expressions are not feelings: watch the moment before you judge it.")
    return " ".join(said)


def _fallback(analysis: CallAnalysis, topic: str) -> str:
    return f"{escape(words.shorten(topic, 120))}: {escape(headline(analysis))}"


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
    if block["type"] == "divider":
        return []
    if block["type"] == "actions":
        return ["", *(f"{b['text']['text']}: {b['url']}" for b in block["elements"])]
    if block["type"] == "header":
        name = _unescape(block["text"]["text"])
        return [name, "─" * min(len(name), 60)]
    if "fields" in block:
        return ["", *(_unescape(field["text"]).replace("\n", "  ") for field in block["fields"])]
    if block["type"] == "context":
        return ["", *(_unescape(element["text"]) for element in block["elements"])]
    return ["", *_unescape(block["text"]["text"]).split("\n")]


def _unescape(text: str) -> str:
    quoted = re.sub(r"^> ", "  │ ", text, flags=re.MULTILINE)
    plain = re.sub(r"(?<!\u2060)\*(?!\u2060)", "", quoted).replace(_WORD_JOINER, "")
    return plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
