"""Prints an analysis for a terminal of 80 columns."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.report.about import losses
from bot.report.people import name_certainty
from bot.text import words
from inference.schema.analysis import CallAnalysis, CallScore, Participant, PersonScore

MAX_MOMENTS = 5


def print_analysis(analysis: CallAnalysis, out: Console) -> None:
    """Print a row per person, the strongest moments, and the limits of the recording."""
    length = words.length(analysis.duration_s)
    title = f"{length}, profile {analysis.profile}"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("who", overflow="fold")
    scale = ["of 5"] if analysis.call.score else []
    for heading in ("engagement", *scale, "face seen", "attention", "talk"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("mostly", no_wrap=True)
    for person in analysis.participants:
        table.add_row(*_person(person, analysis))
    if len(analysis.participants) > 1:
        table.add_section()
        talk = words.length(analysis.call.talk_s) if analysis.turns else ""
        table.add_row("the call", *_figures(analysis.call, bool(scale)), talk, "")
    if analysis.participants:
        out.print(table)
        out.print(
            Text("Engagement (95 % interval) and attention range from 0 to 100.", style="dim")
        )
    else:
        out.print(Text(f"{length}, profile {analysis.profile}: nobody was seen or heard."))
    for moment in analysis.moments[:MAX_MOMENTS]:
        out.print(Text(f"{words.clock(moment.change_s):>7}  {words.clean(moment.reason)}"))
    for line in _not_sound(analysis):
        out.print(Text(line, style="yellow"))


def _person(person: Participant, analysis: CallAnalysis) -> list[str | Text]:
    name = Text(words.clean(person.name))
    sure = name_certainty(person.is_named, person.is_confirmed, person.name_confidence)
    if person.is_named and sure:
        name.append(f", {sure}", style="dim")
    has_scale = analysis.call.score is not None
    talk = words.length(person.score.talk.talk_s) if analysis.turns else ""
    if not person.is_scored:
        return [name, "not scored", *[""] * (2 + has_scale), talk, ""]
    expressions = person.score.expressions
    mostly = max(expressions, key=lambda name: expressions[name], default="")
    return [name, *_figures(person.score, has_scale), talk, mostly]


def _figures(score: PersonScore | CallScore, has_scale: bool) -> list[str]:
    engagement, attention, own = score.engagement, score.attention, score.score
    scale = [f"{own.value:.1f}" if own else ""] if has_scale else []
    return [
        f"{words.points(engagement.value)} ({words.span(engagement)})"
        if engagement
        else "not seen",
        *scale,
        words.percent(score.coverage),
        str(words.points(attention.value)) if attention else "",
    ]


def _not_sound(analysis: CallAnalysis) -> list[str]:
    quality = analysis.quality
    notes = (words.clean(note) for note in quality.notes)
    nobody = [] if quality.faces_seen else ["No face was found in the recording."]
    return [*nobody, *losses(quality), *notes]
