"""Names drawn on tiles: found at the bottom left, read a few times, followed until they change.

Zoom draws a participant's name in white at the bottom left of the tile, often in a dark
half-transparent box, and large in the middle of a tile without video. A strip is read when it
appears and until two readings agree; after that only its strokes are compared, and it is read
again when they differ. Nothing of the pictures is kept but the text.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from inference.label_reader import LabelReader
from inference.label_strip import Strip, find_strips, ink_of, strip_picture
from inference.layout import Layout
from inference.names import folded
from inference.types import F32, U8, Label

READ_AGAIN_AFTER = 2
"""Samples between two readings of a strip that is not settled: 1 s at the usual rate."""
MAX_READINGS = 4
"""After so many readings without two that agree, the strip is left alone for a while."""
MAX_PAUSE = 64
"""A tile without a readable name is tried again after 4, 8, 16 … samples, at most this."""
MIN_CONFIDENCE = 0.6
"""Of the reader and the agreement of its readings together; below, there is no label."""
MIN_LETTERS = 2
KEPT_SHARE = 0.72
"""A strip is the same while this share of its strokes still stands."""
KEPT_SHARE_OF_BLOCK = 0.4
"""And this share of every part as wide as two letters, so that one changed letter shows."""


@dataclass(slots=True)
class _Piece:
    """A span of one view in which a run's strip was seen."""

    view: int
    tile: int
    start: int
    end: int


@dataclass(slots=True)
class _Run:
    """One strip while it stays the same, over views in which its tile stays in place."""

    pieces: list[_Piece]
    readings: list[tuple[str, float]] = field(default_factory=list)
    next_reading: int = 0
    pause: int = READ_AGAIN_AFTER
    strip: Strip | None = None
    ink: U8 | None = None
    settled: bool = False
    doubts: int = 0
    no_doubt_before: int = 0


class LabelFinder:
    """Follows the names on the tiles through one recording; samples come in order of time."""

    def __init__(self, reader: LabelReader) -> None:
        self._reader = reader
        self._view = -1
        self._tiles: F32 = np.zeros((0, 4), np.float32)
        self._runs: list[_Run] = []
        self._done: list[_Run] = []

    def update(self, sample: int, view: int, image: U8, layout: Layout) -> None:
        """Look at the next sample.

        Args:
            sample: index into `Observations.t_s`.
            view: index into `Observations.views`; another one than before starts new spans.
            image: RGB.
            layout: of this sample; without tiles an undivided picture is one tile.
        """
        self._enter_view(sample, view, image, layout)
        for k, tile in enumerate(self._tiles):
            self._runs[k] = self._follow(sample, k, self._runs[k], image, tile)
            self._runs[k].pieces[-1].end = sample + 1

    def labels(self) -> tuple[Label, ...]:
        """Give the names read so far, by view, tile and time."""
        found = []
        for run in [*self._done, *self._runs]:
            text, confidence = _consensus(run.readings)
            if confidence >= MIN_CONFIDENCE and len(folded(text)) >= MIN_LETTERS:
                found += [
                    Label(p.start, p.end, p.view, p.tile, text, confidence)
                    for p in run.pieces
                    if p.end > p.start
                ]
        return tuple(sorted(found, key=lambda label: (label.view, label.tile, label.start_sample)))

    def _enter_view(self, sample: int, view: int, image: U8, layout: Layout) -> None:
        if view == self._view:
            return
        before = list(zip(self._tiles, self._runs, strict=True))
        tiles = layout.tiles
        if layout.kind == "single":
            height, width = image.shape[:2]
            tiles = np.array([[0, 0, width, height]], np.float32)
        runs: list[_Run] = []
        for k, tile in enumerate(tiles):
            same = [run for old, run in before if np.abs(old - tile).max() < 1.0]
            run = same[0] if same else _Run([])
            run.pieces.append(_Piece(view, k, sample, sample))
            run.no_doubt_before = 0
            runs.append(run)
        kept = {id(run) for run in runs}
        self._done += [run for run in self._runs if id(run) not in kept]
        self._view, self._tiles, self._runs = view, tiles, runs

    def _follow(self, sample: int, k: int, run: _Run, image: U8, tile: F32) -> _Run:
        """Read the tile's strip where that is due; give its run, a new one where it changed."""
        if not run.settled:
            if sample >= run.next_reading:
                self._read(sample, run, image, tile)
            return run
        if sample < run.no_doubt_before or self._still_there(run, image):
            return run
        fresh = _Run([_Piece(self._view, k, sample, sample)])
        self._read(sample, fresh, image, tile)
        if fresh.readings and _agree(fresh.readings[-1][0], _consensus(run.readings)[0]):
            run.strip, run.ink = fresh.strip, fresh.ink
            run.doubts += 1
            run.no_doubt_before = sample + 2 ** min(run.doubts, 4)
            return run
        run.pieces[-1].end = sample
        self._done.append(run)
        return fresh

    def _read(self, sample: int, run: _Run, image: U8, tile: F32) -> None:
        strips = find_strips(image, tile)
        best: tuple[str, float] = ("", 0.0)
        for strip in strips:
            text, confidence = self._reader.read([strip_picture(image, strip)])[0]
            if len(folded(text)) >= MIN_LETTERS and confidence > best[1]:
                best = (text, confidence)
                run.strip, run.ink = strip, ink_of(image, strip)
            if confidence > MIN_CONFIDENCE:
                break
        if best[0]:
            run.readings.append(best)
        run.settled = any(
            _agree(best[0], text) and min(best[1], confidence) >= MIN_CONFIDENCE
            for text, confidence in run.readings[:-1]
        )
        if not best[0] or len(run.readings) >= MAX_READINGS:
            run.pause = min(2 * run.pause, MAX_PAUSE)
            del run.readings[: -MAX_READINGS + 1]
        run.next_reading = sample + run.pause

    def _still_there(self, run: _Run, image: U8) -> bool:
        if run.strip is None or run.ink is None:
            return False
        before = run.ink
        now = cv2.dilate(ink_of(image, run.strip), np.ones((3, 3), np.uint8))
        kept = (before & now).sum(axis=0, dtype=np.int64)
        had = before.sum(axis=0, dtype=np.int64)
        if had.sum() == 0 or kept.sum() < KEPT_SHARE * had.sum():
            return False
        width = max(4, round(1.2 * run.strip.text_height))
        edges = np.arange(0, len(had), width)
        had, kept = np.add.reduceat(had, edges), np.add.reduceat(kept, edges)
        enough = had >= max(4, int(0.3 * had.mean()))
        return bool((kept[enough] >= KEPT_SHARE_OF_BLOCK * had[enough]).all())


def _agree(a: str, b: str) -> bool:
    return folded(a) == folded(b)


def _consensus(readings: list[tuple[str, float]]) -> tuple[str, float]:
    """Give the text that most of the readings agree on, and how sure that makes it."""
    votes: dict[str, list[tuple[float, str]]] = {}
    for text, confidence in readings:
        votes.setdefault(folded(text), []).append((confidence, text))
    if not votes:
        return "", 0.0
    best = max(votes.values(), key=lambda group: sum(confidence for confidence, _ in group))
    weight = sum(confidence for confidence, _ in best)
    share = weight / sum(confidence for _, confidence in readings)
    once = 0.8 if len(best) == 1 else 1.0
    return max(best)[1], once * share * weight / len(best)
