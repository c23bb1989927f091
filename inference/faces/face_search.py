"""Where to look for faces in a picture: tiles packed into calls of a model, or windows."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import cv2
import numpy as np

from inference.boxes import has_centre_in, overlap
from inference.schema.arrays import F32, U8
from inference.schema.observations import Detection

WINDOW_PX = 480
WINDOW_OVERLAP_PX = 96
"""Windows over a picture without known tiles: a face 40 px high is 16 px of the full-range input,
and one up to the overlap in height is complete in at least one window."""

LARGE_TILE_PX = 240
"""A tile this high may show a whole room: the full-range model looks at it alone."""

MERGE_IOU = 0.3
"""Boxes overlapping more than this are one face (MediaPipe's own suppression threshold)."""

SURE = 0.75
"""From this confidence of the detection model up, a face is one even if the landmark model sees
none there, and its tile is not searched again."""


@dataclass(frozen=True, slots=True)
class FoundFace:
    """A face as the detection model returns it, in pixels of the frame."""

    box: F32
    confidence: float
    eyes: F32  # (2, 2) picture-left eye, picture-right eye

    def moved(self, origin: F32, scale: float, offset: F32) -> FoundFace:
        """Return the same face taken from a shrunk picture back into the frame."""
        edges = (self.box.reshape(2, 2) - origin) / scale + offset
        eyes = (self.eyes - origin) / scale + offset
        return FoundFace(edges.reshape(4).astype(np.float32), self.confidence, eyes)


Face = TypeVar("Face", FoundFace, Detection)


class FaceModel(Protocol):
    """A model that finds the faces of a square picture.

    `side_px` is its input's size; `tiles_per_call` how many gallery tiles go into one picture.
    """

    side_px: int
    tiles_per_call: int

    def detect(self, image: U8) -> list[FoundFace]:
        """Return every face of a picture of `side_px` × `side_px`, in its pixels."""


def search_tiles(quick: FaceModel, far: FaceModel, image: U8, tiles: list[F32]) -> list[FoundFace]:
    """Detect in gallery tiles: the quick model for all, the far-seeing one where it is not sure."""
    found: list[FoundFace] = []
    empty: list[F32] = []
    for tile, faces in zip(tiles, search_stacks(quick, image, tiles), strict=True):
        found += faces
        if all(face.confidence < SURE for face in faces):
            empty.append(tile)
    large = [tile for tile in empty if tile[3] - tile[1] >= LARGE_TILE_PX]
    small = [tile for tile in empty if tile[3] - tile[1] < LARGE_TILE_PX]
    for group in (*([tile] for tile in large), small):
        for faces in search_stacks(far, image, group):
            found += faces
    return found


def search_stacks(model: FaceModel, image: U8, tiles: list[F32]) -> list[list[FoundFace]]:
    """Detect in tiles, several of them shrunk one above the other into one call's picture.

    Returns:
        The faces of each tile, in the order of the tiles; faces that lie outside are left out.
    """
    found: list[list[FoundFace]] = []
    for start in range(0, len(tiles), model.tiles_per_call):
        group = tiles[start : start + model.tiles_per_call]
        high = model.side_px // len(group)
        canvas = np.zeros((model.side_px, model.side_px, 3), np.uint8)
        scales = []
        for k, tile in enumerate(group):
            patch, scale = shrink(image, tile, model.side_px, high)
            canvas[k * high : k * high + patch.shape[0], : patch.shape[1]] = patch
            scales.append(scale)
        faces: list[list[FoundFace]] = [[] for _ in group]
        for face in model.detect(canvas):
            middle = float(face.box[1] + face.box[3]) / 2
            k = min(max(int(middle // high), 0), len(group) - 1)
            corner = np.array(whole_pixels(group[k], image)[:2], np.float32)
            back = face.moved(np.array([0, k * high], np.float32), scales[k], corner)
            if has_centre_in(back.box, group[k]):
                faces[k].append(back)
        found += faces
    return found


def _starts(length: int) -> list[int]:
    """Return where windows start along a side, spaced evenly, WINDOW_OVERLAP_PX or more shared."""
    if length <= WINDOW_PX:
        return [0]
    steps = -(-(length - WINDOW_PX) // (WINDOW_PX - WINDOW_OVERLAP_PX))
    return [round(k * (length - WINDOW_PX) / steps) for k in range(steps + 1)]


def windows(image: U8) -> list[F32]:
    """Return overlapping squares that cover the picture; none where it is hardly larger."""
    height, width = image.shape[:2]
    if max(width, height) <= WINDOW_PX:
        return []
    return [
        np.array([x, y, min(x + WINDOW_PX, width), min(y + WINDOW_PX, height)], np.float32)
        for y, x in itertools.product(_starts(height), _starts(width))
    ]


def merge_found(found: Sequence[Face]) -> list[Face]:
    """Return the surest of the faces that overlap (non-maximum suppression), surest first."""
    kept: list[Face] = []
    for face in sorted(found, key=lambda face: -face.confidence):
        if all(overlap(face.box, other.box) < MERGE_IOU for other in kept):
            kept.append(face)
    return kept


def shrink(image: U8, region: F32, wide: int, high: int) -> tuple[U8, float]:
    """Cut a region out and scale it into `wide` × `high`, shape kept; return the scale too."""
    x0, y0, x1, y1 = whole_pixels(region, image)
    if x1 <= x0 or y1 <= y0:
        return np.zeros((1, 1, 3), np.uint8), 1.0
    # Halving is quick in OpenCV, averaging by odd factors is not: a quarter of the time in all.
    # What would be left over at the right and lower edge is cut off, so that the scale is exact.
    factor = max((x1 - x0) / wide, (y1 - y0) / high)
    halvings = max(0, int(math.log2(min(factor, x1 - x0, y1 - y0))))
    multiple = 2**halvings
    part = image[y0 : y1 - (y1 - y0) % multiple, x0 : x1 - (x1 - x0) % multiple]
    scale = min(wide / part.shape[1], high / part.shape[0])
    size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
    for _ in range(halvings):
        half = (part.shape[1] // 2, part.shape[0] // 2)
        part = np.asarray(cv2.resize(part, half, interpolation=cv2.INTER_AREA), np.uint8)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(part, size, interpolation=how), scale


def whole_pixels(box: F32, image: U8) -> tuple[int, int, int, int]:
    """Return the box in whole pixels, inside the picture."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = map(round, box.tolist())
    return max(0, x0), max(0, y0), min(width, x1), min(height, y1)
