"""Whether the large part of a picture is a shared screen or a camera.

A screen is drawn: few colours, flat areas, hard edges. And it mostly keeps still, which a camera
never does.
"""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np

from inference.layout.tile_content import CAMERA_SHARE, STILL_SHARE
from inference.schema.arrays import F32, U8

SCREEN_LEVELS = 12
SCREEN_LEVELS_SHARE = 0.5
"""The SCREEN_LEVELS most common of the 256 grey levels make up this share of a screen's pixels."""
SCREEN_FLAT_SHARE = 0.72
"""And this share of neighbouring pixels are equal, which noise and skin do not allow."""
SCREEN_EDGE_LEVELS = 40
SCREEN_EDGE_SHARE = 0.003
SCREEN_EDGES_A_LINE = 4.0
"""And this share of neighbours differ by SCREEN_EDGE_LEVELS, or so many on a line of pixels:
letters and lines. Where the limits come from: docs/attribution.md, "Screen or camera"."""
SCREEN_STILL = 0.6
"""A screen keeps still in this share of the samples, unless a film is shown on it."""
PAIRS_TO_JUDGE = 6
PAIRS_KEPT = 12
PAIRS_OF_CAMERA = 3
"""This many moving samples in a row make a large part that is not drawn like a screen a camera."""
STILL_SINCE_CUT = 10
"""A whole picture that is not drawn like a screen, say a photograph on a slide, is one if nothing
has moved in it since it appeared, for 5 s."""
STILL_ALONE = 60
"""And one that moved before, after 30 s: a connection may freeze."""


class ScreenJudge:
    """Distinguishes a shared screen from a large camera, for one large part over time."""

    def __init__(self, has_tiles: bool) -> None:
        self._has_tiles = has_tiles
        self._moved: deque[float] = deque(maxlen=PAIRS_KEPT)
        self._drawn: deque[bool] = deque(maxlen=PAIRS_KEPT)
        self._pairs = 0
        self._still_run = 0
        self.is_screen: bool | None = None
        """None before the first picture."""
        self.is_told = False
        """Whether it is a screen because of what lies over it, however much it moves."""

    def tell(self, is_screen: bool) -> None:
        """Take it for a screen, as the thumbnail of a camera lies over it; or no longer."""
        self.is_told = is_screen
        if is_screen:
            self.is_screen = True

    @property
    def was_drawn(self) -> bool:
        """Return whether most of the last pictures had a screen's flat colour and hard edges."""
        return bool(self._drawn) and float(np.mean(self._drawn)) >= 0.5

    def update(
        self, grey: U8, main: F32, moved: float | None, was_cut: bool, is_name: bool = False
    ) -> bool:
        """Take the next picture (grey, whole) and how much of the large part moved.

        `is_name`: it shows a name or a portrait on plain ground, somebody without video, who keeps
        still as a shared photograph does.

        Returns:
            Whether it is a screen. In doubt, and where tiles are beside it, it stays one.
        """
        is_cut = was_cut and not self._has_tiles
        if is_cut:
            self._moved.clear()
            self._drawn.clear()
            self._pairs = self._still_run = 0
        self._drawn.append(is_drawn(grey, main))
        if self.is_screen is None or (is_cut and not self.is_screen):
            self.is_screen = self._drawn[-1]
            return self.is_screen
        if moved is not None and not was_cut:
            self._pairs += 1
            self._moved.append(moved)
            is_still = moved <= STILL_SHARE and not is_name
            self._still_run = self._still_run + 1 if is_still else 0
        if self.is_told:
            self.is_screen = True
        elif self.is_screen:
            self.is_screen = not self._became_camera()
        else:
            self.is_screen = self._became_screen()
        return self.is_screen

    @property
    def is_since_cut(self) -> bool:
        """Return whether the judgement holds for pictures before this one too, back to a cut."""
        if self._pairs == 0:
            return False
        if self.is_screen:
            return self.is_told or self.was_drawn or self._still_run == self._pairs
        return self._pairs <= PAIRS_OF_CAMERA + 1

    def _became_screen(self) -> bool:
        if self.was_drawn:
            return True
        still = sum(moved <= STILL_SHARE for moved in self._moved)
        if self._has_tiles:
            return len(self._moved) >= PAIRS_TO_JUDGE and still >= SCREEN_STILL * len(self._moved)
        is_photograph = self._still_run == self._pairs >= STILL_SINCE_CUT
        return is_photograph or self._still_run >= STILL_ALONE

    def _became_camera(self) -> bool:
        last = list(self._moved)[-PAIRS_OF_CAMERA:]
        moves = len(last) == PAIRS_OF_CAMERA and min(last) > CAMERA_SHARE
        # Beside tiles, a film shown on the screen would look like a camera later on.
        is_open = not self._has_tiles or self._pairs <= PAIRS_OF_CAMERA + 1
        return moves and is_open and not self.was_drawn


def is_drawn(grey: U8, region: F32) -> bool:
    """Return whether a region of a grey picture has the colours and edges of a drawn screen."""
    height, width = grey.shape
    x0, y0, x1, y1 = (round(float(edge)) for edge in region)
    part = grey[max(0, y0) : min(height, y1), max(0, x0) : min(width, x1)]
    if part.shape[0] < 1 or part.shape[1] < 2:
        return False
    lines = np.ascontiguousarray(part[:: max(1, part.shape[0] // 160)])
    share = cv2.calcHist([lines], [0], None, [256], [0, 256])[:, 0] / lines.size
    if float(np.sort(share)[-SCREEN_LEVELS:].sum()) < SCREEN_LEVELS_SHARE:
        return False
    steps = cv2.absdiff(lines[:, 1:], lines[:, :-1])
    if float((steps == 0).mean()) < SCREEN_FLAT_SHARE:
        return False
    least = min(SCREEN_EDGE_SHARE, SCREEN_EDGES_A_LINE / lines.shape[1])
    return bool((steps > SCREEN_EDGE_LEVELS).mean() >= least)
