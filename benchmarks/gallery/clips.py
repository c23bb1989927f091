"""Footage from clips of single people, split by their mouths into silent and speaking pictures.

The clips stay where they are: nothing from them is kept except in the generated recordings.
"""

from __future__ import annotations

from copy import copy
from functools import lru_cache
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.gallery.footage import PICTURES_HZ, U8, Cutout, PingPong, Player, cut_out
from inference.faces.detector import FaceDetector

SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv", ".webm")
READ_PX = 288
"""Height at which clips are analysed: the thresholds for talking depend on it."""
LONGEST_READ_S = 14.0
TALK_S = 6.0
"""Length of the talking stretch that is kept."""
REST_S = (1.6, 1.2, 0.8, 0.48)
"""Lengths of a silent stretch to try; the longest that is calm enough is used."""
CALM = 0.012
"""Standard deviation of the mouth's opening (height over width) at rest: 0.003–0.014 in a second
of silence and 0.03–0.25 in a second of speech, in the clips examined."""
TALKING = 4.5
"""How many times more the opening changes in 0.16 s during speech than at rest: 5–37 in clips of
speech, below 4 in clips of people who only smile."""
_CHANGE_PICTURES = 2  # 0.16 s


class ClipFootage:
    """One clip: its calmest stretch, played back and forth, and its talking.

    Raises:
        ValueError: the clip shows no face for long enough.
    """

    def __init__(self, path: Path) -> None:
        pictures, openings, faces = _read(path)
        if len(pictures) < PICTURES_HZ * REST_S[-1]:
            raise ValueError(f"{path.name} shows no face for long enough.")
        rest = _calmest(openings)
        talk = _liveliest(openings)
        self._rest, self._talk = len(rest), len(talk)
        self.cutouts = [cut_out(pictures[i]) for i in (*rest, *talk)]
        calm, lively = (float(_changes(openings[part]).mean()) for part in (rest, talk))
        self.can_talk = lively >= TALKING * calm
        x, y, height = np.median(faces, axis=0)
        self.face = (float(x), float(y), float(height))

    def scaled(self, height: int) -> ClipFootage:
        """Return the same footage with pictures of another height."""
        share = height / READ_PX
        smaller = copy(self)
        smaller.cutouts = [_scaled(picture, share) for picture in self.cutouts]
        x, y, face_height = self.face
        smaller.face = (x * share, y * share, face_height * share)
        return smaller

    def player(self, rng: np.random.Generator) -> Player:
        """See `Footage.player`."""
        return _ClipPlayer(self._rest, self._talk, rng)


class _ClipPlayer:
    def __init__(self, rest: int, talk: int, rng: np.random.Generator) -> None:
        self._rest, self._talk = PingPong(rest), PingPong(talk, int(rng.integers(max(talk, 1))))
        self._first_talk = rest
        self._is_slow = rest < PICTURES_HZ
        self._calls = 0
        self._last = 0

    def next(self, is_speaking: bool, loudness: float) -> int:
        if is_speaking:
            return self._first_talk + self._talk.next()
        self._calls += 1
        if not self._is_slow or self._calls % 2:  # a short loop at half speed is calmer
            self._last = self._rest.next()
        return self._last


def _scaled(picture: Cutout, share: float) -> Cutout:
    rows, columns = picture.alpha.shape
    size = (round(columns * share), round(rows * share))
    rgb, alpha = (
        np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
        for part in (picture.rgb, picture.alpha)
    )
    return Cutout(rgb, alpha)


def _read(path: Path) -> tuple[list[U8], NDArray[np.float64], NDArray[np.float64]]:
    """Return pictures `READ_PX` high, mouth openings, and (x, y, height) of the faces.

    They are from the longest stretch in which a face is seen throughout.
    """
    pictures: list[U8] = []
    rows: list[tuple[float, float, float, float]] = []
    with FaceDetector() as detector, av.open(str(path)) as container:
        next_s = 0.0
        for frame in container.decode(video=0):
            at_s = frame.time or 0.0
            if at_s < next_s:
                continue
            if at_s > LONGEST_READ_S:
                break
            next_s += 1 / PICTURES_HZ
            image = frame.to_ndarray(format="rgb24")
            width = round(image.shape[1] * READ_PX / image.shape[0] / 2) * 2
            image = cv2.resize(image, (width, READ_PX), interpolation=cv2.INTER_AREA)
            found = detector.detect(image, None)
            pictures.append(image)
            if found:
                face = max(found, key=lambda face: face.height_px)
                x0, y0, x1, y1 = (float(edge) for edge in face.box)
                rows.append(((x0 + x1) / 2, (y0 + y1) / 2, y1 - y0, face.mouth_opening))
            else:
                rows.append((np.nan, np.nan, np.nan, np.nan))
    table = np.array(rows).reshape(-1, 4)
    first, last = _longest_run(~np.isnan(table[:, 3]))
    return pictures[first:last], table[first:last, 3], table[first:last, :3]


def _longest_run(seen: NDArray[np.bool_]) -> tuple[int, int]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], seen, [False]]).astype(int)))
    runs = list(zip(edges[::2], edges[1::2], strict=True))
    return max(runs, key=lambda run: run[1] - run[0], default=(0, 0))


def _calmest(openings: NDArray[np.float64]) -> list[int]:
    best: list[int] = []
    for seconds in REST_S:
        count = round(seconds * PICTURES_HZ)
        if count > len(openings):
            continue
        spread = [np.std(openings[i : i + count]) for i in range(len(openings) - count + 1)]
        first = int(np.argmin(spread))
        best = list(range(first, first + count))
        if spread[first] <= CALM:
            break
    return best


def _liveliest(openings: NDArray[np.float64]) -> list[int]:
    """Return the stretch in which the mouth changes fastest."""
    count = min(round(TALK_S * PICTURES_HZ), len(openings))
    firsts = range(len(openings) - count + 1)
    means = [float(_changes(openings[first : first + count]).mean()) for first in firsts]
    first = int(np.argmax(means))
    return list(range(first, first + count))


def _changes(openings: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.abs(openings[_CHANGE_PICTURES:] - openings[:-_CHANGE_PICTURES])


def clips(folder: Path, height: int) -> tuple[ClipFootage, ...]:
    """Return footage of every clip in a folder, `height` pixels high, those with speech first.

    Each clip is analysed once per process.

    Raises:
        ValueError: the folder does not exist, contains no clips, or a clip shows no face.
    """
    if not folder.is_dir():
        raise ValueError(f"There is no folder {folder}.")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise ValueError(f"{folder} contains no clips ({', '.join(SUFFIXES)}).")
    made = [_load_clip(path).scaled(height) for path in paths]
    return tuple(sorted(made, key=lambda clip: not clip.can_talk))


@lru_cache(maxsize=64)
def _load_clip(path: Path) -> ClipFootage:
    return ClipFootage(path)
