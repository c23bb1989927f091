"""The seconds of a call that are worth watching, each with its reason (docs/scoring.md, 9).

A change is reported only when it is large, larger than the noise of the same series from sample to
sample, and larger than its usual change from one 5 s to the next.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from inference.schema.analysis import Moment, Series
from inference.schema.arrays import EXPRESSIONS, F64
from inference.schema.meeting import TranscriptLine
from inference.scoring.moment_lines import SILENCE_FULL_S, Words, longest_pause_s
from inference.scoring.score import mean_over_people, running_sums
from inference.speech.turns import Span, merge_spans, overlap_s

BEFORE_S, AFTER_S = 20.0, 10.0
"""A level is compared with the one just before it. Ten seconds outlast a laugh or a blink of the
classifier; twenty before them keep one short smile from becoming the yardstick."""

SHIFT_BEFORE_S, SHIFT_AFTER_S = 5.0, 5.0
"""A changed expression has to be held for 5 s, after the other was held for 5 s."""

MIN_CHANGE = 0.15
"""15 of 100 points: a third of the way from a neutral face (44) to a smiling one (100)."""

MIN_SHIFT = 0.5
"""Before a shift "neutral", after it "happy" or "angry", is likelier than all else together."""

NOISE_ERRORS = 5.0
"""A change must be five standard errors of white noise as strong as the series' own jumps from
sample to sample: 3 h of 40 people hold some 40 000 independent looks, one of which passes 4."""

BLOCK_S = 5.0
BLOCK_ERRORS = 5.0
"""And five errors by the usual (median) change between neighbouring 5 s means, which noise that
lasts longer than a sample does not pass either: with neighbours correlated by 0.8, three errors
gave 20 false moments in an hour of one face, five give 0.3 (benchmarks/moments.py)."""

SEEN_SHARE = 0.6
"""Share of the seconds on either side in which the face must have been seen."""

LONG_SILENCE_S = 8.0
"""Pauses between speakers are about 0.2 s and seldom over 1 s (Stivers et al., PNAS 2009); a
demonstration or a look for a document takes some seconds. 8 s is a silence that people notice."""

LEAD_IN_S, FOLLOW_S = 5.0, 10.0
"""A moment shows 5 s before the change and 10 s after it."""

MIN_MOMENT_S, MAX_MOMENT_S = 5.0, 30.0
MAX_MOMENTS = 12
MAX_SILENCES = 3

SHIFTS = {"to_happy": ("happy", "smiling"), "to_angry": ("angry", "angry-looking")}


@dataclass(frozen=True, slots=True)
class Scene:
    """What moments are searched for in: people in order of their index, with their talk merged."""

    t_s: F64
    interval_s: float
    duration_s: float
    names: Sequence[str]
    series: Sequence[Series | None]
    """None for people who are not scored."""
    talk: Sequence[Sequence[Span]]
    lines: Sequence[TranscriptLine]
    sides: Sequence[str] = ()
    """Each person's side, "rep", "prospect" or "unknown"; may be empty."""


@dataclass(frozen=True, slots=True)
class _Change:
    """A level before and after each sample, with the standard error of their difference."""

    before: F64
    after: F64
    limit: float

    @property
    def step(self) -> F64:
        return self.after - self.before


def find_moments(scene: Scene) -> tuple[Moment, ...]:
    """Return at most `MAX_MOMENTS` moments, the strongest first.

    Two of one kind and person never overlap. A rise or fall that a shift of expression of the same
    person explains is left out, and one of the call that is one person's alone.
    """
    found = _silences(scene)
    scored = [i for i, series in enumerate(scene.series) if series is not None]
    for i in scored:
        shifts = _shifts(scene, i)
        found += shifts
        found += [
            move
            for move in _moves(scene, _engagement(scene, i), (i,))
            if not any(_same_direction(move, shift) for shift in shifts)
        ]
    if len(scored) > 1:
        own = list(found)
        found += [
            move
            for move in _call_moves(scene, scored)
            if len({m.participants for m in own if _same_direction(move, m)}) != 1
        ]
    found.sort(key=lambda moment: (-moment.strength, moment.start_s, moment.kind))
    words = Words(scene.lines, [span for spans in scene.talk for span in spans])
    return tuple(_with_words(scene, words, moment) for moment in found[:MAX_MOMENTS])


def _engagement(scene: Scene, person: int) -> F64:
    series = scene.series[person]
    if series is None:
        return np.full(len(scene.t_s), np.nan)
    return series.engagement.astype(np.float64)


