"""The annotated recording: every picture and every sound packet, boxes on faces, nobody hidden
shown, and no half file under the output's name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from bot.annotated.encoder import AnnotateFailed
from bot.annotated.recorder import Recorder, observer_options
from bot.annotated.redaction import wrongly_shown
from bot.annotated.running_names import naming_with, nothing_seen
from bot.calls.record import Evidence, name_people, score_evidence
from inference.analyzer import AnalyzerOptions
from inference.assess import AssessOptions
from inference.attribution.attribute import Identities
from inference.expression.batch_queue import DeviceQueue
from inference.observer import SeenSample
from inference.recording import Segment, observe_recording
from inference.schema.arrays import F32, U8
from inference.schema.observations import Detection, Observations
from tests import media

BOX = 64
LEFT, TOP, STEP = 40, 60, 190
SIZE = (480, 270)


def painted(faces: int = 2) -> media.Painter:
    """Checkered squares that drift to and fro in a room, which `Finder` takes for faces."""

    def paint(number: int, width_px: int, height_px: int) -> U8:
        wall = np.linspace(60, 130, height_px) + 6 * np.sin(number / 5)
        image = np.broadcast_to(wall[:, None, None], (height_px, width_px, 3)).astype(np.uint8)
        for face in range(faces):
            x = LEFT + face * STEP + round(12 * np.sin(number / 9))
            square = image[TOP : TOP + BOX, x : x + BOX]
            square[:] = 40
            square[::8] = square[:, ::8] = 230
        return image

    return paint


class Finder:
    """Finds the squares by their contrast."""

    def detect(self, image: U8, regions: Sequence[F32] | F32 | None) -> list[Detection]:
        found = []
        for face in range(2):
            start = LEFT + face * STEP - 16
            band = image[TOP : TOP + BOX, start : start + BOX + 32, 0].astype(np.float32)
            columns = np.flatnonzero(band.shape[1] and band.std(axis=0) > 25)
            if len(columns) > BOX // 2:
                x = start + int(columns[0])
                edges = np.array([x, TOP, x + BOX, TOP + BOX], np.float32)
                # The mouth of the first face moves while the first turn lasts.
                found.append(Detection(edges, 0.9, 0.0, 0.0, 0.0, 0.3, 0.1))
        return found

    def refit(self, image: U8, face: Detection) -> Detection | None:
        near = [a for a in self.detect(image, None) if np.abs(a.box - face.box).max() < BOX]
        return near[0] if near else None


def smiling(crops: U8) -> F32:
    probs = np.full((len(crops), 7), 0.02, np.float32)
    probs[:, 3] = 0.88
    return probs


@pytest.fixture(scope="module")
def queue() -> Iterator[DeviceQueue]:
    with DeviceQueue(smiling, max_batch=8, max_wait_s=0.005) as shared:
        yield shared


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "two.mp4"
    return media.write_clip(
        path, seconds=6, width_px=SIZE[0], height_px=SIZE[1], paint=painted(), audio_s=6
    )


@dataclass(frozen=True)
class Made:
    path: Path
    seen: Observations
    recorder: Recorder


def annotate(
    paths: Sequence[Path],
    out: Path,
    queue: DeviceQueue,
    options: AssessOptions | None = None,
    evidence: Evidence | None = None,
    **more: object,
) -> Made:
    options = options or AssessOptions()
    evidence = evidence or Evidence(nothing_seen(60.0))
    recorder = Recorder(paths, out, naming_with(evidence), options, 2.0, **more)  # type: ignore[arg-type]
    try:
        seen = observe_recording(
            [Segment(path) for path in paths],
            observer_options(AnalyzerOptions(read_labels=False, assess=options)),
            queue,
            model="test-1",
            detector_factory=Finder,
            observer=recorder,
        )
        recorder.finish()
    except BaseException:
        recorder.drop()
        raise
    return Made(out, seen, recorder)


def pictures(path: Path) -> Iterator[tuple[Fraction, U8]]:
    """Exact times, and the pictures as shown in RGB."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            assert frame.pts is not None
            assert frame.time_base is not None
            image = frame.to_ndarray(format="rgb24")
            yield (
                frame.pts * frame.time_base,
                np.rot90(image, round(frame.rotation / 90) % 4),
            )


