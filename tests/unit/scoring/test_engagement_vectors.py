"""The vectors of version 2 hold for the program and for a second, slow implementation.

The second one follows docs/scoring.md step by step in plain Python, without arrays, so that a
mistake in one of them shows. It is also how the expected values were written.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from inference.schema.arrays import EXPRESSIONS, F64
from inference.scoring.engagement import EngagementCourse, engagement_course
from inference.scoring.face_words import FACE_WORDS, face_rest, face_words, word_seconds
from inference.scoring.profiles import PROFILES, SCORING_VERSION
from inference.scoring.score import counted
from tests.places import VECTORS

CASES: dict[str, Any] = json.loads((VECTORS / "scoring_v2.json").read_text("utf-8"))

TOLERANCE = 1e-6
"""The file holds nine digits, and probabilities are of single precision."""

WEIGHTS = [0, 0, 1 / 9, 1, 2 / 9, 7 / 9, 4 / 9]

Sample = float | None


def unrolled(runs: list[list[Any]]) -> list[Any]:
    """Return the values of [[count, value], …]."""
    return [value for count, value in runs for _ in range(count)]


def numbers(values: list[Sample]) -> F64:
    return np.array([math.nan if value is None else value for value in values], np.float64)


def computed(case: dict[str, Any]) -> EngagementCourse:
    probs = [row or [math.nan] * 7 for row in unrolled(case["probs"])]
    return engagement_course(
        np.arange(len(probs)) * case["interval_s"],
        case["interval_s"],
        np.array(probs, np.float32),
        numbers(unrolled(case["attention"])),
        case["turns"],
        PROFILES["sales"],
    )


# The slow implementation.


def slow_median(values: list[float]) -> float:
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def slow_quartile(values: list[float]) -> float:
    ordered = sorted(values)
    at = 0.25 * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (at - low) * (ordered[high] - ordered[low])


def slow_running(times: list[float], values: list[Sample]) -> list[Sample]:
    result: list[Sample] = []
    for now, here in zip(times, values, strict=True):
        near = [
            value
            for t, value in zip(times, values, strict=True)
            if value is not None and abs(t - now) <= 1.5 + 1e-6
        ]
        result.append(None if here is None else slow_median(near))
    return result


def slow_turns(case: dict[str, Any]) -> list[list[float]]:
    joined: list[list[float]] = []
    for start, end in sorted(case["turns"] or []):
        if joined and start - joined[-1][1] <= 2:
            joined[-1][1] = max(joined[-1][1], end)
        else:
            joined.append([start, end])
    return joined


def slow_course(case: dict[str, Any]) -> dict[str, Any]:
    rows, attention = unrolled(case["probs"]), unrolled(case["attention"])
    interval_s = case["interval_s"]
    times = [i * interval_s for i in range(len(rows))]
    turns = slow_turns(case)
    speaking = [any(start <= t < end for start, end in turns) for t in times]
    near = [any(abs(t - edge) <= 1 + 1e-6 for turn in turns for edge in turn) for t in times]
    x: list[Sample] = [
        None if row is None else sum(p * w for p, w in zip(row, WEIGHTS, strict=True))
        for row in rows
    ]
    if case["turns"] is None:
        x = slow_running(times, x)
    listened = [
        value
        for value, spoke, edge in zip(x, speaking, near, strict=True)
        if value is not None and not spoke and not edge
    ]
    spoken = [
        value
        for value, spoke, edge in zip(x, speaking, near, strict=True)
        if value is not None and spoke and not edge
    ]
    rest = 4 / 9
    if len(listened) * interval_s >= 20:
        rest = min(slow_median(listened), max(slow_quartile(listened), 4 / 9))
        rest = min(max(rest, 0.30), 0.75)
    speaking_rest = slow_median(spoken) if len(spoken) * interval_s >= 20 else None
    smooth = slow_running(times, attention)
    known = [value for value in smooth if value is not None]
    usual = slow_median(known) if known else 1.0
    values: list[Sample] = []
    for row, here, spoke, facing in zip(rows, x, speaking, smooth, strict=True):
        if row is None or here is None:
            values.append(None)
            continue
        sure = min(max((max(row) - 1 / 7) / (0.5 - 1 / 7), 0), 1)
        if not spoke:
            level = 0.65 + 0.7 * sure * (here - rest)
        elif speaking_rest is None:
            level = 0.65
        else:
            level = 0.65 + 0.35 * sure * (here - speaking_rest)
        factor = 0.5 + 0.5 * (usual if facing is None else facing)
        values.append(factor * min(max(level, 0), 1))
    listening = [None if spoke else value for value, spoke in zip(values, speaking, strict=True)]
    counts = [value for value in listening if value is not None]
    basis = "listening" if len(counts) * interval_s >= 20 else "all"
    if basis == "all":
        counts = [value for value in values if value is not None]
    return {
        "rest": rest,
        "speaking_rest": speaking_rest,
        "basis": basis,
        "mean": sum(counts) / len(counts) if counts else None,
        "word_s": slow_words(rows, speaking, near, interval_s),
        "values": values,
    }


def slow_words(
    rows: list[Any], speaking: list[bool], near: list[bool], interval_s: float
) -> dict[str, float]:
    looks = [
        None if row is None else [row[3], row[5], row[0] + row[1] + row[2] + row[4]] for row in rows
    ]
    calm = [
        look
        for look, spoke, edge in zip(looks, speaking, near, strict=True)
        if look is not None and not spoke and not edge
    ]
    rest = [0.0] * 3
    if len(calm) * interval_s >= 20:
        rest = [slow_quartile([look[k] for look in calm]) for k in range(3)]
    names = ("smiling", "surprised-looking", "tense")
    limits = [min(rest[k] + above, 0.75) for k, above in enumerate((0.25, 0.5, 0.5))]
    seconds = dict.fromkeys(("smiling", "calm", "surprised-looking", "tense"), 0.0)
    for look, spoke in zip(looks, speaking, strict=True):
        if look is None or spoke:
            continue
        shown = [(look[k], names[k]) for k in range(3) if look[k] >= limits[k]]
        seconds[max(shown)[1] if shown else "calm"] += interval_s
    return seconds if any(seconds.values()) else {}


def test_vectors_are_for_the_version_of_the_program() -> None:
    assert CASES["scoring_version"] == SCORING_VERSION
    assert tuple(CASES["labels"]) == EXPRESSIONS


every_case = pytest.mark.parametrize("case", CASES["courses"], ids=lambda case: case["name"])


@every_case
def test_the_slow_implementation_follows_the_vectors(case: dict[str, Any]) -> None:
    found, expected = slow_course(case), case["expected"]
    assert numbers(found.pop("values")) == pytest.approx(
        numbers(unrolled(expected["values"])), abs=TOLERANCE, nan_ok=True
    )
    assert found["basis"] == expected["basis"]
    assert found["word_s"] == pytest.approx(expected["word_s"])
    for name in ("rest", "speaking_rest", "mean"):
        assert found[name] == pytest.approx(expected[name], abs=TOLERANCE)


@every_case
def test_a_course_follows_the_vectors(case: dict[str, Any]) -> None:
    course, expected = computed(case), case["expected"]
    assert course.values == pytest.approx(
        numbers(unrolled(expected["values"])), abs=TOLERANCE, nan_ok=True
    )
    assert course.rest == pytest.approx(expected["rest"], abs=TOLERANCE)
    assert course.speaking_rest == pytest.approx(expected["speaking_rest"], abs=TOLERANCE)
    values, basis = counted(course.listening, course.values, case["interval_s"])
    assert basis == expected["basis"]
    mean = None if np.isnan(values).all() else float(np.nanmean(values))
    assert mean == pytest.approx(expected["mean"], abs=TOLERANCE)


@every_case
def test_the_words_for_a_face_follow_the_vectors(case: dict[str, Any]) -> None:
    course, interval_s = computed(case), case["interval_s"]
    probs = np.array([row or [math.nan] * 7 for row in unrolled(case["probs"])], np.float32)
    words = face_words(probs, face_rest(probs, course.counts_as_rest, interval_s))
    found = word_seconds(words, ~course.speaking, interval_s)
    assert found == pytest.approx(case["expected"]["word_s"])
    assert set(found) <= set(FACE_WORDS)


@pytest.mark.parametrize("anchor", CASES["anchors"], ids=lambda anchor: anchor["name"])
def test_a_look_is_worth_what_the_page_says(anchor: dict[str, Any]) -> None:
    case = next(case for case in CASES["courses"] if case["name"] == anchor["case"])
    value = computed(case).values[anchor["sample"]]
    assert round(100 * value) == anchor["points"]
