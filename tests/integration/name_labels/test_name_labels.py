"""Names drawn on the tiles of clips that the test encodes, read by the shipped reader."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from inference.layout import Layout
from inference.name_labels.finder import LabelFinder
from inference.name_labels.ocr import shared_reader
from inference.name_labels.text_match import match_names
from inference.schema.arrays import F32, U8
from inference.schema.observations import NameLabel
from tests.lettering import INTER_MEDIUM, text_width, write
from tests.media import rgb, write_clip

NAMES = ("Anna Berg", "José Núñez", "Priya Sharma", "Tom O'Neil")
ROSTER = (*NAMES, "Alexandra Richardson", "Łukasz Żółć", "Anne Bergmann", "Mia Wong")
GROUND = 22
SAMPLES_PER_S = 2
SURE = 0.95

Texts = Callable[[int], Sequence[str | None]]


class CountingReader:
    """The shipped reader, with the number of strips it was given."""

    def __init__(self) -> None:
        self.strips = 0

    def read(self, strips: Sequence[U8]) -> list[tuple[str, float]]:
        self.strips += len(strips)
        return shared_reader().read(strips)


def tiles_of(width: int, height: int, columns: int, rows: int) -> F32:
    """A grid of 16:9 tiles with a gap between them."""
    wide = min(width // columns, height // rows * 16 // 9) // 16 * 16 - 16
    high = wide * 9 // 16
    left, top = (width - columns * (wide + 6)) // 2, (height - rows * (high + 6)) // 2
    return np.array(
        [
            [x := left + c * (wide + 6), y := top + r * (high + 6), x + wide, y + high]
            for r in range(rows)
            for c in range(columns)
        ],
        np.float32,
    )


def camera(number: int, picture: int, width: int, height: int, brightness: float = 0.0) -> U8:
    """Something like video: soft coloured shapes of several sizes that move."""
    noise = np.random.default_rng(number)
    image = np.zeros((height, width, 3), np.float32)
    for cells in (3, 7, 16):
        coarse = noise.uniform(0, 255, (cells * 2, cells * 4, 3)).astype(np.float32)
        shift = int(picture * cells * 0.02 * (1 + number % 3)) % cells
        soft = cv2.resize(np.roll(coarse, shift, axis=1), (2 * width, height))
        image += soft[:, :width] * 0.3
    shown: U8 = np.clip(image * (1 - brightness) + 255 * brightness, 0, 255).astype(np.uint8)
    return shown


def draw_name(
    tile: U8, text: str, size: int, *, has_box: bool = True, in_middle: bool = False
) -> None:
    """Write a name into a tile as Zoom does: white, bottom left, on a half-transparent box."""
    high, wide = tile.shape[:2]
    length = text_width(text, size, INTER_MEDIUM)
    box = (0, high - round(1.6 * size), min(wide, length + size), high)
    if has_box and not in_middle:
        part = tile[box[1] : box[3], box[0] : box[2]]
        part[:] = (part * 0.4).astype(np.uint8)
    middle = high / 2 if in_middle else high - 0.8 * size
    left = (wide - length) / 2 if in_middle else size / 2
    write(tile, text, (left, middle + 0.36 * size), size, INTER_MEDIUM)  # half a capital's height


def gallery_clip(
    path: Path,
    tiles: F32,
    width: int,
    height: int,
    texts: Texts,
    *,
    seconds: float = 4.0,
    letters: float = 0.024,
    brightness: float = 0.0,
    has_box: bool = True,
    finish: Callable[[U8], U8] | None = None,
) -> list[U8]:
    """Encode a gallery whose labels are `texts(picture number)` and give two pictures a second."""
    fps = 4

    def paint(number: int, _width: int, _height: int) -> U8:
        image = np.full((height, width, 3), GROUND, np.uint8)
        for k, (text, box) in enumerate(zip(texts(number), tiles.astype(int), strict=True)):
            part = image[box[1] : box[3], box[0] : box[2]]
            part[:] = camera(k, number, part.shape[1], part.shape[0], brightness)
            if text is not None:
                draw_name(part, text, max(8, round(letters * height)), has_box=has_box)
        return np.ascontiguousarray(finish(image)) if finish else image

    write_clip(path, seconds=seconds, fps=fps, width_px=width, height_px=height, paint=paint)
    with av.open(str(path)) as clip:
        pictures = [rgb(frame) for frame in clip.decode(video=0)]
    return pictures[:: fps // SAMPLES_PER_S]


def follow(
    pictures: Sequence[U8],
    tiles: F32,
    reader: CountingReader | None = None,
    view_of: Callable[[int], int] = lambda _: 0,
) -> tuple[NameLabel, ...]:
    finder = LabelFinder(reader or CountingReader())
    for sample, picture in enumerate(pictures):
        finder.update(sample, view_of(sample), picture, Layout("gallery", tiles, sample == 0))
    return finder.labels()


def named(labels: Sequence[NameLabel], tile: int) -> list[str | None]:
    """What the labels of one tile say, in order of time: the roster's name, or None: unsure."""
    names: list[str | None] = []
    for label in labels:
        if label.tile == tile:
            found = match_names(label.text, ROSTER)[:-1]
            is_sure = found.max() * label.confidence > 0.5 and found.max() > SURE
            names.append(ROSTER[int(found.argmax())] if is_sure else None)
    return names


