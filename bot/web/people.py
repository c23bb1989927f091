"""The people of a call, their side first, and the figures behind what is said of them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from bot.report.about import losses
from bot.report.charts.course import measures_against_rest
from bot.report.figures import basis_s, readable
from bot.report.moments import full_name
from bot.report.people import (
    by_side,
    caveats,
    is_unmoved,
    listening_line,
    name_certainty,
    role_of,
    talk_line,
)
from bot.report.sides import LABELS
from bot.text import words
from inference.schema.analysis import CallAnalysis, Estimate, Participant
from storage.schema.tables import CallNote

MOST_PEOPLE = 12


def people_section(analysis: CallAnalysis) -> str:
    """Return the people as cards, most of a side first."""
    people = by_side(analysis.participants)
    cards = "".join(_card(person, analysis) for person in people[:MOST_PEOPLE])
    left = len(people) - MOST_PEOPLE
    more = f'<p class="small soft">and {left} more, in the report</p>' if left > 0 else ""
    return f'<section><h2>People</h2><ul class="cards people">{cards}</ul>{more}</section>'


def sureness(analysis: CallAnalysis, notes: Sequence[CallNote]) -> str:
    """Return the full figures with their intervals, folded up until somebody asks for them."""
    rows = "".join(_row(person, analysis) for person in by_side(analysis.participants))
    sides = "".join(
        f"<tr><th>{LABELS[side.side]}</th>{_figures(side.engagement, side.coverage)}"
        f"<td>{_share(side.attention)}</td><td></td><td></td></tr>"
        for side in reversed(analysis.sides)
        if side.side in LABELS and len(side.people) > 1
    )
    said = [*losses(analysis.quality), *analysis.quality.notes]
    said += [note.text for note in notes if note.text]
    listed = "".join(f"<li>{escape(words.clean(text))}</li>" for text in said)
    own_face = ""
    if measures_against_rest(analysis):
        own_face = (
            " Engagement compares a face with the same person’s own calm face while listening."
        )
    heads = ("", "Engagement, 0–100", "Likely", "Face seen", "Facing the screen")
    head = "".join(f"<th>{text}</th>" for text in (*heads, "While listening", "Name"))
    return (
        "<details><summary>How sure is this?</summary>"
        '<p class="small">“Likely” holds the true mean in 95 of 100 such ranges; it covers chance, '
        f"not errors of the model.{own_face}</p>"
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}{sides}</tbody></table></div>"
        f"{f'<ul class=small>{listed}</ul>' if listed else ''}"
        f'<p class="small soft">Profile {escape(words.clean(analysis.profile))}, scoring version '
        f"{analysis.scoring_version}, model {escape(words.clean(analysis.observations.model))}, "
        f"{analysis.quality.frames_sampled:,} pictures.</p></details>"
    )


def _card(person: Participant, analysis: CallAnalysis) -> str:
    role = role_of(person)
    said = [listening_line(person)]
    if person.score.engagement is not None and not is_unmoved(person):
        said.append(f"engagement {readable(person.score.engagement, basis_s(person))}")
    lines = [" · ".join(filter(None, said)), " · ".join(caveats(person))]
    if analysis.turns:
        lines.insert(1, talk_line(person))
    shown = "".join(f"<p>{escape(line)}</p>" for line in lines if line)
    label = f' <span class="small soft">{role}</span>' if role else ""
    name = escape(full_name(analysis.participants, person.index))
    return f"<li><h3><bdi>{name}</bdi>{label}</h3>{shown}</li>"


def _row(person: Participant, analysis: CallAnalysis) -> str:
    score = person.score
    listened = ", ".join(
        f"{word} {words.length(seconds)}" for word, seconds in score.face_word_s.items() if seconds
    )
    certainty = name_certainty(person.is_named, person.is_confirmed, person.name_confidence)
    name = escape(full_name(analysis.participants, person.index))
    return (
        f"<tr><th><bdi>{name}</bdi></th>{_figures(score.engagement, score.coverage)}"
        f"<td>{_share(score.attention)}</td><td>{listened or '–'}</td>"
        f"<td>{certainty or 'from Zoom'}</td></tr>"
    )


def _figures(engagement: Estimate | None, coverage: float) -> str:
    value = "–" if engagement is None else str(words.points(engagement.value))
    likely = "–" if engagement is None else words.span(engagement)
    return f"<td>{value}</td><td>{likely}</td><td>{words.percent(coverage)}</td>"


def _share(estimate: Estimate | None) -> str:
    return "–" if estimate is None else f"{words.percent(estimate.value)} ({words.span(estimate)})"
