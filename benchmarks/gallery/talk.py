"""Who speaks when: turns, pauses, asides and crosstalk, and the syllables in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.gallery.script import Scenario, Turn

SHORTEST_TURN_S, LONGEST_TURN_S = 2.0, 15.0
MEDIAN_TURN_S = 5.0
ASIDE_SHARE = 0.25
"""Share of the longer turns in which somebody else says "mm-hm"."""
SHORTEST_STIR_S, LONGEST_STIR_S = 1.0, 5.0
"""A laugh, a bite, a word to somebody in the room."""
ENVELOPE_HZ = 100
SYLLABLES_HZ = 4.5
"""Conversational speech has four to five syllables per second."""


def plan_turns(scenario: Scenario, seconds: float, rng: np.random.Generator) -> list[Turn]:
    """Return the turns by start time; only people who are in the call speak."""
    stays = [scenario.stays(who, seconds) for who in range(len(scenario.people))]
    turns: list[Turn] = []
    at_s, last = float(rng.uniform(0.3, 1.0)), -1
    spoken = np.zeros(len(scenario.people))
    while at_s < seconds - 1.0:
        length_s = float(
            np.clip(rng.lognormal(np.log(MEDIAN_TURN_S), 0.55), SHORTEST_TURN_S, LONGEST_TURN_S)
        )
        left = [next((end - at_s for start, end in s if start <= at_s < end), 0.0) for s in stays]
        weights = np.array(
            [p.talk * (left[i] > 1.0) * (i != last) for i, p in enumerate(scenario.people)]
        )
        if not weights.any():
            last, at_s = -1, at_s + 1.0
            continue
        # People below their intended share go first, so that short recordings match it too.
        share = (spoken + 1.0) / np.maximum([p.talk for p in scenario.people], 1e-6)
        weights = weights * (share[weights > 0].min() / share) ** 1.5
        who = int(rng.choice(len(weights), p=weights / weights.sum()))
        end_s = min(at_s + length_s, at_s + left[who] - 0.2, seconds - 0.2)
        if end_s - at_s < 0.5:
            at_s += 0.5
            continue
        turns.append(Turn(who, at_s, end_s))
        spoken[who] += end_s - at_s
        turns += _asides(scenario, turns[-1], stays, rng)
        if rng.random() < scenario.crosstalk:
            at_s = max(at_s + 0.5, end_s - float(rng.uniform(0.5, 3.0)))
        else:
            at_s = end_s + float(rng.uniform(0.2, 1.0))
            at_s += float(rng.uniform(1.5, 4.0)) if rng.random() < 0.06 else 0.0
        last = who
    return sorted(turns, key=lambda turn: (turn.start_s, turn.end_s))


def _asides(
    scenario: Scenario,
    turn: Turn,
    stays: list[list[tuple[float, float]]],
    rng: np.random.Generator,
) -> list[Turn]:
    if turn.end_s - turn.start_s < 4.0 or rng.random() > ASIDE_SHARE:
        return []
    start_s = float(rng.uniform(turn.start_s + 1.5, turn.end_s - 1.5))
    end_s = start_s + float(rng.uniform(0.4, 1.1))
    others = [
        who
        for who, person in enumerate(scenario.people)
        if who != turn.who
        and person.talk > 0
        and any(start <= start_s and end_s <= end for start, end in stays[who])
    ]
    return [Turn(int(rng.choice(others)), start_s, end_s, is_aside=True)] if others else []


def plan_stirs(
    scenario: Scenario, turns: Sequence[Turn], seconds: float, rng: np.random.Generator
) -> list[Turn]:
    """Return the spans in which somebody's mouth moves although they do not speak."""
    stirs: list[Turn] = []
    if not scenario.restless:
        return stirs
    for who in range(len(scenario.people)):
        at_s = float(rng.uniform(0, 10))
        while at_s < seconds - SHORTEST_STIR_S:
            end_s = min(at_s + float(rng.uniform(SHORTEST_STIR_S, LONGEST_STIR_S)), seconds)
            own = (turn for turn in turns if turn.who == who)
            if all(turn.end_s + 0.5 < at_s or end_s + 0.5 < turn.start_s for turn in own):
                stirs.append(Turn(who, at_s, end_s, is_aside=True))
            at_s = end_s + float(rng.exponential((end_s - at_s) * (1 / scenario.restless - 1)))
    return stirs


def envelope(
    turns: Sequence[Turn], who: int, seconds: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return how loud a person is, 0–1, `ENVELOPE_HZ` times per second: one peak per syllable."""
    loud = np.zeros(round(seconds * ENVELOPE_HZ), np.float32)
    for turn in turns:
        if turn.who != who:
            continue
        at_s = turn.start_s
        while at_s < turn.end_s - 0.08:
            length_s = min(float(rng.normal(1 / SYLLABLES_HZ, 0.05)), turn.end_s - at_s)
            length_s = max(length_s, 0.1)
            first, last = round(at_s * ENVELOPE_HZ), round((at_s + length_s) * ENVELOPE_HZ)
            last = min(last, len(loud))
            hump = np.sin(np.linspace(0, np.pi, max(last - first, 0))) ** 0.8
            loud[first:last] = np.maximum(loud[first:last], hump * rng.uniform(0.45, 1.0))
            at_s += length_s
            if rng.random() < 0.06:  # a breath
                at_s += float(rng.uniform(0.15, 0.35))
    return loud
