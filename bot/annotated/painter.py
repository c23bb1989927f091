"""Paints one frame: what is hidden, the boxes with their tags, and the strip below."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from bot.annotated.canvas import Canvas, Palette, Patch
from bot.annotated.overlays import Mark, NamedSample
from bot.annotated.panel import Panel, colour_of, strip_height
from bot.annotated.redaction import Redactions, redact
from bot.text.draw_text import BOLD, Colour, fit_text
from inference.schema.arrays import U8

PALE, FULL = 0.45, 0.9
"""Opacity of a box's line, for a face that is uncertain and for one that is certain."""
TAGS_KEPT = 256
MOST_TAG_FACES = 2.6
"""A tag is at most this many face widths wide, but wide enough for a short name."""
LEAST_TAG_PX = 150
INKS: tuple[Colour, Colour] = ((18, 22, 28), (245, 247, 250))
GROUND: Colour = (30, 36, 44)
GROUND_SHARE = 0.86
_Tag = tuple[str, str, Colour, bool, int]


class Painter:
    """Paints the frames of one recording, all of one size; it caches drawn tags and the strip."""

    def __init__(
        self, width: int, height: int, palette: Palette, duration_s: float, *,
        is_guessed: bool, has_boxes: bool = True,
    ) -> None:  # fmt: skip
        """Prepare to paint.

        Args:
            width: of the frames, in pixels.
            height: the same.
            palette: their colours.
            duration_s: of the recording.
            is_guessed: whether that is a guess.
            has_boxes: whether faces have boxes around them; their tags they have anyway.
        """
        self.width, self.height = width + width % 2, height + height % 2
        self.strip_px = strip_height(height)
        self._palette, self._has_boxes = palette, has_boxes
        self._panel = Panel(self.width, self.strip_px, duration_s, is_guessed)
        self._strip = self._drawn_strip(None)
        self._strip_of: NamedSample | None = None
        self._tags: OrderedDict[_Tag, Patch] = OrderedDict()
        self._text_px = max(10, min(round(height * 0.023), 26))
        self._line_px = 4 if height >= 900 else 2

    def canvas(self) -> Canvas:
        """Return an empty canvas."""
        return Canvas(self.width, self.height, self.strip_px, self._palette)

    def paint(
        self,
        canvas: Canvas,
        marks: Sequence[Mark],
        before: NamedSample | None,
        hidden: Redactions | None,
    ) -> None:
        """Paint over a frame.

        Args:
            canvas: with the frame in it.
            marks: its faces.
            before: the sample at or before it, which the strip shows.
            hidden: what must not be shown; None if everything may be.
        """
        if hidden is not None:
            redact(canvas, marks, before, hidden)
        # Large boxes first: a tag of a small face over a large one stays readable.
        for mark in sorted(marks, key=lambda one: -float(one.box[3] - one.box[1])):
            self._put_mark(canvas, mark, hidden is not None)
        if before is not self._strip_of:
            self._strip, self._strip_of = self._drawn_strip(before), before
        canvas.put_strip(self._strip)

    def _put_mark(self, canvas: Canvas, mark: Mark, is_hiding: bool) -> None:
        x0, y0, x1, y1 = (round(float(edge)) for edge in mark.box)
        is_scored = mark.who is not None and mark.who.is_scored
        if is_hiding and not is_scored:
            if mark.who is None or not mark.who.is_named:
                return
            shown, share = "hidden", PALE
        else:
            shown = mark.look or "not read"
            share = FULL if mark.is_sure else PALE
        colour = colour_of(mark.who)
        if self._has_boxes:
            canvas.put_frame_line((x0, y0, x1, y1), colour, self._line_px, share)
        name = mark.who.name if mark.who is not None else ""
        widest = max(LEAST_TAG_PX, round(MOST_TAG_FACES * (x1 - x0)))
        widest = min(widest // 16 * 16, canvas.width)  # few widths, so that drawn tags are reused
        tag = self._tag((name, shown, colour, share == FULL, widest))
        high, wide = tag.light.shape
        top = y0 - high - 2
        if top < 0:
            top = y1 + 2 if y1 + 2 + high <= canvas.height else max(0, y0)
        left = min(max(0, x0), canvas.width - wide)
        canvas.put_patch(tag, left, top)

    def _tag(self, wanted: _Tag) -> Patch:
        if wanted in self._tags:
            self._tags.move_to_end(wanted)
            return self._tags[wanted]
        patch = Patch.of(_draw_tag(wanted, self._text_px), self._palette)
        self._tags[wanted] = patch
        if len(self._tags) > TAGS_KEPT:
            self._tags.popitem(last=False)
        return patch

    def _drawn_strip(self, sample: NamedSample | None) -> Patch:
        if sample is None:
            strip = self._panel.draw(None, {}, {})
        else:
            self._panel.curves.add(sample.running)
            people = {number: one for number, one in sample.people.items() if one.is_scored}
            strip = self._panel.draw(sample.running, people, sample.words)
        opaque = np.full((*strip.shape[:2], 1), 255, np.uint8)
        return Patch.of(np.concatenate([strip, opaque], axis=2), self._palette)


def _draw_tag(wanted: _Tag, size_px: int) -> U8:
    """Draw name and look on the person's colour, or on a dark ground if uncertain."""
    name, shown, colour, is_sure, widest = wanted
    ink = INKS[0] if is_sure else INKS[1]
    gap = round(0.5 * size_px)
    said = fit_text(shown, size_px, ink, widest)
    called = fit_text(name, size_px, ink, widest - 2 * gap, BOLD) if name else None
    if called is None:
        rows = [[said]]
    elif called.shape[1] + said.shape[1] + 3 * gap <= widest:
        rows = [[called, said]]
    else:  # A small face: the name above what it shows.
        rows = [[called], [said]]
    high = said.shape[0]
    wide = max(sum(part.shape[1] for part in row) + gap * (len(row) + 1) for row in rows)
    tag = np.empty((high * len(rows), wide, 4), np.uint8)
    tag[:, :, :3] = colour if is_sure else GROUND
    tag[:, :, 3] = round(255 * (1.0 if is_sure else GROUND_SHARE))
    if not is_sure:
        tag[:, : max(2, gap // 2), :3] = colour
    for number, row in enumerate(rows):
        x = gap
        for part in row:
            cover = part[:, :, 3:].astype(np.float32) / 255
            place = tag[number * high : (number + 1) * high, x : x + part.shape[1], :3]
            place[:] = np.rint(place * (1 - cover) + part[:, :, :3] * cover).astype(np.uint8)
            x += part.shape[1] + gap
    return tag