def _levels(scene: Scene, values: F64, before_s: float, after_s: float) -> tuple[F64, F64]:
    """Return the means over [t - before_s, t) and [t, t + after_s); NaN with too few samples."""
    total, count = running_sums(values)
    here = np.arange(len(scene.t_s))

    def level(start: NDArray[np.int64], end: NDArray[np.int64], span_s: float) -> F64:
        seen = count[end] - count[start]
        enough = seen * scene.interval_s >= SEEN_SHARE * span_s
        return np.where(enough, (total[end] - total[start]) / np.maximum(seen, 1), np.nan)

    start = np.searchsorted(scene.t_s, scene.t_s - before_s - 1e-6)
    end = np.searchsorted(scene.t_s, scene.t_s + after_s - 1e-6)
    return level(start, here, before_s), level(here, end, after_s)


def _change(scene: Scene, values: F64, before_s: float, after_s: float, least: float) -> _Change:
    before, after = _levels(scene, values, before_s, after_s)
    seen = values[~np.isnan(values)]
    if len(seen) < 2:
        return _Change(before, after, math.inf)
    white = math.sqrt(float(np.mean(np.diff(seen) ** 2)) / 2)
    white *= math.sqrt(scene.interval_s / before_s + scene.interval_s / after_s)
    per_block = max(round(BLOCK_S / scene.interval_s), 1)
    blocks = seen[: len(seen) // per_block * per_block].reshape(-1, per_block).mean(axis=1)
    slow = 0.0
    if len(blocks) > 1:
        # 0.6745: the median of |x| of a standard normal variable.
        slow = float(np.median(np.abs(np.diff(blocks)))) / 0.6745 / math.sqrt(2)
        slow *= math.sqrt(BLOCK_S / before_s + BLOCK_S / after_s)
    return _Change(before, after, max(least, NOISE_ERRORS * white, BLOCK_ERRORS * slow))


def _moves(
    scene: Scene, values: F64, people: tuple[int, ...], *, call: bool = False
) -> list[Moment]:
    change = _change(scene, values, BEFORE_S, AFTER_S, MIN_CHANGE)
    step = np.nan_to_num(change.step)
    moments: list[Moment] = []
    for kind, verb, size in (("rise", "rose", step), ("fall", "fell", -step)):
        for at in _peaks(scene, size, change.limit):
            before, after = float(change.before[at]), float(change.after[at])
            start_s, end_s = _around(scene, at)
            who = "Engagement" if call else f"{scene.names[people[0]]}'s engagement"
            seen = people if not call else _seen_between(scene, people, start_s, end_s)
            reason = f"{who} {verb} from {_points(before)} to {_points(after)}"
            reason += _while(scene, start_s, end_s, None if call else people[0])
            moments.append(
                Moment(
                    start_s, end_s, kind, seen, reason, before, after, float(size[at]),
                    float(scene.t_s[at]),
                )
            )  # fmt: skip
    return moments


def _call_moves(scene: Scene, scored: Sequence[int]) -> list[Moment]:
    """Find moves of the call about each person's own mean: coming and going moves nothing."""
    rows = [row for row in (_engagement(scene, i) for i in scored) if not np.isnan(row).all()]
    if len(rows) < 2:
        return []
    own = [float(np.nanmean(row)) for row in rows]
    level = sum(own) / len(own)
    joint = mean_over_people(
        [row - mean for row, mean in zip(rows, own, strict=True)], len(scene.t_s)
    )
    people = tuple(scored)
    return _moves(scene, np.clip(joint + level, 0.0, 1.0), people, call=True)


def _shifts(scene: Scene, person: int) -> list[Moment]:
    series = scene.series[person]
    if series is None:
        return []
    probs = series.probs.astype(np.float64)
    neutral, _ = _levels(
        scene, probs[:, EXPRESSIONS.index("neutral")], SHIFT_BEFORE_S, SHIFT_AFTER_S
    )
    before, after = _levels(scene, _engagement(scene, person), SHIFT_BEFORE_S, SHIFT_AFTER_S)
    moments = []
    for kind, (label, words) in SHIFTS.items():
        column = probs[:, EXPRESSIONS.index(label)]
        change = _change(scene, column, SHIFT_BEFORE_S, SHIFT_AFTER_S, 0.0)
        held = (neutral >= MIN_SHIFT) & (change.after >= MIN_SHIFT)
        size = np.where(held, np.nan_to_num(change.step), 0.0)
        for at in _peaks(scene, size, change.limit):
            start_s, end_s = _around(scene, at)
            reason = f"{scene.names[person]}'s expression moved from neutral to {words}"
            reason += _while(scene, start_s, end_s, person)
            moments.append(
                Moment(
                    start_s, end_s, kind, (person,), reason,
                    float(before[at]), float(after[at]), float(size[at]), float(scene.t_s[at]),
                )
            )  # fmt: skip
    return moments


def _silences(scene: Scene) -> list[Moment]:
    """Find pauses between two turns; none before the first or after the last."""
    talk = merge_spans([span for spans in scene.talk for span in spans])
    moments = []
    for (_, quiet_s), (loud_s, _) in pairwise(talk):
        gap_s = loud_s - quiet_s
        if gap_s < LONG_SILENCE_S:
            continue
        people = tuple(
            i
            for i, spans in enumerate(scene.talk)
            if any(end == quiet_s or start == loud_s for start, end in spans)
        )
        end_s = min(loud_s, quiet_s + MAX_MOMENT_S)
        strength = min(gap_s / SILENCE_FULL_S, 1.0)
        reason = f"Nobody spoke for {round(gap_s)} seconds"
        moments.append(
            Moment(
                quiet_s, end_s, "silence", people, reason, None, None, strength, quiet_s,
                silence_s=gap_s,
            )
        )  # fmt: skip
    moments.sort(key=lambda moment: -moment.strength)
    return moments[:MAX_SILENCES]


def _peaks(scene: Scene, size: F64, limit: float) -> list[int]:
    """Return the largest samples above the limit, none within a moment's length of a larger one."""
    apart_s = BEFORE_S + AFTER_S
    candidates = np.flatnonzero((size > 0) & (size >= limit))
    chosen: list[int] = []
    while len(candidates):
        best = int(candidates[np.argmax(size[candidates])])
        chosen.append(best)
        candidates = candidates[np.abs(scene.t_s[candidates] - scene.t_s[best]) >= apart_s]
    return chosen


def _around(scene: Scene, at: int) -> Span:
    end_s = min(float(scene.t_s[at]) + FOLLOW_S, scene.duration_s)
    start_s = max(float(scene.t_s[at]) - LEAD_IN_S, 0.0)
    return min(start_s, max(end_s - MIN_MOMENT_S, 0.0)), max(end_s, start_s + MIN_MOMENT_S)


def _seen_between(
    scene: Scene, people: Sequence[int], start_s: float, end_s: float
) -> tuple[int, ...]:
    first, last = np.searchsorted(scene.t_s, (start_s, end_s))
    return tuple(i for i in people if not np.isnan(_engagement(scene, i)[first:last]).all())


def _while(scene: Scene, start_s: float, end_s: float, person: int | None) -> str:
    """Return who spoke most in the moment, "" where nobody did."""
    spoken = [overlap_s(spans, start_s, end_s) for spans in scene.talk]
    if not spoken or max(spoken) <= 0:
        return ""
    speaker = spoken.index(max(spoken))
    return " while speaking" if speaker == person else f" while {scene.names[speaker]} spoke"


_DIRECTION = {"to_happy": "rise", "to_angry": "fall", "rise": "rise", "fall": "fall"}


def _same_direction(move: Moment, other: Moment) -> bool:
    """Return whether two moments overlap and go the same way, up or down."""
    overlap = min(move.end_s, other.end_s) - max(move.start_s, other.start_s)
    return _DIRECTION.get(other.kind) == move.kind and overlap > 0


def _with_words(scene: Scene, words: Words, moment: Moment) -> Moment:
    lines = words.around(moment.change_s)
    silence_s = moment.silence_s if moment.kind == "silence" else longest_pause_s(lines)
    return replace(
        moment,
        lines=lines,
        silence_s=silence_s,
        side=_side(scene, moment),
        speakers=_speakers(scene, moment),
    )


def _side(scene: Scene, moment: Moment) -> str:
    sides = {scene.sides[i] for i in moment.participants} if scene.sides else set()
    return sides.pop() if len(sides) == 1 else ""


def _speakers(scene: Scene, moment: Moment) -> tuple[int, ...]:
    spoken = [overlap_s(spans, moment.start_s, moment.end_s) for spans in scene.talk]
    return tuple(sorted((i for i, s in enumerate(spoken) if s > 0), key=lambda i: -spoken[i]))


def _points(value: float) -> str:
    return str(round(100 * value))
