"""Where each face is in a frame between two samples, and what is shown next to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bot.annotated.running_engagement import Running
from bot.annotated.running_names import Who
from inference.boxes import centres, holders
from inference.faces.face_search import SURE
from inference.observer import SeenSample
from inference.schema.arrays import F32

LIKELY = 0.5
"""Below this, what a face shows is drawn paler: all other expressions together are likelier."""
GAP_SHARE = 2.5
"""Samples farther apart than this many intervals have a gap between them: no face is followed."""


@dataclass(frozen=True, slots=True)
class NamedSample:
    """A sample, whose its faces were judged to be, and the engagement at that time."""

    seen: SeenSample
    who: Mapping[int, Who]
    """By track."""
    people: Mapping[int, Who]
    """Everyone so far, by number."""
    running: Running
    looks: Mapping[int, str]
    """What each face shows in a word, by track; faces that were not read have none."""

    @property
    def words(self) -> dict[int, str]:
        """What everybody seen in it shows, by number."""
        return {self.who[track].number: word for track, word in self.looks.items()
                if track in self.who}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mark:
    """One face in one frame."""

    track: int
    box: F32
    who: Who | None
    """None while it is not known whose face it is."""
    look: str
    """What it shows in a word; "" where it was not read: too small, or turned away."""
    is_sure: bool
    """Both the face and its expression are certain; if not, it is drawn paler."""


def marks_at(
    t_s: float, before: NamedSample | None, after: NamedSample | None, interval_s: float
) -> list[Mark]:
    """Return the faces of a frame.

    A face in both samples moves evenly from one position to the other; one in only the first or the
    second is shown for half the time between them.

    Args:
        t_s: when the frame is shown.
        before: the sample at or before it; None before the first.
        after: the next sample; None if there is none.
        interval_s: between samples.
    """
    first = None if before is None else before.seen
    second = None if after is None else after.seen
    start_s = first.t_s if first else (second.t_s - interval_s if second else t_s)
    end_s = second.t_s if second else start_s + interval_s
    is_gap = first is not None and end_s - start_s > GAP_SHARE * interval_s
    span_s = interval_s if is_gap or end_s <= start_s else end_s - start_s
    share = (t_s - start_s) / span_s
    old = _faces(before) if share <= 1 or first is None else {}
    new = _faces(after)
    marks = []
    for track in sorted(old.keys() | new.keys()):
        if track in old and track in new and not is_gap:
            box = old[track].box + (new[track].box - old[track].box) * np.float32(share)
            nearest = old[track]
        elif track in old and share < 0.5:
            nearest = old[track]
            box = nearest.box
        elif track in new and (end_s - t_s) / interval_s <= 0.5:
            nearest = new[track]
            box = nearest.box
        else:
            continue
        marks.append(
            Mark(track, box.astype(np.float32), nearest.who, nearest.look, nearest.is_sure)
        )
    return marks


def _faces(sample: NamedSample | None) -> dict[int, Mark]:
    """Return the faces of a sample that belong to people in the call, by track."""
    if sample is None or not sample.seen.tracks:
        return {}
    seen = sample.seen
    held = np.ones(len(seen.tracks), np.bool_)
    if seen.layout.kind == "share":  # A face on the shared screen is no participant's.
        held = holders(centres(seen.boxes), seen.layout.tiles) >= 0
    marks = {}
    for k in np.flatnonzero(held).tolist():
        track, probs = seen.tracks[k], seen.probs[k]
        is_read = not np.isnan(probs).any()
        likelihood = float(probs.max()) if is_read else 0.0
        marks[track] = Mark(
            track,
            seen.boxes[k],
            sample.who.get(track),
            sample.looks.get(track, ""),
            likelihood >= LIKELY and float(seen.confidence[k]) >= SURE,
        )
    return marks