def packets(path: Path) -> list[tuple[Fraction, bytes]]:
    with av.open(str(path)) as container:
        return [
            (packet.pts * packet.time_base, bytes(packet))
            for packet in container.demux(audio=0)
            if packet.size and packet.pts is not None
        ]


def detail(image: U8, face: int) -> float:
    """How much of the checkered square can be seen: mean strength of its edges."""
    x = LEFT + face * STEP
    part = image[TOP + 4 : TOP + BOX - 4, x : x + BOX]
    grey = cv2.cvtColor(np.ascontiguousarray(part), cv2.COLOR_RGB2GRAY)
    return float(np.abs(cv2.Laplacian(grey, cv2.CV_32F)).mean())


def test_every_picture_keeps_its_time_and_the_sound_its_packets(
    clip: Path, tmp_path: Path, queue: DeviceQueue
) -> None:
    made = annotate([clip], tmp_path / "out.mp4", queue)
    before, after = list(pictures(clip)), list(pictures(made.path))
    assert [at for at, _ in after] == [at for at, _ in before]
    assert packets(made.path) == packets(clip)
    height, width = before[0][1].shape[:2]
    assert (width, height) == SIZE
    strip = after[0][1].shape[0] - height
    assert after[0][1].shape[1] == width
    assert 0 < strip <= 0.3 * height
    with made.path.open("rb") as file:
        head = file.read(4096)
    assert head.find(b"moov") < (head.find(b"mdat") % 100_000), "a player may start at once"


def test_boxes_stand_on_the_faces_and_nothing_else_changes(
    clip: Path, tmp_path: Path, queue: DeviceQueue
) -> None:
    made = annotate([clip], tmp_path / "out.mp4", queue)
    for number, ((_, old), (_, new)) in enumerate(
        zip(pictures(clip), pictures(made.path), strict=True)
    ):
        if number % 10:
            continue
        change = np.abs(new[: SIZE[1]].astype(int) - old).max(axis=2)
        drift = round(12 * np.sin(number / 9))
        elsewhere = np.ones(change.shape, np.bool_)
        for face in range(2):
            x = LEFT + face * STEP + drift
            # A line of the box on each side, where it was interpolated to; its tag above it.
            assert change[TOP + 10 : TOP + BOX - 10, x - 4 : x + 8].max() > 40
            elsewhere[TOP - 24 : TOP + BOX + 24, x - 8 : x + 170] = False
        assert np.percentile(change[elsewhere], 99) < 12
    strips = [image[SIZE[1] :] for _, image in pictures(made.path)]
    assert np.abs(strips[-1].astype(int) - strips[5]).max() > 100, "the line went on"


def test_looking_on_changes_nothing_that_is_observed(
    clip: Path, tmp_path: Path, queue: DeviceQueue
) -> None:
    made = annotate([clip], tmp_path / "out.mp4", queue, held_bytes=1)
    alone = observe_recording(
        [Segment(clip)],
        AnalyzerOptions(read_labels=False),
        queue,
        model="test-1",
        detector_factory=Finder,
    )
    np.testing.assert_array_equal(made.seen.t_s, alone.t_s)
    for name in alone.faces.__slots__:
        np.testing.assert_array_equal(
            getattr(made.seen.faces, name), getattr(alone.faces, name), name
        )


def test_with_room_for_few_pictures_none_is_lost(
    clip: Path, tmp_path: Path, queue: DeviceQueue
) -> None:
    made = annotate([clip], tmp_path / "out.mp4", queue, held_bytes=1)
    assert [at for at, _ in pictures(made.path)] == [at for at, _ in pictures(clip)]


