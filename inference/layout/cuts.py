"""Thumbnails of places in the picture, and cuts between them."""

from __future__ import annotations

import cv2
import numpy as np

from inference.layout.division import NO_TILES, match
from inference.schema.arrays import F32, U8, Bools

CUT_DIFFERENCE = 18.0
"""Mean difference of two thumbnails, brightness removed, from which the picture is another one.
Measured at 2 samples per second on six clips: talking heads stay under 17 even where the face fills
the picture, and two of the clips differ by 21 at least (0–255)."""
COLOUR_DIFFERENCE_TILE = 15.0
COLOUR_DIFFERENCE = 22.0
"""The same of the colour that differs most, for a tile among others and for a large picture: two
people before one background differ by 17 at least, one moving person by 11 at most in a tile, and
by 20 where the face fills the picture."""
LOCAL_LEVELS = 20
LOCAL_SHARE = 0.27
LOCAL_COLUMNS = 6
"""A tile was not cut where a smaller share of the points differs by more than these levels,
brightness apart, and all within so many of the 16 columns: emoji pass over it. Another person's
shoulders are wider."""
LARGE_WIDTH_SHARE = 0.55
THUMBNAIL_PX = (16, 9)
PLACES_KEPT = 128
"""Thumbnails of places that are not shown now are kept up to this number: a tile may come back."""


class Places:
    """What every place showed when it was last seen."""

    def __init__(self) -> None:
        self._seen: list[tuple[F32, F32]] = []  # newest first
        self._places: F32 = NO_TILES

    def cuts(self, colours: U8, places: F32, width_px: int) -> Bools:
        """Return which of (n, 4) places of a small RGB picture show something other than before."""
        scale = colours.shape[1] / width_px
        large = LARGE_WIDTH_SHARE * width_px
        limits = [
            COLOUR_DIFFERENCE if place[2] - place[0] > large else COLOUR_DIFFERENCE_TILE
            for place in places
        ]
        stayed = len(places) > 0 and places is self._places  # then they come first in `_seen`
        boxes = NO_TILES if stayed or not self._seen else np.stack([box for box, _ in self._seen])
        points = [thumbnail(colours, place * scale) for place in places]
        old = list(range(len(places))) if stayed else [match(p, boxes, width_px) for p in places]
        cuts = [
            k is not None and _is_cut(self._seen[k][1], now, limit)
            for now, k, limit in zip(points, old, limits, strict=True)
        ]
        others = self._seen[len(places) :]
        if not stayed:
            others = [kept for kept in self._seen if match(kept[0], places, width_px) is None]
        self._seen = [*zip(places, points, strict=True), *others][:PLACES_KEPT]
        self._places = places
        return np.array(cuts, np.bool_)


def _is_cut(before: F32, after: F32, limit: float) -> bool:
    apart = np.abs(before - after)
    if apart[:, :, 1].mean() <= CUT_DIFFERENCE and apart.max(axis=2).mean() <= limit:
        return False
    if limit == COLOUR_DIFFERENCE:
        return True
    # What covers a part of the tile shifts its mean brightness: the median is that of the rest.
    change = before - after
    change -= np.median(change, axis=(0, 1))
    changed = np.abs(change).max(axis=2) > LOCAL_LEVELS
    columns = np.flatnonzero(changed.sum(axis=0) > 1)
    is_narrow = len(columns) == 0 or columns[-1] - columns[0] < LOCAL_COLUMNS
    return bool(changed.mean() >= LOCAL_SHARE or not is_narrow)


def thumbnail(picture: U8, place: F32) -> F32:
    """Return a place of a small picture, grey or RGB, in a few points, mean brightness removed."""
    x0, y0, x1, y1 = (max(0, round(edge)) for edge in place.tolist())
    part = picture[y0:y1, x0:x1]
    if part.size == 0:
        return np.zeros((*THUMBNAIL_PX[::-1], *picture.shape[2:]), np.float32)
    points: F32 = cv2.resize(part, THUMBNAIL_PX, interpolation=cv2.INTER_AREA).astype(np.float32)
    mean = np.array(cv2.mean(points)[: points.shape[2] if points.ndim == 3 else 1], np.float32)
    points -= mean
    return points


def difference(a: F32, b: F32) -> float:
    """Return mean difference of two thumbnails in levels (0–255)."""
    return float(np.abs(a - b).mean())
