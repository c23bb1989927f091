"""Names drawn on tiles: found at the bottom left, read a few times, followed until they change.

Zoom draws a participant's name in white at the bottom left of the tile, mostly in a dark
half-transparent box, and large in the middle of a tile without video. Text elsewhere, or without a
box, is no name (`label_place`). A strip is read when it appears and until two readings agree; after
that only its strokes are compared, and it is read again when they differ. Nothing of the pictures
is kept but the text and the shape of its letters (`glyphs`), which identifies names in scripts that
the reader does not know.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

import cv2
import numpy as np
from rapidfuzz import fuzz

from inference.layout import Layout
from inference.layout.tile_content import CAMERA_SHARE, MOVED_LEVELS
from inference.name_labels.glyphs import is_same_shape, shape_of
from inference.name_labels.label_place import (
    content_of,
    is_in_corner,
    is_large_tile,
    is_screen,
    may_have_box,
)
from inference.name_labels.ocr import LabelReader
from inference.name_labels.text_match import folded
from inference.name_labels.text_strip import (
    GONE_LIKENESS,
    SAME_LIKENESS,
    Strip,
    find_strips,
    likeness,
    places_of,
    steady_whiteness,
    strip_picture,
    strokes_of,
    whiteness,
)
from inference.schema.arrays import F32, U8
from inference.schema.observations import NameLabel

STEADY_SAMPLES = 3
"""As many samples of a place are laid over each other for a reading."""
READ_AGAIN_AFTER = 2
"""Samples between two readings of a strip that is not settled: 1 s at the usual rate."""
MAX_READINGS = 4
"""After this many a strip is settled as well as it can be."""
MAX_PAUSE = 128
"""A tile without a readable name is tried again after 4, 8, 16 … samples, at most this."""
SURE_READING = 0.9
"""Two readings of this confidence that agree settle a strip."""
KNOWN_READING = 0.8
"""One reading of this confidence does, where the call has shown the same name before."""
MIN_CONFIDENCE = 0.55
"""Of the reader and of the agreement of its readings together; below, there is no label."""
MIN_LETTERS = 2
VAIN_LOOKS = 12
"""After this many looks without a readable name, none between, a call seems to have no labels:
tiles are looked at later, by as many samples as there were such looks, and one strip of them. In a
call of 3 minutes over changing galleries without labels, 113 strips are read instead of 359."""
NO_MORE_DOUBTS = 4
"""A strip whose strokes differ though it reads the same is left alone for 2, 4 … samples, at most
2 to this power."""
STRIPS_TRIED = 2
SCREEN_SAMPLES, SCREEN_SHARE = 2, 0.05
"""An undivided picture that is drawn like a screen in this many samples of a strip, and this share
of them, shows no camera whose name the strip could be."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a strip of a tile shows: its text, "" where none was read, and its shape."""

    text: str = ""
    confidence: float = 0.0
    strip: Strip | None = None
    strokes: U8 | None = None
    shape: str = ""


@dataclass(slots=True)
class _Piece:
    """A span of one view in which a run's strip was seen."""

    view: int
    tile: int
    start: int
    end: int


@dataclass(slots=True)
class _Run:
    """One strip while it stays the same, over the views in which its tile stays in place."""

    pieces: list[_Piece]
    next_reading: int
    readings: list[tuple[str, float]] = field(default_factory=list)
    pause: int = READ_AGAIN_AFTER
    recent: list[U8] = field(default_factory=list)
    """Whiteness of the place where labels are, in the last samples."""
    strip: Strip | None = None
    strokes: U8 | None = None
    is_settled: bool = False
    shape: str = ""
    """Of the last reading's strip; `is_steady` once the reading before saw the same."""
    is_steady: bool = False
    doubts: int = 0
    trusted_until: int = 0
    """Before this sample, other strokes are assumed to be the video behind the letters."""
    screens: int = 0
    """Samples in which the undivided picture was drawn like a screen while this strip stood."""

    has_moved: bool = False
    """Its picture changed meanwhile, or need not: a small tile, or a name without video."""

    @property
    def is_on_screen(self) -> bool:
        """Return whether what the strip stands on was a screen, at least for a while.

        A large picture in which nothing ever moved is one too: a slide with a photograph and a
        name below it.
        """
        if not self.has_moved:
            return True
        length = sum(piece.end - piece.start for piece in self.pieces)
        return self.screens >= max(SCREEN_SAMPLES, SCREEN_SHARE * length)


