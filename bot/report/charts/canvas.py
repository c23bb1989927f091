"""A drawing laid out in millimetres, written as SVG by matplotlib.

Figures are drawn with the object interface: no pyplot, and no global state but the settings that
make the SVG the same on every run.
"""

from __future__ import annotations

import io
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bot.text import words
from bot.text.axis import tick_step_s
from inference.native_log import load_matplotlib

INK, GREY, RULE, PALE = "#16263a", "#6d7783", "#d9dee4", "#eef1f4"
MM = 1 / 25.4
MARGIN_MM, RIGHT_MM = 7.0, 16.0
"""Room beside a plot: for the levels on its left, for what they are called on its right."""
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Size:
    """A drawing's size on paper."""

    width_mm: float
    height_mm: float

    def inner_mm(self) -> float:
        """Return the width of a plot with room on both sides."""
        return self.width_mm - MARGIN_MM - RIGHT_MM


class Canvas:
    """One drawing laid out in millimetres from its top."""

    def __init__(self, size: Size, fonts: Path, margin_mm: float = MARGIN_MM) -> None:
        self.size, self._margin_mm = size, margin_mm
        self._right_mm = RIGHT_MM if margin_mm else 0.0
        matplotlib = load_matplotlib()
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
        from matplotlib.font_manager import FontProperties

        self._settings = matplotlib.rc_context(
            {"svg.hashsalt": "rapport", "svg.fonttype": "path", "path.simplify": False}
        )
        self._font = FontProperties(fname=str(fonts / "Inter-Regular.otf"), size=7)
        self._small = FontProperties(fname=str(fonts / "Inter-Regular.otf"), size=6)
        self._bold = FontProperties(fname=str(fonts / "Inter-SemiBold.otf"), size=6.5)
        self._figure = Figure(figsize=(size.width_mm * MM, size.height_mm * MM), facecolor="none")
        self._canvas = FigureCanvasSVG(self._figure)

    def __enter__(self) -> Canvas:
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

    def levels(self, axes: Any, levels: tuple[float, ...]) -> None:
        """Draw and number the levels of a 0–100 axis."""
        axes.set_yticks(levels)
        axes.set_yticklabels([f"{level:.0f}" for level in levels], fontproperties=self._font)
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

    def note(self, axes: Any, t_s: float, level: float, text: str) -> None:
        """Write a word of the report's own into a plot, its middle at a time and a level."""
        axes.text(
            t_s, level, text, color=GREY, fontproperties=self._small, ha="center", va="center",
            parse_math=False, clip_on=True,
        )  # fmt: skip

    def beside(self, axes: Any, level: float, text: str) -> None:
        """Write what a level is called at the right end of a plot; it may have several lines."""
        axes.annotate(
            text, (1.0, level), xycoords=("axes fraction", "data"), xytext=(2, 0), color=GREY,
            textcoords="offset points", fontproperties=self._small, va="center", parse_math=False,
            annotation_clip=False, linespacing=1.05,
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
