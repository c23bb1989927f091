"""Where a course changes, by how much, when exactly and for how long (docs/scoring.md, 9)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.schema.arrays import F64, Bools
from inference.scoring.score import running_sums

I64 = NDArray[np.int64]

SEEN_SHARE = 0.6
"""Share of a window in which the face must have been seen."""

LEAST_S = 5.0
"""Seconds of it that must have been seen on either side. Where people take quick turns a window
holds little listening; the noise limit grows as it gets shorter."""

REACH = 3.0
"""A window of listening (or speaking) time may reach three times its length by the clock: past the
person's own sentences, and not into another part of the call."""

NOISE_ERRORS = 5.0
"""A change must be five standard errors of white noise as strong as the series' own jumps from
sample to sample: 3 h of 40 people hold some 40 000 independent looks, one of which passes 4."""

BLOCK_S = 5.0
BLOCK_ERRORS = 5.0
"""And five errors by the usual (median) change from the mean of 5 s to that of the next 5 s, which
noise that lasts longer than a sample does not pass either (benchmarks/moments.py)."""

APART_S = 30.0
"""Changes of one kind and person are at least a moment's length apart."""

SPLIT_S = 6.0
"""The change lies where the means of the 6 s before and the 6 s after it differ most. Shorter ones
follow single samples, longer ones a second change close by."""

SEARCH_S = 10.0
"""How far from the largest difference of the windows the change is looked for: the length of the
shorter one."""

TURNED_BACK_S = 5.0
"""A change is over when the mean of 5 s is back beyond the middle between before and after."""

EDGE_S, ON_ITS_WAY = 1.0, 0.1
"""Where a change lies in time that cannot be compared: it is still on its way at the end of that if
the first second after it lacks more than a tenth of the step."""

UNSEEN_S = 30.0
"""A state that nobody saw for longer is not said to have lasted."""


@dataclass(frozen=True, slots=True)
class Levels:
    """The level before and from each sample on, and what a change must exceed. All (n,)."""

    before: F64  # NaN where too little was seen
    after: F64
    limit: F64

    @property
    def step(self) -> F64:
        """The change at each sample; 0 where one of the levels is unknown."""
        step: F64 = np.nan_to_num(self.after - self.before)
        return step