class LabelFinder:
    """Follows the names on the tiles through one recording; samples come in order of time."""

    def __init__(self, reader: LabelReader) -> None:
        self._reader = reader
        self._view = -1
        self._tiles: F32 = np.zeros((0, 4), np.float32)
        self._runs: list[_Run] = []
        self._done: list[_Run] = []
        self._known: dict[str, tuple[str, float]] = {}
        self._in_vain = 0
        self._picture: U8 | None = None
        self._content: F32 | None = None
        """Where an undivided picture is, without the bars beside it."""

    def update(self, sample: int, view: int, image: U8, layout: Layout) -> None:
        """Look at the next sample.

        Args:
            sample: index into `Observations.t_s`.
            view: index into `Observations.views`; another one than before starts new spans.
            image: RGB.
            layout: of this sample; an undivided picture is one tile, number 0.
        """
        tiles, is_drawn = layout.tiles, False
        self._content = None
        if layout.kind == "single":
            tiles = np.array([[0, 0, image.shape[1], image.shape[0]]], np.float32)
            self._content = content_of(image)
            is_drawn = is_screen(image)
        self._enter(sample, view, tiles)
        before, self._picture = self._picture, layout.picture
        for k, tile in enumerate(self._tiles):
            run = self._runs[k]
            if k < len(layout.cuts) and layout.cuts[k]:
                run.trusted_until = 0
                if not run.is_settled:
                    run = self._next_run(run, sample, k)
            has_video = k >= len(layout.has_video) or bool(layout.has_video[k])
            run = self._runs[k] = self._follow(sample, k, run, image, tile, has_video)
            if not run.has_moved:
                is_large = has_video and is_large_tile(tile, image)
                is_old = run.pieces[0].start < sample
                run.has_moved = not is_large or (is_old and _has_moved(before, layout, tiles, k))
            run.pieces[-1].end = sample + 1
            self._runs[k].screens += is_drawn

    def labels(self) -> tuple[NameLabel, ...]:
        """Return the names read so far, by view, tile and time."""
        found = []
        for run in [*self._done, *self._runs]:
            if run.is_on_screen:
                continue
            text, confidence = _consensus(tuple(run.readings))
            if confidence < MIN_CONFIDENCE or len(folded(text)) < MIN_LETTERS:
                text, confidence = "", 0.0
            shape = run.shape if run.is_steady or run.is_settled else ""
            if text or shape:
                found += [
                    NameLabel(p.start, p.end, p.view, p.tile, text, confidence, shape)
                    for p in run.pieces
                    if p.end > p.start
                ]
        return tuple(sorted(found, key=lambda label: (label.view, label.tile, label.start_sample)))

    def _enter(self, sample: int, view: int, tiles: F32) -> None:
        """Continue with the tiles that stayed in place, and start with the others."""
        is_new = view != self._view
        if (
            not is_new
            and tiles.shape == self._tiles.shape
            and np.abs(tiles - self._tiles).max(initial=0.0) < 1.0
        ):
            return
        before = list(zip(self._tiles, self._runs, strict=True))
        runs: list[_Run] = []
        for k, tile in enumerate(tiles):
            same = next((run for old, run in before if np.abs(old - tile).max() < 1.0), None)
            run = same or self._fresh([], sample)
            if not is_new and run.pieces:
                run.pieces[-1].tile = k  # the same view, judged better
            else:
                run.pieces.append(_Piece(view, k, sample, sample))
            run.trusted_until = 0
            runs.append(run)
        kept = {id(run) for run in runs}
        for run in self._runs:
            if id(run) not in kept:
                run.recent.clear()
                self._done.append(run)
                if not is_new:
                    del run.pieces[-1:]
        self._view, self._tiles, self._runs = view, tiles, runs

    def _next_run(self, run: _Run, sample: int, k: int) -> _Run:
        """End a run before this sample and return the one that follows on its tile."""
        run.pieces[-1].end = sample
        run.recent.clear()
        self._done.append(run)
        return self._fresh([_Piece(self._view, k, sample, sample)], sample)

    def _fresh(self, pieces: list[_Piece], sample: int) -> _Run:
        """Begin a run, to be read at once; later where the call seems to have no labels."""
        wait = min(self._in_vain, MAX_PAUSE) if self._in_vain >= VAIN_LOOKS else 0
        return _Run(pieces, sample + wait)

    def _follow(
        self, sample: int, k: int, run: _Run, image: U8, tile: F32, has_video: bool
    ) -> _Run:
        """Read the tile's strip if due; return its run, a new one where it changed."""
        if not run.is_settled:
            return self._follow_unread(sample, k, run, image, tile, has_video)
        if run.strip is None or run.strokes is None:
            return run
        alike = likeness(run.strokes, strokes_of(image, run.strip), run.strip)
        if alike >= (GONE_LIKENESS if sample < run.trusted_until else SAME_LIKENESS):
            return run
        fresh = _Run([_Piece(self._view, k, sample, sample)], sample)
        self._read(sample, fresh, image, tile, has_video)
        now, then = _consensus(tuple(fresh.readings))[0], _consensus(tuple(run.readings))[0]
        doubts = run.doubts + 1 if _similarity(now, then) > 0.5 else 0
        trusted_until = sample + 2 ** min(doubts, NO_MORE_DOUBTS)
        if folded(now) and folded(now) == folded(then):
            run.strip, run.strokes = fresh.strip, fresh.strokes
            run.doubts, run.trusted_until = doubts, trusted_until
            return run
        run.pieces[-1].end = sample
        self._done.append(run)
        fresh.doubts, fresh.trusted_until = doubts, trusted_until
        return fresh

    def _follow_unread(
        self, sample: int, k: int, run: _Run, image: U8, tile: F32, has_video: bool
    ) -> _Run:
        """Read again if due, or where letters that the reader does not know changed."""
        is_shape = run.is_steady and _consensus(tuple(run.readings))[1] < MIN_CONFIDENCE
        if sample <= run.next_reading - STEADY_SAMPLES:
            if not is_shape or run.strip is None or run.strokes is None:
                return run
            alike = likeness(run.strokes, strokes_of(image, run.strip), run.strip)
            if alike >= GONE_LIKENESS:
                return run
            run.next_reading = sample + STEADY_SAMPLES - 1
        seen = self._look(sample, run, image, tile, has_video)
        if seen is None:
            return run
        if is_shape and not is_same_shape(run.shape, seen.shape):
            run = self._next_run(run, sample, k)
        self._note(sample, run, seen)
        return run

    def _read(self, sample: int, run: _Run, image: U8, tile: F32, has_video: bool) -> None:
        """Add what the tile shows to a run that began with this sample."""
        seen = self._look(sample, run, image, tile, has_video)
        if seen is not None:
            self._note(sample, run, seen)

    def _look(self, sample: int, run: _Run, image: U8, tile: F32, has_video: bool) -> _Seen | None:
        """Look where the tile's name may be; read if a reading is due, else return None."""
        places = places_of(tile, image, has_video)
        if not places:
            return None
        label = places[0]
        run.recent = run.recent[1 - STEADY_SAMPLES :]
        run.recent.append(whiteness(image, label.x0, label.y0, label.x1, label.y1))
        if sample < run.next_reading:
            return None
        best = _Seen()
        corners = tile[None] if self._content is None else np.stack([tile, self._content])
        strips = 1 if self._in_vain >= VAIN_LOOKS else STRIPS_TRIED
        for place in places:
            white = steady_whiteness(run.recent)
            if place is not label:
                white = whiteness(image, place.x0, place.y0, place.x1, place.y1)
            found = find_strips(white, place)
            if place is label:
                found = [
                    strip
                    for strip in found
                    if is_in_corner(strip, corners) and may_have_box(image, tile, strip)
                ]
            for strip in found[:strips]:
                [(text, confidence)] = self._reader.read([strip_picture(white, place, strip)])
                if len(folded(text)) < MIN_LETTERS:
                    text, confidence = "", 0.0
                if confidence > best.confidence or best.strip is None:
                    shape = shape_of(white, place, strip)
                    best = _Seen(text, confidence, strip, strokes_of(image, strip), shape)
                if best.confidence >= KNOWN_READING:
                    return best
        return best

    def _note(self, sample: int, run: _Run, seen: _Seen) -> None:
        """Add a reading to the run and say when the next is due."""
        text, confidence = best = seen.text, seen.confidence
        run.is_steady = is_same_shape(run.shape, seen.shape)
        run.shape = seen.shape
        if text or not run.readings:
            run.strip, run.strokes = seen.strip, seen.strokes
        if confidence >= KNOWN_READING:
            self._in_vain = 0
        elif not run.is_steady:
            self._in_vain += 1
        known = self._known.get(folded(text))
        if text:
            run.readings.append(best)
            run.is_settled = any(
                folded(text) == folded(other) and min(confidence, sure) >= SURE_READING
                for other, sure in run.readings[:-1]
            )
        if known is not None and confidence >= KNOWN_READING:
            run.readings.append(known)
            run.is_settled = True
        if not run.is_settled and len(run.readings) >= MAX_READINGS:
            if _consensus(tuple(run.readings))[1] >= MIN_CONFIDENCE:
                run.is_settled = True
            else:
                del run.readings[0]
        if run.is_settled:
            run.recent.clear()
            self._known.setdefault(folded(text), best)
        elif not text or len(run.readings) >= MAX_READINGS - 1:
            run.pause = min(max(2 * run.pause, self._in_vain), MAX_PAUSE)
        run.next_reading = sample + run.pause


