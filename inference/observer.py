"""What an observer of an analysis is given: every picture, and what each sample showed.

An observer never changes what is observed. Without one, pictures that nobody needs are left out;
with one, each is decoded, once, and shown in its order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from inference.layout import Layout
from inference.schema.arrays import F32
from inference.schema.observations import Observations
from inference.video.picture import ObservedPicture


@dataclass(frozen=True, slots=True)
class SeenSample:
    """What one sampled picture showed: its faces by track.

    Tracks are those of the tracker; `Observations` may divide them later (`track.of_participants`).
    """

    sample: int
    """Index into Observations.t_s."""
    t_s: float
    offset_s: float
    size_px: tuple[int, int]
    """Width and height of the picture that boxes and layout are in."""
    layout: Layout
    tracks: tuple[int, ...]  # (n,) ascending
    boxes: F32  # (n, 4)
    confidence: F32  # (n,) of the detector
    probs: F32  # (n, 7); NaN rows where the face was not classified


class Observer(Protocol):
    """Follows the analysis of a recording."""

    def picture(self, picture: ObservedPicture, is_over: Callable[[], bool]) -> None:
        """Take the next picture; called in the decoder's thread, before it may be sampled.

        It may block, as long as `is_over` says False.
        """

    def sample(self, seen: SeenSample) -> None:
        """Take what a sample showed; called in the analysis's thread, in order."""

    def between(self, look: Callable[[], Observations]) -> None:
        """Called after each sample was pushed; `look` returns all that was seen so far."""

    def stalled(self) -> None:
        """Called while no picture comes, after `sample` was called for all that came."""
