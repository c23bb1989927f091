"""Measure what an annotated recording costs compared with the analysis alone.

    python -m benchmarks.annotated [--clip FILE.mp4] [--seconds 60] [--repeats 3]
    python -m benchmarks.annotated --memory     # peak memory of a short and of a long recording

The two alternate in one process, on a clip with four faces that is generated first. Nobody is known
by name, and name labels are not read. Prints the medians per minute of recording.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.clip import make_clip, repeat_clip
from benchmarks.recording import Cost, analyse, load_models, measure, typical
from bot.annotated.recorder import Recorder
from bot.annotated.running_names import naming_with, nothing_seen
from bot.calls.record import Evidence
from inference.analyzer import AnalyzerOptions
from inference.assess import AssessOptions
from inference.expression.batch_queue import DeviceQueue
from inference.expression.classifier import ExpressionClassifier
from inference.recording import Segment, observe_recording
from inference.video.reader import probe


def main() -> None:
    """Parse the command line and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clip", type=Path, help="your own recording (default: generate one)")
    parser.add_argument("--seconds", type=float, default=60, help="length of the generated clip")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--memory", action="store_true", help="measure memory instead of speed")
    parser.add_argument("--minutes", type=int, nargs=2, default=(2, 12), help="with --memory")
    parser.add_argument("--peak-of", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.peak_of is not None:
        annotate(given.peak_of, given.peak_of.with_suffix(".out.mp4"))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        clip = given.clip or make_clip(folder / "clip.mp4", given.seconds)
        if given.memory:
            compare_memory(clip, folder, given.minutes)
            return
        load_models()
        compare_speed(clip, folder / "out.mp4", given.repeats)


def compare_speed(clip: Path, out: Path, repeats: int) -> None:
    """Print the cost of the analysis, alone and with an annotated recording."""
    minutes = (probe(clip).duration_s or 0) / 60
    options = AnalyzerOptions(read_labels=False)
    alone: list[Cost] = []
    whole: list[Cost] = []
    for _ in range(repeats):
        alone.append(measure(lambda: len(analyse(clip, options).faces), minutes))
        whole.append(measure(lambda: annotate(clip, out), minutes))
    print(f"{os.cpu_count()} cores, {repeats} turns, medians; seconds per minute of video")
    for name, costs in (("analysis alone", alone), ("annotated", whole)):
        cost = typical(costs)
        print(f"{name:16}{cost.wall_s:8.2f} clock{cost.cpu_s:8.2f} CPU")
    pairs = list(zip(alone, whole, strict=True))
    clock = statistics.median(w.wall_s / a.wall_s for a, w in pairs)
    cpu = statistics.median(w.cpu_s / a.cpu_s for a, w in pairs)
    print(f"{'ratio':16}{clock:8.2f} clock{cpu:8.2f} CPU")
    print(f"{'size':16}{out.stat().st_size / clip.stat().st_size:8.2f} of the recording's")


def annotate(clip: Path, out: Path) -> int:
    """Analyse a recording and write it annotated; return how many faces were seen."""
    options = AnalyzerOptions(read_labels=False)
    naming = naming_with(Evidence(nothing_seen(probe(clip).duration_s)))
    classifier = ExpressionClassifier.load(threads=1)
    recorder = Recorder([clip], out, naming, AssessOptions(), options.samples_per_s)
    with DeviceQueue(classifier.classify) as queue:
        seen = observe_recording(
            [Segment(clip)], options, queue, model=classifier.name, observer=recorder
        )
    recorder.finish()
    return len(seen.faces)


def compare_memory(clip: Path, folder: Path, lengths: Sequence[int]) -> None:
    """Print the peak memory of processes that annotate recordings of these lengths in minutes."""
    minutes = (probe(clip).duration_s or 0) / 60
    peaks = []
    for length in lengths:
        path = repeat_clip(clip, folder / f"{length}.mp4", round(length / minutes))
        command = [sys.executable, "-m", "benchmarks.annotated", "--peak-of", str(path)]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        peaks.append(float(told.split()[-1]))
        print(f"{length:4d} min: peak {peaks[-1]:.0f} MiB", flush=True)
        path.unlink()
    print(f"difference {peaks[1] / peaks[0] - 1:+.1%}")


if __name__ == "__main__":
    main()
