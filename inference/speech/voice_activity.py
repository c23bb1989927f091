"""When a person's own sound file has a voice in it, from its loudness alone.

Loudness is taken `LEVELS_HZ` times a second. Zoom writes digital silence for somebody who is muted;
of what does sound, the quiet part is the room, and a voice is what is well above it. Who is
heard is known from the file, never from the voice: nothing but loudness is computed, and only the
spans are kept.

An hour of AAC at 16 to 48 kHz takes one to three seconds of one core (measured) and the memory of
its levels, 1.4 MB.
"""

from __future__ import annotations

import itertools
import threading
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import av.error
import numpy as np

from inference.errors import Cancelled, UnreadableMedia
from inference.schema.arrays import F32
from inference.speech.turns import Span
from inference.video.opening import open_media

LEVELS_HZ = 25
FORMATS = "mov,mp4,matroska,webm,ogg,mp3,aac,wav,flac"
SILENCE_DB = -75.0
"""Below it sounds nothing but rounding; of full scale."""
FLOOR_PERCENTILE = 15.0
"""Of what sounds, as the room's loudness: also somebody who is muted between turns leaves that much
between words."""
PEAK_S = 3.0
"""The loudest three seconds say how loud the voice is; a door is shorter."""
STANDS_OUT_DB = 12.0
"""Loudness of a voice over its room at least: with less, all of it is one steady sound."""
STEADY_NOISE_DB = -45.0
"""A steady sound below it is a fan or a line; above it somebody is taken to be heard."""
ON_SHARE, OFF_SHARE = 0.4, 0.3
"""Of the way from the room's to the voice's loudness: where a voice begins, and where it ends."""
BRIDGE_S = 0.4
"""A pause up to this long lies within a word or between two."""
SHORTEST_S = 0.2
"""What is shorter is a click or a knock."""
_PIECE_S = 0.032
"""Longest piece of sound whose loudness is one number: less than a level, so that none is empty."""
_LONGEST_S = 24 * 3600
"""A sound said to lie farther from the start than this is damage."""
_MOST_CHANNELS = 8
"""Nobody's own sound has more. A damaged packet may say so, and PyAV 18 then reads past the planes'
end and crashes."""
_LOOK_EVERY = 500
"""Frames between two looks at the stop flag."""
_MAX_READ_ERRORS = 200


@dataclass(frozen=True, slots=True)
class HeardVoice:
    """What one sound file contains; times count from its start."""

    spans: tuple[Span, ...]
    """With a voice, in seconds, ascending and apart."""
    duration_s: float
    """As the container states it, else up to the last sound."""
    lost_share: float
    """Of the duration that was damaged or missing, 0–1; as if nothing had been said there."""


def hear_voice(
    path: Path,
    *,
    stop: threading.Event | None = None,
    progress: Callable[[float], None] | None = None,
) -> HeardVoice:
    """Find when there is a voice in a sound file, in any format and at any rate.

    Args:
        progress: called with the share read so far, 0–1.

    Raises:
        UnreadableMedia: missing, no sound, or not one packet of it decodes.
        Cancelled: the stop flag was set.
    """
    levels = _Levels()
    with open_media(path, FORMATS) as container:
        # A codec that libav does not know has no context.
        known = [one for one in container.streams.audio if one.codec_context is not None]
        if not known:
            raise UnreadableMedia(f"{path.name}: contains no readable audio; download it again")
        duration = container.duration
        nominal_s = duration / av.time_base if duration and duration > 0 else None
        stream = known[0]
        start_s = float((stream.start_time or 0) * (stream.time_base or 0))
        for number, frame in enumerate(_frames(container, stream)):
            # Sound before zero is the encoder's run-in and is not heard.
            at_s = (frame.time or 0.0) - max(start_s, 0.0)
            if frame.time is None:
                at_s = levels.end_s
            levels.add(at_s, frame)
            if number % _LOOK_EVERY == 0:
                if stop is not None and stop.is_set():
                    raise Cancelled(f"stopped while listening to {path.name}")
                if progress is not None and nominal_s:
                    progress(min(at_s / nominal_s, 1.0))
    if levels.heard_s == 0:
        raise UnreadableMedia(f"{path.name}: none of its audio can be decoded; download it again")
    duration_s = max(nominal_s or 0.0, levels.end_s)
    lost = max(0.0, 1 - levels.heard_s / duration_s)
    return HeardVoice(tuple(voice_spans(levels.db())), duration_s, lost)


