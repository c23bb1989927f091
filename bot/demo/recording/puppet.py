"""Animates photographs: a face that speaks, smiles, falls, blinks, sways and turns.

Mouth and eyes are warped column by column: each column of pixels has knots (nose, lips, chin; brow,
lids) that move up and down, and the pixels between two knots are stretched. Pictures for every
level are made once; each video frame then picks a mouth and eyes, and sways the head.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from bot.demo.recording.faces import Picture, Points, Portrait, tile_picture, to_tile

Field = NDArray[np.float64]

MOUTH_LEVELS = 7
MOOD_LEVELS = 17
EYE_LEVELS = 4

# Lengths below are shares of the width of the mouth, or of the eye.
CORNER_LIFT = 0.14
CORNER_SPREAD = 0.09
CHEEK_LIFT = 0.06
MOUTH_OPENING = 0.34
INNER_BROW_LIFT = 0.24
OUTER_BROW_DROP = 0.10
MOUTH_TOP_BGR = (36.0, 22.0, 44.0)
MOUTH_FLOOR_BGR = (64.0, 48.0, 112.0)
TEETH_BGR = (140.0, 162.0, 182.0)


@dataclass(frozen=True)
class Pose:
    """A face's pose in one frame. Shifts are shares of the face's height."""

    mouth: float = 0.0
    """0 shut, 1 wide open."""
    mood: float = 0.0
    """-1 fallen, 1 broad smile."""
    eyes: float = 1.0
    """0 shut, 1 open."""
    shift_x: float = 0.0
    shift_y: float = 0.0
    tilt_rad: float = 0.0
    turn_x: float = 0.0
    """The face's middle against its edge: positive looks to the right of the picture."""
    turn_y: float = 0.0
    """Positive looks down."""
    light: float = 1.0


