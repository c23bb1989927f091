"""Measure what analysing a recording costs, compared with only decoding it, and its memory use.

    python -m benchmarks.recording              # speed; clips are made first (some minutes)
    python -m benchmarks.recording --case four-2 --case tiles-1 --seconds 40
    python -m benchmarks.recording --faces litert mediapipe   # both backends, taking turns
    python -m benchmarks.recording --memory     # peak memory, 10 minutes and 3 hours (slow)

Decoding alone and the whole analysis alternate in one process, so that both see the same machine.
"Alone" is PyAV with thread_type AUTO, every frame, no conversion. CPU seconds are printed next to
wall-clock seconds: on a shared machine, they are the steadier figure. The ratio is the median over
the rounds, each relative to the decoding just before it.
"""

from __future__ import annotations

import argparse
import functools
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import av
import numpy as np

from benchmarks.clip import FOUR, TWENTY_FIVE, Grid, make_clip, repeat_clip
from inference.analyzer import AnalyzerOptions
from inference.expression.batch_queue import DeviceQueue
from inference.expression.classifier import ExpressionClassifier
from inference.faces.detector import DetectOptions, FaceDetector
from inference.faces.face_models import Backend
from inference.recording import Segment, observe_recording
from inference.schema.observations import Observations
from inference.video.reader import probe

STAGES = (
    ("av:", "decoding by threads of libav"),
    ("decode-", "sampling, RGB; decoding if by one thread"),
    ("detect", "faces: all of it; models, if MediaPipe, not"),
    ("mediapipe", "faces: models, if MediaPipe"),
    ("device-queue", "expression network"),
    ("MainThread", "layout, tracks, columns"),
)
_READ_EVERY_S = 0.05
_SHORT_MIN, _LONG_MIN = 10, 180


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the table: a clip, its sampling rate, and the target ratio."""

    name: str
    text: str
    samples_per_s: float
    goal: float | None = None
    grid: Grid = FOUR
    b_frames: int = 0


CASES = (
    Case("four-2", "four faces, 720p, 2 samples/s", 2, 1.5),
    Case("four-2-b", "the same with two B-pictures", 2, 1.5, b_frames=2),
    Case("four-5", "four faces, 720p, 5 samples/s", 5, 2.0),
    Case("tiles-1", "25 tiles, 1080p, 1 sample/s", 1, 2.0, TWENTY_FIVE),
)


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one run, per minute of the recording."""

    wall_s: float
    cpu_s: float
    stages: dict[str, float]
    faces: float = 0.0
    """Faces seen per minute of the recording."""


@dataclass(frozen=True, slots=True)
class Row:
    """The result of a case with one backend: medians over the rounds."""

    case: Case
    backend: Backend
    alone: Cost
    whole: Cost
    clock_ratio: float
    cpu_ratio: float


def main() -> None:
    """Parse the command line and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clip", type=Path, help="a recording of your own; by default one is made")
    parser.add_argument("--samples-per-s", type=float, default=2, help="with --clip")
    parser.add_argument("--case", action="append", choices=[case.name for case in CASES])
    parser.add_argument("--seconds", type=float, default=120, help="length of the clips made")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--detectors", type=int, default=AnalyzerOptions().detectors)
    parser.add_argument(
        "--search-every",
        type=float,
        metavar="S",
        default=AnalyzerOptions().search_every_s,
        help="seconds that a tile goes without a search; 0: faces are not followed",
    )
    parser.add_argument(
        "--faces",
        nargs="+",
        choices=get_args(Backend),
        default=["litert"],
        help="what runs the face models; several take turns",
    )
    parser.add_argument("--no-labels", action="store_true", help="leave out reading names")
    parser.add_argument("--memory", action="store_true", help="measure memory instead of speed")
    parser.add_argument("--long-min", type=int, default=_LONG_MIN, help="of the long recording")
    parser.add_argument("--peak-of", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.peak_of is not None:
        analyse(given.peak_of, AnalyzerOptions(detectors=given.detectors))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if given.memory:
            clip = given.clip or make_clip(folder / "clip.mp4", given.seconds)
            compare_memory(clip, folder, given.long_min)
            return
        cases = [case for case in CASES if not given.case or case.name in given.case]
        if given.clip is not None:
            cases = [Case("own", given.clip.name, given.samples_per_s)]
        for backend in given.faces:
            load_models(backend)
        rows: list[Row] = []
        for case in cases:
            clip = given.clip or folder / f"{case.name}.mp4"
            if given.clip is None:
                make_clip(clip, given.seconds, grid=case.grid, b_frames=case.b_frames)
            options = AnalyzerOptions(
                samples_per_s=case.samples_per_s,
                detectors=given.detectors,
                search_every_s=given.search_every,
                read_labels=not given.no_labels,
            )
            rows += compare_speed(clip, case, options, given.faces, given.repeats)
        print_table(rows, given.repeats)


def load_models(backend: Backend = "litert") -> None:
    """Load what is loaded once per process, and print how long that takes."""
    began = time.perf_counter()
    with FaceDetector(DetectOptions(backend=backend)) as detector:
        detector.detect(np.zeros((64, 64, 3), np.uint8), None)
    took_s = time.perf_counter() - began
    print(f"{backend} loads in {took_s:.1f} s, once per process: not counted")


def compare_speed(
    clip: Path, case: Case, options: AnalyzerOptions, backends: list[Backend], repeats: int
) -> list[Row]:
    """Return the costs of decoding alone and of the whole analysis, measured alternately."""
    minutes = (probe(clip).duration_s or 0) / 60
    turns: dict[Backend, list[tuple[Cost, Cost]]] = {backend: [] for backend in backends}
    for turn in range(repeats):
        # The order alternates, so that neither always comes second.
        for backend in backends if turn % 2 else reversed(backends):
            own = replace(options, face_backend=backend)
            alone = measure(functools.partial(decode_alone, clip), minutes)
            whole = measure(functools.partial(count_faces, clip, own), minutes)
            turns[backend].append((alone, whole))
    return [row_of(case, backend, pairs) for backend, pairs in turns.items()]


def row_of(case: Case, backend: Backend, pairs: list[tuple[Cost, Cost]]) -> Row:
    """Return the medians over the rounds: decoding alone, and the whole analysis after it."""
    alone, whole = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return Row(
        case,
        backend,
        typical(alone),
        typical(whole),
        statistics.median(w.wall_s / a.wall_s for a, w in pairs),
        statistics.median(w.cpu_s / a.cpu_s for a, w in pairs),
    )


def typical(costs: list[Cost]) -> Cost:
    """Return the median of each figure."""
    stages = sorted({name for cost in costs for name in cost.stages})
    return Cost(
        statistics.median(cost.wall_s for cost in costs),
        statistics.median(cost.cpu_s for cost in costs),
        {name: statistics.median(cost.stages.get(name, 0) for cost in costs) for name in stages},
        statistics.median(cost.faces for cost in costs),
    )


def print_table(rows: list[Row], repeats: int) -> None:
    """Print ratios, then each stage's CPU seconds per video minute and milliseconds per face."""
    print(f"{os.cpu_count()} cores, {repeats} turns, medians; seconds per minute of video")
    print(f"{'':44}{'alone':>15}{'whole':>15}{'ratio':>13}{'goal':>7}{'faces':>7}")
    print(f"{'':44}" + f"{'clock':>8}{'CPU':>7}" * 2 + f"{'clock':>7}{'CPU':>6}")
    for row in rows:
        goal = f"{row.case.goal:7.1f}" if row.case.goal else " " * 7
        times = "".join(f"{cost.wall_s:8.2f}{cost.cpu_s:7.2f}" for cost in (row.alone, row.whole))
        ratios = f"{row.clock_ratio:7.2f}{row.cpu_ratio:6.2f}"
        text = f"{row.case.text} {row.backend}"
        print(f"{text:44}{times}{ratios}{goal}{row.whole.faces:7.0f}")
    for row in rows:
        print(f"{row.case.text}, {row.backend}: CPU by stage")
        for name, cpu_s in sorted(row.whole.stages.items(), key=lambda item: -item[1]):
            each = f"{1000 * cpu_s / row.whole.faces:8.2f} ms a face" if row.whole.faces else ""
            print(f"  {name:42}{cpu_s:8.2f} s{each}")


