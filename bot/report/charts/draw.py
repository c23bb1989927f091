"""Draws the charts: only lines, blocks, numbers and the report's own words.

Every word that a person chose is set by the template, which can shape all scripts. So no user text
passes through matplotlib, and none can be read as a formula.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bot.report.charts.canvas import GREY, INK, PALE, RULE, Canvas, Size
from bot.report.charts.course import Course
from bot.report.charts.lanes import Lane, Mark

SIDES = {"rep": "#1d5f85", "prospect": "#b5651d", "unknown": "#6d7783"}
"""Dark blue, ochre, grey: distinct for every kind of colour vision, and in greyscale."""
WIDTHS = {"rep": 0.8, "prospect": 1.7, "unknown": 1.2}
"""In points: their side's line is the thicker one, so that colour is not all that differs."""
TOP_MM, PLAIN_TOP_MM, AXIS_MM = 5.0, 2.0, 5.5
"""Room above a plot with and without the numbers of moments, and below it for the clock."""
NAME_MM = 10.0
"""Height of a lane without a curve: name and role stand beside it."""
BLOCK_MM = 2.6
"""Height of the blocks under the curve, where the person speaks."""
FACING_MM, BETWEEN_MM = 14.0, 6.0
BADGE_MM = 4.6
"""A disc with its number: neighbours are moved this far apart."""
NOTE_MM = {"camera off": 12.0, "not seen": 10.5}
"""Room that a gap's label takes; a narrower gap stays without."""


def lane_height_mm(lane: Lane, plot_mm: float, *, has_clock: bool, with_facing: bool) -> float:
    """Return the height of a lane's drawing."""
    height_mm = _top_mm(lane) + BLOCK_MM + (plot_mm if _has_plot(lane) else 0.0)
    if with_facing and lane.facing is not None:
        height_mm += BETWEEN_MM + FACING_MM
    return max(height_mm + (AXIS_MM if has_clock else 1.0), NAME_MM)


def lane_svg(
    lane: Lane, width_mm: float, plot_mm: float, fonts: Path, *,
    has_clock: bool, with_facing: bool = False,
) -> bytes:  # fmt: skip
    """Draw one person: engagement on 0–100 with its gaps, blocks of speech, numbered moments.

    Args:
        lane: what to draw; without a face there are only the blocks.
        width_mm: of the drawing; its height is `lane_height_mm`.
        plot_mm: height of 0–100.
        fonts: folder of the shipped fonts.
        has_clock: whether the clock stands below it.
        with_facing: whether how far the screen was faced is drawn too, where it is worth telling.
    """
    height_mm = lane_height_mm(lane, plot_mm, has_clock=has_clock, with_facing=with_facing)
    size = Size(width_mm, height_mm)
    color = SIDES.get(lane.side, SIDES["unknown"])
    with Canvas(size, fonts) as canvas:
        plot_mm = plot_mm if _has_plot(lane) else 0.0
        plots, top_mm = [], _top_mm(lane)
        if plot_mm:
            top = canvas.axes(top_mm, plot_mm, lane.duration_s)
            top.set_ylim(0, 100)
            canvas.levels(top, (0, 100))
            top.axhline(lane.calm, color=GREY, lw=0.7, dashes=(1, 2), zorder=1)
            canvas.beside(top, lane.calm, _in_two_lines(f"{lane.calm:.0f}: {lane.calm_label}"))
            _draw_gaps(canvas, top, lane, size.inner_mm())
            _draw_course(top, lane.listening, color, WIDTHS.get(lane.side, 1.2))
            plots.append(top)
        blocks = canvas.axes(top_mm + plot_mm, BLOCK_MM, lane.duration_s)
        blocks.set_ylim(1, 0)
        blocks.set_yticks([])
        _draw_blocks(blocks, lane, color)
        plots.append(blocks)
        shown = _apart(lane.marks, lane.duration_s * BADGE_MM / size.inner_mm(), lane.duration_s)
        for mark, at_s in shown:
            for axes in plots:
                axes.axvline(mark.at_s, color=INK, lw=0.6, zorder=2.5)
            if mark.on_this:
                canvas.badge(plots[0], at_s, mark.number)
        bottom = blocks
        if with_facing and lane.facing is not None:
            bottom = canvas.axes(
                top_mm + plot_mm + BLOCK_MM + BETWEEN_MM, FACING_MM, lane.duration_s
            )
            bottom.set_ylim(0, 100)
            canvas.levels(bottom, (0, 100))
            canvas.title(bottom, "Facing the screen")
            _draw_course(bottom, lane.facing, GREY, 0.9)
        if has_clock:
            canvas.clock(bottom, lane.duration_s)
        return canvas.svg()


