"""An open recording: its pictures in order of showing, with exact times.

Every libav error ends here.

Time. t = 0 is the start of the file's earliest stream. A player starts there too, and Zoom's
TIMELINE and transcript count from there: where the picture comes 5 s after the sound, the first
picture is at 5 s; where a whole file begins at 1.4 s (MPEG-TS does), that is taken off. Sound
before zero is the encoder's run-in, is not heard, and does not move the start. A frame keeps its
exact pts in its exact time base, only shifted.

Damage. A packet that does not decode is skipped and counted, and decoding goes on; libav fills
what the following pictures miss from the last good one until a key picture comes. PyAV keeps
libav's log to itself.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import av.error
import numpy as np

from inference.errors import Cancelled, UnreadableMedia
from inference.schema.arrays import U8
from inference.video.nal_units import decoding_restarts_at
from inference.video.opening import (
    MAX_PICTURE_PIXELS,
    Packet,
    decoder_options,
    open_media,
    packets_of,
    picture_stream,
)
from inference.video.orientation import Orientation
from inference.video.picture import Picture
from inference.video.picture_sizes import PictureSizes, check_size, read_sizes
from inference.video.sampling import CUT_OFF_TOLERANCE_S, FrameSampler

SKIPPABLE = frozenset({"h264", "hevc"})
"""Codecs in which pictures that no other refers to are known."""
_EXACT_S = 0.0005
"""A picture requested by its time is shown at that time, to half a millisecond."""
_STEPS_BACK_S = (0.0, 10.0, 60.0)
"""A seek may land behind the picture, or on a key picture whose followers need what was before it:
it is tried again from further back."""
_MOST_REORDERED = 16
"""A picture comes behind at most so many that are shown later (H.264, max_dec_frame_buffering)."""
_LONGEST_RUN_UP_S = 120.0
"""Further from a key picture, a single picture would cost as much as an analysis."""


class Media:
    """An open file and its picture stream."""

    def __init__(
        self,
        path: Path,
        threads: int = 0,
        device: str = "cpu",
        max_pixels: int = MAX_PICTURE_PIXELS,
    ) -> None:
        """Open a file; see `DecodeOptions`."""
        self._path, self._max_pixels = path, max_pixels
        self._container = open_media(path, device=device, max_pixels=max_pixels)
        try:
            self._read_head(threads)
        except BaseException:
            self._container.close()
            raise

    def _read_head(self, threads: int) -> None:
        self.stream = picture_stream(self._container, self._path.name)
        self.stream.codec_context.options = decoder_options(self._max_pixels)
        self.stream.thread_type = "AUTO"
        # Each thread of libav's costs: one alone takes 5–17 % less CPU than three for two cores,
        # and what looks at the pictures needs the other cores (docs/benchmarks.md).
        self.stream.codec_context.thread_count = threads or max(1, (os.cpu_count() or 1) // 2)
        self.has_audio = bool(self._container.streams.audio)
        self.origin = self._start()
        """Where the file's time begins, in seconds of the file's clock."""
        time_base = self.stream.time_base or Fraction(1, 90_000)
        self._scale = (self.origin / time_base).denominator
        self.tick = time_base / self._scale
        """The stream's time base, made finer where the origin needs it to be exact."""
        self._shift = int(self.origin / self.tick)
        self._origin_s = float(self.origin)
        self.sizes = PictureSizes()
        """Of its pictures as stored: those that `read_sizes` or decoding showed."""
        audio = self._container.streams.audio
        self._sound_index = audio[0].index if audio else None

    def __enter__(self) -> Media:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._container.close()

    @property
    def nominal_s(self) -> float | None:
        """The length that the container states."""
        duration = self._container.duration
        return duration / av.time_base if duration and duration > 0 else None

    @property
    def created_at(self) -> datetime | None:
        """The container's own date; None where it has none, or the zero of a muxer's clock."""
        try:
            at = datetime.fromisoformat(self._container.metadata.get("creation_time", ""))
        except ValueError:
            return None
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        return at if at.year > 1970 else None

    @property
    def pixel_aspect(self) -> Fraction | None:
        """Width of a pixel over its height as stored; None where they are square or unknown."""
        aspect = self.stream.sample_aspect_ratio
        return aspect if aspect and aspect != 1 else None

    @property
    def frame_interval_s(self) -> float:
        rate = self.stream.average_rate or self.stream.guessed_rate
        return 1 / float(rate) if rate else 0.04

    def sampler(self, samples_per_s: Fraction) -> FrameSampler:
        """Return a sampler for this file, with nothing sampled yet."""
        return FrameSampler(self.tick, samples_per_s, self.nominal_s, self.frame_interval_s)

    def read_sizes(self, is_over: Callable[[], bool]) -> None:
        """Learn which sizes the pictures have before any is decoded.

        Without it, pictures are given in the largest size of their shape so far.

        Raises:
            UnreadableMedia: a picture is larger than allowed.
            Cancelled: `is_over` said so.
        """
        self.sizes = read_sizes(self._path, self._max_pixels, is_over)

    def first_size(self) -> tuple[int, int]:
        """Return width and height of the first picture as shown.

        One that is too large to be decoded has the size that the container states.
        """
        codec = self.stream.codec_context
        if codec.width * codec.height > self._max_pixels:
            return codec.width, codec.height
        for picture in self.pictures(self.sampler(Fraction(1)), can_skip=False):
            frame = picture.frame
            return Orientation.of(frame).size(frame.width, frame.height)
        raise UnreadableMedia(
            f"{self._path.name}: no picture could be decoded; download the file again"
        )

    def pictures(self, sampler: FrameSampler, *, can_skip: bool) -> Iterator[Picture]:
        """Return the pictures that decode, in order of showing; the sampler learns of the packets.

        With `can_skip`, pictures that are surely not sampled are left out where no other refers to
        them: because they say so, or because decoding can restart before the next sample.
        """
        codec = self.stream.codec_context
        can_skip = can_skip and codec.name in SKIPPABLE
        held: list[
            tuple[int, Packet]
        ] = []  # what came since the last needed picture: a cell's worth at most
        for packet in packets_of(self._container):
            if packet.stream_index != self.stream.index:
                self._note_other(packet, sampler)
                continue
            if packet.size == 0:
                continue
            is_needed, at = True, 0
            if packet.pts is not None and not packet.is_discard:
                at, end_s = self._at(packet.pts), self._end_of(packet)
                is_needed = sampler.expect(at, end_s, can_skip=can_skip)
            if held and packet.is_keyframe and self._decoding_restarts_at(packet):
                # The one that stays on the screen longest is sampled again, if it stays for long.
                if any(start in sampler.before_gaps() for start, _ in held):
                    yield from self._left_out(held, sampler)
                held.clear()
            if not is_needed:
                held.append((at, packet))
                continue
            yield from self._left_out(held, sampler)
            held.clear()
            yield from self._decoded(packet, sampler)
        if held and sampler.stays_to_end(max(start for start, _ in held)):
            yield from self._left_out(held, sampler)
        yield from self._decoded(None, sampler)

    def _left_out(
        self, packets: list[tuple[int, Packet]], sampler: FrameSampler
    ) -> Iterator[Picture]:
        """Decode packets that are needed for others only, and of those before gaps the pictures."""
        if not packets:
            return
        codec = self.stream.codec_context
        shown = sampler.before_gaps()
        for at, packet in packets:
            codec.skip_frame = "DEFAULT" if at in shown else "NONREF"
            yield from self._decoded(packet, sampler)
        codec.skip_frame = "DEFAULT"

    def _note_other(self, packet: Packet, sampler: FrameSampler) -> None:
        end_s = self._end_of(packet)
        sampler.note_end(end_s)
        if packet.stream_index == self._sound_index and packet.pts is not None:
            base = packet.time_base
            start = packet.pts * base.numerator / base.denominator
            sampler.note_sound(start - self._origin_s, end_s)

    def picture_at(self, at_s: float, stop: threading.Event) -> U8 | None:
        """Return the picture on the screen at `at_s`, as `rgb` returns it; read from a key picture.

        May be called again and again, in any order of times, but not while `pictures` goes on.

        Args:
            at_s: seconds from the origin, exact as in a `Frame`.
            stop: set it to end with `Cancelled` at the next packet.

        Returns:
            None where none is on the screen then, by what its container says, or what it is made
            from does not decode whole. In a pause of the recording, the picture before it.
        """
        at = self._beginning(round(at_s / self.tick), stop)
        if at is None:
            return None
        for back_s in _STEPS_BACK_S:
            if self._seek(at - int(back_s / self.tick)):
                found = self._run_up(at, stop)
                if found is not None:
                    return self.rgb(found.frame)
        return None

    def _beginning(self, at: int, stop: threading.Event) -> int | None:
        """Return when the picture that is on the screen at a time began, decoding nothing."""
        exact = int(_EXACT_S / self.tick)
        if self.nominal_s is not None and at * self.tick > self.nominal_s + CUT_OFF_TOLERANCE_S:
            return None
        for back_s in _STEPS_BACK_S:
            if not self._seek(at - int(back_s / self.tick)):
                continue
            begins: int | None = None
            later = 0
            for packet in packets_of(self._container):
                _check(stop)
                if packet.stream_index != self.stream.index or not packet.size:
                    continue
                here = None if packet.pts is None else self._at(packet.pts)
                if here is not None and here <= at + exact:
                    begins = here if begins is None else max(begins, here)
                else:
                    later += 1
                # No picture is shown before it is decoded.
                is_past = packet.dts is not None and self._at(packet.dts) > at + exact
                if is_past or later > _MOST_REORDERED:
                    break
            if begins is not None:
                return begins
        return None

    def _seek(self, at: int) -> bool:
        try:
            self._container.seek((at + self._shift) // self._scale, stream=self.stream)
        except av.error.FFmpegError:
            return False
        return True

    def _run_up(self, at: int, stop: threading.Event) -> Picture | None:
        """Decode from the current position up to one picture; None where any of it is damaged."""
        sampler = self.sampler(Fraction(1))
        exact, longest = int(_EXACT_S / self.tick), int(_LONGEST_RUN_UP_S / self.tick)
        codec = self.stream.codec_context
        first: int | None = None
        try:
            for packet in packets_of(self._container):
                _check(stop)
                if packet.stream_index != self.stream.index or packet.size == 0:
                    continue
                if packet.pts is not None:
                    here = self._at(packet.pts)
                    first = here if first is None else first
                    if not first - exact <= at <= first + longest:
                        return None
                    may_skip = codec.name in SKIPPABLE and here < at - exact
                    codec.skip_frame = "NONREF" if may_skip else "DEFAULT"
                for picture in self._decoded(packet, sampler):
                    if picture.at >= at - exact:
                        return self._whole(picture, at + exact, sampler)
            for picture in self._decoded(None, sampler):
                if picture.at >= at - exact:
                    return self._whole(picture, at + exact, sampler)
        finally:
            codec.skip_frame = "DEFAULT"
        return None

    @staticmethod
    def _whole(picture: Picture, latest: int, sampler: FrameSampler) -> Picture | None:
        is_whole = not picture.is_damaged and sampler.frames_lost == 0
        return picture if is_whole and picture.at <= latest else None

    def measure_s(self, stop: threading.Event) -> float:
        """Return the length, like `FrameReader.duration_s`, of a file from which nothing was read.

        Reads all of it, but decodes nothing; ends with `Cancelled` when `stop` is set.
        """
        sampler = self.sampler(Fraction(1))
        for packet in packets_of(self._container):
            _check(stop)
            is_picture = packet.stream_index == self.stream.index
            if not is_picture:
                sampler.note_end(self._end_of(packet))
            elif packet.size and packet.pts is not None and not packet.is_discard:
                sampler.note_picture(self._at(packet.pts), self._end_of(packet))
        return sampler.duration_s

    def _decoding_restarts_at(self, packet: Packet) -> bool:
        codec = self.stream.codec_context
        return decoding_restarts_at(bytes(packet), codec.name, codec.extradata)

    def _decoded(self, packet: Packet | None, sampler: FrameSampler) -> Iterator[Picture]:
        try:
            frames = self.stream.codec_context.decode(packet)
        except av.error.FFmpegError:
            sampler.count_error()
            return
        for frame in frames:
            if frame.pts is None:
                frame.pts = frame.dts
            if frame.width * frame.height > self._max_pixels:
                check_size(self._path, (frame.width, frame.height), self._max_pixels)
            if frame.pts is not None:
                yield Picture(frame, self._at(frame.pts), bool(frame.is_corrupt))

    def given_size(self, frame: av.VideoFrame) -> tuple[int, int]:
        """Return width and height in which `rgb` gives a decoded picture."""
        given = self.sizes.given((frame.width, frame.height))
        return Orientation.of(frame).size(*given)

    def rgb(self, frame: av.VideoFrame) -> U8:
        """Return the picture as shown: turned and mirrored as its display matrix says, 8 bits.

        It is as large as the largest of its shape; see `PictureSizes`.
        """
        width, height = self.sizes.given((frame.width, frame.height))
        image = np.asarray(frame.to_ndarray(format="rgb24", width=width, height=height), np.uint8)
        return np.ascontiguousarray(Orientation.of(frame).applied(image))

    def _start(self) -> Fraction:
        starts = [self._start_of(self.stream)]
        starts += [max(Fraction(0), self._start_of(s)) for s in self._container.streams.audio]
        return min(starts)

    def _start_of(self, stream: av.VideoStream | av.AudioStream) -> Fraction:
        if stream.start_time is None or stream.time_base is None:
            return Fraction(self._container.start_time or 0, av.time_base)
        return stream.start_time * stream.time_base

    def _at(self, pts: int) -> int:
        return pts * self._scale - self._shift

    def _end_of(self, packet: Packet) -> float:
        at = packet.pts if packet.pts is not None else packet.dts
        if at is None:
            return 0.0
        base = packet.time_base
        end = (at + (packet.duration or 0)) * base.numerator / base.denominator
        return end - self._origin_s


def _check(stop: threading.Event) -> None:
    if stop.is_set():
        raise Cancelled("stopped while reading pictures from the recording")
