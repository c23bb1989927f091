"""The shape of a label, matched to the names of the roster by drawing them.

Each name is drawn with open fonts and laid over the shape: rows by their profile, columns by
dynamic time warping, as the label's font is another than ours. A name is believed where it fits
well altogether, in every part about as wide as a letter, and clearly better than every other.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from inference.name_labels.glyphs import LETTER_ROWS, ROWS, drawn_at, levels_of, trimmed
from inference.schema.arrays import F32, F64, U8

DrawName = Callable[[str], Sequence[U8]]
"""Draws a name, once with each font that has its letters: grey levels, white on black, letters of
about 48 px; nothing where no font has them or they could not be joined as the script needs."""

SCRIPTS = ("CYRILLIC", "GREEK", "ARABIC", "HEBREW", "GEORGIAN", "ARMENIAN", "THAI")
"""Scripts in which names are given by their shape. Measured on drawn labels of 10 to 24 px at 0.05
bits per pixel, in other fonts or weights than the matcher's (docs/attribution.md). Not among them:
Hangul, in which two names of three signs are too much alike, and Devanagari, whose headline makes
all names alike."""
WHOLE_OFF, PART_OFF = 0.14, 0.20
"""A name and nobody are equally likely where the strokes differ by this share altogether, or in the
worst part as wide as a letter. Of the same name in other fonts 0.03–0.09 and 0.04–0.17."""
STEEPNESS = 8.0
"""Log likelihood ratio of a name that fits perfectly against nobody."""
PER_LETTER = 20.0
"""Log likelihood ratio between two names that differ by as much as a whole letter's strokes."""
STRETCH_COST = 0.15
"""Of a column counted twice or left out, against the strokes of a usual column."""
BEFORE_COST = 0.02
"""Something precedes the name: the sign of a microphone, at most SIGN_COLUMNS wide."""
SIGN_COLUMNS = 28
LEAST_COLUMNS = 45
"""Narrower shapes hold too few letters, about four."""
WIDER, ALIKE_ROWS = 1.25, 0.75
"""A font is at most this much wider or narrower; its rows are filled at least this much alike."""
PLACEMENTS, NAMES_WARPED = 3, 8
"""This many heights of each name are tried, and this many names at least roughly alike."""
PART_COLUMNS = 13
_SCALES = np.geomspace(0.6, 1.6, 18)
_SHIFTS = np.arange(-5.0, 5.5, 0.5)


def has_shape_script(name: str) -> bool:
    """Return whether a name has a letter of a script in which names are given by their shape."""
    return any(unicodedata.name(sign, "").startswith(SCRIPTS) for sign in name)


def match_shape(shape: str, names: Sequence[str], draw_name: DrawName) -> F64:
    """Return for each name the probability that the shape shows it; last, that it shows none.

    Names of other scripts are drawn and compared too, but what they win goes to "none": the reader
    reads them better.

    Args:
        shape: as of `shape_of`.
        names: display names; equal ones share their probability. May be empty.

    Returns:
        Shape (len(names) + 1,), sums to 1.
    """
    result = np.zeros(len(names) + 1)
    result[-1] = 1.0
    seen = trimmed(levels_of(shape))
    if seen.shape[1] < LEAST_COLUMNS or not any(map(has_shape_script, names)):
        return result
    fits = _fits(seen, sorted(set(names)), draw_name)
    if not fits:
        return result
    best = min(fits, key=lambda name: fits[name].letters)
    off = max(fits[best].whole / WHOLE_OFF, fits[best].part / PART_OFF)
    weights = {
        name: np.exp(-PER_LETTER * (fit.letters - fits[best].letters)) for name, fit in fits.items()
    }
    scale = np.exp(STEEPNESS * (1.0 - off)) / sum(weights.values())
    for k, name in enumerate(names):
        if name in weights and has_shape_script(name):
            result[k] = scale * weights[name] / names.count(name)
    result[-1] += scale * sum(w for name, w in weights.items() if not has_shape_script(name))
    probabilities: F64 = result / result.sum()
    return probabilities


