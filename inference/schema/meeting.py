"""What Zoom and its side files know of a meeting, on the call's time line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class SpeakerTurn:
    """Who spoke from when to when, as the TIMELINE or the transcript says."""

    start_s: float
    end_s: float
    speaker: str
    """The display name, letter for letter."""
    key: str = ""
    """Stable identity where the source has one (Zoom's id); else the display name."""


@dataclass(frozen=True, slots=True)
class TranscriptLine:
    """One cue of the transcript. `speaker` is None where the cue names nobody.

    A message of the meeting's chat is a line too, with `is_chat`: it was written, so it counts
    neither as talk nor as being there.
    """

    start_s: float
    end_s: float
    speaker: str | None
    text: str
    is_chat: bool = False


@dataclass(frozen=True, slots=True)
class RosterEntry:
    """A person whom Zoom lists as present. `side` is "rep", "prospect" or "unknown".

    `stays` are the spans in seconds in which the person was there; empty: not known.
    """

    name: str
    key: str = ""
    side: str = "unknown"
    is_host: bool = False
    stays: tuple[tuple[float, float], ...] = ()

    @staticmethod
    def from_plain(row: Mapping[str, Any]) -> RosterEntry:
        """Return the entry that `dataclasses.asdict` and JSON made this row of."""
        stays = tuple((float(start), float(end)) for start, end in row.get("stays", ()))
        return RosterEntry(**{**row, "stays": stays})
