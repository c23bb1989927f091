"""What the report says: every figure in words, every time in the meeting's zone, before any layout.

`report_content` is pure: the same analysis gives the same `ReportContent`. What people typed is
plain data in it; the template and the charts never read it as markup.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.calls.info import CallInfo
from bot.report.about import Section, about_sections
from bot.report.answer import MOST_MOMENTS, Answer, call_answer, seen_note, who_met
from bot.report.charts.lane_words import lane_in_words
from bot.report.charts.lanes import Lane, lane_people, make_lanes
from bot.report.figures import NAME_LENGTH, name_of
from bot.report.moments import MomentItem, MomentPicture, moment_items
from bot.report.more_figures import MoreFigures, more_figures
from bot.report.people import (
    PersonPage,
    PersonRow,
    by_side,
    earns_page,
    enough_s,
    person_page,
    person_row,
    role_of,
)
from bot.text import words
from inference.schema.analysis import CallAnalysis, Participant

MAX_PAGES_FOR_PEOPLE = 12
"""A reader will leaf through a dozen pages; people seen or heard less go into the table."""
MAX_MOMENTS = 6
TOLD_IN_FULL = 3
"""The strongest moments stand with all their words on the first page, the others in a line."""
LANE_NAME_LENGTH = 22
"""Fits beside a lane."""
TOPIC_LENGTH = 200
"""Zoom's limit for a topic."""
MAX_SPEAKERS = 6
"""Rows of talk on the first page."""
PICTURES_NOTE = (
    "From the recording, where the change shows most. One picture proves nothing: watch the moment."
)

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class LaneItem:
    """A lane with the words beside it; `alt` says what it shows."""

    name: str
    role: str
    side: str
    alt: str
    lane: Lane


@dataclass(frozen=True, slots=True)
class ReportContent:
    """Everything the report says, in reading order."""

    topic: str
    when: str
    short_date: str
    zone_note: str
    facts: tuple[str, ...]
    headline: str
    lanes: tuple[LaneItem, ...]
    lanes_title: str
    lanes_note: str
    moments: tuple[MomentItem, ...]
    """In order of time."""
    in_full: tuple[int, ...]
    """Numbers of those that stand with all their words if there is room, the first one anyway."""
    strongest: int
    """Number of the one that the headline is about; 0 where there is no other beside it."""
    moments_note: str
    pictures_note: str
    talk: tuple[PersonRow, ...]
    talk_note: str
    pages: tuple[PersonPage, ...]
    page_lanes: tuple[LaneItem, ...]
    compact: tuple[PersonRow, ...]
    compact_lanes: tuple[LaneItem, ...]
    compact_note: str
    more: MoreFigures
    about: tuple[Section, ...]
    started_at: datetime | None
    duration_s: float


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
    when, short_date, zone_note = _when(info, analysis.duration_s)
    answer = call_answer(analysis)
    ranked = _by_time(_reported(analysis, answer, pictures))
    moments = tuple(sorted(ranked, key=lambda item: item.number))
    people = by_side(analysis.participants)
    earned = [person for person in people if earns_page(person, analysis)]
    own = {person.index for person in earned[:MAX_PAGES_FOR_PEOPLE]}
    with_page = [person for person in people if person.index in own]
    compact = [person for person in people if person.index not in own]
    there = [person for person in people if person.score.face_s > 0 or person.score.talk.turns]
    shown = lane_people(analysis, there)
    lanes = _lane_items(shown, analysis, moments)
    left = len(there) - len(shown)
    return ReportContent(
        topic=title(info),
        when=when,
        short_date=short_date,
        zone_note=zone_note,
        facts=_facts(analysis, info),
        headline=answer.sentence,
        lanes=lanes,
        lanes_title=_lanes_title(analysis, shown),
        lanes_note=_lanes_note(analysis, lanes, left),
        moments=moments,
        in_full=tuple(item.number for item in ranked[:TOLD_IN_FULL]),
        strongest=ranked[0].number if answer.moment and len(ranked) > 1 else 0,
        moments_note=_moments_note(analysis, info),
        pictures_note=PICTURES_NOTE if pictures else "",
        talk=_talk(people, analysis),
        talk_note=_talk_note(analysis),
        pages=tuple(person_page(person, analysis, ranked) for person in with_page),
        page_lanes=_lane_items(with_page, analysis, moments),
        compact=tuple(person_row(person, analysis) for person in compact),
        compact_lanes=_lane_items(compact, analysis, ()),
        compact_note=_compact_note(analysis, len(with_page), len(compact)),
        more=more_figures(analysis, [*with_page, *compact]),
        about=about_sections(
            analysis, _notes(info), zone_note, accuracy, has_pictures=bool(pictures)
        ),
        started_at=info.started_at,
        duration_s=analysis.duration_s,
    )


def title(info: CallInfo) -> str:
    """Return the topic as one clean line, or a substitute if the call has none."""
    return words.shorten(words.clean(info.topic), TOPIC_LENGTH) or "Call without a topic"


def _when(info: CallInfo, duration_s: float) -> tuple[str, str, str]:
    """Return date and time, the short date, and a note on the zone; "" where none is known."""
    if info.started_at is None:
        return "", "", ""
    start, zone, zone_note = words.local_time(info.started_at, info.timezone)
    end = start + timedelta(seconds=duration_s)
    until = f"–{end:%H:%M}" if end - start >= _MINUTE else ""
    when = f"{words.long_date(start)}, {start:%H:%M}{until} {zone}"
    return when, words.short_date(start), zone_note


