"""The sampled pictures of a recording: one pass, ahead of the reader, in bounded memory.

Time is cut into cells of 1 / samples_per_s; the first picture shown in each cell is the sample.
Where none begins in a cell, the one that is still on the screen is sampled again at the cell's
start: a screen recorder writes no picture while nothing moves. A frame rate that varies is
therefore sampled evenly in time. A pause of the recording gives no samples (`sampling.py` tells the
two apart). `container.py` defines what time means and how damage is handled.
"""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import av

from inference.errors import Cancelled, InferenceError, UnreadableMedia
from inference.schema.observations import Frame, Quality
from inference.video.container import Media
from inference.video.opening import MAX_PICTURE_PIXELS
from inference.video.orientation import Orientation
from inference.video.picture import ObservedPicture
from inference.video.sampling import check_samples_per_s

_WAIT_S = 0.1
"""How often a blocked thread looks at the stop flag."""
_Ready = queue.Queue[Frame | InferenceError | None]
"""Frames on their way to the reader; last the worker's error, or None at the end of the file."""
Tap = Callable[[ObservedPicture, Callable[[], bool]], None]
"""As `Observer.picture`."""


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """How a recording is read.

    `queue_frames` pictures wait decoded at most. Past `max_lost_share` of the length without a
    picture, the file is `UnreadableMedia`. `threads` is libav's, 0 = one for every two cores.
    `skip_unneeded` leaves out pictures that are neither sampled nor referred to by one that is;
    the sampled pictures are the same to the bit (a test holds it). `device` "cuda" or "cuda:1"
    decodes by NVDEC where that is at hand, and as "cpu" does elsewhere. A file with a picture of
    more than `max_pixels` is refused before anything of it is decoded.
    """

    samples_per_s: float = 2.0
    queue_frames: int = 4
    max_lost_share: float = 0.5
    threads: int = 0
    skip_unneeded: bool = True
    device: str = "cpu"
    max_pixels: int = MAX_PICTURE_PIXELS

    def __post_init__(self) -> None:
        check_samples_per_s(self.samples_per_s)
        if (
            self.queue_frames < 1
            or self.threads < 0
            or self.max_pixels < 1
            or not 0 <= self.max_lost_share <= 1
        ):
            raise ValueError(f"invalid decode options: {self}")
        if not re.fullmatch(r"cpu|cuda(:\d+)?", self.device):
            raise ValueError(f"device must be cpu, cuda or cuda:N, got {self.device!r}")


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What the container says. `width_px` and `height_px` are as shown, rotation applied."""

    duration_s: float | None
    """None where the container does not say."""
    width_px: int
    height_px: int
    fps: float | None
    """The average; None where the container does not say."""
    has_audio: bool
    video_codec: str
    created_at: datetime | None = None
    """When the recording began, as the file says; most programs write when they began to encode."""
    pixel_aspect: Fraction | None = None
    """Width of a pixel over its height as stored, before rotation; None where they are square."""


def probe(path: Path) -> MediaInfo:
    """Read what a file is from its header and its first picture.

    Raises:
        UnreadableMedia: no media, or no picture of it can be decoded.
        NoVideoStream: media without a picture.
    """
    with Media(path) as media:
        size = media.first_size()
        rate = media.stream.average_rate
        return MediaInfo(
            duration_s=media.nominal_s,
            width_px=size[0],
            height_px=size[1],
            fps=float(rate) if rate else None,
            has_audio=media.has_audio,
            video_codec=media.stream.codec_context.name,
            created_at=media.created_at,
            pixel_aspect=media.pixel_aspect,
        )


def frame_size(path: Path, max_pixels: int = MAX_PICTURE_PIXELS) -> tuple[int, int]:
    """Return the width and height that hold every picture of a file as the analysis sees it.

    Raises:
        UnreadableMedia: no media, a picture of it has more than `max_pixels`, or none decodes.
        NoVideoStream: media without a picture.
    """
    with Media(path, max_pixels=max_pixels) as media:
        media.read_sizes(lambda: False)
        given = media.sizes.all_given()
        for picture in media.pictures(media.sampler(Fraction(1)), can_skip=False):
            shown = [Orientation.of(picture.frame).size(*size) for size in given]
            shown.append(media.given_size(picture.frame))
            return max(width for width, _ in shown), max(height for _, height in shown)
    raise UnreadableMedia(f"{path.name}: no picture could be decoded; download the file again")


class FrameReader:
    """Iterates over the sampled `Frame`s of one file while a thread decodes ahead.

    Leaving the loop early, an error and the stop flag all end the thread before control returns.
    When the loop has run to its end, `quality` and `duration_s` describe the whole file.

    With a `tap` every picture is decoded and passed to it, in order, in the decoding thread, except
    those whose time is damaged; `idle` is called again and again from the reader's thread while it
    waits for a sample.

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
        tap: Tap | None = None,
        idle: Callable[[], None] | None = None,
    ) -> None:
        self._path = path
        self._tap, self._idle = tap, idle
        self._options = options or DecodeOptions()
        self._offset_s = offset_s
        self._stop = stop or threading.Event()
        self.quality = Quality()
        self.duration_s = 0.0
        """Length of the recording: as the container states it, else up to the last packet."""
        self.decoded_on = "cpu"
        """"cuda" once a picture came from there."""

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
                    if self._idle is not None:
                        self._idle()
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

        def is_over() -> bool:
            return ended.is_set() or self._stop.is_set()

        can_skip = options.skip_unneeded and self._tap is None
        with Media(self._path, options.threads, options.device, options.max_pixels) as media:
            media.read_sizes(is_over)
            sampler = media.sampler(Fraction(options.samples_per_s).limit_denominator(1000))
            shown: av.VideoFrame | None = None
            is_sampled = False  # whether the picture on the screen was given to the reader already
            for picture in media.pictures(sampler, can_skip=can_skip):
                if is_over():
                    return
                again = sampler.still_shown(picture.at)
                yield from self._repeated(media, shown, again, is_sampled)
                if self._tap is not None and sampler.is_plausible(picture.at):
                    size = media.given_size(picture.frame)
                    self._tap(
                        ObservedPicture(
                            picture.frame, picture.at, media.tick, self._offset_s, size
                        ),
                        is_over,
                    )
                takes = sampler.take(picture.at, picture.is_damaged)
                if takes:
                    if picture.frame.format.name == "cuda":
                        self.decoded_on = "cuda"
                    yield self._frame(media, picture.frame, picture.at)
                if not picture.is_damaged and sampler.is_plausible(picture.at):
                    shown, is_sampled = picture.frame, takes
            yield from self._repeated(media, shown, sampler.still_shown_at_end(), is_sampled)
        sampler.close()
        if sampler.frames_decoded == 0:
            raise UnreadableMedia(
                f"{self._path.name}: no picture could be decoded; download the file again"
            )
        if sampler.lost_share > options.max_lost_share:
            raise UnreadableMedia(
                f"{self._path.name}: {sampler.lost_share:.0%} of the recording is damaged or "
                f"missing (limit {options.max_lost_share:.0%}); download the file again"
            )
        self.duration_s = sampler.duration_s
        self.quality = Quality(
            frames_decoded=sampler.frames_decoded,
            frames_sampled=sampler.frames_sampled,
            frames_lost=sampler.frames_lost,
            lost_share=sampler.lost_share,
            has_audio=media.has_audio,
        )

    def _repeated(
        self,
        media: Media,
        shown: av.VideoFrame | None,
        times: Iterator[int],
        is_sampled: bool,
    ) -> Iterator[Frame]:
        """Yield one picture at each of some times, the first of them new if not sampled before."""
        frame: Frame | None = None
        for at in times:
            if frame is None and shown is not None:
                frame = replace(self._frame(media, shown, at), is_repeated=is_sampled)
            if frame is not None:
                yield replace(frame, pts=at)
                frame = replace(frame, is_repeated=True)

    def _frame(self, media: Media, frame: av.VideoFrame, at: int) -> Frame:
        image = media.rgb(frame)
        high = media.given_size(frame)[1] / Orientation.of(frame).size(frame.width, frame.height)[1]
        return Frame(at, media.tick, image, self._offset_s, high)


def _put(ready: _Ready, item: Frame | InferenceError | None, ended: threading.Event) -> None:
    while not ended.is_set():
        try:
            return ready.put(item, timeout=_WAIT_S)
        except queue.Full:
            continue
