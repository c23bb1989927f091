"""How well faces and speakers go together: moving mouths and switching views against turns.

Nothing here trusts the turns: they are compared with the pictures as they are, and then again
shifted along the recording by many amounts over `GUARD_S`. Shifted turns have the same lengths and
order but nothing to do with the pictures, so they show what chance yields in this very call. Turns
of another meeting look like the shifted ones, and name nobody. (docs/attribution.md)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from inference.schema.arrays import F32, F64
from inference.schema.meeting import SpeakerTurn

GUARD_S = 8.0
"""Shifts up to this are not chance: turns last about as long."""
MIN_SHIFTS = 30
"""With fewer shifts to compare with (about 35 s of call) nothing is claimed."""
MAX_SHIFTS = 120
"""From twice as many on, only every second, third … is taken."""
MIN_SAMPLES = 30
MIN_SPEECH_S = 6.0
"""A group is compared with a speaker who was heard for this long while its mouth was seen, and was
silent for as long."""
STILL_LOG, STILL_SPREAD = float(np.log(0.008)), 0.6
CONTRAST_LOG, TALKING_SPREAD = float(np.log(6.0)), 0.6
"""Logarithm of how restless a silent mouth is, how much more it is in talking, and how far each
goes: the standard deviation of the opening over 1.5 s is 0.001 to 0.02 in people silent, and 3 to
30 times as much in the same people talking."""
FIT_WEIGHT = 10
"""These numbers count as this many samples."""
RESTLESS_FLOOR = 0.008
"""A mouth that keeps still is as restless as this by the noise of its landmarks alone: two fits to
one face differ by 0.011 in the median. It is added to what was measured, as noise is, because an
unchanged face is not fitted again (faces/follower.py) and has none: beside it, one still mouth
that was fitted again would look like talking."""
LEAST_CONTRAST = float(np.log(2.0))
"""A talking mouth is at least this many times as restless as the same mouth silent."""
MOUTH_HITS = (0.55, 0.7, 0.85)
"""How often a mouth moves while its owner is said to speak; the rest are pauses and held turns."""
STRAY_RATES = (0.05, 0.25)
"""How often a mouth moves while its owner is not said to speak: little, or more where turns are
missed or much is laughed. Never more often than it moves at all."""
MOUTH_WORTH = 0.25
"""Of a sample at 2 a second: neighbours say nearly the same."""
MOUTH_LAGS_S = (-0.5, 0.0, 0.5, 1.0)
"""The turns may start this much after the mouth does."""
VIEW_HITS = (0.75, 0.9, 0.97)
"""How often the face shown is the one said to speak, where somebody speaks."""
VIEW_WORTH = 0.25
VIEW_LAGS_S = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
"""Zoom switches the picture up to about this long after somebody begins to speak."""
SWITCH_HITS = 0.75
SWITCH_WINDOW_S = (-2.0, 1.5)
"""How often somebody who comes to lead began to speak in this span about the switch: the picture
does not go to one who has been speaking on."""
PAUSE_S = 1.0
"""Speech after at least this much silence begins."""
MIN_SHOWINGS = 4
"""Fewer faces in turn cannot show that the picture follows the speaker."""
ALIGNED_MARGIN, ALIGNED_SPREADS = 8.0, 4.5
"""The turns belong to the pictures when the summed evidence is this much over the best of all
shifts, and this many standard deviations over their mean. In simulated calls of 1 to 10 min, one
of 2,250 with turns of another meeting or shifted ones comes so far; of a call's own turns six of
ten do at 1 min, nine of ten at 90 s and all from 3 min."""
ALSO_ALIGNED_MARGIN, ALSO_ALIGNED_SPREADS = 2.0, 2.5
"""The same for one kind of evidence where another has shown that the turns are this call's."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What mouths, or views, say about who is who.

    `log_ratio`: (groups, speakers) log likelihood of "this group is this speaker" over "somebody
    else", 0 where it says nothing; it means something only where the turns fit the pictures.
    """

    log_ratio: F64
    lag_s: float = 0.0
    """The turns fit best when they are moved later by this much."""
    margin: float = -math.inf
    """By how much the summed evidence exceeds the most that it reaches under any shift."""
    spreads: float = 0.0
    """By how many of their standard deviations it is over the mean of all shifts."""

    @property
    def is_aligned(self) -> bool:
        """Return whether this evidence alone shows that the turns match the pictures unshifted."""
        return self.margin >= ALIGNED_MARGIN and self.spreads >= ALIGNED_SPREADS

    @property
    def may_be_aligned(self) -> bool:
        """Return whether it fits turns that other evidence has shown to match the pictures."""
        return self.margin >= ALSO_ALIGNED_MARGIN and self.spreads >= ALSO_ALIGNED_SPREADS


def speech_table(
    t_s: F64, interval_s: float, turns: Sequence[SpeakerTurn], speakers: Sequence[int], count: int
) -> F32:
    """Return the share (0–1) of each sample's interval that each speaker speaks, (count, samples).

    Args:
        speakers: for each turn, which row it belongs to.
    """
    table = np.zeros((count, len(t_s)), np.float32)
    starts, ends = t_s - interval_s / 2, t_s + interval_s / 2
    for turn, row in zip(turns, speakers, strict=True):
        first = int(np.searchsorted(ends, turn.start_s, side="right"))
        last = int(np.searchsorted(starts, turn.end_s, side="left"))
        part = slice(first, max(first, last))
        common = np.minimum(ends[part], turn.end_s) - np.maximum(starts[part], turn.start_s)
        table[row, part] += (np.clip(common, 0, None) / interval_s).astype(np.float32)
    clipped: F32 = np.clip(table, 0, 1)
    return clipped


def mouth_talks(opening: F32, interval_s: float) -> F64:
    """Return how much more likely a mouth talks than not, (T,), from its opening, (T,) with NaN.

    The natural logarithm of the ratio; NaN where the mouth was not seen well enough. What counts is
    how restless the opening is within 1.5 s, against the same mouth at other times: two
    distributions that overlap are fitted to it.
    """
    result = np.full(len(opening), np.nan)
    reach = max(1, round(0.5 / interval_s))
    series = np.pad(opening.astype(np.float64), reach, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(series, 2 * reach + 1)
    known = np.isfinite(windows)
    counts = known.sum(axis=1)
    usable = np.isfinite(opening) & (counts >= 2)
    if np.count_nonzero(usable) < MIN_SAMPLES:
        return result
    filled, n = np.where(known, windows, 0.0)[usable], counts[usable]
    variance = (filled**2).sum(axis=1) / n - (filled.sum(axis=1) / n) ** 2
    variance = np.clip(variance, 0, None) * n / (n - 1)
    result[usable] = _log_ratio_of_two(0.5 * np.log(variance + RESTLESS_FLOOR**2))
    return result


def _log_ratio_of_two(restless: F64) -> F64:
    """Fit a still and a talking distribution and return the log ratio of their densities.

    The fit starts from the mouth's calmest quarter, and is held near what mouths do in general.
    """
    still = (float(np.quantile(restless, 0.25)) + STILL_LOG) / 2
    means = np.array([still, still + CONTRAST_LOG])
    spreads, share = np.array([STILL_SPREAD, TALKING_SPREAD]), 0.2
    prior_variance = spreads**2
    for _ in range(15):
        density = -0.5 * ((restless - means[:, None]) / spreads[:, None]) ** 2
        density -= np.log(spreads)[:, None]
        odds = np.clip(density[1] - density[0], -30, 30) + np.log(share / (1 - share))
        talks = 1 / (1 + np.exp(-odds))
        weights = np.stack([1 - talks, talks])
        total = weights.sum(axis=1) + FIT_WEIGHT
        prior = np.array([STILL_LOG, means[0] + CONTRAST_LOG])
        means = (weights @ restless + FIT_WEIGHT * prior) / total
        means[1] = max(means[1], means[0] + LEAST_CONTRAST)
        squares = (weights * (restless - means[:, None]) ** 2).sum(axis=1)
        spreads = np.sqrt((squares + FIT_WEIGHT * prior_variance) / total)
        share = float(np.clip((talks.sum() + 2) / (len(talks) + 10), 0.02, 0.9))
    ratio = -0.5 * ((restless - means[1]) / spreads[1]) ** 2 - np.log(spreads[1])
    ratio -= -0.5 * ((restless - means[0]) / spreads[0]) ** 2 - np.log(spreads[0])
    # Tails are heavier than a bell's: beyond both means the distance says nothing more.
    ratio[restless > means[1]] = np.maximum(ratio[restless > means[1]], 0.5)
    ratio[restless < means[0]] = np.minimum(ratio[restless < means[0]], -0.5)
    clipped: F64 = np.clip(ratio, -4, 4)
    return clipped


def mouth_evidence(talks: F64, speech: F32, interval_s: float) -> Evidence:
    """Compare every group's mouth with every speaker's turns.

    If the group is the speaker, its mouth moves mostly while the turns say so and seldom else;
    if not, it moves as often as it does, at any time.

    Args:
        talks: (groups, T) of `mouth_talks`.
        speech: (speakers, T) of `speech_table`.
    """
    groups, samples = talks.shape
    seen = np.isfinite(talks)
    likelihood = np.exp(np.where(seen, talks, 0.0))
    rate = np.ones((groups, 1)) * 0.1
    for _ in range(8):  # the group's own share of talking samples
        posterior = rate * likelihood / (rate * likelihood + 1 - rate)
        total = np.where(seen, posterior, 0).sum(axis=1, keepdims=True) + 0.5
        rate = np.clip(total / (seen.sum(axis=1, keepdims=True) + 5), 0.02, 0.9)
    usual = np.log(rate * likelihood + 1 - rate)
    worth = MOUTH_WORTH * min(1.0, interval_s / 0.5)

    def gain(moves: F64 | float) -> F64:
        """Return what each sample adds to the log ratio, given how probably the mouth moves."""
        return np.where(seen, np.log(moves * likelihood + 1 - moves) - usual, 0.0) * worth

    strays = [gain(np.minimum(rate, stray)) for stray in STRAY_RATES]
    gains = np.stack([gain(hit) - stray for stray in strays for hit in MOUTH_HITS]).astype(
        np.float32
    )
    base = np.stack([stray.sum(axis=1) for stray in strays for _ in MOUTH_HITS])
    spoken_s = seen @ speech.T * interval_s
    silent_s = seen.sum(axis=1, keepdims=True) * interval_s - spoken_s
    usable = (spoken_s >= MIN_SPEECH_S) & (silent_s >= MIN_SPEECH_S)

    def ratios(offset: int) -> F64:
        parts = gains @ np.roll(speech, offset, axis=1).T + base[:, :, None]
        return np.where(usable, _mixed(parts), 0.0)

    lags = [-round(lag_s / interval_s) for lag_s in MOUTH_LAGS_S]
    return _checked(ratios, lags, samples, interval_s)


def view_evidence(
    leads: Sequence[Sequence[tuple[int, int]]], speech: F32, interval_s: float
) -> Evidence:
    """Compare whom the leading picture shows with who is said to speak.

    Args:
        leads: for each group the spans of samples, end exclusive, in which it leads.
        speech: (speakers, T) of `speech_table`.
    """
    groups, samples = len(leads), speech.shape[1]
    none = Evidence(np.zeros((groups, len(speech))))
    showings = sum(len(spans) for spans in leads)
    if showings < MIN_SHOWINGS or len(speech) < 2:
        return none
    leading = np.zeros((groups, samples))
    switches = np.zeros((groups, samples))
    for group, spans in enumerate(leads):
        for first, end in spans:
            leading[group, first:end] = 1.0
        begins = np.flatnonzero(np.diff(leading[group], prepend=1.0) > 0)
        switches[group, begins] = 1.0
    anybody = np.clip(speech.sum(axis=0), 0, None).astype(np.float64)
    # Of speech at once each speaker holds a part.
    share = speech / np.maximum(anybody, 1.0)
    usual = np.clip(share.sum(axis=1) / max(float(share.sum()), 1e-9), 0.02, 0.98)
    worth = VIEW_WORTH * min(1.0, interval_s / 0.5)
    begun = _begun(speech, interval_s)
    by_chance = np.clip(begun.mean(axis=1), 0.02, 0.9)
    begun_log = np.log(SWITCH_HITS / by_chance)
    not_begun_log = np.log((1 - SWITCH_HITS) / (1 - by_chance))
    count = switches.sum(axis=1, keepdims=True)

    def ratios(offset: int) -> F64:
        here = switches @ np.roll(begun, offset, axis=1).T
        switched = here * begun_log + (count - here) * not_begun_log
        moved = np.roll(share, offset, axis=1).astype(np.float64)
        own = leading @ moved.T
        other = (leading @ moved.sum(axis=0))[:, None] - own
        parts = np.stack(
            [
                worth * (own * np.log(hit / usual) + other * np.log((1 - hit) / (1 - usual)))
                for hit in VIEW_HITS
            ]
        )
        both: F64 = _mixed(parts) + switched
        return both

    lags = [round(lag_s / interval_s) for lag_s in VIEW_LAGS_S]
    return _checked(ratios, lags, samples, interval_s)


def _begun(speech: F32, interval_s: float) -> F64:
    """Return whether each speaker has just begun at a switch at each sample, (speakers, T)."""
    pause = max(1, round(PAUSE_S / interval_s))
    speaks = speech > 0.3
    before = np.stack([np.roll(speaks, k, axis=1) for k in range(1, pause + 1)]).any(axis=0)
    begins = speaks & ~before
    first, last = (round(edge_s / interval_s) for edge_s in SWITCH_WINDOW_S)
    window = [np.roll(begins, -shift, axis=1) for shift in range(first, last + 1)]
    return np.asarray(np.stack(window).any(axis=0)).astype(np.float64)


def _mixed(log_ratios: F64) -> F64:
    """Return the log of the mean of ratios under several assumptions, along the first axis."""
    most = log_ratios.max(axis=0)
    mixed: F64 = most + np.log(np.exp(log_ratios - most).mean(axis=0))
    return mixed


def _checked(
    ratios: Callable[[int], F64], lags: Sequence[int], samples: int, interval_s: float
) -> Evidence:
    """Take the lag that fits best, and hold it against shifts that cannot be right."""
    by_lag = [ratios(lag) for lag in lags]
    best = int(np.argmax([_summed(ratio) for ratio in by_lag]))
    here = by_lag[best]
    offsets = np.arange(samples)
    far = offsets[np.minimum(offsets, samples - offsets) * interval_s > GUARD_S]
    if here.size == 0 or len(far) < MIN_SHIFTS:
        return Evidence(np.zeros_like(here))
    far = far[:: max(1, len(far) // MAX_SHIFTS)]
    chance = np.array([_summed(ratios(int(offset))) for offset in far])
    summed = _summed(here)
    spread = max(float(chance.std()), 0.5)
    return Evidence(
        here, lags[best] * interval_s, summed - float(chance.max()),
        (summed - float(chance.mean())) / spread,
    )  # fmt: skip


def _summed(ratio: F64) -> float:
    """Return the sum of every group's best ratio; groups that fit nobody add nothing."""
    return float(np.clip(ratio.max(axis=1, initial=0.0), 0, None).sum())
