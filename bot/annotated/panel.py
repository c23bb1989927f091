"""The strip below the frame: everyone's running engagement, the time, and a legend of names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from bot.annotated.running_engagement import POINTS, Curves, Running
from bot.annotated.running_names import Who
from bot.text import words
from bot.text.axis import tick_step_s
from bot.text.draw_text import BOLD, Colour, draw_text, fit_text
from inference.schema.arrays import F32, U8

GROUND: Colour = (17, 22, 29)
RULE: Colour = (52, 61, 74)
SOFT: Colour = (150, 160, 174)
INK: Colour = (236, 239, 243)
COLOURS: tuple[Colour, ...] = (
    (86, 180, 233), (240, 168, 48), (64, 201, 148), (233, 120, 170), (240, 228, 66),
    (150, 140, 240), (225, 95, 70), (140, 200, 90), (120, 210, 215), (200, 160, 120),
)  # fmt: skip
"""Light enough for black letters, and distinct for people with colour vision deficiency."""
UNKNOWN: Colour = (168, 176, 188)
HEIGHT_SHARE, LEAST_PX, MOST_PX = 0.17, 64, 240
"""The strip's share of the frame's height, and its limits in pixels."""
NOT_SEEN = "not seen"
LEGEND_SHARE = 0.3
"""Of the width: a name and a word."""
LEGEND_FROM_PX = 420
"""A narrower frame has no room for names next to the lines."""


def colour_of(who: Who | None) -> Colour:
    """Return a person's colour, the same for box and line; grey for someone unknown."""
    return UNKNOWN if who is None else COLOURS[who.number % len(COLOURS)]


def strip_height(height_px: int) -> int:
    """Return the height of the strip below a frame of this height; even."""
    return round(min(max(height_px * HEIGHT_SHARE, LEAST_PX), MOST_PX)) // 2 * 2


@dataclass(frozen=True, slots=True)
class _Plot:
    """Where the lines are drawn, in pixels of the strip."""

    left: int
    top: int
    right: int
    bottom: int

    def y(self, level: float) -> float:
        return self.bottom - level * (self.bottom - self.top)


