"""How one picture is divided: equal tiles in a grid, small tiles beside a large picture, or not.

Only shapes count here; `tile_content` says what the parts show.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

import numpy as np

from inference.boxes import centre, overlap
from inference.layout.background import Box, Ground, has_letters
from inference.layout.grid import (
    SAME_SIZE,
    WIDE_SHAPES,
    equal_tiles,
    fills_picture,
    fit_grid,
    has_tile_shape,
    pitch_of,
    slack_px,
    widened,
)
from inference.schema.arrays import F32, U8

CORNER_MARGIN = 0.06
"""A thumbnail is at most this far from the corner, as a share of the width."""
LARGE_SHARE = 0.2
"""A picture with small tiles beside it covers at least this share of the whole."""
FRAGMENTS = 4
"""What is in this many pieces beside the tiles is a dark screen."""
TEXT_FULLNESS = 0.6
"""Of what is on the ground, less than this share of the boxes around it is text on a dark screen;
tiles are full: 0.92 at least in generated galleries."""
SPARSE_SHARE = 0.35
"""Pieces that cover less of the whole may be what is written on a dark screen."""
BAR_LONG, BAR_HIGH = 0.9, 0.12
"""A title bar or task bar is this wide at least and this high at most, as shares of the whole."""
NAME_OFF_CENTRE = 0.06
NAME_SHARE = 0.6
"""A name or portrait alone on the ground is this near the middle and at most this large."""
SAME_MAIN_OVERLAP = 0.5
SMALL_TILE_SHARE = 0.45
"""The small tiles beside it are at most this share of the whole wide and high."""

SEAM_LEVELS, SEAM_SHARE = 16, 0.6
"""Two pictures meet where the colours on this share of a line differ by more from side to side."""

NO_TILES: F32 = np.zeros((0, 4), np.float32)
MIN_MARGIN_SHARE = 1 / 320
"""The ground around the only tile of a gallery is at least this share of the width."""


@dataclass(frozen=True, slots=True)
class Division:
    """The parts of one picture.

    `kind` is "gallery" (`tiles` are a grid), "beside" (small `tiles` beside or over one large
    part), "whole" (one part) or "unknown". `main` is the large part, (4,), where there is one.
    """

    kind: str
    tiles: F32 = field(default_factory=lambda: NO_TILES)
    main: F32 | None = None


def find_division(image: U8, *, is_thorough: bool = True) -> Division | None:
    """Return the division of one RGB picture, or None: all black.

    Args:
        is_thorough: where there is no plain gallery, look for one with parts covered.
    """
    height, width = image.shape[:2]
    whole = Division("whole", main=np.array([0, 0, width, height], np.float32))
    if height < 16 or width < 16:
        return whole
    ground = Ground.of(image)
    if ground is None:
        return _on_light_ground(image) or whole
    pieces = tuple(ground.pieces())
    if not pieces:
        return whole if has_letters(image) else None
    if ground.fullness(pieces) < TEXT_FULLNESS:
        return whole
    found = _arrange(pieces, width, height)
    if found.kind == "gallery" or not is_thorough:
        return found
    # The frame of who speaks fills a gutter, or an arrow or emoji reaches out of a tile.
    pieces = tuple(ground.with_borders(image).pieces(is_trimmed=True))
    again = _arrange(pieces, width, height) if pieces else found
    if again.kind in ("unknown", "whole") and len(pieces) == 1:
        pair = _pair(image, np.array(pieces[0], np.float32))
        again = again if pair is None else Division("gallery", pair)
    return again if again.kind == "gallery" or found.kind == "unknown" else found


def _pair(image: U8, piece: F32) -> F32 | None:
    """Return the two tiles (2, 4) that make up a piece without a gutter between them, or None.

    They have the shape of tiles, and along the line between them the picture changes.
    """
    wide, high = (float(side) for side in piece[2:] - piece[:2])
    axis = 0 if wide > high else 1
    shape = wide / high * (0.5 if axis == 0 else 2.0)
    if not WIDE_SHAPES[0] <= shape <= WIDE_SHAPES[1]:
        return None
    x0, y0, x1, y1 = (int(edge) for edge in piece)
    part = image[y0:y1, x0:x1] if axis == 0 else image[y0:y1, x0:x1].transpose(1, 0, 2)
    middle = part.shape[1] // 2
    apart = np.abs(part[:, middle - 3].astype(np.int16) - part[:, middle + 2]).max(axis=1)
    if (apart > SEAM_LEVELS).mean() < SEAM_SHARE:
        return None
    tiles: F32 = np.stack([piece, piece])
    tiles[0, axis + 2] = tiles[1, axis] = (piece[axis] + piece[axis + 2]) / 2
    return tiles


def _on_light_ground(image: U8) -> Division | None:
    """Return the gallery on a light ground, or None: it has at least two tiles, close together."""
    ground = Ground.light(image)
    if ground is None:
        return None
    height, width = image.shape[:2]
    pieces = tuple(ground.pieces(is_trimmed=True))
    found = _arrange(pieces, width, height) if pieces else None
    if found is None or found.kind != "gallery" or len(found.tiles) < 2:
        return None
    return found if fills_picture(found.tiles, width, height) else None


@functools.lru_cache(maxsize=256)
def _arrange(boxes: tuple[Box, ...], width: int, height: int) -> Division:
    """Return the division by what is on the ground; most samples keep the previous one."""
    pieces = [np.array(box, np.float32) for box in boxes]
    whole = equal_tiles(pieces, height)
    tiles = fit_grid(whole, pieces, width, height) if whole else None
    if len(pieces) == 1 and _is_in_corner(pieces[0], width, height):
        main = np.array([0, 0, width, height], np.float32)
        return Division("beside", pieces[0][None], main)
    if tiles is not None and (len(tiles) > 1 or _has_margins(tiles[0], width, height)):
        return Division("gallery", widened(tiles, width))
    beside = _beside(pieces, width, height)
    if beside is not None:
        return beside
    largest = max(pieces, key=_area)
    if _area(largest) >= 0.4 * height * width:
        return Division("whole", main=_around(pieces))
    if _is_dark_screen(pieces, width, height) or _is_name_alone(pieces, width, height):
        return Division("whole", main=np.array([0, 0, width, height], np.float32))
    return Division("unknown")


def _is_name_alone(pieces: list[F32], width: int, height: int) -> bool:
    """Return whether there is only a name or portrait in the middle: one person without video.

    A label in the lower left corner may be beside it.
    """
    corner = np.array([0, 0.85 * height, 0.4 * width, height])
    rest = [p for p in pieces if not ((p[:2] >= corner[:2]).all() and (p[2:] <= corner[2:]).all())]
    if not rest:
        return False
    box, size = _around(rest), np.array([width, height])
    is_middle = np.abs(centre(box) - size / 2) < NAME_OFF_CENTRE * size
    return bool((is_middle & (box[2:] - box[:2] < NAME_SHARE * size)).all())


def _is_dark_screen(pieces: list[F32], width: int, height: int) -> bool:
    """Return whether little is on the ground, in many pieces or with a bar across the picture."""
    if sum(_area(piece) for piece in pieces) >= SPARSE_SHARE * width * height:
        return False
    sizes = [(piece[2:] - piece[:2]).tolist() for piece in pieces]
    has_bar = any(w >= BAR_LONG * width and h <= BAR_HIGH * height for w, h in sizes)
    return has_bar or len(pieces) >= FRAGMENTS


def _is_in_corner(piece: F32, width: int, height: int) -> bool:
    """Return whether a small piece is in a corner: a thumbnail over a black screen."""
    x0, y0, x1, y1 = piece.tolist()
    reach = CORNER_MARGIN * width
    is_small = x1 - x0 <= SMALL_TILE_SHARE * width and y1 - y0 <= SMALL_TILE_SHARE * height
    is_near = min(x0, width - x1) <= reach and min(y0, height - y1) <= reach
    return bool(is_small and is_near)


def _has_margins(tile: F32, width: int, height: int) -> bool:
    """Return whether the only tile has margins all round: a gallery of one, not bars."""
    x0, y0, x1, y1 = tile.tolist()
    margin = min(x0, y0, width - x1, height - y1)
    return bool(margin >= max(2.0, MIN_MARGIN_SHARE * width))


def _area(box: F32) -> float:
    return float(np.prod(box[2:] - box[:2]))


def _around(boxes: list[F32]) -> F32:
    stack = np.stack(boxes)
    box: F32 = np.concatenate([stack[:, :2].min(axis=0), stack[:, 2:].max(axis=0)])
    return box


# Small tiles beside something large --------------------------------------------------------------


def _beside(pieces: list[F32], width: int, height: int) -> Division | None:
    """Small equal tiles in one row or column, and one large part outside of it."""
    found: tuple[float, Division] | None = None
    for seed in pieces:
        wide, high = (float(side) for side in seed[2:] - seed[:2])
        is_small = wide <= SMALL_TILE_SHARE * width and high <= SMALL_TILE_SHARE * height
        if not is_small or not has_tile_shape(seed, height):
            continue
        for axis in (0, 1):  # a column, a row
            line = _line(seed, pieces, axis, width, height)
            if line is not None and (found is None or line[0] > found[0]):
                found = line
    return found[1] if found else None


def _line(
    seed: F32, pieces: list[F32], axis: int, width: int, height: int
) -> tuple[float, Division] | None:
    """Return the row (axis 1) or column (axis 0) that the seed is in, and what is outside of it.

    The number says how much that explains: whole tiles, then the size of the large part.
    """
    along, slack = 1 - axis, slack_px(width)
    low, high = float(seed[axis]) - slack, float(seed[axis + 2]) + slack
    inside = [p for p in pieces if p[axis] >= low and p[axis + 2] <= high]
    outside = [p for p in pieces if not (p[axis] >= low and p[axis + 2] <= high)]
    if not outside:
        return None
    main = _around(outside)
    if main[axis] < high - 2 * slack and main[axis + 2] > low + 2 * slack:
        return None
    if _area(main) < LARGE_SHARE * width * height or _area(main) < 2.0 * _area(seed):
        return None
    size: list[float] = (seed[2:] - seed[:2]).tolist()
    tolerance = np.maximum(3.0, SAME_SIZE * np.array(size))
    tiles = [p for p in inside if (np.abs(p[2:] - p[:2] - size) <= tolerance).all()]
    if len(outside) >= FRAGMENTS:
        if any((np.abs(p[2:] - p[:2] - size) <= tolerance).all() for p in outside):
            return None
        main = _rest(main, axis, (low + slack, high - slack), (width, height))
    score = len(tiles) + _area(main) / (width * height)
    middles = sorted(float(centre(tile)[along]) for tile in tiles)
    pitch = pitch_of(np.diff(middles).tolist(), size[along])
    for piece in inside:
        if any(piece is tile for tile in tiles) or any(overlap(piece, t) > 0 for t in tiles):
            continue
        if float((piece[2:] - piece[:2])[along]) > size[along] + slack:
            return None
        start = float(tiles[0][along])
        middle = float(centre(piece)[along]) - size[along] / 2
        start += round((middle - start) / pitch) * pitch
        slot = seed.copy()
        slot[along], slot[along + 2] = start, start + size[along]
        limit = height if along else width
        is_free = all(overlap(slot, tile) < 0.05 for tile in tiles)
        if is_free and slot[along] >= -slack and slot[along + 2] <= limit + slack:
            tiles.append(slot)
    line: F32 = np.stack(tiles).astype(np.float32)
    return score, Division("beside", line[np.argsort(line[:, along])], main.astype(np.float32))


def _rest(main: F32, axis: int, line: tuple[float, float], size: tuple[int, int]) -> F32:
    """Return all of the picture on one side of the line of tiles.

    A dark screen is no box: what is written on it is there in many pieces.
    """
    rest = np.array([0, 0, *size], np.float32)
    if float(main[axis]) >= line[0]:
        rest[axis] = line[1]
    else:
        rest[axis + 2] = line[0]
    return rest


# Comparing ---------------------------------------------------------------------------------------


def match(tile: F32, tiles: F32, width: int) -> int | None:
    """Return the index of the tile that is where this one is, in a picture of that width."""
    if len(tiles) == 0:
        return None
    distances = np.abs(tiles - tile).max(axis=1)
    nearest = int(distances.argmin())
    return nearest if distances[nearest] <= slack_px(width) else None


def all_match(a: F32, b: F32, width: int) -> bool:
    """Return whether every tile of `a` is where one of `b` is."""
    return all(match(tile, b, width) is not None for tile in a)


def same_tiles(a: F32, b: F32, width: int) -> bool:
    """Return whether two sets of tiles are in the same places."""
    return a is b or (len(a) == len(b) and all_match(a, b, width))


def same_main(a: F32 | None, b: F32 | None) -> bool:
    """Return whether two large parts are the same place, or both are missing.

    A dark screen has no edges: of it, only what is written on it shows.
    """
    if a is None or b is None:
        return a is b
    return overlap(a, b) > SAME_MAIN_OVERLAP


def same_division(a: Division, b: Division, width: int) -> bool:
    """Return whether two pictures are divided in the same way."""
    return (
        a.kind == b.kind
        and same_tiles(a.tiles, b.tiles, width)
        and (a.kind != "beside" or same_main(a.main, b.main))
    )
