"""Makes a recording from a script: video, audio, and all the files that Zoom would add."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from benchmarks.gallery import side_files
from benchmarks.gallery.footage import U8
from benchmarks.gallery.painter import Painter
from benchmarks.gallery.plan import Plan, plan_recording
from benchmarks.gallery.script import Scenario
from benchmarks.gallery.sound import Voice, add_sound, encode_sound, write_sound
from benchmarks.gallery.talk import envelope, plan_turns

BITS_PER_PIXEL = 0.05
"""About 1.1 Mbit/s at 1280×720 and 25 frames per second, as Zoom uses for a gallery."""
KEYFRAME_S = 8
STRANGERS = ("Quentin Abara", "Lioba Stern", "Yusuf Haddad", "Petra Novotna", "Ciaran Boyle")
PITCHES_HZ = (95.0, 210.0)
LARGEST_SHIFT_S, SHIFT_SHARE = 180.0, 0.4
"""How late a shifted TIMELINE is: three minutes, or this share of a short recording."""


def make_recording(
    folder: Path,
    scenario: Scenario,
    *,
    seconds: float = 60.0,
    size: tuple[int, int] = (1280, 720),
    fps: int = 25,
    seed: int = 0,
    faces: Path | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> None:
    """Write a recording and its side files to a folder; the same arguments make the same files.

    The files appear in the folder only once all of them are done.

    Args:
        folder: receives recording.mp4, timeline.json, transcript.vtt, participants.json,
            truth.json and audio/, an M4A per person. Created if needed; older files with these
            names are replaced.
        scenario: the script.
        seconds: length, at least 5.
        size: width and height in pixels, both even, at least 160×90.
        fps: frames per second.
        seed: of all random choices.
        faces: a folder of clips, each of one person; None uses the demo's photographs.
        on_progress: called with the share that is done, 0–1, once per second of video.

    Raises:
        ValueError: the size or length is out of range, or the folder of faces has no faces.
    """
    if fps < 2:
        raise ValueError("A recording needs at least 2 frames per second.")
    plan = plan_recording(scenario, seconds=seconds, size=size, seed=seed)
    loudness = [
        envelope(plan.turns, who, seconds, np.random.default_rng([seed, 2, who]))
        for who in range(len(scenario.people))
    ]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as name:
        work = Path(name)
        _write_sides(work, plan)
        (work / "audio").mkdir()
        files = _audio_files(scenario, work / "audio")
        for path, voice in zip(files, _voices(loudness, seed), strict=True):
            write_sound(path, voice.blocks())
        mouths = [
            np.maximum(loud, envelope(plan.stirs, who, seconds, np.random.default_rng([seed, 9])))
            for who, loud in enumerate(loudness)
        ]
        pictures = Painter(plan, mouths, fps, faces).pictures()
        sound = _mix(_voices(loudness, seed))
        _encode(work / "recording.mp4", pictures, sound, plan, fps, on_progress)
        _move_into(work, folder)


def _voices(loudness: Sequence[NDArray[np.float32]], seed: int) -> list[Voice]:
    pitches_hz = np.random.default_rng([seed, 3]).uniform(*PITCHES_HZ, len(loudness))
    return [
        Voice(loud, float(pitch_hz), seed * 1000 + who)
        for who, (loud, pitch_hz) in enumerate(zip(loudness, pitches_hz, strict=True))
    ]


def _write_sides(work: Path, plan: Plan) -> None:
    rng = np.random.default_rng([plan.seed, 4])
    told, shift_s = plan, 0.0
    match plan.scenario.side_fault:
        case "strangers":
            people = tuple(
                replace(person, name=_stranger(who), email="")
                for who, person in enumerate(plan.scenario.people)
            )
            told = replace(plan, scenario=replace(plan.scenario, people=people))
        case "foreign":
            other = np.random.default_rng([plan.seed, 5])
            told = replace(plan, turns=plan_turns(plan.scenario, plan.seconds, other))
        case "shifted":
            shift_s = min(LARGEST_SHIFT_S, round(SHIFT_SHARE * plan.seconds))
    roster = side_files.Roster.of(told)
    files = {
        "timeline.json": side_files.timeline(roster, rng, shift_s),
        "participants.json": side_files.participants(roster),
        "truth.json": side_files.truth(plan),
    }
    for name, content in files.items():
        text = json.dumps(content, ensure_ascii=False, indent=1)
        (work / name).write_text(text, encoding="utf-8")
    vtt = side_files.transcript(roster, rng, shift_s)
    (work / "transcript.vtt").write_text(vtt, encoding="utf-8")


def _stranger(who: int) -> str:
    name = STRANGERS[who % len(STRANGERS)]
    return name if who < len(STRANGERS) else f"{name} {who // len(STRANGERS) + 1}"


def _audio_files(scenario: Scenario, folder: Path) -> list[Path]:
    """Write a file per person, named as Zoom does; equal names are numbered."""
    paths: list[Path] = []
    for person in scenario.people:
        name = "".join("_" if letter in '/\\:*?"<>|' else letter for letter in person.name)
        path = folder / f"Audio only - {name}.m4a"
        number = 2
        while path in paths:
            path = folder / f"Audio only - {name} ({number}).m4a"
            number += 1
        paths.append(path)
    return paths


def _move_into(work: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    shutil.rmtree(folder / "audio", ignore_errors=True)
    for path in sorted(work.iterdir()):
        path.replace(folder / path.name)


def _mix(voices: Sequence[Voice]) -> Iterator[NDArray[np.float32]]:
    for blocks in zip(*(voice.blocks() for voice in voices), strict=True):
        yield np.clip(np.sum(blocks, axis=0), -0.95, 0.95).astype(np.float32)


def _encode(
    path: Path,
    pictures: Iterator[U8],
    sound: Iterator[NDArray[np.float32]],
    plan: Plan,
    fps: int,
    on_progress: Callable[[float], None] | None,
) -> None:
    width, height = plan.finished_size
    count = round(plan.seconds * fps)
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        video = container.add_stream("libx264", rate=fps)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        # Fewer frames per second leave more bits for each, as with Zoom.
        video.bit_rate = round(width * height * (fps + 25) / 2 * BITS_PER_PIXEL)
        video.gop_size = KEYFRAME_S * fps
        # A fixed number of threads: the same arguments make the same bytes on every machine.
        video.options = {"preset": "superfast", "threads": "2"}
        audio = add_sound(container)
        heard = 0
        for number, planes in enumerate(pictures):
            if number % fps == 0:
                block = next(sound, None)
                if block is not None:
                    heard = encode_sound(container, audio, block, heard)
                if on_progress is not None:
                    on_progress(number / count)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(video.encode(frame))
        for block in sound:
            heard = encode_sound(container, audio, block, heard)
        container.mux(video.encode(None))
        container.mux(audio.encode(None))
    if on_progress is not None:
        on_progress(1.0)
