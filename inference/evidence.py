"""How well faces and speakers go together: moving mouths and switching views against turns.

Nothing here knows what a strong correlation is in general: the turns are compared with the pictures
as they stand, and then again shifted along the recording by every amount over `GUARD_S`. Shifted
turns have the same lengths and order but nothing to do with the pictures, so they show what chance
gives in this very call. Turns of another meeting look like the shifted ones, and name nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.types import F32, F64, I32, Bools, SpeakerTurn

GUARD_S = 10.0
"""Shifts up to this are not chance: turns last about as long."""
MIN_SHIFTS = 30
"""With fewer shifts to compare with (about 35 s of call) nothing is claimed."""
MIN_SAMPLES = 40
MIN_SPEECH_S = 8.0
MIN_TURNS = 3
"""A face is compared with a speaker when its mouth was seen in this many samples, for that long
while the speaker spoke, in that many turns, and for that long while not: a laugh in somebody's only
turn is no evidence."""
ALIGNED_RATIO = 2.5
ALIGNED_MARGIN = 10.0
"""The turns belong to the pictures when the summed evidence is this many times, and this much, over
the best of all shifts. In simulated calls of 90 s to 10 min, turns of another meeting reach 2.3
times and 9 over in one of a hundred, a call's own turns 3 times and 10 over in half of those of
90 s and in nearly all longer ones."""
EXPECTED_CORRELATION = 0.3
"""Between mouth activity and speaking, for a person's own turns; the rest is what the likelihood
says. Lower values name fewer people in short calls."""
MAX_EFFECT = 5.0
"""The expected effect in standard deviations of chance is limited to this, so that a weaker true
effect in a long call still counts for and not against."""
MOUTH_MIN_EXCESS = 3.5
"""A correlation under so many standard deviations of chance names nobody."""
MEDIAN_REACH = 4
"""Mouth activity is the distance from the median over this many samples to both sides."""
TIMELINE_SHIFTS = 400
DOMINANCE = 0.8
"""Who speaks for more than this share of the speech while one face is shown alone is its owner."""
MIN_SPEECH_SHARE = 0.3
"""Of the time a face is shown; less is a picture that was left standing."""
MIN_VIEWS = 4
"""Fewer faces in turn cannot show that the picture follows the speaker."""
MAX_LAG_S = 3.0
"""Zoom switches the picture up to about this long after somebody begins to speak."""
MIN_EXCESS = 3.5
"""By so many standard deviations of chance the picture must follow the speaker."""


@dataclass(frozen=True, slots=True)
class MouthEvidence:
    """Log likelihood ratio of "this face is this speaker" against chance, (units, speakers).

    -inf where too little was seen. `is_aligned`: the turns fit as they stand better than under any
    shift; where not, they belong to something else and the ratios mean nothing.
    """

    log_ratio: F64
    is_aligned: bool


def speech_table(
    t_s: F64, interval_s: float, turns: Sequence[SpeakerTurn], speakers: Sequence[int], count: int
) -> F32:
    """Give the share (0–1) of each sample's interval that each speaker speaks, (count, samples).

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


def mouth_activity(opening: F32, yaw_deg: F32, pitch_deg: F32) -> F64:
    """Turn a mouth's opening, (T,) with NaN, into how much it moves: ranks of mean 0, variance 1.

    What a straight line over the head's turn explains is taken out first. NaN stays NaN.
    """
    seen = np.isfinite(opening) & np.isfinite(yaw_deg) & np.isfinite(pitch_deg)
    activity = np.full(len(opening), np.nan)
    if np.count_nonzero(seen) < MIN_SAMPLES:
        return activity
    values = opening[seen].astype(np.float64)
    yaw, pitch = yaw_deg[seen].astype(np.float64), pitch_deg[seen].astype(np.float64)
    turn = np.stack([np.ones_like(yaw), yaw, np.abs(yaw), pitch], axis=1)
    values = values - turn @ np.linalg.lstsq(turn, values, rcond=None)[0]
    padded = np.pad(values, MEDIAN_REACH, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * MEDIAN_REACH + 1)
    moved = np.abs(values - np.median(windows, axis=1))
    ranks = moved.argsort(kind="stable").argsort(kind="stable").astype(np.float64)
    activity[seen] = (ranks - ranks.mean()) / max(float(ranks.std()), 1e-9)
    return activity


