"""The words that stand beside a moment, the pauses between them, silences (docs/scoring.md, 9)."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from inference.moments.sentences import NOBODY_SPOKE, length
from inference.schema.analysis import Moment, MomentLine
from inference.schema.meeting import TranscriptLine
from inference.speech.turns import Span, merge_spans, overlap_s

PAUSE_S = 4.0
"""Pauses between speakers are about 0.2 s and seldom over 1 s (Stivers et al., PNAS 2009): 4 s is
one that a reader of the words should know of."""

SPOKEN_SHARE = 0.5
"""Turns end up to a second or two beside the words: of a silence they may cover this much."""

CHAT_NEAR_S = 10.0
"""A message is read within seconds of being sent: others are about other words."""

MOST_CHAT = 3
"""Of a burst of messages the nearest stand beside the moment."""

EARLIER_LEAD_IN_S, EARLIER_FOLLOW_S = 5.0, 10.0
"""Where versions that did not store `change_s` put the change: 5 s after the start of a moment,
10 s before its end."""


LONG_SILENCE_S = 8.0
"""Pauses between speakers are about 0.2 s and seldom over 1 s (Stivers et al., PNAS 2009); a
demonstration or a look for a document takes some seconds. 8 s is a silence that people notice."""

MAX_SILENCES = 3
LONGEST_SHOWN_S = 30.0
"""Of a silence a moment shows this much."""

SILENCE_FULL_S = 60.0
"""A silence this long is as strong as a change over the whole scale."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Silence between two quoted lines."""

    start_s: float
    length_s: float


class Words:
    """The lines of a call, in order of time, for any number of moments.

    Args:
        lines: transcript and chat, in any order. Lines without text or with a time that is no
            number are left out; one that ends before it starts has no length.
        turns: spans in which somebody spoke. Where one lies between two lines, or they cover most
            of the time between, it was not silent, although the words are missing.
    """

    def __init__(self, lines: Sequence[TranscriptLine], turns: Sequence[Span] = ()) -> None:
        kept = [line for line in lines if line.text.strip() and math.isfinite(line.start_s)]
        kept.sort(key=lambda line: (line.start_s, line.end_s))
        self._spoken = [line for line in kept if not line.is_chat]
        self._chat = [line for line in kept if line.is_chat]
        self._starts_s = [line.start_s for line in self._spoken]
        self._chat_starts_s = [line.start_s for line in self._chat]
        # Where lines overlap, the longest of those before says until when somebody spoke.
        ends = (line.end_s if math.isfinite(line.end_s) else line.start_s for line in self._spoken)
        self._quiet_s = list(accumulate(ends, max))
        self._turns = merge_spans(turns)

    def around(self, change_s: float) -> tuple[MomentLine, ...]:
        """Return the words that stand beside a change.

        The last line begun at or before it, which has `at_change`, the line before and the line
        after that one, in order of time; then messages sent within 10 s of it. If nobody had
        spoken yet, the first line has `at_change`.
        """
        at = max(bisect_right(self._starts_s, change_s) - 1, 0)
        shown = range(max(at - 1, 0), min(at + 2, len(self._spoken)))
        quoted = [
            _quote(self._spoken[i], i == at, self._pause_s(i) if i > shown.start else 0.0)
            for i in shown
        ]
        first = bisect_left(self._chat_starts_s, change_s - CHAT_NEAR_S)
        last = bisect_right(self._chat_starts_s, change_s + CHAT_NEAR_S)
        near = sorted(self._chat[first:last], key=lambda line: abs(line.start_s - change_s))
        chat = sorted(near[:MOST_CHAT], key=lambda line: line.start_s)
        return (*quoted, *(_quote(line, False, 0.0) for line in chat))

    def _pause_s(self, at: int) -> float:
        """Return the silence just before a line, 0 where it is too short to be told."""
        quiet_s, loud_s = self._quiet_s[at - 1], self._starts_s[at]
        if loud_s - quiet_s < PAUSE_S:
            return 0.0
        first, last = bisect_left(self._turns, (quiet_s,)), bisect_left(self._turns, (loud_s,))
        is_within = any(end_s <= loud_s for _, end_s in self._turns[first:last])
        spoken_s = overlap_s(self._turns, quiet_s, loud_s)
        is_silent = not is_within and spoken_s <= SPOKEN_SHARE * (loud_s - quiet_s)
        return round(loud_s - quiet_s, 3) if is_silent else 0.0


