"""Makes a recording from a script: pictures, sound, and all the files that Zoom would add."""

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

from benchmarks.gallery import sides
from benchmarks.gallery.camera import Camera
from benchmarks.gallery.canvas import (
    FRAME_COLOUR,
    Canvas,
    Sticker,
    label_sticker,
    label_text,
    name_tile,
)
from benchmarks.gallery.clips import clips
from benchmarks.gallery.footage import PICTURES_HZ, U8, Footage, RoomFootage
from benchmarks.gallery.puppets import puppets
from benchmarks.gallery.script import Scenario, Turn
from benchmarks.gallery.slides import SLIDE_S, paint_slides
from benchmarks.gallery.sound import Voice, add_sound, encode_sound, write_sound
from benchmarks.gallery.stages import Box, Stage, even, plan_stages
from benchmarks.gallery.talk import ENVELOPE_HZ, envelope, plan_turns

BITS_PER_PIXEL = 0.05
"""About 1.1 Mbit/s at 1280×720 and 25 pictures a second, what Zoom spends on a gallery."""
KEYFRAME_S = 8
TALLEST_CAMERA_PX = 288
"""Zoom sends no small tile with more; larger ones are enlarged."""
GROUNDS = ((26, 26, 26), (0, 0, 0))
STRANGERS = ("Quentin Abara", "Lioba Stern", "Yusuf Haddad", "Petra Novotna", "Ciaran Boyle")
PITCHES_HZ = (95.0, 210.0)


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
    """Write a recording and the files beside it into a folder; the same arguments, the same files.

    Nothing stands in the folder before all of it is done.

    Args:
        folder: gets recording.mp4, timeline.json, transcript.vtt, participants.json, truth.json
            and audio/, an M4A per person. Made if need be; older files of these names go.
        scenario: the script.
        seconds: length, at least 5.
        size: width and height in pixels, both even, at least 160×90.
        fps: pictures a second.
        seed: of everything that chance decides.
        faces: a folder of clips, each of one person; None: the demo's photographs.
        on_progress: told the share that is done, 0–1, once per second of video.

    Raises:
        ValueError: a size or length out of range, or a folder of faces without faces.
    """
    width, height = size
    if width % 2 or height % 2 or width < 160 or height < 90:
        raise ValueError(f"A picture of {width}x{height} cannot be made: use even numbers.")
    if seconds < 5 or fps < 2:
        raise ValueError("A recording takes at least 5 seconds and 2 pictures a second.")
    rng = np.random.default_rng([seed, 1])
    turns = plan_turns(scenario, seconds, rng)
    stages = plan_stages(scenario, turns, seconds, size, rng)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as name:
        work = Path(name)
        _write_sides(work, scenario, turns, stages, seconds, size, seed)
        loudness = [
            envelope(turns, who, seconds, np.random.default_rng([seed, 2, who]))
            for who in range(len(scenario.people))
        ]
        pitches = np.random.default_rng([seed, 3]).uniform(*PITCHES_HZ, len(scenario.people))
        voices = [
            Voice(loud, float(pitch), seed * 1000 + who)
            for who, (loud, pitch) in enumerate(zip(loudness, pitches, strict=True))
        ]
        (work / "audio").mkdir()
        for path, voice in zip(_audio_files(scenario, work / "audio"), voices, strict=True):
            write_sound(path, voice.blocks())
        painter = _Painter(scenario, stages, turns, loudness, seconds, size, fps, seed, faces)
        again = [
            Voice(loud, float(pitch), seed * 1000 + who)
            for who, (loud, pitch) in enumerate(zip(loudness, pitches, strict=True))
        ]
        _encode(
            work / "recording.mp4", painter.pictures(), _mix(again), seconds, size, fps, on_progress
        )
        _move_into(work, folder)


def _write_sides(
    work: Path,
    scenario: Scenario,
    turns: list[Turn],
    stages: list[Stage],
    seconds: float,
    size: tuple[int, int],
    seed: int,
) -> None:
    rng = np.random.default_rng([seed, 4])
    told, told_turns, shift_s = scenario, turns, 0.0
    if scenario.side_fault == "strangers":
        people = tuple(
            replace(person, name=_stranger(who), email="")
            for who, person in enumerate(scenario.people)
        )
        told = replace(scenario, people=people)
    elif scenario.side_fault == "foreign":
        told_turns = plan_turns(scenario, seconds, np.random.default_rng([seed, 5]))
    elif scenario.side_fault == "shifted":
        shift_s = min(180.0, round(0.4 * seconds))
    roster = sides.Roster.of(told, seconds)
    files = {
        "timeline.json": sides.timeline(roster, told_turns, rng, shift_s),
        "participants.json": sides.participants(roster),
        "truth.json": sides.truth(
            scenario,
            stages,
            turns,
            lambda who, box, at_s: drawn_label(scenario, who, box, at_s, seconds, size[1]),
            seconds,
            lambda box: finished_box(scenario, box, size),
        ),
    }
    for name, content in files.items():
        text = json.dumps(content, ensure_ascii=False, indent=1)
        (work / name).write_text(text, encoding="utf-8")
    vtt = sides.transcript(roster, told_turns, rng, shift_s)
    (work / "transcript.vtt").write_text(vtt, encoding="utf-8")


