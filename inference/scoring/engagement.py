"""Engagement of one person over a call, against their own calm face (docs/scoring.md, 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inference.schema.arrays import F32, F64, Bools
from inference.scoring.profiles import NEUTRAL_WEIGHT, Profile
from inference.speech.turns import Span, merge_spans

TIME_EPS_S = 1e-6
"""Samples nearer to a limit than this count as on it: decimal times are not exact in binary."""


@dataclass(frozen=True, slots=True)
class EngagementRules:
    """The constants of version 2. `benchmarks/sensitivity.py` shows what each of them decides."""

    calm: float = 0.65
    """A calm face that looks at the screen. A choice: it leaves room above for a full smile and
    twice as much below, because a calm listener is the usual case and no bad sign."""
    listening_slope: float = 0.7
    """With it a full smile from a neutral rest reaches 1 (0.65 + 0.7 · 5/9 > 1) and a sure anger
    falls to half of calm (0.65 - 0.7 · 4/9 = 0.34)."""
    speaking_slope: float = 0.35
    """Half as much: a moving mouth reads as surprise, so a speaker's face says half of it."""
    away: float = 0.5
    """What is left of the value when attention is 0. Looking away can be taking notes: it halves
    engagement and never ends it."""
    sure: float = 0.5
    """From this probability of the likeliest expression on it counts in full: it is then likelier
    than all others together. At 1/7 all seven are equal, and nothing is known."""
    rest_quantile: float = 0.25
    """The rest of somebody who often smiles is their lower quartile, not their smile."""
    rest_low: float = 0.30
    rest_high: float = 0.75
    """A rest outside these is no calm face: who smiles (or frowns) all the time still counts as
    doing so. A constant full smile gets 0.65 + 0.7 · (1 - 0.75) = 0.82."""
    rest_default: float = NEUTRAL_WEIGHT
    """The rest of somebody of whom too little was seen, and the least a lower quartile counts as
    where the median is above it: the value of a face that is neutral for sure."""
    rest_least_s: float = 20.0
    """Seconds seen that a rest, and a mean of listening alone, need (as a baseline does)."""
    breath_s: float = 2.0
    """Own turns with a pause up to this long between them are one: breath, not listening."""
    edge_s: float = 1.0
    """Zoom's turns begin and end up to about a second beside the voice, and a mouth opens before
    it speaks: so close to an edge of the own turns nobody knows which of the two is seen."""
    median_s: float = 3.0
    """A blink lasts 0.1 to 0.4 s and is one sample, seldom two; a median over 3 s drops it and
    keeps a look away that lasts 2 s."""


RULES = EngagementRules()


@dataclass(frozen=True, slots=True)
class EngagementCourse:
    """One person's engagement over the sampled pictures. All arrays (T,).

    Values while listening and while speaking are each measured against their own rest: they may be
    compared among themselves, and not with each other.
    """

    values: F64
    """0–1; NaN where the face was not seen or not classified, never 0 for that reason."""
    facing: F64
    """The factor by which attention lowers the value, 0.5–1; NaN where `values` is."""
    speaking: Bools
    """The person's own turn goes on. False throughout where nothing says who spoke."""
    near_turn: Bools
    """Within 1 s of an edge of the person's own turns."""
    rest: float | None
    """The own rest of x while listening; None where values are not measured against one."""
    speaking_rest: float | None
    """The own median of x while speaking; None where too little of that was seen."""
    turns_known: bool
    """False where nothing says when this person spoke: everything then counts as listening."""
    version: int = 2
    """The version of the scoring that the values follow."""

    @property
    def counts_as_rest(self) -> Bools:
        """In which samples the own rest is looked for: listening, no edge of an own turn near."""
        return ~(self.speaking | self.near_turn)

    @property
    def listening(self) -> F64:
        """The values while the person's own turn does not go on; NaN elsewhere."""
        return np.where(self.speaking, np.nan, self.values)


def plain_course(values: F64, *, turns_known: bool, version: int) -> EngagementCourse:
    """Return a course that has no rest and makes nothing of who speaks, as in version 1."""
    never = np.zeros(len(values), np.bool_)
    full = np.where(np.isnan(values), np.nan, 1.0)
    return EngagementCourse(values, full, never, never, None, None, turns_known, version)