def lines_and_pauses(lines: Sequence[MomentLine]) -> tuple[MomentLine | Pause, ...]:
    """Return a moment's lines in the order in which they are shown, with the pauses between them.

    Message, report, page and annotated recording all show this sequence.
    """
    shown: list[MomentLine | Pause] = []
    for line in lines:
        if line.pause_s > 0 and shown:
            shown.append(Pause(line.start_s - line.pause_s, line.pause_s))
        shown.append(line)
    return tuple(shown)


def longest_pause_s(lines: Sequence[MomentLine]) -> float | None:
    """Return the longest pause that is shown between a moment's lines; None if there is none."""
    return max((line.pause_s for line in lines if line.pause_s > 0), default=None)


def find_silences(
    talk: Sequence[Sequence[Span]], lines: Sequence[TranscriptLine] = ()
) -> list[Moment]:
    """Return the longest pauses between two turns; none before the first or after the last.

    `talk` holds each person's turns, without overlaps. Spoken `lines` that begin within a pause
    shorten or part it, whether or not they name a speaker. The moments have no words yet.
    """
    turns = merge_spans([span for spans in talk for span in spans])
    moments = []
    for (_, quiet_s), (loud_s, _) in pairwise(_with_lines(turns, lines)):
        gap_s = round(loud_s - quiet_s, 3)
        if gap_s < LONG_SILENCE_S:
            continue
        people = tuple(
            i
            for i, spans in enumerate(talk)
            if any(end == quiet_s or start == loud_s for start, end in spans)
        )
        moments.append(
            Moment(
                start_s=quiet_s,
                end_s=min(loud_s, quiet_s + LONGEST_SHOWN_S),
                kind="silence",
                participants=people,
                reason=f"Nobody spoke for {length(gap_s)}",
                before=None,
                after=None,
                strength=min(gap_s / SILENCE_FULL_S, 1.0),
                change_s=quiet_s,
                silence_s=gap_s,
                what=NOBODY_SPOKE,
            )
        )
    moments.sort(key=lambda moment: -moment.strength)
    return moments[:MAX_SILENCES]


def with_one_length(lines: Sequence[MomentLine], silence: Moment) -> tuple[MomentLine, ...]:
    """Return a silence's lines with its own length as that of the pause which it is.

    Turns and lines end beside each other: the words would tell of a pause of another length.
    """
    quiet_s, length_s = silence.change_s, silence.silence_s or 0.0

    def is_it(line: MomentLine) -> bool:
        starts_s = line.start_s - line.pause_s
        return line.pause_s > 0 and starts_s < quiet_s + length_s and line.start_s > quiet_s

    return tuple(replace(line, pause_s=length_s) if is_it(line) else line for line in lines)


def _with_lines(turns: Sequence[Span], lines: Sequence[TranscriptLine]) -> list[Span]:
    """Return the turns, and what was said between the first and the last without being in one."""
    said: list[Span] = []
    for line in lines:
        if line.is_chat or not line.text.strip() or not math.isfinite(line.start_s):
            continue
        next_turn = bisect_right(turns, (line.start_s, math.inf))
        if 0 < next_turn < len(turns) and turns[next_turn - 1][1] <= line.start_s:
            end_s = line.end_s if math.isfinite(line.end_s) else line.start_s
            said.append((line.start_s, max(line.start_s, min(end_s, turns[next_turn][0]))))
    return merge_spans([*turns, *said])


def complete_earlier(moment: Moment) -> Moment:
    """Return a moment of a version that did not store when it changed, with what can be told of it.

    The change is put where those versions drew it, and its lines, which were all of the span, are
    chosen anew. Only the first 60 s of a silence are known.
    """
    start_s, end_s = moment.start_s, moment.end_s
    if moment.kind == "silence":
        change_s = start_s
    elif start_s > 0:
        change_s = min(start_s + EARLIER_LEAD_IN_S, end_s)
    else:  # cut off by the start of the call
        change_s = min(max(end_s - EARLIER_FOLLOW_S, 0.0), EARLIER_LEAD_IN_S)
    lines = Words(moment.lines).around(change_s)
    is_silence = moment.kind == "silence"
    silence_s = moment.strength * SILENCE_FULL_S if is_silence else longest_pause_s(lines)
    return replace(moment, change_s=change_s, lines=lines, silence_s=silence_s)


def _quote(line: TranscriptLine, at_change: bool, pause_s: float) -> MomentLine:
    end_s = line.end_s if math.isfinite(line.end_s) else line.start_s
    return MomentLine(
        line.start_s, max(end_s, line.start_s), line.speaker, line.text, line.is_chat,
        at_change=at_change, pause_s=pause_s,
    )  # fmt: skip
