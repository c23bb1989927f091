"""The script of a generated recording: who is in it, what is shown when, what goes wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LayoutName = Literal[
    "gallery", "speaker", "strip", "pip", "share_gallery", "share_strip", "share_speaker"
]
SideFault = Literal["none", "foreign", "shifted", "strangers"]
PictureFault = Literal["none", "mirrored", "upside_down", "rotated"]
"""What is done to the whole picture; "rotated" is by 90° clockwise, which swaps its sides."""
BorderName = Literal["inside", "gutter", "yellow gutter"]
FREEZE_S, FREEZE_EVERY_S = 6.0, 20.0
"""A bad connection: how long a frozen camera stands still, and from one freeze to the next."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in the call.

    `name` is the exact display name in the participants list, TIMELINE and transcript; `label` is
    what Zoom draws on the tile, by default the same. `talk` is the relative share of the talk, 0
    for somebody who never says a word. `is_account` people belong to the recording's account: Zoom
    reveals their e-mail address. A `faces` above 1 is a room with several people.
    """

    name: str
    label: str | None = None
    talk: float = 1.0
    email: str = ""
    is_account: bool = False
    faces: int = 1
    turned: Literal["none", "mirrored", "sideways"] = "none"
    """How this camera is turned."""
    background: int | None = None
    """People with the same number share a background, such as a company's; None: their own."""

    @property
    def side(self) -> str:
        """ "rep" for the account's own people, "prospect" for the others."""
        return "rep" if self.is_account else "prospect"


@dataclass(frozen=True, slots=True)
class Span:
    """One stretch of a recording; it ends at `until`, a share (0–1) of the recording's length.

    `present` holds indexes into the scenario's people, in the order of the tiles. For those who
    are also in `video_off`, only the name is shown.
    """

    until: float
    layout: LayoutName
    present: tuple[int, ...]
    video_off: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """The script of a recording, whatever its length, size and pace.

    Raises:
        ValueError: a script that cannot be played.
    """

    name: str
    people: tuple[Person, ...]
    spans: tuple[Span, ...]
    has_labels: bool = True
    crosstalk: float = 0.05
    """Share of the turns that begin before the previous one has ended."""
    lag_s: tuple[float, float] = (0.5, 1.5)
    """Time from a turn's start until speaker views show its speaker."""
    side_fault: SideFault = "none"
    """What is wrong with TIMELINE and transcript. "foreign": they belong to another meeting of the
    same people. "shifted": their clock runs minutes late. "strangers": they and the participants
    list name people who are not in the picture."""
    picture_fault: PictureFault = "none"
    swaps_labels: tuple[int, int] | None = None
    """Two people who swap display names halfway through."""
    restless: float = 0.0
    """Share of their silent time in which people move their mouths: they chew, laugh, or talk to
    somebody in the room with the microphone off."""
    is_bright: bool = False
    """White rooms behind everybody, so that labels stand on bright video."""
    ground: tuple[int, int, int] | None = None
    """Colour of the background between the tiles, RGB; None: one of Zoom's dark ones."""
    border: BorderName = "inside"
    """Where the frame of who speaks is drawn: over the edge of the tile, or beside it in the
    gutter, as the older client does, in green or in yellow."""
    is_tight: bool = False
    """Gutters are so narrow that the frame of who speaks fills them."""
    border_roams: bool = False
    """The frame goes to another tile every second or two: noise, or a quick exchange."""
    has_arrows: bool = False
    """Round arrows at the left and right edge, which turn the pages of a large gallery."""
    has_reactions: bool = False
    """Emoji that rise over tiles and gutters, raised hands in tiles' corners, and a notice at the
    top for part of the time."""
    avatars: tuple[int, ...] = ()
    """People without video whose profile picture fills the tile; they may speak."""
    frozen: tuple[int, ...] = ()
    """People whose cameras stand still for `FREEZE_S` out of every `FREEZE_EVERY_S` seconds."""

    def __post_init__(self) -> None:
        if not self.people or not self.spans:
            raise ValueError("A scenario needs people, and at least one span.")
        ends = [span.until for span in self.spans]
        if ends != sorted(ends) or ends[0] <= 0 or abs(ends[-1] - 1) > 1e-9:
            raise ValueError("The spans' ends must ascend from above 0 to 1.")
        for span in self.spans:
            if not span.present or not all(0 <= who < len(self.people) for who in span.present):
                raise ValueError("Every span shows at least one of the scenario's people.")

    def stays(self, who: int, seconds: float) -> list[tuple[float, float]]:
        """Return the time spans, in seconds, in which a person is in the call."""
        stays: list[tuple[float, float]] = []
        start = 0.0
        for span in self.spans:
            end = span.until * seconds
            if who in span.present:
                if stays and stays[-1][1] == start:
                    stays[-1] = (stays[-1][0], end)
                else:
                    stays.append((start, end))
            start = end
        return stays


@dataclass(frozen=True, slots=True)
class Turn:
    """Somebody speaks; an `aside` ("mm-hm") does not take the turn from whoever has it."""

    who: int
    start_s: float
    end_s: float
    is_aside: bool = False
