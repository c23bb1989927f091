"""Measure how well faces are named, by layout, size, labels and side files: a Markdown table.

    python -m benchmarks.attribution --work DIR                # a small set, some minutes each
    python -m benchmarks.attribution --work DIR --full         # every layout and every bad input
    python -m benchmarks.attribution --work DIR --only 'gallery-720p-*' 'speaker-*'
    python -m benchmarks.attribution --work DIR --cost         # what labels and names cost

Recordings are generated once and kept in DIR. What was seen in each is kept too, until the code
that looks at pictures changes. Naming runs every time, with the code of `rapport analyze`. A row is
named SCENARIO-SIZE-labels-on|off, plus "-timeline-off" if neither TIMELINE nor transcript is given
(the participants list always is), or "-sounds" if everybody's own audio is. The metrics are defined
in `inference/attribution/evaluation/metrics.py`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.gallery.recording import make_recording
from benchmarks.gallery.scenarios import SCENARIOS, build_scenario
from bot.calls.record import Evidence, name_people, read_evidence, score_evidence, write_evidence
from bot.calls.stored import analyzer_options
from bot.cli.recordings.analyze import observe_file
from bot.cli.recordings.json_output import analysis_json, faces_json
from bot.cli.recordings.local_files import (
    SideFiles,
    read_roster,
    with_local_files,
    with_local_sounds,
)
from bot.settings import Settings
from inference.assess import AssessOptions
from inference.attribution.evaluation.metrics import AttributionEvaluation, evaluate_attribution
from inference.schema.observations import Observations

SIZES = {"180p": (320, 180), "360p": (640, 360), "720p": (1280, 720), "1080p": (1920, 1080)}
LAYOUTS = (
    "gallery", "gallery_changes", "speaker", "speaker_strip", "speaker_pip", "share_gallery",
    "share_speaker", "mixed",
)  # fmt: skip
NAMING = ("attribution", "scoring", "speech", "training")
"""Folders of `inference` that look at no picture: what was seen stays good when they change."""


COLUMNS = (
    "recording", "right", "wrong", "unknown", "right of speakers", "swaps per hour",
    "layout right", "names read", "CPU s per min",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cell:
    """One row of the table. `labels` None: as the scenario sets them."""

    scenario: str
    size: str = "720p"
    labels: bool | None = None
    told: str = "timeline"
    """"timeline" (and the transcript), "nothing", or "sounds" (TIMELINE, transcript, sounds)."""

    @property
    def name(self) -> str:
        """The row's name, which --only selects by."""
        labels = "" if self.labels is None else f"-labels-{'on' if self.labels else 'off'}"
        told = {"timeline": "", "nothing": "-timeline-off", "sounds": "-sounds"}[self.told]
        return f"{self.scenario}-{self.size}{labels}{told}"


SMALL = (
    Cell("gallery", labels=True),
    Cell("gallery", labels=False),
    Cell("gallery", labels=False, told="nothing"),
    Cell("gallery", labels=False, told="sounds"),
    Cell("gallery", "360p", labels=True),
    Cell("gallery_changes", labels=True),
    Cell("gallery_changes", labels=False),
    Cell("speaker", labels=True),
    Cell("speaker", labels=False),
    Cell("share_gallery", labels=True),
    Cell("mixed", labels=True),
)


def full() -> tuple[Cell, ...]:
    """Return all layouts in all sizes, with and without labels and TIMELINE, and all bad input."""
    cells = [
        Cell(scenario, size, labels, told)
        for scenario in LAYOUTS
        for size in ("360p", "720p", "1080p")
        for labels in (True, False)
        for told in ("timeline", "nothing")
    ]
    cells += [Cell(scenario, labels=False, told="sounds") for scenario in LAYOUTS]
    cells += [Cell(scenario) for scenario in SCENARIOS if scenario not in (*LAYOUTS, "tiny")]
    return (*cells, Cell("tiny", "180p"))


def main() -> None:
    """Parse the command line and print the table."""
    summary = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(description=summary)
    parser.add_argument("--work", type=Path, required=True, help="folder to keep recordings in")
    parser.add_argument("--full", action="store_true", help="all rows instead of a few")
    parser.add_argument("--only", nargs="+", metavar="ROW", help="rows by name; * matches anything")
    parser.add_argument("--seconds", type=float, default=120.0, help="length of a recording")
    parser.add_argument("--people", type=int, help="default: depends on the scenario")
    parser.add_argument("--faces", type=Path, help="clips with one person each")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fps", type=int, default=25, help="fewer are generated faster")
    parser.add_argument("--cost", action="store_true", help="measure what naming costs instead")
    parser.add_argument("--repeats", type=int, default=3, help="of --cost")
    parser.add_argument("--list", action="store_true", help="print the row names")
    given = parser.parse_args()
    bench = Bench(given.work, given.seconds, given.people, given.faces, given.seed, given.fps)
    cells: Sequence[Cell] = full() if given.full else SMALL
    if given.only:
        every = dict.fromkeys((*SMALL, *full()))
        cells = [one for one in every if any(fnmatch(one.name, each) for each in given.only)]
    if given.list:
        print("\n".join(one.name for one in cells))
    elif not cells:
        sys.exit("There is no such row; --list --full prints them all.")
    elif given.cost:
        for one in cells[:1] if not given.only else cells:
            bench.compare_cost(one, given.repeats)
    else:
        print_table(bench, cells)


