"""From a recording to observations: the same from a file and by hand, whole or in segments."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from benchmarks.clip import make_clip
from inference.analyzer import Analyzer, AnalyzerOptions
from inference.errors import Cancelled, InferenceError, UnreadableMedia
from inference.expression.batch_queue import DeviceQueue
from inference.expression.classifier import ExpressionClassifier
from inference.recording import Segment, observe_recording
from inference.schema.arrays import F32, U8
from inference.schema.meeting import SpeakerTurn
from inference.schema.observations import Detection, Frame, Observations
from inference.video.reader import FrameReader
from tests import layouts, media

BOX_PX = 40


def painted(boxes: int, blank: frozenset[int] = frozenset()) -> media.Painter:
    """A painter of checkered squares in a room, which `SquareFinder` takes for faces."""

    def paint(number: int, width_px: int, height_px: int) -> U8:
        # The light goes up and down, as nothing but a camera's picture does.
        wall = np.linspace(60, 130, height_px) + 6 * np.sin(number / 5)
        image = np.broadcast_to(wall[:, None, None], (height_px, width_px, 3)).astype(np.uint8)
        if number in blank:
            return image
        for box in range(boxes):
            x = 8 + box * (BOX_PX + 16)
            square = image[20 : 20 + BOX_PX, x : x + BOX_PX]
            square[:] = 40
            square[::8] = square[:, ::8] = 230 - 40 * box
        return image

    return paint


class SquareFinder:
    """A detector for painted squares; its confidence tells how bright the square is."""

    def __init__(self, size_px: float = BOX_PX) -> None:
        self._size_px = size_px

    def detect(self, image: U8, regions: Sequence[F32] | F32 | None) -> list[Detection]:
        found = []
        for box in range(3):
            x = 8 + box * (BOX_PX + 16)
            patch = image[20 : 20 + BOX_PX, x : x + BOX_PX]
            if patch.size and float(patch.std()) > 20:
                edges = [x, 20, x + self._size_px, 20 + self._size_px]
                found.append(
                    Detection(np.array(edges, np.float32), float(patch.mean()) / 255, yaw_deg=box)
                )
        return found

    def refit(self, image: U8, face: Detection) -> Detection | None:
        return next((f for f in self.detect(image, None) if f.yaw_deg == face.yaw_deg), None)


def by_brightness(crops: U8) -> F32:
    """A classifier whose rows tell how bright the crop was."""
    share = crops.reshape(len(crops), -1).mean(axis=1) / 255
    probs = np.zeros((len(crops), 7), np.float32)
    probs[:, 3], probs[:, 6] = share, 1 - share
    return probs


@pytest.fixture
def queue() -> Iterator[DeviceQueue]:
    with DeviceQueue(by_brightness, max_batch=8, max_wait_s=0.005) as shared:
        yield shared


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds with two squares, none of them in the third second."""
    blank = frozenset(range(50, 75))
    path = tmp_path_factory.mktemp("clip") / "two.mp4"
    return media.write_clip(path, seconds=6, paint=painted(2, blank), audio_s=6)


def observe(
    paths: Sequence[Path],
    queue: DeviceQueue,
    options: AnalyzerOptions | None = None,
    size_px: float = BOX_PX,
    **named: object,
) -> Observations:
    segments = [Segment(path) for path in paths]
    return observe_recording(
        segments,
        options or AnalyzerOptions(),
        queue,
        model="test-1",
        detector_factory=lambda: SquareFinder(size_px),
        **named,  # type: ignore[arg-type]
    )


def assert_same(a: Observations, b: Observations) -> None:
    np.testing.assert_array_equal(a.t_s, b.t_s)
    for name in a.faces.__slots__:
        np.testing.assert_array_equal(getattr(a.faces, name), getattr(b.faces, name), name)
    assert [(v.start_sample, v.end_sample, v.kind) for v in a.views] == [
        (v.start_sample, v.end_sample, v.kind) for v in b.views
    ]


def own_threads() -> list[str]:
    names = (thread.name for thread in threading.enumerate())
    return [name for name in names if name.startswith(("decode-", "detect"))]


