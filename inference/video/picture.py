"""A decoded picture with its exact time, for the reader and for whoever watches it read."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it came out of the decoder; on a GPU's decoder it still lies there."""

    frame: av.VideoFrame
    at: int
    """When it is shown, in ticks from the origin."""
    is_damaged: bool


@dataclass(frozen=True, slots=True)
class ObservedPicture:
    """A picture as it came out of the decoder, which may still refer to it: never write into it."""

    frame: av.VideoFrame
    at: int
    """When it is shown, in ticks from the start of its segment."""
    tick: Fraction
    """Seconds per tick."""
    offset_s: float
    """Start of its segment on the call's time line."""
    size: tuple[int, int]
    """Width and height in which the analysis sees it, as shown."""

    @property
    def t_s(self) -> float:
        """Seconds from the start of the call's recording."""
        return self.offset_s + float(self.at * self.tick)
