"""Clips for tests: encoded here with PyAV, small, and with one thing wrong with each.

Every frame of `write_clip` carries its own number as black and white blocks, so that a test can
read from the picture which frame it got: `frame_number(image)`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from inference.schema.arrays import F32, U8

TIME_BASE = Fraction(1, 90_000)
"""Of the pictures that are written: fine enough for any frame rate used here."""
SOUND_HZ = 16_000
_BITS = 12

Painter = Callable[[int, int, int], U8]


def numbered_picture(number: int, width_px: int, height_px: int) -> U8:
    """A grey ramp with `number` written across it as twelve black or white blocks."""
    ramp = np.linspace(40, 200, width_px, dtype=np.float32)
    image = np.repeat(ramp[None, :, None], height_px, axis=0).repeat(3, axis=2).astype(np.uint8)
    edges = np.linspace(0, width_px, _BITS + 1).astype(int)
    for bit in range(_BITS):
        value = 235 if number >> bit & 1 else 20
        image[height_px // 4 : height_px // 2, edges[bit] : edges[bit + 1]] = value
    return image


def frame_number(image: U8) -> int:
    """The number that `numbered_picture` wrote into the picture, after lossy encoding."""
    height, width = image.shape[:2]
    edges = np.linspace(0, width, _BITS + 1).astype(int)
    band = image[int(height * 0.3) : int(height * 0.45)].mean(axis=(0, 2))
    bits = (band[edges[b] + 1 : edges[b + 1] - 1].mean() > 127 for b in range(_BITS))
    return sum(int(on) << bit for bit, on in enumerate(bits))


def rgb(frame: av.VideoFrame) -> U8:
    """Return a decoded frame as a picture of shape (H, W, 3)."""
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def steady_times(seconds: float, fps: int) -> list[Fraction]:
    """Times of a constant frame rate, from 0."""
    return [Fraction(i, fps) for i in range(round(seconds * fps))]


def write_clip(
    path: Path,
    *,
    seconds: float = 2.0,
    fps: int = 25,
    width_px: int = 192,
    height_px: int = 96,
    times: Sequence[Fraction] | None = None,
    audio_s: float | None = None,
    audio_gap_s: tuple[float, float] | None = None,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    rotation_deg: int = 0,
    keyframe_every: int = 25,
    b_frames: int = 2,
    paint: Painter = numbered_picture,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Encode a clip.

    Args:
        times: when each picture is shown, ascending; by default `seconds` at `fps`.
        audio_s: length of a tone from 0, or None for no sound.
        audio_gap_s: from when to when the file has no sound.
        rotation_deg: written as the display matrix, counterclockwise.
        paint: gives picture number n at a width and height.
        container_options: of the muxer, such as {"movflags": "faststart"}.
    """
    times = steady_times(seconds, fps) if times is None else times
    with av.open(str(path), "w", options=container_options or {}) as container:
        video = container.add_stream(codec, rate=fps)
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt = width_px, height_px, pix_fmt
        video.codec_context.time_base = TIME_BASE
        video.gop_size = keyframe_every
        if codec == "libx264":
            video.codec_context.max_b_frames = b_frames
            video.options = {"preset": "ultrafast", "x264-params": f"bframes={b_frames}"}
        if rotation_deg:
            video.set_display_rotation(rotation_deg)
        sound = None
        if audio_s is not None:
            sound = container.add_stream("aac", rate=SOUND_HZ, layout="mono")
        for number, time in enumerate(times):
            image = paint(number, width_px, height_px)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=pix_fmt)
            frame.pts, frame.time_base = int(time / TIME_BASE), TIME_BASE
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if sound is not None and audio_s is not None:
            _write_tone(container, sound, audio_s, audio_gap_s)
    return path


def _write_tone(
    container: av.container.OutputContainer,
    stream: av.AudioStream,
    seconds: float,
    gap_s: tuple[float, float] | None = None,
) -> None:
    at = np.arange(int(seconds * SOUND_HZ), dtype=np.float32) / SOUND_HZ
    tone = (0.2 * np.sin(2 * np.pi * 220 * at)).astype(np.float32)
    for start in range(0, len(tone), 1024):
        if gap_s is not None and gap_s[0] <= start / SOUND_HZ < gap_s[1]:
            continue
        part = av.AudioFrame.from_ndarray(tone[None, start : start + 1024], "fltp", "mono")
        part.sample_rate, part.pts = SOUND_HZ, start
        part.time_base = Fraction(1, SOUND_HZ)
        container.mux(stream.encode(part))
    container.mux(stream.encode(None))


def write_audio_only(path: Path, seconds: float = 1.0) -> Path:
    """A file with a tone and no picture."""
    with av.open(str(path), "w") as container:
        _write_tone(container, container.add_stream("aac", rate=SOUND_HZ, layout="mono"), seconds)
    return path