@dataclass(frozen=True, slots=True)
class _Fit:
    """How far a name is from a shape: altogether and in the worst part (0: not at all), and as
    strokes of how many letters."""

    whole: float
    part: float
    letters: float


@dataclass(frozen=True, slots=True)
class _Drawing:
    """A drawn name (0–1), and for every placement tried its rows' profile (n, ROWS), the middle and
    height of its letters and the width it would have (n, 3)."""

    grey: F32
    profiles: F64
    placements: F64


def _fits(seen: F32, names: Sequence[str], draw_name: DrawName) -> dict[str, _Fit]:
    """Compare a shape with each name, from each column where the name may begin."""
    fits: dict[str, _Fit] = {}
    for start in _starts(seen):
        rest = trimmed(seen[:, start:])
        if rest.shape[1] < LEAST_COLUMNS:
            continue
        shown = _blurred(rest)
        energy = float((shown * shown).sum()) / shown.shape[1]
        rivals: list[tuple[float, str, list[F32]]] = []
        for name in names:
            placed = [
                _as_strong(drawn, energy)
                for drawn in _placed(_drawings(name, draw_name), shown, rest.shape[1])
            ]
            if placed:
                rough = min(float(((drawn - shown) ** 2).sum()) for drawn in placed)
                rivals.append((rough, name, placed))
        pairs = [
            (name, drawn) for _, name, placed in sorted(rivals, key=lambda r: r[:2])[:NAMES_WARPED]
            for drawn in placed
        ]  # fmt: skip
        if not pairs:
            continue
        totals, columns = _warp(shown, [drawn for _, drawn in pairs], STRETCH_COST * energy)
        parts = _worst_part(columns, (shown * shown).sum(axis=0), energy)
        for (name, drawn), total, part in zip(pairs, totals, parts, strict=True):
            both = energy * shown.shape[1] + float((drawn * drawn).sum())
            extra = BEFORE_COST if start else 0.0
            letters = float(total) / (2.0 * energy * LETTER_ROWS)
            fit = _Fit(float(total) / both + extra, float(part), letters)
            if name not in fits or fit.whole < fits[name].whole:
                fits[name] = fit
    return fits


def _starts(seen: F32) -> list[int]:
    """Columns where the name may begin: the first, and after a gap behind a sign."""
    ink = np.asarray((seen > 0.3).any(axis=0))
    last = min(len(ink) - 8, SIGN_COLUMNS)
    return [0] + [x - 1 for x in range(4, last) if ink[x] and not ink[x - 2 : x].any()]


@functools.lru_cache(maxsize=512)
def _drawings(name: str, draw_name: DrawName) -> tuple[_Drawing, ...]:
    found = []
    for picture in draw_name(name):
        grey = trimmed(picture.astype(np.float32) / 255.0)
        rows = (grey > 0.5).sum(axis=1)
        dense = np.flatnonzero(rows >= 0.25 * rows.max(initial=1))
        if not len(dense):
            continue
        high = int(dense[-1] + 1 - dense[0])
        grey = np.pad(grey, ((2 * high, 2 * high), (0, 0)))
        sums = np.concatenate([[0.0], np.cumsum(grey.sum(axis=1))])
        center = 0.5 * float(dense[0] + dense[-1] + 1) + 2 * high
        profiles, placements = [], []
        for scale in _SCALES:
            letters = high / scale
            for shift in _SHIFTS:
                middle = center + shift * letters / LETTER_ROWS
                edges = middle + (np.arange(ROWS + 1) - ROWS / 2) * letters / LETTER_ROWS
                filled = np.diff(np.interp(edges, np.arange(len(sums)), sums))
                filled = np.convolve(filled, [0.25, 0.5, 0.25], "same")
                profiles.append(filled / (np.linalg.norm(filled) + 1e-6))
                placements.append((middle, letters, grey.shape[1] * LETTER_ROWS / letters))
        found.append(_Drawing(grey, np.array(profiles), np.array(placements)))
    return tuple(found)