class Panel:
    """Redraws the strip for each sample."""

    def __init__(self, width: int, height: int, duration_s: float, is_guessed: bool) -> None:
        self._size = (height, width)
        self._is_guessed = is_guessed
        self.curves = Curves(duration_s)
        self._text_px = max(10, min(round(height * 0.115), 22))
        has_legend = width >= LEGEND_FROM_PX
        legend = round(width * LEGEND_SHARE) if has_legend else round(self._text_px * 3)
        margin = round(self._text_px * 0.8)
        self._legend_px = legend - margin if has_legend else 0
        left = margin + round(2.2 * self._text_px)
        self._plot = _Plot(
            left=left,
            top=round(2.0 * self._text_px),
            right=max(left + 8, width - legend - margin),
            bottom=height - round(1.7 * self._text_px),
        )

    def draw(
        self, running: Running | None, people: Mapping[int, Who], looks: Mapping[int, str]
    ) -> U8:
        """Draw the strip as it looks now, RGB.

        Args:
            running: the current means; None before the first sample.
            people: everyone who is scored, by number.
            looks: what the faces of those seen show in a word, by number.
        """
        strip = np.empty((*self._size, 3), np.uint8)
        strip[:] = GROUND
        t_s = 0.0 if running is None else running.t_s
        self._scale(strip)
        self._clock(strip, t_s)
        shown = {n: people[n] for n in self.curves.people if n in people}
        for number in shown:
            self._line(strip, self.curves.people[number], COLOURS[number % len(COLOURS)], 1)
        x = self._x(t_s)
        cv2.line(strip, (x, self._plot.top), (x, self._plot.bottom), SOFT, 1)
        if self._legend_px and running is not None:
            self._legend(strip, running, shown, looks)
        return strip

    def _x(self, t_s: float) -> int:
        share = min(t_s / self.curves.duration_s, 1.0)
        return round(self._plot.left + share * (self._plot.right - self._plot.left))

    def _scale(self, strip: U8) -> None:
        plot, size = self._plot, self._text_px
        title = draw_text("Engagement, mean of the last 30 s", size, SOFT)
        _put(strip, title[:, : max(1, plot.right - plot.left)], plot.left, round(0.3 * size))
        for level in (0, 50, 100):
            y = round(plot.y(level / 100))
            cv2.line(strip, (plot.left, y), (plot.right, y), RULE, 1)
            number = draw_text(str(level), size, SOFT)
            at = plot.left - number.shape[1] - round(0.4 * size)
            _put(strip, number, at, y - round(0.72 * size))

    def _clock(self, strip: U8, t_s: float) -> None:
        plot, size = self._plot, self._text_px
        duration_s = self.curves.duration_s
        now = words.clock(int(t_s))
        text = now if self._is_guessed else f"{now} / {words.clock(duration_s)}"
        clock = draw_text(text, size, INK, BOLD)
        title = draw_text("Engagement, mean of the last 30 s", size, SOFT).shape[1]
        if plot.left + title + clock.shape[1] + size < plot.right:
            _put(strip, clock, plot.right - clock.shape[1], round(0.3 * size))
        step_s, width = tick_step_s(duration_s), plot.right - plot.left
        while step_s < duration_s and width * step_s / duration_s < 5 * size:
            step_s *= 2
        for k in range(int(duration_s / step_s) + 1):
            mark = draw_text(words.clock(k * step_s), size, SOFT)
            x = self._x(k * step_s)
            cv2.line(strip, (x, plot.bottom), (x, plot.bottom + 3), RULE, 1)
            left = min(x - mark.shape[1] // 2, plot.right - mark.shape[1])
            _put(strip, mark, left, plot.bottom + round(0.3 * size))

    def _line(self, strip: U8, course: F32, colour: Colour, thick: int) -> None:
        plot = self._plot
        known = np.flatnonzero(~np.isnan(course))
        if not len(known):
            return
        x = plot.left + (known + 0.5) / POINTS * (plot.right - plot.left)
        y = plot.bottom - course[known] * (plot.bottom - plot.top)
        points = np.rint(np.stack([x, y], axis=1) * 8).astype(np.int32)
        # In short recordings samples lie farther apart than points, so near points are joined.
        reach = max(2, round(3.0 / self.curves.duration_s * POINTS))
        for part in np.split(points, np.flatnonzero(np.diff(known) > reach) + 1):
            cv2.polylines(strip, [part], False, colour, thick, cv2.LINE_AA, shift=3)

    def _legend(
        self, strip: U8, running: Running, people: Mapping[int, Who], looks: Mapping[int, str]
    ) -> None:
        size = self._text_px
        row_px = round(1.5 * size)
        room = max(1, (self._size[0] - round(0.6 * size)) // row_px)
        rows: list[tuple[Colour, str, str]] = []
        for one in _listed(running, people):
            is_seen = running.people.get(one.number) is not None
            look = looks.get(one.number, "") if is_seen else NOT_SEEN
            rows.append((colour_of(one), one.name, look))
        if len(rows) > room:
            rows = [*rows[: room - 1], (SOFT, f"and {len(rows) - room + 1} more", "")]
        left = self._plot.right + round(1.2 * size)
        for k, (colour, name, text) in enumerate(rows):
            top = round(0.3 * size) + k * row_px
            middle = (left + size // 3, top + round(0.72 * size))
            cv2.circle(strip, middle, max(2, round(size * 0.28)), colour, -1, cv2.LINE_AA)
            said = draw_text(text, size, SOFT if text == NOT_SEEN else INK, BOLD)
            at = self._size[1] - round(0.8 * size) - said.shape[1]
            drawn = fit_text(name, size, INK, max(size, at - left - round(1.5 * size)))
            _put(strip, drawn, left + size, top)
            _put(strip, said, at, top)


def _listed(running: Running, people: Mapping[int, Who]) -> list[Who]:
    """Return people in legend order; those in view come first, as the end may be cut off."""
    return sorted(
        people.values(),
        key=lambda one: (running.people.get(one.number) is None, not one.is_named, one.number),
    )


def _put(strip: U8, rgba: U8, x: int, y: int) -> None:
    """Blend a small RGBA picture into the strip; what extends beyond it is cut off."""
    top, left = max(0, -y), max(0, -x)
    bottom, right = min(rgba.shape[0], strip.shape[0] - y), min(rgba.shape[1], strip.shape[1] - x)
    if bottom <= top or right <= left:
        return
    part = strip[y + top : y + bottom, x + left : x + right]
    source = rgba[top:bottom, left:right]
    cover = source[:, :, 3:].astype(np.float32) / 255
    part[:] = np.rint(part * (1 - cover) + source[:, :, :3] * cover).astype(np.uint8)