@pytest.mark.parametrize(
    ("width", "height", "letters"),
    [(1280, 720, 0.02), (1280, 720, 0.03), (1920, 1080, 0.018), (640, 360, 0.028)],
)
def test_names_are_read_at_the_sizes_that_zoom_records(
    tmp_path: Path, width: int, height: int, letters: float
) -> None:
    tiles = tiles_of(width, height, 2, 2)
    pictures = gallery_clip(
        tmp_path / "a.mp4", tiles, width, height, lambda _: NAMES, letters=letters
    )
    labels = follow(pictures, tiles)
    assert [named(labels, tile) for tile in range(4)] == [[name] for name in NAMES]
    assert {(label.start_sample, label.end_sample) for label in labels} == {(0, len(pictures))}


def test_a_long_call_costs_a_few_readings_per_tile(tmp_path: Path) -> None:
    tiles = tiles_of(640, 360, 2, 1)
    texts = NAMES[:2]
    pictures = gallery_clip(tmp_path / "a.mp4", tiles, 640, 360, lambda _: texts, letters=0.04)
    reader = CountingReader()
    follow(pictures * 20, tiles, reader)
    assert reader.strips <= 8


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (640, 360)])
@pytest.mark.parametrize(
    ("one", "other"), [("Anna Berg", "Anne Bergmann"), ("Priya Sharma", "Łukasz Żółć")]
)
def test_names_that_change_places_are_two_labels_each(
    tmp_path: Path, width: int, height: int, one: str, other: str
) -> None:
    tiles = tiles_of(width, height, 2, 1)
    pictures = gallery_clip(
        tmp_path / "a.mp4", tiles, width, height,
        # After 6 s: a name that is hard to read takes four readings until its change is looked for.
        lambda n: (one, other) if n < 24 else (other, one), seconds=12, letters=0.028,
    )  # fmt: skip
    labels = follow(pictures, tiles)
    assert [named(labels, 0), named(labels, 1)] == [[one, other], [other, one]]
    assert {label.start_sample for label in labels} == {0, 12}
    assert {label.end_sample for label in labels} == {12, 24}


