"""How a decoded picture is turned or mirrored before it is shown."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import av
import numpy as np

from inference.schema.arrays import U8

_MATRIX = struct.Struct("=9i")
"""libav's display matrix (libavutil/display.h): a b u, c d v, x y w, row by row. A point (x, y) of
the stored picture is shown at (a x + c y, b x + d y), up to a shift."""


@dataclass(frozen=True, slots=True)
class Orientation:
    """One of the eight ways in which a picture can be shown: transposed first, then mirrored."""

    transposes: bool = False
    mirrors_columns: bool = False
    mirrors_rows: bool = False

    @staticmethod
    def of(frame: av.VideoFrame) -> Orientation:
        """Return how a decoded frame is shown, by its display matrix; upright where it has none.

        Read it from the frame as it was decoded: a converted frame no longer has its matrix. A
        matrix between two of the eight ways counts as the nearer one.
        """
        held = cast("Mapping[str, bytes]", frame.side_data)  # PyAV's types name one kind only
        try:
            a, b, _, c, d, *_ = _MATRIX.unpack_from(bytes(held["DISPLAYMATRIX"]))
        except (KeyError, struct.error):
            return UPRIGHT
        if abs(b) + abs(c) > abs(a) + abs(d):
            return Orientation(True, c < 0, b < 0)
        return Orientation(False, a < 0, d < 0)

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Return width and height as shown of a picture stored in this size, or the reverse."""
        return (height, width) if self.transposes else (width, height)

    def applied(self, picture: U8) -> U8:
        """Return a stored picture or plane, (H, W) or (H, W, C), as it is shown; it may be a view.

        The sides are exchanged where the orientation transposes.
        """
        if self.transposes:
            picture = np.swapaxes(picture, 0, 1)
        rows = slice(None, None, -1 if self.mirrors_rows else 1)
        columns = slice(None, None, -1 if self.mirrors_columns else 1)
        return picture[rows, columns]


UPRIGHT = Orientation()
