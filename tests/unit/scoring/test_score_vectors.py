"""The test vectors of version 1 hold for the program and for a second, slow implementation.

The second one follows the page step by step in plain Python, without arrays, so that a mistake in
one of them shows. It is also how the vectors were written.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from inference.schema.analysis import Estimate
from inference.schema.arrays import F64
from inference.schema.meeting import TranscriptLine
from inference.scoring.attention import attention
from inference.scoring.intervals import estimate_change, estimate_mean, estimate_trend
from inference.scoring.profiles import PROFILES, SCORING_VERSIONS
from inference.scoring.score import rolling_mean
from inference.scoring.talk import Spoken, call_talk, person_talk
from tests.places import VECTORS

CASES: dict[str, Any] = json.loads((VECTORS / "scoring_v1.json").read_text("utf-8"))

TOLERANCE = 1e-6
"""The file holds nine digits; single precision enters nowhere in these functions but in probs."""

T = [3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004, 2.262157, 2.228139, 2.200985, 2.178813]  # fmt: skip  # noqa: E501


def ids(group: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", CASES[group], ids=lambda case: case["name"])


def numbers(values: list[float | None]) -> F64:
    return np.array([math.nan if value is None else value for value in values], np.float64)


def agrees(found: Estimate | None, expected: list[float] | None) -> bool:
    if found is None or expected is None:
        return found is None and expected is None
    values = (found.value, found.low, found.high, found.n_effective)
    return values == pytest.approx(expected, abs=TOLERANCE)


# The slow implementation.


def slow_cosines(seen_s: float) -> int:
    count = 3
    while count < 12 and (count + 1) ** 3 <= seen_s + 1e-6:
        count += 1
    return count


def slow_cosine(j: int, i: int, n: int) -> float:
    return math.sqrt(2 / n) * math.cos(math.pi * j * (i + 0.5) / n)


def slow_error(x: list[float], interval_s: float, scale: float) -> tuple[float, int, float]:
    n = len(x)
    mean = sum(x) / n
    count = slow_cosines(n * interval_s)
    omega = 0.0
    for j in range(1, count + 1):
        omega += sum(slow_cosine(j, i, n) * (x[i] - mean) for i in range(n)) ** 2 / count
    least = (0.05 * scale) ** 2
    variance = max(omega / n, least / max(n * interval_s / 10, 1))
    spread = sum((value - mean) ** 2 for value in x) / (n - 1)
    return variance, count, min(max(max(spread, least) / variance, 1), n)


def slow_mean(
    values: list[float | None], interval_s: float, scale: list[float]
) -> list[float] | None:
    x = [value for value in values if value is not None]
    if not x:
        return None
    mean = sum(x) / len(x)
    if len(x) < 8:
        return [mean, scale[0], scale[1], 1]
    variance, count, worth = slow_error(x, interval_s, scale[1] - scale[0])
    half = T[count - 3] * math.sqrt(variance)
    return [mean, max(scale[0], mean - half), min(scale[1], mean + half), worth]


def slow_trend(
    times: list[float], values: list[float | None], interval_s: float
) -> list[float] | None:
    pairs = [(t, value) for t, value in zip(times, values, strict=True) if value is not None]
    n = len(pairs)
    if n < 8 or pairs[-1][0] - pairs[0][0] < 30:
        return None
    middle = sum(t for t, _ in pairs) / n
    mean = sum(value for _, value in pairs) / n
    time = [t - middle for t, _ in pairs]
    level = [value - mean for _, value in pairs]
    spread = sum(t * t for t in time)
    slope = sum(t * value for t, value in zip(time, level, strict=True)) / spread
    count = slow_cosines(n * interval_s)
    base = [[1.0] * n, time]
    base += [[slow_cosine(j, i, n) for i in range(n)] for j in range(1, count + 1)]
    done: list[list[float]] = []
    for vector in base:
        left = vector
        for _ in range(2):  # Gram and Schmidt, twice for accuracy
            for other in done:
                part = sum(a * b for a, b in zip(left, other, strict=True))
                left = [a - part * b for a, b in zip(left, other, strict=True)]
        length = math.sqrt(sum(a * a for a in left))
        done.append([a / length for a in left])
    weights = [sum(a * b for a, b in zip(vector, level, strict=True)) for vector in done[2:]]
    variance = max(
        sum(w * w for w in weights) / count / spread, 0.05**2 * max(10 / interval_s, 1) / spread
    )
    rest = sum((value - slope * t) ** 2 for t, value in zip(time, level, strict=True)) / (n - 2)
    half = T[count - 3] * math.sqrt(variance)
    worth = min(max(n * max(rest, 0.05**2) / spread / variance, 1), n)
    return [60 * slope, 60 * (slope - half), 60 * (slope + half), worth]


def slow_change(
    values: list[float | None], interval_s: float, scale: list[float]
) -> list[float] | None:
    x = [value for value in values if value is not None]
    base_s = min(120, len(x) * interval_s / 3)
    n = int(base_s / interval_s + 1e-9)
    if base_s < 20 or n < 8:
        return None
    size = scale[1] - scale[0]
    v1, b1, n1 = slow_error(x[:n], interval_s, size)
    v2, b2, n2 = slow_error(x[n:], interval_s, size)
    change = sum(x[n:]) / len(x[n:]) - sum(x[:n]) / n
    half = T[min(b1, b2) - 3] * math.sqrt(v1 + v2)
    return [change, max(-size, change - half), min(size, change + half), min(n1, n2)]


def slow_rolling(
    times: list[float], values: list[float | None], span_s: float | None
) -> list[float | None]:
    result: list[float | None] = []
    for now in times:
        seen = [
            value
            for t, value in zip(times, values, strict=True)
            if value is not None and t <= now and (span_s is None or t > now - span_s + 1e-6)
        ]
        result.append(sum(seen) / len(seen) if seen else None)
    return result


def test_vectors_are_for_a_version_that_can_be_computed() -> None:
    assert CASES["scoring_version"] in SCORING_VERSIONS


@ids("samples")
def test_a_sample_scores_as_the_vectors_say(case: dict[str, Any]) -> None:
    profile = PROFILES[case["profile"]]
    probs = np.array([case["probs"]], np.float32)
    assert profile.engagement(probs)[0] == pytest.approx(case["engagement"], abs=TOLERANCE)
    score = profile.score(probs)
    assert (score is None) == (case["score"] is None)
    if score is not None:
        assert score[0] == pytest.approx(case["score"], abs=TOLERANCE)


@ids("attention")
def test_attention_follows_the_vectors(case: dict[str, Any]) -> None:
    found = attention(
        numbers(case["yaw_deg"]).astype(np.float32),
        numbers(case["pitch_deg"]).astype(np.float32),
        numbers(case["eye_opening"]).astype(np.float32),
    )
    assert found == pytest.approx(numbers(case["expected"]), abs=1e-6, nan_ok=True)


@ids("means")
def test_a_mean_and_its_interval_follow_the_vectors(case: dict[str, Any]) -> None:
    values, interval_s, scale = case["values"], case["interval_s"], case["scale"]
    assert slow_mean(values, interval_s, scale) == pytest.approx(case["expected"], abs=TOLERANCE)
    found = estimate_mean(numbers(values), interval_s, (scale[0], scale[1]))
    assert agrees(found, case["expected"])


@ids("trends")
def test_a_trend_and_its_interval_follow_the_vectors(case: dict[str, Any]) -> None:
    times, values, interval_s = case["t_s"], case["values"], case["interval_s"]
    assert slow_trend(times, values, interval_s) == pytest.approx(case["expected"], abs=TOLERANCE)
    assert agrees(estimate_trend(np.array(times), numbers(values), interval_s), case["expected"])


@ids("changes")
def test_a_change_from_the_first_minutes_follows_the_vectors(case: dict[str, Any]) -> None:
    values, interval_s, scale = case["values"], case["interval_s"], case["scale"]
    assert slow_change(values, interval_s, scale) == pytest.approx(case["expected"], abs=TOLERANCE)
    found = estimate_change(numbers(values), interval_s, (scale[0], scale[1]))
    assert agrees(found, case["expected"])


@ids("rolling")
def test_rolling_means_follow_the_vectors(case: dict[str, Any]) -> None:
    times, values, span_s = case["t_s"], case["values"], case["span_s"]
    expected = numbers(case["expected"])
    slow = numbers(slow_rolling(times, values, span_s))
    assert slow == pytest.approx(expected, abs=TOLERANCE, nan_ok=True)
    found = rolling_mean(np.array(times), numbers(values), math.inf if span_s is None else span_s)
    assert found == pytest.approx(expected, abs=TOLERANCE, nan_ok=True)


@ids("talk")
def test_talk_follows_the_vectors(case: dict[str, Any]) -> None:
    spoken = Spoken(
        duration_s=case["duration_s"],
        sides=case["sides"],
        is_known=[True] * len(case["sides"]),
        spans=[(who, (*span,)) for who, spans in enumerate(case["spans"]) for span in spans],
        lines=[
            (who, TranscriptLine(start, end, "", text)) for who, start, end, text in case["lines"]
        ],
    )
    for found, expected in zip(person_talk(spoken), case["expected"], strict=True):
        assert asdict(found) == pytest.approx(expected, abs=TOLERANCE)
    assert asdict(call_talk(spoken)) == pytest.approx(case["call"], abs=TOLERANCE)


@pytest.mark.parametrize("seed", range(4))
def test_program_and_slow_implementation_agree_on_any_series(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = np.clip(0.5 + np.cumsum(rng.normal(0, 0.04, 200)), 0, 1)
    values[rng.random(200) < 0.2] = np.nan
    times = np.cumsum(rng.uniform(0.4, 0.7, 200))
    plain = [None if math.isnan(value) else float(value) for value in values]
    assert agrees(estimate_mean(values, 0.5, (0.0, 1.0)), slow_mean(plain, 0.5, [0, 1]))
    assert agrees(estimate_trend(times, values, 0.5), slow_trend(times.tolist(), plain, 0.5))
    assert agrees(estimate_change(values, 0.5, (0.0, 1.0)), slow_change(plain, 0.5, [0, 1]))
