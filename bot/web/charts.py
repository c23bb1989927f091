"""One person's lane: engagement while they listened, where they spoke, and where nobody saw them.

Curves are stretched to the width of the screen; the few words stand in the drawing around them, so
that they are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from bot.text.words import clock

WIDTH, HEIGHT = 1000, 100
SAID = 12
"""Height of a block that shows where somebody spoke, at the foot of the lane."""
TOP = 6
"""Room above 100, so that a line along the top is seen."""
LABELLED_SHARE = 0.17
"""Shorter gaps have no room for their two words on a phone."""

CLOCK_SHARE = 0.15
"""Nor have two moments closer to each other for both their times."""

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Lane:
    """What one lane draws; times in seconds."""

    side: str
    points: Sequence[tuple[float, float | None]]
    """Engagement 0–1 while listening, `step_s` apart; None where there is none."""
    step_s: float
    said: Sequence[Span]
    gaps: Sequence[Span]
    gap_label: str
    marks: Sequence[float]
    level: float
    """Where the dotted line is: 0–1."""
    level_label: str
    instead: str
    """What stands in place of the curve; "" if there is a curve."""


def lane_svg(lane: Lane, duration_s: float, label: str) -> str:
    """Draw a lane on a fixed axis of 0 to 100; `label` describes it in words."""
    parts = [
        f'<rect class="gap" x="{_x(start, duration_s)}" y="0" '
        f'width="{_width(start, end, duration_s)}" height="{HEIGHT}"/>'
        for start, end in lane.gaps
    ]
    if not lane.instead:
        y = _y(lane.level)
        parts.append(f'<line class="level" x1="0" x2="{WIDTH}" y1="{y}" y2="{y}"/>')
        parts.append(_path(lane, duration_s))
    parts += [
        f'<rect class="said" x="{_x(start, duration_s)}" y="{HEIGHT - SAID}" '
        f'width="{_width(start, end, duration_s)}" height="{SAID}"/>'
        for start, end in lane.said
    ]
    parts += [
        f'<line class="mark" x1="{_x(at, duration_s)}" x2="{_x(at, duration_s)}" y1="0" '
        f'y2="{HEIGHT}"/>'
        for at in lane.marks
    ]
    return (
        f'<svg class="lane {escape(lane.side)}" role="img" aria-label="{escape(label)}">'
        f'<svg width="100%" height="100%" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'preserveAspectRatio="none">{"".join(parts)}</svg>{_texts(lane, duration_s)}</svg>'
    )


def _texts(lane: Lane, duration_s: float) -> str:
    # Words stand near the foot, where a curve is seldom: higher up they would cover it.
    said, last = [], -CLOCK_SHARE
    for at_s in sorted(lane.marks):
        share = at_s / duration_s
        if share - last >= CLOCK_SHARE:
            side, anchor = (0.5, "start") if share < 1 - CLOCK_SHARE else (-0.5, "end")
            said.append(_text(100 * share + side, 69, clock(at_s), anchor))
            last = share
    if lane.instead:
        return "".join([*said, _text(50, 45, lane.instead)])
    said += [_text(0.6, 13, "100", "start"), _text(0.6, 85, "0", "start")]
    said.append(_text(99.4, 83, f"┄ {lane.level_label}", "end"))
    for start, end in lane.gaps:
        if (end - start) / duration_s >= LABELLED_SHARE:
            said.append(_text((start + end) / 2 / duration_s * 100, 45, lane.gap_label))
    return "".join(said)


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}%" y="{y:.1f}%" text-anchor="{anchor}">{escape(text)}</text>'


def _path(lane: Lane, duration_s: float) -> str:
    runs: list[list[tuple[float, float]]] = []
    before_s = None
    for at_s, value in lane.points:
        if value is None:
            before_s = None
            continue
        if before_s is None or at_s - before_s > 1.5 * lane.step_s:
            runs.append([])
        runs[-1].append((_x(at_s, duration_s), _y(value)))
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


def _y(value: float) -> float:
    return round(TOP + (1 - value) * (HEIGHT - SAID - TOP), 1)


def _x(at_s: float, duration_s: float) -> float:
    return round(min(max(at_s / duration_s, 0.0), 1.0) * WIDTH, 1)


def _width(start_s: float, end_s: float, duration_s: float) -> float:
    # A second of a long call would be thinner than a pixel of a phone.
    return round(max((end_s - start_s) / duration_s * WIDTH, 2.0), 1)
