"""The layout through changes of the picture's size: what a coarse picture hides, a fine one shows.

The gap between two tiles is four pixels wide in a picture of 640 and gone in one of 160. So the
layout that the finest picture showed is kept while coarser ones of the same scene come, and where
a finer one comes, it says how the coarser ones before it were divided.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from inference.layout import CUT_DIFFERENCE, Layout, LayoutFinder, picture_difference
from inference.layout.tile_content import shrink_picture
from inference.schema.arrays import U8
from inference.schema.observations import Frame

FINER = 0.75
"""A picture enlarged by at most this share of another's factor shows more: the smallest of the
steps in which WebRTC changes size (3/4, 1/2, 1/4)."""


class ResizedLayout:
    """Follows the layout of one recording; frames of one segment have one size, enlarged or not."""

    def __init__(self, factory: Callable[[], LayoutFinder]) -> None:
        self._new, self._finder = factory, factory()
        self._last: Layout | None = None
        self._finest = 1.0

    def start_segment(self) -> None:
        """Forget everything: another file, or a picture of another shape, begins."""
        self._finder, self._last = self._new(), None

    def update(self, frame: Frame) -> Layout:
        """Return the layout of the next sample; revised where a finer picture shows it better."""
        last, enlarged = self._last, frame.enlarged
        is_revised = False
        if last is None:
            self._finest = enlarged
        elif self._finest <= FINER * enlarged:
            kept = _kept(last, frame.image)
            if kept is not None:
                self._last = kept
                return kept
            self._finder, self._finest = self._new(), enlarged
        elif enlarged <= FINER * self._finest:
            self._finder, self._finest, is_revised = self._new(), enlarged, True
        layout = self._finder.update(frame.image, is_repeated=frame.is_repeated)
        if is_revised and last is not None and not _is_cut(last, layout, frame.image):
            cuts = np.zeros_like(layout.cuts)
            layout = replace(layout, changed=False, cuts=cuts, is_revised=True)
        self._last = layout
        return layout


def _kept(last: Layout, image: U8) -> Layout | None:
    """Return the layout before for a coarser picture of the same scene; None where it was cut."""
    small = shrink_picture(image)
    layout = replace(
        last,
        changed=False,
        cuts=np.zeros_like(last.cuts),
        picture=np.ascontiguousarray(small[:, :, 1]),
        colours=small,
        is_revised=False,
    )
    return None if _is_cut(last, layout, image) else layout


def _is_cut(last: Layout, layout: Layout, image: U8) -> bool:
    """Return whether the whole picture, or the place of one of its tiles, shows another scene."""
    whole = np.array([0, 0, image.shape[1], image.shape[0]], np.float32)
    for place in (whole, *layout.tiles):
        difference = picture_difference(last, layout, place)
        if difference is not None and difference > CUT_DIFFERENCE:
            return True
    return False
