"""Where Zoom places people in the picture, from one change to the next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from benchmarks.gallery.script import Scenario, Span, Turn

Box = tuple[int, int, int, int]
"""xyxy in pixels, all even: the colour planes of the video have half the resolution."""

GUTTER_SHARE = 1 / 160
"""Width of the gutter as a share of the picture's: 8 px at 1280."""
TIGHT_GUTTER_SHARE = 1 / 320
"""The same in a client that leaves just enough room for the speaker's frame."""
STRIP_SHARE = 1 / 7
"""Height of the film strip above the speaker, as a share of the picture's."""
COLUMN_SHARE = 1 / 5
"""Width of the tiles next to a shared screen, as a share of the picture's."""
CORNER_SHARE = 1 / 4.5
"""Width of a small picture in the corner, as a share of the picture's."""
SHORTEST_SWITCH_S = 1.0
"""Zoom does not enlarge people who speak for less than this."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One person's place in the picture."""

    who: int
    box: Box
    has_video: bool


@dataclass(frozen=True, slots=True)
class Stage:
    """What the picture shows from one change to the next, in seconds.

    `kind` is one of "gallery", "speaker", "share" and "single" (one undivided picture, whose only
    tile is all of it). `screen` is the shared screen, which is not a tile.
    """

    start_s: float
    end_s: float
    kind: str
    tiles: tuple[Tile, ...]
    screen: Box | None = None


def plan_stages(
    scenario: Scenario,
    turns: list[Turn],
    seconds: float,
    size: tuple[int, int],
    rng: np.random.Generator,
) -> list[Stage]:
    """Return the stages of a recording in order; they cover it without gaps."""
    stages: list[Stage] = []
    start_s, shown = 0.0, [scenario.spans[0].present[0]]
    for span in scenario.spans:
        end_s = span.until * seconds
        if span.layout in ("gallery", "share_gallery", "share_strip"):
            stages.append(_stage(scenario, span, start_s, end_s, shown, size))
        else:
            switches = list(_switches(scenario, span, turns, start_s, end_s, shown, rng))
            edges = [start_s, *(at for at, _ in switches[1:]), end_s]
            for (_, people), (first, last) in zip(switches, pairwise(edges), strict=True):
                stages.append(_stage(scenario, span, first, last, people, size))
            shown = switches[-1][1]
        start_s = end_s
    return stages


def _switches(
    scenario: Scenario,
    span: Span,
    turns: list[Turn],
    start_s: float,
    end_s: float,
    shown: list[int],
    rng: np.random.Generator,
) -> Iterator[tuple[float, list[int]]]:
    """Return whom a speaker view shows when: the current person, then the previous ones."""
    shown = [who for who in shown if who in span.present]
    shown = shown or [span.present[0]]
    yield start_s, shown
    last_s = start_s
    for turn in turns:
        at_s = turn.start_s + float(rng.uniform(*scenario.lag_s))
        stays_on = turn.end_s >= at_s and turn.end_s - turn.start_s >= SHORTEST_SWITCH_S
        if turn.who == shown[0] or not stays_on or turn.who not in span.present:
            continue
        if last_s + 0.4 <= at_s < end_s - 0.4:
            shown = [turn.who, *(who for who in shown if who != turn.who)]
            last_s = at_s
            yield at_s, shown


def _stage(
    scenario: Scenario,
    span: Span,
    start_s: float,
    end_s: float,
    shown: list[int],
    size: tuple[int, int],
) -> Stage:
    width, height = size
    gutter = gutter_px(width, scenario.is_tight)
    order = list(span.present)
    screen = None
    large = shown[0] if shown[0] in order else order[0]
    others = [who for who in order if who != large]
    if span.layout == "gallery":
        kind, boxes = (
            ("gallery", grid(len(order), size, gutter)) if len(order) > 1 else ("single", [])
        )
        people = order
    elif span.layout == "share_gallery":
        kind, people = "share", order
        screen, boxes = _beside(len(order), size, gutter)
        people = people[: len(boxes)]
    elif span.layout == "share_strip":
        kind = "share"
        screen, *boxes = _strip(len(order), size, gutter)
        people = order[: len(boxes)]
    elif span.layout == "share_speaker":
        kind, people, screen = "share", [large], (0, 0, width, height)
        boxes = [_corner(size, gutter)]
    elif span.layout == "strip" and others:
        kind = "speaker"
        boxes = _strip(len(others), size, gutter)
        people = [large, *others][: len(boxes)]
    elif span.layout == "pip" and others:
        kind = "speaker"
        before = next((who for who in shown[1:] if who in others), others[0])
        people, boxes = [large, before], [(0, 0, width, height), _corner(size, gutter)]
    else:
        kind, people, boxes = "single", [large], []
    boxes = boxes or [(0, 0, width, height)]
    without_video = {*span.video_off, *scenario.avatars}
    tiles = tuple(
        Tile(who, box, who not in without_video) for who, box in zip(people, boxes, strict=True)
    )
    return Stage(start_s, end_s, kind, tiles, screen)