def compare_memory(clip: Path, folder: Path, long_min: int) -> None:
    """Print the peak memory of a process that analyses 10 minutes, and of one for a long clip."""
    minutes = (probe(clip).duration_s or 0) / 60
    peaks = []
    for length in (_SHORT_MIN, long_min):
        path = repeat_clip(clip, folder / f"{length}.mp4", round(length / minutes))
        command = [sys.executable, "-m", "benchmarks.recording", "--peak-of", str(path)]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        peaks.append(float(told.split()[-1]))
        print(f"{length:4d} min: peak {peaks[-1]:.0f} MiB", flush=True)
        path.unlink()
    print(f"difference {peaks[1] / peaks[0] - 1:+.1%}")


def decode_alone(path: Path) -> int:
    """Decode every frame without looking at it; return 0 faces."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for _ in container.decode(stream):
            pass
    return 0


def count_faces(path: Path, options: AnalyzerOptions) -> int:
    """Return how many faces the analysis of a recording saw."""
    return len(analyse(path, options).faces)


def analyse(path: Path, options: AnalyzerOptions) -> Observations:
    """Process a recording as the service does, up to the observations."""
    classifier = ExpressionClassifier.load(threads=1)
    with DeviceQueue(classifier.classify) as queue:
        return observe_recording([Segment(path)], options, queue, model=classifier.name)


def measure(work: Callable[[], int], minutes: float) -> Cost:
    """Run a function that returns how many faces it saw; return the cost, by stage if the
    thread's name identifies one."""
    ended = threading.Event()
    last: dict[int, tuple[str, float]] = {}
    before = {thread: seconds for thread, (_, seconds) in _thread_times().items()}

    def read_times() -> None:
        while not ended.wait(_READ_EVERY_S):
            last.update(_thread_times())
        reading.append(time.thread_time())

    reading: list[float] = []
    reader = threading.Thread(target=read_times, name="times")
    reader.start()
    began, cpu = time.perf_counter(), time.process_time()
    faces = work()
    wall_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    ended.set()
    reader.join()
    stages: defaultdict[str, float] = defaultdict(float)
    for thread, (name, seconds) in last.items():
        if thread == reader.native_id:
            continue
        stages[name] += (seconds - before.get(thread, 0.0)) / minutes
    return Cost(wall_s / minutes, (cpu_s - reading[0]) / minutes, dict(stages), faces / minutes)


def _thread_times() -> dict[int, tuple[str, float]]:
    """Return the stage and CPU seconds of every thread here, even native ones (Linux)."""
    named = {thread.native_id: thread.name for thread in threading.enumerate()}
    ticks = os.sysconf("SC_CLK_TCK")
    times = {}
    for task in Path("/proc/self/task").iterdir():
        try:
            name, _, rest = (task / "stat").read_text().partition(") ")
        except OSError:  # the thread ended meanwhile
            continue
        thread = int(task.name)
        called = named.get(thread) or name.partition("(")[2]
        stage = next((stage for key, stage in STAGES if called.startswith(key)), "other threads")
        fields = rest.split()
        times[thread] = (stage, (int(fields[11]) + int(fields[12])) / ticks)
    return times


if __name__ == "__main__":
    main()
