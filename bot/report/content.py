"""What the report says: every figure in words, every time in the meeting's zone, before any layout.

`report_content` is pure: the same analysis gives the same `ReportContent`. What people typed is
plain data in it; the template and the charts never read it as markup.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.calls.info import CallInfo
from bot.report.about import Section, about_sections
from bot.report.answer import call_answer
from bot.report.chart_data import (
    PersonChart,
    Timeline,
    backdrop,
    lanes,
    measures_against_rest,
    neutral_level,
    person_chart,
)
from bot.report.figures import NAME_LENGTH, Figure, key_figures
from bot.report.moments import (
    MomentItem,
    MomentPicture,
    moment_items,
    moment_marks,
)
from bot.report.people import (
    PersonPage,
    PersonRow,
    earns_page,
    enough_s,
    head_count,
    person_page,
    person_row,
    prominence,
)
from bot.report.sides import SideRow, side_rows
from bot.text import words
from inference.schema.analysis import CallAnalysis

MAX_PAGES_FOR_PEOPLE = 12
"""A reader will leaf through a dozen pages; people seen or heard less go into the table."""
MAX_MOMENTS = 6
LANE_NAME_LENGTH = 22
"""Fits beside the timeline."""
TOPIC_LENGTH = 200
"""Zoom's limit for a topic."""
PEOPLE_ON_FIRST_PAGE = 8
PICTURES_NOTE = (
    "From the recording, where the change shows most. One picture proves nothing: watch the moment."
)

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ReportContent:
    """Everything the report says, in reading order."""

    topic: str
    date: str
    short_date: str
    time: str
    zone_note: str
    facts: tuple[str, ...]
    headline: str
    figures: tuple[Figure, ...]
    timeline: Timeline
    timeline_title: str
    timeline_note: str
    moments: tuple[MomentItem, ...]
    moments_note: str
    pictures_note: str
    people: tuple[PersonRow, ...]
    more_people: str
    sides: tuple[SideRow, ...]
    pages: tuple[PersonPage, ...]
    compact: tuple[PersonRow, ...]
    compact_charts: tuple[PersonChart, ...]
    compact_note: str
    about: tuple[Section, ...]
    started_at: datetime


def report_content(
    analysis: CallAnalysis,
    info: CallInfo,
    accuracy: str | None = None,
    pictures: Mapping[int, MomentPicture] | None = None,
) -> ReportContent:
    """Put a call into words.

    Args:
        analysis: the scores; there may be no participants, and none of them may have been seen.
        info: the call's topic, start and zone.
        accuracy: a sentence on how often the expression model is right, or None.
        pictures: pictures of moments, by rank.
    """
    start, zone, zone_note = words.local_time(info.started_at, info.timezone)
    end = start + timedelta(seconds=analysis.duration_s)
    until = f"–{end:%H:%M}" if end - start >= _MINUTE else ""
    moments = moment_items(analysis, MAX_MOMENTS, pictures)
    ranked = sorted(analysis.participants, key=prominence, reverse=True)
    with_page = [p for p in ranked if earns_page(p, analysis)][:MAX_PAGES_FOR_PEOPLE]
    own = {person.index for person in with_page}
    compact = [p for p in ranked if p.index not in own]
    first = ranked[:PEOPLE_ON_FIRST_PAGE] if len(ranked) > PEOPLE_ON_FIRST_PAGE + 1 else ranked
    shared = backdrop(analysis)
    left = len(ranked) - len(first)
    return ReportContent(
        topic=title(info),
        date=words.long_date(start),
        short_date=words.short_date(start),
        time=f"{start:%H:%M}{until} {zone}",
        zone_note=zone_note,
        facts=_facts(analysis, info),
        headline=call_answer(analysis).sentence,
        figures=key_figures(analysis),
        timeline=Timeline(
            shared, lanes(analysis, shared, LANE_NAME_LENGTH), moment_marks(analysis, moments)
        ),
        timeline_title=_timeline_title(analysis),
        timeline_note=_timeline_note(analysis),
        moments=moments,
        moments_note=_moments_note(analysis, info),
        pictures_note=PICTURES_NOTE if pictures else "",
        people=tuple(person_row(p, analysis) for p in first),
        more_people=f"and {left} more people, on the pages that follow" if left else "",
        sides=side_rows(analysis.sides),
        pages=tuple(person_page(p, analysis, shared, moments) for p in with_page),
        compact=tuple(person_row(p, analysis) for p in compact),
        compact_charts=tuple(person_chart(p, analysis, shared) for p in compact),
        compact_note=_compact_note(analysis, len(with_page), len(compact)),
        about=about_sections(
            analysis, _notes(info), zone_note, accuracy, has_pictures=bool(pictures)
        ),
        started_at=start,
    )


def title(info: CallInfo) -> str:
    """Return the topic as one clean line, or a substitute if the call has none."""
    return words.shorten(words.clean(info.topic), TOPIC_LENGTH) or "Call without a topic"


def _facts(analysis: CallAnalysis, info: CallInfo) -> tuple[str, ...]:
    facts = [words.length(analysis.duration_s), head_count(analysis)]
    if info.host_name and words.clean(info.host_name):
        host = words.shorten(words.clean(info.host_name), NAME_LENGTH)
        facts.append(f"hosted by {words.isolate(host)}")
    return tuple(facts)


def _timeline_title(analysis: CallAnalysis) -> str:
    if analysis.call.engagement is None:
        return "Who spoke" if analysis.turns else ""
    return "Engagement over the call" + (", and who spoke" if analysis.turns else "")


def _timeline_note(analysis: CallAnalysis) -> str:
    if analysis.call.engagement is None:
        return ""
    neutral = round(neutral_level(analysis))
    seen = "seen listening" if measures_against_rest(analysis) else "seen"
    note = (
        f"Everyone {seen}, averaged. Dashed: a calm, neutral face ({neutral}). "
        f"Gaps: nobody was {seen}."
    )
    return note if analysis.turns else note + " The recording does not say who spoke."


def _notes(info: CallInfo) -> tuple[str, ...]:
    if info.has_transcript:
        return info.notes
    return (*info.notes, "There was no transcript, so nothing that was said is quoted.")


def _moments_note(analysis: CallAnalysis, info: CallInfo) -> str:
    if not analysis.moments:
        if analysis.call.engagement is None:
            return ""
        return "No moment stands out: engagement stayed within its usual range."
    if not info.has_transcript:
        return "No transcript was available, so nothing is quoted."
    return ""


def _compact_note(analysis: CallAnalysis, pages: int, compact: int) -> str:
    if not compact:
        return ""
    if not pages:
        return "No one was seen well enough for a page of their own."
    enough = words.length(enough_s(analysis))
    return (
        f"People seen or heard for at least {enough} get a page of their own, at most "
        f"{MAX_PAGES_FOR_PEOPLE} of them: those seen and heard most. Everyone else is here."
    )
