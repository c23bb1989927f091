"""The seconds of a call that are worth watching, each with its reason (docs/scoring.md, 9).

A change is reported only when it is large, larger than the noise of the same course from sample to
sample, and larger than its usual change from one 5 s to the next. What somebody showed while they
listened is compared with listening alone, and speaking with speaking.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from inference.moments.changes import I64, Levels, Track
from inference.moments.lines import Words, find_silences, longest_pause_s, with_one_length
from inference.moments.sentences import (
    BEGAN_TO_SMILE,
    LOOKED_BACK,
    LOOKED_TENSE,
    SMILES,
    TURNS_OF_THE_HEAD,
    Looks,
    mean_level,
    mean_looks,
    mean_rest,
    sentence,
    speaker_at,
    what_was_seen,
)
from inference.schema.analysis import Moment
from inference.schema.arrays import F64, Bools
from inference.schema.meeting import TranscriptLine
from inference.scoring.engagement import RULES, near_edges, within
from inference.scoring.face_words import (
    CALM,
    SMILING,
    TENSE,
    face_looks,
    face_rest,
    face_words,
)
from inference.scoring.score import Scored, mean_over_people
from inference.speech.turns import Span, merge_spans, overlap_s

BEFORE_S, AFTER_S = 20.0, 10.0
"""A level is compared with the one just before it. Ten seconds outlast a laugh or a blink of the
classifier; twenty before them keep one short smile from becoming the yardstick."""

SHIFT_BEFORE_S, SHIFT_AFTER_S = 5.0, 5.0
"""A changed expression has to be held for 5 s, after a calm face of 5 s."""

HELD_SHARE = 0.8
"""Share of those 5 s in which the face showed it: one sample in ten may be a blink or a syllable,
and a smile of 2 s holds 4 of 10."""

MIN_CHANGE = 0.15
"""15 of 100 points: nearly half of the way from a calm face (65) to a full smile (100)."""

LEAD_IN_S, FOLLOW_S = 5.0, 10.0
"""A moment shows 5 s before the change and 10 s after it."""

MIN_MOMENT_S = 5.0
MAX_MOMENTS = 12

GREETING_S, GOODBYE_S, GREETING_SHARE = 120.0, 60.0, 0.1
"""People smile when they meet and when they part, whatever the call was like: for two minutes and
one, and no longer than a tenth of the call each."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What moments are searched for in: people in order of their index, with their talk merged."""

    t_s: F64
    interval_s: float
    duration_s: float
    names: Sequence[str]
    faces: Sequence[Scored | None]
    """None for people who are not scored."""
    talk: Sequence[Sequence[Span]]
    lines: Sequence[TranscriptLine]
    sides: Sequence[str] = ()
    """Each person's side, "rep", "prospect" or "unknown"; may be empty."""


def find_moments(scene: Scene) -> tuple[Moment, ...]:
    """Return at most `MAX_MOMENTS` moments by rank, the one most worth watching first.

    Two of one kind and person never overlap. A rise or fall that a shift of expression of the same
    person explains is left out, and what several people of a side did at once is told once.
    """
    searches = {
        person: _Search(scene, person, face)
        for person, face in enumerate(scene.faces)
        if face is not None
    }
    own: list[Moment] = []
    for search in searches.values():
        shifts = search.shifts()
        own += shifts
        own += [move for move in search.moves() if not _is_told(move, shifts)]
    together = [move for group in _groups(scene, searches) for move in _joint_moves(scene, group)]
    found = [*find_silences(scene.talk, scene.lines), *together]
    found += [move for move in own if not _is_told(move, together)]
    words = Words(scene.lines, [span for spans in scene.talk for span in spans])
    return tuple(_with_words(scene, words, moment) for moment in _ranked(found)[:MAX_MOMENTS])