def test_what_a_recording_shows_becomes_columns(clip: Path, queue: DeviceQueue) -> None:
    seen = observe([clip], queue)
    assert len(seen.t_s) == 12
    assert list(seen.faces.sample) == [s for s in range(12) if s not in (4, 5) for _ in range(2)]
    assert (seen.width_px, seen.height_px) == (192, 96)
    assert seen.duration_s == pytest.approx(6, abs=0.1)
    assert seen.quality.faces_seen == 20
    assert seen.quality.faces_too_small == 0
    assert seen.quality.has_audio
    assert seen.model == "test-1"
    np.testing.assert_allclose(seen.faces.probs.sum(axis=1), 1, atol=1e-6)
    assert seen.views[0].start_sample == 0
    assert seen.views[-1].end_sample == 12
    assert not own_threads()


def test_probabilities_belong_to_the_face_in_their_row(clip: Path, queue: DeviceQueue) -> None:
    faces = observe([clip], queue).faces
    bright, dark = faces.probs[faces.yaw_deg == 0, 3], faces.probs[faces.yaw_deg == 1, 3]
    assert bright.min() > dark.max()
    for sample in set(faces.sample.tolist()):
        tracks = faces.track[faces.sample == sample]
        assert list(tracks) == sorted(tracks)


def test_a_file_and_the_same_pictures_pushed_by_hand_give_the_same(
    clip: Path, queue: DeviceQueue
) -> None:
    from_file = observe([clip], queue)
    frames = list(FrameReader(clip))
    with Analyzer(AnalyzerOptions(), queue, model="test-1", detector_factory=SquareFinder) as by:
        for start in range(0, len(frames), 5):
            by.push(frames[start : start + 5])
            by.observations()  # a look in between changes nothing
        pushed = by.observations(from_file.quality, from_file.duration_s)
        by.push_turns([SpeakerTurn(0, 3, "Ada")])
        analysis = by.finish(from_file.quality, from_file.duration_s)
    assert_same(from_file, pushed)
    assert analysis.turns[0].speaker == "Ada"
    assert analysis.duration_s == from_file.duration_s


def test_more_detection_threads_change_nothing(clip: Path, queue: DeviceQueue) -> None:
    one, three = (observe([clip], queue, AnalyzerOptions(detectors=n)) for n in (1, 3))
    assert_same(one, three)


def test_segments_are_laid_end_to_end_and_tracks_end_between_them(
    clip: Path, queue: DeviceQueue
) -> None:
    alone, both = observe([clip], queue), observe([clip, clip], queue)
    assert both.duration_s == pytest.approx(2 * alone.duration_s)
    np.testing.assert_allclose(
        both.t_s, np.concatenate([alone.t_s, alone.t_s + alone.duration_s]), atol=1e-6
    )
    is_first = both.faces.sample < 12
    assert not set(both.faces.track[is_first]) & set(both.faces.track[~is_first])
    assert any(view.start_sample == 12 for view in both.views)
    assert both.quality.frames_sampled == 24


def test_faces_too_small_are_seen_but_not_classified(clip: Path, queue: DeviceQueue) -> None:
    seen = observe([clip], queue, AnalyzerOptions(min_face_px=30), size_px=20)
    assert seen.quality.faces_too_small == seen.quality.faces_seen == 20
    assert np.isnan(seen.faces.probs).all()


def test_blurred_faces_are_seen_but_not_classified(clip: Path, queue: DeviceQueue) -> None:
    seen = observe([clip], queue, AnalyzerOptions(min_sharpness=1e9))
    assert seen.quality.faces_too_small == 20
    assert np.isnan(seen.faces.probs).all()


def test_a_recording_without_faces_gives_empty_columns(tmp_path: Path, queue: DeviceQueue) -> None:
    path = media.write_clip(tmp_path / "empty.mp4", seconds=2, paint=painted(0))
    seen = observe([path], queue)
    assert (len(seen.t_s), len(seen.faces), seen.faces.probs.shape) == (4, 0, (0, 7))


