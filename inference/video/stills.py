"""Single pictures of a recording by their time, without reading all of it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from inference.errors import UnreadableMedia
from inference.schema.arrays import U8
from inference.video.container import Media
from inference.video.opening import MAX_PICTURE_PIXELS


class Stills:
    """The files of one recording, in order of time; each is opened when a picture of it is wanted.

    Use it as a context manager: it keeps files open.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        stop: threading.Event | None = None,
        max_pixels: int = MAX_PICTURE_PIXELS,
    ) -> None:
        """Open nothing yet; a file with a picture of more than `max_pixels` is refused later."""
        self._paths, self._max_pixels = tuple(paths), max_pixels
        self._stop = stop or threading.Event()
        self._open: dict[int, Media] = {}
        self._starts_s = [0.0]

    def __enter__(self) -> Stills:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for media in self._open.values():
            media.__exit__(kind, error, trace)
        self._open.clear()

    def picture_at(self, t_s: float) -> U8:
        """Return the very picture that was sampled at `t_s`, one of `Observations.t_s`.

        It is as the analysis saw it, in size too.

        Raises:
            UnreadableMedia: no whole picture is shown at that time, or its file cannot be read or
                has a picture that is too large.
            Cancelled: the stop flag was set.
        """
        segment = 0
        while segment + 1 < len(self._paths) and t_s >= self._start_s(segment + 1):
            segment += 1
        image = self._media(segment).picture_at(t_s - self._start_s(segment), self._stop)
        if image is None:
            raise UnreadableMedia(f"{self._paths[segment].name}: no whole picture at {t_s:.2f} s")
        return image

    def _start_s(self, segment: int) -> float:
        """Return where a file begins, from the true lengths of those analysed before it."""
        while len(self._starts_s) <= segment:
            before = len(self._starts_s) - 1
            with Media(self._paths[before]) as media:
                self._starts_s.append(self._starts_s[before] + media.measure_s(self._stop))
        return self._starts_s[segment]

    def _media(self, segment: int) -> Media:
        if segment not in self._open:
            media = Media(self._paths[segment], max_pixels=self._max_pixels)
            self._open[segment] = media
            media.read_sizes(self._stop.is_set)
        return self._open[segment]
