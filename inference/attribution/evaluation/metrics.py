"""How well faces were named, against a recording whose truth is known.

Both files are JSON. The truth is sampled (1 Hz): `faces` holds a row per person and sample, with
the person's whole tile. The result is what `rapport analyze --json --faces` writes: a row per face
and sampled picture, each worth the interval between two sampled pictures: a face-second is one face
for one second.

- **Truth of a face.** The nearest truth sample in time, and in it the tile that holds the middle of
  the face; where tiles lie over one another, the smallest.
- **Left out.** Truth within `MARGIN_S` of a change (`changes`: layout, video on or off, speaker
  switch), and the faces nearest to it. Without `changes`, a sample that shows other people or other
  tiles than the one before is a change midway between the two, so that both are left out.
- **Right, wrong, unknown.** The name equals the truth's letter for letter; is another; is null.
  Shares are of right + wrong + unknown.
- **Unnamed.** A person of the truth without a name (`null`), and one of several who share a tile
  (`people` above 1: a room), may stay unknown: counted as `unnamed` and in no share. Named as the
  tile is, one of several is right; named otherwise, either is wrong.
- **No participant.** A face in no tile, as in a shared slide. Named, it counts as wrong; unknown,
  it is counted apart and in no share. Where the truth is silent for more than 0.75 of its interval,
  whether nobody is shown comes from `layouts`; without them, faces of that time are left out.
- **Not seen.** Seconds of a tile in which no face was found; in no share.
- **Confidently wrong.** Wrong with a confidence of `CONFIDENT` or more.
- **Speakers.** Right, wrong and unknown again, of those only who speak for `SPEAKS_MIN_S` or more
  by the truth's `speaking`.
- **Track swaps.** How often one track goes from one person of the truth to another, per hour.
- **Layout right.** Share of time, outside the margins of changes, in which the kind of view is
  right and each tile of either side has its own one on the other with an overlap (intersection
  over union) of `SAME_TILE` or more; a single picture has no tiles to compare.
- **Names read right.** Of the seconds in which the truth draws a label on a tile: the text read
  equals it, spaces, case and Unicode's ways of writing one character aside.
- **Cost.** Seconds of the analysis per minute of the recording, by the clock and of the processor.

What a file does not say is None. Nothing here reads pictures or imports a model.
"""

from __future__ import annotations

import math
import unicodedata
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from inference.attribution.evaluation.truth import (
    Box,
    Row,
    Truth,
    WrongFile,
    as_box,
    box_of,
    interval_s_of,
    is_number,
    overlap,
    read_rows,
    tiles_in,
)

CONFIDENT = 0.95
SPEAKS_MIN_S = 20.0
SAME_TILE = 0.8
LAYOUT_STEP_S = 0.5
"""How finely the layouts are compared."""


@dataclass(slots=True)
class Naming:
    """Face-seconds, and their shares; shares are None where there are none."""

    right_s: float = 0.0
    wrong_s: float = 0.0
    unknown_s: float = 0.0

    def shares(self) -> dict[str, float | None]:
        """`right`, `wrong` and `unknown`, which sum to 1."""
        total_s = self.right_s + self.wrong_s + self.unknown_s
        parts = {"right": self.right_s, "wrong": self.wrong_s, "unknown": self.unknown_s}
        return {name: part / total_s if total_s else None for name, part in parts.items()}


