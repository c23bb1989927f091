"""The truth about whose face is where, as stated in a file, and how such files are read.

`evaluate_attribution` says what the fields mean.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeGuard

from inference.errors import InferenceError

MARGIN_S = 0.6
"""Around a change, neither the truth nor a picture is sure to show the one or the other."""
_MOVED_PX = 2.0
"""A tile of the truth that moves less stays where it is: rounding."""
_LONGEST_S = 7 * 86400.0
LARGEST = 1e12
"""No second, pixel or number of people is larger; what is, is no number here."""
_NEAR = 0.75
"""Times the truth's interval: what lies farther from every sample has no truth."""

Row = Mapping[str, Any]
Box = tuple[float, float, float, float]


class WrongFile(InferenceError):
    """A truth or result that is not of the shape described above."""


class Truth:
    """The truth by sample: `times` ascending, and in each the people and their tiles."""

    def __init__(self, truth: object) -> None:
        faces = read_rows(truth, "faces", "truth", ("t_s", "box"), is_needed=True)
        assert isinstance(truth, dict), "read_rows looked"
        by_time: dict[float, list[Row]] = defaultdict(list)
        for row in faces:
            by_time[float(row["t_s"])].append(row)
        self.times = sorted(by_time)
        if not self.times:
            raise WrongFile("The truth shows nobody: its list of faces is empty.")
        self.interval_s = interval_s_of(self.times) or 1.0
        self.names = [[_name(row) for row in by_time[t]] for t in self.times]
        self.boxes = [[box_of(row, "truth") for row in by_time[t]] for t in self.times]
        self.is_shared = [[_people(row) > 1 for row in by_time[t]] for t in self.times]
        self.labels = [[row.get("label") for row in by_time[t]] for t in self.times]
        self.layouts = read_rows(truth, "layouts", "truth", ("start_s", "end_s", "kind"))
        if any(one["end_s"] - one["start_s"] > _LONGEST_S for one in self.layouts or ()):
            raise WrongFile("A layout of the truth lasts for more than a week.")
        self._speaking = read_rows(truth, "speaking", "truth", ("name", "start_s", "end_s"))
        changes = truth.get("changes")
        if changes is None:
            self.changes = self._own_changes()
        elif isinstance(changes, list) and all(is_number(at) for at in changes):
            self.changes = sorted(float(at) for at in changes)
        else:
            raise WrongFile("The truth's changes are not a list of seconds.")
        self.is_left_out = [self.is_near_change(t) for t in self.times]

    def _own_changes(self) -> list[float]:
        changes = []
        for k in range(1, len(self.times)):
            before, now = self.times[k - 1], self.times[k]
            if now - before <= 1.5 * self.interval_s:
                if not self._is_same(k - 1, k):
                    changes.append((before + now) / 2)
            else:  # nobody was shown in between
                changes += [before + self.interval_s / 2, now - self.interval_s / 2]
        return changes

    def _is_same(self, k: int, other: int) -> bool:
        def placed(sample: int) -> list[tuple[str, Box]]:
            return sorted(
                (name or "", box)
                for name, box in zip(self.names[sample], self.boxes[sample], strict=True)
            )

        first, second = placed(k), placed(other)
        return [name for name, _ in first] == [name for name, _ in second] and all(
            abs(a - b) <= _MOVED_PX
            for (_, box), (_, moved) in zip(first, second, strict=True)
            for a, b in zip(box, moved, strict=True)
        )

    def is_near_change(self, t_s: float) -> bool:
        """Return whether a change lies within the margin."""
        k = bisect_left(self.changes, t_s - MARGIN_S - 1e-9)
        return k < len(self.changes) and self.changes[k] <= t_s + MARGIN_S + 1e-9

    def nearest(self, t_s: float) -> int:
        """Return the index of the nearest sample, the earlier of two."""
        k = bisect_left(self.times, t_s)
        if k == len(self.times) or (k and t_s - self.times[k - 1] <= self.times[k] - t_s):
            return k - 1
        return k

    def place(self, t_s: float, box: Box) -> tuple[int | None, int | None]:
        """Return a face's sample and tile: (None, None) left out, (sample, None) in no tile."""
        sample = self.nearest(t_s)
        if abs(self.times[sample] - t_s) > _NEAR * self.interval_s:
            # Either nobody is shown, as while a screen alone is shared, or the truth is silent.
            is_known = self._has_layout(t_s) and not self.is_near_change(t_s)
            return (sample if is_known else None), None
        if self.is_left_out[sample]:
            return None, None
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        inside = [
            (area(tile), k)
            for k, tile in enumerate(self.boxes[sample])
            if tile[0] <= x <= tile[2] and tile[1] <= y <= tile[3]
        ]
        return sample, min(inside)[1] if inside else None

    def _has_layout(self, t_s: float) -> bool:
        return any(one["start_s"] <= t_s < one["end_s"] for one in self.layouts or ())

    def speakers(self, min_s: float) -> set[str] | None:
        """Return those who speak for that long; None where the truth does not say who speaks."""
        if self._speaking is None:
            return None
        spoken: dict[str, float] = defaultdict(float)
        for row in self._speaking:
            spoken[str(row["name"])] += float(row["end_s"]) - float(row["start_s"])
        return {name for name, seconds in spoken.items() if seconds >= min_s - 1e-6}


