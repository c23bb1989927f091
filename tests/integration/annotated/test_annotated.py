"""The annotated recording: every picture and every sound packet, boxes on faces, and no half file
under the output's name."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from bot.annotated.encoder import AnnotateFailed
from inference.analyzer import AnalyzerOptions
from inference.expression.batch_queue import DeviceQueue
from inference.recording import Segment, observe_recording
from tests import media
from tests.integration.annotated.conftest import (
    BOX,
    LEFT,
    SIZE,
    STEP,
    TOP,
    Finder,
    annotate,
    packets,
    pictures,
)


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