def test_progress_goes_up_to_one_and_says_where_it_is(clip: Path, queue: DeviceQueue) -> None:
    told: list[tuple[float, str]] = []
    observe([clip], queue, progress=lambda share, text: told.append((share, text)))
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert told[0][1] == "00:00 of 00:06 seen"


def test_the_stop_flag_ends_the_analysis_and_its_threads(clip: Path, queue: DeviceQueue) -> None:
    stop = threading.Event()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        observe([clip] * 20, queue, progress=lambda share, text: stop.set(), stop=stop)
    assert time.monotonic() - began < 3
    assert not own_threads()


class Looker:
    """A detector that sees a face in the middle of every region, and notes the regions."""

    def __init__(self) -> None:
        self.seen: list[F32 | None] = []

    def detect(self, image: U8, regions: Sequence[F32] | F32 | None) -> list[Detection]:
        self.seen.append(None if regions is None else np.stack([*regions]))
        middles = [(np.asarray(r[:2]) + r[2:]) / 2 for r in ([] if regions is None else regions)]
        return [
            Detection(np.concatenate([m - 20, m + 20]).astype(np.float32), 0.9) for m in middles
        ]

    def refit(self, image: U8, face: Detection) -> Detection | None:
        return None


def looked_at(
    paint: Callable[[int], U8], count: int, queue: DeviceQueue
) -> tuple[Looker, Observations]:
    """Push so many pictures, two a second."""
    looker = Looker()
    options = AnalyzerOptions(detectors=1, read_labels=False, search_every_s=0)
    pictures = layouts.through_h264([paint(k) for k in range(count)])
    with Analyzer(options, queue, model="test-1", detector_factory=lambda: looker) as analyzer:
        analyzer.push(Frame(k, Fraction(1, 2), picture) for k, picture in enumerate(pictures))
        return looker, analyzer.observations()


def test_a_tile_without_video_is_shown_but_not_searched(queue: DeviceQueue) -> None:
    boxes = layouts.grid_boxes(640, 360, 4, 4, 4)
    cameras = [layouts.Camera(k, k, is_off=k == 1) for k in range(4)]
    looker, seen = looked_at(
        lambda k: layouts.paint_tiles(640, 360, boxes, cameras, k / 2), 6, queue
    )
    assert [len(regions) for regions in looker.seen if regions is not None] == [3] * 6
    assert [view.kind for view in seen.views] == ["gallery"]
    assert seen.views[0].has_video.tolist() == [True, False, True, True]
    assert sorted(seen.views[0].cameras.tolist()) == [0, 1, 2, 3]


def test_how_many_threads_look_changes_nothing(queue: DeviceQueue) -> None:
    boxes = layouts.grid_boxes(640, 360, 5, 4, 3)
    cameras = [layouts.Camera(k, k) for k in range(5)]
    pictures = layouts.through_h264(
        [layouts.paint_tiles(640, 360, boxes, cameras, k / 2) for k in range(8)]
    )
    seen = []
    for detectors in (1, 2, 3, 8):
        options = AnalyzerOptions(detectors=detectors, read_labels=False)
        with Analyzer(options, queue, model="test-1", detector_factory=Looker) as analyzer:
            analyzer.push(Frame(k, Fraction(1, 2), picture) for k, picture in enumerate(pictures))
            seen.append(analyzer.observations().faces)
    assert len(seen[0]) == 5 * 8
    for other in seen[1:]:
        for name in other.__slots__:
            np.testing.assert_array_equal(getattr(other, name), getattr(seen[0], name))