def write_sound(
    path: Path, samples: F32, *, rate_hz: int = SOUND_HZ, codec: str = "aac", start: int = 0
) -> Path:
    """Encode a sound of shape (channels, n), -1 to 1; `start` is the time of its first sample."""
    layout = "stereo" if len(samples) == 2 else "mono"
    sample_format = {"aac": "fltp", "pcm_s16le": "s16"}[codec]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate_hz, layout=layout)
        assert isinstance(stream, av.AudioStream)
        for first in range(0, samples.shape[1], 1024):
            part = samples[:, first : first + 1024].astype(np.float32)
            if sample_format == "s16":
                ints = np.round(part.T.reshape(1, -1) * 32767).astype(np.int16)
                frame = av.AudioFrame.from_ndarray(ints, "s16", layout)
            else:
                frame = av.AudioFrame.from_ndarray(part, "fltp", layout)
            frame.sample_rate, frame.pts = rate_hz, start + first
            frame.time_base = Fraction(1, rate_hz)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def variable_rate_times(seconds: float = 3.0) -> list[Fraction]:
    """Uneven steps of 1/50 to 1/8 s, as screen recorders write them."""
    steps = [Fraction(1, 50), Fraction(1, 8), Fraction(1, 30), Fraction(1, 15), Fraction(1, 25)]
    times, now = [], Fraction(0)
    while now < seconds:
        times.append(now)
        now += steps[len(times) % len(steps)]
    return times


def cut_off(source: Path, path: Path, share: float) -> Path:
    """The first `share` of the file's bytes: a download or a recorder that stopped midway."""
    data = source.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def damage(source: Path, path: Path, start_s: float, end_s: float, seed: int = 7) -> Path:
    """The file with the bytes of its video packets between two times overwritten by noise."""
    data = bytearray(source.read_bytes())
    noise = np.random.default_rng(seed)
    with av.open(str(source)) as container:
        for packet in container.demux(video=0):
            if packet.pts is None or packet.pos is None:
                continue
            if start_s <= float(packet.pts * packet.time_base) < end_s:
                at = slice(packet.pos, packet.pos + packet.size)
                data[at] = noise.integers(0, 256, packet.size, dtype=np.uint8).tobytes()
    path.write_bytes(bytes(data))
    return path


def html_in_disguise(path: Path) -> Path:
    """The sign-in page that Zoom answers with where a download token is wrong, named as a video."""
    path.write_text(
        "<!DOCTYPE html>\n<html><head><title>Sign In - Zoom</title></head>"
        "<body>" + "<p>Please sign in to watch this recording.</p>" * 200 + "</body></html>"
    )
    return path


MATRICES = {
    "upright": (1, 0, 0, 1),
    "mirrored": (-1, 0, 0, 1),
    "upside down, mirrored": (1, 0, 0, -1),
    "upside down": (-1, 0, 0, -1),
    "turned right": (0, 1, -1, 0),
    "turned left": (0, -1, 1, 0),
    "transposed": (0, 1, 1, 0),
    "transposed over the other corner": (0, -1, -1, 0),
}
"""a, b, c and d of each display matrix (ISO 14496-12, 8.3.2): the eight ways to show a picture."""


def shown_by(name: str, picture: U8) -> U8:
    """Return a stored picture as a player shows it by one of `MATRICES`."""
    steps: dict[str, Callable[[U8], U8]] = {
        "upright": lambda p: p,
        "mirrored": np.fliplr,
        "upside down, mirrored": np.flipud,
        "upside down": lambda p: np.rot90(p, 2),
        "turned right": lambda p: np.rot90(p, -1),
        "turned left": lambda p: np.rot90(p, 1),
        "transposed": lambda p: np.swapaxes(p, 0, 1),
        "transposed over the other corner": lambda p: np.rot90(np.swapaxes(p, 0, 1), 2),
    }
    return steps[name](picture)


def with_matrix(source: Path, path: Path, name: str) -> Path:
    """The MP4 file with one of `MATRICES` written into its first track's header."""
    data = bytearray(source.read_bytes())
    at = data.index(b"tkhd") + 4
    at += 36 + (16 if data[at] else 4)  # in version 1, three times are of eight bytes
    a, b, c, d = (value << 16 for value in MATRICES[name])
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(bytes(data))
    return path


def write_sizes(path: Path, parts: Sequence[tuple[float, int, int]], **named: object) -> Path:
    """Encode an MPEG-TS clip that changes its size.

    Args:
        parts: seconds, width and height of each.
        named: of `write_clip`; its painter is given the number within the whole clip.
    """
    whole, start_s, number = b"", Fraction(0), 0
    paint = named.pop("paint", numbered_picture)
    for seconds, width_px, height_px in parts:
        times = [start_s + t for t in steady_times(seconds, 10)]
        first = number

        def painted(count: int, width: int, height: int, first: int = first) -> U8:
            return paint(first + count, width, height)  # type: ignore[operator,no-any-return]

        part = path.with_name(f"part-{path.name}")
        write_clip(
            part, fps=10, times=times, width_px=width_px, height_px=height_px, b_frames=0,
            paint=painted, **named,  # type: ignore[arg-type]
        )  # fmt: skip
        whole += part.read_bytes()
        start_s, number = start_s + Fraction(seconds), number + len(times)
    path.write_bytes(whole)
    return path
