"""One call as an HTML page: self-contained, works on phones, only text, tables, SVG and a video.

What people typed passes through `_text`, which escapes it; nothing here is marked as safe by hand.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from html import escape

from bot.report.people import BLANKED, name_certainty
from bot.report.sides import SideRow, side_rows, sides_from_rows, with_sides
from bot.text import words
from bot.web.charts import course_svg, lane_svg
from inference.speech.turns import Span, total_s
from inference.timeline import TimelinePoint
from storage.schema.tables import Call, CallNote, Moment, Participant

NO_FACE = "No face was seen well enough to draw a course."
STEP_S = 10
MOST_STEPS = 360
"""Points of the drawn curve; a wide screen cannot show more."""
MOST_MOMENTS = 8
MOST_LINES = 4
MOST_LANES = 8

SIDES = {"rep": "Your side", "prospect": "Their side"}
STATES = {
    "queued": "This call is waiting to be analysed. Come back in a few minutes.",
    "running": "This call is being analysed. Come back in a few minutes.",
    "waiting": "The analysis is waiting for Zoom's transcript.",
}

STYLE = """
:root{color-scheme:light dark;--ink:#1b2330;--soft:#566073;--line:#d5dae2;--paper:#fff;
--card:#f6f7f9;--accent:#1f5fbf;--mark:#b3261e}
@media (prefers-color-scheme:dark){:root{--ink:#e8ebf0;--soft:#a5afbf;--line:#3a4352;
--paper:#12161d;--card:#1b212b;--accent:#7fb0ff;--mark:#ff8a80}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:52rem;padding:1.25rem 1rem 3rem;background:var(--paper);
color:var(--ink);font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;
overflow-wrap:anywhere}
h1{font-size:1.5rem;line-height:1.25;margin:0}
h2{font-size:1.15rem;margin:2.25rem 0 .5rem}
h3{font-size:1rem;margin:0}
h3 .small{font-weight:400}
.axis+h3{margin-top:1rem}
p{margin:.35rem 0}
a{color:var(--accent)}
.soft{color:var(--soft)}
.small{font-size:.875rem}
.figures{display:flex;flex-wrap:wrap;gap:.75rem;margin:1.25rem 0 0;padding:0;list-style:none}
.figures li,.card{background:var(--card);border:1px solid var(--line);border-radius:.6rem;
padding:.75rem 1rem}
.figures li{flex:1 1 11rem}
.figures b{display:block;font-size:1.75rem;line-height:1.2}
.cards{display:grid;gap:.75rem;margin:0;padding:0;list-style:none}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem .75rem;margin:.4rem 0 0}
dt{color:var(--soft)}
dd{margin:0}
blockquote{margin:.5rem 0 0;padding-inline-start:.75rem;border-inline-start:3px solid var(--line)}
svg,video{display:block;width:100%}
video{border-radius:.6rem;background:#000}
.course{height:9rem;border-bottom:1px solid var(--line)}
.lane{height:.7rem;background:var(--card);border-radius:.2rem}
.path{fill:none;stroke:var(--accent);stroke-width:2;vector-effect:non-scaling-stroke;
stroke-linejoin:round}
.dot{stroke:var(--accent);stroke-width:4;stroke-linecap:round;vector-effect:non-scaling-stroke}
.grid{stroke:var(--line);stroke-width:1;vector-effect:non-scaling-stroke}
.span{fill:var(--mark);opacity:.22}
.said{fill:var(--accent)}
.axis{display:flex;justify-content:space-between;color:var(--soft);font-size:.8rem}
footer{margin-top:2.5rem;border-top:1px solid var(--line);padding-top:.75rem}
"""
STYLE_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
"""The content security policy allows this style and nothing else."""


@dataclass(frozen=True, slots=True)
class CallPage:
    """The rows of one call, and the URL of its PDF (relative to the page)."""

    call: Call
    people: Sequence[Participant]
    moments: Sequence[Moment]
    course: Sequence[TimelinePoint]
    """Steps of `course_step_s`; none if the call has no analysis."""
    talk: Sequence[tuple[str, Sequence[Span]]]
    """Who spoke when, in seconds, without overlaps."""
    report_url: str
    video_url: str = ""
    """URL of the annotated recording; "" if there is none."""
    notes: Sequence[CallNote] = ()
    """What could not be done after the summary was posted."""


def course_step_s(duration_s: float) -> float:
    """Return the step of the drawn curve: a multiple of 10 s that gives at most MOST_STEPS."""
    return STEP_S * max(1, -(-int(duration_s) // (STEP_S * MOST_STEPS)))


def render_page(page: CallPage) -> str:
    """Render the page of a call, whatever its status."""
    call = page.call
    started_at, zone, note = words.local_time(call.started_at, call.timezone)
    ended_at = started_at + timedelta(milliseconds=call.duration_ms)
    host = _text(call.host_name or call.host_email)
    head = [
        f'<h1 dir="auto">{_text(call.topic) or "Untitled call"}</h1>',
        f'<p class="soft">{words.long_date(started_at)}, {started_at:%H:%M}–{ended_at:%H:%M} '
        f"({_text(zone)}) · host <bdi>{host}</bdi></p>",
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
    parts.append(_figures(page))
    if call.report_path is not None:
        parts.append(f'<p><a href="{escape(page.report_url)}">Open the full report (PDF)</a></p>')
    if page.video_url:
        parts.append(_video(page.video_url))
    parts += [_course(page), _moments(page), _sides(call), _people(page), _footer(page)]
    return parts


def _video(url: str) -> str:
    return (
        "<section><h2>Recording</h2>"
        f'<video controls preload="none" src="{escape(url)}"></video>'
        '<p class="small soft">Boxes and names are those that were certain by that second; below '
        "the picture: engagement, mean of the last 30 seconds. Words and percentages say what a "
        "face looked like, not what anybody felt.</p></section>"
    )


def _figures(page: CallPage) -> str:
    call = page.call
    items = [_figure("Engagement", *_engagement(call.engagement, _interval(call)))]
    if call.coverage is not None:
        items.append(
            _figure("Faces seen", words.percent(call.coverage), "of the people's time in the call")
        )
    talk_s = float((call.score or {}).get("talk_s") or 0.0)
    length = words.length(call.duration_ms / 1000)
    items.append(
        _figure("Length", length, f"{words.length(talk_s)} of talk" if talk_s else "talk not known")
    )
    return f'<ul class="figures">{"".join(items)}</ul>'


def _figure(label: str, value: str, detail: str) -> str:
    return (
        f'<li><span class="soft">{label}</span><b>{value}</b><span class="small">{detail}</span>'
        "</li>"
    )


def _engagement(value: float | None, interval: tuple[float, float] | None) -> tuple[str, str]:
    if value is None:
        return "–", "no face was seen well enough"
    if interval is None:
        return str(words.points(value)), "of 100"
    low, high = (words.points(end) for end in interval)
    return str(words.points(value)), f"of 100, likely between {low} and {high}"


def _interval(row: Call | Participant) -> tuple[float, float] | None:
    if row.engagement_low is None or row.engagement_high is None:
        return None
    return row.engagement_low, row.engagement_high


def _course(page: CallPage) -> str:
    duration_s = max(page.call.duration_ms / 1000, 1.0)
    points = [((step.start_s + step.end_s) / 2, step.engagement) for step in page.course]
    seen = [value for _, value in points if value is not None]
    if seen:
        label = (
            f"Engagement of the call over time, between {words.points(min(seen))} and "
            f"{words.points(max(seen))} of 100."
        )
        spans = [(m.start_ms / 1000, m.end_ms / 1000) for m in page.moments[:MOST_MOMENTS]]
        drawn = course_svg(points, spans, duration_s, course_step_s(duration_s), label)
        chart = (
            '<p class="small soft">Engagement, 0 to 100 from bottom to top; shaded: moments.</p>'
            + drawn
            + _axis(duration_s)
        )
    else:
        was_seen = page.call.engagement is not None
        why = "The course cannot be drawn just now." if was_seen else NO_FACE
        chart = f"<p>{why}</p>"
    return f"<section><h2>Course of the call</h2>{chart}{_lanes(page, duration_s)}</section>"


def _lanes(page: CallPage, duration_s: float) -> str:
    spoke = [(name, spans, total_s(spans)) for name, spans in page.talk if spans]
    lanes = []
    for name, spans, talk_s in sorted(spoke, key=lambda lane: -lane[2])[:MOST_LANES]:
        label = f"{words.clean(name)} spoke for {words.length(talk_s)}."
        lanes.append(
            f'<p class="small"><bdi>{_text(name)}</bdi> '
            f'<span class="soft">{words.length(talk_s)}</span></p>'
            + lane_svg(spans, duration_s, label)
        )
    return f"<h3>Who spoke</h3>{''.join(lanes)}" if lanes else ""


def _axis(duration_s: float) -> str:
    marks = "".join(f"<span>{words.clock(duration_s * part / 4)}</span>" for part in range(5))
    return f'<div class="axis" aria-hidden="true">{marks}</div>'


def _moments(page: CallPage) -> str:
    if not page.moments:
        return "<section><h2>Moments</h2><p>Nothing stood out.</p></section>"
    people = {person.position: person for person in page.people}
    items = [_moment(page.call, moment, people) for moment in page.moments[:MOST_MOMENTS]]
    return f'<section><h2>Moments</h2><ol class="cards">{"".join(items)}</ol></section>'


def _moment(call: Call, moment: Moment, people: Mapping[int, Participant]) -> str:
    at_s = moment.start_ms / 1000
    local, _, _ = words.local_time(call.started_at + timedelta(seconds=at_s), call.timezone)
    quotes = "".join(_quote(line) for line in moment.lines[:MOST_LINES])
    speaker = people.get(moment.speakers[0]) if moment.speakers else None
    name, side = (speaker.name, speaker.side) if speaker else ("", "")
    reason = with_sides(moment.reason, moment.side, name, side, SIDES)
    return (
        f'<li class="card"><h3>{words.clock(at_s)} <span class="small soft">into the call, '
        f"{local:%H:%M:%S} by the clock</span></h3><p>{_text(reason)}</p>{quotes}</li>"
    )


def _quote(line: dict[str, object]) -> str:
    speaker = line.get("speaker")
    chat = " (chat)" if line.get("is_chat") else ""
    by = f'<span class="soft"><bdi>{_text(str(speaker))}</bdi>{chat}: </span>' if speaker else ""
    text = _text(words.shorten(words.clean(str(line.get("text", ""))), 240))
    return f'<blockquote dir="auto">{by}{text}</blockquote>'


def _sides(call: Call) -> str:
    rows = side_rows(sides_from_rows(call.sides), SIDES)
    if not rows:
        return ""
    items = "".join(_side(row) for row in rows)
    return f'<section><h2>While the other side spoke</h2><ul class="cards">{items}</ul></section>'


def _side(row: SideRow) -> str:
    value = "–" if row.engagement is None else f"<b>{row.engagement}</b> of 100"
    return (
        f'<li class="card"><h3>{row.label}</h3><dl><dt>Engagement</dt><dd>{value}, {row.shown}</dd>'
        f"<dt>Face seen</dt><dd>{row.seen} of that time</dd></dl></li>"
    )


def _people(page: CallPage) -> str:
    if not page.people:
        return "<section><h2>People</h2><p>Nobody was seen or heard.</p></section>"
    people = "".join(_person(person) for person in page.people)
    return f'<section><h2>People</h2><ul class="cards">{people}</ul></section>'


def _person(person: Participant) -> str:
    roles = [
        role
        for role in ("host" if person.is_host else "", SIDES.get(person.side, "").lower())
        if role
    ]
    role = f' <span class="small soft">{", ".join(roles)}</span>' if roles else ""
    if person.is_blanked:
        engagement = BLANKED
    elif person.is_scored:
        value, detail = _engagement(person.engagement, _interval(person))
        engagement = detail if person.engagement is None else f"<b>{value}</b> {detail}"
    else:
        engagement = "not scored, as set up by your company"
    certainty = name_certainty(person.is_named, person.is_confirmed, person.name_confidence)
    rows = [("Name", certainty)] if certainty else []
    rows.append(("Engagement", engagement))
    if person.is_scored:
        if person.attention is not None:
            rows.append(("Attention", words.percent(person.attention)))
        rows.append(("Face seen", f"{words.percent(person.coverage)} of their time"))
    if person.camera_off_ms:
        rows.append(("Camera off", words.clock(person.camera_off_ms / 1000)))
    talk = words.length(person.talk_ms / 1000)
    rows.append(("Talk", f"{talk} ({words.percent(person.talk_share)} of all talk)"))
    figures = "".join(f"<dt>{label}</dt><dd>{value}</dd>" for label, value in rows)
    return f'<li class="card"><h3><bdi>{_text(person.name)}</bdi>{role}</h3><dl>{figures}</dl></li>'


def _footer(page: CallPage) -> str:
    call = page.call
    said = [*(call.quality or {}).get("notes", []), *(n.text for n in page.notes if n.text)]
    notes = "".join(f"<li>{_text(str(note))}</li>" for note in said)
    return (
        '<footer class="small soft"><p>Scores describe what faces appeared to show, at the seconds '
        "in which they could be seen. Expressions are not feelings, and a score is a reason to "
        "look at a moment, not a verdict about a person.</p>"
        f"{f'<ul>{notes}</ul>' if notes else ''}"
        f"<p>Profile {_text(call.profile or '')}, scoring version {call.scoring_version}, model "
        f"{_text(call.model or '')}.</p></footer>"
    )


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
