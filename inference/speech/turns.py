"""Who spoke when: speaker turns, and spans of time."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence

from inference.schema.analysis import TalkFigures
from inference.schema.meeting import SpeakerTurn, TranscriptLine

Span = tuple[float, float]

NO_TALK = TalkFigures(0.0, 0.0, 0, 0.0)
"""Talk of somebody of whom nothing says whether they spoke."""


def usable_turns(
    turns: Sequence[SpeakerTurn], transcript: Sequence[TranscriptLine], duration_s: float
) -> tuple[SpeakerTurn, ...]:
    """Return the turns in order of time, cut to the call; the transcript's lines if there are none.

    Turns that end before they start, or lie outside the call, are left out.
    """
    if not turns:
        turns = [
            SpeakerTurn(line.start_s, line.end_s, line.speaker)
            for line in transcript
            if line.speaker is not None and not line.is_chat
        ]
    inside = (
        SpeakerTurn(max(turn.start_s, 0.0), min(turn.end_s, duration_s), turn.speaker, turn.key)
        for turn in turns
        if math.isfinite(turn.start_s) and math.isfinite(turn.end_s)
    )
    kept = [turn for turn in inside if turn.end_s > turn.start_s]
    return tuple(sorted(kept, key=lambda turn: (turn.start_s, turn.end_s, turn.speaker)))


def merge_spans(spans: Sequence[Span], gap_s: float = 0.0) -> list[Span]:
    """Join spans that overlap or lie at most gap_s apart; the result ascends without overlap."""
    merged: list[Span] = []
    for start_s, end_s in sorted(spans):
        if merged and start_s - merged[-1][1] <= gap_s:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end_s))
        else:
            merged.append((start_s, end_s))
    return merged


def total_s(spans: Sequence[Span]) -> float:
    """Return the summed length of spans that do not overlap."""
    return sum(end_s - start_s for start_s, end_s in spans)


def overlap_s(spans: Sequence[Span], start_s: float, end_s: float) -> float:
    """Return how much of [start_s, end_s] the spans, ascending and free of overlap, cover."""
    covered_s = 0.0
    first = max(bisect_right(spans, (start_s, math.inf)) - 1, 0)
    for i in range(first, len(spans)):
        start, end = spans[i]
        if start >= end_s:
            break
        covered_s += max(0.0, min(end, end_s) - max(start, start_s))
    return covered_s