def print_table(bench: Bench, cells: Sequence[Cell]) -> None:
    """Print each row as soon as it is known."""
    print(f"| {' | '.join(COLUMNS)} |\n|---|{'--:|' * (len(COLUMNS) - 1)}", flush=True)
    for cell in cells:
        found = bench.measure(cell)
        shares = found.naming.shares()
        speakers = found.speakers.shares() if found.speakers is not None else {}
        columns = [
            *(_percent(shares[name]) for name in ("right", "wrong", "unknown")),
            _percent(speakers.get("right")),
            _figure(found.swaps_per_h),
            _percent(found.layout_right),
            _percent(found.names_read_right),
            _figure(found.cpu_s_per_min),
        ]
        print(f"| {cell.name} | {' | '.join(columns)} |", flush=True)


class Bench:
    """Generates and analyses recordings and names the people in them; caches the slow parts."""

    def __init__(
        self,
        work: Path,
        seconds: float,
        people: int | None,
        faces: Path | None,
        seed: int,
        fps: int,
    ) -> None:
        self._work = work
        self._seconds = seconds
        self._people = people
        self._faces = faces
        self._seed = seed
        self._fps = fps
        self._settings = Settings()
        self._assess = AssessOptions()

    def measure(self, cell: Cell) -> AttributionEvaluation:
        """Evaluate one row, and save its result in the folder as JSON."""
        folder = self._recording(cell)
        observations, elapsed = self._seen(folder)
        began = time.process_time()
        evidence = self._named(folder, observations, cell.told)
        naming = time.process_time() - began
        analysis = score_evidence(evidence, self._assess)
        head = json.dumps(analysis_json(analysis)).removesuffix("}")
        result: dict[str, Any] = json.loads("".join([head, *faces_json(analysis), "}"]))
        result["elapsed_s"] = {
            "wall": elapsed["wall"] + naming,
            "cpu": elapsed["cpu"] + naming,
            "naming_cpu": naming,
        }
        kept = self._work / "results" / f"{cell.name}.json"
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(result, ensure_ascii=False), encoding="utf-8")
        truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
        return evaluate_attribution(truth, result)

    def compare_cost(self, cell: Cell, repeats: int) -> None:
        """Print CPU seconds with and without labels and names, measured alternately."""
        folder = self._recording(cell)
        costs: dict[bool, list[float]] = {True: [], False: []}
        for _ in range(repeats):
            for with_names in (False, True):
                began = time.process_time()
                seen = self._look(folder, read_labels=with_names)
                if with_names:
                    self._named(folder, seen, cell.told)
                costs[with_names].append(time.process_time() - began)
        without, whole = statistics.median(costs[False]), statistics.median(costs[True])
        print(
            f"{cell.name}, {self._seconds:.0f} s, {repeats} repeats, medians of CPU seconds: "
            f"{without:.1f} without labels and names, {whole:.1f} with: {whole / without - 1:+.1%}",
            flush=True,
        )

    def _recording(self, cell: Cell) -> Path:
        scenario = build_scenario(cell.scenario, self._people, cell.labels)
        labels = "" if cell.labels is None else f"-{'on' if cell.labels else 'off'}"
        of = f"-{self._people}" if self._people else ""
        faces = f"-{self._faces.name}" if self._faces else ""
        rate = "" if self._fps == 25 else f"-{self._fps}fps"
        made = f"{self._seconds:.0f}s{rate}{of}{faces}-{self._seed}"
        name = f"{cell.scenario}-{cell.size}{labels}-{made}"
        folder = self._work / "recordings" / name
        if not (folder / "truth.json").is_file():
            print(f"making {name}", file=sys.stderr, flush=True)
            make_recording(
                folder,
                scenario,
                seconds=self._seconds,
                size=SIZES[cell.size],
                fps=self._fps,
                seed=self._seed,
                faces=self._faces,
            )
        return folder

    def _seen(self, folder: Path) -> tuple[Observations, dict[str, float]]:
        """Return what was seen in a recording and the seconds that took, cached if possible."""
        kept = folder / f"seen-{looking_version()}.npz"
        timing = kept.with_suffix(".json")
        if not timing.is_file():
            print(f"looking at {folder.name}", file=sys.stderr, flush=True)
            wall, cpu = time.perf_counter(), time.process_time()
            observations = self._look(folder)
            elapsed = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
            for old in folder.glob("seen-*"):
                old.unlink()
            write_evidence(kept, Evidence(observations))
            timing.write_text(json.dumps(elapsed))
        return read_evidence(kept).observations, json.loads(timing.read_text())

    def _look(self, folder: Path, **changes: Any) -> Observations:
        options = replace(analyzer_options(self._settings), **changes)
        quiet = Console(stderr=True, force_terminal=False)
        return observe_file(folder / "recording.mp4", options, self._settings, quiet)

    def _named(self, folder: Path, observations: Observations, told: str) -> Evidence:
        video = folder / "recording.mp4"
        is_told = told != "nothing"
        sides = SideFiles(
            timeline=folder / "timeline.json" if is_told else None,
            transcript=folder / "transcript.vtt" if is_told else None,
            participants=folder / "participants.json",
            participant_audio=folder / "audio" if told == "sounds" else None,
        )
        roster = read_roster(video, sides, self._settings)
        evidence = with_local_files(Evidence(observations), sides, roster)
        return name_people(with_local_sounds(evidence, sides))


def looking_version() -> str:
    """Return an id for the version of the code that looks at pictures."""
    digest = hashlib.sha256()
    for path in sorted(_looking_files()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _looking_files() -> Iterator[Path]:
    folder = Path(__file__).parents[1] / "inference"
    for path in folder.rglob("*.py"):
        if not set(NAMING) & set(path.relative_to(folder).parts):
            yield path


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


if __name__ == "__main__":
    main()
