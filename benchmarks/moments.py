"""Measure how many moments noise produces, and how many real changes are found, when and where.

    python benchmarks/moments.py [--hours 10] [--calls 200] [--videos 5]
    python benchmarks/moments.py --measure

Three tables. Noise alone: an hour of one person's engagement whose neighbouring samples, two per
second, correlate by rho. Smiles of 12 s at random in such noise. And calls in which a face falls at
a known word, drawn with the classifier's measured noise or played by the demo's puppets, encoded
and read back by the whole analysis. `--measure` prints what that noise is.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.moment_calls import (
    CALM,
    FALLEN,
    INTERVAL_S,
    PROSPECT,
    REACTION_S,
    REP,
    SMILE,
    TILE_PX,
    KnownCall,
    draw_call,
    draw_probs,
    render,
)
from bot.calls.stored import analyzer_options
from bot.cli.recordings.analyze import observe_file
from bot.settings import Settings
from inference.moments.find import Scene, find_moments
from inference.schema.arrays import EXPRESSIONS, F32, F64
from inference.scoring.engagement import EngagementCourse, engagement_course, plain_course
from inference.scoring.profiles import PROFILES
from inference.scoring.score import Faces, Scored, select_faces

SAMPLES = 7200
PART_S = 600.0
"""Evaluated in parts of ten minutes, so that the limit of 12 moments per call has no effect."""
SMILE_S = 12.0
NEUTRAL, SMILING = 0.47, 0.9

FOUND_S = 10.0
"""A fall is found if a moment puts it no further away than the shorter window is long."""
VIDEO_S = 150.0

Course = NDArray[np.float64]


def noise(rng: np.random.Generator, rho: float, spread: float) -> Course:
    """Draw an hour of stationary noise with mean 0."""
    steps = rng.standard_normal(SAMPLES) * np.sqrt(1 - rho**2)
    values = np.empty(SAMPLES)
    values[0] = rng.standard_normal()
    for i in range(1, SAMPLES):
        values[i] = rho * values[i - 1] + steps[i]
    return spread * values


def count(engagement: Course, kinds: tuple[str, ...]) -> int:
    """Count the moments of these kinds in an hour of engagement."""
    part = round(PART_S / INTERVAL_S)
    found = 0
    for start in range(0, SAMPLES, part):
        values = np.clip(engagement[start : start + part], 0, 1)
        t_s = np.arange(part, dtype=np.float64) * INTERVAL_S
        flat = np.full((part, len(EXPRESSIONS)), 1 / len(EXPRESSIONS), np.float32)
        face = scored(flat, np.ones(part), plain_course(values, turns_known=False, version=2))
        scene = Scene(t_s, INTERVAL_S, PART_S, ["A"], [face], [[]], [])
        found += sum(moment.kind in kinds for moment in find_moments(scene))
    return found


@dataclass
class Result:
    """What was found in calls with known falls."""

    falls: int = 0
    hours: float = 0.0
    false: int = 0
    errors_s: list[float] = field(default_factory=list)
    right_lines: int = 0

    def judge(self, call: KnownCall, faces: list[Scored | None], t_s: F64) -> None:
        """Compare the falls that are found in a call with those that are in it."""
        talk = [
            [(turn.start_s, turn.end_s) for turn in call.turns if turn.speaker == name]
            for name in (REP, PROSPECT)
        ]
        scene = Scene(
            t_s, INTERVAL_S, call.duration_s, [REP, PROSPECT], faces, talk, call.lines,
            ["rep", "prospect"],
        )  # fmt: skip
        found = [
            m for m in find_moments(scene) if 1 in m.participants and m.kind in ("fall", "to_angry")
        ]
        for fall in call.falls:
            near = min(found, key=lambda m: abs(m.change_s - fall.at_s), default=None)
            if near is None or abs(near.change_s - fall.at_s) > FOUND_S:
                continue
            found.remove(near)
            self.errors_s.append(near.change_s - fall.at_s)
            marked = next((line.text for line in near.lines if line.at_change), None)
            self.right_lines += marked == call.lines[fall.line].text
        self.falls += len(call.falls)
        self.hours += call.duration_s / 3600
        self.false += len(found)

    def row(self, name: str) -> str:
        """Return the result as a row of the table."""
        count, size = len(self.errors_s), np.abs(self.errors_s)
        share = f"{100 * count / self.falls:.0f} %" if self.falls else "–"
        middle, most = (f"{q:.2f}" for q in np.quantile(size, [0.5, 0.95])) if count else "––"
        late = f"{np.median(self.errors_s):+.2f}" if count else "–"
        lines = f"{100 * self.right_lines / count:.0f} %" if count else "–"
        return (
            f"| {name} | {self.falls} | {share} | {middle} | {most} | {late} | {lines} "
            f"| {self.false / self.hours:.2f} |"
        )


def scored(probs: F32, attention: F64, course: EngagementCourse) -> Scored:
    """Return a face with what it is worth."""
    return Scored(Faces(~np.isnan(probs[:, 0]), probs, attention), course)


def scene_face(t_s: F64, probs: F32, attention: F64, call: KnownCall, name: str) -> Scored:
    """Return one person's face with their engagement."""
    turns = [(turn.start_s, turn.end_s) for turn in call.turns if turn.speaker == name]
    course = engagement_course(t_s, INTERVAL_S, probs, attention, turns, PROFILES["sales"])
    return scored(probs, attention, course)


