"""What the charts draw: curves thinned to what paper can show, and who spoke when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bot.text import words
from inference.schema.analysis import CallAnalysis, Participant
from inference.schema.arrays import EXPRESSIONS, F32, F64
from inference.scoring.engagement import RULES
from inference.scoring.profiles import PROFILES
from inference.timeline import talk_spans

MAX_LANES = 8
"""No one reads more lanes than this; the people who spoke least share the last one."""
MAX_POINTS = 150
_STEPS_S = (1.0, 2.0, 3.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 90.0, 120.0, 300.0)
_MIN_SEEN = 0.2
"""A point needs a face seen in this share of its span; without it, the line has a gap."""


Spans = tuple[tuple[float, float], ...]
"""Starts and ends in seconds."""


@dataclass(frozen=True, slots=True)
class Course:
    """Values on 0–100 at the middles of equal spans; NaN where too little was seen."""

    t_s: F64
    values: F64
    step_s: float


@dataclass(frozen=True, slots=True)
class Lane:
    """When one person, or several who share a lane, spoke."""

    name: str
    side: str
    spans: Spans


@dataclass(frozen=True, slots=True)
class Mark:
    """A numbered moment."""

    number: int
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Backdrop:
    """What all charts of a report share: everyone's mean curve and the engagement axis.

    `levels` are the ends and middle of the axis: 20–80 if everything drawn fits, as in nearly every
    call, else 0–100. `neutral` is the engagement of a calm, neutral face, 0–100.
    """

    duration_s: float
    everyone: Course
    levels: tuple[int, int, int]
    neutral: float
    is_one_person: bool
    """Only one person was scored, so everyone's curve is theirs."""
    talk: list[list[tuple[float, float]]]
    """When each participant spoke."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """The whole call: everyone's mean curve, below it who spoke, and the moments."""

    backdrop: Backdrop
    lanes: tuple[Lane, ...]
    marks: tuple[Mark, ...]

    @property
    def has_course(self) -> bool:
        """Whether there is any engagement to draw."""
        return bool(np.isfinite(self.backdrop.everyone.values).any())


@dataclass(frozen=True, slots=True)
class PersonChart:
    """One person's curve, and when they spoke."""

    backdrop: Backdrop
    side: str
    course: Course
    attention: Course
    spans: Spans


def step_for(duration_s: float) -> float:
    """Return the span of one point: a round number that gives at most `MAX_POINTS` points."""
    for step in _STEPS_S:
        if duration_s / step <= MAX_POINTS:
            return step
    return duration_s / MAX_POINTS


def course(t_s: F64, values: F32, duration_s: float) -> Course:
    """Average a 0–1 series over equal spans, and put it on 0–100.

    An empty series gives a curve without points.
    """
    step = step_for(duration_s)
    count = max(1, int(np.ceil(duration_s / step))) if len(t_s) else 0
    middles = (np.arange(count, dtype=np.float64) + 0.5) * np.float64(step)
    if not count:
        return Course(middles, np.zeros(0), step)
    bucket = np.clip((t_s / step).astype(np.int64), 0, count - 1)
    known = np.isfinite(values)
    sums = np.bincount(bucket[known], values[known].astype(np.float64), count)
    seen = np.bincount(bucket[known], minlength=count)
    sampled = np.bincount(bucket, minlength=count)
    enough = (seen > 0) & (seen >= _MIN_SEEN * sampled)
    mean = np.where(enough, np.float64(100) * sums / np.maximum(1, seen), np.nan)
    return Course(middles, mean, step)


def neutral_level(analysis: CallAnalysis) -> float:
    """Return the engagement, 0–100, of a calm, neutral face: the line to compare with."""
    profile = PROFILES.get(analysis.profile, PROFILES["sales"])
    if measures_against_rest(analysis):
        return 100 * RULES.calm
    return 100 * profile.weights[EXPRESSIONS.index("neutral")]


def measures_against_rest(analysis: CallAnalysis) -> bool:
    """Return whether engagement is measured against each person's own calm face."""
    profile = PROFILES.get(analysis.profile, PROFILES["sales"])
    return analysis.scoring_version > 1 and not profile.most_likely_only


def backdrop(analysis: CallAnalysis) -> Backdrop:
    """Build what all charts of a call share."""
    t_s, duration_s = analysis.observations.t_s, analysis.duration_s
    drawn = [analysis.call_series, *(person.series for person in analysis.participants)]
    courses = [course(t_s, series.listening, duration_s) for series in drawn]
    known = np.concatenate([c.values[np.isfinite(c.values)] for c in courses])
    scored = sum(p.score.engagement is not None for p in analysis.participants)
    return Backdrop(
        duration_s=duration_s,
        everyone=courses[0],
        levels=(20, 50, 80) if ((known > 20) & (known < 80)).all() else (0, 50, 100),
        neutral=neutral_level(analysis),
        is_one_person=scored == 1,
        talk=talk_spans(analysis),
    )


def person_chart(person: Participant, analysis: CallAnalysis, shared: Backdrop) -> PersonChart:
    """Build what one person's chart draws."""
    t_s, duration_s = analysis.observations.t_s, analysis.duration_s
    return PersonChart(
        backdrop=shared,
        side=person.side,
        course=course(t_s, person.series.listening, duration_s),
        attention=course(t_s, person.series.attention, duration_s),
        spans=_joined(shared.talk[person.index], duration_s),
    )


def lanes(analysis: CallAnalysis, shared: Backdrop, name_length: int) -> tuple[Lane, ...]:
    """Return a lane per person who spoke, most talk first; those beyond `MAX_LANES` share one."""
    spoke = [p for p in analysis.participants if p.score.talk.talk_s > 0]
    spoke.sort(key=lambda p: -p.score.talk.talk_s)
    own = spoke if len(spoke) <= MAX_LANES else spoke[: MAX_LANES - 1]
    rest = spoke[len(own) :]
    result = [
        Lane(
            words.shorten(words.clean(p.name) or f"Person {p.index + 1}", name_length),
            p.side,
            _joined(shared.talk[p.index], shared.duration_s),
        )
        for p in own
    ]
    if rest:
        together = [span for p in rest for span in shared.talk[p.index]]
        result.append(Lane(f"{len(rest)} others", "unknown", _joined(together, shared.duration_s)))
    return tuple(result)


def _joined(spans: list[tuple[float, float]], duration_s: float) -> Spans:
    """Return spans in order, without the pauses too short to show on paper."""
    joined: list[tuple[float, float]] = []
    for start_s, end_s in sorted(spans):
        if joined and start_s - joined[-1][1] <= duration_s / 600:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end_s))
        else:
            joined.append((start_s, end_s))
    return tuple(joined)