def read_rows(
    content: object, name: str, which: str, needed: Iterable[str], *, is_needed: bool = False
) -> Any:
    """Return the list of that name, its rows checked for the fields needed; None where absent."""
    if not isinstance(content, dict):
        raise WrongFile(f"The {which} is JSON but not an object.")
    rows = content.get(name)
    if rows is None and not is_needed:
        return None
    if not isinstance(rows, list):
        hint = "; analyse with --json --faces" if (which, name) == ("result", "faces") else ""
        raise WrongFile(f'The {which} has no "{name}" list{hint}.')
    for number, row in enumerate(rows):
        for wanted in needed:
            is_time = wanted.endswith("_s")
            if not isinstance(row, dict) or wanted not in row:
                raise WrongFile(f'The {which}\'s {name}: row {number} has no "{wanted}".')
            if is_time and not is_number(row[wanted]):
                raise WrongFile(f'The {which}\'s {name}: row {number} has no number in "{wanted}".')
    return rows


def is_number(value: object) -> TypeGuard[float]:
    """Return whether the value is a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    # A whole number of JSON may be larger than any float.
    return -LARGEST <= value <= LARGEST


def _name(row: Row) -> str | None:
    name = row.get("name")
    if name is not None and not isinstance(name, str):
        raise WrongFile("A name in the truth is not a string.")
    return name or None


def _people(row: Row) -> float:
    people = row.get("people", 1)
    if not is_number(people):
        raise WrongFile("A number of people in the truth is not a number.")
    return people


def box_of(row: object, which: str) -> Box:
    """Return the row's box; WrongFile where it has none."""
    return as_box(row.get("box") if isinstance(row, dict) else None, which)


def tiles_in(row: Row, which: str) -> Sequence[Any]:
    """Return the row's tiles, not yet parsed; empty where they are null or absent."""
    tiles = row.get("tiles") or []
    if not isinstance(tiles, list):
        raise WrongFile(f"The tiles of a layout in the {which} are not a list.")
    return tiles


def as_box(corners: Any, which: str) -> Box:
    """Parse four numbers as a box; WrongFile where they are something else."""
    if not isinstance(corners, list) or len(corners) != 4 or not all(map(is_number, corners)):
        raise WrongFile(f"A box in the {which} is not four numbers.")
    return (float(corners[0]), float(corners[1]), float(corners[2]), float(corners[3]))


def interval_s_of(times: Sequence[float]) -> float | None:
    """Return the usual step between different times, gaps aside; None for fewer than two."""
    distinct = sorted(set(times))
    steps = sorted(b - a for a, b in itertools.pairwise(distinct))
    if not steps:
        return None
    # At 25 frames/s, samples taken twice a second are 0.48 and 0.52 s apart: the mean counts.
    usual = [step for step in steps if step <= 1.5 * steps[len(steps) // 2]]
    return sum(usual) / len(usual)


def area(box: Box) -> float:
    """Return the area; 0 for a box with its corners swapped."""
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def overlap(a: Box, b: Box) -> float:
    """Intersection over union, 0–1."""
    common = area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))
    both = area(a) + area(b) - common
    return common / both if both > 0 else 0.0