def grid(count: int, size: tuple[int, int], gutter: int) -> list[Box]:
    """Return a gallery's boxes, in the columns with the largest 16:9 tiles, last row centred."""
    width, height = size
    best, columns = 0, 1
    for tried in range(1, count + 1):
        rows = -(-count // tried)
        across = (width - gutter * (tried + 1)) / tried
        tile = even(min(across, (height - gutter * (rows + 1)) / rows * 16 / 9))
        if tile > best:
            best, columns = tile, tried
    rows = -(-count // columns)
    tile_width, tile_height = best, even(best * 9 / 16)
    top = even((height - rows * tile_height - (rows - 1) * gutter) / 2)
    boxes = []
    for row in range(rows):
        here = min(columns, count - row * columns)
        left = even((width - here * tile_width - (here - 1) * gutter) / 2)
        y = top + row * (tile_height + gutter)
        for column in range(here):
            x = left + column * (tile_width + gutter)
            boxes.append((x, y, x + tile_width, y + tile_height))
    return boxes


def _beside(count: int, size: tuple[int, int], gutter: int) -> tuple[Box, list[Box]]:
    """Return a shared screen on the left and a column of tiles on the right, as many as fit."""
    width, height = size
    tile_width = even(width * COLUMN_SHARE)
    tile_height = even(tile_width * 9 / 16)
    fits = max(1, (height + gutter) // (tile_height + gutter))
    shown = min(count, fits)
    top = even((height - shown * tile_height - (shown - 1) * gutter) / 2)
    boxes = []
    for number in range(shown):
        y = top + number * (tile_height + gutter)
        boxes.append((width - tile_width, y, width, y + tile_height))
    screen_width = width - tile_width - gutter
    screen_height = min(height, even(screen_width * 9 / 16))
    y = even((height - screen_height) / 2)
    return (0, y, screen_width, y + screen_height), boxes


def _strip(count: int, size: tuple[int, int], gutter: int) -> list[Box]:
    """Return the large tile, then the film strip above it, with as many tiles as fit."""
    width, height = size
    tile_height = even(height * STRIP_SHARE)
    tile_width = even(tile_height * 16 / 9)
    shown = min(count, (width - gutter) // (tile_width + gutter))
    left = even((width - shown * tile_width - (shown - 1) * gutter) / 2)
    small = []
    for number in range(shown):
        x = left + number * (tile_width + gutter)
        small.append((x, gutter, x + tile_width, gutter + tile_height))
    top = tile_height + 2 * gutter
    large_height = even(height - top - gutter)
    large_width = even(large_height * 16 / 9)
    x = even((width - large_width) / 2)
    return [(x, top, x + large_width, top + large_height), *small]


def _corner(size: tuple[int, int], gutter: int) -> Box:
    width, _ = size
    tile_width = even(width * CORNER_SHARE)
    return (
        width - gutter - tile_width,
        gutter,
        width - gutter,
        gutter + even(tile_width * 9 / 16),
    )


def gutter_px(width: int, is_tight: bool = False) -> int:
    """Return the width of the gutter in a picture of that width."""
    return even(max(2, width * (TIGHT_GUTTER_SHARE if is_tight else GUTTER_SHARE)))


def even(length: float) -> int:
    """Round a length down to an even whole number."""
    return int(length) // 2 * 2
