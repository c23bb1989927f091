"""Which of several spans of time cover the most of it: of files that show the same call at once.

Spans are from when to when, in seconds on one clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Span = tuple[float, float]

SAME_TIME_S = 2.0
"""Spans that differ by no more cover the same time: Zoom's times are whole seconds."""
SAME_TIME_SHARE = 0.1
"""A difference is never ignored if it is more than this share of a span."""


@dataclass(frozen=True, slots=True)
class Option:
    """One file to choose from."""

    id: str
    span: Span
    rank: tuple[int, ...] = ()
    """Its kind: of kinds that cover as much time, the lowest is chosen."""
    is_last_resort: bool = False
    """Whether it is used only for a stretch that no other option covers."""
    size: int = 0
    """Of two equal options, the larger is chosen."""

    @property
    def length_s(self) -> float:
        """The length of its span."""
        return self.span[1] - self.span[0]

    @property
    def order(self) -> tuple[float, float, int, str]:
        """Sorts options: longest first, and equal ones always in the same order."""
        return -self.length_s, self.span[0], -self.size, self.id


def cover(options: Iterable[Option]) -> list[str]:
    """Return the ids of the options that cover as much time as possible, once, in time order.

    Options that overlap by more than half of the shorter one show the same stretch. Of these, the
    kind that covers most of it is chosen; then any that adds a stretch of its own, if more than
    half of it does. Of one or more options, at least one is chosen, even if it has no length.
    """
    groups: list[list[Option]] = []
    start_s = end_s = 0.0
    for option in sorted(options, key=lambda option: (option.span[0], *option.order)):
        shorter_s = min(option.length_s, end_s - start_s)
        is_same = option.span[0] == start_s or end_s - option.span[0] > shorter_s / 2
        if groups and is_same:
            groups[-1].append(option)
            end_s = max(end_s, option.span[1])
        else:
            groups.append([option])
            start_s, end_s = option.span
    chosen = [option for group in groups for option in _best(group)]
    return [option.id for option in sorted(chosen, key=lambda one: (one.span[0], *one.order))]


def _best(group: Sequence[Option]) -> list[Option]:
    by_rank: dict[tuple[int, ...], list[Option]] = {}
    wanted = [option for option in group if not option.is_last_resort] or group
    for option in sorted(wanted, key=lambda option: option.order):
        _add(option, by_rank.setdefault(option.rank, []))
    covered = {rank: covered_s([one.span for one in chosen]) for rank, chosen in by_rank.items()}
    most_s = max(covered.values())
    enough = [rank for rank in by_rank if covered[rank] >= most_s - slack_s(most_s)]
    chosen = by_rank[min(enough)]
    for option in sorted(group, key=lambda option: (option.is_last_resort, *option.order)):
        if option not in chosen:
            _add(option, chosen)
    return chosen


def _add(option: Option, chosen: list[Option]) -> None:
    taken = [one.span for one in chosen]
    new_s = covered_s([*taken, option.span]) - covered_s(taken)
    if not chosen or new_s > max(slack_s(option.length_s), option.length_s / 2):
        chosen.append(option)


def covered_s(spans: Iterable[Span]) -> float:
    """Return how much time the spans cover together."""
    total_s, at_s = 0.0, float("-inf")
    for start_s, end_s in sorted(spans):
        total_s += max(0.0, end_s - max(start_s, at_s))
        at_s = max(at_s, end_s)
    return total_s


def shared_s(one: Span, other: Span) -> float:
    """Return how much time two spans share; negative if they are apart."""
    return min(one[1], other[1]) - max(one[0], other[0])


def is_beside(one: Span, other: Span) -> bool:
    """Return whether two spans share more time than a difference of rounding."""
    return shared_s(one, other) > slack_s(min(one[1] - one[0], other[1] - other[0]))


def slack_s(length_s: float) -> float:
    """Return by how much spans of this length may differ and still cover the same time."""
    return min(SAME_TIME_S, SAME_TIME_SHARE * length_s)
