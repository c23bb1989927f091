"""What a tile shows: a camera, or a name and nothing that moves.

Everything is read from pictures reduced to SMALL_WIDTH_PX and from how they change between two
samples; a camera never keeps still, and a tile without video is plain.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from inference.layout.division import match
from inference.layout.still_pictures import StillPictures
from inference.schema.arrays import F32, U8, Bools

SMALL_WIDTH_PX = 240
MOVED_LEVELS = 4
"""A pixel of the small picture that changes by more between two samples has moved (0–255)."""
STILL_SHARE = 0.004
"""A part that moved less keeps still. Six clips of talking heads: never under 5 %."""
CAMERA_SHARE = 0.01
"""A part with more of it moved shows a camera, or a film."""
PLAIN_LEVELS = 10
PLAIN_RIM_SHARE = 0.9
PLAIN_SHARE = 0.5
"""A tile without video has one colour, within this many levels, on this share of its rim and of the
whole: the rest is a name, or a circle with initials or a portrait."""
SAMPLES_TO_TURN_OFF = 2
"""A plain tile is one without video once it has kept still for this many samples."""
SAMPLES_TO_TURN_ON = 2


def shrink_picture(image: U8) -> U8:
    """Return the RGB picture SMALL_WIDTH_PX wide."""
    height, width = image.shape[:2]
    size = (SMALL_WIDTH_PX, max(1, round(SMALL_WIDTH_PX * height / width)))
    # Of many pixels a few are enough, and take a quarter of the time.
    how = cv2.INTER_LINEAR if width > 4 * SMALL_WIDTH_PX else cv2.INTER_AREA
    small: U8 = np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)
    return small


class Motion:
    """How much moved where between two samples; boxes are in pixels of the frame."""

    def __init__(self, before: U8, after: U8, width_px: int) -> None:
        moved = cv2.absdiff(before, after) > MOVED_LEVELS
        # cv2.reduce and any() over the colours are slow: their bytes are one integer's.
        flags = moved.view(np.uint8)
        any_colour = flags[:, :, 0] | flags[:, :, 1] | flags[:, :, 2]
        self._sums = cv2.integral(any_colour)
        self._scale = after.shape[1] / width_px

    def counts(self, boxes: F32) -> tuple[F32, F32]:
        """Number of moved pixels of the small picture in each of (n, 4) boxes, and of all."""
        high, wide = self._sums.shape[0] - 1, self._sums.shape[1] - 1
        edges = np.round(boxes * self._scale).astype(int)
        x0, x1 = (np.clip(edges[:, k], 0, wide) for k in (0, 2))
        y0, y1 = (np.clip(edges[:, k], 0, high) for k in (1, 3))
        sums = self._sums
        moved = sums[y1, x1] - sums[y0, x1] - sums[y1, x0] + sums[y0, x0]
        return moved.astype(np.float32), ((x1 - x0) * (y1 - y0)).astype(np.float32)

    def shares(self, boxes: F32) -> F32:
        """Return share of each of (n, 4) boxes that moved, 0–1."""
        moved, area = self.counts(boxes)
        return np.asarray(moved / np.maximum(area, 1), np.float32)

    def share_outside(self, box: F32, holes: F32) -> float:
        """Return share of a box that moved, leaving out the tiles over it."""
        moved, area = self.counts(box[None])
        if len(holes):
            inner = np.concatenate(
                [np.maximum(holes[:, :2], box[:2]), np.minimum(holes[:, 2:], box[2:])], axis=1
            )
            inner = inner[(inner[:, 2:] > inner[:, :2]).all(axis=1)]
            less, gone = self.counts(inner) if len(inner) else (np.zeros(1), np.zeros(1))
            return float((moved[0] - less.sum()) / max(area[0] - gone.sum(), 1))
        return float(moved[0] / max(area[0], 1))


def is_plain(part: U8) -> bool:
    """Return whether a tile (RGB, small) shows one colour and something drawn in its middle.

    The lower left corner, where a name may be, is ignored.
    """
    height, width = part.shape[:2]
    if height < 6 or width < 6:
        return False
    part = part[1:-1, 1:-1]  # without what the frame or a border has bled into
    height, width = part.shape[:2]
    deep_y, deep_x = max(1, height // 12), max(1, width // 12)
    rim = np.concatenate(
        [
            part[:deep_y].reshape(-1, 3),
            part[-deep_y:, width * 2 // 3 :].reshape(-1, 3),
            part[: height * 3 // 4, :deep_x].reshape(-1, 3),
            part[:, -deep_x:].reshape(-1, 3),
        ]
    )
    colour = np.median(rim, axis=0).astype(np.int16)
    on_rim = (np.abs(rim - colour).max(axis=1) <= PLAIN_LEVELS).mean()
    if on_rim < PLAIN_RIM_SHARE:
        return False
    share = (np.abs(part - colour).max(axis=2) <= PLAIN_LEVELS).mean()
    return bool(share >= PLAIN_SHARE)


class VideoJudge:
    """Decides which tiles show a camera; remembers what it knows of tiles that stay in place."""

    def __init__(self, samples_per_s: float = 2.0) -> None:
        self._tiles = np.zeros((0, 4), np.float32)
        self._has_video: Bools = np.zeros(0, np.bool_)
        self._still = np.zeros(0, np.int32)
        self._moving = np.zeros(0, np.int32)
        self._pictures = StillPictures(samples_per_s)

    def update(
        self, tiles: F32, cuts: Bools, small: U8, motion: Motion | None, width_px: int
    ) -> Bools:
        """Return for each of (n, 4) tiles whether it shows a camera."""
        known = self._keep(tiles, width_px)
        scale = small.shape[1] / width_px

        def plain(k: int) -> bool:
            x0, y0, x1, y1 = (round(float(edge)) for edge in tiles[k] * scale)
            return is_plain(small[max(0, y0) : y1, max(0, x0) : x1])

        shares = motion.shares(tiles) if motion is not None else None
        for k in range(len(tiles)):
            if not known[k] or cuts[k]:
                self._has_video[k] = not plain(k)
                self._still[k] = self._moving[k] = 0
                self._pictures.forget(k)
        if shares is not None and len(tiles):
            self._follow(shares, cuts, plain)
        return self._has_video & ~self._pictures.update(tiles * scale, small)

    def start_view(self) -> None:
        """Note that what is said of tiles from here on belongs to a new view."""
        self._pictures.start_view()

    def were_still(self) -> Bools:
        """Return which tiles have shown one still picture since the view started."""
        return self._pictures.were_still()

    def _follow(self, shares: F32, cuts: Bools, plain: Callable[[int], bool]) -> None:
        still, moving = shares <= STILL_SHARE, (shares > CAMERA_SHARE) & ~cuts
        self._moving = np.where(moving, self._moving + 1, 0)
        # While nothing moves anywhere, the recording itself is frozen.
        counts = still if bool((shares > CAMERA_SHARE).any()) else still & ~self._has_video
        self._still = np.where(still, self._still + counts, 0)
        for k in np.flatnonzero(self._has_video & still):
            if self._still[k] >= SAMPLES_TO_TURN_OFF or not counts[k]:
                self._has_video[k] = not plain(int(k))
        for k in np.flatnonzero(~self._has_video & moving):
            if self._moving[k] >= SAMPLES_TO_TURN_ON or not plain(int(k)):
                self._has_video[k] = True

    def _keep(self, tiles: F32, width_px: int) -> Bools:
        """Bring what is known into the order of these tiles; return which are known."""
        if tiles is self._tiles:
            return np.ones(len(tiles), np.bool_)
        old = [match(tile, self._tiles, width_px) for tile in tiles]
        known = np.array([k is not None for k in old], np.bool_)
        at = np.array([k or 0 for k in old], int)
        if len(self._tiles) and len(tiles):
            self._has_video = self._has_video[at]
            self._still = np.where(known, self._still[at], 0)
            self._moving = np.where(known, self._moving[at], 0)
        else:
            self._has_video = np.ones(len(tiles), np.bool_)
            self._still = np.zeros(len(tiles), np.int32)
            self._moving = np.zeros(len(tiles), np.int32)
        self._pictures.keep(old)
        self._tiles = tiles
        return known
