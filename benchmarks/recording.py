"""What the analysis of a recording costs beside decoding it alone, and how much memory it takes.

    python -m benchmarks.recording              # speed: a 2-minute clip is made first (a minute)
    python -m benchmarks.recording --memory     # peak memory, 10 minutes beside 3 hours (long)

Decoding alone and the whole analysis take turns in one process, so that both meet the same
machine. "Alone" is PyAV with thread_type AUTO, every picture, no conversion. CPU seconds stand
beside the clock's: on a machine that others use, they are the steadier figure.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from benchmarks.clip import make_clip, repeat_clip
from inference.analyzer import AnalyzerOptions, Segment, observe_recording
from inference.batching import DeviceQueue
from inference.decode import probe
from inference.detect import MediaPipeDetector
from inference.expression.classifier import ExpressionClassifier
from inference.types import Observations

STAGES = (
    ("av:", "decoding (libav's threads)"),
    ("decode-", "sampling, conversion to RGB"),
    ("detect", "faces: shrinking, cutting out, crops"),
    ("mediapipe", "faces: detection and landmark models"),
    ("device-queue", "expression network"),
    ("MainThread", "layout, tracks, columns"),
)
_READ_EVERY_S = 0.05
_SHORT_MIN, _LONG_MIN = 10, 180


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took, per minute of the recording."""

    wall_s: float
    cpu_s: float
    stages: dict[str, float]


def main() -> None:
    """Parse the command line and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clip", type=Path, help="a recording of your own; by default one is made")
    parser.add_argument("--seconds", type=float, default=120, help="length of the clip made")
    parser.add_argument("--b-frames", type=int, default=0, help="of the clip made")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--detectors", type=int, default=AnalyzerOptions().detectors)
    parser.add_argument("--memory", action="store_true", help="measure memory instead of speed")
    parser.add_argument("--long-min", type=int, default=_LONG_MIN, help="of the long recording")
    parser.add_argument("--peak-of", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    options = AnalyzerOptions(detectors=given.detectors)
    if given.peak_of is not None:
        analyse(given.peak_of, options)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    with tempfile.TemporaryDirectory() as folder:
        clip = given.clip
        if clip is None:
            clip = make_clip(Path(folder) / "clip.mp4", given.seconds, b_frames=given.b_frames)
        if given.memory:
            compare_memory(clip, Path(folder), given.long_min)
        else:
            compare_speed(clip, options, given.repeats)


def compare_speed(clip: Path, options: AnalyzerOptions, repeats: int) -> None:
    """Print what decoding alone and the whole analysis cost, taking turns."""
    minutes = (probe(clip).duration_s or 0) / 60
    began = time.perf_counter()
    with MediaPipeDetector() as detector:
        detector.detect(np.zeros((64, 64, 3), np.uint8), None)
    print(f"MediaPipe loads in {time.perf_counter() - began:.1f} s, once per process: not counted")
    alone, whole = [], []
    for _ in range(repeats):
        alone.append(measure(lambda: decode_alone(clip), minutes))
        whole.append(measure(lambda: analyse(clip, options), minutes))
    print(f"{clip.name}, {minutes:.1f} min, {os.cpu_count()} cores, {repeats} repeats, medians")
    print(f"{'per video-minute':40}{'clock':>9}{'CPU':>9}")
    walls, cpus = (
        [statistics.median(getattr(cost, kind) for cost in costs) for costs in (alone, whole)]
        for kind in ("wall_s", "cpu_s")
    )
    print(f"{'decoding alone':40}{walls[0]:8.2f}s{cpus[0]:8.2f}s")
    print(f"{'whole analysis':40}{walls[1]:8.2f}s{cpus[1]:8.2f}s")
    print(f"{'ratio':40}{walls[1] / walls[0]:8.2f} {cpus[1] / cpus[0]:8.2f}")
    print("CPU seconds by stage, per video-minute")
    for name in sorted({name for cost in whole for name in cost.stages}):
        print(f"  {name:38}{statistics.median(c.stages.get(name, 0) for c in whole):17.2f}s")


def compare_memory(clip: Path, folder: Path, long_min: int) -> None:
    """Print the peak memory of a process that analyses 10 minutes, and of one with hours."""
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


def decode_alone(path: Path) -> None:
    """Decode every picture and look at none."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for _ in container.decode(stream):
            pass


def analyse(path: Path, options: AnalyzerOptions) -> Observations:
    """Do what the service does with a recording, up to the observations."""
    classifier = ExpressionClassifier.load(threads=1)
    with DeviceQueue(classifier.classify) as queue:
        return observe_recording([Segment(path)], options, queue, model=classifier.name)


def measure(work: Callable[[], object], minutes: float) -> Cost:
    """Run something and give what it took, by stage where the thread's name tells."""
    ended = threading.Event()
    last: dict[int, tuple[str, float]] = {}
    before = {thread: seconds for thread, (_, seconds) in _thread_times().items()}

    def watch() -> None:
        while not ended.wait(_READ_EVERY_S):
            last.update(_thread_times())

    watcher = threading.Thread(target=watch, name="watch")
    watcher.start()
    began, cpu = time.perf_counter(), time.process_time()
    work()
    wall_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    ended.set()
    watcher.join()
    stages: Counter[str] = Counter()
    for thread, (name, seconds) in last.items():
        stages[name] += (seconds - before.get(thread, 0.0)) / minutes
    return Cost(wall_s / minutes, cpu_s / minutes, dict(stages))


def _thread_times() -> dict[int, tuple[str, float]]:
    """Stage and CPU seconds of every thread of this process, native ones too (Linux)."""
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