def drawn(
    calls: int, level: float, *, has_falls: bool = True, reaction_s: float = REACTION_S
) -> Result:
    """Look for the falls of drawn calls of ten minutes."""
    rng = np.random.default_rng(2)
    result = Result()
    for _ in range(calls):
        call = draw_call(rng, PART_S, has_falls=has_falls, reaction_s=reaction_s)
        t_s, probs = draw_probs(call, rng, level)
        attention = np.where(rng.random(len(t_s)) < 0.05, 0.0, 1.0)  # blinks
        result.judge(call, [None, scene_face(t_s, probs, attention, call, PROSPECT)], t_s)
    return result


def seen_faces(path: Path) -> tuple[F64, list[Faces]]:
    """Return the faces on the left and on the right of a video, through the whole analysis."""
    settings = Settings()
    seen = observe_file(path, analyzer_options(settings), settings, Console(stderr=True))
    tracks = np.unique(seen.faces.track)
    sides = {
        int(track): int(np.mean(seen.faces.box[seen.faces.track == track, 0]) >= TILE_PX[0])
        for track in tracks
    }
    return seen.t_s, select_faces(seen, sides, 2)


def played(videos: int) -> Result:
    """Look for the falls of calls that the demo's puppets play."""
    result = Result()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(videos):
            call = draw_call(np.random.default_rng([3, seed]), VIDEO_S)
            path = Path(folder) / f"{seed}.mp4"
            render(call, path, seed)
            t_s, faces = seen_faces(path)
            people = [
                scene_face(t_s, face.probs, face.attention, call, name)
                for face, name in zip(faces, (REP, PROSPECT), strict=True)
            ]
            result.judge(call, [people[0], people[1]], t_s)
    return result


def measure() -> None:
    """Print what the classifier gives a puppet whose mood stays the same, and how it varies."""
    mood = ((0.0, SMILE), (60.0, SMILE), (60.0, CALM), (120.0, CALM), (120.0, FALLEN))
    call = KnownCall(180.0, (), (), mood)
    with tempfile.TemporaryDirectory() as folder:
        render(call, Path(folder) / "steady.mp4", 1)
        t_s, (_, face) = seen_faces(Path(folder) / "steady.mp4")
    for number, name in enumerate(("smile", "calm", "fallen")):
        part = face.probs[(t_s > 60 * number + 2) & (t_s < 60 * number + 58)]
        logs = np.log(part[~np.isnan(part).any(axis=1)])
        rest = logs - logs.mean(axis=0)
        rho = (rest[1:] * rest[:-1]).mean(axis=0) / (rest**2).mean(axis=0)
        print(f"{name}: {len(logs)} samples, mean log p {np.round(logs.mean(axis=0), 2)}")
        print(f"  spread {np.round(logs.std(axis=0), 2)}, correlation {np.round(rho, 2)}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--hours", type=int, default=10, help="of noise, and of smiles, per row")
    parser.add_argument("--calls", type=int, default=200, help="drawn, per row")
    parser.add_argument("--videos", type=int, default=5)
    parser.add_argument("--measure", action="store_true", help="the classifier's noise")
    wanted = parser.parse_args()
    if wanted.measure:
        measure()
        return
    if wanted.calls or wanted.videos:
        print(
            "| calls | falls | found | error, median s | 95 % below, s | late by, median s "
            "| right line | false falls per hour |\n|" + " --- |" * 8
        )
    if wanted.calls:
        for level in (1.0, 3.0):
            result = drawn(wanted.calls, level)
            print(result.row(f"drawn, noise × {level:.0f}"), flush=True)
        result = drawn(wanted.calls, 1.0, reaction_s=0.0)
        print(result.row("drawn, noise × 1, at the word itself"), flush=True)
        for level in (1.0, 3.0):
            result = drawn(wanted.calls, level, has_falls=False)
            print(result.row(f"drawn, no fall, noise × {level:.0f}"), flush=True)
    if wanted.videos:
        print(played(wanted.videos).row("video"), flush=True)
    if wanted.hours:
        noise_tables(wanted.hours)


def noise_tables(hours: int) -> None:
    """Print how many moments noise produces, and how many smiles are found in it."""
    rng = np.random.default_rng(1)
    print("\n| noise, rho | spread | false moments per hour |\n| --- | --- | --- |")
    for rho in (0.0, 0.5, 0.8, 0.9, 0.95):
        for spread in (0.1, 0.2):
            false = [count(0.5 + noise(rng, rho, spread), ("rise", "fall")) for _ in range(hours)]
            print(f"| {rho} | {spread} | {np.mean(false):.1f} |", flush=True)
    print("\n| a smile every | smiles | found as rises |\n| --- | --- | --- |")
    for pause_s in (30, 60, 180):
        smiles, found = 0, 0
        for _ in range(hours):
            values = NEUTRAL + noise(rng, 0.5, 0.08)
            at_s = rng.exponential(pause_s)
            while at_s < SAMPLES * INTERVAL_S - 2 * SMILE_S:
                first = round(at_s / INTERVAL_S)
                values[first : first + round(SMILE_S / INTERVAL_S)] += SMILING - NEUTRAL
                smiles += 1
                at_s += SMILE_S + rng.exponential(pause_s)
            found += count(values, ("rise",))
        print(
            f"| {pause_s + SMILE_S:.0f} s | {smiles} | {100 * found / smiles:.0f} % |", flush=True
        )


if __name__ == "__main__":
    main()
