"""Profile pictures that fill their tiles, told from cameras by how long they keep still.

No camera keeps as still as a picture: noise and breath change it. What froze with the connection
does, and counts as a picture too after a while, until it moves.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from inference.schema.arrays import F32, I32, U8, Bools

PICTURE_PAIR_S = 1.0
PICTURE_PAIRS, PICTURE_STILL_PAIRS = 20, 17
"""A picture that fills its tile is a profile picture, no camera, once it kept still in so many of
the last pairs of samples, a second apart, in which anything moved elsewhere. Measured at 2 samples
a second after H.264, 9 to 49 tiles, 360p to 1080p: still pictures keep still in 90 % at least,
since key frames alter them; cameras (six clips, calm stretches of them repeated) in 57 % at most.
A connection that freezes for 15 s stays a camera."""
PICTURE_MOVED_LEVELS = 3
PICTURE_STILL_SHARE = 0.004
"""It keeps still where no more of it changes by more than these levels."""
VIEW_STILL_SHARE = 0.75
"""A view showed one still picture in a place that kept still in this share of its pairs; where a
recording begins, the encoder sharpens pictures for some seconds."""
ALONE_PAIRS, ALONE_STILL_PAIRS = 60, 58
"""Where nothing moves anywhere, the recording may be frozen: only after a minute of this are still
pictures no cameras."""
PICTURE_AGAIN_LEVELS = 6
PICTURE_AGAIN_SHARE = 0.01
"""What differs no more from the profile picture shown in this place is that picture: something had
passed over it. A camera that froze is known to have moved before."""
INNER_RIM_SHARE = 0.1
INNER_LABEL_SHARES = (0.7, 0.75)
"""A tile's frame and the label in its lower left corner change without a camera: left out are this
much of its height at each side, and what lies left of and below these shares of its size."""
MOVES_PAIRS = 2
"""So many samples in a row differ from the ones before where a still picture is a camera again."""
MOVED_LEVELS, MOVED_SHARE = 4, 0.01
"""More than this share of it changes by more than these levels where a camera moves."""


class StillPictures:
    """Which tiles show a still picture; tiles keep their index from one sample to the next."""

    def __init__(self, samples_per_s: float) -> None:
        self._step = max(1, round(PICTURE_PAIR_S * samples_per_s))
        self._samples = 0
        self._before: U8 | None = None  # a pair's first picture
        self._last: U8 | None = None
        self._still: Bools = np.zeros((0, ALONE_PAIRS), np.bool_)  # newest first
        self._lively: Bools = np.zeros((0, PICTURE_PAIRS), np.bool_)
        self._known = np.zeros((0, 2), np.int32)  # how much of both is filled
        self._in_view = np.zeros((0, 2), np.int32)  # pairs, and those of them that kept still
        self._in_place = np.zeros((0, 2), np.int32)  # the same since the last cut
        self._moves = np.zeros(0, np.int32)
        self._is_picture: Bools = np.zeros(0, np.bool_)
        self._shown: list[U8 | None] = []

    def keep(self, old: Sequence[int | None]) -> None:
        """Take tiles in a new order: the index that each had before, None for a new one."""
        at = np.array([-1 if k is None else k for k in old], int)
        known = at >= 0
        for name in (
            "_still",
            "_lively",
            "_known",
            "_in_view",
            "_in_place",
            "_moves",
            "_is_picture",
        ):
            was = getattr(self, name)
            now = np.zeros((len(at), *was.shape[1:]), was.dtype)
            now[known] = was[at[known]]
            setattr(self, name, now)
        self._shown = [None if k is None else self._shown[k] for k in old]

    def forget(self, k: int) -> None:
        """Forget a tile that shows something new."""
        for values in (self._still, self._lively, self._known, self._in_view, self._in_place):
            values[k] = 0
        self._shown[k] = None
        self._moves[k] = 0
        self._is_picture[k] = False

    def start_view(self) -> None:
        """Count anew how still tiles keep in a view."""
        self._in_view[:] = 0

    def were_still(self) -> Bools:
        """Return which tiles have shown one still picture since the view started."""
        return self._is_picture & _mostly_still(self._in_view)

    def update(self, tiles: F32, small: U8) -> Bools:
        """Return for each of (n, 4) tiles of a small RGB picture whether it is a still picture."""
        inner = _inner(tiles)
        if self._before is None or self._before.shape != small.shape:
            self._before, self._samples = small, 0
        elif self._samples >= self._step:
            self._pair(inner, self._before, small)
            self._before, self._samples = small, 0
        self._samples += 1
        if self._last is not None and self._last.shape == small.shape:
            self._return(inner, self._last, small)
        self._last = small
        return self._is_picture.copy()

    def _pair(self, inner: F32, before: U8, small: U8) -> None:
        sums = _moved_sums(before, small, PICTURE_MOVED_LEVELS)
        shares = _shares(sums, inner)
        still = shares <= PICTURE_STILL_SHARE
        self._still = _pushed(self._still, still)
        self._known[:, 0] += 1
        for counts in (self._in_view, self._in_place):
            counts[:, 0] += 1
            counts[:, 1] += still
        if float(sums[-1, -1]) > PICTURE_STILL_SHARE * small.shape[0] * small.shape[1]:
            self._lively = _pushed(self._lively, still)
            self._known[:, 1] += 1
        seen = self._known >= (ALONE_PAIRS, PICTURE_PAIRS)
        is_still = seen[:, 1] & (self._lively.sum(axis=1) >= PICTURE_STILL_PAIRS)
        is_still |= seen[:, 0] & (self._still.sum(axis=1) >= ALONE_STILL_PAIRS)
        for k in np.flatnonzero(is_still & still & ~self._is_picture).tolist():
            self._is_picture[k] = True
            if _mostly_still(self._in_place)[k]:
                self._shown[k] = _part(small, inner[k]).copy()

    def _return(self, inner: F32, last: U8, small: U8) -> None:
        """Note which pictures move, so that they are cameras, and which are back."""
        if self._is_picture.any():
            for k in np.flatnonzero(self._is_picture).tolist():
                moved = _differs(_part(last, inner[k]), _part(small, inner[k]), MOVED_LEVELS)
                self._moves[k] = self._moves[k] + 1 if moved > MOVED_SHARE else 0
                if self._moves[k] >= MOVES_PAIRS:
                    self._is_picture[k] = False
                    self._lively[k] = self._still[k] = False
                    self._known[k] = self._moves[k] = 0
        for k, shown in enumerate(self._shown):
            if shown is not None and not self._is_picture[k] and self._known[k, 0]:
                part = _part(small, inner[k])
                if part.shape == shown.shape:
                    away = _differs(shown, part, PICTURE_AGAIN_LEVELS)
                    self._is_picture[k] = away <= PICTURE_AGAIN_SHARE


def _mostly_still(counts: I32) -> Bools:
    """Return where, of the pairs (n, 0), so many (n, 1) kept still that one picture was shown."""
    return np.asarray(counts[:, 1] >= VIEW_STILL_SHARE * counts[:, 0], np.bool_)


def _inner(tiles: F32) -> F32:
    """Return tiles (n, 4) without the frame of who speaks."""
    rim = INNER_RIM_SHARE * (tiles[:, 3] - tiles[:, 1])
    inner: F32 = tiles + np.stack([rim, rim, -rim, -rim], axis=1)
    return inner


def _label(inner: F32) -> F32:
    """Return the part of each of (n, 4) tiles that may have a label on it."""
    label = inner.copy()
    label[:, 2] = inner[:, 0] + INNER_LABEL_SHARES[0] * (inner[:, 2] - inner[:, 0])
    label[:, 1] = inner[:, 1] + INNER_LABEL_SHARES[1] * (inner[:, 3] - inner[:, 1])
    return label


def _moved_sums(before: U8, after: U8, levels: int) -> F32:
    moved = cv2.absdiff(before, after) > levels
    flags = moved.view(np.uint8)
    return np.asarray(cv2.integral(flags[:, :, 0] | flags[:, :, 1] | flags[:, :, 2]))


def _shares(sums: F32, inner: F32) -> F32:
    """Return the share of each of (n, 4) tiles that moved, its label left out."""
    counts = np.zeros((2, len(inner)), np.float32)
    for boxes, sign in ((inner, 1), (_label(inner), -1)):
        edges = np.round(boxes).astype(int)
        x0, y0, x1, y1 = np.clip(edges, 0, [*sums.shape[::-1]] * 2).T
        x0, x1 = np.minimum(x0, sums.shape[1] - 1), np.minimum(x1, sums.shape[1] - 1)
        y0, y1 = np.minimum(y0, sums.shape[0] - 1), np.minimum(y1, sums.shape[0] - 1)
        counts[0] += sign * (sums[y1, x1] - sums[y0, x1] - sums[y1, x0] + sums[y0, x0])
        counts[1] += sign * (x1 - x0) * (y1 - y0)
    return np.asarray(counts[0] / np.maximum(counts[1], 1), np.float32)


def _part(small: U8, box: F32) -> U8:
    x0, y0, x1, y1 = (max(0, round(edge)) for edge in box.tolist())
    return small[y0:y1, x0:x1]


def _differs(a: U8, b: U8, levels: int) -> float:
    """Return the share of two pictures of one tile that differs by more, its label left out."""
    moved = (cv2.absdiff(a, b) > levels).any(axis=2) if a.size else np.zeros((1, 1), np.bool_)
    across, down = (
        round(s * n) for s, n in zip(INNER_LABEL_SHARES, moved.shape[::-1], strict=True)
    )
    moved[down:, :across] = False
    return float(moved.mean())


def _pushed(pairs: Bools, newest: Bools) -> Bools:
    return np.concatenate([newest[:, None], pairs[:, :-1]], axis=1)
