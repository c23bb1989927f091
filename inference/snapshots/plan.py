"""Which picture shows a moment best, and who in it may be seen: planned from numbers alone.

A picture holds the moment's own people, as far as they are scored, and nothing else of the
recording: each is cut out of their tile. Whoever a cut-out holds besides (a neighbour in the same
room, a small picture over a large one) is blurred, and so is all of the tile but the faces wanted.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from inference.boxes import centre, centres, clipped, holders, overlap, scaled
from inference.faces.face_search import MERGE_IOU
from inference.faces.follower import SEARCH_EVERY_S
from inference.schema.analysis import CallAnalysis, Moment
from inference.schema.arrays import EXPRESSIONS, F32, F64
from inference.schema.observations import View

WIDTH_PX, HEIGHT_PX, GAP_PX = 640, 360, 4
"""Of a finished picture, and between the people in it."""
ROWS = {1: (1,), 2: (2,), 3: (3,), 4: (2, 2), 5: (3, 2), 6: (3, 3)}
"""How many cut-outs are in each row. More than six faces are too small to read."""
FACE_SHARE, FACE_LEVEL = 0.42, 0.47
"""A face takes this much of its cut-out's height, where the tile is large enough, and its middle is
so far down in it."""
MOST_SHARE, MOST_ACROSS = 0.8, 0.9
"""A face is never cut: it takes at most this much of the cut-out's height and width."""
TELLING_S = 6.0
"""A change is searched for in the face this long from when it begins."""
SMOOTH_S = 0.75
"""Expressions are averaged over this much on either side: one picture may be misread."""
STEADY_SAMPLES = 2
"""A layout is believed a sample late: no picture is taken so near to where it changes."""
LATE_SAMPLES = 6
"""A small picture that appears in the corner of an undivided one is believed once it moved: three
samples late in tests. None is taken of this many before."""
AROUND_S = 10.0
"""Where a setting leaves people out, nobody else was seen in a shown tile this long before and
after; otherwise in the samples beside, and as long after as a tile goes without a search."""
SHOWN_MARGIN, HIDDEN_MARGIN = 1.7, 1.8
"""Faces are enlarged this much where they alone may be seen, or may not."""
CLOSED_EYES, TURNED_DEG, UNSIGHTLY = 0.7, 30.0, 0.12
"""Eyes less open than this share of their usual, or a head turned so far, cost this much."""

Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Area:
    """A part of the recording's picture, xyxy, that may be seen or not; later ones win."""

    box: Box
    is_shown: bool


