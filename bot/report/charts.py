"""Draws the charts as SVG: only lines, bars and numbers.

Every word that a person chose is set by the template, which can shape all scripts. So no user text
passes through matplotlib, and none can be read as a formula. Figures are drawn with the object
interface: no pyplot, and no global state but the settings that make the SVG the same on every run.
"""

from __future__ import annotations

import io
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bot.report.chart_data import Backdrop, Course, PersonChart, Timeline
from bot.text import words
from bot.text.axis import tick_step_s
from inference.native_log import load_matplotlib

INK, GREY, RULE, PALE = "#16263a", "#6d7783", "#d9dee4", "#eef1f4"
SIDES = {"rep": "#1d5f85", "prospect": "#d08428", "unknown": "#7d8894"}
"""Dark blue, ochre, grey: distinct for every kind of colour vision, and in greyscale."""
MM = 1 / 25.4
LANE_MM = 5.0
"""Height of one speaker's lane; the template sets the names beside the lanes with this value."""
TOP_MM = 5.0
"""Room above a plot, for the numbers of moments."""
_MARGIN_MM, _AXIS_MM = 7.0, 5.5
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Size:
    """A drawing's size on paper."""

    width_mm: float
    height_mm: float


def timeline_svg(chart: Timeline, width_mm: float, plot_mm: float, fonts: Path) -> bytes:
    """Draw the call: engagement over time, below it who spoke, numbered moments across both.

    The height is `TOP_MM` + `plot_mm` + a lane of `LANE_MM` per speaker + room for the clock
    below. A `plot_mm` of 0 leaves engagement out, for a call in which no face was seen.
    """
    lanes_mm = LANE_MM * len(chart.lanes)
    size = Size(width_mm, TOP_MM + plot_mm + lanes_mm + _AXIS_MM)
    with _Canvas(size, fonts) as canvas:
        plots = []
        if plot_mm:
            top = canvas.axes(TOP_MM, plot_mm, chart.backdrop.duration_s)
            _level_axis(canvas, top, chart.backdrop)
            _draw_course(top, chart.backdrop.everyone, INK, 1.3)
            plots.append(top)
        if chart.lanes:
            bottom = canvas.axes(TOP_MM + plot_mm, lanes_mm, chart.backdrop.duration_s)
            bottom.set_ylim(len(chart.lanes), 0)
            bottom.set_yticks([])
            plots.append(bottom)
            for row, lane in enumerate(chart.lanes):
                bottom.axhline(row + 1, color=PALE, lw=0.6)
                spans = [(start, max(end - start, 0.1)) for start, end in lane.spans]
                color = SIDES.get(lane.side, SIDES["unknown"])
                bottom.broken_barh(spans, (row + 0.24, 0.52), color=color, lw=0)
        for mark in chart.marks if plots else ():
            for axes in plots:
                axes.axvspan(mark.start_s, mark.end_s, color="#c9d3dd", alpha=0.55, lw=0, zorder=0)
            canvas.badge(plots[0], (mark.start_s + mark.end_s) / 2, mark.number)
        if plots:
            canvas.clock(plots[-1], chart.backdrop.duration_s)
        return canvas.svg()


def person_svg(chart: PersonChart, width_mm: float, plot_mm: float, fonts: Path) -> bytes:
    """Draw one person: engagement over everyone's, then attention, then when they spoke."""
    attention_mm, gap_mm = 17.0, 6.0
    size = Size(width_mm, TOP_MM + plot_mm + 2 * gap_mm + attention_mm + LANE_MM + _AXIS_MM)
    color = SIDES.get(chart.side, SIDES["unknown"])
    color = INK if chart.side == "unknown" else color
    with _Canvas(size, fonts) as canvas:
        top = canvas.axes(TOP_MM, plot_mm, chart.backdrop.duration_s)
        _level_axis(canvas, top, chart.backdrop)
        canvas.title(top, "Engagement")
        if not chart.backdrop.is_one_person:
            _draw_course(top, chart.backdrop.everyone, "#b3bcc6", 0.9)
        _draw_course(top, chart.course, color, 1.4)
        middle = canvas.axes(TOP_MM + plot_mm + gap_mm, attention_mm, chart.backdrop.duration_s)
        middle.set_ylim(0, 100)
        canvas.levels(middle, (0, 100))
        canvas.title(middle, "Attention")
        _draw_course(middle, chart.attention, GREY, 0.9)
        lane_top = TOP_MM + plot_mm + 2 * gap_mm + attention_mm
        lane = canvas.axes(lane_top, LANE_MM, chart.backdrop.duration_s)
        lane.set_ylim(1, 0)
        lane.set_yticks([])
        canvas.title(lane, "Speaks" if chart.spans else "")
        spans = [(start, max(end - start, 0.1)) for start, end in chart.spans]
        lane.broken_barh(spans, (0.24, 0.52), color=color, lw=0)
        canvas.clock(lane, chart.backdrop.duration_s)
        return canvas.svg()


