"""Voices that differ only in when they speak: a buzz per syllable, and quiet in between."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from benchmarks.gallery.talk import ENVELOPE_HZ

RATE_HZ = 16_000
BLOCK_S = 1
PEAK = 0.25
ROOM_NOISE = 0.0008
"""Amplitude of the quiet between words (-62 dB)."""
BIT_RATE = 32_000


class Voice:
    """One person's sound in blocks of a second, mono float32, -1 to 1."""

    def __init__(self, loudness: NDArray[np.float32], pitch_hz: float, seed: int) -> None:
        self._loudness = loudness
        self._pitch_hz = pitch_hz
        self._rng = np.random.default_rng(seed)
        self._phase = 0.0

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield the whole sound, one block at a time."""
        step = RATE_HZ // ENVELOPE_HZ
        for first in range(0, len(self._loudness), BLOCK_S * ENVELOPE_HZ):
            loud = self._loudness[first : first + BLOCK_S * ENVELOPE_HZ]
            count = len(loud) * step
            sound = self._rng.standard_normal(count).astype(np.float32) * ROOM_NOISE
            if loud.any():
                fine = np.repeat(loud, step)
                tune = 1 + 0.08 * np.sin(2 * np.pi * 0.4 * (first + np.arange(len(loud))) / 100)
                turns = np.cumsum(np.repeat(self._pitch_hz * tune, step)) / RATE_HZ + self._phase
                self._phase = float(turns[-1] % 1.0)
                angle = (2 * np.pi * (turns % 1.0)).astype(np.float32)
                buzz = sum(np.sin(angle * k) / k for k in (1, 2, 3, 4, 6, 9))
                hiss = self._rng.standard_normal(count).astype(np.float32) * 0.12
                sound += (np.asarray(buzz, np.float32) * 0.4 + hiss) * fine * PEAK
            yield np.clip(sound, -0.9, 0.9)


def write_sound(path: Path, blocks: Iterator[NDArray[np.float32]]) -> None:
    """Write an M4A (AAC, mono)."""
    with av.open(str(path), "w", format="mp4") as container:
        stream = add_sound(container)
        at = 0
        for block in blocks:
            at = encode_sound(container, stream, block, at)
        container.mux(stream.encode(None))


def add_sound(container: av.container.OutputContainer) -> av.AudioStream:
    """Add the sound's stream to a file."""
    stream = container.add_stream("aac", rate=RATE_HZ, layout="mono")
    stream.bit_rate = BIT_RATE
    return stream


def encode_sound(
    container: av.container.OutputContainer,
    stream: av.AudioStream,
    block: NDArray[np.float32],
    at: int,
) -> int:
    """Encode a block that starts at sample `at`; return the number of the next sample."""
    frame = av.AudioFrame.from_ndarray(block[None], format="fltp", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, at, Fraction(1, RATE_HZ)
    container.mux(stream.encode(frame))
    return at + len(block)