@dataclass(frozen=True, slots=True)
class Track:
    """The samples of a course that may be compared: a person's listening, or their speaking.

    Windows are counted in these samples, so that they close up over what lies between.
    """

    t_s: F64  # (n,)
    values: F64  # (n,); NaN where the face was not seen
    interval_s: float

    @staticmethod
    def of(t_s: F64, values: F64, counted: Bools, interval_s: float) -> Track:
        """Return the samples of a course (T,) in which `counted` (T,) is set."""
        return Track(t_s[counted], values[counted], interval_s)

    def windows(self, before_s: float, after_s: float) -> tuple[I64, I64]:
        """Return where the windows before and after each sample start and end, (n,) each."""
        here = np.arange(len(self.t_s))
        start = np.searchsorted(self.t_s, self.t_s - REACH * before_s - 1e-6)
        end = np.searchsorted(self.t_s, self.t_s + REACH * after_s - 1e-6)
        return (
            np.maximum(start, here - self._samples(before_s)),
            np.minimum(end, here + self._samples(after_s)),
        )

    def levels(self, before_s: float, after_s: float) -> Levels:
        """Return the means over the windows before each sample and from it on."""
        before, after, seen_before_s, seen_after_s = self._means(before_s, after_s)
        errors = np.sqrt(1 / seen_before_s + 1 / seen_after_s)
        return Levels(before, after, self._noise() * errors)

    def _means(self, before_s: float, after_s: float) -> tuple[F64, F64, F64, F64]:
        """Return the means before and from each sample on, and the seconds seen of both."""
        start, end = self.windows(before_s, after_s)
        here = np.arange(len(self.t_s))
        total, count = running_sums(self.values)

        def mean(first: I64, last: I64, span_s: float) -> tuple[F64, F64]:
            seen = count[last] - count[first]
            seen_s = seen * self.interval_s
            enough = seen >= SEEN_SHARE * (last - first) - 1e-9
            enough &= seen_s >= min(SEEN_SHARE * span_s, LEAST_S) - 1e-9
            level = np.where(enough, (total[last] - total[first]) / np.maximum(seen, 1), np.nan)
            return level, np.maximum(seen_s, self.interval_s)

        before, seen_before_s = mean(start, here, before_s)
        after, seen_after_s = mean(here, end, after_s)
        return before, after, seen_before_s, seen_after_s

    def _noise(self) -> float:
        """Return the change between two means of a second each that stands out from noise.

        Infinite where no two neighbouring samples were seen.
        """
        jumps = np.diff(self.values)[np.diff(self.t_s) <= 1.5 * self.interval_s]
        jumps = jumps[~np.isnan(jumps)]
        if not len(jumps):
            return math.inf
        white = math.sqrt(float(np.mean(jumps**2)) / 2 * self.interval_s)
        before, after, *_ = self._means(BLOCK_S, BLOCK_S)
        usual = np.abs(after - before)[~np.isnan(after - before)]
        # 0.6745: the median of |x| of a standard normal variable.
        slow = float(np.median(usual)) / 0.6745 * math.sqrt(BLOCK_S / 2) if len(usual) else 0.0
        return max(NOISE_ERRORS * white, BLOCK_ERRORS * slow)

    def peaks(self, size: F64, limit: F64) -> list[int]:
        """Return the largest samples above their limits, none close to a larger one."""
        candidates = np.flatnonzero((size > 0) & (size >= limit))
        chosen: list[int] = []
        while len(candidates):
            best = int(candidates[np.argmax(size[candidates])])
            chosen.append(best)
            candidates = candidates[np.abs(self.t_s[candidates] - self.t_s[best]) >= APART_S]
        return chosen

    def split(self, peak: int, sign: float) -> int:
        """Return the first sample of the new level: the best step up (sign 1) or down (-1)."""
        first = max(peak - self._samples(SEARCH_S), 0)
        last = min(peak + self._samples(SEARCH_S), len(self.t_s) - 1)
        total, count = running_sums(self.values)
        here = np.arange(first, last + 1)
        here = here[~np.isnan(self.values[here])]
        width = self._samples(SPLIT_S)
        start, end = np.maximum(here - width, 0), np.minimum(here + width, len(self.t_s))
        seen_before, seen_after = count[here] - count[start], count[end] - count[here]
        before = (total[here] - total[start]) / np.maximum(seen_before, 1)
        after = (total[end] - total[here]) / np.maximum(seen_after, 1)
        # The step that takes most from the sum of squares, as far as both sides were seen.
        weight = seen_before * seen_after / np.maximum(seen_before + seen_after, 1)
        gain = np.sqrt(weight) * sign * (after - before)
        return int(here[np.argmax(gain)]) if len(here) else peak

    def change_s(self, split: int) -> float:
        """Return when the change was: halfway from the last sample seen before it to the first.

        If the person spoke (or listened) in between, it was at that end at which the values are
        still (or already) on their way; at the first if at neither, because a face changes at what
        it hears, before it answers.
        """
        known = np.flatnonzero(~np.isnan(self.values))
        was, is_now = known[known < split], known[known >= split]
        if not len(was) or not len(is_now):
            return float(self.t_s[min(split, len(self.t_s) - 1)])
        last_s, first_s = float(self.t_s[was[-1]]), float(self.t_s[is_now[0]])
        apart_s = first_s - last_s
        uncounted_s = apart_s - (int(is_now[0]) - int(was[-1])) * self.interval_s
        if uncounted_s <= self.interval_s:
            return last_s + apart_s / 2
        edge, level = max(self._samples(EDGE_S), 1), self._samples(SPLIT_S)
        before, after = self.values[was[-level:]].mean(), self.values[is_now[:level]].mean()
        step = after - before
        begun = (self.values[was[-edge:]].mean() - before) / step if step else 0.0
        undone = (after - self.values[is_now[:edge]].mean()) / step if step else 0.0
        half_s = self.interval_s / 2
        return first_s - half_s if undone > max(begun, ON_ITS_WAY) else last_s + half_s

    def lasted_s(self, split: int, change_s: float, before: float, after: float) -> float:
        """Return for how long the new level held, as far as it was seen."""
        total, count = running_sums(self.values)
        middle = (before + after) / 2
        seen = split + np.flatnonzero(~np.isnan(self.values[split:]))
        gaps = np.flatnonzero(np.diff(self.t_s[seen]) > UNSEEN_S)
        if len(gaps):
            seen = seen[: gaps[0] + 1]
        end = np.minimum(seen + self._samples(TURNED_BACK_S), len(self.t_s))
        mean = (total[end] - total[seen]) / np.maximum(count[end] - count[seen], 1)
        # The last samples have too few after them to say that it turned back.
        is_back = (mean < middle) if after > before else (mean > middle)
        is_back &= (count[end] - count[seen]) * self.interval_s >= SEEN_SHARE * TURNED_BACK_S
        back = np.flatnonzero(is_back)
        if len(back):
            near = min(int(seen[back[0]]) + self._samples(TURNED_BACK_S / 2), len(self.t_s) - 1)
            back_at = self.split(near, -1.0 if after > before else 1.0)
            return max(self.change_s(back_at) - change_s, 0.0)
        last_s = float(self.t_s[seen[-1]]) if len(seen) else change_s
        return max(last_s + self.interval_s - change_s, 0.0)

    def _samples(self, span_s: float) -> int:
        return round(span_s / self.interval_s)