def spark_svg(chart: PersonChart, width_mm: float, height_mm: float, fonts: Path) -> bytes:
    """Draw one person's engagement as a line for a table, on the scale of the large charts."""
    with _Canvas(Size(width_mm, height_mm), fonts, margin_mm=0.0) as canvas:
        axes = canvas.axes(0.0, height_mm, chart.backdrop.duration_s)
        axes.set_ylim(chart.backdrop.levels[0], chart.backdrop.levels[-1])
        axes.set_yticks([])
        axes.axhline(chart.backdrop.neutral, color=RULE, lw=0.5)
        _draw_course(axes, chart.course, INK, 0.9)
        return canvas.svg()


def _level_axis(canvas: _Canvas, axes: Any, shared: Backdrop) -> None:
    axes.set_ylim(shared.levels[0], shared.levels[-1])
    canvas.levels(axes, shared.levels)
    axes.axhline(shared.neutral, color=GREY, lw=0.6, dashes=(2, 3))


def _draw_course(axes: Any, course: Course, color: str, width: float) -> None:
    """Draw a line with gaps, and a dot for a point that has no neighbour to join."""
    if not np.isfinite(course.values).any():
        return
    axes.plot(course.t_s, course.values, color=color, lw=width, solid_capstyle="round")
    known = np.isfinite(np.concatenate([[np.nan], course.values, [np.nan]]))
    alone = known[1:-1] & ~known[:-2] & ~known[2:]
    if alone.any():
        x, y = course.t_s[alone], course.values[alone]
        axes.plot(x, y, ls="", marker="o", ms=1.8 * width, color=color, mew=0)


class _Canvas:
    """One drawing laid out in millimetres from its top."""

    def __init__(self, size: Size, fonts: Path, margin_mm: float = _MARGIN_MM) -> None:
        self.size, self._margin_mm = size, margin_mm
        self._right_mm = 6.0 if margin_mm else 0.0
        matplotlib = load_matplotlib()
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
        from matplotlib.font_manager import FontProperties

        self._settings = matplotlib.rc_context(
            {"svg.hashsalt": "rapport", "svg.fonttype": "path", "path.simplify": False}
        )
        self._font = FontProperties(fname=str(fonts / "Inter-Regular.otf"), size=7)
        self._bold = FontProperties(fname=str(fonts / "Inter-SemiBold.otf"), size=6.5)
        self._figure = Figure(figsize=(size.width_mm * MM, size.height_mm * MM), facecolor="none")
        self._canvas = FigureCanvasSVG(self._figure)

    def __enter__(self) -> _Canvas:
        # The settings are global to the process, so only one drawing runs at a time.
        _lock.acquire()
        self._settings.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._settings.__exit__(None, None, None)
        _lock.release()

    def axes(self, top_mm: float, height_mm: float, duration_s: float) -> Any:
        """Add a plot over the call's length, without a frame."""
        width, height = self.size.width_mm, self.size.height_mm
        left = self._margin_mm / width
        axes = self._figure.add_axes(
            (
                left,
                1 - (top_mm + height_mm) / height,
                1 - left - self._right_mm / width,
                height_mm / height,
            ),
            facecolor="none",
        )
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.set_xlim(0, max(duration_s, 1.0))
        axes.set_xticks([])
        axes.tick_params(length=0, pad=3)
        return axes

    def levels(self, axes: Any, levels: tuple[int, ...]) -> None:
        """Draw and number the levels of a 0–100 axis."""
        axes.set_yticks(levels)
        axes.set_yticklabels([str(level) for level in levels], fontproperties=self._font)
        for label in axes.get_yticklabels():
            label.set_color(GREY)
        for level in levels:
            axes.axhline(level, color=RULE, lw=0.5, zorder=0)

    def clock(self, axes: Any, duration_s: float) -> None:
        """Label the time axis below a plot at round times."""
        ticks = np.arange(0.0, duration_s + 0.001, tick_step_s(duration_s))
        axes.set_xticks(ticks)
        if len(axes.get_yticks()):
            axes.tick_params(axis="x", pad=6)  # clear of the lowest level's number
        axes.set_xticklabels([words.clock(t) for t in ticks], fontproperties=self._font)
        for label in axes.get_xticklabels():
            label.set_color(GREY)

    def title(self, axes: Any, text: str) -> None:
        """Write a plot's title above its left end."""
        axes.annotate(
            text, (0.0, 1.0), xycoords="axes fraction", xytext=(0, 3), color=GREY,
            textcoords="offset points", fontproperties=self._font, parse_math=False,
        )  # fmt: skip

    def badge(self, axes: Any, t_s: float, number: int) -> None:
        """Put a moment's number in a disc above a plot."""
        axes.annotate(
            str(number), (t_s, 1.0), xycoords=("data", "axes fraction"), xytext=(0, 6.5),
            textcoords="offset points", ha="center", va="center_baseline", color="white",
            fontproperties=self._bold, parse_math=False, annotation_clip=False,
            bbox={"boxstyle": "circle,pad=0.28", "fc": INK, "lw": 0},
        )  # fmt: skip

    def svg(self) -> bytes:
        """Return the drawing; the same values give the same bytes."""
        out = io.BytesIO()
        self._canvas.print_svg(out, metadata={"Date": None, "Creator": None})
        return out.getvalue()
