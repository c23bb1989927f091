"""How people talked, and what their words were like, in figures (docs/scoring.md, 8).

A person and a side are measured alike: a side is one speaker, whose turns are those of its people.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import median

from inference.schema.analysis import CallTalk, TalkFigures
from inference.schema.meeting import TranscriptLine
from inference.scoring.talk_words import (
    Manner,
    count_words,
    ends_sentence,
    is_back_channel,
    knows_questions,
    manner_of,
    question_places,
)
from inference.speech.turns import NO_TALK, Span, merge_spans, overlap_s, total_s

MONOLOGUE_PAUSE_S = 1.0
"""A pause shorter than this is breath: the monologue goes on."""
SHORT_SPEECH_S = 1.0
"""Speech shorter than this is a back-channel where no words of it are known."""
INTERRUPTION_S = 0.5
"""Shorter overlaps are the usual overlap of one turn's end with the next one's start."""
TIME_EPS_S = 1e-6
"""Times nearer to each other than this are equal: decimal times are not exact in binary."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """Who spoke when, and who said what. Speakers are numbered; None is somebody unlisted.

    `is_known` says of each speaker whether they can be heard at all: a face without a name cannot.
    `sides` holds each speaker's side; "unknown" is nobody's own. `lines` leave the chat out.
    """

    duration_s: float
    sides: Sequence[str]
    is_known: Sequence[bool]
    spans: Sequence[tuple[int | None, Span]]
    lines: Sequence[tuple[int | None, TranscriptLine]]


def person_talk(spoken: Spoken, more_fillers: tuple[str, ...] = ()) -> list[TalkFigures]:
    """Return each person's figures; `more_fillers` count in addition to the table."""
    return _figures(spoken, more_fillers)


def side_talk(
    spoken: Spoken, sides: Sequence[str], more_fillers: tuple[str, ...] = ()
) -> dict[str, TalkFigures]:
    """Return the figures of each of these sides, as of one speaker."""
    place = {side: number for number, side in enumerate(sides)}
    of = [place.get(side) for side in spoken.sides]
    joined = Spoken(
        duration_s=spoken.duration_s,
        # Sides by their place, so that no side is "unknown": who is not told apart is outside.
        sides=[f"side {number}" for number in range(len(sides))],
        is_known=[
            any(known for known, own in zip(spoken.is_known, spoken.sides, strict=True) if own == s)
            for s in sides
        ],
        spans=[(None if who is None else of[who], span) for who, span in spoken.spans],
        lines=[(None if who is None else of[who], line) for who, line in spoken.lines],
    )
    return dict(zip(sides, _figures(joined, more_fillers), strict=True))


def call_talk(spoken: Spoken) -> CallTalk:
    """Return the figures of all people together."""
    answer_s = _question_answer_s(spoken)
    floor = _Floor(spoken)
    if not floor.everybody:
        return CallTalk(question_answer_s=answer_s)
    turns = sorted(
        (start_s, end_s, speaker)
        for speaker, own in enumerate(floor.own)
        for start_s, end_s in floor.turns(own)
    )
    changes = sum(one[2] != other[2] for one, other in pairwise(turns))
    minutes = spoken.duration_s / 60
    return CallTalk(
        speaker_changes_per_min=changes / minutes if minutes > 0 else None,
        overlap_s=_overlap_s(floor.own),
        longest_silence_s=max(
            (later[0] - earlier[1] for earlier, later in pairwise(floor.everybody)), default=0.0
        ),
        question_answer_s=answer_s,
    )


