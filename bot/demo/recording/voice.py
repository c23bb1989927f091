"""Generates speech-like sound: a buzz with vowels that rises and falls with the syllables."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bot.demo.recording.scenario import ENVELOPE_HZ, PEOPLE, Person, speech_envelope

SAMPLE_RATE_HZ = 32_000
PEAK = 0.35
HARMONICS = 16
BLOCK_S = 10

# First two formants, in Hz, of a few vowels (Peterson and Barney 1952, women, rounded).
VOWELS_HZ = ((850, 1220), (610, 2330), (430, 2480), (590, 920), (470, 1160), (760, 1400))
ROOM_NOISE = 0.0006


def mix(seconds: float) -> NDArray[np.float32]:
    """Return the call's audio: mono, -1 to 1, `SAMPLE_RATE_HZ` samples per second."""
    sound = np.random.default_rng(7).standard_normal(round(seconds * SAMPLE_RATE_HZ))
    mixed = (sound * ROOM_NOISE).astype(np.float32)
    for person in PEOPLE:
        envelope = speech_envelope(person, seconds)
        block = BLOCK_S * ENVELOPE_HZ
        for first in range(0, len(envelope), block):
            part = envelope[first : first + block]
            start = first * SAMPLE_RATE_HZ // ENVELOPE_HZ
            if part.any():
                spoken = _voice(person, part, first)
                mixed[start : start + len(spoken)] += spoken[: len(mixed) - start]
    return mixed


def _voice(person: Person, envelope: NDArray[np.float64], first: int) -> NDArray[np.float32]:
    """Return the person's voice for a span of the envelope that starts at sample `first`."""
    samples = len(envelope) * SAMPLE_RATE_HZ // ENVELOPE_HZ
    coarse_s = (first + np.arange(len(envelope))) / ENVELOPE_HZ
    fine_s = first / ENVELOPE_HZ + np.arange(samples) / SAMPLE_RATE_HZ
    loudness = np.interp(fine_s, coarse_s, envelope)
    spoken = np.flatnonzero(loudness > 0.01)
    tune = (
        1.0 + 0.06 * np.sin(2 * np.pi * 0.45 * coarse_s) + 0.03 * np.sin(2 * np.pi * 2.1 * coarse_s)
    )
    pitch_hz = np.interp(fine_s, coarse_s, person.pitch_hz * tune)
    phase = (2 * np.pi * np.cumsum(pitch_hz) / SAMPLE_RATE_HZ)[spoken].astype(np.float32)
    # A new vowel starts in each dip between two syllables.
    valleys = (envelope[1:-1] <= envelope[:-2]) & (envelope[1:-1] < envelope[2:])
    syllable = np.concatenate([[0], np.cumsum(valleys), [valleys.sum()]]) + first
    vowel = np.array(VOWELS_HZ)[(syllable * 5 + person.user_id) % len(VOWELS_HZ)]
    voice = np.zeros(len(spoken), np.float32)
    for number in range(1, HARMONICS + 1):
        harmonic_hz = person.pitch_hz * number
        strength = sum(np.exp(-(((harmonic_hz - vowel[:, k]) / 180.0) ** 2)) for k in range(2))
        strength = (np.asarray(strength) + 0.08) / number**0.5
        gain = np.interp(fine_s[spoken], coarse_s, strength).astype(np.float32)
        voice += gain * np.sin(phase * number)
    out = np.zeros(samples, np.float32)
    out[spoken] = voice * loudness[spoken].astype(np.float32) * (PEAK / 2.0)
    return np.clip(out, -0.9, 0.9)
