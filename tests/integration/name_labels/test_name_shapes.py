"""Names in scripts that the reader does not know, in a clip that the test encodes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from bot.text.draw_name import draw_name
from bot.text.draw_text import Typeface
from inference.attribution.likelihoods import label_probabilities
from inference.attribution.tracklet_groups import TrackletGroup
from inference.name_labels.glyph_match import match_shape
from inference.schema.arrays import F32, U8
from inference.schema.observations import FaceColumns, Observations, Quality, View
from tests.integration.name_labels.test_name_labels import follow, gallery_clip, tiles_of
from tests.lettering import ARABIC_BOLD, INTER_MEDIUM, OTHER_FONT, text_width, write

ROSTER = [
    "Ольга Смирнова",
    "Дмитрий Иванов",
    "Мария Иванова",
    "يوسف الخطيب",
    "محمود علي",
    "Anna Berg",
]
SHOWN = (("Мария Иванова", OTHER_FONT), ("يوسف الخطيب", ARABIC_BOLD),
         ("Николай Орлов", OTHER_FONT), ("Anna Berg", INTER_MEDIUM))  # fmt: skip

Written = tuple[str, Typeface]


def clip_with(path: Path, tiles: F32, shown: Callable[[int], Sequence[Written]]) -> list[U8]:
    """A gallery of 8 s with names written in given fonts, two pictures a second."""
    numbers = itertools.count()

    def write_names(image: U8) -> U8:
        for (name, font), tile in zip(shown(next(numbers)), tiles.astype(int), strict=True):
            left, bottom = int(tile[0]), int(tile[3])
            image[bottom - 34 : bottom + 1, left : left + text_width(name, 20, font) + 20] = 40
            write(image, name, (left + 10, bottom - 14), 20, font)
        return image

    nothing = (None,) * len(tiles)
    return gallery_clip(path, tiles, 1280, 720, lambda _: nothing, seconds=8.0, finish=write_names)


def test_labels_in_cyrillic_and_arabic_name_the_tiles_they_stand_on(tmp_path: Path) -> None:
    tiles = tiles_of(1280, 720, 2, 2)
    pictures = clip_with(tmp_path / "a.mp4", tiles, lambda _: SHOWN)
    labels = follow(pictures, tiles)
    samples = len(pictures)
    observations = Observations(
        np.arange(samples) / 2.0, 0.5, samples / 2.0, 1280, 720, FaceColumns.empty(),
        (View(0, samples, "gallery", tiles),), Quality(), "", labels,
    )  # fmt: skip
    groups = [
        TrackletGroup([], np.zeros(0, np.int32), np.ones(samples, np.bool_), [(0, tile)])
        for tile in range(4)
    ]
    prior = np.append(np.full(len(ROSTER), 0.5 / len(ROSTER)), 0.5)
    found = label_probabilities(observations, groups, ROSTER, prior, draw_name)

    for tile, name in ((0, "Мария Иванова"), (1, "يوسف الخطيب"), (3, "Anna Berg")):
        assert found[tile, ROSTER.index(name)] >= 0.95
    assert found[2, :-1].max() < 0.5


def test_a_name_that_changes_on_a_tile_is_told_for_its_own_time(tmp_path: Path) -> None:
    tiles = tiles_of(1280, 720, 2, 1)
    names = ("يوسف الخطيب", "محمود علي")

    pictures = clip_with(
        tmp_path / "a.mp4",
        tiles,
        lambda number: [(names[number >= 16], ARABIC_BOLD), ("Дмитрий Иванов", OTHER_FONT)],
    )
    told = {}
    for label in follow(pictures, tiles):
        found = match_shape(label.shape, ROSTER, draw_name)
        if label.tile == 0 and found[:-1].max() >= 0.95:
            told[ROSTER[int(found.argmax())]] = (label.start_sample, label.end_sample)

    assert set(told) == set(names)
    assert abs(told[names[0]][1] - 8) <= 3
    assert told[names[1]][1] == len(pictures)