def _figures(spoken: Spoken, more_fillers: tuple[str, ...]) -> list[TalkFigures]:
    floor = _Floor(spoken)
    said: list[list[TranscriptLine]] = [[] for _ in spoken.sides]
    for speaker, line in spoken.lines:
        if speaker is not None:
            said[speaker].append(line)
    talk_s = [total_s(own) for own in floor.own[: len(spoken.sides)]]
    all_talk_s = sum(talk_s)
    patience = _pauses(spoken, floor)
    interruptions = _interruptions(floor, said)
    manner = manner_of([line.text for _, line in spoken.lines])
    found = []
    for speaker, is_known in enumerate(spoken.is_known):
        figures = NO_TALK
        if is_known and floor.everybody:
            own = floor.own[speaker]
            figures = TalkFigures(
                talk_s=talk_s[speaker],
                share=talk_s[speaker] / all_talk_s if all_talk_s > 0 else 0.0,
                turns=len(floor.turns(own)),
                longest_monologue_s=max((end - start for start, end in _stretches(own)), default=0),
                share_of_call=min(1.0, talk_s[speaker] / spoken.duration_s)
                if spoken.duration_s > 0
                else None,
                patience_s=median(patience[speaker]) if patience[speaker] else None,
                interruptions=interruptions[speaker],
            )
        if is_known and spoken.lines:
            figures = _with_words(figures, said[speaker], manner, more_fillers)
        found.append(figures)
    return found


def _with_words(
    figures: TalkFigures,
    lines: Sequence[TranscriptLine],
    manner: Manner,
    more_fillers: tuple[str, ...],
) -> TalkFigures:
    counted = count_words((line.text for line in lines), manner, more_fillers)
    # Of the lines themselves: a transcript may cover a part of the call only.
    minutes = total_s(merge_spans([(line.start_s, line.end_s) for line in lines])) / 60
    words, fillers = counted.words, counted.fillers
    return replace(
        figures,
        words=words,
        words_per_minute=words / minutes if words is not None and minutes > 0 else None,
        questions=sum(len(places) for _, places in _questions(lines, manner))
        if knows_questions(manner)
        else None,
        fillers=fillers,
        filler_share=fillers / words if fillers is not None and words else None,
    )


@dataclass(slots=True)
class _Floor:
    """Who speaks when: each speaker's spans without overlaps, and those of everybody together.

    One more entry at the end of `own` is for people who are not listed.
    """

    spoken: Spoken
    own: list[list[Span]] = field(init=False)
    everybody: list[Span] = field(init=False)

    def __post_init__(self) -> None:
        spans: list[list[Span]] = [[] for _ in (*self.spoken.sides, None)]
        for speaker, span in self.spoken.spans:
            spans[-1 if speaker is None else speaker].append(span)
        self.own = [merge_spans(own) for own in spans]
        self.everybody = merge_spans([span for own in self.own for span in own])

    def turns(self, own: Sequence[Span]) -> list[Span]:
        """Return the turns that a speaker's spans make: they end where somebody else speaks."""
        turns: list[Span] = []
        for start_s, end_s in own:
            # Nobody of `own` speaks in between, so whoever does is somebody else.
            if turns and overlap_s(self.everybody, turns[-1][1], start_s) <= TIME_EPS_S:
                turns[-1] = (turns[-1][0], end_s)
            else:
                turns.append((start_s, end_s))
        return turns

    def starts(self) -> Iterator[_Start]:
        """Yield each beginning of somebody's speech, in order of time."""
        edges = sorted(
            (at_s, is_start, speaker, span)
            for speaker, own in enumerate(self.own)
            for span in own
            for at_s, is_start in ((span[0], True), (span[1], False))
        )
        speaking: dict[int, Span] = {}
        stopped: list[tuple[float, int]] = []  # of the two speakers who stopped last
        for at_s, is_start, speaker, span in edges:
            if not is_start:
                speaking.pop(speaker, None)
                stopped = [(at_s, speaker), *(one for one in stopped if one[1] != speaker)][:2]
                continue
            before = next((one for one in stopped if one[1] != speaker), None)
            begun = [other for other in speaking.values() if other[0] < at_s - TIME_EPS_S]
            yield _Start(speaker, span, max((end_s for _, end_s in begun), default=None), before)
            speaking[speaker] = span


@dataclass(frozen=True, slots=True)
class _Start:
    """A beginning of somebody's speech.

    `others_end_s` is when the last of those who were speaking then stops, None if nobody was.
    `before` is when somebody else stopped last, and who.
    """

    speaker: int
    span: Span
    others_end_s: float | None
    before: tuple[float, int] | None


def _stretches(own: Sequence[Span]) -> list[Span]:
    """Return a speaker's spans with short pauses bridged."""
    return merge_spans(own, MONOLOGUE_PAUSE_S - TIME_EPS_S)


