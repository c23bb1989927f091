"""Paints a recording's frames, one after another, from its plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.gallery.camera import Camera
from benchmarks.gallery.canvas import (
    BOX_SHADE,
    BRIGHT_SHADE,
    FRAME_COLOURS,
    Canvas,
    Sticker,
    arrow_sticker,
    avatar_tile,
    emoji_sticker,
    hand_sticker,
    label_sticker,
    name_tile,
    notice_sticker,
)
from benchmarks.gallery.clips import clips
from benchmarks.gallery.footage import PICTURES_HZ, U8, Footage, RoomFootage
from benchmarks.gallery.plan import Plan
from benchmarks.gallery.puppets import puppets
from benchmarks.gallery.script import FREEZE_EVERY_S, FREEZE_S
from benchmarks.gallery.slides import FILM, FILM_BOX, SLIDE_PX, SLIDE_S, paint_slides
from benchmarks.gallery.stages import Box, Stage, even, gutter_px
from benchmarks.gallery.talk import ENVELOPE_HZ

TALLEST_CAMERA_PX, SHORTEST_CAMERA_PX = 288, 90
"""Height of a camera's pictures, as in Zoom's small tiles; larger tiles are enlarged."""
SHORTEST_FOOTAGE_PX = 120
"""Faces are found and warped in pictures of at least this height."""
FILM_PX = (320, 180)
GROUNDS = ((26, 26, 26), (0, 0, 0))
FRAME_LAG_S = 0.3
"""Time from a turn's start until the speaker's tile is highlighted."""
ROAMS_S = (0.8, 2.2)
"""How long a roaming frame stays at a tile."""
NOTICES = ("Recording", "You are muted", "Dana Whitfield has joined")
NOTICE_S, NOTICE_EVERY_S = 4.0, 15.0
HAND_S = 9.0
EMOJI_EVERY_S, EMOJI_RISES_S, EMOJI_RISE = 2.5, 3.5, 0.45
"""A new reaction this often, rising for so long over this share of the picture's height."""


