"""Footage from the demo's photographs, which are in the public domain and always available."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from benchmarks.gallery.footage import PICTURES_HZ, Cutout, PingPong, Player, cut_out
from bot.demo.recording.faces import PORTRAITS, tile_picture, to_tile
from bot.demo.recording.puppet import Pose, Puppet

MOUTHS = 5
"""Steps from a shut mouth to a wide open one."""
LOOP_S = 4.0
"""A head's sway, played back and forth."""
OUTLINED_PX = (512, 288)
"""Size at which the person is separated best from the backdrop."""
_MOODS = {"astronaut": 0.75, "hopper": 0.3}


class PuppetFootage:
    """One photograph that sways, blinks and speaks."""

    can_talk = True

    def __init__(self, photograph: str, height: int) -> None:
        portrait = PORTRAITS[photograph]
        width = height * 16 // 9 // 2 * 2
        puppet = Puppet(portrait, width, height)
        # In some poses the segmentation takes white backdrop for the white suit: ignore what is
        # outside the original photograph's outline by more than the sway.
        large = tile_picture(portrait, *OUTLINED_PX)[..., ::-1]
        outline = cut_out(np.ascontiguousarray(large)).alpha
        outline = cv2.resize(outline, (width, height), interpolation=cv2.INTER_AREA)
        sway = max(3, height // 40)
        reach = cv2.dilate((outline > 127).astype(np.uint8), np.ones((sway, sway), np.uint8))
        count = round(LOOP_S * PICTURES_HZ)
        self.cutouts: list[Cutout] = []
        for number in range(count):
            alpha = None
            for mouth in range(MOUTHS):
                pose = _pose(number / PICTURES_HZ, mouth / (MOUTHS - 1), _MOODS[photograph])
                rgb = np.ascontiguousarray(puppet.picture(pose)[..., ::-1])
                alpha = cut_out(rgb).alpha * reach if alpha is None else alpha
                self.cutouts.append(Cutout(rgb, alpha))
        brow = to_tile(portrait, height, np.concatenate(portrait.brows)).mean(axis=0)
        chin = to_tile(portrait, height, np.array([portrait.chin]))[0]
        face_px = float(chin[1] - brow[1]) * 1.3  # the brows are a good fifth below the outline
        self.face = (float(chin[0]), float(chin[1]) - face_px / 2, face_px)

    def player(self, rng: np.random.Generator) -> Player:
        """See `Footage.player`."""
        return _PuppetPlayer(len(self.cutouts) // MOUTHS, int(rng.integers(1000)))


class _PuppetPlayer:
    def __init__(self, count: int, start: int) -> None:
        self._loop = PingPong(count, start)

    def next(self, is_speaking: bool, loudness: float) -> int:
        mouth = round(loudness**0.8 * (MOUTHS - 1)) if is_speaking else 0
        return self._loop.next() * MOUTHS + mouth


def _pose(at_s: float, mouth: float, mood: float) -> Pose:
    def wave(hz: float, phase: float) -> float:
        return float(np.sin(2 * np.pi * (hz * at_s + phase)))

    blink = min(abs(at_s - 0.9), abs(at_s - 3.3))
    return Pose(
        mouth=mouth,
        mood=mood + 0.1 * wave(0.1, 0.2),
        eyes=float(np.clip(blink / 0.1 * 1.4 - 0.4, 0, 1)),
        shift_x=0.035 * wave(0.11, 0.0) + 0.01 * wave(0.31, 0.3),
        shift_y=0.015 * wave(0.13, 0.1) + 0.008 * wave(0.6, 0.6),
        tilt_rad=0.03 * wave(0.09, 0.4) + 0.01 * wave(0.4, 0.0),
        turn_x=0.04 * wave(0.14, 0.7),
        turn_y=0.015 * wave(0.5, 0.2),
    )


@lru_cache(maxsize=8)
def puppets(height: int) -> tuple[PuppetFootage, ...]:
    """Return footage of every photograph, `height` pixels high."""
    return tuple(PuppetFootage(name, height) for name in sorted(PORTRAITS))