def _reported(
    analysis: CallAnalysis, answer: Answer, pictures: Mapping[int, MomentPicture] | None
) -> list[MomentItem]:
    """Return the moments of the report: what the headline is about, then the strongest others."""
    items = moment_items(analysis, MOST_MOMENTS, pictures)
    first = [item.number for item in (answer.moment, answer.also) if item is not None]
    others = [item for item in items if item.number not in first]
    return [*(items[number - 1] for number in first), *others][:MAX_MOMENTS]


def _by_time(items: Sequence[MomentItem]) -> tuple[MomentItem, ...]:
    """Return the moments, strongest first, with the numbers that they have in order of time."""
    places = {item.number: place for place, item in enumerate(
        sorted(items, key=lambda item: item.at_s), 1
    )}  # fmt: skip
    return tuple(replace(item, number=places[item.number]) for item in items)


def _lane_items(
    people: Sequence[Participant], analysis: CallAnalysis, moments: Sequence[MomentItem]
) -> tuple[LaneItem, ...]:
    lanes = make_lanes(analysis, people, moments)
    return tuple(
        LaneItem(
            name=name_of(person, LANE_NAME_LENGTH),
            role=role_of(person),
            side=person.side,
            alt=lane_in_words(name_of(person), person, lane, analysis, moments),
            lane=lane,
        )
        for person, lane in zip(people, lanes, strict=True)
    )


def _facts(analysis: CallAnalysis, info: CallInfo) -> tuple[str, ...]:
    met = who_met(analysis)
    facts = [words.length(analysis.duration_s), met]
    host = words.shorten(words.clean(info.host_name or ""), NAME_LENGTH)
    if host and host not in met:
        facts.append(f"hosted by {words.isolate(host)}")
    return tuple(fact for fact in (*facts, *seen_note(analysis)) if fact)


def _lanes_title(analysis: CallAnalysis, shown: Sequence[Participant]) -> str:
    if not shown:
        return ""
    if all(person.score.engagement is None for person in shown):
        return "Who spoke"
    listening = " while listening" if analysis.scoring_version > 1 and analysis.turns else ""
    return f"Engagement{listening}" + (", and who spoke" if analysis.turns else "")


def _lanes_note(analysis: CallAnalysis, lanes: Sequence[LaneItem], left: int) -> str:
    told = []
    drawn = [item for item in lanes if not item.lane.listening.is_empty]
    if left:
        told.append(f"{left} more, on the pages that follow.")
    if drawn:
        told.append("Line: engagement from 0 to 100.")
    if any(item.lane.gaps for item in drawn):
        told.append("Grey: the face was not seen.")
    if {item.side for item in drawn} >= {"rep", "prospect"}:
        told.append("Thick: their side; thin: ours.")
    told.append(
        "Blocks: the person speaks." if analysis.turns else "The recording does not say who spoke."
    )
    return " ".join(told) if lanes else ""


def _notes(info: CallInfo) -> tuple[str, ...]:
    if info.has_transcript:
        return info.notes
    return (*info.notes, "There was no transcript, so nothing that was said is quoted.")


def _moments_note(analysis: CallAnalysis, info: CallInfo) -> str:
    if not analysis.moments:
        if analysis.call.engagement is None:
            return ""
        return "No moment stands out."
    if not info.has_transcript:
        return "No transcript was available, so nothing is quoted."
    return ""


def _talk(people: Sequence[Participant], analysis: CallAnalysis) -> tuple[PersonRow, ...]:
    if not analysis.turns:
        return ()
    spoke = [person for person in people if person.score.talk.turns]
    spoke_most = sorted(spoke, key=lambda person: -person.score.talk.talk_s)[:MAX_SPEAKERS]
    most = {person.index for person in spoke_most}
    return tuple(person_row(person, analysis) for person in spoke if person.index in most)


def _talk_note(analysis: CallAnalysis) -> str:
    if not analysis.turns:
        return "The recording does not say who spoke." if analysis.participants else ""
    told = []
    spoke = [person.score.talk for person in analysis.participants if person.score.talk.turns]
    if len(spoke) > MAX_SPEAKERS:
        shares = sorted((talk.share for talk in spoke), reverse=True)
        rest = words.percent(sum(shares[MAX_SPEAKERS:]))
        told.append(f"{len(spoke) - MAX_SPEAKERS} more people spoke {rest} of the talk")
    talk = analysis.call.talk
    if talk.longest_silence_s:
        told.append(f"longest silence {words.length(talk.longest_silence_s)}")
    if talk.question_answer_s is not None:
        told.append(f"questions answered after {talk.question_answer_s:.1f}{words.NBSP}s (median)")
    if talk.speaker_changes_per_min:
        told.append(f"{talk.speaker_changes_per_min:.1f} changes of speaker a minute")
    text = " · ".join(told)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _compact_note(analysis: CallAnalysis, pages: int, compact: int) -> str:
    if not compact:
        return ""
    if not pages:
        return "No one was seen well enough for a page of their own."
    enough = words.length(enough_s(analysis))
    return (
        f"People seen or heard for at least {enough} get a page of their own, at most "
        f"{MAX_PAGES_FOR_PEOPLE} of them, their side first. Everyone else is here."
    )