@dataclass(slots=True)
class AttributionEvaluation:
    """The figures, as the module's text defines them. Seconds are face-seconds."""

    naming: Naming = field(default_factory=Naming)
    speakers: Naming | None = None
    confidently_wrong_s: float = 0.0
    unnamed_s: float = 0.0
    no_participant_s: float = 0.0
    no_participant_named_s: float = 0.0
    not_seen_s: float = 0.0
    left_out_s: float = 0.0
    swaps: int | None = 0
    swaps_per_h: float | None = 0.0
    kind_right: float | None = None
    layout_right: float | None = None
    names_read_right: float | None = None
    names_read_wrong: float | None = None
    wall_s_per_min: float | None = None
    cpu_s_per_min: float | None = None
    naming_share_of_cpu: float | None = None
    people: dict[str, Naming] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the figures as one object; `shares` are next to the seconds they refer to."""
        plain = asdict(self)
        plain["naming"] |= self.naming.shares()
        if self.speakers is not None:
            plain["speakers"] |= self.speakers.shares()
        for name, naming in self.people.items():
            plain["people"][name] |= naming.shares()
        return plain


def evaluate_attribution(truth: object, result: object) -> AttributionEvaluation:
    """Compare a result with the truth; both as `json.load` returns them.

    Raises:
        WrongFile: one of them lacks the fields this needs; the message says which.
    """
    known = Truth(truth)
    faces = read_rows(result, "faces", "result", ("t_s", "box"), is_needed=True)
    assert isinstance(result, dict), "read_rows looked"
    found = AttributionEvaluation()
    loud = known.speakers(SPEAKS_MIN_S)
    found.speakers = None if loud is None else Naming()
    interval_s = interval_s_of([float(face["t_s"]) for face in faces]) or 0.0
    shown: dict[str | float, list[str | None]] = defaultdict(list)
    seen: set[tuple[int, int]] = set()
    for face in sorted(faces, key=lambda face: float(face["t_s"])):
        sample, tile = known.place(float(face["t_s"]), box_of(face, "result"))
        if sample is None:
            found.left_out_s += interval_s
            continue
        name, given = (None, face.get("name"))
        if tile is None:
            if given is None:
                found.no_participant_s += interval_s
                continue
            found.no_participant_named_s += interval_s
        else:
            name = known.names[sample][tile]
            seen.add((sample, tile))
            track = _track(face)
            if track is not None:
                shown[track].append(name)
            if given is None and (name is None or known.is_shared[sample][tile]):
                found.unnamed_s += interval_s
                continue
        every = [found.naming]
        if name is not None:
            every.append(found.people.setdefault(name, Naming()))
            if found.speakers is not None and loud and name in loud:
                every.append(found.speakers)
        for naming in every:
            if given is None:
                naming.unknown_s += interval_s
            elif given == name:
                naming.right_s += interval_s
            else:
                naming.wrong_s += interval_s
        if given is not None and given != name and _confidence(face) >= CONFIDENT:
            found.confidently_wrong_s += interval_s
    found.not_seen_s = known.interval_s * sum(
        (sample, tile) not in seen
        for sample, names in enumerate(known.names)
        if not known.is_left_out[sample]
        for tile in range(len(names))
    )
    _count_swaps(found, shown, known, faces)
    _compare_layouts(found, known, result)
    _compare_labels(found, known, result)
    _add_cost(found, result)
    return found


def _track(face: Row) -> str | float | None:
    track = face.get("track")
    if track is None or isinstance(track, str) or is_number(track):
        return track
    raise WrongFile("A track in the result is neither a number nor a string.")


def _confidence(face: Row) -> float:
    confidence = face.get("confidence")
    if confidence is None or is_number(confidence):
        return confidence or 0.0
    raise WrongFile("A confidence in the result is not a number.")


def _count_swaps(
    found: AttributionEvaluation,
    shown: Mapping[str | float, Sequence[str | None]],
    known: Truth,
    faces: Sequence[Row],
) -> None:
    if faces and not any(face.get("track") is not None for face in faces):
        found.swaps = found.swaps_per_h = None
        return
    for names in shown.values():
        people = [name for name in names if name is not None]
        changes = sum(people[k] != people[k - 1] for k in range(1, len(people)))
        found.swaps = (found.swaps or 0) + changes
    length_s = known.times[-1] - known.times[0] + known.interval_s
    found.swaps_per_h = (found.swaps or 0) * 3600 / length_s


def _compare_layouts(found: AttributionEvaluation, known: Truth, result: Row) -> None:
    views = read_rows(result, "views", "result", ("start_s", "end_s", "kind"))
    if not known.layouts or views is None:
        return
    kinds = tiles = steps = 0
    for layout in known.layouts:
        start_s = float(layout["start_s"])
        length_s = float(layout["end_s"]) - start_s
        wanted = [as_box(tile, "truth") for tile in tiles_in(layout, "truth")]
        for step in range(math.ceil(length_s / LAYOUT_STEP_S - 0.5)):
            at = start_s + (step + 0.5) * LAYOUT_STEP_S
            if not known.is_near_change(at):
                view = _at(views, at)
                steps += 1
                if view is not None and view["kind"] == layout["kind"]:
                    kinds += 1
                    got = [box_of(tile, "result") for tile in tiles_in(view, "result")]
                    tiles += layout["kind"] == "single" or _are_same_tiles(wanted, got)
    if steps:
        found.kind_right, found.layout_right = kinds / steps, tiles / steps


def _are_same_tiles(wanted: Sequence[Box], got: Sequence[Box]) -> bool:
    # At this overlap no tile can be the same as two others, so that pairs need no assignment.
    return len(wanted) == len(got) and all(
        any(overlap(tile, other) >= SAME_TILE for other in got) for tile in wanted
    )


def _compare_labels(found: AttributionEvaluation, known: Truth, result: Row) -> None:
    labels = read_rows(result, "labels", "result", ("start_s", "end_s", "box", "text"))
    drawn = right = wrong = 0
    for sample, texts in enumerate(known.labels):
        if known.is_left_out[sample]:
            continue
        at = known.times[sample]
        now = [label for label in labels or () if label["start_s"] <= at < label["end_s"]]
        for text, tile in zip(texts, known.boxes[sample], strict=True):
            if not text:
                continue
            drawn += 1
            read = [label["text"] for label in now if overlap(box_of(label, "result"), tile) >= 0.5]
            is_right = any(_folded(one) == _folded(text) for one in read)
            right += is_right
            wrong += bool(read) and not is_right
    if drawn and labels is not None:
        found.names_read_right, found.names_read_wrong = right / drawn, wrong / drawn


def _add_cost(found: AttributionEvaluation, result: Row) -> None:
    elapsed, call = result.get("elapsed_s"), result.get("call")
    duration_s = call.get("duration_s") if isinstance(call, dict) else None
    if not isinstance(elapsed, dict) or not is_number(duration_s) or duration_s <= 0:
        return
    wall, cpu, naming = (elapsed.get(name) for name in ("wall", "cpu", "naming_cpu"))
    found.wall_s_per_min = wall * 60 / duration_s if is_number(wall) else None
    found.cpu_s_per_min = cpu * 60 / duration_s if is_number(cpu) else None
    if is_number(naming) and is_number(cpu) and cpu > 0:
        found.naming_share_of_cpu = naming / cpu


def _at(views: Sequence[Row], t_s: float) -> Row | None:
    starts = [float(view["start_s"]) for view in views]
    k = bisect_right(starts, t_s) - 1
    return views[k] if k >= 0 and t_s < float(views[k]["end_s"]) else None


def _folded(text: object) -> str:
    if not isinstance(text, str):
        raise WrongFile("The text of a label is not a string.")
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())
