"""Draws a planned snapshot: people cut out, and whoever is not to be seen blurred."""

from __future__ import annotations

import cv2
import numpy as np

from inference.schema.arrays import U8, Bools
from inference.snapshots.plan import GAP_PX, HEIGHT_PX, WIDTH_PX, CutOut, Snapshot

BLUR_CELLS = 8
"""What is blurred is made of this many dots along its longer side: a face that fills it has eight
by five of them. The rest is gone, not only hidden."""


def draw_snapshot(image: U8, snapshot: Snapshot) -> U8:
    """Return the finished picture of a snapshot, RGB, `HEIGHT_PX` by `WIDTH_PX`.

    Args:
        image: the recording's picture at `snapshot.at_s`. Where a recording has pictures of several
            shapes, it may be narrower or lower than planned for: that part is black.

    Raises:
        ValueError: the picture is larger than what was planned with.
    """
    inner = (image.shape[1], image.shape[0])
    width, height = snapshot.size_px
    if inner[0] > width or inner[1] > height:
        raise ValueError(f"planned for {snapshot.size_px}, got a picture of {inner}")
    if inner != (width, height):
        image = np.pad(image, ((0, height - inner[1]), (0, width - inner[0]), (0, 0)))
    may_see = np.zeros((height, width), np.bool_)
    for area in snapshot.areas:
        x0, y0, x1, y1 = area.box
        may_see[y0:y1, x0:x1] = area.is_shown
    canvas = np.full((HEIGHT_PX, WIDTH_PX, 3), 255, np.uint8)
    for number, row in enumerate(snapshot.rows):
        top, bottom = _span(number, len(snapshot.rows), HEIGHT_PX)
        for place, cut in enumerate(row):
            left, right = _span(place, len(row), WIDTH_PX)
            part = _cut_out(image, may_see, cut, right - left, bottom - top)
            canvas[top:bottom, left:right] = part
    return canvas


def _span(number: int, count: int, size_px: int) -> tuple[int, int]:
    """Return where the one of `count` equal places begins and ends, with gaps between them."""
    each = (size_px - GAP_PX * (count - 1)) / count
    start = number * (each + GAP_PX)
    return round(start), round(start + each)


def _cut_out(image: U8, may_see: Bools, cut: CutOut, width: int, height: int) -> U8:
    x0, y0, x1, y1 = cut.crop
    part = image[y0:y1, x0:x1]
    seen = may_see[y0:y1, x0:x1]
    if not seen.all():
        part = np.where(seen[..., None], part, blurred(part))
    is_smaller = part.shape[1] > width
    how = cv2.INTER_AREA if is_smaller else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(part, (width, height), interpolation=how), np.uint8)


def blurred(part: U8) -> U8:
    """Return a picture of the same size in which nobody can be recognised."""
    height, width = part.shape[:2]
    longer = max(height, width)
    cells = (
        max(1, round(BLUR_CELLS * width / longer)), max(1, round(BLUR_CELLS * height / longer))
    )  # fmt: skip
    coarse = cv2.resize(part, cells, interpolation=cv2.INTER_AREA)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(smooth, np.uint8)
