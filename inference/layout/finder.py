"""The layout followed through time: what is believed, what was cut, who has video."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from inference.boxes import has_centre_in
from inference.layout.cuts import Places, difference, thumbnail
from inference.layout.division import (
    NO_TILES,
    Division,
    all_match,
    find_division,
    match,
    same_division,
    same_main,
    same_tiles,
)
from inference.layout.grid import slack_px
from inference.layout.gutters import Gutters
from inference.layout.inset import FaceSearch, InsetFinder
from inference.layout.screen import ScreenJudge
from inference.layout.tile_content import Motion, VideoJudge, is_plain, shrink_picture
from inference.schema.arrays import F32, U8, Bools

SAMPLES_TO_BELIEVE = 2
"""A new layout counts when it was seen in this many samples in a row: one may be a fade."""
SAMPLES_TO_BELIEVE_MORE = 6
"""More tiles in a gallery whose others stay: a dark room got light, unless emoji rise where there
is no tile."""
SAMPLES_BETWEEN_LOOKS = 8
"""A large part with a thumbnail over it is searched for faces every 4 s, unless it is drawn."""

_NO_FLAGS: Bools = np.zeros(0, np.bool_)


@dataclass(frozen=True, slots=True)
class Layout:
    """How one sample's picture is divided.

    `kind` and `tiles` are those of `View`: tiles (n, 4), the large one first, then in reading
    order; none for the undivided picture. `changed`: this division, or who has video, differs from
    the sample before, or the picture was cut. `cuts` says per tile, or for the undivided picture
    in one value, that it shows something else than when it was last seen: another person, or a
    camera switched on or off. `has_video` is aligned with it. `is_revised`: the kind, or who
    has video, was judged better; what was said of the samples since the last change holds no more.
    `picture` is the sample's picture in grey, reduced, of a frame `width_px` wide; `colours` the
    same in RGB.
    """

    kind: str
    tiles: F32
    changed: bool
    cuts: Bools = field(default_factory=lambda: _NO_FLAGS)
    picture: U8 | None = None
    width_px: int = 0
    has_video: Bools = field(default_factory=lambda: _NO_FLAGS)
    is_revised: bool = False
    colours: U8 | None = None

    @property
    def regions(self) -> F32 | None:
        """The tiles whose faces are people's, (n, 4), or None: anywhere in the picture."""
        if self.kind == "share" or len(self.tiles):
            return self.tiles[self.has_video] if len(self.has_video) else self.tiles
        if self.kind == "single" and len(self.has_video) and not self.has_video[0]:
            return NO_TILES
        return None

    @property
    def region_cuts(self) -> Bools:
        """Return whether each of `regions`, or the undivided picture as one value, was cut; all of
        them where the division changed."""
        regions = self.regions
        count = 1 if regions is None else len(regions)
        if regions is None or len(self.cuts) != len(self.tiles):
            return np.full(count, self.changed)
        return self.cuts[self.has_video] if len(self.has_video) else self.cuts


