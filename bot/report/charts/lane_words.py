"""A lane in words, for those who cannot see it: what the face showed, and from when on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from bot.report.charts.course import MIN_SEEN
from bot.report.charts.lanes import CAMERA_OFF, NOT_SEEN, Lane
from bot.report.moments import MomentItem
from bot.text import words
from inference.schema.analysis import CallAnalysis, Participant
from inference.schema.arrays import I32, Bools
from inference.scoring.engagement import RULES, near_edges, within
from inference.scoring.face_words import FACE_WORDS, face_rest, face_words
from inference.speech.turns import merge_spans
from inference.timeline import talk_spans

STEPS, LEAST_STEP_S = 40, 4.0
"""A call is told in so many steps, none shorter than this."""
MOST_CHANGES = 8
"""Nobody listens to more; what follows is counted."""


def words_shown(person: Participant, analysis: CallAnalysis) -> tuple[I32, Bools]:
    """Return at each sample the word for a face (an index, -1 unseen), and where they listened."""
    observed = analysis.observations
    spoken = merge_spans(talk_spans(analysis)[person.index], RULES.breath_s)
    quiet = ~within(observed.t_s, spoken)
    rest = quiet & ~near_edges(observed.t_s, spoken, RULES.edge_s)
    probs = person.series.probs
    return face_words(probs, face_rest(probs, rest, observed.sample_interval_s)), quiet


def lane_in_words(
    name: str,
    person: Participant,
    lane: Lane,
    analysis: CallAnalysis,
    moments: Sequence[MomentItem],
) -> str:
    """Return what a lane shows: "Dana Whitfield: calm at first, smiling from 0:12, falls at 0:28".

    Args:
        name: what to call the person.
        person: whose lane it is.
        lane: what is drawn.
        analysis: the call.
        moments: those of the report; the person's are told at their time.
    """
    told: list[tuple[float, str]] = []
    for state, start_s in _states(person, lane, analysis):
        told.append((start_s, f"{state} from {words.clock(start_s)}"))
    if told and told[0][0] == 0:
        told[0] = (0.0, told[0][1].removesuffix(f" from {words.clock(0)}") + " at first")
    if len(told) == 1 and told[0][0] == 0:
        told[0] = (0.0, told[0][1].removesuffix(" at first") + " throughout")
    for item in moments:
        if person.index in item.people:
            goes = "falls" if item.direction == "fall" else "rises"
            told.append((item.at_s, f"{goes} at {item.clock}"))
    told.sort(key=lambda one: one[0])
    parts = [text for _, text in told[:MOST_CHANGES]]
    if len(told) > MOST_CHANGES:
        parts.append(f"{len(told) - MOST_CHANGES} more changes after that")
    if not person.is_scored:
        parts = ["expressions not scored"]
    talk_s = sum(end_s - start_s for start_s, end_s in talk_spans(analysis)[person.index])
    if talk_s > 0:
        parts.append(f"speaks for {words.length(talk_s)} in all")
    return f"{name}: {', '.join(parts) or NOT_SEEN}"


def _states(person: Participant, lane: Lane, analysis: CallAnalysis) -> list[tuple[str, float]]:
    """Return what holds from when on; a stretch in which only speaking was seen adds nothing."""
    t_s = analysis.observations.t_s
    if not len(t_s):
        return []
    shown, quiet = words_shown(person, analysis)
    step_s = max(LEAST_STEP_S, analysis.duration_s / STEPS)
    states: list[tuple[str, float]] = []
    bucket = (t_s / step_s).astype(np.int64)
    for step in range(int(bucket[-1]) + 1):
        own = bucket == step
        seen = own & (shown >= 0)
        start_s = float(step * step_s)
        if seen.sum() < max(1.0, MIN_SEEN * own.sum()):
            middle_s = start_s + step_s / 2
            is_off = any(start <= middle_s < end for start, end in person.camera_off)
            states.append((CAMERA_OFF if is_off else NOT_SEEN, start_s))
        elif (heard := seen & quiet).sum() >= max(1.0, MIN_SEEN * own.sum()):
            counts = np.bincount(shown[heard], minlength=len(FACE_WORDS))
            states.append((FACE_WORDS[int(np.argmax(counts))], start_s))
    return [next(run) for _, run in groupby(states, key=lambda state: state[0])]
