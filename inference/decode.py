"""Pictures of a recording, with exact times: one pass, ahead of the reader, in bounded memory.

Time. t = 0 is the start of the file's earliest stream. A player starts there too, and Zoom's
TIMELINE and transcript count from there: where the picture comes 5 s after the sound, the first
picture is at 5 s; where a whole file begins at 1.4 s (MPEG-TS does), that is taken off. Sound
before zero is the encoder's run-in, is not heard, and does not move the start. A frame keeps its
exact pts in its exact time base, only shifted.

Sampling. Time is cut into cells of 1 / samples_per_s; the first picture shown in each cell is the
sample. A frame rate that varies is therefore sampled evenly in time, a gap gives no samples, and
nothing is invented.

Damage. A packet that does not decode is skipped and counted, and decoding goes on; libav fills
what the following pictures miss from the last good one until a key picture comes. PyAV keeps
libav's log to itself.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

import av
import av.error
import numpy as np
from av.stream import Disposition, Stream

from inference.errors import Cancelled, InferenceError, NoVideoStream, UnreadableMedia
from inference.ledger import PictureLedger
from inference.types import U8, Frame, Quality

FORMATS = "mov,mp4,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,h264,hevc"
"""Containers that are opened. Playlists would read other files, and libav takes text for a film."""
SKIPPABLE = frozenset({"h264", "hevc"})
"""Codecs in which libav passes over pictures that no other picture refers to."""
_WAIT_S = 0.1
"""How often a blocked thread looks at the stop flag."""
_Ready = queue.Queue[Frame | InferenceError | None]
"""Frames on their way to the reader; last the worker's error, or None at the end of the file."""
_Packet: TypeAlias = "av.Packet[Stream]"
_MAX_READ_ERRORS = 200
"""Read errors in a row after which the rest of a file counts as lost."""


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """How a recording is read.

    `queue_frames` pictures wait decoded at most. Past `max_lost_share` of the length without a
    picture, the file is `UnreadableMedia`. `threads` is libav's, 0 = one per core.
    `skip_unneeded` leaves out pictures that are neither sampled nor referred to; the sampled
    pictures are the same to the bit (a test holds it).
    """

    samples_per_s: float = 2.0
    queue_frames: int = 4
    max_lost_share: float = 0.5
    threads: int = 0
    skip_unneeded: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.samples_per_s <= 240:
            raise ValueError(f"samples_per_s must be in 0–240, got {self.samples_per_s}")
        if self.queue_frames < 1 or self.threads < 0 or not 0 <= self.max_lost_share <= 1:
            raise ValueError(f"impossible decode options: {self}")


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What the container says. `width_px` and `height_px` are as shown, rotation applied."""

    duration_s: float | None
    """None where the container does not tell."""
    width_px: int
    height_px: int
    fps: float | None
    """The average; None where the container does not tell."""
    has_audio: bool
    video_codec: str
    created_at: datetime | None = None
    """When the recording began, as the file says; most programs write when they began to encode."""


def probe(path: Path) -> MediaInfo:
    """Read what a file is from its header and its first picture.

    Raises:
        UnreadableMedia: no media, or no picture of it can be decoded.
        NoVideoStream: media without a picture.
    """
    with _Media(path) as media:
        shape = media.first_shape()
        rate = media.stream.average_rate
        return MediaInfo(
            duration_s=media.nominal_s,
            width_px=shape[1],
            height_px=shape[0],
            fps=float(rate) if rate else None,
            has_audio=media.has_audio,
            video_codec=media.stream.codec_context.name,
            created_at=media.created_at,
        )


class FrameReader:
    """Iterates over the sampled `Frame`s of one file while a thread decodes ahead.

    Leaving the loop early, an error and the stop flag all end the thread before control returns.
    When the loop has run to its end, `quality` and `duration_s` tell about the whole file.

    Raises, while iterating:
        UnreadableMedia: no media, or more than `max_lost_share` of it is lost.
        NoVideoStream: media without a picture.
        Cancelled: the stop flag was set.
    """

    def __init__(
        self,
        path: Path,
        options: DecodeOptions | None = None,
        offset_s: float = 0.0,
        *,
        stop: threading.Event | None = None,
    ) -> None:
        self._path = path
        self._options = options or DecodeOptions()
        self._offset_s = offset_s
        self._stop = stop or threading.Event()
        self.quality = Quality()
        self.duration_s = 0.0
        """Length of the recording: as the container tells it, else up to the last packet."""

    def __iter__(self) -> Generator[Frame, None, None]:
        ready: _Ready = queue.Queue(self._options.queue_frames)
        ended = threading.Event()
        worker = threading.Thread(
            target=self._work, args=(ready, ended), name=f"decode-{self._path.name}", daemon=True
        )
        worker.start()
        try:
            while True:
                if self._stop.is_set():
                    raise Cancelled(f"stopped while reading {self._path.name}")
                try:
                    item = ready.get(timeout=_WAIT_S)
                except queue.Empty:
                    continue
                if item is None:
                    return
                if isinstance(item, InferenceError):
                    raise item
                yield item
        finally:
            ended.set()
            worker.join()

    def _work(self, ready: _Ready, ended: threading.Event) -> None:
        last: InferenceError | None = None
        try:
            for frame in self._decode(ended):
                _put(ready, frame, ended)
        except InferenceError as exc:
            last = exc
        except Exception as exc:  # whatever it is must reach the caller, who waits for it
            last = UnreadableMedia(f"{self._path.name}: decoding failed: {exc!r}")
            last.__cause__ = exc
        _put(ready, last, ended)

    def _decode(self, ended: threading.Event) -> Iterator[Frame]:
        options = self._options
        with _Media(self._path, options.threads) as media:
            ledger = media.ledger(Fraction(options.samples_per_s).limit_denominator(1000))
            skips = options.skip_unneeded and media.stream.codec_context.name in SKIPPABLE
            for picture in media.pictures(ledger, skips):
                if ended.is_set() or self._stop.is_set():
                    return
                if ledger.take(picture.at, picture.is_damaged):
                    image = media.rgb(picture.frame)
                    yield Frame(picture.at, media.tick, image, self._offset_s)
        ledger.close()
        if ledger.frames_decoded == 0:
            raise UnreadableMedia(
                f"{self._path.name}: not one picture could be decoded; fetch the file again"
            )
        if ledger.lost_share > options.max_lost_share:
            raise UnreadableMedia(
                f"{self._path.name}: {ledger.lost_share:.0%} of the recording is damaged or "
                f"missing (limit {options.max_lost_share:.0%}); fetch the file again"
            )
        self.duration_s = ledger.duration_s
        self.quality = Quality(
            frames_decoded=ledger.frames_decoded,
            frames_sampled=ledger.frames_sampled,
            frames_lost=ledger.frames_lost,
            lost_share=ledger.lost_share,
            has_audio=media.has_audio,
        )


def _put(ready: _Ready, item: Frame | InferenceError | None, ended: threading.Event) -> None:
    while not ended.is_set():
        try:
            return ready.put(item, timeout=_WAIT_S)
        except queue.Full:
            continue


@dataclass(frozen=True, slots=True)
class _Picture:
    frame: av.VideoFrame
    at: int
    """When it is shown, in ticks from the origin."""
    is_damaged: bool


class _Media:
    """An open file and its picture stream; every libav error ends here."""

    def __init__(self, path: Path, threads: int = 0) -> None:
        self._path = path
        self._container = open_media(path)
        try:
            self.stream = self._picture_stream()
        except NoVideoStream:
            self._container.close()
            raise
        self.stream.thread_type = "AUTO"
        self.stream.codec_context.thread_count = threads
        self.has_audio = bool(self._container.streams.audio)
        self._origin = self._start()
        time_base = self.stream.time_base or Fraction(1, 90_000)
        self._scale = (self._origin / time_base).denominator
        self.tick = time_base / self._scale
        """The stream's time base, made finer where the origin needs it to be exact."""
        self._shift = int(self._origin / self.tick)
        self._origin_s = float(self._origin)
        self._shape: tuple[int, int] | None = None

    def __enter__(self) -> _Media:
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
    def frame_interval_s(self) -> float:
        rate = self.stream.average_rate or self.stream.guessed_rate
        return 1 / float(rate) if rate else 0.04

    def ledger(self, samples_per_s: Fraction) -> PictureLedger:
        """Empty books for this file."""
        return PictureLedger(self.tick, samples_per_s, self.nominal_s, self.frame_interval_s)

    def first_shape(self) -> tuple[int, int]:
        """Height and width of the first picture as shown."""
        for picture in self.pictures(self.ledger(Fraction(1)), skips=False):
            height, width = picture.frame.height, picture.frame.width
            return (width, height) if picture.frame.rotation % 180 else (height, width)
        raise UnreadableMedia(
            f"{self._path.name}: not one picture could be decoded; fetch the file again"
        )

    def pictures(self, ledger: PictureLedger, skips: bool) -> Iterator[_Picture]:
        """Every picture that decodes, in order of showing; the ledger is told of the packets."""
        codec = self.stream.codec_context
        for packet in self._packets():
            if packet.stream_index != self.stream.index:
                ledger.note_end(self._end_of(packet))
                continue
            if packet.size == 0:
                continue
            if packet.pts is not None and not packet.is_discard:
                at, end_s = self._at(packet.pts), self._end_of(packet)
                needed = ledger.expect(at, end_s, can_skip=skips)
                if skips:
                    codec.skip_frame = "DEFAULT" if needed else "NONREF"
            yield from self._decoded(packet, ledger)
        yield from self._decoded(None, ledger)

    def _decoded(self, packet: _Packet | None, ledger: PictureLedger) -> Iterator[_Picture]:
        try:
            frames = self.stream.codec_context.decode(packet)
        except av.error.FFmpegError:
            ledger.count_error()
            return
        for frame in frames:
            if frame.pts is None:
                frame.pts = frame.dts
            if frame.pts is not None:
                yield _Picture(frame, self._at(frame.pts), bool(frame.is_corrupt))

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
        """The picture as shown: turned as its display matrix says, 8 bits, in the first's size."""
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
            f"{self._path.name}: holds sound or data but no picture; fetch a video file of the call"
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


def open_media(path: Path, formats: str = FORMATS) -> av.container.InputContainer:
    """Open a file of one of these containers.

    Raises:
        UnreadableMedia: it is missing, empty, a web page, or no media that can be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(512).lstrip().lower()
    except OSError as exc:
        raise UnreadableMedia(f"{path.name}: cannot be read: {exc.strerror}") from exc
    if not head:
        raise UnreadableMedia(f"{path.name}: the file is empty; fetch it again")
    if head.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise UnreadableMedia(
            f"{path.name}: is a web page, not a recording (Zoom sends its sign-in page when the "
            "download token is wrong or too old); fetch it again"
        )
    try:
        # "file:" keeps a colon in a name from being taken for a protocol.
        return av.open(f"file:{path.resolve()}", options={"format_whitelist": formats})
    except (av.error.FFmpegError, ValueError) as exc:
        raise UnreadableMedia(
            f"{path.name}: is no recording that can be read, or its index is cut off ({exc}); "
            "fetch it again"
        ) from exc
