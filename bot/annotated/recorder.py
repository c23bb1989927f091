"""Makes the annotated recording while the analysis reads the same frames, decoded once.

The decoder's thread hands over every frame and blocks when too many are held. The analysis's thread
reports what each sample showed. The recorder's own thread paints and encodes a frame as soon as the
samples before and after it are known. When the decoder is blocked and the analysis has nothing left
to report, the oldest frames are painted with what is known, so that neither waits for the other.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from bot.annotated.canvas import Palette, place_of
from bot.annotated.encoder import AnnotateFailed, Movie
from bot.annotated.overlays import NamedSample, marks_at
from bot.annotated.painter import Painter
from bot.annotated.redaction import Redaction, Redactor
from bot.annotated.running_engagement import GUESSED_S, RunningEngagement
from bot.annotated.running_looks import RunningLooks
from bot.annotated.running_names import NameFaces, RunningNames, Who
from bot.calls.privacy import shows_everyone
from inference.analyzer import AnalyzerOptions
from inference.assess import AssessOptions
from inference.attribution.person_ids import Sighting
from inference.boxes import overlap
from inference.observer import SeenSample
from inference.schema.arrays import F32
from inference.schema.observations import Observations
from inference.scoring.profiles import PROFILES
from inference.video.opening import MAX_PICTURE_PIXELS
from inference.video.orientation import Orientation
from inference.video.picture import ObservedPicture
from inference.video.reader import frame_size, probe

HELD_BYTES = 256_000_000
"""Decoded frames held at most: five samples of 1080p at 30 frames a second. Two samples' worth are
enough to know everything about a frame."""
LEAST_HELD = 16
_WAIT_S = 0.1
"""How often a blocked thread checks whether the recording has ended."""
_ROUNDING_S = 1e-6
SIGHTING_S = 10.0
"""How often a shown face is noted when only some may be shown; sooner if it moved."""
DISK_LOOKED_AT_S = 10.0
"""Seconds of recording between two checks of the free disk space."""


def observer_options(options: AnalyzerOptions) -> AnalyzerOptions:
    """Return the options with which the analysis must run for a recorder.

    If faces are hidden, all of every sample is searched again: whoever sits down next to somebody
    who may be shown, or appears in a small inset over a large face, must be noticed at once. The
    layout accepts an inset's edges only after three samples.
    """
    if shows_everyone(options.assess):
        return options
    return replace(options, search_every_s=0.0, beside_large=True)


@dataclass(frozen=True, slots=True)
class _Sample:
    """A sample as the painter needs it."""

    named: NamedSample
    hidden: Redaction | None


class Recorder:
    """An `Observer` that writes the annotated recording to `part`; `finish` completes it.

    Where the options do not let everyone be shown, all faces are hidden but those of people known
    to be on the other side; `sightings` then returns where faces were left visible.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        part: Path,
        name_faces: NameFaces,
        options: AssessOptions,
        samples_per_s: float,
        *,
        has_room: Callable[[], bool] | None = None,
        held_bytes: int = HELD_BYTES,
        max_pixels: int = MAX_PICTURE_PIXELS,
        has_boxes: bool = True,
    ) -> None:
        """Prepare the recorder; the file is created with the first frame.

        Args:
            paths: the files of the recording, in order.
            part: where it is written; the caller renames it once it is finished and accepted.
            name_faces: names the people in what was seen so far.
            options: who may be scored, and with which profile.
            samples_per_s: the analysis's sampling rate.
            has_room: called now and then to ask whether the disk has room; None: never asked.
            held_bytes: decoded frames that may wait, in bytes.
            max_pixels: of the largest frame that may be decoded.
            has_boxes: whether faces have boxes around them.
        """
        self._paths, self._part = list(paths), part
        self._names = RunningNames(name_faces, options)
        self._engagement = RunningEngagement(PROFILES[options.profile])
        self._redactor = None if shows_everyone(options) else Redactor()
        self._interval_s = 1 / samples_per_s
        self._looks = RunningLooks(self._interval_s)
        self._has_boxes = has_boxes
        self._has_room, self._held_bytes, self._max_pixels = has_room, held_bytes, max_pixels
        self._shown: list[tuple[float, float, float]] = []  # time and centre of a face, in pixels
        self._shown_at: dict[int, tuple[float, F32]] = {}
        self._pictures: deque[ObservedPicture] = deque()
        self._held = self._next_bytes = 0  # of the frames that wait, and of the last that came
        self._samples: deque[_Sample] = deque()
        self._release = 0
        self._is_over = self._is_dropped = False
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        self._movie: Movie | None = None
        self._painter: Painter | None = None
        self._size = (0, 0)  # of the painted frame, without the strip
        self._seen_size = (1, 1)  # holds every sample so far, as `Observations.width_px` does
        self._segment_s: float | None = None
        self._looked_at_s = 0.0
        self._worker = threading.Thread(target=self._work, name="annotate", daemon=True)
        self._worker.start()

    # Called by the analysis.

    def picture(self, picture: ObservedPicture, is_over: Callable[[], bool]) -> None:
        """Take a frame; blocks while too many are held."""
        if not any(self._size):
            sizes = [frame_size(path, self._max_pixels) for path in self._paths]
            self._size = max(width for width, _ in sizes), max(height for _, height in sizes)
        with self._changed:
            self._next_bytes = _bytes_of(picture)
            while self._is_full() and self._error is None:
                if is_over() or self._is_over:
                    return
                self._changed.wait(_WAIT_S)
            if self._error is None:
                self._pictures.append(picture)
                self._held += self._next_bytes
                self._changed.notify_all()

    def sample(self, seen: SeenSample) -> None:
        """Take what a sample showed."""
        who = dict(self._names.note(seen))
        width, height = seen.size_px
        self._seen_size = max(self._seen_size[0], width), max(self._seen_size[1], height)
        if self._redactor is not None:
            self._note_shown(seen, who)
        seen = self._fitted(seen)
        named = NamedSample(
            seen, who, self._names.people, self._engagement.add(seen, who),
            self._looks.add(seen, who),
        )  # fmt: skip
        hidden = self._redactor.update(seen, who) if self._redactor is not None else None
        with self._changed:
            self._samples.append(_Sample(named, hidden))
            self._changed.notify_all()

    def between(self, look: Callable[[], Observations]) -> None:
        """Name people again if that is due.

        Raises:
            AnnotateFailed: the file cannot be written.
        """
        self._raise_error()
        if self._names.is_due:
            self._names.learn(look())

    def stalled(self) -> None:
        """Release frames with what is known so far, if the decoder is blocked on them."""
        self._raise_error()
        with self._changed:
            if self._is_full() and not self._is_ready(self._pictures[0]):
                self._release = max(1, len(self._pictures) // 4)
                self._changed.notify_all()

    # Called by the owner.

    def finish(self) -> None:
        """Paint the remaining frames and complete the file.

        Raises:
            AnnotateFailed: the file cannot be written.
        """
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        self._worker.join()
        self._raise_error()

    def sightings(self) -> tuple[Sighting, ...]:
        """Return where and when faces were shown if only some may be; every 10 s of a track."""
        width, height = self._seen_size
        return tuple(Sighting(t_s, x / width, y / height) for t_s, x, y in self._shown)

    def drop(self) -> None:
        """Stop at once and delete what was written; safe to call twice, and after `finish`."""
        with self._changed:
            self._is_over = self._is_dropped = True
            self._clear()
            self._changed.notify_all()
        self._worker.join()
        if self._movie is not None:
            self._movie.drop()
        self._part.unlink(missing_ok=True)

    def _is_full(self) -> bool:
        """Return whether the frame that comes next, or came last, has to wait."""
        is_much = self._held + self._next_bytes > self._held_bytes
        return is_much and len(self._pictures) >= LEAST_HELD

    def _clear(self) -> None:
        self._pictures.clear()
        self._held = 0

    def _raise_error(self) -> None:
        if isinstance(self._error, AnnotateFailed):
            raise self._error
        if self._error is not None:
            raise AnnotateFailed(
                f"The annotated recording failed ({self._error!r})."
            ) from self._error

    def _fitted(self, seen: SeenSample) -> SeenSample:
        """Return the sample in painted pixels, where its frame is shown."""
        if not any(self._size):  # no frame came yet
            return seen
        left, top, right, bottom = place_of(seen.size_px, self._size)
        if (left, top, right, bottom) == (0, 0, *seen.size_px):
            return seen
        x, y = (right - left) / seen.size_px[0], (bottom - top) / seen.size_px[1]
        by, to = np.array([x, y, x, y], np.float32), np.array([left, top] * 2, np.float32)
        layout = seen.layout
        fitted = replace(layout, tiles=layout.tiles * by + to, width_px=round(layout.width_px * x))
        return replace(seen, boxes=seen.boxes * by + to, layout=fitted)

    def _note_shown(self, seen: SeenSample, who: Mapping[int, Who]) -> None:
        """Note where faces were shown, to check them against the final identities."""
        for track, box in zip(seen.tracks, seen.boxes, strict=True):
            if track not in who or not who[track].is_scored:
                continue
            last_s, place = self._shown_at.get(track, (float("-inf"), box))
            # The analysis may split a track later, where its camera or the layout changed.
            is_elsewhere = seen.layout.changed or not overlap(box, place)
            if is_elsewhere or seen.t_s - last_s >= SIGHTING_S:
                self._shown_at[track] = seen.t_s, box
                self._shown.append(
                    (seen.t_s, float(box[0] + box[2]) / 2, float(box[1] + box[3]) / 2)
                )

    # On the painter's thread.

    def _work(self) -> None:
        try:
            while (picture := self._next_picture()) is not None:
                self._paint(picture)
            if self._movie is not None and not self._is_dropped:
                self._movie.finish()
        except BaseException as exc:  # `_raise_error` raises it again in the owner
            with self._changed:
                self._error = exc
                self._clear()
                self._changed.notify_all()

    def _next_picture(self) -> ObservedPicture | None:
        with self._changed:
            while True:
                if self._is_dropped:
                    return None
                if self._pictures:
                    if self._is_over or self._release > 0 or self._is_ready(self._pictures[0]):
                        self._release = max(0, self._release - 1)
                        picture = self._pictures.popleft()
                        self._held -= _bytes_of(picture)
                        self._changed.notify_all()
                        return picture
                elif self._is_over:
                    return None
                self._changed.wait(_WAIT_S)

    def _is_ready(self, picture: ObservedPicture) -> bool:
        """Return whether a sample after the frame is known."""
        return bool(self._samples) and self._samples[-1].named.seen.t_s > picture.t_s

    def _around(self, picture: ObservedPicture) -> tuple[_Sample | None, _Sample | None]:
        """Return the samples around a frame, in its segment and size; drop earlier ones."""
        with self._changed:
            while len(self._samples) > 1 and self._samples[1].named.seen.t_s <= picture.t_s:
                self._samples.popleft()
            first = self._samples[0] if self._samples else None
            second = self._samples[1] if len(self._samples) > 1 else None
        if first is not None and first.named.seen.t_s > picture.t_s:
            first, second = None, first

        def of_segment(one: _Sample | None) -> _Sample | None:
            if one is None or one.named.seen.offset_s != picture.offset_s:
                return None
            return one if one.named.seen.size_px == picture.size else None

        return of_segment(first), of_segment(second)

    def _paint(self, picture: ObservedPicture) -> None:
        movie, painter = self._begun(picture)
        before, after = self._around(picture)
        named = None if before is None else before.named
        marks = marks_at(
            picture.t_s, named, None if after is None else after.named, self._interval_s
        )
        hidden = None
        if self._redactor is not None:
            hidden = (
                None if before is None else before.hidden,
                None if after is None else after.hidden,
            )
            if before is not None and not self._is_covered(picture, before.named.seen):
                hidden = (None, None)
        canvas = painter.canvas()
        canvas.put_frame(picture.frame, place_of(picture.size, self._size))
        painter.paint(canvas, marks, named, hidden)
        self._look_at_disk(picture.t_s)
        offset = Fraction(picture.offset_s)
        movie.add(canvas.frame(), offset + picture.at * picture.tick)

    def _is_covered(self, picture: ObservedPicture, before: SeenSample) -> bool:
        """Return whether the sample before the frame says what is in it.

        A sample is the first intact frame of its interval. A frame farther from it than that is
        damaged: it was never analysed, and anything may be in it.
        """
        return picture.t_s - before.t_s <= self._interval_s + _ROUNDING_S

    def _look_at_disk(self, t_s: float) -> None:
        if self._has_room is None or t_s - self._looked_at_s < DISK_LOOKED_AT_S:
            return
        self._looked_at_s = t_s
        if not self._has_room():
            raise AnnotateFailed("The disk has no room left for the annotated recording.")

    def _begun(self, picture: ObservedPicture) -> tuple[Movie, Painter]:
        """Return the file and its painter, created with the first frame."""
        frame = picture.frame
        if self._movie is None or self._painter is None:
            files = [probe(path) for path in self._paths]
            durations = [one.duration_s for one in files]
            known = all(durations)
            width, height = self._size
            is_same = frame.format.name == "yuv420p"
            palette = Palette.of(frame, height, is_converted=not is_same)
            total_s = sum(d or 0.0 for d in durations) if known else GUESSED_S
            self._painter = Painter(
                width, height, palette, total_s, is_guessed=not known, has_boxes=self._has_boxes
            )
            size = (self._painter.width, self._painter.height + self._painter.strip_px)
            rate = Fraction(files[0].fps).limit_denominator(1001) if files[0].fps else None
            aspect = files[0].pixel_aspect
            if aspect and Orientation.of(frame).transposes:
                aspect = 1 / aspect
            self._movie = Movie(self._part, size, picture.tick, rate, frame, aspect, self._paths)
        if picture.offset_s != self._segment_s:
            self._segment_s = picture.offset_s
            self._movie.begin_segment(picture.offset_s)
        return self._movie, self._painter


def _bytes_of(picture: ObservedPicture) -> int:
    return max(1, picture.frame.width * picture.frame.height * 3 // 2)