def _pauses(spoken: Spoken, floor: _Floor) -> list[list[float]]:
    """Return for each speaker the pauses before their turns that follow the other side's words."""
    first = [{start_s for start_s, _ in floor.turns(own)} for own in floor.own]
    sides = (*spoken.sides, "unknown")
    found: list[list[float]] = [[] for _ in sides]
    for start in floor.starts():
        is_answer = start.others_end_s is None and start.span[0] in first[start.speaker]
        if not is_answer or start.before is None:
            continue
        stopped_s, other = start.before
        own = sides[start.speaker]
        if own == "unknown" or sides[other] != own:
            found[start.speaker].append(start.span[0] - stopped_s)
    return found


def _interruptions(floor: _Floor, said: Sequence[Sequence[TranscriptLine]]) -> list[int]:
    """Return how often each speaker began while somebody else was speaking, back-channels apart."""
    stretches = [dict(_stretches(own)) for own in floor.own]
    spoken_words = [_by_middle(lines) for lines in (*said, ())]
    found = [0] * len(floor.own)
    for start in floor.starts():
        begin_s = start.span[0]
        end_s = stretches[start.speaker].get(begin_s)
        if end_s is None or start.others_end_s is None:
            continue
        if min(end_s, start.others_end_s) - begin_s < INTERRUPTION_S - TIME_EPS_S:
            continue
        middles, texts = spoken_words[start.speaker]
        texts = texts[bisect_left(middles, begin_s) : bisect_right(middles, end_s)]
        is_short = end_s - begin_s < SHORT_SPEECH_S
        found[start.speaker] += not (is_back_channel(texts) if texts else is_short)
    return found


def _by_middle(lines: Sequence[TranscriptLine]) -> tuple[list[float], list[str]]:
    """Return the middle of each line in seconds, ascending, and the lines' texts."""
    ordered = sorted(((line.start_s + line.end_s) / 2, line.text) for line in lines)
    return [middle_s for middle_s, _ in ordered], [text for _, text in ordered]


def _overlap_s(speakers: Iterable[Sequence[Span]]) -> float:
    """Return how long two or more speak at once."""
    edges = sorted(
        edge for own in speakers for start_s, end_s in own for edge in ((start_s, 1), (end_s, -1))
    )
    shared_s, speaking = 0.0, 0
    for (at_s, change), (next_s, _) in pairwise(edges):
        speaking += change
        shared_s += (next_s - at_s) if speaking > 1 else 0.0
    return shared_s


def _questions(
    lines: Sequence[TranscriptLine], manner: Manner
) -> Iterator[tuple[TranscriptLine, list[float]]]:
    """Yield one speaker's lines with when each question in them ends, in seconds."""
    is_continued = False
    for line in sorted(lines, key=lambda line: (line.start_s, line.end_s)):
        places = question_places(line.text, manner, is_continued=is_continued)
        length_s = line.end_s - line.start_s
        yield line, [line.start_s + place * length_s for place in places]
        is_continued = not ends_sentence(line.text)


def _question_answer_s(spoken: Spoken) -> float | None:
    """Return the median time from a question to the next words of somebody else."""
    said: dict[int, list[TranscriptLine]] = defaultdict(list)
    for speaker, line in spoken.lines:
        said[-1 if speaker is None else speaker].append(line)
    manner = manner_of([line.text for _, line in spoken.lines])
    starts = sorted((line.start_s, speaker) for speaker, lines in said.items() for line in lines)
    asked = sorted(
        (line.start_s, at_s, speaker)
        for speaker, lines in said.items()
        for line, times in _questions(lines, manner)
        for at_s in times
    )
    waits: list[float] = []
    latest: list[tuple[int, float]] = []  # the next two speakers, and when they start
    for start_s, at_s, speaker in reversed(asked):
        while starts and starts[-1][0] >= start_s:
            begin_s, who = starts.pop()
            latest = [(who, begin_s), *(one for one in latest if one[0] != who)][:2]
        answer_s = next((begin_s for who, begin_s in latest if who != speaker), None)
        if answer_s is not None:
            waits.append(max(0.0, answer_s - at_s))
    return median(waits) if waits else None
