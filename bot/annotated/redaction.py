"""Hides what must not be recognisable if only the other side may be scored: when in doubt, hide.

A tile is shown only while everyone seen in it is known to be on the other side. Everything around
such tiles is hidden, because a layout change is noticed a second late. A shared screen stays
visible. In a frame without tiles, the faces that may not be shown are hidden with their
surroundings, and the whole frame while someone may be there undetected.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bot.annotated.canvas import Canvas, Rect
from bot.annotated.overlays import Mark, NamedSample
from bot.annotated.running_names import Who
from inference.attribution.person_ids import Sighting, track_at
from inference.boxes import centres, holders, overlap, scaled
from inference.layout import CUT_DIFFERENCE, picture_difference
from inference.observer import SeenSample
from inference.schema.analysis import CallAnalysis
from inference.schema.arrays import F32

DOUBT_S = 1.5
"""How long the layout is not trusted after the whole frame changed: a new layout is accepted at its
second or third sample."""
CELLS = 5
"""Means left along the shorter side of a hidden area: a face fills three or four."""
HEAD = 2.2
"""Size of a head with hair and shoulders, in face sizes, in a frame without tiles."""
LOST_S = 3.0
"""How long a face lost in a frame without tiles is hidden where it was; then everything is."""
REACH = 1.5
"""How much larger the hidden area of a lost face becomes."""


@dataclass(frozen=True, slots=True)
class Redaction:
    """What is hidden at a sample: `places`, and with `is_all` also everything but `shown`."""

    is_all: bool = True
    shown: tuple[Rect, ...] = ()
    places: tuple[Rect, ...] = ()


Redactions = tuple[Redaction | None, Redaction | None]
"""What is hidden at the samples before and after a frame; None if there is no such sample."""


@dataclass(frozen=True, slots=True)
class _Lost:
    """A face that may not be shown, and where and when it was last seen."""

    track: int
    box: F32
    t_s: float


class Redactor:
    """Decides for each sample what is hidden; samples come in order."""

    def __init__(self) -> None:
        self._last: SeenSample | None = None
        self._doubt_until_s = float("-inf")
        self._unseen: list[_Lost] = []

    def update(self, seen: SeenSample, who: Mapping[int, Who]) -> Redaction:
        """Take the next sample and return what is hidden at it."""
        last, self._last = self._last, seen
        if last is None or last.offset_s != seen.offset_s or self._changed(last, seen):
            self._doubt_until_s = seen.t_s + DOUBT_S
            self._unseen.clear()
        is_doubtful = seen.t_s < self._doubt_until_s
        clear = [track in who and who[track].is_scored for track in seen.tracks]
        layout = seen.layout
        if len(layout.tiles) or layout.kind == "share":
            self._unseen.clear()
            hidden, shown = self._of_tiles(seen, clear)
            if layout.kind != "share":
                # A small tile may cover part of a large one: hiding takes precedence over showing.
                return Redaction() if is_doubtful else Redaction(True, shown, hidden)
            return Redaction() if is_doubtful else Redaction(False, (), hidden)
        if is_doubtful:
            return Redaction()
        return self._of_picture(seen, clear)

    @staticmethod
    def _changed(last: SeenSample, seen: SeenSample) -> bool:
        if last.size_px != seen.size_px:
            return True
        if last.layout.kind != seen.layout.kind or len(last.layout.tiles) != len(seen.layout.tiles):
            return True
        if seen.layout.picture is None or seen.layout.kind not in ("share", "single", "unknown"):
            return False
        high, wide = seen.layout.picture.shape[:2]
        width = seen.layout.width_px
        whole = np.array([0, 0, width, width * high / wide], np.float32)
        difference = picture_difference(last.layout, seen.layout, whole)
        return difference is not None and difference > CUT_DIFFERENCE

    @staticmethod
    def _of_tiles(seen: SeenSample, clear: list[bool]) -> tuple[tuple[Rect, ...], tuple[Rect, ...]]:
        """Divide the tiles into those hidden and those shown."""
        tiles = seen.layout.tiles
        middles = centres(seen.boxes)
        held = holders(middles, tiles)
        hidden: list[Rect] = []
        shown: list[Rect] = []
        for k, tile in enumerate(tiles):
            own = [clear[row] for row in np.flatnonzero(held == k).tolist()]
            cut = k < len(seen.layout.cuts) and bool(seen.layout.cuts[k])
            (shown if own and all(own) and not cut else hidden).append(_rect(tile))
        return tuple(hidden), tuple(shown)

    def _of_picture(self, seen: SeenSample, clear: list[bool]) -> Redaction:
        """Hide heads in a frame without tiles, or all of it if someone may be there undetected."""
        if not seen.tracks:
            return Redaction()
        rows = [row for row, is_clear in enumerate(clear) if not is_clear]
        others = [seen.boxes[row] for row in rows]
        lost = [
            one
            for one in self._unseen
            if one.track not in seen.tracks
            and all(overlap(scaled(one.box, REACH), box) == 0 for box in others)
        ]
        if any(seen.t_s - one.t_s > LOST_S for one in lost):
            return Redaction()
        self._unseen = [_Lost(seen.tracks[row], seen.boxes[row], seen.t_s) for row in rows] + lost
        places = [scaled(box, HEAD) for box in others]
        places += [scaled(one.box, HEAD * REACH) for one in lost]
        return Redaction(False, (), tuple(_rect(place) for place in places))


def redact(
    canvas: Canvas, marks: Sequence[Mark], before: NamedSample | None, hidden: Redactions
) -> None:
    """Hide what either sample around a frame hides, and everything if one is missing.

    Args:
        canvas: the frame.
        marks: its faces; those that may not be shown are also hidden where they are now.
        before: the sample before it.
        hidden: what is hidden at the samples before and after it.
    """
    whole = (0, 0, canvas.width, canvas.height)
    known = [one for one in hidden if one is not None]
    if len(known) < 2 or any(one.is_all and not one.shown for one in known):
        canvas.hide(whole, _cells(canvas, before))
        return
    places = [place for one in known for place in one.places]
    places += [
        _rect(scaled(mark.box, HEAD))
        for mark in marks
        if mark.who is None or not mark.who.is_scored
    ]
    covering = [one.shown for one in known if one.is_all]
    kept = []
    if covering:
        common = [_common(rects) for rects in _products(covering)]
        kept = [(rect, canvas.copy_of(rect)) for rect in common if rect is not None]
        canvas.hide(whole, _cells(canvas, before))
    for rect, copied in kept:
        canvas.put_back(rect, copied)
    for place in places:
        canvas.hide(place, CELLS)


def _cells(canvas: Canvas, before: NamedSample | None) -> int:
    """Return the cells for the whole frame: more in a gallery, whose faces are smaller."""
    tiles = before.seen.layout.tiles if before is not None else ()
    if not len(tiles):
        return CELLS
    lowest = float(min(tile[3] - tile[1] for tile in tiles))
    return max(CELLS, min(4 * CELLS, round(CELLS * canvas.height / max(lowest, 1.0))))


def _products(covering: list[tuple[Rect, ...]]) -> list[tuple[Rect, ...]]:
    pairs: list[tuple[Rect, ...]] = [()]
    for rects in covering:
        pairs = [(*pair, rect) for pair in pairs for rect in rects]
    return pairs


def _common(rects: tuple[Rect, ...]) -> Rect | None:
    x0, y0 = max(r[0] for r in rects), max(r[1] for r in rects)
    x1, y1 = min(r[2] for r in rects), min(r[3] for r in rects)
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def _rect(box: F32) -> Rect:
    x0, y0 = (int(np.floor(edge)) for edge in box[:2])
    x1, y1 = (int(np.ceil(edge)) for edge in box[2:])
    return x0, y0, x1, y1


def wrongly_shown(analysis: CallAnalysis, shown: Sequence[Sighting]) -> Sighting | None:
    """Return the first face that was shown but may not be by what is known now, None if all may.

    Args:
        analysis: the analysis of the whole call.
        shown: faces that were not hidden (`Recorder.sightings`).
    """
    person = {tie.track: tie.participant for tie in analysis.attributions}
    for at in shown:
        index = person.get(track_at(analysis.observations, at), -1)
        if index < 0 or not analysis.participants[index].is_scored:
            return at
    return None
