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

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

import av
import av.error
import numpy as np
from av.codec.hwaccel import HWAccel
from av.stream import Disposition, Stream

from inference.errors import Cancelled, NoVideoStream, UnreadableMedia
from inference.schema.arrays import U8
from inference.video.nal_units import decoding_restarts_at
from inference.video.sampling import FrameSampler

FORMATS = "mov,mp4,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,h264,hevc"
"""Containers that are opened. Playlists would read other files, and libav takes text for a film."""
SKIPPABLE = frozenset({"h264", "hevc"})
"""Codecs in which pictures that no other refers to are known."""
_Packet: TypeAlias = "av.Packet[Stream]"
_MAX_READ_ERRORS = 200
"""Read errors in a row after which the rest of a file counts as lost."""
_EXACT_S = 0.0005
"""A picture requested by its time is shown at that time, to half a millisecond."""
_STEPS_BACK_S = (0.0, 10.0, 60.0)
"""A seek may land behind the picture, or on a key picture whose followers need what was before it:
it is tried again from further back."""
_LONGEST_RUN_UP_S = 120.0
"""Further from a key picture, a single picture would cost as much as an analysis."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it came out of the decoder; on a GPU's decoder it still lies there."""

    frame: av.VideoFrame
    at: int
    """When it is shown, in ticks from the origin."""
    is_damaged: bool


class Media:
    """An open file and its picture stream."""

    def __init__(self, path: Path, threads: int = 0, device: str = "cpu") -> None:
        """Open a file; see `DecodeOptions` for threads and device."""
        self._path = path
        self._container = open_media(path, device=device)
        try:
            self._read_head(threads)
        except BaseException:
            self._container.close()
            raise

    def _read_head(self, threads: int) -> None:
        self.stream = self._picture_stream()
        if self.stream.codec_context is None:
            raise UnreadableMedia(
                f"{self._path.name}: its video format cannot be decoded; convert it to H.264"
            )
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
        self._shape: tuple[int, int] | None = None

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

    def first_shape(self) -> tuple[int, int]:
        """Return height and width of the first picture as shown."""
        for picture in self.pictures(self.sampler(Fraction(1)), can_skip=False):
            height, width = picture.frame.height, picture.frame.width
            return (width, height) if picture.frame.rotation % 180 else (height, width)
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
        held: list[_Packet] = []  # what came since the last needed picture: a cell's worth at most
        for packet in self._packets():
            if packet.stream_index != self.stream.index:
                sampler.note_end(self._end_of(packet))
                continue
            if packet.size == 0:
                continue
            is_needed = True
            if packet.pts is not None and not packet.is_discard:
                at, end_s = self._at(packet.pts), self._end_of(packet)
                is_needed = sampler.expect(at, end_s, can_skip=can_skip)
            if held and packet.is_keyframe and self._decoding_restarts_at(packet):
                held.clear()
            if not is_needed:
                held.append(packet)
                continue
            if held:
                codec.skip_frame = "NONREF"
                for earlier in held:
                    yield from self._decoded(earlier, sampler)
                held.clear()
                codec.skip_frame = "DEFAULT"
            yield from self._decoded(packet, sampler)
        yield from self._decoded(None, sampler)

    def picture_at(self, at_s: float, stop: threading.Event) -> U8 | None:
        """Return the picture shown from `at_s` on, as `rgb` returns it; read from a key picture on.

        May be called again and again, in any order of times, but not while `pictures` goes on.

        Args:
            at_s: seconds from the origin, exact as in a `Frame`.
            stop: set it to end with `Cancelled` at the next packet.

        Returns:
            None where no picture begins then, or what it is made from does not decode whole.
        """
        if self._shape is None:
            for picture in self.pictures(self.sampler(Fraction(1)), can_skip=False):
                self.rgb(picture.frame)  # it alone says in which size all are given
                break
        at = round(at_s / self.tick)
        for back_s in _STEPS_BACK_S:
            if self._seek(at - int(back_s / self.tick)):
                found = self._run_up(at, stop)
                if found is not None:
                    return self.rgb(found.frame)
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
            for packet in self._packets():
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
        for packet in self._packets():
            _check(stop)
            is_picture = packet.stream_index == self.stream.index
            if is_picture and (packet.size == 0 or packet.pts is None or packet.is_discard):
                continue
            sampler.note_end(self._end_of(packet))
        return sampler.duration_s

    def _decoding_restarts_at(self, packet: _Packet) -> bool:
        codec = self.stream.codec_context
        return decoding_restarts_at(bytes(packet), codec.name, codec.extradata)

    def _decoded(self, packet: _Packet | None, sampler: FrameSampler) -> Iterator[Picture]:
        try:
            frames = self.stream.codec_context.decode(packet)
        except av.error.FFmpegError:
            sampler.count_error()
            return
        for frame in frames:
            if frame.pts is None:
                frame.pts = frame.dts
            if frame.pts is not None:
                yield Picture(frame, self._at(frame.pts), bool(frame.is_corrupt))

    def _packets(self) -> Iterator[_Packet]:
        errors = 0
        while errors < _MAX_READ_ERRORS:
            try:
                for packet in self._container.demux():
                    errors = 0
                    yield packet
                return
            except av.error.EOFError:
                return
            except av.error.FFmpegError:
                errors += 1

    def rgb(self, frame: av.VideoFrame) -> U8:
        """Return the picture as shown: turned by its display matrix, 8 bits, sized as the first."""
        if self._shape is None:
            self._shape = (frame.height, frame.width)
        height, width = self._shape
        image = np.asarray(frame.to_ndarray(format="rgb24", width=width, height=height), np.uint8)
        quarter_turns = round(frame.rotation / 90) % 4
        if quarter_turns:
            image = np.rot90(image, quarter_turns)
        return np.ascontiguousarray(image)

    def _picture_stream(self) -> av.VideoStream:
        for stream in self._container.streams.video:
            # The cover of a sound file is a video stream of one picture.
            if not stream.disposition & Disposition.attached_pic:
                return stream
        raise NoVideoStream(
            f"{self._path.name}: contains audio or data but no video; download a video of the call"
        )

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

    def _end_of(self, packet: _Packet) -> float:
        at = packet.pts if packet.pts is not None else packet.dts
        if at is None:
            return 0.0
        base = packet.time_base
        end = (at + (packet.duration or 0)) * base.numerator / base.denominator
        return end - self._origin_s


