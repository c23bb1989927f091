"""Measure how much each constant of engagement decides: does the strongest moment change with it?

    python benchmarks/sensitivity.py [--series 200]

A series is ten minutes of a rep and a prospect who take turns, with smiles, fallen faces and looks
away at random times, and the noise of the shipped classifier. Each constant of `EngagementRules` is
taken 25 % lower and higher, one at a time. The strongest moment has changed if it is of another
kind or person, is more than 5 s away, or is there in only one of the two.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from benchmarks.moment_calls import (
    CALM,
    FALLEN,
    INTERVAL_S,
    LEVELS,
    NOISE_RHO,
    NOISE_SPREAD,
    SMILE,
)
from inference.moments.find import Scene, find_moments
from inference.schema.analysis import Moment
from inference.schema.arrays import EXPRESSIONS, F32, F64
from inference.scoring.engagement import (
    RULES,
    EngagementCourse,
    EngagementRules,
    engagement_course,
    within,
)
from inference.scoring.profiles import PROFILES
from inference.scoring.score import Faces, Scored
from inference.speech.turns import Span

DURATION_S = 600.0
PEOPLE = ("Rep", "Prospect")
SHARE = 0.25
SAME_S = 5.0

OWN_SPREAD = 0.5
"""By how much people's faces at rest differ in each log probability. A choice."""


@dataclass(frozen=True)
class Drawn:
    """One person over a call."""

    probs: F32
    attention: F64
    turns: Sequence[Span]


def times() -> F64:
    """Return the times of the samples."""
    return np.arange(round(DURATION_S / INTERVAL_S), dtype=np.float64) * INTERVAL_S


def draw_call(rng: np.random.Generator) -> list[Drawn]:
    """Draw a rep and a prospect who take turns: the rep speaks about two thirds of the time."""
    turns: list[list[Span]] = [[], []]
    at_s, speaker = float(rng.uniform(0.3, 1.5)), 0
    while at_s < DURATION_S - 10:
        length_s = float(rng.uniform(5, 40) if speaker == 0 else rng.uniform(2, 20))
        turns[speaker].append((at_s, min(at_s + length_s, DURATION_S)))
        at_s += length_s + float(rng.uniform(0.2, 0.9))
        speaker = 1 - speaker
    return [draw_person(rng, own) for own in turns]


def draw_person(rng: np.random.Generator, turns: Sequence[Span]) -> Drawn:
    """Draw a face that is calm, and every minute or so smiles, falls or looks away for a while."""
    t_s = times()
    mood: F64 = np.full(len(t_s), CALM)
    attention: F64 = np.ones(len(t_s))
    at_s = float(rng.exponential(40))
    while at_s < DURATION_S:
        held = (t_s >= at_s) & (t_s < at_s + rng.uniform(4, 25))
        kind = rng.choice(["smile", "fall", "away"])
        if kind == "away":
            attention[held] = rng.uniform(0.0, 0.5)
        else:
            mood[held] = SMILE if kind == "smile" else FALLEN
        at_s += 25 + float(rng.exponential(40))
    attention[rng.random(len(t_s)) < 0.03] = 0.0  # a blink, some four a minute of those sampled
    knots = sorted(LEVELS)
    smooth = np.convolve(np.pad(mood, 1, "edge"), np.ones(3) / 3, "valid")
    levels = np.column_stack(
        [np.interp(smooth, knots, [LEVELS[knot][k] for knot in knots]) for k in range(7)]
    )
    noise = rng.standard_normal(levels.shape)
    for i in range(1, len(noise)):
        noise[i] = NOISE_RHO * noise[i - 1] + np.sqrt(1 - NOISE_RHO**2) * noise[i]
    logits = levels + rng.normal(0, OWN_SPREAD, 7) + NOISE_SPREAD * noise
    # A moving mouth reads as surprise, more with each syllable.
    speaking = within(t_s, turns)
    logits[speaking, EXPRESSIONS.index("surprise")] += rng.uniform(1, 4, int(speaking.sum()))
    probs = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs /= probs.sum(axis=1, keepdims=True)
    return Drawn(probs.astype(np.float32), attention, turns)


def courses(people: Sequence[Drawn], rules: EngagementRules) -> list[EngagementCourse]:
    """Return each person's engagement by these rules."""
    return [
        engagement_course(
            times(), INTERVAL_S, one.probs, one.attention, one.turns, PROFILES["sales"], rules
        )
        for one in people
    ]


def strongest(people: Sequence[Drawn], found: Sequence[EngagementCourse]) -> Moment | None:
    """Return the first moment of a call in which nobody is silent for long, or None."""
    t_s = times()
    faces = [
        Scored(Faces(np.ones(len(t_s), bool), one.probs, one.attention), course)
        for one, course in zip(people, found, strict=True)
    ]
    scene = Scene(
        t_s, INTERVAL_S, DURATION_S, PEOPLE, faces, [list(one.turns) for one in people], [],
        ("rep", "prospect"),
    )  # fmt: skip
    moments = find_moments(scene)
    return moments[0] if moments else None


def is_same(one: Moment | None, other: Moment | None) -> bool:
    """Return whether two moments are of one kind and person, at most 5 s apart."""
    if one is None or other is None:
        return one is other
    return (one.kind, one.participants) == (other.kind, other.participants) and abs(
        one.change_s - other.change_s
    ) <= SAME_S


def main() -> None:
    """Print a row per constant: how often the strongest moment changes, and how far means move."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--series", type=int, default=200)
    count = parser.parse_args().series
    rng = np.random.default_rng(1)
    drawn = [draw_call(rng) for _ in range(count)]
    base = [courses(people, RULES) for people in drawn]
    first = [strongest(people, found) for people, found in zip(drawn, base, strict=True)]
    usual = [np.nanmean(found[1].listening) for found in base]
    print(f"{count} series, {sum(moment is not None for moment in first)} with a moment\n")
    print("| constant | value | lower: changed | higher: changed | mean, points |")
    print("| --- | --- | --- | --- | --- |")
    for field in fields(RULES):
        value = getattr(RULES, field.name)
        changed, moved = [], []
        for factor in (1 - SHARE, 1 + SHARE):
            rules = replace(RULES, **{field.name: factor * value})
            others = [courses(people, rules) for people in drawn]
            changed.append(
                sum(
                    not is_same(old, strongest(people, found))
                    for old, people, found in zip(first, drawn, others, strict=True)
                )
            )
            means = [np.nanmean(found[1].listening) for found in others]
            moved.append(100 * float(np.mean(np.subtract(means, usual))))
        print(
            f"| `{field.name}` | {value:.3g} | {changed[0]} | {changed[1]} "
            f"| {moved[0]:+.1f} / {moved[1]:+.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