def sound_length_s(path: Path) -> float | None:
    """Return the length that a sound file states, in seconds, or None if it states none.

    Raises:
        UnreadableMedia: missing, or not a media file.
    """
    with open_media(path, FORMATS) as container:
        duration = container.duration
        return duration / av.time_base if duration and duration > 0 else None


def voice_spans(db: F32) -> list[Span]:
    """Find where a voice is in loudnesses taken `LEVELS_HZ` times a second.

    Args:
        db: shape (n,), decibels of full scale; -inf where nothing sounds.
    """
    sounding = db[db > SILENCE_DB]
    if len(sounding) < SHORTEST_S * LEVELS_HZ:
        return []
    floor = float(np.percentile(sounding, FLOOR_PERCENTILE))
    loudest = min(round(PEAK_S * LEVELS_HZ), max(1, len(sounding) // 4))
    peak = float(np.partition(sounding, -loudest)[-loudest])
    if peak - floor < STANDS_OUT_DB:
        if peak < STEADY_NOISE_DB:
            return []
        floor = peak - 2 * STANDS_OUT_DB
    begins = db > floor + ON_SHARE * (peak - floor)
    lasts = db > floor + OFF_SHARE * (peak - floor)
    edges = np.flatnonzero(np.diff(lasts.astype(np.int8), prepend=0, append=0))
    spans: list[Span] = []
    for first, end in edges.reshape(-1, 2).tolist():
        if not begins[first:end].any():
            continue
        start_s, end_s = first / LEVELS_HZ, end / LEVELS_HZ
        if spans and start_s - spans[-1][1] <= BRIDGE_S:
            start_s = spans.pop()[0]
        spans.append((start_s, end_s))
    return [(start_s, end_s) for start_s, end_s in spans if end_s - start_s >= SHORTEST_S]


class _Levels:
    """Sums of squares by level, filled in any order of time."""

    def __init__(self) -> None:
        self._power = array("d")
        self._count = array("d")
        self._planes: av.AudioResampler | None = None
        self.heard_s = 0.0
        self.end_s = 0.0

    def add(self, at_s: float, frame: av.AudioFrame) -> None:
        """Take a frame that begins at that time; all its channels count as one."""
        if frame.sample_rate <= 0 or not -_LONGEST_S < at_s < _LONGEST_S:
            return
        if frame.layout.nb_channels > _MOST_CHANNELS:
            return
        try:
            frames = self._as_planes(frame)
        except (av.error.FFmpegError, ValueError):
            return  # Damage may change the format midway: what follows of it is lost.
        rate = frame.sample_rate
        for each in frames:
            samples = np.asarray(each.to_ndarray(), np.float32)
            length_s = samples.shape[1] / rate
            pieces = max(1, -int(-length_s // _PIECE_S))
            bounds = [samples.shape[1] * k // pieces for k in range(pieces + 1)]
            for first, end in itertools.pairwise(bounds):
                self._put(at_s + (first + end) / 2 / rate, samples[:, first:end])
            self.heard_s += length_s if at_s >= 0 else 0.0
            at_s += length_s
            self.end_s = max(self.end_s, at_s)

    def _as_planes(self, frame: av.AudioFrame) -> list[av.AudioFrame]:
        if frame.format.name == "fltp":
            return [frame]
        self._planes = self._planes or av.AudioResampler("fltp")
        return self._planes.resample(frame)

    def _put(self, at_s: float, samples: F32) -> None:
        level = int(at_s * LEVELS_HZ)
        if at_s < 0:
            return
        missing = level + 1 - len(self._power)
        if missing > 0:
            self._power.extend([0.0] * missing)
            self._count.extend([0.0] * missing)
        flat = samples.reshape(-1)
        power = float(np.dot(flat, flat))
        if power < float("inf"):
            self._power[level] += power
            self._count[level] += flat.size

    def db(self) -> F32:
        """Loudness by level, -inf where nothing sounds or nothing is known."""
        power, count = np.asarray(self._power), np.asarray(self._count)
        mean = np.divide(power, count, out=np.zeros_like(power), where=count > 0)
        with np.errstate(divide="ignore"):
            levels: F32 = (10 * np.log10(mean)).astype(np.float32)
        return levels


def _frames(
    container: av.container.InputContainer, stream: av.AudioStream
) -> Iterator[av.AudioFrame]:
    """Return every frame that decodes; packets that do not are skipped."""
    errors = 0
    while errors < _MAX_READ_ERRORS:
        try:
            for packet in container.demux(stream):
                errors = 0
                try:
                    yield from stream.codec_context.decode(packet)
                except av.error.FFmpegError:
                    continue
            return
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            errors += 1