def _check(stop: threading.Event) -> None:
    if stop.is_set():
        raise Cancelled("stopped while reading pictures from the recording")


def open_media(
    path: Path, formats: str = FORMATS, device: str = "cpu"
) -> av.container.InputContainer:
    """Open a file of one of these containers.

    `device` "cuda" or "cuda:1" has pictures decoded there (NVDEC) where the card, its driver and
    the codec allow it, else as "cpu" does.

    Raises:
        UnreadableMedia: it is missing, empty, a web page, or not readable media.
    """
    try:
        with path.open("rb") as file:
            head = file.read(512).lstrip().lower()
    except OSError as exc:
        raise UnreadableMedia(f"{path.name}: cannot be read: {exc.strerror}") from exc
    if not head:
        raise UnreadableMedia(f"{path.name}: the file is empty; download it again")
    if head.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise UnreadableMedia(
            f"{path.name}: is a web page, not a recording (Zoom sends its sign-in page when the "
            "download token is wrong or too old); download it again"
        )
    # "file:" keeps a colon in a name from being read as a protocol.
    name, options = f"file:{path.resolve()}", {"format_whitelist": formats}
    if device != "cpu":
        kind, _, number = device.partition(":")
        # Pictures stay on the card: of many decoded, only those sampled are copied from it.
        on_card = HWAccel(kind, number or None, allow_software_fallback=True, is_hw_owned=True)
        # No card or no driver, or no media: opening without a card shows which.
        with contextlib.suppress(av.error.FFmpegError, ValueError):
            return av.open(name, options=options, hwaccel=on_card)
    try:
        return av.open(name, options=options)
    except (av.error.FFmpegError, ValueError) as exc:
        # The whole message would reveal the server's folder.
        reason = getattr(exc, "strerror", None) or "no media"
        raise UnreadableMedia(
            f"{path.name}: is not a readable recording, or its index is cut off ({reason}); "
            "download it again"
        ) from exc


@dataclass(frozen=True, slots=True)
class ObservedPicture:
    """A picture as it came out of the decoder, which may still refer to it: never write into it."""

    frame: av.VideoFrame
    at: int
    """When it is shown, in ticks from the start of its segment."""
    tick: Fraction
    """Seconds per tick."""
    offset_s: float
    """Start of its segment on the call's time line."""

    @property
    def t_s(self) -> float:
        """Seconds from the start of the call's recording."""
        return self.offset_s + float(self.at * self.tick)