class Painter:
    """Paints one recording.

    Args:
        plan: what happens when.
        mouths: how wide everybody's mouth is open, 0–1, `ENVELOPE_HZ` times per second.
        fps: frames per second.
        faces: a folder of clips; None uses the demo's photographs.

    Raises:
        ValueError: the folder of faces contains no clips, or a clip without a face.
    """

    def __init__(
        self, plan: Plan, mouths: Sequence[NDArray[np.float32]], fps: int, faces: Path | None
    ) -> None:
        self._plan, self._mouths, self._fps = plan, mouths, fps
        self._step = max(1, round(fps / PICTURES_HZ))
        rng = np.random.default_rng([plan.seed, 6])
        dark = GROUNDS[int(rng.integers(len(GROUNDS)))]
        self._canvas = Canvas(plan.size, plan.scenario.ground or dark)
        self._front = Canvas(plan.size, dark)
        stays_s = np.random.default_rng([plan.seed, 13]).uniform(*ROAMS_S, round(plan.seconds) * 2)
        self._roamed = np.cumsum(stays_s)
        sizes = _camera_sizes(plan)
        tallest = max(SHORTEST_FOOTAGE_PX, *(height for _, height in sizes))
        footage: Sequence[Footage] = puppets(tallest) if faces is None else clips(faces, tallest)
        shown = _share_out(plan, footage, tallest)
        self._cameras = [
            Camera(
                shown[who],
                sizes[who],
                np.random.default_rng([plan.seed, 7, who]),
                is_bright=plan.scenario.is_bright,
                turned=person.turned,
                background=person.background,
            )
            for who, person in enumerate(plan.scenario.people)
        ]
        self._shown = [0] * len(self._cameras)
        has_screen = any(stage.screen is not None for stage in plan.stages)
        # A guest's name and two from the call: a name below a photograph is not a camera's label.
        names = ("Oluchi Ade", *(person.name for person in plan.scenario.people))
        self._slides = paint_slides(footage, names, rng) if has_screen else []
        self._film = Camera(footage[-1], FILM_PX, rng)
        self._labels: dict[tuple[str, bool], Sticker] = {}

    def pictures(self) -> Iterator[U8]:
        """Yield the planes of every frame; the array is reused for the next.

        Only what has changed is painted: everything at a new stage, otherwise the tiles whose
        cameras delivered a picture, in turn.
        """
        before: tuple[Stage, bool] | None = None
        slide, framed = -1, None
        for number in range(round(self._plan.seconds * self._fps)):
            at_s = number / self._fps
            stage = self._plan.stage(at_s)
            now = (stage, at_s >= self._plan.seconds / 2)  # names are exchanged halfway through
            is_new = now != before
            before = now
            if is_new:
                self._canvas.clear()
            was_slide, was_framed = slide, framed
            if stage.screen is not None:
                slide = int(at_s // SLIDE_S) % len(self._slides)
                if is_new or slide != was_slide:
                    self._canvas.paste(stage.screen, self._slides[slide])
                    is_new = True  # tiles may overlap the shared screen
                if slide == FILM and number % self._step == 0:
                    at = self._film.player.next(True, abs(float(np.sin(at_s * 13))))
                    self._canvas.paste(_film_box(stage.screen), self._film.picture(at))
            framed = self._framed(stage, at_s)
            reframed = {framed, was_framed} if framed != was_framed else set()
            moving = self._plan.moving(at_s)
            for place, tile in enumerate(stage.tiles):
                is_due = tile.has_video and (number + place) % self._step == 0
                is_due &= not self._is_frozen(tile.who, at_s)
                if is_due:
                    mouth = self._mouths[tile.who]
                    opening = float(mouth[min(len(mouth) - 1, round(at_s * ENVELOPE_HZ))])
                    player = self._cameras[tile.who].player
                    self._shown[tile.who] = player.next(tile.who in moving, opening)
                if is_due or is_new or tile.who in reframed:
                    self._paint(stage, place, at_s, tile.who == framed)
            yield self._finish(self._in_front(stage, framed, at_s))

    def _is_frozen(self, who: int, at_s: float) -> bool:
        late_s = (at_s + 7.0 * who) % FREEZE_EVERY_S
        return who in self._plan.scenario.frozen and late_s >= FREEZE_EVERY_S - FREEZE_S

    def _in_front(self, stage: Stage, framed: int | None, at_s: float) -> Canvas:
        """Return the picture with what the client draws over tiles and gutters."""
        scenario, (width, height) = self._plan.scenario, self._plan.size
        beside = framed is not None and scenario.border != "inside"
        if not (beside or scenario.has_arrows or scenario.has_reactions):
            return self._canvas
        front = self._front
        front.over(self._canvas)
        if beside:
            thick = min(even(max(2, height / 120)), gutter_px(width, scenario.is_tight))
            box = next(tile.box for tile in stage.tiles if tile.who == framed)
            around = (box[0] - thick, box[1] - thick, box[2] + thick, box[3] + thick)
            front.frame(around, thick, FRAME_COLOURS[scenario.border])
        if scenario.has_arrows:
            for is_right in (False, True):
                arrow = arrow_sticker(height, is_right)
                x = width - arrow.size[0] - 2 if is_right else 2
                front.blend((x, even((height - arrow.size[1]) / 2)), arrow)
        if scenario.has_reactions:
            self._react(front, stage, at_s)
        return front

    def _react(self, front: Canvas, stage: Stage, at_s: float) -> None:
        """Draw raised hands, rising emoji and notices as they are at a time."""
        width, height = front.width, front.height
        x0, y0, x1, _ = stage.tiles[int(at_s // HAND_S) % len(stage.tiles)].box
        hand = hand_sticker(height)
        front.blend((x0 + even((x1 - x0) / 40), y0 + even((x1 - x0) / 40)), hand)
        for number in range(int(at_s // EMOJI_EVERY_S) + 1):
            rising_s = at_s - number * EMOJI_EVERY_S
            if rising_s < EMOJI_RISES_S:
                rng = np.random.default_rng([self._plan.seed, 12, number])
                emoji = emoji_sticker(height, number)
                x = even(rng.uniform(0.02, 0.96) * (width - emoji.size[0]))
                start = rng.uniform(0.5, 0.95) * (height - emoji.size[1])
                risen = EMOJI_RISE * height * rising_s / EMOJI_RISES_S
                front.blend((x, even(max(0.0, start - risen))), emoji)
        if at_s % NOTICE_EVERY_S < NOTICE_S:
            text = NOTICES[int(at_s // NOTICE_EVERY_S) % len(NOTICES)]
            notice = notice_sticker(height, text)
            front.blend((even((width - notice.size[0]) / 2), even(height / 90)), notice)

    def _framed(self, stage: Stage, at_s: float) -> int | None:
        """Return whose tile is highlighted: in a grid, that of the last person to take a turn."""
        if stage.kind != "gallery":
            return None
        if self._plan.scenario.border_roams:
            stop = int(np.searchsorted(self._roamed, at_s))
            return stage.tiles[(stop * 7 + stop // 3) % len(stage.tiles)].who
        late_s = at_s - FRAME_LAG_S
        now = [t for t in self._plan.turns if t.start_s <= late_s < t.end_s and not t.is_aside]
        return now[-1].who if now else None

    def _paint(self, stage: Stage, place: int, at_s: float, is_framed: bool) -> None:
        tile, canvas, height = stage.tiles[place], self._canvas, self._plan.size[1]
        x0, y0, x1, y1 = tile.box
        scenario = self._plan.scenario
        if tile.has_video or (tile.who in scenario.avatars and tile.who % 2):
            planes = self._cameras[tile.who].picture(self._shown[tile.who])
        elif tile.who in scenario.avatars:
            planes = avatar_tile(self._cameras[tile.who].size, tile.who)
        else:
            name = self._plan.name_drawn(tile.who, at_s)
            planes = name_tile(name, (x1 - x0, y1 - y0), height, tile.who)
        canvas.paste(tile.box, planes)
        text = self._plan.label(tile.who, tile.box, at_s)
        if text is not None:
            sticker = self._label(text, scenario.people[tile.who].talk == 0)
            margin = even(height / 180)
            canvas.blend((x0 + margin, y1 - margin - sticker.size[1]), sticker)
        if is_framed and scenario.border == "inside":
            canvas.frame(tile.box, max(2, even(height / 240)), FRAME_COLOURS["inside"])

    def _label(self, text: str, is_muted: bool) -> Sticker:
        key = (text, is_muted)
        if key not in self._labels:
            shade = BRIGHT_SHADE if self._plan.scenario.is_bright else BOX_SHADE
            self._labels[key] = label_sticker(text, self._plan.size[1], is_muted, shade)
        return self._labels[key]

    def _finish(self, canvas: Canvas) -> U8:
        """Return the frame as recorded: as painted, mirrored or turned."""
        fault = self._plan.scenario.picture_fault
        if fault == "none":
            return canvas.planes
        turned = []
        for part in canvas.parts:
            if fault == "mirrored":
                part = part[:, ::-1]
            elif fault == "upside_down":
                part = part[::-1, ::-1]
            else:
                part = np.rot90(part, -1)
            turned.append(part.reshape(-1))
        return np.asarray(np.concatenate(turned).reshape(-1, self._plan.finished_size[0]), np.uint8)


def _film_box(screen: Box) -> Box:
    """Return where the film plays, in pixels of the picture."""
    scale = (screen[2] - screen[0]) / SLIDE_PX[0]
    x0, y0, x1, y1 = (even(edge * scale) for edge in FILM_BOX)
    return (screen[0] + x0, screen[1] + y0, screen[0] + x1, screen[1] + y1)


def _camera_sizes(plan: Plan) -> list[tuple[int, int]]:
    """Return the size of each camera's pictures: that of its largest tile, within the limit."""
    tallest = [SHORTEST_CAMERA_PX] * len(plan.scenario.people)
    for stage in plan.stages:
        for tile in stage.tiles:
            tallest[tile.who] = max(tallest[tile.who], tile.box[3] - tile.box[1])
    heights = [even(min(px, TALLEST_CAMERA_PX)) for px in tallest]
    return [(even(px * 16 / 9), px) for px in heights]


def _share_out(plan: Plan, footage: Sequence[Footage], tallest: int) -> list[Footage]:
    """Return whose camera shows which footage: speakers get footage that speaks, in turn."""
    talking = [film for film in footage if film.can_talk] or list(footage)
    silent = [film for film in footage if film not in talking] + talking
    shown: list[Footage] = []
    used = [0, 0]
    for person in plan.scenario.people:
        films, which = (talking, 0) if person.talk > 0 else (silent, 1)
        chosen = [films[(used[which] + k) % len(films)] for k in range(person.faces)]
        size = (even(tallest * 16 / 9), tallest)
        shown.append(chosen[0] if person.faces == 1 else RoomFootage(chosen, size))
        used[which] += person.faces
    return shown
