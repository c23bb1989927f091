"""The running engagement of people, by version 1 of the scoring (docs/scoring-v1.md).

Version 2 compares a face with the person's own calm face over the whole call, which nobody knows
while the recording is drawn.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from bot.annotated.running_names import Who
from inference.observer import SeenSample
from inference.schema.arrays import F32, F64
from inference.scoring.profiles import Profile
from inference.scoring.score import ROLLING_S, rolling_mean

MEAN_S = ROLLING_S[0]
POINTS = 600
"""Points of a drawn line; more could not be told apart in a frame."""
GUESSED_S = 600.0
"""Assumed length of a recording that does not state it; the axis doubles when it is exceeded."""
SEEN_WITHIN_S = 2.0
"""Somebody last seen longer ago is not seen now: their mean is not carried on."""


@dataclass(frozen=True, slots=True)
class Running:
    """Engagement 0–1 at one moment, mean of the last 30 s; people by number, None: not seen."""

    t_s: float
    people: dict[int, float | None]


class RunningEngagement:
    """Tracks the mean over the last 30 s of everyone who is scored."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._recent: deque[tuple[float, list[tuple[int, tuple[bool, float], float]]]] = deque()

    def add(self, seen: SeenSample, who: Mapping[int, Who]) -> Running:
        """Take a sample and return the means that now apply.

        What a face showed counts for the person it belongs to by what is known now.
        """
        values = self._profile.engagement(seen.probs) if len(seen.tracks) else np.zeros(0)
        sides = seen.boxes[:, 2:] - seen.boxes[:, :2]
        rows = [
            (track, (not math.isnan(value), float(area)), float(value))
            for track, value, area in zip(seen.tracks, values, sides.prod(axis=1), strict=True)
        ]
        self._recent.append((seen.t_s, rows))
        while self._recent[0][0] <= seen.t_s - MEAN_S:
            self._recent.popleft()
        numbers = sorted({one.number for one in who.values() if one.is_scored})
        t_s = np.array([at for at, _ in self._recent])
        people = {}
        for number in numbers:
            series = self._series(number, who)
            now = series[t_s > seen.t_s - SEEN_WITHIN_S]
            is_seen = not np.isnan(now).all()
            people[number] = _last(rolling_mean(t_s, series, MEAN_S)) if is_seen else None
        return Running(seen.t_s, people)

    def _series(self, number: int, who: Mapping[int, Who]) -> F64:
        """Return a person's engagement at recent samples; of several faces, as `select_faces`."""
        course = np.full(len(self._recent), np.nan)
        for k, (_, rows) in enumerate(self._recent):
            own = [
                (rank, -track, value)
                for track, rank, value in rows
                if track in who and who[track].number == number
            ]
            if own:
                course[k] = max(own)[2]
        return course


@dataclass(slots=True)
class Curves:
    """The curves so far, averaged over at most `POINTS` equal spans of the recording."""

    duration_s: float
    people: dict[int, F32] = field(default_factory=dict)
    _count: dict[tuple[int, int], int] = field(default_factory=dict)

    def add(self, running: Running) -> None:
        """Add the means of one moment."""
        while running.t_s >= self.duration_s:
            self._double()
        point = min(int(running.t_s / self.duration_s * POINTS), POINTS - 1)
        for number, value in running.people.items():
            course = self.people.setdefault(number, _no_course())
            self._put(course, number, point, value)

    def _put(self, course: F32, number: int, point: int, value: float | None) -> None:
        if value is None:
            return
        before = self._count.get((number, point), 0)
        old = float(course[point]) if before else 0.0
        course[point] = (old * before + value) / (before + 1)
        self._count[number, point] = before + 1

    def _double(self) -> None:
        self.duration_s *= 2
        for course in self.people.values():
            halves = course.reshape(-1, 2)
            known = ~np.isnan(halves)
            total = np.where(known, halves, 0).sum(axis=1)
            course[: POINTS // 2] = np.where(
                known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), np.nan
            )
            course[POINTS // 2 :] = np.nan
        self._count = {
            (number, point // 2): count for (number, point), count in self._count.items()
        }


def _no_course() -> F32:
    return np.full(POINTS, np.nan, np.float32)


def _last(course: F32) -> float | None:
    return None if not len(course) or math.isnan(course[-1]) else float(course[-1])
