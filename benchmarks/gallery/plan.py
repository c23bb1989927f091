"""A script played once: its turns and stages in seconds and pixels, without any pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.gallery.canvas import label_text
from benchmarks.gallery.script import Scenario, Turn
from benchmarks.gallery.stages import Box, Stage, plan_stages
from benchmarks.gallery.talk import plan_stirs, plan_turns

LEAST_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens when in one recording; determined by `plan_recording`'s arguments.

    The stages' boxes are those of the picture as painted; `finished_box` converts them to the
    recording's, which differ if the whole picture is mirrored or turned.
    """

    scenario: Scenario
    seconds: float
    size: tuple[int, int]
    seed: int
    turns: Sequence[Turn]
    stirs: Sequence[Turn]
    """Mouths that move without speech."""
    stages: Sequence[Stage]

    def stage(self, at_s: float) -> Stage:
        """Return what the picture shows at a time."""
        return next((s for s in self.stages if s.start_s <= at_s < s.end_s), self.stages[-1])

    def moving(self, at_s: float) -> set[int]:
        """Return whose mouth moves at a time, speaking or not."""
        both = (*self.turns, *self.stirs)
        return {turn.who for turn in both if turn.start_s <= at_s < turn.end_s}

    def spoken_s(self, who: int) -> float:
        """Return how long somebody speaks in total."""
        return sum(turn.end_s - turn.start_s for turn in self.turns if turn.who == who)

    def holder(self, who: int, at_s: float) -> int:
        """Return whose name somebody has at a time: the other's after a swap, else their own."""
        pair = self.scenario.swaps_labels
        if pair is not None and who in pair and at_s >= self.seconds / 2:
            return pair[1 - pair.index(who)]
        return who

    def name_drawn(self, who: int, at_s: float) -> str:
        """Return what Zoom writes for somebody if there is enough room."""
        person = self.scenario.people[self.holder(who, at_s)]
        return person.label or person.name

    def label(self, who: int, box: Box, at_s: float) -> str | None:
        """Return the text on somebody's tile, shortened if it does not fit; None without labels."""
        if not self.scenario.has_labels:
            return None
        is_muted = self.scenario.people[who].talk == 0
        return label_text(self.name_drawn(who, at_s), box[2] - box[0], self.size[1], is_muted)

    @property
    def finished_size(self) -> tuple[int, int]:
        """Width and height of the recording."""
        width, height = self.size
        return (height, width) if self.scenario.picture_fault == "rotated" else (width, height)

    def finished_box(self, box: Box) -> Box:
        """Return where a painted box is in the recording."""
        x0, y0, x1, y1 = box
        width, height = self.size
        match self.scenario.picture_fault:
            case "mirrored":
                return (width - x1, y0, width - x0, y1)
            case "upside_down":
                return (width - x1, height - y1, width - x0, height - y0)
            case "rotated":
                return (height - y1, x0, height - y0, x1)
        return box


def plan_recording(
    scenario: Scenario,
    *,
    seconds: float = 60.0,
    size: tuple[int, int] = (1280, 720),
    seed: int = 0,
) -> Plan:
    """Play a script and return its plan; the same arguments return the same plan.

    Raises:
        ValueError: the size or length is out of range.
    """
    width, height = size
    if width % 2 or height % 2 or width < 160 or height < 90:
        raise ValueError(f"A picture of {width}x{height} cannot be made: use even numbers.")
    if seconds < LEAST_SECONDS:
        raise ValueError(f"A recording needs at least {LEAST_SECONDS:g} seconds.")
    rng = np.random.default_rng([seed, 1])
    turns = plan_turns(scenario, seconds, rng)
    stages = plan_stages(scenario, turns, seconds, size, rng)
    stirs = plan_stirs(scenario, turns, seconds, np.random.default_rng([seed, 8]))
    return Plan(scenario, seconds, size, seed, tuple(turns), tuple(stirs), tuple(stages))