def test_a_shared_screen_is_looked_at_once_for_a_thumbnail_and_no_face_on_it_counts(
    queue: DeviceQueue,
) -> None:
    looker, seen = looked_at(lambda k: layouts.paint_slide(k // 3, 640, 360), 6, queue)
    assert looker.seen == [None]
    assert len(seen.faces) == 0
    assert {view.kind for view in seen.views} == {"share"}
    assert all(len(view.tiles) == len(view.cameras) == 0 for view in seen.views)


def test_what_proves_to_be_a_screen_shows_no_participants_face(queue: DeviceQueue) -> None:
    boxes = layouts.strip_boxes(640, 360, 3, 4, "right")
    x0, y0, x1, y1 = boxes[0]
    cameras = [layouts.Camera(k, k) for k in range(4)]

    def paint(k: int) -> U8:
        picture = layouts.paint_tiles(640, 360, boxes, cameras, k / 2)
        picture[y0:y1, x0:x1] = layouts.room(77, x1 - x0, y1 - y0)
        return picture

    looker, seen = looked_at(paint, 12, queue)
    assert looker.seen[0] is not None
    assert len(looker.seen[0]) == 4  # not yet known
    assert [(view.kind, len(view.tiles)) for view in seen.views] == [("share", 3)]
    assert (seen.faces.box[:, 0] > x1).all()


class Broken:
    """A detector that fails at its third picture."""

    def __init__(self) -> None:
        self._pictures = 0

    def detect(self, image: U8, regions: Sequence[F32] | F32 | None) -> list[Detection]:
        self._pictures += 1
        if self._pictures == 3:
            raise InferenceError("the detector broke")
        return []

    def refit(self, image: U8, face: Detection) -> Detection | None:
        return None


def test_an_error_in_a_thread_reaches_the_caller(clip: Path, queue: DeviceQueue) -> None:
    with pytest.raises(InferenceError, match="the detector broke"):
        observe_recording(
            [Segment(clip)], AnalyzerOptions(), queue, model="test-1", detector_factory=Broken
        )
    assert not own_threads()


def test_an_error_of_the_classifier_reaches_the_caller(clip: Path) -> None:
    def fails(crops: U8) -> F32:
        raise InferenceError("the network broke")

    with DeviceQueue(fails) as broken, pytest.raises(InferenceError, match="the network broke"):
        observe([clip], broken)
    assert not own_threads()


def test_a_segment_that_is_no_recording_is_named(
    clip: Path, tmp_path: Path, queue: DeviceQueue
) -> None:
    page = media.html_in_disguise(tmp_path / "second.mp4")
    with pytest.raises(UnreadableMedia, match=r"second\.mp4"):
        observe([clip, page], queue)


@pytest.fixture(scope="module")
def real() -> Callable[[Path], Observations]:
    classifier = ExpressionClassifier.load()

    def look(path: Path) -> Observations:
        with DeviceQueue(classifier.classify) as device:
            return observe_recording(
                [Segment(path)], AnalyzerOptions(), device, model=classifier.name
            )

    return look


def test_four_faces_of_a_gallery_are_found_followed_and_classified(
    real: Callable[[Path], Observations], tmp_path: Path
) -> None:
    seen = real(make_clip(tmp_path / "gallery.mp4", 1.1))
    assert [view.kind for view in seen.views] == ["gallery"]
    assert len(seen.faces) == 12
    assert len(set(seen.faces.track.tolist())) == 4
    astronaut = (seen.faces.box[:, 0] > 640) & (seen.faces.box[:, 1] < 360)
    assert seen.faces.probs[astronaut, 3].min() > 0.5  # she smiles
    assert np.isfinite(seen.faces.yaw_deg).all()


def test_a_picture_of_one_pixel_has_no_faces(
    real: Callable[[Path], Observations], tmp_path: Path
) -> None:
    def grey(number: int, width_px: int, height_px: int) -> U8:
        return np.full((height_px, width_px, 3), 90, np.uint8)

    path = media.write_clip(
        tmp_path / "dot.mkv", width_px=1, height_px=1, codec="ffv1", pix_fmt="yuv444p", paint=grey
    )
    seen = real(path)
    assert (len(seen.t_s), len(seen.faces)) == (4, 0)


def test_a_face_that_is_gone_for_seconds_stays_one_at_every_rate(
    tmp_path: Path, queue: DeviceQueue
) -> None:
    away = frozenset(range(50, 175))  # 5 s
    path = media.write_clip(tmp_path / "away.mp4", seconds=9, paint=painted(1, away))
    for samples_per_s in (2.0, 5.0):
        seen = observe([path], queue, AnalyzerOptions(samples_per_s, read_labels=False))
        assert set(seen.faces.track.tolist()) == {0}, samples_per_s
