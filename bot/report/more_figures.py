"""The figures behind the pages: expressions, environments, running curves, how sure they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.report.charts.course import Course
from bot.report.charts.lanes import running_courses
from bot.report.figures import basis_s, name_of
from bot.report.people import UNMOVED, is_unmoved, name_certainty
from bot.report.sides import SideRow, side_rows
from bot.text import words
from inference.schema.analysis import CallAnalysis, Estimate, Participant
from inference.schema.arrays import EXPRESSIONS
from inference.scoring.environments import ENVIRONMENTS, environment_scores

MOST_PEOPLE = 12
"""As many as get a page of their own at most."""
LABELS = {
    "angry": "Angry", "disgust": "Disgusted", "fear": "Fearful", "happy": "Happy", "sad": "Sad",
    "surprise": "Surprised", "neutral": "Neutral",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One person and a cell a column; "" for what is nothing. `note` stands for all cells."""

    name: str
    side: str
    cells: tuple[str, ...]
    details: tuple[str, ...]
    """Smaller, below each cell."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """People in rows under a heading; no rows, no table."""

    heading: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Curves:
    """One person's means of the last 30 s, of the last minute and from the start on."""

    name: str
    alt: str
    courses: tuple[Course, Course, Course]


@dataclass(frozen=True, slots=True)
class MoreFigures:
    """What stands under "More figures"."""

    tables: tuple[Table, ...]
    sides: tuple[SideRow, ...]
    curves: tuple[Curves, ...]
    left_out: str


def more_figures(analysis: CallAnalysis, people: Sequence[Participant]) -> MoreFigures:
    """Return the figures of those of the people whose faces were read, at most `MOST_PEOPLE`."""
    read = [person for person in people if person.score.engagement is not None]
    shown = read[:MOST_PEOPLE]
    left = len(read) - len(shown)
    tables = (_sure(shown), _expressions(shown), _environments(shown, analysis))
    return MoreFigures(
        tables=tuple(table for table in tables if table.rows),
        sides=_sides(analysis),
        curves=tuple(_curves(person, analysis) for person in shown if not is_unmoved(person)),
        left_out=f"The figures of {left} more people are in the REST API." if left else "",
    )


def _sides(analysis: CallAnalysis) -> tuple[SideRow, ...]:
    """Return what each side showed, but for a side in which no face moved."""
    moving = {
        person.side
        for person in analysis.participants
        if person.score.engagement is not None and not is_unmoved(person)
    }
    return tuple(row for row in side_rows(analysis.sides) if row.side in moving)


def _sure(people: Sequence[Participant]) -> Table:
    rows = []
    for person in people:
        score = person.score
        certainty = name_certainty(person.is_named, person.is_confirmed, person.name_confidence)
        cells = (
            _value(score.engagement),
            _value(score.attention),
            words.percent(score.coverage),
            words.length(basis_s(person)),
            certainty or "from Zoom",
        )
        details = (_range(score.engagement), _range(score.attention), "", "", "")
        rows.append(Row(name_of(person), person.side, cells, details))
    note = (
        "Likely ranges: sampled again and again, 95 of 100 of them would hold the true average. "
        "They cover chance, not the errors of the model. A range wider than 30 gives no figure "
        "on the pages before."
    )
    columns = ("Engagement", "Facing the screen", "Face seen", "Taken over", "Name")
    return Table("How sure is this?", note, columns, tuple(rows))


def _expressions(people: Sequence[Participant]) -> Table:
    columns = tuple(LABELS[name] for name in EXPRESSIONS)
    rows = []
    for person in people:
        seconds = person.score.expression_s
        total_s = sum(seconds.values())
        if is_unmoved(person):
            rows.append(Row(name_of(person), person.side, (), (), UNMOVED))
        elif total_s:
            told = [seconds.get(name, 0.0) for name in EXPRESSIONS]
            told = [value if words.points(value / total_s) else 0.0 for value in told]
            cells = tuple(words.percent(value / total_s) if value else "" for value in told)
            details = tuple(words.length(value) if value else "" for value in told)
            rows.append(Row(name_of(person), person.side, cells, details))
    note = (
        "Which of seven expressions was the likeliest, of all the time in which the face was seen, "
        "speaking too."
    )
    return Table("Expressions", note, columns, tuple(rows))


def _environments(people: Sequence[Participant], analysis: CallAnalysis) -> Table:
    rows = []
    for person in people:
        if is_unmoved(person):
            rows.append(Row(name_of(person), person.side, (), (), UNMOVED))
            continue
        scores = environment_scores(person.series.probs, analysis.observations.sample_interval_s)
        if not scores:
            continue
        known = [scores.get(name) for name in ENVIRONMENTS]
        cells = tuple(f"{score.value:.1f}" if score else "–" for score in known)
        details = tuple(f"{s.low:.1f}–{s.high:.1f}" if s else "" for s in known)
        rows.append(Row(name_of(person), person.side, cells, details))
    note = (
        "The scores of EngageAi, 1 to 5, in each of its four environments, with their likely "
        "ranges."
    )
    columns = tuple(name.replace("_", " ").capitalize() for name in ENVIRONMENTS)
    return Table("Environments", note, columns, tuple(rows))


def _curves(person: Participant, analysis: CallAnalysis) -> Curves:
    courses = running_courses(person, analysis)
    last = courses[2].values[~(courses[2].values != courses[2].values)]
    ends = f", ends at a mean of {last[-1]:.0f} from the start on" if len(last) else ""
    alt = f"{name_of(person)}: running means of engagement on 0 to 100{ends}"
    return Curves(name_of(person), alt, courses)


def _value(estimate: Estimate | None) -> str:
    return str(words.points(estimate.value)) if estimate else "–"


def _range(estimate: Estimate | None) -> str:
    return words.span(estimate) if estimate else ""