def _has_moved(before: U8 | None, layout: Layout, tiles: F32, k: int) -> bool:
    """Return whether a tile changed since the sample before, but for what lies over it."""
    now = layout.picture
    if now is None:
        return True  # not known
    if before is None or before.shape != now.shape:
        return False
    moved = cv2.absdiff(before, now) > MOVED_LEVELS
    places = np.round(tiles * (now.shape[1] / max(1, layout.width_px))).astype(int).clip(0)
    sizes = (places[:, 2:] - places[:, :2]).prod(axis=1)
    for x0, y0, x1, y1 in places[sizes < sizes[k]].tolist():
        moved[y0:y1, x0:x1] = False
    x0, y0, x1, y1 = places[k].tolist()
    part = moved[y0:y1, x0:x1]
    return bool(part.size) and float(part.mean()) > CAMERA_SHARE


def _similarity(a: str, b: str) -> float:
    """Return how much of two texts is the same, 0–1."""
    return fuzz.ratio(folded(a), folded(b)) / 100


@functools.lru_cache(maxsize=256)
def _consensus(readings: tuple[tuple[str, float], ...]) -> tuple[str, float]:
    """Return the reading that the others are most like, and how sure all of them make it.

    The confidence is the reader's own, times the share of all readings (by confidence) that say
    the same, letter for letter or in part; a text that was read once counts 0.8.
    """
    best, most = ("", 0.0), 0.0
    total = sum(confidence for _, confidence in readings)
    for text, confidence in readings:
        support = sum(sure * _similarity(text, other) for other, sure in readings)
        if support * confidence > most:
            most = support * confidence
            best = (text, confidence * support / total * (0.8 if len(readings) == 1 else 1.0))
    return best
