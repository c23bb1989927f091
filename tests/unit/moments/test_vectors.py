"""The calls of tests/vectors/moments.json have their moments, by a second, slow implementation too.

The slow one follows docs/scoring.md, 9 step by step in plain Python for the rises and falls of one
person, so that a mistake in one of the two shows.
"""

from __future__ import annotations

import json
import math
from statistics import median
from typing import Any

import numpy as np
import pytest

from inference.moments.find import Scene, find_moments
from inference.schema.analysis import Moment
from inference.schema.meeting import TranscriptLine
from inference.scoring.engagement import engagement_course
from inference.scoring.profiles import PROFILES
from inference.scoring.score import Faces, Scored
from tests.places import VECTORS

CASES: list[dict[str, Any]] = json.loads((VECTORS / "moments.json").read_text("utf-8"))["calls"]
CASE = pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
EPS = 1e-6


def samples(runs: list[list[Any]], interval_s: float) -> list[Any]:
    return [value for seconds, value in runs for _ in range(round(seconds / interval_s))]


def scene(case: dict[str, Any]) -> Scene:
    """The call as the program sees it; probabilities and attention are given in runs."""
    interval_s, duration_s = case["interval_s"], case["duration_s"]
    t_s = np.arange(round(duration_s / interval_s), dtype=np.float64) * interval_s
    faces: list[Scored | None] = []
    for person in case["people"]:
        if person["probs"] is None:
            faces.append(None)
            continue
        rows = samples(person["probs"], interval_s)
        probs = np.array([[math.nan] * 7 if row is None else row for row in rows], np.float32)
        looks = np.array(samples(person["attention"], interval_s), np.float64)
        turns = [(start, end) for start, end in person["turns"]]
        course = engagement_course(t_s, interval_s, probs, looks, turns, PROFILES["sales"])
        faces.append(Scored(Faces(~np.isnan(probs[:, 0]), probs, looks), course))
    return Scene(
        t_s, interval_s, duration_s,
        names=[person["name"] for person in case["people"]],
        faces=faces,
        talk=[[(start, end) for start, end in person["turns"]] for person in case["people"]],
        lines=[TranscriptLine(*line) for line in case["lines"]],
        sides=[person["side"] for person in case["people"]],
    )  # fmt: skip


def plain(moment: Moment) -> dict[str, Any]:
    return {
        "kind": moment.kind, "participants": list(moment.participants), "what": moment.what,
        "change_s": moment.change_s, "lasted_s": moment.lasted_s, "said_by": moment.said_by,
        "is_greeting": moment.is_greeting, "before": moment.before, "after": moment.after,
        "strength": moment.strength, "silence_s": moment.silence_s, "reason": moment.reason,
        "lines": [[line.text, line.at_change, line.pause_s] for line in moment.lines],
    }  # fmt: skip


@CASE
def test_a_call_has_the_moments_that_the_page_defines(case: dict[str, Any]) -> None:
    found = [plain(moment) for moment in find_moments(scene(case))]
    assert len(found) == len(case["moments"])
    for one, expected in zip(found, case["moments"], strict=True):
        for name, value in expected.items():
            assert one[name] == (
                pytest.approx(value, abs=1e-5) if isinstance(value, float) else value
            ), name