@dataclass(frozen=True, slots=True)
class CutOut:
    """What one place of the finished picture shows: `crop` (xyxy) of the recording's picture."""

    people: tuple[int, ...]
    crop: Box


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One picture to be made of a moment. What lies in none of its areas is not shown."""

    at_s: float
    size_px: tuple[int, int]
    """Width and height of the recording's picture."""
    rows: tuple[tuple[CutOut, ...], ...]
    areas: tuple[Area, ...]

    @property
    def people(self) -> tuple[int, ...]:
        """Indexes of the moment's people, in reading order."""
        return tuple(person for row in self.rows for cut in row for person in cut.people)

    @property
    def key(self) -> str:
        """The same for two snapshots that show the same, whatever the people are called."""
        rows = [[cut.crop for cut in row] for row in self.rows]
        areas = [(area.box, area.is_shown) for area in self.areas]
        plain = json.dumps([1, self.at_s, self.size_px, rows, areas])
        return hashlib.sha256(plain.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class _Face:
    person: int
    box: F32
    tile: int
    """Index into the view's tiles; -1 where none holds it."""
    unsightly: float


def plan_snapshots(
    analysis: CallAnalysis, moments: Sequence[Moment], *, leaves_out: bool
) -> tuple[Snapshot | None, ...]:
    """Plan a picture for each moment; None where nobody of its people may or can be shown.

    Args:
        analysis: the call; those who are scored in it may be shown.
        moments: of that call. Each shows its own people alone.
        leaves_out: a setting leaves somebody out. A face that passes through a tile without being
            anybody's may then be theirs, and the tile counts as shared for `AROUND_S`.
    """
    planner = _Planner(analysis, leaves_out)
    return tuple(planner.plan(moment) for moment in moments)


class _Planner:
    """Looks faces up by sample, for the moments of one call."""

    def __init__(self, analysis: CallAnalysis, leaves_out: bool) -> None:
        seen = analysis.observations
        self._analysis, self._seen = analysis, seen
        owner = {tie.track: tie.participant for tie in analysis.attributions}
        self._shown = {p.index for p in analysis.participants if p.is_scored}
        self._reach = max(1, round(SMOOTH_S / seen.sample_interval_s))
        owners = [owner.get(track, -1) for track in seen.faces.track.tolist()]
        self._person = np.array(owners, np.int32)
        opening = seen.faces.eye_opening
        around = round(AROUND_S / seen.sample_interval_s)
        # Who sits down beside a face that is followed is found by the next search of the tile.
        self._ahead = STEADY_SAMPLES + math.ceil(SEARCH_EVERY_S / seen.sample_interval_s)
        self._before = max(around, STEADY_SAMPLES) if leaves_out else STEADY_SAMPLES
        self._after = max(around, self._ahead) if leaves_out else self._ahead
        self._usual = {p: _median(opening[self._person == p]) for p in sorted(self._shown)}

    def plan(self, moment: Moment) -> Snapshot | None:
        wanted = [p for p in moment.participants if p in self._shown]
        if not wanted:
            return None
        telling = {p: self._telling(p, moment.kind) for p in wanted}
        for start_s, end_s in _spans(moment):
            first, last = np.searchsorted(self._seen.t_s, (start_s - 1e-6, end_s + 1e-6))
            middle = (first + last - 1) / 2
            best: tuple[tuple[float, float], int, View, list[_Face]] | None = None
            for sample in range(int(first), int(last)):
                view = self._steady_view(sample)
                faces = [] if view is None else self._faces(sample, view, wanted)
                if view is None or not faces:
                    continue
                open_tiles = self._open_tiles(sample, view, wanted)
                worth = 2 * len(faces) / len(wanted)
                worth += float(np.mean([telling[f.person][sample] - f.unsightly for f in faces]))
                worth -= UNSIGHTLY * float(np.mean([f.tile not in open_tiles for f in faces]))
                rank = (round(worth, 4), -abs(sample - middle))
                if best is None or rank > best[0]:
                    best = (rank, sample, view, faces)
            if best is not None:
                _, sample, view, faces = best
                faces.sort(key=lambda f: -telling[f.person][sample])
                return self._snapshot(sample, view, wanted, faces[: max(ROWS)])
        return None

    def _telling(self, person: int, kind: str) -> F64:
        """Return how much a person's face shows the change at each sample, (T,), higher is more."""
        series = self._analysis.participants[person].series
        columns = {"to_happy": "happy", "to_angry": "angry"}
        if kind in columns:
            values = series.probs[:, EXPRESSIONS.index(columns[kind])]
        elif kind in ("rise", "fall"):
            values = series.listening if kind == "rise" else -series.listening
        else:
            values = np.zeros(len(self._seen.t_s), np.float32)
        known = np.isfinite(values)
        window = np.ones(2 * self._reach + 1)
        total = np.convolve(np.where(known, values, 0.0), window, "same")[: len(values)]
        count = np.convolve(known.astype(float), window, "same")[: len(values)]
        return np.where(count > 0, total / np.maximum(count, 1), -1.0)

    def _steady_view(self, sample: int) -> View | None:
        views = self._seen.views
        for view, after in zip(views, (*views[1:], None), strict=True):
            if view.start_sample <= sample < view.end_sample:
                is_late = view.kind == "single" and after is not None and len(after.tiles) > 0
                end = view.end_sample - (LATE_SAMPLES if is_late else STEADY_SAMPLES)
                return view if view.start_sample + STEADY_SAMPLES <= sample < end else None
        return None

    def _rows_while(self, view: View, first: int, last: int) -> slice:
        """Return the faces from one sample up to another while the view's tiles stay in place.

        A camera that is switched on or off in another tile of a gallery begins a new view; in any
        other kind, what begins one is that another is shown.
        """
        start, end = view.start_sample, view.end_sample

        def goes_on(other: View) -> bool:
            is_near = other.end_sample > first and other.start_sample < last
            return (
                is_near
                and view.kind == other.kind == "gallery"
                and np.array_equal(other.tiles, view.tiles)
            )

        views = self._seen.views
        at = next(k for k, other in enumerate(views) if other is view)
        for before in itertools.takewhile(goes_on, reversed(views[:at])):
            start = before.start_sample
        for after in itertools.takewhile(goes_on, views[at + 1 :]):
            end = after.end_sample
        return self._rows(max(start, first), min(end, last))

    def _faces(self, sample: int, view: View, wanted: Sequence[int]) -> list[_Face]:
        """Return the wanted people's faces in this very sample, each once."""
        faces = self._seen.faces
        rows = self._rows(sample, sample + 1)
        found: dict[int, _Face] = {}
        tiles = self._tiles(view)
        for row in range(rows.start, rows.stop):
            person = int(self._person[row])
            if person in wanted and person not in found:
                box = clipped(faces.box[row], self._seen.width_px, self._seen.height_px)
                tile = int(holders(centre(box)[None], tiles)[0])
                unsightly = float(faces.eye_opening[row] < CLOSED_EYES * self._usual[person])
                unsightly += float(abs(faces.yaw_deg[row]) > TURNED_DEG)
                found[person] = _Face(person, box, tile, UNSIGHTLY * unsightly)
        return list(found.values())

    def _rows(self, first: int, last: int) -> slice:
        start, end = np.searchsorted(self._seen.faces.sample, (first, last))
        return slice(int(start), int(end))

    def _tiles(self, view: View) -> F32:
        if view.kind == "single":
            return np.array([[0, 0, self._seen.width_px, self._seen.height_px]], np.float32)
        return view.tiles if view.kind != "unknown" else view.tiles[:0]

    def _snapshot(
        self, sample: int, view: View, wanted: Sequence[int], faces: Sequence[_Face]
    ) -> Snapshot:
        tiles = self._tiles(view)
        open_tiles = self._open_tiles(sample, view, wanted)
        size = (self._seen.width_px, self._seen.height_px)
        rows = _rows_of(faces, tiles, open_tiles, size, is_together=True)
        if not all(_fits(faces, cut) for row in rows for cut in row):
            rows = _rows_of(faces, tiles, open_tiles, size, is_together=False)
        crops = [cut.crop for row in rows for cut in row]
        areas = [
            area
            for area in self._areas(sample, view, wanted, faces, open_tiles)
            if any(_overlap(area.box, crop) for crop in crops)
        ]
        return Snapshot(float(self._seen.t_s[sample]), size, rows, tuple(areas))

    def _open_tiles(self, sample: int, view: View, wanted: Sequence[int]) -> set[int]:
        """Return the tiles in which somebody wanted is seen, and around this time nobody else."""
        rows = self._rows_while(view, sample - self._before, sample + self._after + 1)
        boxes = self._seen.faces.box[rows]
        held = holders(centres(boxes), self._tiles(view))
        is_wanted = np.isin(self._person[rows], list(wanted))
        now = self._seen.faces.sample[rows] == sample
        return set(held[now & is_wanted].tolist()) - set(held[~is_wanted].tolist()) - {-1}

    def _areas(
        self,
        sample: int,
        view: View,
        wanted: Sequence[int],
        faces: Sequence[_Face],
        open_tiles: set[int],
    ) -> Iterator[Area]:
        """Return what may be seen and what not, the later over the earlier."""
        tiles = self._tiles(view)
        size = (self._seen.width_px, self._seen.height_px)
        order = np.argsort(-(tiles[:, 2:] - tiles[:, :2]).prod(axis=1), kind="stable")
        for tile in order.tolist():
            yield Area(_whole_px(tiles[tile], size), tile in open_tiles)
        for face in faces:
            if face.tile not in open_tiles:
                own = scaled(face.box, SHOWN_MARGIN)
                own = _common(own, tiles[face.tile]) if face.tile >= 0 else own
                yield Area(_whole_px(own, size), True)
        near = self._rows_while(view, sample - STEADY_SAMPLES, sample + self._ahead + 1)
        for row in range(near.start, near.stop):
            box = self._seen.faces.box[row]
            is_later = int(self._seen.faces.sample[row]) > sample + STEADY_SAMPLES
            # A place that a shown face takes now is not yet that of whoever comes later.
            is_taken = any(overlap(box, face.box) >= MERGE_IOU for face in faces)
            if int(self._person[row]) not in wanted and not (is_later and is_taken):
                yield Area(_whole_px(scaled(box, HIDDEN_MARGIN), size), False)


def _median(values: F32) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else 0.0


def _spans(moment: Moment) -> Iterator[tuple[float, float]]:
    """Return where to look for a picture: where the change shows, then anywhere in the moment."""
    if moment.kind != "silence":
        change_s = min(max(moment.change_s, moment.start_s), moment.end_s)
        yield change_s, min(change_s + TELLING_S, moment.end_s)
    yield moment.start_s, moment.end_s


def _rows_of(
    faces: Sequence[_Face],
    tiles: F32,
    open_tiles: set[int],
    size: tuple[int, int],
    *,
    is_together: bool,
) -> tuple[tuple[CutOut, ...], ...]:
    """Cut the faces out, row by row; those of one open tile in one piece where asked to."""
    groups: dict[tuple[int, int], list[_Face]] = {}
    for face in sorted(faces, key=lambda f: f.person):
        is_shared = is_together and face.tile in open_tiles
        groups.setdefault((face.tile, -1 if is_shared else face.person), []).append(face)
    left = iter(groups.values())
    return tuple(
        tuple(_cut_out(next(left), tiles, open_tiles, size, aspect) for aspect in shape)
        for shape in _places(len(groups))
    )


def _fits(faces: Sequence[_Face], cut: CutOut) -> bool:
    """Return whether a cut-out cuts off no face by more than a pixel of rounding."""
    x0, y0, x1, y1 = cut.crop
    inner = np.array([x0 - 1, y0 - 1, x1 + 1, y1 + 1])
    boxes = np.stack([face.box for face in faces if face.person in cut.people])
    return bool((boxes[:, :2] >= inner[:2]).all() and (boxes[:, 2:] <= inner[2:]).all())


def _places(count: int) -> list[list[float]]:
    """Return the width over height of every place, row by row."""
    rows = ROWS[count]
    high = (HEIGHT_PX - GAP_PX * (len(rows) - 1)) / len(rows)
    return [[(WIDTH_PX - GAP_PX * (n - 1)) / n / high] * n for n in rows]


def _cut_out(
    faces: Sequence[_Face],
    tiles: F32,
    open_tiles: set[int],
    size: tuple[int, int],
    aspect: float,
) -> CutOut:
    """Return the part of the picture about some faces of one tile.

    As much of an open tile as looks well; of any other just the face, as only that is shown.
    """
    width, height = size
    boxes = np.stack([face.box for face in faces]).astype(np.float64)
    left, top = boxes[:, :2].min(axis=0)
    right, bottom = boxes[:, 2:].max(axis=0)
    face_w, face_h = right - left, bottom - top
    least = max(face_h / MOST_SHARE, face_w / (MOST_ACROSS * aspect))
    if faces[0].tile in open_tiles:
        bounds = tiles[faces[0].tile].tolist()
        held = min(bounds[3] - bounds[1], (bounds[2] - bounds[0]) / aspect)
        high, level = max(min(face_h / FACE_SHARE, held), least), FACE_LEVEL
    else:
        bounds = [0.0, 0.0, width, height]
        high, level = max(face_h * SHOWN_MARGIN, least), 0.5
    high = min(high, height, width / aspect)
    wide = high * aspect
    x = _placed((left + right - wide) / 2, wide, bounds[0], bounds[2], width)
    y = _placed((top + bottom) / 2 - level * high, high, bounds[1], bounds[3], height)
    x0, y0 = min(round(x), width - 1), min(round(y), height - 1)
    x1, y1 = max(x0 + 1, round(x + wide)), max(y0 + 1, round(y + high))
    crop = (x0, y0, min(width, x1), min(height, y1))
    return CutOut(tuple(face.person for face in faces), crop)


def _placed(start: float, size: float, low: float, high: float, most: float) -> float:
    """Move a span into its bounds, or about their middle where it is longer; never out of all."""
    is_held = size <= high - low
    start = min(max(start, low), high - size) if is_held else (low + high - size) / 2
    return float(min(max(start, 0.0), max(most - size, 0.0)))


def _whole_px(box: F32, size: tuple[int, int]) -> Box:
    x0, y0, x1, y1 = (round(float(edge)) for edge in clipped(box, *size))
    return x0, y0, x1, y1


def _common(a: F32, b: F32) -> F32:
    both: F32 = np.concatenate([np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])])
    return both


def _overlap(a: Box, b: Box) -> bool:
    return min(a[2], b[2]) > max(a[0], b[0]) and min(a[3], b[3]) > max(a[1], b[1])