class _Search:
    """Looks for the moments of one person."""

    def __init__(self, scene: Scene, person: int, face: Scored) -> None:
        self._scene = scene
        self.person = person
        self.course = face.course
        self._looks = face_looks(face.faces.probs)
        speaking, near = face.course.speaking, face.course.near_turn
        if face.course.rest is None:  # a course without a rest makes nothing of who speaks
            spans = merge_spans(scene.talk[person], RULES.breath_s)
            speaking = within(scene.t_s, spans)
            near = near_edges(scene.t_s, spans, RULES.edge_s)
        self.listening = ~speaking & ~near
        self._speaking = speaking & ~near
        self.rest = face_rest(face.faces.probs, self.listening, scene.interval_s)
        self._words = face_words(face.faces.probs, self.rest)

    def track(self, values: F64, counted: Bools) -> Track:
        return Track.of(self._scene.t_s, values, counted, self._scene.interval_s)

    def moves(self) -> list[Moment]:
        """Find rises and falls of engagement, while listening and while speaking."""
        found: list[Moment] = []
        for counted in (self.listening, self._speaking):
            track = self.track(self.course.values, counted)
            levels = track.levels(BEFORE_S, AFTER_S)
            limit = np.maximum(MIN_CHANGE, levels.limit)
            for kind, sign in (("rise", 1.0), ("fall", -1.0)):
                for at in track.peaks(sign * levels.step, limit):
                    before, after = float(levels.before[at]), float(levels.after[at])
                    split = track.split(at, sign)
                    change_s = track.change_s(split)
                    what = what_was_seen(*self._looks_at(track, counted, split), self.rest)
                    lasted_s = track.lasted_s(split, change_s, before, after)
                    found.append(
                        _moment(
                            self._scene, kind, (self.person,), what, change_s, lasted_s,
                            before, after,
                        )
                    )  # fmt: skip
        # Somebody who speaks and listens by turns may show one change in both.
        found.sort(key=lambda moment: -moment.strength)
        return [move for i, move in enumerate(found) if not _is_told(move, found[:i])]

    def shifts(self) -> list[Moment]:
        """Find smiles and tense looks that begin on a calm face, while listening."""
        found: list[Moment] = []
        words = self._words.astype(np.float64)

        def share(word: int) -> Levels:
            shown = np.where(words < 0, np.nan, words == word)
            return self.track(shown, self.listening).levels(SHIFT_BEFORE_S, SHIFT_AFTER_S)

        engagement = self.track(self.course.values, self.listening)
        engaged = engagement.levels(SHIFT_BEFORE_S, SHIFT_AFTER_S)
        was_calm = share(CALM).before
        for kind, word, column, what in (
            ("to_happy", SMILING, 0, BEGAN_TO_SMILE),
            ("to_angry", TENSE, 2, LOOKED_TENSE),
        ):
            track = self.track(self._looks[:, column], self.listening)
            levels = track.levels(SHIFT_BEFORE_S, SHIFT_AFTER_S)
            began = (was_calm >= HELD_SHARE) & (share(word).after >= HELD_SHARE)
            for at in track.peaks(np.where(began, levels.step, 0.0), levels.limit):
                was, is_now = float(levels.before[at]), float(levels.after[at])
                split = track.split(at, 1.0)
                change_s = track.change_s(split)
                lasted_s = track.lasted_s(split, change_s, was, is_now)
                found.append(
                    _moment(
                        self._scene, kind, (self.person,), what, change_s, lasted_s,
                        float(engaged.before[at]), float(engaged.after[at]),
                    )
                )  # fmt: skip
        return found

    def _looks_at(self, track: Track, counted: Bools, split: int) -> tuple[Looks, Looks]:
        start, end = track.windows(BEFORE_S, AFTER_S)
        index = np.flatnonzero(counted)
        return self.looks_between(index[start[split] : split], index[split : end[split]])

    def looks_between(self, was: I64, is_now: I64) -> tuple[Looks, Looks]:
        """Return what the face showed in the samples before and after a change."""
        return self._mean_looks(was), self._mean_looks(is_now)

    def _mean_looks(self, at: I64) -> Looks:
        facing = self.course.facing[at]
        smiling, surprised, tense = (mean_level(self._looks[at, k]) for k in range(3))
        return Looks(
            smiling,
            surprised,
            tense,
            mean_level(facing),
            mean_level(self.course.values[at] / facing),
        )


def _groups(scene: Scene, searches: Mapping[int, _Search]) -> list[list[_Search]]:
    """Return the scored people of each side; sides of one person have no moment of their own."""
    groups: dict[str, list[_Search]] = {}
    for person, search in searches.items():
        groups.setdefault(scene.sides[person] if scene.sides else "", []).append(search)
    return [group for group in groups.values() if len(group) > 1]


def _joint_moves(scene: Scene, group: Sequence[_Search]) -> list[Moment]:
    """Find moves of a side about each person's own mean: coming and going moves nothing.

    They belong to those who moved at least half as far as a moment asks for, two or more.
    """
    rows = [np.where(search.listening, search.course.values, np.nan) for search in group]
    seen = [
        (search, row) for search, row in zip(group, rows, strict=True) if not np.isnan(row).all()
    ]
    if len(seen) < 2:
        return []
    own = [float(np.nanmean(row)) for _, row in seen]
    joint = mean_over_people(
        [row - mean for (_, row), mean in zip(seen, own, strict=True)], len(scene.t_s)
    )
    counted = np.any([search.listening for search, _ in seen], axis=0)
    values = np.clip(joint + sum(own) / len(own), 0.0, 1.0)
    track = Track.of(scene.t_s, values, counted, scene.interval_s)
    levels = track.levels(BEFORE_S, AFTER_S)
    start, end = track.windows(BEFORE_S, AFTER_S)
    index = np.flatnonzero(counted)
    limit = np.maximum(MIN_CHANGE, levels.limit)
    found = []
    for kind, sign in (("rise", 1.0), ("fall", -1.0)):
        for at in track.peaks(sign * levels.step, limit):
            split = track.split(at, sign)
            was, is_now = index[start[split] : split], index[split : end[split]]
            moved = [
                search for search, row in seen if sign * _step(row, was, is_now) >= MIN_CHANGE / 2
            ]
            if len(moved) < 2:
                continue
            around = [search.looks_between(was, is_now) for search in moved]
            what = what_was_seen(
                mean_looks([looks for looks, _ in around]),
                mean_looks([looks for _, looks in around]),
                mean_rest([search.rest for search in moved]),
            )
            change_s = track.change_s(split)
            before, after = float(levels.before[at]), float(levels.after[at])
            found.append(
                _moment(
                    scene, kind, tuple(search.person for search in moved), what, change_s,
                    track.lasted_s(split, change_s, before, after), before, after,
                )
            )  # fmt: skip
    return found