class Slow:
    """The samples of one person that may be compared."""

    def __init__(self, case: dict[str, Any], person: int) -> None:
        call = scene(case)
        face = call.faces[person]
        assert face is not None
        own = [tuple(span) for span in case["people"][person]["turns"]]
        self.step_s = float(case["interval_s"])
        self.t: list[float] = []
        self.x: list[float] = []
        for t, value in zip(call.t_s.tolist(), face.course.values.tolist(), strict=True):
            speaks = any(start <= t < end for start, end in own)
            is_near = any(abs(t - edge) <= 1 + EPS for span in own for edge in span)
            if not speaks and not is_near:
                self.t.append(t)
                self.x.append(value)

    def windows(self, i: int, before_s: float, after_s: float) -> tuple[list[float], list[float]]:
        b, a = round(before_s / self.step_s), round(after_s / self.step_s)
        before = [
            j for j in range(i - b, i) if j >= 0 and self.t[j] > self.t[i] - 3 * before_s - EPS
        ]
        after = [j for j in range(i, i + a) if j < len(self.t)]
        after = [j for j in after if self.t[j] < self.t[i] + 3 * after_s - EPS]
        return [self.x[j] for j in before], [self.x[j] for j in after]

    def mean(self, window: list[float], span_s: float) -> tuple[float, float] | None:
        seen = [value for value in window if not math.isnan(value)]
        seen_s = len(seen) * self.step_s
        if not seen or len(seen) < 0.6 * len(window) - EPS:
            return None
        if seen_s < min(0.6 * span_s, 5) - EPS:
            return None
        return sum(seen) / len(seen), seen_s

    def change(self, i: int, before_s: float, after_s: float) -> tuple[float, ...] | None:
        before, after = self.windows(i, before_s, after_s)
        was, is_now = self.mean(before, before_s), self.mean(after, after_s)
        return None if was is None or is_now is None else (*was, *is_now)

    def moves(self) -> list[tuple[str, float, float, float, float]]:
        """Return kind, change_s, lasted_s, before and after of each rise and fall."""
        count = len(self.t)
        jumps = [
            self.x[i + 1] - self.x[i]
            for i in range(count - 1)
            if self.t[i + 1] - self.t[i] <= 1.5 * self.step_s
            and not math.isnan(self.x[i + 1] - self.x[i])
        ]
        first = math.sqrt(sum(j * j for j in jumps) / len(jumps) / 2 * self.step_s)
        short = [self.change(i, 5, 5) for i in range(count)]
        usual = median(abs(c[2] - c[0]) for c in short if c is not None)
        second = usual / 0.6745 * math.sqrt(5 / 2)
        changes = [self.change(i, 20, 10) for i in range(count)]
        found = []
        for kind, sign in (("rise", 1), ("fall", -1)):
            left = {
                i: sign * (c[2] - c[0])
                for i, c in enumerate(changes)
                if c is not None
                and sign * (c[2] - c[0])
                >= max(0.15, 5 * max(first, second) * math.sqrt(1 / c[1] + 1 / c[3]))
            }
            while left:
                best = max(left, key=lambda i: (left[i], -i))
                left = {i: s for i, s in left.items() if abs(self.t[i] - self.t[best]) >= 30}
                c = changes[best]
                assert c is not None
                i = self.split(best, sign)
                at_s = self.at_s(i)
                found.append((kind, at_s, self.lasted(i, at_s, c[0], c[2]), c[0], c[2]))
        return found

    def split(self, peak: int, sign: int) -> int:
        width, gains = round(6 / self.step_s), {}
        search = round(10 / self.step_s)
        for i in range(max(peak - search, 0), min(peak + search, len(self.t) - 1) + 1):
            if math.isnan(self.x[i]):
                continue
            m = [v for v in self.x[max(i - width, 0) : i] if not math.isnan(v)]
            n = [v for v in self.x[i : i + width] if not math.isnan(v)]
            weight = math.sqrt(len(m) * len(n) / (len(m) + len(n)))
            gains[i] = sign * weight * (sum(n) / len(n) - sum(m) / max(len(m), 1))
        return max(gains, key=lambda i: (gains[i], -i))

    def lasted(self, i: int, at_s: float, before: float, after: float) -> float:
        width, middle = round(5 / self.step_s), (before + after) / 2
        for j in range(i, len(self.t)):
            rest = [v for v in self.x[j : j + width] if not math.isnan(v)]
            if math.isnan(self.x[j]) or len(rest) * self.step_s < 3 - EPS:
                continue
            mean = sum(rest) / len(rest)
            if (mean < middle) if after > before else (mean > middle):
                near = min(j + round(2.5 / self.step_s), len(self.t) - 1)
                back = self.split(near, -1 if after > before else 1)
                return self.at_s(back) - at_s
        seen = [t for t, v in zip(self.t, self.x, strict=True) if not math.isnan(v)]
        return seen[-1] + self.step_s - at_s

    def at_s(self, i: int) -> float:
        was = [j for j in range(i) if not math.isnan(self.x[j])]
        is_now = [j for j in range(i, len(self.t)) if not math.isnan(self.x[j])]
        last, apart_s = was[-1], self.t[i] - self.t[was[-1]]
        if apart_s - (i - last) * self.step_s <= self.step_s:
            return self.t[last] + apart_s / 2

        def mean(at: list[int]) -> float:
            return sum(self.x[j] for j in at) / len(at)

        second, six = round(1 / self.step_s), round(6 / self.step_s)
        before, after = mean(was[-six:]), mean(is_now[:six])
        begun = (mean(was[-second:]) - before) / (after - before)
        lacking = (after - mean(is_now[:second])) / (after - before)
        if lacking > max(begun, 0.1):
            return self.t[i] - self.step_s / 2
        return self.t[last] + self.step_s / 2


@pytest.mark.parametrize(
    "case", [case for case in CASES if "slow" in case], ids=lambda case: case["name"]
)
def test_a_slow_reading_of_the_page_finds_the_same_changes(case: dict[str, Any]) -> None:
    person = case["slow"]
    shifts = [m["change_s"] for m in case["moments"] if m["kind"] == "to_happy"]
    slow = sorted(
        move
        for move in Slow(case, person).moves()
        if move[0] == "fall" or not any(abs(move[1] - at_s) < 15 for at_s in shifts)
    )
    slow.sort(key=lambda move: move[1])
    expected = [m for m in case["moments"] if m["participants"] == [person]]
    expected = sorted(
        (m for m in expected if m["kind"] in ("rise", "fall")), key=lambda m: m["change_s"]
    )
    assert [move[0] for move in slow] == [m["kind"] for m in expected]
    for move, m in zip(slow, expected, strict=True):
        assert move[1:] == pytest.approx(
            (m["change_s"], m["lasted_s"], m["before"], m["after"]), abs=1e-5
        )