class LayoutFinder:
    """Follows the layout through one recording; samples come in order of time."""

    def __init__(self, samples_per_s: float = 2.0, faces_in: FaceSearch | None = None) -> None:
        """Take how many samples come in a second, and what finds faces in a picture.

        Without `faces_in`, a small picture over a large one is believed for its frame alone.
        """
        self._faces_in = faces_in
        self._division: Division | None = None
        self._next: Division | None = None
        self._next_seen = 0
        self._gutters: Gutters | None = None
        self._grey: U8 | None = None
        self._small: U8 | None = None
        self._last = Layout("", NO_TILES, False)
        self._places = Places()
        self._main_place = Places()
        self._videos = VideoJudge(samples_per_s)
        self._screen = ScreenJudge(False)
        self._screen_of: Division | None = None
        self._inset = InsetFinder(self._faces_in)
        self._shown = NO_TILES
        self._since_look = 0

    def update(self, image: U8, *, is_repeated: bool = False) -> Layout:
        """Return the layout of the next sample (RGB).

        A repeated sample shows the picture of the one before again. It may confirm a new division,
        but does not say what keeps still: otherwise it has the layout before, unchanged.
        """
        if is_repeated and self._last.kind and not self._is_confirmed(image):
            no_cuts = np.zeros_like(self._last.cuts)
            self._last = replace(self._last, changed=False, cuts=no_cuts, is_revised=False)
            return self._last
        width = image.shape[1]
        small = shrink_picture(image)
        motion = None
        if not is_repeated and self._small is not None and self._small.shape == small.shape:
            motion = Motion(self._small, small, width)
        self._small = small
        picture = np.ascontiguousarray(small[:, :, 1])
        division = self._settle(image)
        kind, tiles = self._judge(division, image, small, motion)
        whole = np.array([[0, 0, width, image.shape[0]]], np.float32)
        places = tiles if len(tiles) or kind == "share" else whole
        cuts = self._places.cuts(small, places, width)
        has_video = np.ones(len(places), np.bool_)
        if kind != "unknown":
            has_video = self._videos.update(places, cuts, small, motion, width)
        self._last = self._noted(kind, tiles, cuts, picture, width, has_video, small)
        return self._last

    def _noted(
        self,
        kind: str,
        tiles: F32,
        cuts: Bools,
        picture: U8,
        width: int,
        has_video: Bools,
        small: U8,
    ) -> Layout:
        """Return the layout with what changed since the sample before."""
        last = self._last
        moved = kind != last.kind or not same_tiles(tiles, last.tiles, width)
        turned = not moved and not np.array_equal(has_video, last.has_video)
        revised = moved and self._is_revised(kind, tiles, last, width)
        if turned and not cuts.any():
            # A still picture was never a camera in this view.
            expected = last.has_video & ~self._videos.were_still()
            revised = np.array_equal(has_video, expected)
            turned = not revised
        changed = (moved and not revised) or turned or bool(cuts.any())
        if changed:
            self._videos.start_view()
        return Layout(
            kind, tiles, changed, cuts, picture, width, has_video, revised and not cuts.any(), small
        )

    def _is_revised(self, kind: str, tiles: F32, last: Layout, width: int) -> bool:
        """Return whether only the judgement of the large part, not the picture, has changed."""
        division = self._screen_of
        if kind == "share" and last.kind == "speaker":
            is_beside = division is not None and division.kind == "beside"
            same = same_tiles(tiles, last.tiles[1:], width)
            return same and (is_beside or self._screen.is_since_cut)
        if {kind, last.kind} != {"single", "share"} or len(last.tiles):
            return False
        is_under_thumbnail = kind == "share" and self._screen.is_told
        return self._screen.is_since_cut and (len(tiles) == 0 or is_under_thumbnail)

    # Settling ------------------------------------------------------------------------------------

    def _settle(self, image: U8) -> Division:
        """Return what is believed after this sample."""
        width = image.shape[1]
        found = find_division(image, is_thorough=self._division is None)
        if found is None:  # black: nothing speaks for a change
            return self._division or Division("unknown")
        believed, is_covered = self._division, False
        if believed is not None and not self._agrees(found, believed, width):
            grows = found.kind == "gallery" and len(found.tiles) > len(believed.tiles)
            if self._gutters and (not grows or all_match(believed.tiles, found.tiles, width)):
                is_covered = self._gutters.remain(image)
            if is_covered and not grows:
                self._next = None
                return believed
            found = found if is_covered else find_division(image) or found
        if believed is None or self._agrees(found, believed, width):
            self._next = None
            if believed is None:
                self._believe(found, image)
            elif self._gutters is None and len(found.tiles) == len(believed.tiles):
                self._gutters = _gutters(believed, image)
            return self._division or found
        if self._next is not None and same_division(found, self._next, width):
            self._next_seen += 1
        else:
            self._next, self._next_seen = found, 1
        if self._next_seen >= (SAMPLES_TO_BELIEVE_MORE if is_covered else SAMPLES_TO_BELIEVE):
            tiles = _kept_exact(found.tiles, believed.tiles, width)
            self._believe(replace(found, tiles=tiles), image)
            self._next = None
            return self._division or found
        if is_covered:
            return believed
        if believed.kind == "whole" and found.kind == "whole":
            return believed
        if believed.kind not in ("gallery", "beside"):  # a real change shows as a cut as well
            return believed
        stay = [tile for tile in believed.tiles if match(tile, found.tiles, width) is not None]
        if not stay or believed.kind == "beside":
            return Division("unknown")
        return Division("gallery", np.stack(stay))

    def _is_confirmed(self, image: U8) -> bool:
        """Return whether a new division is believed now that its picture is seen again."""
        believed = self._division
        if self._next is not None:
            self._settle(image)
        return self._division is not believed

    def _believe(self, division: Division, image: U8) -> None:
        self._division = division
        self._gutters = _gutters(division, image)

    @staticmethod
    def _agrees(found: Division, believed: Division, width: int) -> bool:
        """Return whether the sample shows the believed layout; dark tiles may be missing."""
        if found.kind != believed.kind or not all_match(found.tiles, believed.tiles, width):
            return False
        if found.kind == "whole" and found.main is not None and believed.main is not None:
            # A camera may have had bars beside it that a desktop does not have.
            beyond = (believed.main - found.main) * np.array([1, 1, -1, -1])
            return bool(beyond.max() <= slack_px(width))
        return found.kind != "beside" or same_main(found.main, believed.main)

    # Judging -------------------------------------------------------------------------------------

    def _judge(
        self, division: Division, image: U8, colours: U8, motion: Motion | None
    ) -> tuple[str, F32]:
        """Return kind and tiles: whether the large part is a screen, and what lies over it."""
        if division.kind in ("gallery", "unknown") or division.main is None:
            self._screen_of = None
            return division.kind, division.tiles
        width = image.shape[1]
        # Into the same memory each time: fresh memory of this size costs more than the conversion.
        self._grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY, self._grey), np.uint8)
        known = self._screen_of
        if (
            known is None
            or known.kind != division.kind
            or not same_division(known, division, width)
        ):
            self._screen = ScreenJudge(has_tiles=division.kind == "beside")
            self._screen_of = division
            self._main_place = Places()
            self._inset = InsetFinder(self._faces_in)
        main = division.main
        cut = bool(self._main_place.cuts(colours, main[None], width)[0])
        inset = None
        if division.kind == "whole":
            is_screen = bool(self._screen.is_screen)
            inset = self._inset.update(
                image, self._grey, main, motion, is_cut=cut, is_screen=is_screen
            )
        small = division.tiles if inset is None else inset[None]
        moved = motion.share_outside(main, small) if motion is not None else None
        is_name = division.kind == "whole" and not self._screen.is_screen and is_plain(colours)
        self._screen.update(self._grey, main, moved, cut, is_name)
        self._look_under(image, inset)
        is_screen = bool(self._screen.is_screen)
        if is_screen:
            return "share", self._same_array(None, small)
        if len(small) == 0:
            return "single", NO_TILES
        return "speaker", self._same_array(main, small)

    def _look_under(self, image: U8, inset: F32 | None) -> None:
        """Take a large part that moves for a screen where a thumbnail lies over it, and no face is
        in it: a game, a film of things."""
        screen = self._screen
        if inset is None:
            self._since_look = 0
            screen.tell(False)
        if inset is None or self._faces_in is None or (screen.is_screen and not screen.is_told):
            return
        if self._since_look % SAMPLES_BETWEEN_LOOKS == 0:
            others = [f for f in self._faces_in(image, None) if not has_centre_in(f, inset)]
            screen.tell(not others)
        self._since_look += 1

    def _same_array(self, main: F32 | None, small: F32) -> F32:
        """Return the tiles, the large one first; the same array as long as they are the same."""
        tiles = small if main is None else np.concatenate([main[None], small])
        if not np.array_equal(tiles, self._shown):
            self._shown = tiles
        return self._shown


def _gutters(division: Division, image: U8) -> Gutters | None:
    """Return the gutters of a gallery, None where they do not show or there are none."""
    is_gallery = division.kind == "gallery" and len(division.tiles) > 1
    return Gutters.of(division.tiles, image) if is_gallery else None


def _kept_exact(tiles: F32, before: F32, width: int) -> F32:
    """Return the tiles, those that stayed with exactly their old edges."""
    if len(tiles) == 0:
        return tiles
    matches = [(tile, match(tile, before, width)) for tile in tiles]
    return np.stack([tile if old is None else before[old] for tile, old in matches])


def picture_difference(before: Layout, after: Layout, place: F32) -> float | None:
    """Return how much a place (xyxy in the frame) differs between two samples.

    Returns:
        Mean difference in levels (0–255), brightness removed; over CUT_DIFFERENCE it is another
        scene. None where a layout came without its picture.
    """
    if before.picture is None or after.picture is None:
        return None
    points = [
        thumbnail(layout.picture, place * (layout.picture.shape[1] / max(1, layout.width_px)))
        for layout in (before, after)
        if layout.picture is not None
    ]
    return difference(points[0], points[1])
