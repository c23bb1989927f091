"""What a moment says: what was seen, for how long, and who spoke meanwhile (docs/scoring.md, 9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np

from inference.schema.arrays import F64
from inference.scoring.face_words import OTHER_ABOVE, SMILE_ABOVE, SURE_ABOVE, FaceRest
from inference.speech.turns import Span, overlap_s

BEGAN_TO_SMILE = "began to smile"
SMILES = (BEGAN_TO_SMILE, "smiled more")
LOOKED_TENSE = "looked tense"
LOOKED_AWAY = "looked away from the screen"
LOOKED_BACK = "looked back at the screen"
TURNS_OF_THE_HEAD = (LOOKED_AWAY, LOOKED_BACK)
NOBODY_SPOKE = "nobody spoke"

SPOKE_WINDOW_S = 5.0
"""Somebody spoke "while" it changed who spoke for more than half of the 5 s before and after."""

TOLD_FROM_S = 20.0
"""How long something lasted is told from here on: shorter is what a moment shows anyway."""

MOST_NAMES = 3


@dataclass(frozen=True, slots=True)
class Looks:
    """Mean levels of one side of a change, 0–1."""

    smiling: float
    surprised: float
    tense: float
    facing: float
    """Factor of attention in engagement."""
    rest_of_it: float
    """Engagement without that factor."""


def what_was_seen(before: Looks, after: Looks, rest: FaceRest) -> str:
    """Return what changed from before to after, as the predicate of a sentence.

    Words are those of a face against its own rest; where none begins or ends, the look that changed
    most is named.
    """
    if _is_attention(before, after):
        turned_away = after.facing < before.facing
        return LOOKED_AWAY if turned_away else LOOKED_BACK
    is_rise = after.rest_of_it > before.rest_of_it
    smile = min(rest.smiling + SMILE_ABOVE, SURE_ABOVE)
    surprise = min(rest.surprised + OTHER_ABOVE, SURE_ABOVE)
    tension = min(rest.tense + OTHER_ABOVE, SURE_ABOVE)
    if is_rise:
        if before.smiling < smile <= after.smiling:
            return BEGAN_TO_SMILE
        if after.tense < tension <= before.tense:
            return "stopped looking tense"
        if before.surprised < surprise <= after.surprised:
            return "looked surprised"
        grew = {
            "smiled more": after.smiling - before.smiling,
            "looked less tense": before.tense - after.tense,
            "looked more surprised": after.surprised - before.surprised,
        }
        return max(grew, key=lambda words: grew[words])
    if after.smiling < smile <= before.smiling:
        return "stopped smiling"
    if before.tense < tension <= after.tense:
        return LOOKED_TENSE
    fell = {
        "smiled less": before.smiling - after.smiling,
        "looked more tense": after.tense - before.tense,
        "looked less surprised": before.surprised - after.surprised,
    }
    return max(fell, key=lambda words: fell[words])


def _is_attention(before: Looks, after: Looks) -> bool:
    """Return whether a turned head makes up more of a change of engagement than the expression."""
    facing = (after.facing - before.facing) * (after.rest_of_it + before.rest_of_it) / 2
    face = (after.rest_of_it - before.rest_of_it) * (after.facing + before.facing) / 2
    return abs(facing) > abs(face) and facing * (facing + face) > 0


def speaker_at(talk: Sequence[Sequence[Span]], change_s: float) -> int | None:
    """Return who spoke for more than half of the 5 s before and of the 5 s after a change."""
    for person, spans in enumerate(talk):
        before_s = overlap_s(spans, change_s - SPOKE_WINDOW_S, change_s)
        after_s = overlap_s(spans, change_s, change_s + SPOKE_WINDOW_S)
        if min(before_s, after_s) > SPOKE_WINDOW_S / 2:
            return person
    return None


def sentence(
    names: Sequence[str],
    people: Sequence[int],
    what: str,
    lasted_s: float | None,
    said_by: int | None,
) -> str:
    """Return a moment in one plain sentence, without its time and without the words spoken."""
    who = [names[person] for person in people]
    if len(who) > MOST_NAMES:
        who = [*who[: MOST_NAMES - 1], f"{len(who) - MOST_NAMES + 1} more"]
    said = f"{' and '.join([', '.join(who[:-1]), who[-1]] if len(who) > 1 else who)} {what}"
    meanwhile = ""
    if said_by is not None:
        alone = list(people) == [said_by]
        meanwhile = " while speaking" if alone else f" while {names[said_by]} spoke"
    if lasted_s is None or lasted_s < TOLD_FROM_S:
        return said + meanwhile
    return f"{said}, for {length(lasted_s)}{',' if meanwhile else ''}{meanwhile}"


def length(seconds: float) -> str:
    """Return a length of time in words: "40 seconds", "1 min 36 s"."""
    whole = round(seconds)
    return f"{whole} seconds" if whole < 60 else f"{whole // 60} min {whole % 60} s"


def mean_looks(looks: Sequence[Looks]) -> Looks:
    """Return the mean of several people's looks."""
    return Looks(*(float(np.mean(column)) for column in zip(*map(astuple, looks), strict=True)))


def mean_rest(rests: Sequence[FaceRest]) -> FaceRest:
    """Return the mean of several people's rests."""
    return FaceRest(*(float(np.mean(column)) for column in zip(*map(astuple, rests), strict=True)))


def mean_level(values: F64) -> float:
    """Return the mean of the known values, 0 where there are none."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else 0.0