def mouth_evidence(activity: F64, speech: F32, interval_s: float) -> MouthEvidence:
    """Compare every face's mouth with every speaker's turns.

    Args:
        activity: (units, T) of `mouth_activity`.
        speech: (speakers, T) of `speech_table`.
    """
    units, samples = activity.shape
    none = MouthEvidence(np.full((units, len(speech)), -np.inf), False)
    chance = _chance_shifts(samples, interval_s)
    if units == 0 or len(speech) == 0 or np.count_nonzero(chance) < MIN_SHIFTS:
        return none
    spectra = _Spectra.of(speech)
    best_sum = np.zeros(samples)
    log_ratio = none.log_ratio.copy()
    for unit in range(units):
        seen = np.isfinite(activity[unit])
        count = np.count_nonzero(seen)
        if count < MIN_SAMPLES:
            continue
        correlation, spoken = _correlations(np.where(seen, activity[unit], 0.0), seen, spectra)
        enough_s = MIN_SPEECH_S / interval_s
        usable = (spoken >= enough_s) & (count - spoken >= enough_s)
        usable &= _turns_seen(speech, seen) >= MIN_TURNS
        if not usable.any():
            continue
        by_chance = correlation[:, chance]
        # The ranks are scaled to variance 1, so white noise alone gives 1/sqrt(count).
        spread = np.maximum(by_chance.std(axis=1), 1.2 / np.sqrt(count))
        excess = (correlation - by_chance.mean(axis=1)[:, None]) / spread[:, None]
        effect = np.minimum(EXPECTED_CORRELATION / spread, MAX_EFFECT)[:, None]
        ratios = np.where(usable[:, None], effect * excess - effect**2 / 2, -np.inf)
        log_ratio[unit] = np.where(excess[:, 0] >= MOUTH_MIN_EXCESS, ratios[:, 0], -np.inf)
        best_sum += np.maximum(0.0, ratios.max(axis=0))
    by_shift = float(best_sum[chance].max())
    as_it_stands = float(best_sum[0])
    is_aligned = as_it_stands >= max(ALIGNED_RATIO * by_shift, by_shift + ALIGNED_MARGIN)
    return MouthEvidence(log_ratio, is_aligned)


def _turns_seen(speech: F32, seen: Bools) -> I32:
    """Count each speaker's stretches of speech in which the face was seen, (speakers,)."""
    speaks = np.pad(speech[:, seen] > 0.5, ((0, 0), (1, 0)))
    starts = speaks[:, 1:] & ~speaks[:, :-1]
    return np.asarray(np.count_nonzero(starts, axis=1), np.int32)


def _chance_shifts(samples: int, interval_s: float) -> Bools:
    """Which circular shifts, 0 to samples, are far enough from 0."""
    shifts = np.arange(samples)
    far: Bools = np.minimum(shifts, samples - shifts) * interval_s > GUARD_S
    return far


@dataclass(frozen=True, slots=True)
class _Spectra:
    """Fourier transforms, conjugate, of the speech table and of its square."""

    speech: NDArray[np.complex128]
    squared: NDArray[np.complex128]

    @staticmethod
    def of(speech: F32) -> _Spectra:
        values = speech.astype(np.float64)
        return _Spectra(np.fft.rfft(values, axis=1).conj(), np.fft.rfft(values**2, axis=1).conj())


