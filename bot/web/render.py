"""One call as an HTML page: self-contained, works on phones, only text, tables, SVG and a video.

What people typed is escaped where it is put into the page; nothing is marked as safe by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from bot.calls.result_rows import moment_from_row
from bot.report.answer import MOST_MOMENTS, Answer, call_answer, who_met
from bot.report.moments import items_of, lead, moment_items
from bot.text import words
from bot.web.lanes import lanes_section
from bot.web.moments import moments_section, shown_moments
from bot.web.people import people_section, sureness
from bot.web.style import STYLE
from inference.schema.analysis import CallAnalysis
from storage.schema.tables import Call, CallNote, Moment, Participant

LIMITS = "Rapport reads what faces showed, not what people felt."
STATES = {
    "queued": "This call is waiting to be analysed. Come back in a few minutes.",
    "running": "This call is being analysed. Come back in a few minutes.",
    "waiting": "The analysis is waiting for Zoom's transcript.",
}


@dataclass(frozen=True, slots=True)
class CallPage:
    """The rows of one call, its analysis, and the URL of its PDF (relative to the page)."""

    call: Call
    people: Sequence[Participant]
    moments: Sequence[Moment]
    analysis: CallAnalysis | None
    """None if there is none yet, or if it cannot be read."""
    report_url: str
    video_url: str = ""
    """URL of the annotated recording; "" if there is none."""
    notes: Sequence[CallNote] = ()
    """What could not be done after the summary was posted."""
    at_s: float | None = None
    """The time in the page's address: where the player starts, and which moment is marked."""


def render_page(page: CallPage) -> str:
    """Render the page of a call, whatever its status."""
    call = page.call
    started_at, zone, note = words.local_time(call.started_at, call.timezone)
    facts = [
        f"{words.long_date(started_at)}, {started_at:%H:%M} ({zone})",
        words.length(call.duration_ms / 1000) if call.duration_ms else "",
        who_met(page.analysis)
        if page.analysis
        else words.isolate(words.clean(call.host_name or call.host_email)),
    ]
    head = [
        f'<h1 dir="auto">{_text(call.topic) or "Untitled call"}</h1>',
        f'<p class="soft">{" · ".join(escape(fact) for fact in facts if fact)}</p>',
        f'<p class="small soft">{_text(note)}</p>' if note else "",
    ]
    return _document(call.topic, [*head, *_body(page)])


def message_page(title: str, text: str) -> str:
    """Render a page with one message, such as that a link has expired."""
    return _document(title, [f"<h1>{_text(title)}</h1>", f"<p>{_text(text)}</p>"])


def _body(page: CallPage) -> list[str]:
    call = page.call
    parts = []
    if call.status in STATES:
        parts.append(f'<p role="status">{STATES[call.status]}</p>')
    if call.status == "failed":
        reason = _text(call.failure or "")
        parts.append(f'<p role="status">This call could not be analysed. {reason}</p>')
    if call.status == "skipped":
        reason = _text(call.skipped_reason or "")
        parts.append(f'<p role="status">This call was skipped. {reason}</p>')
    if call.model is None:
        return parts
    analysis, has_video = page.analysis, bool(page.video_url)
    video = [_video(page)] if has_video else []
    if analysis is None:
        found = items_of([moment_from_row(row) for row in page.moments], page.people)
        shown = shown_moments(found, None)
        parts.append("<p>The figures and curves of this call cannot be read just now.</p>")
        parts += video
        parts.append(moments_section(shown, None, at_s=page.at_s, has_video=has_video))
    else:
        answer = call_answer(analysis)
        shown = shown_moments(moment_items(analysis, MOST_MOMENTS), answer.moment)
        moments = moments_section(shown, answer.moment, at_s=page.at_s, has_video=has_video)
        parts.append(_answer(answer))
        if not analysis.participants:
            return [*parts, *video, sureness(analysis, page.notes), _footer(page)]
        parts.append(f'<div class="top">{"".join(video)}{moments}</div>' if video else moments)
        parts += [lanes_section(analysis, shown), people_section(analysis)]
        parts.append(sureness(analysis, page.notes))
    return [*parts, _footer(page)]


def _answer(answer: Answer) -> str:
    if answer.moment is None:
        return f'<p class="answer">{escape(answer.without)}</p>'
    # Our own sentence, in which a name from right to left is isolated already; so are the words.
    claim, rest = lead(answer.moment)
    said = f" <bdi>“{escape(answer.moment.words)}”</bdi>" if answer.moment.words else ""
    return f'<p class="answer"><b>{escape(claim)}</b>{escape(rest)}{said}</p>'


def _video(page: CallPage) -> str:
    start = f"#t={page.at_s:g}" if page.at_s is not None else ""
    return (
        "<section><h2>Recording</h2>"
        f'<video controls preload="metadata" src="{escape(page.video_url)}{start}"></video>'
        '<p class="small soft">Boxes and names are those that were certain by that second.</p>'
        "</section>"
    )


def _footer(page: CallPage) -> str:
    report = ""
    if page.call.report_path is not None:
        report = f'<p><a href="{escape(page.report_url)}">Report (PDF)</a></p>'
    notes = ""
    if page.analysis is None:
        notes = "".join(f"<li>{_text(note.text)}</li>" for note in page.notes if note.text)
        notes = f'<ul class="small">{notes}</ul>' if notes else ""
    return f'<footer>{report}{notes}<p class="small soft">{LIMITS}</p></footer>'


def _document(title: str, parts: Sequence[str]) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="robots" content="noindex, nofollow">'
        f"<title>{_text(title)} – Rapport</title><style>{STYLE}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def _text(text: str) -> str:
    return escape(words.clean(text))
