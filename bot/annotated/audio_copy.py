"""The audio of a recording, copied packet by packet next to the annotated video."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias, cast

import av
import av.error
from av.audio.resampler import AudioResampler

from inference.video.container import Media
from inference.video.opening import open_media

IN_MP4 = frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"})
"""Audio codecs that MP4 can hold and players can play; any other is re-encoded as AAC."""
AAC_BIT_RATE = 128_000
MAX_READ_ERRORS = 200
"""After this many consecutive read errors, the rest of a file gets no audio."""
_Packet: TypeAlias = "av.Packet[av.AudioStream]"
_Timed: TypeAlias = "tuple[float, _Packet, av.AudioStream]"
"""When a packet is heard, in seconds; the packet; the stream that it is written to."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What must be equal for the audio of one segment to continue the stream of another."""

    codec: str
    rate_hz: int
    layout: str
    setup: bytes

    @staticmethod
    def of(stream: av.AudioStream) -> Kind:
        context = stream.codec_context
        return Kind(context.name, context.rate, context.layout.name, context.extradata or b"")


class Sound:
    """The audio of all segments of a call, on the call's time line.

    If every segment has the same kinds of streams, and MP4 can hold them, packets are copied
    unchanged. Otherwise, or if damage hides what a stream contains, the first stream of each
    segment is encoded as AAC.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        kinds = [_kinds(path) for path in paths]
        with_sound = [one for one in kinds if one]
        self.is_silent = not with_sound
        self.is_copied = all(one == with_sound[0] for one in with_sound) and all(
            kind.codec in IN_MP4 and kind.rate_hz > 0 for one in with_sound for kind in one
        )
        self._first = next((k for k, one in enumerate(kinds) if one), 0)
        self._rate_hz = with_sound[0][0].rate_hz if with_sound else 0
        self._streams: list[av.AudioStream] = []
        self._offsets: list[float] = []
        self._begun = 0
        self._pending: _Timed | None = None
        self._packets: Iterator[_Timed] = iter(())
        self._last: dict[int, int] = {}

    def join(self, movie: av.container.OutputContainer) -> None:
        """Add the streams to the file; call this before anything is written."""
        if self.is_silent:
            return
        if self.is_copied:
            with open_media(self._paths[self._first]) as source:
                for stream in _audible(source):
                    self._streams.append(movie.add_stream_from_template(stream))
        else:
            coded = movie.add_stream("aac", rate=_usual_rate(self._rate_hz), layout="stereo")
            coded.bit_rate = AAC_BIT_RATE
            self._streams.append(coded)

    def begin_segment(self, offset_s: float) -> None:
        """Go on to the next segment, which begins at `offset_s` on the call's time line."""
        self._offsets.append(offset_s)

    def mux_until(self, movie: av.container.OutputContainer, t_s: float) -> None:
        """Write the audio that is heard before `t_s`."""
        while True:
            if self._pending is None:
                self._pending = self._next()
            if self._pending is None or self._pending[0] > t_s:
                return
            _, packet, stream = self._pending
            self._pending = None
            self._mux(movie, packet, stream)

    def mux_rest(self, movie: av.container.OutputContainer) -> None:
        """Write the remaining audio."""
        self.mux_until(movie, float("inf"))
        if self._streams and not self.is_copied:
            for packet in self._streams[0].codec_context.encode(None):
                self._mux(movie, packet, self._streams[0])

    def _mux(
        self, movie: av.container.OutputContainer, packet: _Packet, stream: av.AudioStream
    ) -> None:
        at = packet.dts if packet.dts is not None else packet.pts
        if at is None or at <= self._last.get(stream.index, at - 1):
            return  # a later segment's encoder delay, which overlaps the end of the segment before
        self._last[stream.index] = at
        packet.stream = stream
        with contextlib.suppress(av.error.InvalidDataError):  # a damaged packet is dropped
            movie.mux_one(packet)

    def _next(self) -> _Timed | None:
        while not self.is_silent:
            found = next(self._packets, None)
            if found is not None:
                return found
            if self._begun >= len(self._offsets):
                return None
            packets = self._copied if self.is_copied else self._encoded
            self._packets = packets(self._paths[self._begun], self._offsets[self._begun])
            self._begun += 1
        return None

    def _copied(self, path: Path, offset_s: float) -> Iterator[_Timed]:
        start = _start_of(path)
        with open_media(path) as source:
            streams = _audible(source)
            places = {stream.index: k for k, stream in enumerate(streams)}
            for packet in _sound_packets(source, streams):
                if packet.size == 0 or packet.pts is None:
                    continue
                shift = _ticks(offset_s, start, packet.time_base)
                packet.pts += shift
                if packet.dts is not None:
                    packet.dts += shift
                yield _at(packet), packet, self._streams[places[packet.stream_index]]

    def _encoded(self, path: Path, offset_s: float) -> Iterator[_Timed]:
        coded = self._streams[0]
        context = coded.codec_context
        resampler = AudioResampler("fltp", "stereo", context.rate, context.frame_size or 1024)
        start = _start_of(path)
        with open_media(path) as source:
            streams = _audible(source)[:1]
            for packet in _sound_packets(source, streams):
                stream = streams[0]
                try:
                    frames = stream.codec_context.decode(packet if packet.size else None)
                except av.error.FFmpegError:
                    continue
                for frame in frames:
                    if frame.pts is not None and frame.time_base is not None:
                        frame.pts += _ticks(offset_s, start, frame.time_base)
                    for part in resampler.resample(frame):
                        for made in context.encode(part):
                            yield _at(made), made, coded


def _sound_packets(
    source: av.container.InputContainer, streams: Sequence[av.AudioStream]
) -> Iterator[_Packet]:
    """Yield the packets of these streams, skipping what cannot be read."""
    errors = 0
    while streams and errors < MAX_READ_ERRORS:
        try:
            for packet in source.demux(*streams):
                errors = 0
                yield cast("_Packet", packet)
            return
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            errors += 1


def _audible(source: av.container.InputContainer) -> list[av.AudioStream]:
    """Return the streams whose format is known, else the first: damaged files can list others."""
    streams = [stream for stream in source.streams.audio if stream.codec_context is not None]
    known = [stream for stream in streams if _is_known(stream.codec_context)]
    return known or streams[:1]


def _is_known(context: av.AudioCodecContext) -> bool:
    return context.rate > 0 and context.layout.nb_channels > 0


def _kinds(path: Path) -> tuple[Kind, ...]:
    with open_media(path) as source:
        return tuple(Kind.of(stream) for stream in _audible(source))


def _start_of(path: Path) -> Fraction:
    """Return the start of the file's time, as its video counts it."""
    with Media(path, threads=1) as media:
        return media.origin


def _ticks(offset_s: float, start: Fraction, time_base: Fraction) -> int:
    return round((Fraction(offset_s) - start) / time_base)


def _at(packet: _Packet) -> float:
    at = packet.dts if packet.dts is not None else packet.pts
    return float((at or 0) * packet.time_base)


def _usual_rate(rate_hz: int) -> int:
    """Return the rate if AAC has it, else 48 kHz."""
    return rate_hz if rate_hz in (16_000, 22_050, 24_000, 32_000, 44_100, 48_000) else 48_000
