"""Measure how often a shared screen is mistaken for a camera, and the other way round.

    python -m benchmarks.screens                       # drawn screens, generated cameras
    python -m benchmarks.screens --real FOLDER --clips FOLDER

Single pictures are judged (`is_drawn`), as at the first picture of a view; over time a screen is
also known by keeping still. Screens are drawn in nine kinds and three sizes and pass through H.264.
With `--real`, pictures of real recordings are added, whose truth is in `real_recordings.json`, and
with `--clips` those of a folder of videos that show nothing but cameras. Shares come with Wilson's
95 % interval.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import skimage.data

from benchmarks.gallery.lettering import draw_text
from benchmarks.real_recordings import TRUTH
from inference.layout.screen import is_drawn
from inference.schema.arrays import U8

SIZES = ((640, 360), (1280, 720), (1920, 1080))
EACH = 8
"""Pictures of one kind and size."""
EVERY_S = 2.0
WORDS = "the depot note driver route price plan week order total value return class import def for"


def main() -> None:
    """Parse the command line and print the two tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--real", type=Path, help="real recordings, as for real_recordings")
    parser.add_argument("--clips", type=Path, help="videos that show nothing but cameras")
    given = parser.parse_args()
    screens = {name: [is_screen(p) for p in drawn(paint)] for name, paint in KINDS.items()}
    cameras = {"generated cameras": [is_screen(p) for p in drawn(paint_camera)]}
    if given.real is not None:
        found = list(real_pictures(given.real))
        screens["real desktops"] = [is_screen(p) for kind, p in found if kind == "share"]
        cameras["real single views"] = [is_screen(p) for kind, p in found if kind == "single"]
    if given.clips is not None:
        paths = sorted(path for path in given.clips.iterdir() if path.suffix in (".mp4", ".mov"))
        cameras["clips"] = [is_screen(p) for path in paths for _, p in pictures(path)]
    print("Screens taken for a camera")
    print_table(screens, wrong=False)
    print("Cameras taken for a screen")
    print_table(cameras, wrong=True)


def print_table(judged: dict[str, list[bool]], wrong: bool) -> None:
    """Print for each kind, and for all, how many pictures were judged wrongly."""
    every = [is_screen for found in judged.values() for is_screen in found]
    for name, found in [*judged.items(), ("all", every)]:
        count = found.count(wrong)
        low, high = wilson(count, len(found))
        print(f"  {name:24}{count:5d} of {len(found):4d}   {low:6.1%} to {high:6.1%}")


def wilson(count: int, number: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    JASA 22 (1927).
    """
    if number == 0:
        return 0.0, 1.0
    z, share = 1.96, count / number
    middle = share + z * z / (2 * number)
    spread = z * math.sqrt(share * (1 - share) / number + z * z / (4 * number**2))
    scale = 1 + z * z / number
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def is_screen(picture: U8) -> bool:
    """Return whether one RGB picture is judged to be a screen."""
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
    height, width = grey.shape
    return is_drawn(grey, np.array([0, 0, width, height], np.float32))


def real_pictures(folder: Path) -> Iterator[tuple[str, U8]]:
    """Yield pictures of real recordings, each with the kind that a person saw."""
    truth = json.loads(TRUTH.read_text())
    for path in sorted(folder.glob("*.mp4")):
        known = truth.get(hashlib.sha256(path.read_bytes()).hexdigest())
        for t_s, picture in pictures(path) if known else ():
            for span in known["spans"]:
                if span["from_s"] <= t_s < span["to_s"]:
                    yield span["kind"], picture


def pictures(path: Path) -> Iterator[tuple[float, U8]]:
    """Yield a picture every EVERY_S seconds, with its time."""
    due = EVERY_S / 2
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.video[0]):
            if frame.time is not None and frame.time >= due:
                due = frame.time + EVERY_S
                yield frame.time, np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


# Drawn pictures ----------------------------------------------------------------------------------

Paint = Callable[[np.random.Generator, int, int], U8]


def drawn(paint: Paint) -> list[U8]:
    """Return pictures of one kind in all sizes, after H.264."""
    found = []
    for width, height in SIZES:
        rng = np.random.default_rng(width)
        for _ in range(EACH):
            found.append(_through_h264(paint(rng, width, height)))
    return found


def _through_h264(picture: U8) -> U8:
    """Encode and decode a picture, with x264's usual quality."""
    height, width = picture.shape[:2]
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=5, options={"crf": "26", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))
    file.seek(0)
    with av.open(file, "r") as container:
        frame = next(container.decode(video=0))
        return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def _blank(width: int, height: int, colour: tuple[int, int, int]) -> U8:
    return np.broadcast_to(np.array(colour, np.uint8), (height, width, 3)).copy()