@pytest.mark.parametrize("kind", ["uneven", "late", "turned", "odd", "silent", "full range"])
def test_unusual_recordings_keep_their_pictures_and_times(
    kind: str, tmp_path: Path, queue: DeviceQueue
) -> None:
    path = tmp_path / ("in.mkv" if kind == "odd" else "in.mp4")
    named: dict[str, object] = {"seconds": 2.0, "audio_s": 3.0}
    if kind == "uneven":
        named["times"] = media.variable_rate_times(2.0)
    elif kind == "late":
        named["times"] = [1 + at for at in media.steady_times(2.0, 25)]
    elif kind == "turned":
        named["rotation_deg"] = 90
    elif kind == "odd":
        named |= {"codec": "libvpx-vp9", "width_px": 161, "height_px": 121, "audio_s": None}
    elif kind == "silent":
        named["audio_s"] = None
    elif kind == "full range":
        named["pix_fmt"] = "yuvj420p"
    media.write_clip(path, **named)  # type: ignore[arg-type]
    made = annotate([path], tmp_path / "out.mp4", queue)
    before, after = list(pictures(path)), list(pictures(made.path))
    start = before[0][0] if kind in ("odd",) else 0
    assert [float(at) for at, _ in after] == pytest.approx(
        [float(at - start) for at, _ in before], abs=1e-4
    )
    for (_, old), (_, new) in zip(before[::7], after[::7], strict=True):
        height, width = old.shape[:2]
        assert new.shape[1] == width + width % 2
        assert new.shape[0] > height
        assert np.abs(new[:height, :width].astype(int) - old).mean() < 6
    if named["audio_s"] is not None:
        assert packets(made.path) == packets(path)


