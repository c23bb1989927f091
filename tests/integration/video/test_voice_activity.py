"""When somebody is heard in their own sound file: sounds made here, as Zoom has them and worse."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import numpy as np
import pytest

from inference.errors import Cancelled, UnreadableMedia
from inference.schema.arrays import F32
from inference.speech.voice_activity import hear_voice
from tests import media

TALK = [(3.0, 6.0), (10.0, 14.0), (20.0, 20.8)]
"""Where somebody speaks in the 25 s of `sound`."""


def sound(
    spans: list[tuple[float, float]] = TALK,
    *,
    seconds: float = 25.0,
    rate_hz: int = 16_000,
    loudness: float = 0.2,
    noise: float = 0.0,
) -> F32:
    """Syllables four times a second within the spans, over white noise; shape (1, n)."""
    at = np.arange(round(seconds * rate_hz)) / rate_hz
    wave = np.sin(2 * np.pi * 180 * at) + 0.5 * np.sin(2 * np.pi * 760 * at)
    syllables = 0.15 + 0.85 * np.sin(np.pi * 4 * at) ** 2
    on = np.zeros(len(at))
    for start_s, end_s in spans:
        on[(at >= start_s) & (at < end_s)] = 1
    rng = np.random.default_rng(3)
    mixed = loudness * wave * syllables * on + noise * rng.standard_normal(len(at))
    return np.asarray(mixed[None], np.float32)


def heard(path: Path) -> list[tuple[float, float]]:
    return list(hear_voice(path).spans)


def assert_spans(found: list[tuple[float, float]], wanted: list[tuple[float, float]]) -> None:
    assert len(found) == len(wanted), found
    for span, (start_s, end_s) in zip(found, wanted, strict=True):
        # A syllable's soft edge, and AAC's window of 64 ms at this rate.
        assert span == pytest.approx((start_s, end_s), abs=0.25)


@pytest.mark.parametrize("noise", [0.0, 0.001, 0.01], ids=["muted", "quiet room", "loud room"])
def test_a_voice_is_heard_over_silence_and_over_a_room(tmp_path: Path, noise: float) -> None:
    path = media.write_sound(tmp_path / "ana.m4a", sound(noise=noise))
    assert_spans(heard(path), TALK)


@pytest.mark.parametrize("rate_hz", [8_000, 32_000, 48_000])
def test_any_rate_is_read(tmp_path: Path, rate_hz: int) -> None:
    path = media.write_sound(tmp_path / "ana.m4a", sound(rate_hz=rate_hz), rate_hz=rate_hz)
    assert_spans(heard(path), TALK)


def test_a_voice_on_one_of_two_channels_is_heard(tmp_path: Path) -> None:
    left = sound(noise=0.001)
    both = np.concatenate([left, np.zeros_like(left)])
    assert_spans(heard(media.write_sound(tmp_path / "ana.m4a", both)), TALK)


def test_whole_numbers_are_read_as_well(tmp_path: Path) -> None:
    path = media.write_sound(tmp_path / "ana.wav", sound(noise=0.001), codec="pcm_s16le")
    assert_spans(heard(path), TALK)


def test_a_quiet_voice_is_heard_as_well_as_a_loud_one(tmp_path: Path) -> None:
    path = media.write_sound(tmp_path / "ana.m4a", sound(loudness=0.02, noise=0.0005))
    assert_spans(heard(path), TALK)


@pytest.mark.parametrize("noise", [0.0, 0.002], ids=["silence", "noise"])
def test_nobody_is_heard_in_silence_or_noise(tmp_path: Path, noise: float) -> None:
    assert heard(media.write_sound(tmp_path / "ana.m4a", sound([], noise=noise))) == []


def test_a_knock_is_no_voice(tmp_path: Path) -> None:
    knocked = sound(noise=0.001)
    knocked[0, 17 * 16_000 : 17 * 16_000 + 800] = 0.9
    assert_spans(heard(media.write_sound(tmp_path / "ana.m4a", knocked)), TALK)


def test_somebody_who_speaks_all_the_time_is_heard_all_the_time(tmp_path: Path) -> None:
    path = media.write_sound(tmp_path / "ana.m4a", sound([(0.0, 25.0)], noise=0.001))
    assert_spans(heard(path), [(0.0, 25.0)])


def test_what_is_left_of_a_cut_off_file_is_used(tmp_path: Path) -> None:
    whole = media.write_sound(tmp_path / "ana.wav", sound(noise=0.001), codec="pcm_s16le")
    voice = hear_voice(media.cut_off(whole, tmp_path / "cut.wav", 0.5))
    assert_spans(list(voice.spans), [(3.0, 6.0), (10.0, 12.5)])


@pytest.mark.parametrize("kind", ["missing", "empty", "page", "cut", "noise", "picture"])
def test_what_is_no_sound_is_refused_in_one_sentence(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "ana.m4a"
    if kind == "empty":
        path.touch()
    elif kind == "page":
        media.html_in_disguise(path)
    elif kind == "cut":
        media.cut_off(media.write_sound(tmp_path / "whole.m4a", sound()), path, 0.5)
    elif kind == "noise":
        path.write_bytes(np.random.default_rng(1).bytes(20_000))
    elif kind == "picture":
        media.write_clip(tmp_path / "clip.mp4", seconds=0.2).rename(path)
    with pytest.raises(UnreadableMedia, match=r"^ana\.m4a: ") as refused:
        hear_voice(path)
    assert "\n" not in str(refused.value)
    assert str(tmp_path) not in str(refused.value), (
        "where the server keeps files is no user's matter"
    )


def test_damage_of_any_kind_is_survived(tmp_path: Path) -> None:
    whole = media.write_sound(tmp_path / "whole.m4a", sound(noise=0.001)).read_bytes()
    path = tmp_path / "ana.m4a"
    heard = 0
    for seed in range(60):
        rng, data = np.random.default_rng(seed), bytearray(whole)
        for at in rng.integers(0, len(data), rng.integers(1, 60)).tolist():
            data[at : at + 100] = rng.bytes(len(data[at : at + 100]))
        path.write_bytes(data)
        with contextlib.suppress(UnreadableMedia):
            heard += bool(hear_voice(path).spans)
    assert heard > 20, "most of it lies in single packets, and the rest is heard"


def test_listening_stops_when_asked_to(tmp_path: Path) -> None:
    path = media.write_sound(tmp_path / "ana.m4a", sound())
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        hear_voice(path, stop=stop)


def test_progress_is_told(tmp_path: Path) -> None:
    path = media.write_sound(tmp_path / "ana.m4a", sound(seconds=120.0))
    shares: list[float] = []
    hear_voice(path, progress=shares.append)
    assert shares == sorted(shares)
    assert len(shares) > 2
    assert 0 <= min(shares) <= max(shares) <= 1