def test_a_call_without_names_is_hardly_read_however_often_its_tiles_move() -> None:
    grids = [tiles_of(1280, 720, 2, 2), tiles_of(1280, 720, 2, 2) + np.float32(2)]
    random = np.random.default_rng(5)
    shelf = random.integers(40, 80, (720, 1280, 3)).astype(np.uint8)
    for x, y in random.integers((0, 0), (1280, 720), (3000, 2)).tolist():
        shelf[y : y + 12, x : x + 3] = 230  # backs of books, as thin as letters
    reader = CountingReader()
    finder = LabelFinder(reader)
    for sample in range(240):
        layout = Layout("gallery", grids[sample // 12 % 2], sample % 12 == 0)
        finder.update(sample, sample // 12, np.roll(shelf, sample // 3, axis=1), layout)
    assert 0 < reader.strips <= 100


def test_names_that_appear_late_in_a_call_are_read(tmp_path: Path) -> None:
    tiles = tiles_of(1280, 720, 2, 1)
    without = gallery_clip(tmp_path / "a.mp4", tiles, 1280, 720, lambda _: (None,) * 2)
    named_ones = gallery_clip(tmp_path / "b.mp4", tiles, 1280, 720, lambda _: NAMES[:2])
    labels = follow(without * 30 + named_ones * 20, tiles)
    assert named(labels, 0)[-1:] == [NAMES[0]]
    assert named(labels, 1)[-1:] == [NAMES[1]]


def test_a_tile_without_a_name_has_no_label(tmp_path: Path) -> None:
    tiles = tiles_of(1280, 720, 2, 2)
    pictures = gallery_clip(tmp_path / "a.mp4", tiles, 1280, 720, lambda _: (None,) * 4)
    reader = CountingReader()
    assert follow(pictures * 10, tiles, reader) == ()
    assert reader.strips <= 60


def test_a_name_that_is_shown_later_is_read_then(tmp_path: Path) -> None:
    tiles = tiles_of(640, 360, 2, 1)
    pictures = gallery_clip(
        tmp_path / "a.mp4", tiles, 640, 360,
        lambda n: NAMES[:2] if n >= 16 else (None, None), seconds=16, letters=0.04,
    )  # fmt: skip
    labels = follow(pictures, tiles)
    assert [named(labels, 0), named(labels, 1)] == [["Anna Berg"], ["José Núñez"]]


@pytest.mark.parametrize("has_box", [True, False])
def test_over_bright_video_a_name_is_right_or_unknown(tmp_path: Path, has_box: bool) -> None:
    tiles = tiles_of(1280, 720, 2, 2)
    pictures = gallery_clip(
        tmp_path / "a.mp4", tiles, 1280, 720, lambda _: NAMES, brightness=0.75, has_box=has_box
    )
    labels = follow(pictures, tiles)
    for tile, name in enumerate(NAMES):
        assert set(named(labels, tile)) <= {name, None}


@pytest.mark.parametrize(
    "turn",
    [lambda image: image[:, ::-1], lambda image: image[::-1], lambda image: image[::-1, ::-1]],
    ids=["mirrored", "upside down mirrored", "upside down"],
)
def test_in_a_mirrored_or_turned_picture_nobody_is_named(
    tmp_path: Path, turn: Callable[[U8], U8]
) -> None:
    tiles = tiles_of(1280, 720, 2, 2)  # the same mirrored: the grid stands in the middle
    pictures = gallery_clip(tmp_path / "a.mp4", tiles, 1280, 720, lambda _: NAMES, finish=turn)
    labels = follow(pictures, tiles)
    assert [named(labels, tile) for tile in range(4) if any(named(labels, tile))] == []


def test_a_tile_that_stays_keeps_its_name_in_the_next_view(tmp_path: Path) -> None:
    tiles = tiles_of(640, 360, 2, 1)
    pictures = gallery_clip(tmp_path / "a.mp4", tiles, 640, 360, lambda _: NAMES[:2], letters=0.04)
    reader = CountingReader()
    labels = follow(pictures, tiles, reader, lambda sample: sample // 4)
    assert [(label.view, label.tile, label.start_sample, label.end_sample) for label in labels] == [
        (view, tile, 4 * view, 4 * view + 4) for view in range(2) for tile in range(2)
    ]
    assert reader.strips <= 8


def test_a_tile_without_video_shows_its_name_in_the_middle() -> None:
    image = np.full((360, 640, 3), GROUND, np.uint8)
    tile = np.array([[10, 10, 630, 350]], np.float32)
    part = image[10:350, 10:630]
    part[:] = 50
    draw_name(part, "Priya Sharma", 28, in_middle=True)
    finder = LabelFinder(CountingReader())
    layout = Layout("gallery", tile, False, has_video=np.array([False]))
    for sample in range(4):
        finder.update(sample, 0, image, layout)
    assert named(finder.labels(), 0) == ["Priya Sharma"]


def test_two_runs_read_the_same(tmp_path: Path) -> None:
    tiles = tiles_of(640, 360, 2, 2)
    pictures = gallery_clip(tmp_path / "a.mp4", tiles, 640, 360, lambda _: NAMES, has_box=False)
    assert follow(pictures, tiles) == follow(pictures, tiles)


def test_a_strip_without_letters_reads_as_nothing() -> None:
    assert shared_reader().read([np.zeros((48, 100, 3), np.uint8)]) == [("", 0.0)]
    assert shared_reader().read([]) == []


READ_ONE_STRIP = """
import numpy as np
from inference.name_labels.ocr import shared_reader
shared_reader().read([np.full((48, 200, 3), 20, np.uint8)])
"""


def test_reading_names_notes_no_id_of_the_machine_and_tells_nobody(tmp_path: Path) -> None:
    told = ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME", "CI", "GITHUB_ACTIONS", "TF_BUILD")
    environment = {name: value for name, value in os.environ.items() if name not in told}
    environment["HOME"] = str(tmp_path)
    subprocess.run([sys.executable, "-c", READ_ONE_STRIP], env=environment, check=True, timeout=120)
    assert [path.name for path in tmp_path.rglob("*") if "nnx" in path.name] == []
    assert not list(tmp_path.rglob("deviceid"))