def _placed(drawings: Sequence[_Drawing], shown: F32, columns: int) -> list[F32]:
    """Draw a name as wide as what is shown, in the heights in which its rows fit best."""
    rows = shown.sum(axis=1)
    rows = rows / (np.linalg.norm(rows) + 1e-6)
    ranked: list[tuple[float, _Drawing, int]] = []
    for drawing in drawings:
        wider = drawing.placements[:, 2] / columns
        alike = drawing.profiles @ rows - 0.15 * np.log(wider) ** 2
        alike[(wider > WIDER) | (wider < 1 / WIDER) | (drawing.placements[:, 2] < 4)] = -1.0
        best = np.argsort(-alike, kind="stable")[:PLACEMENTS]
        ranked += [(float(alike[k]), drawing, int(k)) for k in best if alike[k] > ALIKE_ROWS]
    ranked.sort(key=lambda item: -item[0])
    placed = []
    for _, drawing, k in ranked[:PLACEMENTS]:
        middle, letters, _ = drawing.placements[k].tolist()
        placed.append(_blurred(drawn_at(drawing.grey, middle, letters, columns)))
    return placed


def _as_strong(drawn: F32, energy: float) -> F32:
    """Bring another weight of the font to strokes as strong as those shown."""
    own = float((drawn * drawn).sum()) / drawn.shape[1]
    return np.asarray(drawn * np.clip(np.sqrt(energy / max(own, 1e-6)), 0.7, 1.4), np.float32)


def _blurred(picture: F32) -> F32:
    wide = np.pad(picture, ((0, 0), (2, 2)))
    return np.asarray(cv2.GaussianBlur(wide, (0, 0), 0.9), np.float32)


def _warp(shown: F32, drawn: Sequence[F32], stretch: float) -> tuple[F64, F64]:
    """Lay pictures over the shown one, all (ROWS, m), columns at most doubled or left out.

    Returns:
        What differs in total (B,), and by column of what is shown (B, m).
    """
    names, m = np.stack(drawn), shown.shape[1]
    count = len(names)
    cost = (names * names).sum(axis=1)[:, :, None] + (shown * shown).sum(axis=0)[None, None, :]
    cost = np.maximum(cost - 2.0 * np.einsum("brn,rm->bnm", names, shown, optimize=True), 0.0)
    least = np.full((m + 1, count, m + 2), 1e9, np.float32)
    least[0, :, 1] = 0.0
    steps = np.zeros((m, count, m), np.int8)
    for j in range(m):
        best = least[j, :, 1 : m + 1].copy()
        doubled = least[j, :, :m] + stretch
        doubled[:, 1:] += 0.5 * cost[:, j, :-1]
        doubled[:, 0] = 1e9
        steps[j][doubled < best] = 1
        best = np.minimum(best, doubled)
        if j:
            left_out = least[j - 1, :, 1 : m + 1] + 0.5 * cost[:, j - 1] + stretch
            steps[j][left_out < best] = 2
            best = np.minimum(best, left_out)
        least[j + 1, :, 2:] = best + cost[:, j]
    columns = np.zeros((count, m))
    for b in range(count):
        i = j = m - 1
        while i >= 0 and j >= 0:
            step = steps[j, b, i]
            columns[b, i] += cost[b, j, i] + (stretch if step else 0.0)
            if step == 1 and i > 0:
                columns[b, i - 1] += 0.5 * cost[b, j, i - 1]
            elif step == 2:
                columns[b, i] += 0.5 * cost[b, j - 1, i]
            i, j = i - (2 if step == 1 else 1), j - (2 if step == 2 else 1)
    return least[m, :, m + 1].astype(np.float64), columns


def _worst_part(columns: F64, strokes: F32, energy: float) -> F64:
    """Return the largest share of strokes that differ in any part of PART_COLUMNS, (B,)."""
    wide = min(PART_COLUMNS, columns.shape[1])
    part = np.ones(wide)
    usual = np.maximum(2.0 * np.convolve(strokes, part, "valid"), 1.2 * energy * wide)
    return np.array([(np.convolve(row, part, "valid") / usual).max() for row in columns])