def spark_svg(lane: Lane, width_mm: float, height_mm: float, fonts: Path) -> bytes:
    """Draw one person's engagement as a line for a table, on the scale of the large charts."""
    with Canvas(Size(width_mm, height_mm), fonts, margin_mm=0.0) as canvas:
        axes = canvas.axes(0.0, height_mm, lane.duration_s)
        axes.set_ylim(0, 100)
        axes.set_yticks([])
        axes.axhline(lane.calm, color=RULE, lw=0.5)
        _draw_course(axes, lane.listening, SIDES.get(lane.side, INK), 0.9)
        return canvas.svg()


def running_svg(
    courses: Sequence[Course], duration_s: float, width_mm: float, plot_mm: float, fonts: Path
) -> bytes:
    """Draw the means of the last 30 s, of the last minute and from the start on, on 0–100."""
    with Canvas(Size(width_mm, PLAIN_TOP_MM + plot_mm + AXIS_MM), fonts) as canvas:
        axes = canvas.axes(PLAIN_TOP_MM, plot_mm, duration_s)
        axes.set_ylim(0, 100)
        canvas.levels(axes, (0, 50, 100))
        for course, (color, width, dashes) in zip(courses, _RUNNING, strict=True):
            _draw_course(axes, course, color, width, dashes)
        canvas.clock(axes, duration_s)
        return canvas.svg()


_RUNNING = (("#9aa5b1", 0.7, ()), ("#1d5f85", 1.2, ()), (INK, 0.9, (4, 2)))
"""Colour, width and dashes of the three curves."""


def _in_two_lines(text: str) -> str:
    parts = text.split(" ")
    cuts = [(" ".join(parts[:cut]), " ".join(parts[cut:])) for cut in range(1, len(parts))]
    return "\n".join(min(cuts, key=lambda lines: max(map(len, lines))))


def _top_mm(lane: Lane) -> float:
    return TOP_MM if any(mark.on_this for mark in lane.marks) else PLAIN_TOP_MM


def _has_plot(lane: Lane) -> bool:
    return not lane.listening.is_empty


def _draw_gaps(canvas: Canvas, axes: Any, lane: Lane, width_mm: float) -> None:
    for gap in lane.gaps:
        axes.axvspan(gap.start_s, gap.end_s, color=PALE, lw=0, zorder=0.5)
        if (gap.end_s - gap.start_s) / lane.duration_s * width_mm >= NOTE_MM[gap.label]:
            canvas.note(axes, (gap.start_s + gap.end_s) / 2, 22, gap.label)


def _draw_blocks(axes: Any, lane: Lane, color: str) -> None:
    spans = [(start, max(end - start, 0.1)) for start, end in lane.spoke]
    axes.axhline(0.5, color=RULE, lw=0.5, zorder=0)
    axes.broken_barh(spans, (0.18, 0.64), color=color, lw=0)


def _apart(marks: Sequence[Mark], least_s: float, duration_s: float) -> list[tuple[Mark, float]]:
    """Return the marks with the times at which their discs stand clear of each other."""
    placed: list[tuple[Mark, float]] = []
    for mark in sorted(marks, key=lambda one: one.at_s):
        at_s = mark.at_s
        if mark.on_this and placed:
            at_s = max(at_s, max(place for _, place in placed) + least_s)
        placed.append((mark, at_s))
    if placed and placed[-1][1] > duration_s:  # the last ones move back into the plot
        limit_s = duration_s
        for row in range(len(placed) - 1, -1, -1):
            mark, at_s = placed[row]
            placed[row] = (mark, min(at_s, limit_s))
            limit_s = placed[row][1] - least_s
    return placed


def _draw_course(
    axes: Any, course: Course, color: str, width: float, dashes: tuple[int, ...] = ()
) -> None:
    """Draw a line with gaps, and a dot for a point that has no neighbour to join."""
    if course.is_empty:
        return
    style: dict[str, Any] = {"dashes": dashes} if dashes else {"solid_capstyle": "round"}
    axes.plot(course.t_s, course.values, color=color, lw=width, clip_on=False, **style)
    known = np.isfinite(np.concatenate([[np.nan], course.values, [np.nan]]))
    alone = known[1:-1] & ~known[:-2] & ~known[2:]
    if alone.any():
        x, y = course.t_s[alone], course.values[alone]
        axes.plot(x, y, ls="", marker="o", ms=1.8 * width, color=color, mew=0, clip_on=False)