def _stranger(who: int) -> str:
    name = STRANGERS[who % len(STRANGERS)]
    return name if who < len(STRANGERS) else f"{name} {who // len(STRANGERS) + 1}"


def drawn_label(
    scenario: Scenario, who: int, box: Box, at_s: float, seconds: float, picture_height: int
) -> str:
    """The text on somebody's tile, cut off where the tile is too narrow."""
    text = sides.display(scenario, who, at_s, seconds, lambda person: person.label or person.name)
    is_muted = scenario.people[who].talk == 0
    return label_text(text, box[2] - box[0], picture_height, is_muted)


def finished_box(scenario: Scenario, box: Box, size: tuple[int, int]) -> Box:
    """Where a box lies in the finished picture, which may be mirrored or stand on its head."""
    x0, y0, x1, y1 = box
    width, height = size
    if scenario.picture_fault != "none":
        x0, x1 = width - x1, width - x0
    if scenario.picture_fault == "upside_down":
        y0, y1 = height - y1, height - y0
    return (x0, y0, x1, y1)


def _audio_files(scenario: Scenario, folder: Path) -> list[Path]:
    """A file per person, named as Zoom does; two of the same name are numbered."""
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


class _Painter:
    """Paints the pictures of a recording one after the other."""

    def __init__(
        self,
        scenario: Scenario,
        stages: list[Stage],
        turns: list[Turn],
        loudness: list[NDArray[np.float32]],
        seconds: float,
        size: tuple[int, int],
        fps: int,
        seed: int,
        faces: Path | None,
    ) -> None:
        self._scenario, self._stages, self._turns = scenario, stages, turns
        self._loudness, self._seconds = loudness, seconds
        self._size, self._fps = size, fps
        self._step = max(1, round(fps / PICTURES_HZ))
        rng = np.random.default_rng([seed, 6])
        self._canvas = Canvas(size, GROUNDS[int(rng.integers(len(GROUNDS)))])
        sizes = _camera_sizes(scenario, stages)
        tallest = max((height for _, height in sizes), default=TALLEST_CAMERA_PX)
        footage: tuple[Footage, ...] = (
            puppets(max(tallest, 120)) if faces is None else clips(faces, max(tallest, 120))
        )
        seats = _share_out(scenario, footage, tallest)
        self._cameras = [
            Camera(
                seats[who],
                sizes[who],
                np.random.default_rng([seed, 7, who]),
                is_bright=scenario.is_bright,
                turned=person.turned,
            )
            for who, person in enumerate(scenario.people)
        ]
        self._shown = [0] * len(scenario.people)
        has_screen = any(stage.screen is not None for stage in stages)
        self._slides = paint_slides(footage, rng) if has_screen else []
        self._labels: dict[tuple[str, bool], Sticker] = {}

    def pictures(self) -> Iterator[U8]:
        """Give the planes of every picture; the array is painted over for the next."""
        canvas, stage, slide = self._canvas, None, -1
        framed: int | None = None
        halves = [self._seconds / 2] if self._scenario.swaps_labels else []
        for number in range(round(self._seconds * self._fps)):
            at_s = number / self._fps
            now = next((s for s in self._stages if s.start_s <= at_s < s.end_s), self._stages[-1])
            is_new = now is not stage
            stage = now
            if is_new:
                canvas.clear()
            if halves and at_s >= halves[0]:
                halves.pop()
                is_new = True
            speaking = {t.who for t in self._turns if t.start_s <= at_s < t.end_s}
            newest = slide
            if stage.screen is not None:
                newest = int(at_s // SLIDE_S) % len(self._slides)
                if is_new or newest != slide:
                    canvas.paste(stage.screen, self._slides[newest])
            is_over_screen = newest != slide and stage.kind == "share"
            slide = newest
            large = self._framed(stage, at_s)
            reframed, framed = {large, framed} if large != framed else set(), large
            for seat, tile in enumerate(stage.tiles):
                is_due = (number + seat) % self._step == 0
                if (tile.has_video and is_due) or is_new or is_over_screen or tile.who in reframed:
                    if is_due:
                        loud = self._loudness[tile.who]
                        at = min(len(loud) - 1, round(at_s * ENVELOPE_HZ))
                        self._shown[tile.who] = self._cameras[tile.who].player.next(
                            tile.who in speaking, float(loud[at])
                        )
                    self._paint(stage, seat, at_s, tile.who == large)
            yield self._turn(canvas.planes)

    def _framed(self, stage: Stage, at_s: float) -> int | None:
        """Whose tile has a frame: in a grid of several, the last who took the turn."""
        if stage.kind != "gallery":
            return None
        now = [t for t in self._turns if t.start_s + 0.3 <= at_s < t.end_s + 0.3 and not t.is_aside]
        return now[-1].who if now else None

    def _paint(self, stage: Stage, seat: int, at_s: float, is_framed: bool) -> None:
        tile, canvas = stage.tiles[seat], self._canvas
        person = self._scenario.people[tile.who]
        x0, y0, x1, y1 = tile.box
        height = self._size[1]
        if tile.has_video:
            planes = self._cameras[tile.who].picture(self._shown[tile.who])
        else:
            name = sides.display(
                self._scenario, tile.who, at_s, self._seconds, lambda p: p.label or p.name
            )
            planes = name_tile(name, (x1 - x0, y1 - y0), height, tile.who)
        canvas.paste(tile.box, planes)
        if self._scenario.has_labels:
            text = drawn_label(self._scenario, tile.who, tile.box, at_s, self._seconds, height)
            sticker = self._label(text, person.talk == 0)
            margin = even(height / 180)
            canvas.blend((x0 + margin, y1 - margin - sticker.size[1]), sticker)
        if is_framed:
            canvas.frame(tile.box, max(2, even(height / 240)), FRAME_COLOUR)

    def _label(self, text: str, is_muted: bool) -> Sticker:
        key = (text, is_muted)
        if key not in self._labels:
            self._labels[key] = label_sticker(text, self._size[1], is_muted)
        return self._labels[key]

    def _turn(self, planes: U8) -> U8:
        """The finished picture: as painted, mirrored, or on its head."""
        if self._scenario.picture_fault == "none":
            return planes
        width, height = self._size
        turned = np.empty_like(planes)
        turned[:height] = planes[:height, ::-1]
        colours = planes[height:].reshape(2, height // 2, width // 2)[:, :, ::-1]
        if self._scenario.picture_fault == "upside_down":
            turned[:height] = turned[:height][::-1].copy()
            colours = colours[:, ::-1]
        turned[height:] = np.ascontiguousarray(colours).reshape(height // 2, width)
        return turned


def _camera_sizes(scenario: Scenario, stages: Sequence[Stage]) -> list[tuple[int, int]]:
    """How large each camera's pictures are made: as their largest tile, within the limit."""
    tallest = [90] * len(scenario.people)
    for stage in stages:
        for tile in stage.tiles:
            tallest[tile.who] = max(tallest[tile.who], tile.box[3] - tile.box[1])
    heights = [even(min(px, TALLEST_CAMERA_PX)) for px in tallest]
    return [(even(px * 16 / 9), px) for px in heights]


def _share_out(scenario: Scenario, footage: Sequence[Footage], tallest: int) -> list[Footage]:
    """Whose camera shows which footage: who speaks gets one that can, in turn."""
    talking = [film for film in footage if getattr(film, "can_talk", True)] or list(footage)
    silent = [film for film in footage if film not in talking] + talking
    seats: list[Footage] = []
    counts = [0, 0]
    for person in scenario.people:
        films = talking if person.talk > 0 else silent
        which = int(person.talk == 0)
        if person.faces > 1:
            several = [films[(counts[which] + k) % len(films)] for k in range(person.faces)]
            seats.append(RoomFootage(several, (even(tallest * 16 / 9), tallest)))
        else:
            seats.append(films[counts[which] % len(films)])
        counts[which] += person.faces
    return seats


def _encode(
    path: Path,
    pictures: Iterator[U8],
    sound: Iterator[NDArray[np.float32]],
    seconds: float,
    size: tuple[int, int],
    fps: int,
    on_progress: Callable[[float], None] | None,
) -> None:
    width, height = size
    count = round(seconds * fps)
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        video = container.add_stream("libx264", rate=fps)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        # Fewer pictures a second leave more bits to each, as with Zoom.
        video.bit_rate = round(width * height * (fps + 25) / 2 * BITS_PER_PIXEL)
        video.gop_size = KEYFRAME_S * fps
        # One thread: the same arguments then give the same bytes on every machine.
        video.options = {"preset": "veryfast", "threads": "1"}
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
