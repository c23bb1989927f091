"""Pictures of one person, speaking and silent, cut out of their background."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.faces.litert_models import Network
from inference.faces.model_files import SELFIE

U8 = NDArray[np.uint8]

PICTURES_HZ = 12.5
"""The frame rate of a gallery camera; Zoom sends small tiles at about half the full rate."""
TABLE_TOP, TABLE = 0.7, (92, 80, 70)
"""Where the table in front of a room's people begins, as a share of the tile's height; its
colour."""
_SURE, _SURELY_NOT = 0.95, 0.65


@dataclass(frozen=True, slots=True)
class Cutout:
    """A person without the background: RGB (H, W, 3) and each pixel's share of the person."""

    rgb: U8
    alpha: U8


class Player(Protocol):
    """Plays one person's pictures, `PICTURES_HZ` per second."""

    def next(self, is_speaking: bool, loudness: float) -> int:
        """Return the index of the next cutout. `loudness` is the current one, 0–1."""


class Footage(Protocol):
    """All pictures of one person."""

    @property
    def cutouts(self) -> Sequence[Cutout]:
        """The pictures, all of one size."""

    @property
    def face(self) -> tuple[float, float, float] | None:
        """The face's middle (x, y) and height, in pixels; None if the pictures fill the tile."""

    @property
    def can_talk(self) -> bool:
        """Whether the person speaks in any of the pictures."""

    def player(self, rng: np.random.Generator) -> Player:
        """Return a new player, one for each recording."""


class PingPong:
    """Counts up and down between 0 and count - 1, one step at a time."""

    def __init__(self, count: int, start: int = 0) -> None:
        self._count, self._at, self._step = count, start % max(count, 1), 1

    def next(self) -> int:
        """Return the next number."""
        at = self._at
        if not 0 <= at + self._step < self._count:
            self._step = -self._step
        if self._count > 1:
            self._at += self._step
        return at


def cut_out(rgb: U8) -> Cutout:
    """Cut the largest person out of a picture, with MediaPipe's selfie segmentation."""
    share = _person_share(rgb)
    share = np.clip((share - _SURELY_NOT) / (_SURE - _SURELY_NOT), 0, 1)
    count, parts, stats, _ = cv2.connectedComponentsWithStats((share > 0.3).astype(np.uint8))
    if count > 2:
        largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
        share = share * cv2.dilate((parts == largest).astype(np.uint8), np.ones((5, 5)))
    return Cutout(rgb, (share * 255).astype(np.uint8))


def _person_share(rgb: U8) -> NDArray[np.float32]:
    """Return each pixel's share of a person, 0–1.

    Source of the scaling: MediaPipe's selfie_segmentation_cpu.pbtxt (the whole picture, 0–1), its
    image_to_tensor_calculator (coordinates start at corners) and
    tensors_to_segmentation_calculator (the result is enlarged linearly).
    """
    model = _segmenter()
    height, width = model.values.shape[1:3]
    into_picture = np.diag([rgb.shape[1] / width, rgb.shape[0] / height, 1])[:2]
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    small = cv2.warpAffine(rgb, into_picture, (width, height), flags=how)
    np.multiply(small, np.float32(1 / 255), out=model.values[0], casting="unsafe")
    (share,) = model.run()
    size = (rgb.shape[1], rgb.shape[0])
    return np.asarray(cv2.resize(share[0, :, :, 0], size, interpolation=cv2.INTER_LINEAR))


@lru_cache(maxsize=1)
def _segmenter() -> Network:
    return Network(SELFIE)


class RoomFootage:
    """Several people at one camera, side by side; they take turns speaking."""

    face = None
    can_talk = True

    def __init__(self, people: Sequence[Footage], size: tuple[int, int]) -> None:
        width, height = size
        rng = np.random.default_rng(len(people))
        players = [person.player(rng) for person in people]
        still = round(4 * PICTURES_HZ)
        self._still = still
        self._people = len(people)
        self.cutouts: list[Cutout] = []
        for speaking in (-1, *range(len(people))):
            for number in range(still):
                rgb = np.zeros((height, width, 3), np.uint8)
                alpha = np.zeros((height, width), np.uint8)
                for place, (person, player) in enumerate(zip(people, players, strict=True)):
                    loud = abs(np.sin(number * 1.13)) if place == speaking else 0.0
                    picture = person.cutouts[player.next(place == speaking, loud)]
                    x = width * (place + 0.5) / len(people)
                    seated = (x, height * (0.42 + 0.04 * (place % 2)), 0.28 * height)
                    _place(rgb, alpha, picture, person.face, seated)
                rgb[round(TABLE_TOP * height) :] = TABLE
                alpha[round(TABLE_TOP * height) :] = 255
                self.cutouts.append(Cutout(rgb, alpha))

    def player(self, rng: np.random.Generator) -> Player:
        """See `Footage.player`."""
        return _RoomPlayer(self._still, self._people)


class _RoomPlayer:
    def __init__(self, still: int, people: int) -> None:
        self._loop, self._still, self._people = PingPong(still), still, people
        self._who, self._was_speaking = 0, False

    def next(self, is_speaking: bool, loudness: float) -> int:
        if is_speaking and not self._was_speaking:
            self._who = (self._who + 1) % self._people
        self._was_speaking = is_speaking
        return self._loop.next() + (self._still * (1 + self._who) if is_speaking else 0)


def _place(
    rgb: U8,
    alpha: U8,
    picture: Cutout,
    face: tuple[float, float, float] | None,
    seated: tuple[float, float, float],
) -> None:
    """Draw a person into a picture, with the face at that place and of that height."""
    matrix = placing(picture, face, seated)
    size = (rgb.shape[1], rgb.shape[0])
    person = cv2.warpAffine(picture.rgb, matrix, size, flags=cv2.INTER_LINEAR)
    share = cv2.warpAffine(picture.alpha, matrix, size, flags=cv2.INTER_LINEAR)
    weight = share[..., None].astype(np.float32) / 255
    rgb[:] = (rgb * (1 - weight) + person * weight).astype(np.uint8)
    np.maximum(alpha, share, out=alpha)


def placing(
    picture: Cutout,
    face: tuple[float, float, float] | None,
    seated: tuple[float, float, float],
) -> NDArray[np.float64]:
    """Return the 2×3 matrix that moves a cutout's face to a place (x, y, height), in pixels."""
    x, y, height = face or (picture.rgb.shape[1] / 2, picture.rgb.shape[0] / 2, 1.0)
    scale = seated[2] / height
    return np.array([[scale, 0, seated[0] - x * scale], [0, scale, seated[1] - y * scale]])
