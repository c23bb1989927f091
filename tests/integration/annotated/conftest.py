"""Clips of painted faces, what finds them, and how a test annotates and reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from bot.annotated.recorder import Recorder, observer_options
from bot.annotated.running_names import naming_with, nothing_seen
from bot.calls.record import Evidence
from inference.analyzer import AnalyzerOptions
from inference.assess import AssessOptions
from inference.expression.batch_queue import DeviceQueue
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