def engagement_course(
    t_s: F64,
    interval_s: float,
    probs: F32,
    attention: F64,
    turns: Sequence[Span] | None,
    profile: Profile,
    rules: EngagementRules = RULES,
) -> EngagementCourse:
    """Return one person's engagement, version 2, over a whole call.

    Args:
        t_s: times of the samples, ascending, (T,).
        interval_s: the time each sample represents.
        probs: (T, 7); NaN rows where the face was not seen or not classified.
        attention: 0–1, (T,); NaN without landmarks.
        turns: when the person spoke, in any order; None where nothing says so.
        profile: the weights of the expressions; "classic" is a formula of its own, and its course
            is `plain_course`.
        rules: the constants.
    """
    x = profile.engagement(probs)
    if profile.most_likely_only:
        return plain_course(x, turns_known=turns is not None, version=2)
    seen = ~np.isnan(x)
    facing = np.where(seen, facing_factor(t_s, attention, rules), np.nan)
    if turns is None:
        x = running_median(t_s, x, rules.median_s)
    spans = merge_spans(turns or (), rules.breath_s)
    speaking = within(t_s, spans)
    near = near_edges(t_s, spans, rules.edge_s)
    rest = own_rest(x[seen & ~speaking & ~near], interval_s, rules)
    spoken = x[seen & speaking & ~near]
    speaking_rest: float | None = None
    above = rules.listening_slope * (x - rest)
    if len(spoken) * interval_s >= rules.rest_least_s - TIME_EPS_S:
        speaking_rest = float(np.median(spoken))
        above = np.where(speaking, rules.speaking_slope * (x - speaking_rest), above)
    else:
        above = np.where(speaking, 0.0, above)
    values = facing * np.clip(rules.calm + certainty(probs, rules) * above, 0.0, 1.0)
    values = np.where(seen, values, np.nan)
    return EngagementCourse(
        values,
        facing,
        speaking,
        near,
        rest,
        speaking_rest,
        turns is not None,
    )


def own_rest(x: F64, interval_s: float, rules: EngagementRules = RULES) -> float:
    """Return the value of a person's own calm face from what was seen while they listened.

    It is the median, or the lower quartile where that is lower and no lower than a neutral face,
    within limits. `x` holds no NaN; under 20 s of it, the rest is that of a neutral face.
    """
    if len(x) * interval_s < rules.rest_least_s - TIME_EPS_S:
        return rules.rest_default
    quartile = max(float(np.quantile(x, rules.rest_quantile)), rules.rest_default)
    return min(max(min(float(np.median(x)), quartile), rules.rest_low), rules.rest_high)


def certainty(probs: F32, rules: EngagementRules = RULES) -> F64:
    """Return how far each row of probs counts, 0 (all seven equal) to 1; NaN rows stay NaN."""
    guess = 1 / probs.shape[1]
    likely = probs.max(axis=1).astype(np.float64)
    share: F64 = np.clip((likely - guess) / (rules.sure - guess), 0.0, 1.0)
    return share


def facing_factor(t_s: F64, attention: F64, rules: EngagementRules = RULES) -> F64:
    """Return the factor by which attention lowers engagement, 0.5–1, (T,); never NaN.

    Attention is smoothed by a running median. A sample without landmarks has the person's own
    median of that, and 1 where they have no landmarks at all.
    """
    smooth = running_median(t_s, attention, rules.median_s)
    known = ~np.isnan(smooth)
    usual = float(np.median(smooth[known])) if known.any() else 1.0
    factor: F64 = rules.away + (1 - rules.away) * np.where(known, smooth, usual)
    return factor


def running_median(t_s: F64, values: F64, span_s: float) -> F64:
    """Return the median over the known values at most span_s / 2 away in time; NaN stays NaN."""
    result = np.full(len(values), np.nan)
    known = np.flatnonzero(~np.isnan(values))
    times, inside = t_s[known], values[known]
    first = np.searchsorted(times, times - span_s / 2 - TIME_EPS_S)
    count = np.searchsorted(times, times + span_s / 2 + TIME_EPS_S, side="right") - first
    for start in range(0, len(known), MEDIAN_ROWS):
        part = slice(start, start + MEDIAN_ROWS)
        offset = np.arange(int(count[part].max()))
        at = np.minimum(first[part, None] + offset, len(known) - 1)
        rows = np.sort(np.where(offset < count[part, None], inside[at], np.inf), axis=1)
        middle = np.stack([(count[part] - 1) // 2, count[part] // 2], axis=1)
        result[known[part]] = np.take_along_axis(rows, middle, axis=1).mean(axis=1)
    return result


MEDIAN_ROWS = 4096
"""Samples whose medians are taken at a time, which bounds the memory of a long call."""


def within(t_s: F64, spans: Sequence[Span]) -> Bools:
    """Return which times lie in [start, end) of one of the spans, which ascend and do not overlap.

    All (T,).
    """
    starts = np.array([start_s for start_s, _ in spans])
    ends = np.array([end_s for _, end_s in spans])
    begun = np.searchsorted(starts, t_s, side="right")
    inside: Bools = begun > np.searchsorted(ends, t_s, side="right")
    return inside


def near_edges(t_s: F64, spans: Sequence[Span], distance_s: float) -> Bools:
    """Return which times are at most distance_s from the start or end of a span, (T,)."""
    edges = np.sort(np.array([edge_s for span in spans for edge_s in span], np.float64))
    if not len(edges):
        return np.zeros(len(t_s), np.bool_)
    after = np.searchsorted(edges, t_s)
    right = np.abs(edges[np.minimum(after, len(edges) - 1)] - t_s)
    left = np.abs(t_s - edges[np.maximum(after - 1, 0)])
    near: Bools = np.minimum(left, right) <= distance_s + TIME_EPS_S
    return near