def _step(row: F64, was: I64, is_now: I64) -> float:
    before, after = row[was], row[is_now]
    if np.isnan(before).all() or np.isnan(after).all():
        return 0.0
    return float(np.nanmean(after) - np.nanmean(before))


def _moment(
    scene: Scene, kind: str, people: tuple[int, ...], what: str, change_s: float,
    lasted_s: float | None, before: float, after: float,
) -> Moment:  # fmt: skip
    end_s = min(change_s + FOLLOW_S, scene.duration_s)
    start_s = max(change_s - LEAD_IN_S, 0.0)
    said_by = speaker_at(scene.talk, change_s)
    lasted_s = None if what == LOOKED_BACK else lasted_s
    return Moment(
        start_s=min(start_s, max(end_s - MIN_MOMENT_S, 0.0)),
        end_s=max(end_s, start_s + MIN_MOMENT_S),
        kind=kind,
        participants=people,
        reason=sentence(scene.names, people, what, lasted_s, said_by),
        # Sums of many samples may end a rounding error outside.
        before=min(max(before, 0.0), 1.0),
        after=min(max(after, 0.0), 1.0),
        strength=min(abs(after - before), 1.0),
        change_s=change_s,
        what=what,
        lasted_s=lasted_s,
        said_by=said_by,
        is_greeting=what in SMILES and _is_first_or_last(scene, change_s),
    )


def _is_first_or_last(scene: Scene, change_s: float) -> bool:
    longest_s = GREETING_SHARE * scene.duration_s
    to_end_s = scene.duration_s - change_s
    return change_s < min(GREETING_S, longest_s) or to_end_s < min(GOODBYE_S, longest_s)


def _ranked(moments: Sequence[Moment]) -> list[Moment]:
    """Return moments in the order of their rank.

    By strength, but greetings come last, and a turn of the head after every fall of a face.
    """
    falls = [
        moment.strength
        for moment in moments
        if _DIRECTION.get(moment.kind) == "fall" and moment.what not in TURNS_OF_THE_HEAD
    ]
    weakest = min(falls, default=1.0)

    def rank(moment: Moment) -> tuple[bool, float, bool, float, str]:
        is_turn = moment.what in TURNS_OF_THE_HEAD
        strength = min(moment.strength, weakest) if is_turn else moment.strength
        return moment.is_greeting, -strength, is_turn, moment.change_s, moment.kind

    return sorted(moments, key=rank)


_DIRECTION = {"to_happy": "rise", "to_angry": "fall", "rise": "rise", "fall": "fall"}


def _is_told(move: Moment, others: Sequence[Moment]) -> bool:
    """Return whether one of the others overlaps a move, goes the same way and has its people."""
    return any(
        _DIRECTION[other.kind] == _DIRECTION[move.kind]
        and set(move.participants) <= set(other.participants)
        and min(move.end_s, other.end_s) > max(move.start_s, other.start_s)
        for other in others
    )


def _with_words(scene: Scene, words: Words, moment: Moment) -> Moment:
    lines = words.around(moment.change_s)
    silence_s = longest_pause_s(lines)
    if moment.kind == "silence":
        silence_s = moment.silence_s
        lines = with_one_length(lines, moment)
    return replace(
        moment,
        lines=lines,
        silence_s=silence_s,
        side=_side(scene, moment),
        speakers=_speakers(scene, moment),
    )


def _side(scene: Scene, moment: Moment) -> str:
    sides = {scene.sides[i] for i in moment.participants} if scene.sides else set()
    return sides.pop() if len(sides) == 1 else ""


def _speakers(scene: Scene, moment: Moment) -> tuple[int, ...]:
    spoken = [overlap_s(spans, moment.start_s, moment.end_s) for spans in scene.talk]
    return tuple(sorted((i for i, s in enumerate(spoken) if s > 0), key=lambda i: -spoken[i]))