def test_sound_that_mp4_does_not_hold_is_encoded(tmp_path: Path, queue: DeviceQueue) -> None:
    silent = media.write_clip(tmp_path / "silent.mp4", seconds=2)
    path = tmp_path / "in.mkv"
    tone = (0.3 * np.sin(np.arange(32_000) / 8)).astype(np.float32)
    sound = media.write_sound(tmp_path / "tone.wav", tone[None], codec="pcm_s16le")
    with av.open(str(path), "w") as both, av.open(str(silent)) as a, av.open(str(sound)) as b:
        streams = [both.add_stream_from_template(one.streams[0]) for one in (a, b)]
        for source, stream in zip((a, b), streams, strict=True):
            for packet in source.demux(source.streams[0]):
                if packet.size:
                    packet.stream = stream
                    both.mux_one(packet)
    made = annotate([path], tmp_path / "out.mp4", queue)
    with av.open(str(made.path)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
        heard = sum(frame.samples for frame in container.decode(audio=0))
    assert heard == pytest.approx(32_000, abs=3000)


def test_segments_become_one_recording(clip: Path, tmp_path: Path, queue: DeviceQueue) -> None:
    made = annotate([clip, clip], tmp_path / "out.mp4", queue)
    times = [float(at) for at, _ in pictures(made.path)]
    once = [float(at) for at, _ in pictures(clip)]
    length = made.seen.duration_s / 2
    assert times == pytest.approx([*once, *(length + at for at in once)], abs=1e-3)
    sound = packets(made.path)
    assert len(sound) >= 2 * len(packets(clip)) - 3
    assert np.diff([float(at) for at, _ in sound]).max() < 0.2


# Who may not be scored is hidden.


def test_while_nobody_is_known_every_face_is_hidden_in_every_picture(
    clip: Path, tmp_path: Path, queue: DeviceQueue
) -> None:
    options = AssessOptions(score_own_side=False)
    for held in (256_000_000, 1):
        made = annotate([clip], tmp_path / "out.mp4", queue, options, held_bytes=held)
        clearest = max(detail(old, face) for _, old in pictures(clip) for face in range(2))
        for at, new in pictures(made.path):
            for face in range(2):
                assert detail(new, face) < 0.12 * clearest, f"face {face} at {float(at):.2f} s"
        assert made.recorder.sightings() == ()


def left_is_theirs(seen: Observations) -> tuple[Observations, Identities]:
    """The left face, which is track 0, is a prospect's, any other our own side's."""
    faces, identities = naming_with(Evidence(nothing_seen(8.0)))(seen)
    left = next((tie.participant for tie in identities.attributions if tie.track == 0), -1)
    people = [
        replace(
            person,
            name=f"Nomen {k}",
            key=f"k{k}",
            is_named=True,
            side="prospect" if k == left else "rep",
            confidence=1.0,
        )
        for k, person in enumerate(identities.people)
    ]
    return faces, replace(identities, people=tuple(people))


def hiding(path: Path, out: Path, queue: DeviceQueue) -> tuple[Observations, Recorder]:
    options = AssessOptions(score_own_side=False)
    recorder = Recorder([path], out, left_is_theirs, options, 2.0)
    seen = observe_recording(
        [Segment(path)],
        observer_options(AnalyzerOptions(read_labels=False, assess=options)),
        queue,
        model="test-1",
        detector_factory=Finder,
        observer=recorder,
    )
    recorder.finish()
    return seen, recorder


def test_only_a_known_person_of_the_other_side_is_shown(
    clip: Path, tmp_path: Path, queue: DeviceQueue
) -> None:
    options = AssessOptions(score_own_side=False)
    seen, recorder = hiding(clip, tmp_path / "out.mp4", queue)
    clearest = max(detail(old, 0) for _, old in pictures(clip))
    shown = []
    for at, new in pictures(tmp_path / "out.mp4"):
        assert detail(new, 1) < 0.12 * clearest
        if detail(new, 0) > 0.5 * clearest:
            shown.append(float(at))
    assert 2 < min(shown) < 4, "from when the person was named"
    assert max(shown) - min(shown) > 1
    sightings = recorder.sightings()
    assert {round(at.x * SIZE[0] - LEFT - BOX / 2) // 20 for at in sightings} <= {-1, 0}
    told = name_people(Evidence(seen))
    # The call as a whole does not know who it is: what was shown is not borne out.
    assert wrongly_shown(score_evidence(told, options), sightings) is not None
    assert wrongly_shown(score_evidence(told, AssessOptions()), sightings) is None


def test_somebody_who_sits_down_beside_them_is_hidden_at_once(
    tmp_path: Path, queue: DeviceQueue
) -> None:
    one, both = painted(1), painted(2)

    def joined(number: int, width_px: int, height_px: int) -> U8:
        return (one if number < 130 else both)(number, width_px, height_px)

    path = media.write_clip(
        tmp_path / "in.mp4", seconds=8, width_px=SIZE[0], height_px=SIZE[1], paint=joined
    )
    hiding(path, tmp_path / "out.mp4", queue)
    clearest = max(detail(old, 0) for _, old in pictures(path))
    shown = []
    for at, new in pictures(tmp_path / "out.mp4"):
        assert detail(new, 1) < 0.12 * clearest, f"{float(at):.2f} s"
        shown.append(detail(new, 0) > 0.5 * clearest)
    assert sum(shown) > 50, "the other one is shown before and after"


class Unlooked:
    """An observer that does not get the samples between 3 and 6 s, as if those were damaged."""

    def __init__(self, recorder: Recorder) -> None:
        self.picture, self.between = recorder.picture, recorder.between
        self.stalled, self._recorder = recorder.stalled, recorder

    def sample(self, seen: SeenSample) -> None:
        if not 3 < seen.t_s < 6:
            self._recorder.sample(seen)


def test_pictures_that_nobody_looked_at_are_hidden(tmp_path: Path, queue: DeviceQueue) -> None:
    one, both = painted(1), painted(2)

    def passed_by(number: int, width_px: int, height_px: int) -> U8:
        return (both if 90 <= number < 140 else one)(number, width_px, height_px)

    path = media.write_clip(
        tmp_path / "in.mp4", seconds=8, width_px=SIZE[0], height_px=SIZE[1], paint=passed_by
    )
    options = AssessOptions(score_own_side=False)
    recorder = Recorder([path], tmp_path / "out.mp4", left_is_theirs, options, 2.0)
    observe_recording(
        [Segment(path)], observer_options(AnalyzerOptions(read_labels=False, assess=options)),
        queue, model="test-1", detector_factory=Finder, observer=Unlooked(recorder),
    )  # fmt: skip
    recorder.finish()
    clearest = max(detail(old, 0) for _, old in pictures(path))
    made = [
        (float(at), detail(new, 0), detail(new, 1)) for at, new in pictures(tmp_path / "out.mp4")
    ]
    assert max(right for _, _, right in made) < 0.12 * clearest
    assert all(left > 0.5 * clearest for at, left, _ in made if 6 <= at < 7.4), "then looked at"


# No half file.


def test_a_full_disk_ends_it_with_a_sentence_and_without_a_file(
    clip: Path, tmp_path: Path, queue: DeviceQueue
) -> None:
    long = media.write_clip(tmp_path / "in.mp4", seconds=12, fps=5)
    with pytest.raises(AnnotateFailed, match="no room"):
        annotate([long], tmp_path / "out.mp4", queue, has_room=lambda: False)
    with pytest.raises(AnnotateFailed, match="There is no folder"):
        annotate([clip], tmp_path / "nowhere" / "out.mp4", queue)
    assert not list(tmp_path.glob("out*"))