def _correlations(activity: F64, seen: Bools, spectra: _Spectra) -> tuple[F64, F64]:
    """Correlate one face with every speaker under every circular shift of the turns.

    Returns:
        (speakers, T) correlations, column k for the turns shifted by k samples; and for the turns
        as they stand, how many of the face's samples each speaker speaks.
    """
    samples = len(seen)
    mask = np.fft.rfft(seen.astype(np.float64))
    count = max(1, np.count_nonzero(seen))
    product = np.fft.irfft(np.fft.rfft(activity) * spectra.speech, samples, axis=1) / count
    mean = np.fft.irfft(mask * spectra.speech, samples, axis=1) / count
    variance = np.fft.irfft(mask * spectra.squared, samples, axis=1) / count - mean**2
    # A speaker who (almost) always or never speaks while the face is seen tells nothing.
    tells = variance > 0.01
    correlation = np.where(tells, product / np.sqrt(np.where(tells, variance, 1.0)), 0.0)
    return correlation, mean[:, 0] * count


def followed_speakers(
    spans: Sequence[tuple[int, int]], speech: F32, interval_s: float
) -> list[tuple[int, float] | None]:
    """Tell whose turns each face fills that is shown alone, in a picture that follows the speaker.

    Args:
        spans: first sample and end (exclusive) of each showing.
        speech: (speakers, T) of `speech_table`.

    Returns:
        For each span the speaker's row and the probability that this is right, or None. All None
        where the picture does not follow the turns better than by chance.
    """
    unknown: list[tuple[int, float] | None] = [None] * len(spans)
    samples = speech.shape[1]
    shifts = np.flatnonzero(_chance_shifts(samples, interval_s))
    if len(spans) < MIN_VIEWS or len(speech) < 2 or len(shifts) < MIN_SHIFTS:
        return unknown
    shifts = shifts[:: max(1, len(shifts) // TIMELINE_SHIFTS)]
    # The picture switches a little after somebody begins to speak: the lag that fits best.
    lags = np.arange(round(MAX_LAG_S / interval_s) + 1)
    spoken = _spoken(spans, speech, lags)
    lag = int((spoken.max(axis=0).sum(axis=0) / np.maximum(spoken.sum(axis=(0, 1)), 1e-9)).argmax())
    spoken = _spoken(spans, speech, np.concatenate([[0], shifts]) + lag)
    lengths = np.array([end - start for start, end in spans])[:, None]
    total, most = spoken.sum(axis=0), spoken.max(axis=0)
    purity = most.sum(axis=0) / np.maximum(total.sum(axis=0), 1e-9)
    enough = total >= MIN_SPEECH_SHARE * lengths
    dominated = enough & (most > DOMINANCE * total)
    share = dominated.mean(axis=0)
    spread = max(float(purity[1:].std()), 0.01)
    owners = spoken[:, :, 0].argmax(axis=0)
    if (
        purity[0] <= purity[1:].max()
        or purity[0] - purity[1:].mean() < MIN_EXCESS * spread
        or len(set(owners[dominated[:, 0]].tolist())) < 2
    ):
        return unknown
    # Of the showings that one speaker dominates, those that chance does not explain.
    chance = float(share[1:].mean())
    follows = (float(share[0]) - chance) / max(1e-9, 1.0 - chance)
    right = float(np.clip(follows / max(float(share[0]), 1e-9), 0.0, 0.99))
    return [
        (int(owner), right) if is_dominated else None
        for owner, is_dominated in zip(owners, dominated[:, 0], strict=True)
    ]


def _spoken(spans: Sequence[tuple[int, int]], speech: F32, offsets: NDArray[np.int_]) -> F64:
    """Sum each speaker's speech in each span moved back by each offset: (speakers, spans, offsets).

    The call is taken as a ring.
    """
    samples = speech.shape[1]
    twice = np.concatenate([speech, speech], axis=1).astype(np.float64)
    sums = np.concatenate([np.zeros((len(speech), 1)), np.cumsum(twice, axis=1)], axis=1)
    first = (np.array([start for start, _ in spans])[:, None] - offsets) % samples
    lengths = np.array([end - start for start, end in spans])[:, None]
    spoken: F64 = sums[:, first + lengths] - sums[:, first]
    return spoken