def _write(picture: U8, text: str, size: float, x: int, y: int, ink: tuple[int, int, int]) -> None:
    letters = draw_text(text, size, ink)
    area = picture[y : y + letters.shape[0], x : x + letters.shape[1]]
    if not area.size:
        return
    part = letters[: area.shape[0], : area.shape[1]]
    share = part[..., 3:].astype(np.float32) / 255
    area[:] = area * (1 - share) + part[..., :3] * share


def _line(rng: np.random.Generator, words: int) -> str:
    return " ".join(rng.choice(WORDS.split(), words))


def _photograph(rng: np.random.Generator, width: int, height: int) -> U8:
    """A part of a photograph that comes with scikit-image."""
    whole = np.asarray(skimage.data.astronaut(), np.uint8)
    side = int(rng.integers(200, 420))
    x, y = (int(rng.integers(0, 512 - side)) for _ in range(2))
    part = np.ascontiguousarray(whole[y : y + side, x : x + side])
    return np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def _frame(picture: U8, rng: np.random.Generator, bar: tuple[int, int, int]) -> None:
    """Draw a title bar and a task bar, as most desktops have."""
    high = picture.shape[0] // 24
    picture[:high] = bar
    picture[-high:] = tuple(int(v) // 2 for v in bar)
    ink = (20, 20, 20) if sum(bar) > 380 else (230, 230, 230)
    _write(picture, _line(rng, 4), high * 0.6, high, 1, ink)


def _text_lines(
    picture: U8, rng: np.random.Generator, inks: list[tuple[int, int, int]], size: float
) -> None:
    y = int(picture.shape[0] * 0.07)
    while y < picture.shape[0] * 0.92:
        if rng.random() < 0.85:
            indent = int(rng.integers(0, 4)) * round(2 * size)
            ink = inks[int(rng.integers(len(inks)))]
            _write(picture, _line(rng, int(rng.integers(2, 9))), size, 20 + indent, y, ink)
        y += round(size * 1.5)


def paint_editor(rng: np.random.Generator, width: int, height: int) -> U8:
    """Program text on a dark ground."""
    picture = _blank(width, height, (30, 30, 36))
    inks = [(210, 210, 210), (90, 150, 220), (200, 140, 110), (110, 160, 90)]
    _text_lines(picture, rng, inks, height / float(rng.integers(34, 52)))
    picture[:, : width // 6] = (38, 38, 44)
    _frame(picture, rng, (60, 60, 66))
    return picture


def paint_page(rng: np.random.Generator, width: int, height: int) -> U8:
    """Text on a light page."""
    picture = _blank(width, height, (250, 250, 248))
    _text_lines(picture, rng, [(30, 30, 40), (60, 60, 160)], height / float(rng.integers(26, 44)))
    _frame(picture, rng, (222, 225, 230))
    return picture


def paint_sheet(rng: np.random.Generator, width: int, height: int) -> U8:
    """A spreadsheet with numbers in its cells."""
    picture = _blank(width, height, (255, 255, 255))
    wide, high = width // int(rng.integers(9, 14)), height // int(rng.integers(22, 36))
    picture[::high] = (208, 208, 208)
    picture[:, ::wide] = (208, 208, 208)
    for y in range(2 * high, height - high, high):
        for x in range(0, width, wide):
            if rng.random() < 0.6:
                number = f"{rng.integers(0, 90_000):,}"
                _write(picture, number, high * 0.6, x + 4, y + 1, (30, 30, 30))
    _frame(picture, rng, (33, 115, 70))
    return picture


def paint_slide(rng: np.random.Generator, width: int, height: int) -> U8:
    """A slide with a title, a few lines and a photograph of a quarter of it."""
    ground = (252, 252, 250) if rng.random() < 0.6 else (24, 34, 60)
    ink = (30, 30, 40) if ground[0] > 100 else (235, 235, 240)
    picture = _blank(width, height, ground)
    _write(picture, _line(rng, 3), height / 11, width // 16, height // 12, ink)
    for row in range(4):
        _write(
            picture, "•  " + _line(rng, 4), height / 22, width // 14, height * (4 + row) // 10, ink
        )
    wide, high = round(width * 0.42), round(height * 0.55)
    x, y = round(width * 0.53), round(height * 0.3)
    picture[y : y + high, x : x + wide] = _photograph(rng, wide, high)
    return picture


def paint_board(rng: np.random.Generator, width: int, height: int) -> U8:
    """A whiteboard with strokes of several pens."""
    picture = _blank(width, height, (248, 248, 248))
    for _ in range(int(rng.integers(12, 40))):
        start = rng.uniform((0, 0), (width, height))
        steps = rng.normal(0, width / 60, (30, 2)).cumsum(axis=0)
        ink = [(20, 20, 20), (200, 40, 40), (40, 80, 200)][int(rng.integers(3))]
        line = (start + steps).astype(np.int32)
        cv2.polylines(picture, [line], False, ink, max(2, height // 240), cv2.LINE_AA)
    _frame(picture, rng, (235, 235, 235))
    return picture


def paint_game(rng: np.random.Generator, width: int, height: int) -> U8:
    """A game: a gradient, flat figures, a score; fills the screen below a title bar."""
    ends = rng.integers(20, 230, (2, 3))
    shades = np.linspace(0, 1, height)[:, None]
    column = (ends[0] * (1 - shades) + ends[1] * shades).astype(np.uint8)
    picture = np.repeat(column[:, None], width, axis=1)
    for _ in range(int(rng.integers(8, 30))):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        side = int(rng.integers(height // 30, height // 8))
        colour = tuple(int(v) for v in rng.integers(0, 255, 3))
        cv2.rectangle(picture, (x, y), (x + side, y + side), colour, -1)
    _write(
        picture, f"Score {rng.integers(0, 900)}", height / 16, width // 2, height // 14, (255,) * 3
    )
    _frame(picture, rng, (200, 200, 204))
    return picture


def paint_player(rng: np.random.Generator, width: int, height: int) -> U8:
    """A page on which a film plays in half of the width."""
    picture = paint_page(rng, width, height)
    wide, high = width // 2, height // 2
    picture[height // 8 : height // 8 + high, 20 : 20 + wide] = _photograph(rng, wide, high)
    return picture


def paint_desktop(rng: np.random.Generator, width: int, height: int) -> U8:
    """A window over a photograph as the desktop's ground."""
    picture = _photograph(rng, width, height)
    wide, high = round(width * 0.7), round(height * 0.75)
    x, y = int(rng.integers(width - wide)), int(rng.integers(height - high))
    picture[y : y + high, x : x + wide] = paint_page(rng, wide, high)
    _frame(picture, rng, (40, 40, 44))
    return picture


def paint_photograph(rng: np.random.Generator, width: int, height: int) -> U8:
    """A slide that is one photograph: only keeping still tells it from a camera."""
    return _photograph(rng, width, height)


def paint_camera(rng: np.random.Generator, width: int, height: int) -> U8:
    """A camera's picture: a photograph of a person with the noise of a sensor."""
    noise = rng.normal(0, float(rng.uniform(2, 6)), (height, width, 1))
    return np.clip(_photograph(rng, width, height) + noise, 0, 255).astype(np.uint8)


KINDS: dict[str, Paint] = {
    "editor, dark": paint_editor,
    "page of text": paint_page,
    "spreadsheet": paint_sheet,
    "slide with photograph": paint_slide,
    "whiteboard": paint_board,
    "game": paint_game,
    "page with a film": paint_player,
    "window over a photograph": paint_desktop,
    "nothing but a photograph": paint_photograph,
}


if __name__ == "__main__":
    main()