class Puppet:
    """One photograph in a tile, ready to be posed; constructing it warps every level once."""

    def __init__(self, portrait: Portrait, width: int, height: int) -> None:
        self._tile = tile_picture(portrait, width, height)
        self._portrait = portrait
        self._height = height
        self._mouths, self._mouth_at = self._make_mouths()
        self._eyes, self._eyes_at = self._make_eyes()
        self._make_sway_fields()

    def picture(self, pose: Pose) -> Picture:
        """Return the tile in that pose, BGR. The caller owns the array."""
        mood = round((np.clip(pose.mood, -1, 1) + 1) / 2 * (MOOD_LEVELS - 1))
        mouth = round(float(np.clip(pose.mouth, 0, 1)) * (MOUTH_LEVELS - 1))
        eyes = round(float(np.clip(pose.eyes, 0, 1)) * (EYE_LEVELS - 1))
        tile = self._tile.copy()
        _paste(tile, self._mouths[mouth, mood], self._mouth_at)
        _paste(tile, self._eyes[eyes, mood], self._eyes_at)
        x, y, width, height = self._sway_box
        face_px = self._face_px
        shift_x, shift_y = pose.shift_x * face_px, pose.shift_y * face_px
        map_x = cv2.scaleAdd(self._near, -shift_x, self._base_x)
        map_x = cv2.scaleAdd(self._spin_x, pose.tilt_rad, map_x)
        map_x = cv2.scaleAdd(self._middle, -pose.turn_x * face_px, map_x)
        map_y = cv2.scaleAdd(self._near, -shift_y, self._base_y)
        map_y = cv2.scaleAdd(self._spin_y, pose.tilt_rad, map_y)
        map_y = cv2.scaleAdd(self._middle, -pose.turn_y * face_px, map_y)
        swayed = cv2.remap(tile, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        tile[y : y + height, x : x + width] = swayed
        return np.asarray(cv2.convertScaleAbs(tile, alpha=pose.light), np.uint8)

    def _points(self, points: Points) -> Points:
        return to_tile(self._portrait, self._height, points)

    def _make_mouths(self) -> tuple[NDArray[np.uint8], tuple[int, int]]:
        face = _MouthKnots(self._portrait, self._height)
        box = face.box(self._tile.shape[1], self._tile.shape[0])
        levels = [
            [
                face.warp(self._tile, box, mouth, mood)
                for mood in np.linspace(-1.0, 1.0, MOOD_LEVELS)
            ]
            for mouth in np.linspace(0.0, 1.0, MOUTH_LEVELS)
        ]
        return np.array(levels), (box[0], box[1])

    def _make_eyes(self) -> tuple[NDArray[np.uint8], tuple[int, int]]:
        face = _EyeKnots(self._portrait, self._height)
        box = face.box(self._tile.shape[1], self._tile.shape[0])
        levels = [
            [face.warp(self._tile, box, eyes, mood) for mood in np.linspace(-1.0, 1.0, MOOD_LEVELS)]
            for eyes in np.linspace(0.0, 1.0, EYE_LEVELS)
        ]
        return np.array(levels), (box[0], box[1])

    def _make_sway_fields(self) -> None:
        """The pixel displacements of a moving head: fields that fade out around the head."""
        chin = self._points(np.array([self._portrait.chin]))[0]
        brow = self._points(np.concatenate(self._portrait.brows)).mean(axis=0)
        nose = self._points(np.array([self._portrait.nose]))[0]
        face_px = float(chin[1] - brow[1])
        centre = (brow + chin) / 2
        height, width = self._tile.shape[:2]
        x0, x1 = (int(np.clip(centre[0] + side * 2.3 * face_px, 0, width)) for side in (-1, 1))
        columns, rows = np.meshgrid(np.arange(x0, x1), np.arange(height))
        far = np.hypot(
            (columns - centre[0]) / (1.15 * face_px), (rows - centre[1]) / (1.35 * face_px)
        )
        near = _fade((far - 0.75) / 1.1)
        from_nose = np.hypot(
            (columns - nose[0]) / (0.62 * face_px), (rows - nose[1]) / (0.75 * face_px)
        )
        self._face_px = face_px
        self._sway_box = (x0, 0, x1 - x0, height)
        self._base_x = columns.astype(np.float32)
        self._base_y = rows.astype(np.float32)
        self._near = near.astype(np.float32)
        # The head tilts about the neck, a little below the chin.
        self._spin_x = (near * (rows - chin[1] - 0.3 * face_px)).astype(np.float32)
        self._spin_y = (-near * (columns - chin[0])).astype(np.float32)
        self._middle = np.exp(-(from_nose**2)).astype(np.float32)


class _MouthKnots:
    """The knots of the columns around a mouth, in pixels of the tile."""

    def __init__(self, portrait: Portrait, height: int) -> None:
        self._curves = [
            to_tile(portrait, height, curve)
            for curve in (
                portrait.upper_outer,
                portrait.upper_inner,
                portrait.lower_inner,
                portrait.lower_outer,
            )
        ]
        self._nose = to_tile(portrait, height, np.array([portrait.nose]))[0]
        self._chin = to_tile(portrait, height, np.array([portrait.chin]))[0]
        left, right = self._curves[0][0], self._curves[0][-1]
        self._width = float(right[0] - left[0])
        self._centre = (left + right) / 2
        self._rest_mood = portrait.rest_mood
        self._shows_teeth = portrait.shows_teeth

    def box(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Return the part of the tile that a mouth can change: left, top, right, bottom."""
        return (
            max(0, int(self._centre[0] - 1.35 * self._width)),
            max(0, int(self._nose[1] - 0.55 * self._width)),
            min(width, int(self._centre[0] + 1.35 * self._width)),
            min(height, int(self._chin[1] + 0.75 * self._width)),
        )

    def warp(
        self, tile: Picture, box: tuple[int, int, int, int], mouth: float, mood: float
    ) -> Picture:
        """Return that part of the tile with the mouth opened and the mood applied."""
        width_px, smile = self._width, mood - self._rest_mood
        x, y = np.arange(box[0], box[2], dtype=float), np.arange(box[1], box[3], dtype=float)
        u = (x - self._centre[0]) / (width_px / 2)
        beyond = np.exp(-((np.maximum(np.abs(u) - 1, 0) / 0.45) ** 2))
        at_corner = np.exp(-(((np.abs(u) - 1) / 0.5) ** 2))
        in_mouth = np.maximum(0.0, 1 - (u / 0.92) ** 2)
        spread = np.sign(u) * at_corner * width_px * (CORNER_SPREAD * smile - 0.05 * mouth)
        upper_outer, upper_inner, lower_inner, lower_outer = (
            np.interp(x - spread, curve[:, 0], curve[:, 1]) for curve in self._curves
        )
        gap = lower_inner - upper_inner
        shown = _fade(1 - mood / 0.8) if self._shows_teeth else 1.0
        wanted = gap * shown + MOUTH_OPENING * width_px * mouth * in_mouth**0.9
        change = wanted - gap
        upper_share = np.where(change < 0, -0.35, -0.08)
        lower_share = np.where(change < 0, 0.65, 0.92)
        lift = (
            width_px
            * smile
            * (-CORNER_LIFT * np.minimum(np.abs(u), 1) ** 2 * beyond + 0.03 * in_mouth)
        )
        down = 0.75 * np.max(change * lower_share, initial=0.0) * np.exp(-0.5 * u**2)
        nose = np.full_like(x, self._nose[1] + 0.08 * width_px)
        chin, neck = np.full_like(x, self._chin[1]), np.full_like(x, box[3] - 1.0)
        new_upper = upper_inner + lift + upper_share * change
        new_lower = lower_inner + lift + lower_share * change
        new_teeth = new_upper + np.minimum(gap, wanted)
        source = [nose, upper_outer, upper_inner, lower_inner, lower_inner, lower_outer, chin, neck]
        target = [
            nose,
            upper_outer + lift + 0.9 * upper_share * change,
            new_upper,
            new_teeth,
            new_lower,
            lower_outer + lift + 0.95 * lower_share * change,
            chin + down,
            neck,
        ]
        map_y = _column_map(y, _ascending(source), _ascending(target))
        across = np.exp(-(((y - self._centre[1]) / (0.45 * width_px)) ** 2))[:, None]
        map_x = x[None, :] - spread[None, :] * across
        cheek_y = self._nose[1] + 0.05 * width_px
        cheeks = at_corner * np.exp(-(((y - cheek_y) / (0.3 * width_px)) ** 2))[:, None]
        map_y = map_y + CHEEK_LIFT * width_px * smile * cheeks
        warped = _remap(tile, map_x, map_y)
        return self._paint_inside(warped, y, new_teeth, new_lower, in_mouth)

    def _paint_inside(
        self, picture: Picture, y: Field, top: Field, bottom: Field, in_mouth: Field
    ) -> Picture:
        """Darken the inside of an open mouth; a face with hidden teeth shows their edge."""
        rows = y[:, None]
        soft_px = max(0.6, 0.02 * self._width)
        inside = np.clip((rows - top) / soft_px + 0.5, 0, 1) * np.clip(
            (bottom - rows) / soft_px + 0.5, 0, 1
        )
        inside = inside * np.clip((bottom - top) / soft_px - 0.4, 0, 1)
        depth = np.clip((rows - top) / np.maximum(bottom - top, 1e-3), 0, 1)[..., None]
        colour = np.array(MOUTH_TOP_BGR) * (1 - depth) + np.array(MOUTH_FLOOR_BGR) * depth
        if not self._shows_teeth:
            edge = top + 0.07 * self._width * in_mouth
            teeth = 0.6 * np.clip((edge - rows) / soft_px + 0.5, 0, 1) * (in_mouth > 0.25)
            colour = colour * (1 - teeth[..., None]) + np.array(TEETH_BGR) * teeth[..., None]
        share = 0.92 * inside[..., None]
        return np.asarray(picture * (1 - share) + colour * share, np.uint8)


class _EyeKnots:
    """The knots of the columns around both eyes, in pixels of the tile."""

    def __init__(self, portrait: Portrait, height: int) -> None:
        self._lids = [
            (to_tile(portrait, height, upper), to_tile(portrait, height, lower))
            for upper, lower in portrait.eyes
        ]
        self._brows = [to_tile(portrait, height, brow) for brow in portrait.brows]
        self._width = float(self._lids[0][0][-1, 0] - self._lids[0][0][0, 0])
        self._rest_mood = portrait.rest_mood

    def box(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Return the part of the tile that eyes and brows can change: left, top, right, bottom."""
        brow_top = min(float(brow[:, 1].min()) for brow in self._brows)
        lid_bottom = max(float(lower[:, 1].max()) for _, lower in self._lids)
        return (
            max(0, int(self._brows[0][0, 0] - 0.7 * self._width)),
            max(0, int(brow_top - 0.9 * self._width)),
            min(width, int(self._brows[1][-1, 0] + 0.7 * self._width)),
            min(height, int(lid_bottom + 0.6 * self._width)),
        )

    def warp(
        self, tile: Picture, box: tuple[int, int, int, int], eyes: float, mood: float
    ) -> Picture:
        """Return that part of the tile with the lids lowered and the mood applied."""
        width_px, smile = self._width, mood - self._rest_mood
        x, y = np.arange(box[0], box[2], dtype=float), np.arange(box[1], box[3], dtype=float)
        middle = (self._lids[0][0][-1, 0] + self._lids[1][0][0, 0]) / 2
        columns: list[list[Field]] = [[], []]
        for eye, (upper, lower) in enumerate(self._lids):
            part = x[x < middle] if eye == 0 else x[x >= middle]
            u = (part - (upper[0, 0] + upper[-1, 0]) / 2) / (width_px / 2)
            beside = np.exp(-((np.maximum(np.abs(u) - 1, 0) / 0.35) ** 2))
            # -1 at the outer end of the brow, 1 at the inner one.
            inward = np.clip(u if eye == 0 else -u, -1.4, 1.4)
            brow = np.interp(part, self._brows[eye][:, 0], self._brows[eye][:, 1])
            top = np.interp(part, upper[:, 0], upper[:, 1])
            bottom = np.interp(part, lower[:, 0], lower[:, 1])
            fallen = max(0.0, -mood)
            raised = INNER_BROW_LIFT * np.maximum(inward, 0) - OUTER_BROW_DROP * np.maximum(
                -inward, 0
            )
            move = -width_px * beside * (fallen * raised + 0.03 * max(0.0, smile))
            opening = bottom - top
            squint = 0.10 * max(0.0, smile) + 0.06 * fallen
            lid = opening * (0.88 * (1 - eyes) + squint * eyes)
            floor = np.full_like(part, box[3] - 1.0)
            ceiling = np.full_like(part, float(box[1]))
            # Just above the lid, the skin of the eye socket does not move with the lid.
            socket = np.minimum(top - 0.12 * width_px, (brow + top) / 2 + 0.1 * width_px)
            columns[0].append(np.array([ceiling, brow, socket, top, bottom, floor]))
            columns[1].append(
                np.array(
                    [
                        ceiling,
                        brow + move,
                        socket + 0.3 * move,
                        top + lid,
                        bottom - 0.06 * opening * (1 - eyes) - 0.12 * opening * max(0.0, smile),
                        floor,
                    ]
                )
            )
        source, target = (list(np.concatenate(parts, axis=1)) for parts in columns)
        map_y = _column_map(y, _ascending(source), _ascending(target))
        return _remap(tile, np.broadcast_to(x, map_y.shape), map_y)


def _ascending(knots: list[Field]) -> list[Field]:
    """Return each column's knots, pushed down where they are not in ascending order."""
    rising = [knots[0]]
    for knot in knots[1:]:
        rising.append(np.maximum(knot, rising[-1] + 0.05))
    return rising


def _column_map(y: Field, source: list[Field], target: list[Field]) -> Field:
    """Map each pixel of a column to its source, for knots that move from source to target."""
    rows = y[:, None]
    start, end = target[0], target[-1]
    mapped: Field = source[0] + np.minimum(rows - start, 0) + np.maximum(rows - end, 0)
    for (from_0, from_1), (to_0, to_1) in zip(pairwise(source), pairwise(target), strict=True):
        mapped = mapped + np.clip((rows - to_0) / (to_1 - to_0), 0, 1) * (from_1 - from_0)
    return mapped


def _remap(tile: Picture, map_x: Field, map_y: Field) -> Picture:
    return np.asarray(
        cv2.remap(
            tile,
            map_x.astype(np.float32),
            map_y.astype(np.float32),
            cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.uint8,
    )


def _fade(x: Field | float) -> Field:
    """Return 1 below 0, 0 above 1, and a smooth transition between."""
    share = np.clip(x, 0.0, 1.0)
    return np.asarray(1.0 - share * share * (3.0 - 2.0 * share), float)


def _paste(tile: Picture, patch: Picture, at: tuple[int, int]) -> None:
    x, y = at
    tile[y : y + patch.shape[0], x : x + patch.shape[1]] = patch
