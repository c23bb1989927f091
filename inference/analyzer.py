"""From pictures to observations: layout → faces → tracks → cameras → expressions, fed by `push`.

A recording feeds it from files (inference/recording.py), a live meeting from packets; both yield
the same numbers (a test holds it). What overlaps: decoding in its thread, detection in threads of
the analyzer, classification in the device queue's. Layout and tracks need the order of the pictures
and run in the caller's thread. What is kept of a face is a row of numbers, never a picture.
"""

from __future__ import annotations

import functools
import threading
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from types import TracebackType

import cv2
import numpy as np

from inference.assess import AssessOptions, assess
from inference.cameras.matcher import CameraMatcher
from inference.errors import Cancelled
from inference.expression.batch_queue import DeviceQueue
from inference.expression.crop import face_crop, sharpness
from inference.faces.detector import DetectOptions, Detector, FaceDetector
from inference.faces.face_models import Backend
from inference.faces.face_table import FaceRows, without_unread
from inference.faces.follower import SEARCH_EVERY_S, FollowThread
from inference.faces.tracker import Tracker, of_participants
from inference.layout import NO_TILES, FaceSearch, Layout, LayoutFinder
from inference.name_labels.finder import LabelFinder
from inference.name_labels.ocr import LabelReader, shared_reader
from inference.observer import Observer, SeenSample
from inference.resized_layout import ResizedLayout
from inference.schema.analysis import CallAnalysis
from inference.schema.arrays import F32, U8, Bools
from inference.schema.meeting import RosterEntry, SpeakerTurn, TranscriptLine
from inference.schema.observations import Detection, Frame, Observations, Quality, View
from inference.video.opening import MAX_PICTURE_PIXELS
from inference.video.sampling import check_samples_per_s

_OBSERVED_OUTSTANDING = 1
"""Samples whose probabilities may be outstanding while an observer holds the pictures for them."""


@dataclass(frozen=True, slots=True)
class AnalyzerOptions:
    """How a call is looked at.

    Faces less than `min_face_px` high as decoded, or whose crop is less sharp than `min_sharpness`,
    are kept as seen but not classified. `detectors` threads search for faces, each with its own
    models. Of a gallery's tiles each thread has its own. A tile is searched every `search_every_s`
    seconds, and its faces are followed in between (inference/faces/follower.py); 0 searches every
    picture. `crop_px` is the side of the pictures that the classifier takes. `read_labels`: read
    the names drawn on tiles. `decode_device` and `max_picture_pixels`: see `DecodeOptions`.
    `beside_large` and `face_backend`: see `DetectOptions`.
    """

    samples_per_s: float = 2.0
    min_face_px: float = 24.0
    min_sharpness: float = 0.0
    assess: AssessOptions = field(default_factory=AssessOptions)
    detectors: int = 2
    search_every_s: float = SEARCH_EVERY_S
    crop_px: int = 48
    read_labels: bool = True
    decode_device: str = "cpu"
    max_picture_pixels: int = MAX_PICTURE_PIXELS
    beside_large: bool = False
    face_backend: Backend = "litert"

    def __post_init__(self) -> None:
        check_samples_per_s(self.samples_per_s)
        if self.detectors < 1 or self.crop_px < 1:
            raise ValueError(f"detectors and crop_px must be positive: {self}")
        if not self.search_every_s >= 0:
            raise ValueError(f"search_every_s must not be negative: {self}")


@dataclass(frozen=True, slots=True)
class _FaceSeen:
    """A face, and its crop where it is worth classifying."""

    detection: Detection
    crop: U8 | None


@dataclass(frozen=True, slots=True)
class _Pending:
    """A sample whose faces are being searched, in parts."""

    sample: int
    layout: Layout
    looks: list[Future[list[_FaceSeen]]]
    starts_segment: bool
    view: int
    offset_s: float
    size_px: tuple[int, int]


