"""The MP4 being written: frames are encoded as they arrive, audio is copied between them."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import av.error

from bot.annotated.audio_copy import Sound
from bot.annotated.canvas import colour_matrix

CRF, PRESET = "23", "veryfast"
"""libx264's default quality; `veryfast` takes half the time of `medium` for a tenth more bytes."""
KEY_PICTURE_S = 5.0
"""Seconds between points that a player can jump to."""
FINE_TICK = Fraction(1, 90_000)
MOST_TICKS_PER_S = 1_000_000


class AnnotateFailed(Exception):
    """The annotated recording could not be made; the sentence says why and what to do."""


class Movie:
    """Writes the file under a temporary name (`part`); it is complete only after `finish`."""

    def __init__(
        self,
        part: Path,
        size: tuple[int, int],
        tick: Fraction,
        rate: Fraction | None,
        like: av.VideoFrame,
        aspect: Fraction | None,
        sources: Sequence[Path],
    ) -> None:
        """Begin a file.

        Args:
            part: where it is written.
            size: width and height, even.
            tick: seconds per unit of the frames' times.
            rate: frames per second on average, if known.
            like: a frame of the source, whose colours the file takes over.
            aspect: width of a pixel divided by its height, if that is not 1.
            sources: files of the recording, for their audio.

        Raises:
            AnnotateFailed: the file cannot be written.
        """
        self._part = part
        self.tick = tick if tick.denominator <= MOST_TICKS_PER_S else FINE_TICK
        self._last_at = -1
        with _failures_named(part):
            self._container = av.open(
                f"file:{part}", "w", format="mp4", options={"movflags": "+faststart"}
            )
            rate = rate if rate else Fraction(25)
            video = self._container.add_stream("libx264", rate=rate)
            self._video = video
            video.width, video.height, video.pix_fmt = size[0], size[1], "yuv420p"
            video.time_base = self.tick
            context = video.codec_context
            context.time_base = self.tick
            context.gop_size = max(1, round(KEY_PICTURE_S * float(rate)))
            context.options = {"crf": CRF, "preset": PRESET}
            is_same = like.format.name == "yuv420p"
            context.color_range = int(like.color_range) if is_same else 1
            context.colorspace = colour_matrix(like, size[1])
            context.color_primaries = int(like.color_primaries)
            context.color_trc = int(like.color_trc)
            if aspect:
                context.sample_aspect_ratio = aspect
            self._sound = Sound(sources)
            self._sound.join(self._container)

    def begin_segment(self, offset_s: float) -> None:
        """Begin the next file of the recording; all that follows belongs to it."""
        self._sound.begin_segment(offset_s)

    def add(self, frame: av.VideoFrame, at: Fraction) -> None:
        """Encode a frame that is shown at `at`, in seconds; one out of order is skipped.

        Raises:
            AnnotateFailed: the disk is full.
        """
        pts = round(at / self.tick)
        if pts <= self._last_at:
            return
        self._last_at = pts
        frame.pts, frame.time_base = pts, self.tick
        with _failures_named(self._part):
            for packet in self._video.encode(frame):
                self._container.mux_one(packet)
            self._sound.mux_until(self._container, float(at))

    def finish(self) -> None:
        """Write what remains and close the file.

        Raises:
            AnnotateFailed: the disk is full.
        """
        with _failures_named(self._part):
            for packet in self._video.encode(None):
                self._container.mux_one(packet)
            self._sound.mux_rest(self._container)
            self._container.close()

    def drop(self) -> None:
        """Close the file without completing it, and delete it; safe to call at any time."""
        # Deleted first, or closing would rewrite the whole file for faststart.
        self._part.unlink(missing_ok=True)
        with contextlib.suppress(av.error.FFmpegError, ValueError, OSError):
            self._container.close()
        self._part.unlink(missing_ok=True)


@contextmanager
def _failures_named(part: Path) -> Iterator[None]:
    try:
        yield
    except (av.error.FFmpegError, OSError) as exc:
        raise refusal(part, exc) from exc


def refusal(part: Path, error: BaseException) -> AnnotateFailed:
    """Return the error that says in one sentence why a file cannot be written."""
    number = getattr(error, "errno", None)
    folder = part.parent
    if number == errno.ENOSPC:
        return AnnotateFailed(
            f"The disk of {folder} is full; nothing was written. Free some space or choose "
            "another folder."
        )
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return AnnotateFailed(f"Rapport may not write to {folder}; choose another folder.")
    if number == errno.ENOENT:
        return AnnotateFailed(f"There is no folder {folder}; create it or choose another.")
    reason = getattr(error, "strerror", None) or str(error)
    return AnnotateFailed(f"The annotated recording cannot be written ({reason}).")
