"""The page's charts: SVG without text, stretched to the width of the screen."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

WIDTH = 1000
HEIGHT = 100


def course_svg(
    points: Sequence[tuple[float, float | None]],
    spans: Sequence[tuple[float, float]],
    duration_s: float,
    step_s: float,
    label: str,
) -> str:
    """Draw a 0–1 curve, with gaps where nothing was seen, over shaded spans of time.

    `points` are seconds and values, `step_s` apart unless some are missing. `label` describes the
    drawing in words.
    """
    shades = "".join(
        f'<rect class="span" x="{_x(start, duration_s)}" y="0" '
        f'width="{_width(start, end, duration_s)}" height="{HEIGHT}"/>'
        for start, end in spans
    )
    grid = "".join(
        f'<line class="grid" x1="0" x2="{WIDTH}" y1="{y}" y2="{y}"/>' for y in (0, 25, 50, 75)
    )
    return _svg("course", shades + grid + _path(points, duration_s, step_s), label)


def lane_svg(spans: Sequence[tuple[float, float]], duration_s: float, label: str) -> str:
    """Draw the spans of time in which somebody spoke."""
    bars = "".join(
        f'<rect class="said" x="{_x(start, duration_s)}" y="0" '
        f'width="{_width(start, end, duration_s)}" height="{HEIGHT}"/>'
        for start, end in spans
    )
    return _svg("lane", bars, label)


def _path(points: Sequence[tuple[float, float | None]], duration_s: float, step_s: float) -> str:
    runs: list[list[tuple[float, float]]] = []
    before_s = None
    for at_s, value in points:
        if value is None:
            before_s = None
            continue
        if before_s is None or at_s - before_s > 1.5 * step_s:
            runs.append([])
        runs[-1].append((_x(at_s, duration_s), round((1 - value) * HEIGHT, 1)))
        before_s = at_s
    drawn = ""
    for run in runs:
        if len(run) == 1:
            (x, y) = run[0]
            drawn += f'<line class="dot" x1="{x}" x2="{x}" y1="{y}" y2="{y}"/>'
        else:
            steps = " L".join(f"{x} {y}" for x, y in run)
            drawn += f'<path class="path" d="M{steps}"/>'
    return drawn


def _svg(name: str, content: str, label: str) -> str:
    return (
        f'<svg class="{name}" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(label)}">{content}</svg>'
    )


def _x(at_s: float, duration_s: float) -> float:
    return round(min(max(at_s / duration_s, 0.0), 1.0) * WIDTH, 1)


def _width(start_s: float, end_s: float, duration_s: float) -> float:
    # A second of a long call would be thinner than a pixel of a phone.
    return round(max((end_s - start_s) / duration_s * WIDTH, 2.0), 1)