class Analyzer:
    """Turns pictures that are pushed in, in order of time, into `Observations`.

    Use it as a context manager, or `close` it: it owns threads. A frame whose `offset_s` or size
    differs from the one before starts a new segment: no layout and no track reaches across. Boxes
    count from the upper left of each frame, whatever its size.
    """

    def __init__(
        self,
        options: AnalyzerOptions,
        queue: DeviceQueue,
        *,
        model: str,
        stop: threading.Event | None = None,
        detector_factory: Callable[[], Detector] | None = None,
        layout_factory: Callable[[float, FaceSearch], LayoutFinder] = LayoutFinder,
        tracker_factory: Callable[[], Tracker] | None = None,
        reader_factory: Callable[[], LabelReader] = shared_reader,
        observer: Observer | None = None,
    ) -> None:
        if cv2.getNumThreads() != 1:
            # The stages run side by side already; OpenCV's own threads would only fight them.
            cv2.setNumThreads(1)
        self._options = options
        self._model = model
        self._stop = stop or threading.Event()
        rate = options.samples_per_s
        self._new_tracker = tracker_factory or (lambda: Tracker(rate))
        self._layout = ResizedLayout(lambda: layout_factory(rate, self._faces_in))
        self._tracker = self._new_tracker()
        self._first_track = 0
        self._next_track = 0
        if detector_factory is None:
            looks = DetectOptions(beside_large=options.beside_large, backend=options.face_backend)
            detector_factory = functools.partial(FaceDetector, looks)
        self._followers = [
            FollowThread(detector_factory, options.search_every_s) for _ in range(options.detectors)
        ]
        self._looks: list[Future[list[_FaceSeen]]] = []
        self._searching: deque[_Pending] = deque()
        self._observer = observer
        self._not_shown: deque[SeenSample] = deque()
        if observer is None:
            self._rows = FaceRows(queue.submit)
        else:
            self._rows = FaceRows(queue.submit, self._show_sample, _OBSERVED_OUTSTANDING)
        self._times = array("d")
        self._enlarged = array("b")  # whether a sample's picture was
        self._views: list[View] = []
        self._cameras = CameraMatcher()
        self._labels = LabelFinder(reader_factory()) if options.read_labels else None
        self._turns: list[SpeakerTurn] = []
        self._offset_s: float | None = None
        self._shape: tuple[int, ...] = ()
        self._scale = 1.0
        self._size = (0, 0)  # height and width that hold every frame so far

    def __enter__(self) -> Analyzer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the threads and abandon what is still in progress; safe to call twice."""
        for thread in self._followers:
            thread.close()
        self._searching.clear()
        self._rows.cancel()

    def push(self, frames: Iterable[Frame]) -> None:
        """Look at pictures; blocks while as many are in work as there are threads for.

        Raises:
            Cancelled: the stop flag was set.
            InferenceError: looking at a picture or classifying a face failed.
        """
        for frame in frames:
            if self._stop.is_set():
                raise Cancelled("stopped while analysing the pictures")
            self._begin(frame)
            while len(self._searching) > self._options.detectors:
                self._finish_oldest()

    def push_turns(self, turns: Iterable[SpeakerTurn]) -> None:
        """Add who spoke when; used by `finish`."""
        self._turns.extend(turns)

    def flush(self) -> None:
        """Wait for what is in work; more may be pushed after."""
        while self._searching:
            self._finish_oldest()
        self._rows.collect()

    def observations(
        self, quality: Quality | None = None, duration_s: float | None = None
    ) -> Observations:
        """Wait for what is in progress and return all seen so far; more may be pushed after.

        Args:
            quality: of the reader; by default as many pictures decoded as were pushed.
            duration_s: length of the recording; by default one interval past the last picture.
        """
        self.flush()
        labels = self._labels.labels() if self._labels is not None else ()
        cameras = self._cameras.cameras(len(self._views), labels)
        likely = self._cameras.likely_cameras(len(self._views), labels)
        views = tuple(
            replace(view, cameras=at, has_video=view.has_video[: len(at)], likely_cameras=may)
            for view, at, may in zip(self._views, cameras, likely, strict=True)
        )
        rows = without_unread(self._rows.columns(), np.array(self._enlarged, np.bool_))
        faces = of_participants(rows, views)
        times = np.array(self._times, np.float64)
        interval_s = 1 / self._options.samples_per_s
        if duration_s is None:
            duration_s = float(times[-1]) + interval_s if len(times) else 0.0
        quality = quality or Quality(frames_decoded=len(times), frames_sampled=len(times))
        return Observations(
            t_s=times,
            sample_interval_s=interval_s,
            duration_s=duration_s,
            width_px=self._size[1],
            height_px=self._size[0],
            faces=faces,
            views=views,
            quality=replace(
                quality,
                faces_seen=len(faces),
                faces_too_small=int(np.isnan(faces.probs[:, 0]).sum()),
            ),
            model=self._model,
            labels=labels,
        )

    def finish(
        self,
        quality: Quality | None = None,
        duration_s: float | None = None,
        *,
        transcript: Sequence[TranscriptLine] = (),
        roster: Sequence[RosterEntry] = (),
    ) -> CallAnalysis:
        """Score all that was pushed."""
        seen = self.observations(quality, duration_s)
        return assess(seen, self._turns, transcript, roster, self._options.assess)

    def _begin(self, frame: Frame) -> None:
        shape = frame.image.shape
        is_same = frame.offset_s == self._offset_s and shape == self._shape
        starts_segment = self._offset_s is not None and not is_same
        if starts_segment:
            self._layout.start_segment()
        is_resized, self._scale = frame.enlarged != self._scale, frame.enlarged
        self._size = (max(self._size[0], shape[0]), max(self._size[1], shape[1]))
        self._offset_s, self._shape = frame.offset_s, shape
        sample = len(self._times)
        self._times.append(frame.t_s)
        self._enlarged.append(frame.enlarged > 1)
        layout = self._layout.update(frame)
        self._note_view(sample, layout, starts_segment)
        is_new = starts_segment | is_resized
        if not frame.is_repeated or is_new or layout.changed or layout.is_revised:
            self._looks = self._begin_looks(frame, layout, is_new)
        looks = self._looks  # the same picture again shows the same faces
        view = len(self._views) - 1
        if self._labels is not None:
            self._labels.update(sample, view, frame.image, layout)
        self._searching.append(
            _Pending(
                sample, layout, looks, starts_segment, view, frame.offset_s, (shape[1], shape[0])
            )
        )

    def _faces_in(self, image: U8, region: F32 | None) -> list[F32]:
        """Return the faces in a region; the layout asks now and then, and waits for the answer."""
        first = self._followers[0]
        regions = None if region is None else region[None]
        return first.submit(lambda: first.follower.search(image, regions)).result()

    def _note_view(self, sample: int, layout: Layout, starts_segment: bool) -> None:
        last = self._views[-1] if self._views else None
        view = View(
            sample, sample + 1, layout.kind, layout.tiles.copy(), has_video=layout.has_video
        )
        if last is None or starts_segment:
            self._views.append(view)
        elif layout.is_revised:  # the view so far was this kind already
            self._views[-1] = replace(view, start_sample=last.start_sample)
        elif last.kind != layout.kind or layout.changed:
            self._views.append(view)
        else:
            self._views[-1] = replace(last, end_sample=sample + 1)

    def _begin_looks(
        self, frame: Frame, layout: Layout, is_new: bool
    ) -> list[Future[list[_FaceSeen]]]:
        """Have every thread look at its regions; the undivided picture is the first one's.

        Nothing is followed into a picture that `is_new`, in another size or file.

        A thread that has none looks too: it forgets what it followed.
        """
        regions, cuts = layout.regions, layout.region_cuts | is_new
        if regions is None:
            first, *idle = self._followers
            looks = [first.submit(self._look, first, frame, None, cuts, NO_TILES)]
            for thread in idle:
                looks.append(thread.submit(self._look, thread, frame, NO_TILES, cuts[:0], NO_TILES))
            return looks
        turns = np.arange(len(regions)) % len(self._followers)
        return [
            thread.submit(
                self._look,
                thread,
                frame,
                regions[turns == k],
                cuts[turns == k],
                regions[turns != k],
            )
            for k, thread in enumerate(self._followers)
        ]

    def _look(
        self, thread: FollowThread, frame: Frame, regions: F32 | None, cuts: Bools, others: F32
    ) -> list[_FaceSeen]:
        """Find the faces and cut out those worth classifying; runs in that thread."""
        found = thread.follower.look(frame.image, frame.t_s, regions, cuts, others)
        return [_FaceSeen(face, self._crop(frame, face)) for face in found]

    def _crop(self, frame: Frame, face: Detection) -> U8 | None:
        options = self._options
        if face.height_px < options.min_face_px * frame.enlarged:
            return None
        crop = face_crop(frame.image, face, options.crop_px)
        if options.min_sharpness > 0 and sharpness(crop) < options.min_sharpness:
            return None
        return crop

    def _finish_oldest(self) -> None:
        pending = self._searching.popleft()
        seen = [face for look in pending.looks for face in look.result()]
        seen.sort(key=lambda face: (float(face.detection.box[1]), float(face.detection.box[0])))
        detections = [face.detection for face in seen]
        if pending.starts_segment:
            self._tracker = self._new_tracker()
            self._first_track = self._next_track
            self._cameras.start_segment()
        boxes = [face.box for face in detections]
        self._cameras.add(pending.sample, pending.view, pending.layout, boxes)
        found = self._tracker.update(pending.sample, detections, pending.layout)
        tracks = [self._first_track + track for track in found]
        self._next_track = max([self._next_track, *(track + 1 for track in tracks)])
        if self._observer is not None:
            self._not_shown.append(self._seen(pending, tracks, detections))
        self._rows.add(pending.sample, tracks, detections, [face.crop for face in seen])

    def _seen(
        self, pending: _Pending, tracks: Sequence[int], faces: Sequence[Detection]
    ) -> SeenSample:
        order = sorted(range(len(tracks)), key=lambda i: tracks[i])
        return SeenSample(
            sample=pending.sample,
            t_s=self._times[pending.sample],
            offset_s=pending.offset_s,
            size_px=pending.size_px,
            layout=pending.layout,
            tracks=tuple(tracks[i] for i in order),
            boxes=np.array([faces[i].box for i in order], np.float32).reshape(-1, 4),
            confidence=np.array([faces[i].confidence for i in order], np.float32),
            probs=np.zeros((0, 0), np.float32),
        )

    def _show_sample(self, sample: int, probs: F32) -> None:
        seen = self._not_shown.popleft()
        assert seen.sample == sample, "samples come in order"
        assert self._observer is not None
        self._observer.sample(replace(seen, probs=probs))
