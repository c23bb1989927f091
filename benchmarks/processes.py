"""Measure what analysing calls in a process of their own costs, in time and in memory.

    python -m benchmarks.processes                  # four faces, 720p; a clip is made first
    python -m benchmarks.processes --seconds 120 --repeats 5

Both ways alternate over the same clip, in a process and in its child; each has loaded its models
before. CPU seconds are those of both processes together. On a shared machine, they are the steadier
figure. Memory is that of the child alone (USS) and what it has resident (RSS), at its most.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import psutil

from benchmarks.clip import make_clip
from bot.analysis.job import Analysis, AnalysisInProcess, AnalysisResources
from bot.analysis.processes import AnalysisProcesses
from bot.analysis.recording_job import AnalyseRecording
from bot.calls.manifest import Manifest, SegmentFiles, write_manifest
from bot.settings import AnalysisSettings, Settings
from inference.expression.batch_queue import DeviceQueue
from inference.expression.classifier import ExpressionClassifier
from storage.files import MediaFiles

CALL = "benchmark"
LOOK_EVERY_S = 0.2


def main() -> None:
    """Parse the command line and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60, help="length of the clip made")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            _env_file=None, data_dir=Path(folder), analysis=AnalysisSettings(device="cpu")
        )
        files = MediaFiles(Path(folder) / "calls")
        video = make_clip(files.media_path(CALL, "video.mp4"), given.seconds)
        segment = SegmentFiles(video=files.relative(video), start_at=datetime.now(UTC))
        write_manifest(files, CALL, Manifest((segment,)))
        compare(settings, files, given.repeats)


def compare(settings: Settings, files: MediaFiles, repeats: int) -> None:
    """Analyse the call in this process and in a child, by turns, and print the medians."""
    classifier = ExpressionClassifier.load(device="cpu", threads=1)
    processes = AnalysisProcesses(settings, files)
    processes.start()
    with DeviceQueue(classifier.classify) as queue:
        here = AnalysisInProcess(AnalysisResources(files, queue, classifier.name))
        ways: dict[str, Analysis] = {"in process": here, "in a child": processes}
        for analysis in ways.values():  # Models of faces and names are loaded by the first call.
            analyse(analysis, settings)
        costs: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for turn in range(repeats):
            for name in list(ways)[:: 1 if turn % 2 else -1]:
                costs[name].append(measure(partial(analyse, ways[name], settings)))
        with watched_memory() as peak:  # by itself: looking takes time
            analyse(processes, settings)
        processes.close()
    for name, each in costs.items():
        wall_s, cpu_s = (statistics.median(values) for values in zip(*each, strict=True))
        print(f"{name:12} {wall_s:7.2f} s {cpu_s:7.2f} CPU s")
    ratio = statistics.median(
        child / own
        for (_, own), (_, child) in zip(costs["in process"], costs["in a child"], strict=True)
    )
    print(f"CPU {ratio - 1:+.1%}; the child's memory: {peak['uss']} MiB alone, {peak['rss']} MiB")


def analyse(analysis: Analysis, settings: Settings) -> None:
    """Analyse the call once."""
    analysis.run(AnalyseRecording(CALL, settings), lambda share, text: None, threading.Event())


def measure(work: Callable[[], None]) -> tuple[float, float]:
    """Return the seconds that something takes: by the clock, and of this process and children."""
    cpu_s, began = -cpu_seconds(), time.perf_counter()
    work()
    return time.perf_counter() - began, cpu_s + cpu_seconds()


def cpu_seconds() -> float:
    """Return the CPU seconds so far of this process and its children that run."""
    own = psutil.Process()
    return sum(sum(p.cpu_times()[:2]) for p in (own, *own.children()))


@contextmanager
def watched_memory() -> Iterator[dict[str, int]]:
    """Note the most memory, in MiB, that any child takes meanwhile."""
    peak = {"uss": 0, "rss": 0}
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(LOOK_EVERY_S):
            for child in psutil.Process().children():
                memory = child.memory_full_info()
                peak["uss"] = max(peak["uss"], memory.uss >> 20)
                peak["rss"] = max(peak["rss"], memory.rss >> 20)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        is_over.set()
        thread.join()


if __name__ == "__main__":
    main()
