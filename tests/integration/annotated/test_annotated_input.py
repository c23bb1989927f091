"""The annotated recording of unusual input: damage, colours, and segments of different sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from bot.annotated.recorder import Recorder
from bot.annotated.running_names import naming_with, nothing_seen
from bot.calls.record import Evidence
from inference.analyzer import AnalyzerOptions
from inference.expression.batch_queue import DeviceQueue
from inference.recording import Segment, observe_recording
from inference.schema.arrays import F32, U8
from inference.schema.observations import Detection
from tests import media
from tests.integration.annotated.conftest import (
    LEFT,
    SIZE,
    TOP,
    Finder,
    annotate,
    packets,
    painted,
    pictures,
)


class ScaledFinder(Finder):
    """Finds the squares in pictures of `SIZE` and in those `scale` times as large."""

    def __init__(self, scale: float) -> None:
        self._scale = scale

    def detect(self, image: U8, regions: Sequence[F32] | F32 | None) -> list[Detection]:
        scale = image.shape[1] / SIZE[0]
        found = super().detect(cv2.resize(image, SIZE), None)
        return [replace(face, box=face.box * np.float32(scale)) for face in found]


@pytest.mark.parametrize("height_px", [270, 720])
def test_colours_of_an_rgb_recording_are_told_as_they_are_written(
    height_px: int, tmp_path: Path, queue: DeviceQueue
) -> None:
    def paint(number: int, width_px: int, height_px: int) -> U8:
        return np.full((height_px, width_px, 3), (200, 30, 40), np.uint8)

    path = media.write_clip(
        tmp_path / "in.mov", seconds=0.2, width_px=480, height_px=height_px, paint=paint,
        codec="png", pix_fmt="rgb24",
    )  # fmt: skip
    made = annotate([path], tmp_path / "out.mp4", queue)
    with av.open(str(made.path)) as container:
        frame = next(container.decode(video=0))
    assert int(frame.colorspace) == (1 if height_px == 720 else 5), "RGB's own is not for YUV"
    image = frame.to_ndarray(format="rgb24", src_colorspace=int(frame.colorspace))
    assert np.abs(image[height_px // 2, 240].astype(int) - (200, 30, 40)).max() < 6


def test_a_damaged_time_far_past_the_end_costs_one_picture(
    tmp_path: Path, queue: DeviceQueue
) -> None:
    whole = media.write_clip(tmp_path / "whole.mp4", seconds=4, audio_s=4, b_frames=0)
    path = tmp_path / "in.ts"
    with av.open(str(whole)) as source, av.open(str(path), "w") as out:
        streams = [out.add_stream_from_template(stream) for stream in source.streams]
        for number, packet in enumerate(p for p in source.demux() if p.size):
            if number == 40 and packet.pts is not None:
                assert packet.stream.type == "video"
                packet.pts += int(900 / packet.time_base)
            packet.stream = streams[packet.stream_index]
            out.mux_one(packet)
    made = annotate([path], tmp_path / "out.mp4", queue)
    times = [float(at) for at, _ in pictures(made.path)]
    assert len(times) == 99
    assert max(times) == pytest.approx(3.96, abs=0.2)


def test_sound_goes_on_after_damage_in_the_middle(tmp_path: Path, queue: DeviceQueue) -> None:
    path = media.write_clip(
        tmp_path / "in.ts", seconds=20, width_px=320, height_px=180, audio_s=20, b_frames=0
    )
    raw = bytearray(path.read_bytes())
    start, end = len(raw) * 40 // 100, len(raw) * 45 // 100
    raw[start:end] = np.random.default_rng(3).bytes(end - start)
    path.write_bytes(raw)
    made = annotate([path], tmp_path / "out.mp4", queue)
    assert float(packets(made.path)[-1][0]) > 19.5
    assert float(list(pictures(made.path))[-1][0]) > 19.5


@pytest.mark.parametrize("second", ["larger", "smaller", "turned"])
def test_boxes_stand_on_the_faces_of_a_segment_of_another_size(
    second: str, tmp_path: Path, queue: DeviceQueue
) -> None:
    clip = media.write_clip(
        tmp_path / "first.mp4", seconds=4, width_px=SIZE[0], height_px=SIZE[1], paint=painted()
    )
    scale = {"larger": 2.0, "smaller": 0.8, "turned": 1.0}[second]
    size = [round(scale * edge) // 2 * 2 for edge in SIZE]
    turned = 90 if second == "turned" else 0

    def paint(number: int, width_px: int, height_px: int) -> U8:
        image = painted(1)(number, *SIZE)
        image = np.rot90(image, -turned // 90) if turned else image
        resized: U8 = cv2.resize(image, (width_px, height_px), interpolation=cv2.INTER_AREA)
        return resized

    other = media.write_clip(
        tmp_path / "other.mp4",
        seconds=3,
        width_px=size[1] if turned else size[0],
        height_px=size[0] if turned else size[1],
        rotation_deg=turned,
        paint=paint,
    )
    options = AnalyzerOptions(read_labels=False)
    recorder = Recorder(
        [clip, other], tmp_path / "o.mp4", naming_with(Evidence(nothing_seen(9.0))),
        options.assess, 2.0,
    )  # fmt: skip
    observe_recording(
        [Segment(clip), Segment(other)], options, queue, model="test-1",
        detector_factory=lambda: ScaledFinder(scale), observer=recorder,
    )  # fmt: skip
    recorder.finish()
    before, after = list(pictures(other)), list(pictures(tmp_path / "o.mp4"))[100:]
    assert len(after) == len(before)
    for number in (20, 50):
        old = cv2.resize(np.ascontiguousarray(before[number][1]), SIZE)
        large = max(1.0, scale)  # the annotated recording is as large as its largest file
        shown = cv2.resize(after[number][1][: round(large * SIZE[1])], SIZE)
        change = np.abs(shown.astype(int) - old).max(axis=2)
        x = LEFT + round(12 * np.sin(number / 9))
        tag = slice(TOP - round(16 / large), TOP - round(8 / large))
        assert np.median(change[tag, x + 6 : x + 32]) > 40, "its tag, above it"
