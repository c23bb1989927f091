"""Which camera each tile shows: one number wherever it is certainly the same camera.

A camera is one participant's video through changes of layout. A tile keeps its camera as long as it
stays in its place of an unchanged grid, also while its video is off, and where it alone is cut:
videos jump. A large picture keeps it where its person moves so much that it looks like a cut and
the background stays. From one grid to the next a camera goes on where the picture around the face
does. From grid to grid, and from one showing of a speaker view to a later one, cameras are joined
by what is behind the person: a few colours, taken where nobody is. A background that two cameras
share (a company's virtual one) joins nothing. In doubt it is a new camera: two cameras of one
person are a loss, one camera of two persons is a lie.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from rapidfuzz import fuzz

from inference.cameras.background_colours import (
    TileSample,
    colours_apart,
    face_left_out,
    person_left_out,
)
from inference.cameras.showings import (
    OTHER_BACKGROUND,
    Backgrounds,
    Showing,
    Steps,
    background_stays,
    colours_of,
    is_due,
)
from inference.layout import Layout
from inference.schema.arrays import F32, I32, Bools
from inference.schema.observations import NameLabel

SAME_BACKGROUND = 12.0
"""Mean difference in levels (0–255) up to which two backgrounds are the same."""
SAME_PER_CONTRAST = 0.45
SAME_MOMENT = 10.0
OTHER_MOMENT, RIVAL_RATIO = 4.0, 3.0
"""Two tiles a moment apart show the same camera up to this mean difference (in levels), where every
other tile differs by this much more."""
MAX_GAP = 3
"""Samples in which a grid may be out of sight (a fade, a flash) and still be the same after."""
FULL_GALLERY = 20
"""From this many tiles Zoom shows whoever speaks in place of somebody silent: 25 a page."""
SETTLED = 4
"""Samples without a change in another place, after which one that changes is alone in it."""
LABEL_CONFIDENCE = 0.8
OTHER_LABEL = 0.5
"""Names less alike than this (0–1, RapidFuzz's ratio) belong to two people."""


@dataclass(slots=True)
class _Grid:
    """The places of a layout and what they show."""

    kind: str
    tiles: F32
    showings: list[int]
    has_video: Bools
    last_sample: int
    last_changes: I32
    """Of each place, the sample in which it last came to show something else."""

    def is_like(self, layout: Layout) -> bool:
        """Return whether a layout has the same places."""
        return self.kind == layout.kind and np.array_equal(self.tiles, layout.tiles)


class CameraMatcher:
    """Matches tiles to cameras, sample by sample, in order; numbers only, some KB per showing."""

    def __init__(self) -> None:
        self._showings: list[Showing] = []
        self._links: list[tuple[int, int]] = []
        self._stays: list[tuple[int, int, int]] = []
        """Two showings with a cut between them over which the background stayed, and its sample."""
        self._steps = Steps()
        self._views: dict[int, list[int]] = {}
        self._grids: list[_Grid] = []  # newest first
        self._last: TileSample | None = None

    def start_segment(self) -> None:
        """Forget the places: another file begins."""
        self._grids.clear()
        self._last = None

    def add(self, sample: int, view: int, layout: Layout, faces: Sequence[F32]) -> None:
        """Take one sample: its layout, the index of its view, and the boxes of its faces."""
        if layout.kind == "unknown" or len(layout.has_video) == 0:
            self._views.pop(view, None)  # a view that was judged better has no places any more
            return
        now = TileSample(sample, layout, faces, [])
        grid = self._place(now)
        self._views[view] = now.showings = grid.showings
        self._compare(now)
        self._take_colours(now)
        self._last = now

    def cameras(self, views: int, labels: Iterable[NameLabel] = ()) -> list[I32]:
        """Return for each of `views` views the cameras of its places; empty where unknown."""
        return self._by_view(views, self._joined(_texts(self._views, labels)))

    def likely_cameras(self, views: int, labels: Iterable[NameLabel] = ()) -> list[I32]:
        """Return the same where two that may be one camera have one number, for counting people.

        Those are never seen side by side, have no two names and no certainly different backgrounds,
        and do not take over from each other at a cut of a place that follows the speaker.
        """
        texts = _texts(self._views, labels)
        families, together = self._joined(texts), self._together()
        of_family: dict[int, list[int]] = {}
        for k, family in enumerate(families):
            of_family.setdefault(family, []).append(k)
        classes: list[list[int]] = []
        for own in of_family.values():
            for members in sorted(classes, key=max, reverse=True):
                both = members + own
                if (
                    _are_apart(both, together)
                    and not any(self._showings[k].cut_from in members for k in own)
                    and _have_one_name(both, texts)
                    and not self._are_other_rooms(members, own)
                ):
                    members += own
                    break
            else:
                classes.append(list(own))
        numbers = {k: n for n, members in enumerate(classes) for k in members}
        return self._by_view(views, [numbers[k] for k in range(len(families))])

    def _by_view(self, views: int, groups: Sequence[int]) -> list[I32]:
        """Number the groups of showings in order of first sight, and spread them over the views."""
        numbers: dict[int, int] = {}
        by_view = []
        for view in range(views):
            showings = self._views.get(view, [])
            cameras = [numbers.setdefault(groups[k], len(numbers)) for k in showings]
            by_view.append(np.array(cameras, np.int32))
        return by_view

    def _are_other_rooms(self, one: Sequence[int], other: Sequence[int]) -> bool:
        """Return whether the backgrounds seen longest in two lists of showings differ."""
        first, second = (max(k, key=lambda m: self._showings[m].samples) for k in (one, other))
        colours = [colours_of(self._showings[k], least_contrast=0.0) for k in (first, second)]
        if colours[0] is None or colours[1] is None:
            return False
        backgrounds = Backgrounds(1)
        backgrounds.open(first, *colours[0])
        distance = float(backgrounds.distances(*colours[1])[0])
        return SAME_BACKGROUND < distance < np.inf

    # Showings ------------------------------------------------------------------------------------

    def _place(self, now: TileSample) -> _Grid:
        """Find what each place shows: the same as before, or something new."""
        sample, layout = now.number, now.layout
        known = [g for g in self._grids if sample - g.last_sample <= MAX_GAP]
        grid = next((g for g in known if g.is_like(layout)), None)
        places = len(layout.has_video)
        if grid is None:
            never = np.full(places, -SETTLED, np.int32)
            grid = _Grid(layout.kind, layout.tiles, [], layout.has_video, sample, never)
            now.showings = grid.showings = [self._new(layout, k) for k in range(places)]
            if self._last is not None and sample - self._last.number <= MAX_GAP:
                self._links += _moved(self._last, now)
        elif layout.changed:
            grid = self._changed(sample, layout, grid)
        elif layout.is_revised:
            grid.has_video = layout.has_video
        grid.last_sample = sample
        self._grids = [grid, *(g for g in known if not g.is_like(layout))]
        return grid

    def _changed(self, sample: int, layout: Layout, grid: _Grid) -> _Grid:
        """Return the same places where some show something else."""
        showings = list(grid.showings)
        cuts, turned = layout.cuts, layout.has_video != grid.has_video
        places = len(showings)
        last_changes = np.where(cuts | turned, sample, grid.last_changes).astype(np.int32)
        for k in np.flatnonzero(cuts | turned).tolist():
            old = showings[k]
            showings[k] = new = self._new(layout, k)
            # Where several change at once people may have changed places. One alone in a gallery is
            # still the same: its camera jumped, or went off or on.
            is_alone = (np.delete(last_changes, k) <= sample - SETTLED).all()
            has_room = layout.kind == "gallery" and places < FULL_GALLERY
            if not turned[k] and layout.has_video[k]:
                self._showings[new].cut_from = old
            # Where whoever speaks is shown, a plain picture may be the next person's.
            may_stay = has_room or (turned[k] and not self._showings[new].is_active_place)
            if is_alone and may_stay:
                self._links.append((old, new))
        return _Grid(layout.kind, layout.tiles, showings, layout.has_video, sample, last_changes)

    def _compare(self, now: TileSample) -> None:
        """Note how the leading place changed, and where its background outlasted a cut."""
        before, layout = self._last, now.layout
        if before is None or now.number - before.number > MAX_GAP or not len(layout.cuts):
            return
        is_large = layout.kind in ("single", "speaker") or (
            layout.kind == "share" and len(layout.tiles) == 1
        )
        same = before.layout.kind == layout.kind
        if not (is_large and same and np.array_equal(before.layout.tiles, layout.tiles)):
            return
        cut = bool(layout.cuts[0])
        moving = [sample.cells(0, face_left_out) for sample in (before, now)]
        if moving[0] is not None and moving[1] is not None:
            self._steps.add(now.number, colours_apart(moving[0], moving[1]), cut)
        if cut:
            first, second = (sample.cells(0, person_left_out) for sample in (before, now))
            if first is not None and second is not None and background_stays(first, second):
                self._stays.append((before.showings[0], now.showings[0], now.number))

    def _new(self, layout: Layout, place: int) -> int:
        is_active = layout.kind == "single" or (layout.kind == "speaker" and place == 0)
        is_active |= layout.kind == "share" and len(layout.tiles) == 1
        is_active |= layout.kind == "speaker" and len(layout.tiles) == 2
        self._showings.append(Showing(is_active))
        return len(self._showings) - 1

    def _take_colours(self, now: TileSample) -> None:
        for k, number in enumerate(now.showings):
            showing = self._showings[number]
            if is_due(showing.samples, now.number):
                taken = now.cells(k, person_left_out)
                if taken is not None:
                    showing.add(*taken)

    # Joining -------------------------------------------------------------------------------------

    def _joined(self, texts: dict[int, set[str]]) -> list[int]:
        """Return the group of every showing: equal numbers are one camera."""
        count = len(self._showings)
        together = self._together()
        moved = [(a, b) for a, b, sample in self._stays if self._steps.is_restless(sample)]
        links = [
            (a, b)
            for a, b in sorted([*self._links, *moved], key=lambda link: link[1])
            if _have_one_name((a, b), texts) and not self._look_different(a, b)
        ]
        families = _families(count, links)
        clusters = self._clusters(together, {b for _, b in moved})
        for members in clusters:
            joined = sorted({k for m in members for k in _family_of(families, m)})
            if _are_apart(joined, together) and _have_one_name(joined, texts):
                for k in joined:
                    families[k] = families[joined[0]]
        return families

    def _look_different(self, a: int, b: int) -> bool:
        """Return whether two showings certainly have different backgrounds; False if unknown."""
        first, second = colours_of(self._showings[a]), colours_of(self._showings[b])
        if first is None or second is None:
            return False
        backgrounds = Backgrounds(1)
        backgrounds.open(a, *first)
        distance = float(backgrounds.distances(*second)[0])
        return OTHER_BACKGROUND <= distance < np.inf

    def _together(self) -> list[set[int]]:
        """For every showing those that were shown beside it."""
        together: list[set[int]] = [set() for _ in self._showings]
        for showings in self._views.values():
            for k in showings:
                together[k].update(showings)
        for k, others in enumerate(together):
            others.discard(k)
        return together

    def _clusters(self, together: list[set[int]], moved: set[int]) -> list[list[int]]:
        """Showings with one background that nothing else has, each list of two or more.

        `moved` are those that began because the person of the showing before moved.
        """
        backgrounds = Backgrounds(len(self._showings))
        for k, showing in enumerate(self._showings):
            colours = colours_of(showing)
            if colours is None:
                continue
            distances = backgrounds.distances(*colours)
            order = np.argsort(distances, kind="stable")[:2].tolist()
            best = order[0] if order and distances[order[0]] < OTHER_BACKGROUND else -1
            if best < 0:
                backgrounds.open(k, *colours)
                continue
            limit = min(SAME_BACKGROUND, SAME_PER_CONTRAST * colours[2])
            is_same = bool(distances[best] <= limit)
            second = distances[order[1]] if len(order) > 1 else np.inf
            has_rival = second < max(OTHER_BACKGROUND, 2 * distances[best])
            members = backgrounds.members[best]
            is_shared = not together[k].isdisjoint(members) or (
                # Somebody else appeared, and the background stayed.
                showing.is_active_place and showing.cut_from in members and k not in moved
            )
            if not is_same or has_rival or is_shared:
                near = np.flatnonzero(distances < OTHER_BACKGROUND).tolist()
                if is_shared or is_same:
                    for other in near:
                        backgrounds.is_doubtful[other] = True
                backgrounds.open(k, *colours)
                backgrounds.is_doubtful[-1] = is_shared or is_same
            else:
                backgrounds.join(best, k)
        return [
            members
            for members, doubtful in zip(backgrounds.members, backgrounds.is_doubtful, strict=True)
            if len(members) > 1 and not doubtful
        ]


def _moved(before: TileSample, after: TileSample) -> list[tuple[int, int]]:
    """Match the showings of a sample to those of the next, where the layout changed in between.

    A moment apart, a camera shows the same wherever its tile is now: all but the face is
    compared. Only what is clear both ways is returned.
    """
    old, new = (
        [sample.cells(k, face_left_out) for k in range(len(sample.showings))]
        for sample in (before, after)
    )
    distances = np.full((len(old), len(new)), np.inf)
    for i, one in enumerate(old):
        for j, other in enumerate(new):
            if one is not None and other is not None:
                distances[i, j] = colours_apart(one, other)
    links = []
    for i, j in zip(*np.nonzero(distances <= SAME_MOMENT), strict=True):
        rivals = np.concatenate([np.delete(distances[i], j), np.delete(distances[:, j], i)])
        if rivals.min(initial=np.inf) >= max(OTHER_MOMENT, RIVAL_RATIO * distances[i, j]):
            links.append((before.showings[i], after.showings[j]))
    return links


def _texts(views: dict[int, list[int]], labels: Iterable[NameLabel]) -> dict[int, set[str]]:
    """Return the names read on each showing."""
    texts: dict[int, set[str]] = {}
    for label in labels:
        showings = views.get(label.view, [])
        if label.confidence >= LABEL_CONFIDENCE and label.tile < len(showings):
            texts.setdefault(showings[label.tile], set()).add(label.text.casefold().strip())
    return texts


def _have_one_name(showings: Sequence[int], texts: dict[int, set[str]]) -> bool:
    """Return whether no two names read on the showings clearly belong to two people."""
    names = sorted({text for k in showings for text in texts.get(k, ()) if len(text) > 2})
    return all(
        a.startswith(b[:4]) or fuzz.ratio(a, b) / 100 >= OTHER_LABEL
        for i, a in enumerate(names)
        for b in names[i + 1 :]
    )


def _are_apart(showings: Sequence[int], together: list[set[int]]) -> bool:
    """Return whether no two of the showings were ever shown side by side."""
    members = set(showings)
    return all(together[k].isdisjoint(members) for k in showings)


def _families(count: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """Return groups of what is linked, as the number of each one's group."""
    groups = list(range(count))
    for a, b in pairs:  # in order of time: `b` is linked for the first time
        groups[b] = groups[a]
    return groups


def _family_of(families: list[int], member: int) -> list[int]:
    return [k for k, group in enumerate(families) if group == families[member]]
