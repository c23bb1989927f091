"""Faces and talk of one person, or of the whole call, in figures (docs/scoring.md)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inference.schema.analysis import CallScore, PersonScore, Series, TalkFigures, WindowScore
from inference.schema.arrays import EXPRESSIONS, F32, F64, Bools
from inference.schema.observations import FaceColumns, Observations
from inference.scoring.attention import attention
from inference.scoring.engagement import (
    RULES,
    TIME_EPS_S,
    EngagementCourse,
    engagement_course,
    plain_course,
)
from inference.scoring.face_words import face_rest, face_words, word_seconds
from inference.scoring.intervals import estimate_change, estimate_mean, estimate_trend
from inference.scoring.profiles import ENGAGEMENT_SCALE, SCORE_SCALE, Profile
from inference.speech.turns import Span, overlap_s

ROLLING_S = (30.0, 60.0)

ROLLING_LEAST_S = 5.0
"""Version 2: a rolling or cumulative mean over fewer seconds of listening is not given. It would
be one look between two sentences of one's own."""


@dataclass(frozen=True, slots=True)
class Faces:
    """One person's face over the sampled frames; NaN where it was not seen. All (T,)."""

    present: NDArray[np.bool_]
    """A face was found, classified or not."""
    probs: F32  # (T, 7)
    attention: F64


@dataclass(frozen=True, slots=True)
class Scored:
    """One person's face and what it is worth, sample by sample."""

    faces: Faces
    course: EngagementCourse


def engagement_of(
    observations: Observations, faces: Faces, turns: Sequence[Span] | None,
    profile: Profile, version: int,
) -> EngagementCourse:  # fmt: skip
    """Return one person's engagement in a version of the scoring.

    `turns` are when the person spoke, None where nothing says so.
    """
    if version == 1:
        return plain_course(
            profile.engagement(faces.probs), turns_known=turns is not None, version=1
        )
    return engagement_course(
        observations.t_s, observations.sample_interval_s, faces.probs, faces.attention, turns,
        profile,
    )  # fmt: skip


def select_faces(
    observations: Observations, track_person: dict[int, int], people: int
) -> list[Faces]:
    """Return each person's face at each sample.

    Where one sample has several faces of a person, a classified one takes precedence,
    then the largest box, then the lowest track.

    Args:
        observations: what was seen.
        track_person: person of each track, 0 to people - 1; other tracks belong to nobody.
        people: number of persons.
    """
    faces = observations.faces
    owner = np.array([track_person.get(int(t), -1) for t in np.unique(faces.track)], np.int64)
    person = (
        owner[np.searchsorted(np.unique(faces.track), faces.track)]
        if len(faces)
        else np.zeros(0, np.int64)
    )
    classified = ~np.isnan(faces.probs).any(axis=1)
    area = (faces.box[:, 2] - faces.box[:, 0]) * (faces.box[:, 3] - faces.box[:, 1])
    order = np.lexsort((faces.track, -area, ~classified, faces.sample, person))
    order = order[person[order] >= 0]
    first = np.ones(len(order), np.bool_)
    first[1:] = (np.diff(person[order]) != 0) | (np.diff(faces.sample[order]) != 0)
    chosen = order[first]
    limits = np.searchsorted(person[chosen], np.arange(people + 1))
    return [
        _person_faces(faces, chosen[limits[i] : limits[i + 1]], len(observations.t_s))
        for i in range(people)
    ]


def _person_faces(faces: FaceColumns, rows: NDArray[np.int64], samples: int) -> Faces:
    at = faces.sample[rows]
    present = np.zeros(samples, np.bool_)
    present[at] = True
    probs = np.full((samples, len(EXPRESSIONS)), np.nan, np.float32)
    probs[at] = faces.probs[rows]
    probs[np.isnan(probs).any(axis=1)] = np.nan
    attentive = np.full(samples, np.nan)
    attentive[at] = attention(faces.yaw_deg[rows], faces.pitch_deg[rows], faces.eye_opening[rows])
    return Faces(present, probs, attentive)


def unseen(samples: int) -> Faces:
    """Return the faces of somebody who was not seen, or must not be scored."""
    return Faces(
        np.zeros(samples, np.bool_),
        np.full((samples, len(EXPRESSIONS)), np.nan, np.float32),
        np.full(samples, np.nan),
    )


def person_span(
    observations: Observations, present: NDArray[np.bool_], spans: Sequence[Span]
) -> Span:
    """Return the span from when a person was first to last seen or heard, else (0, 0)."""
    starts = [start_s for start_s, _ in spans]
    ends = [end_s for _, end_s in spans]
    at = np.flatnonzero(present)
    if len(at):
        starts.append(float(observations.t_s[at[0]]))
        last_s = float(observations.t_s[at[-1]])
        ends.append(
            min(last_s + observations.sample_interval_s, max(observations.duration_s, last_s))
        )
    return (min(starts), max(ends)) if starts else (0.0, 0.0)


def time_in_call(observations: Observations, span: Span) -> Span:
    """Return a person's time in the call: from when they were first noticed to the call's end.

    Nothing shows that somebody left: a face that is gone may be a camera switched off, and figures
    that leave such minutes out would look better founded than they are.
    """
    return (span[0], max(span[1], observations.duration_s)) if span[1] > span[0] else span


def build_series(
    t_s: F64, engagement: F64, attentive: F64, probs: F32,
    speaking: Bools | None = None, least: int = 1,
) -> Series:  # fmt: skip
    """Return the course of a person or of the call, with rolling and cumulative means.

    A rolling mean is taken over the listening samples of the last 30 or 60 s, the present one
    included, the cumulative one over all so far; both are NaN where there are fewer than `least`.
    """
    if speaking is None:
        speaking = np.zeros(len(t_s), np.bool_)
    # From the rounded values, which are what is kept: whoever reads them gets the same means.
    kept = engagement.astype(np.float32)
    counted = np.where(speaking, np.nan, kept.astype(np.float64))
    rolling_30s, rolling_60s = (rolling_mean(t_s, counted, span_s, least) for span_s in ROLLING_S)
    return Series(
        engagement=kept,
        attention=attentive.astype(np.float32),
        rolling_30s=rolling_30s,
        rolling_60s=rolling_60s,
        cumulative=rolling_mean(t_s, counted, math.inf, least),
        probs=probs,
        speaking=speaking,
    )


def least_rolling_samples(version: int, interval_s: float) -> int:
    """Return how many samples a rolling mean needs in a version of the scoring."""
    return 1 if version == 1 else max(1, math.ceil(ROLLING_LEAST_S / interval_s - TIME_EPS_S))


def rolling_mean(t_s: F64, values: F64, span_s: float, least: int = 1) -> F32:
    """Return the mean of the samples in (t - span_s, t] for every t.

    NaN where fewer than `least` were seen.
    """
    total, count = running_sums(values)
    end = np.arange(1, len(t_s) + 1)
    start = np.searchsorted(t_s, t_s - span_s + TIME_EPS_S, side="right")
    seen = count[end] - count[start]
    return _mean(total[end] - total[start], np.where(seen >= least, seen, 0)).astype(np.float32)


def running_sums(values: F64) -> tuple[F64, NDArray[np.int64]]:
    """Return sum and number of the seen samples before each index; (T + 1, …) and (T + 1,)."""
    missing = np.isnan(values)
    seen = ~np.asarray(missing if values.ndim == 1 else missing.any(axis=1))
    filled = np.where(seen if values.ndim == 1 else seen[:, None], values, 0.0)
    total = np.zeros((len(values) + 1, *values.shape[1:]))
    np.cumsum(filled, axis=0, out=total[1:])
    return total, np.concatenate([[0], np.cumsum(seen)])


def bin_means(values: F32, cuts: NDArray[np.int64]) -> tuple[F64, NDArray[np.int64]]:
    """Return mean and number of the seen samples between neighbouring cuts; NaN and 0 for none."""
    total, count = running_sums(values.astype(np.float64))
    seen = np.diff(count[cuts])
    return _mean(np.diff(total[cuts], axis=0), seen), seen


def _mean(total: F64, count: NDArray[np.int64]) -> F64:
    shape = count if total.ndim == 1 else count[:, None]
    result: F64 = np.where(shape > 0, total / np.maximum(shape, 1), np.nan)
    return result


def count_labels(probs: F32) -> tuple[NDArray[np.int64], int]:
    """Return how often each expression was the most likely one, and how often that changed."""
    rows = probs[~np.isnan(probs).any(axis=1)]
    labels = np.argmax(rows, axis=1)
    counts = np.bincount(labels, minlength=len(EXPRESSIONS))
    return counts, int(np.count_nonzero(np.diff(labels)))


def score_person(
    observations: Observations, scored: Scored, profile: Profile, span: Span, talk: TalkFigures
) -> tuple[PersonScore, Series]:
    """Return one person's figures and course; `span` is their time in the call."""
    interval_s = observations.sample_interval_s
    faces, course = scored.faces, scored.course
    engagement, basis = counted(course.listening, course.values, interval_s)
    counts, changes = count_labels(faces.probs)
    seen = int(counts.sum())
    face_s = seen * interval_s
    score = profile.score(faces.probs)
    figures = PersonScore(
        engagement=estimate_mean(engagement, interval_s, ENGAGEMENT_SCALE),
        attention=estimate_mean(faces.attention, interval_s, ENGAGEMENT_SCALE),
        score=None if score is None else estimate_mean(score, interval_s, SCORE_SCALE),
        coverage=_share(face_s, span[1] - span[0]),
        face_s=face_s,
        trend_per_min=estimate_trend(observations.t_s, engagement, interval_s),
        stability=1 - changes / seen if seen else None,
        baseline_change=estimate_change(engagement, interval_s, ENGAGEMENT_SCALE),
        expression_s=_named(counts * np.float64(interval_s)) if seen else {},
        expressions=mean_expressions(faces.probs),
        talk=talk,
        turns_known=course.turns_known,
        rest=course.rest if seen else None,
    )
    if course.version > 1:
        own = face_rest(faces.probs, course.counts_as_rest, interval_s)
        spoken = np.where(course.speaking, course.values, np.nan)
        figures = replace(
            figures,
            basis=basis,
            listening_s=seen_s(course.listening, interval_s),
            speaking=estimate_mean(spoken, interval_s, ENGAGEMENT_SCALE),
            face_word_s=word_seconds(face_words(faces.probs, own), ~course.speaking, interval_s),
        )
    return figures, build_series(
        observations.t_s, course.values, faces.attention, faces.probs,
        course.speaking, least_rolling_samples(course.version, interval_s),
    )  # fmt: skip


def counted(listening: F64, everything: F64, interval_s: float) -> tuple[F64, str]:
    """Return the samples that a mean is taken over, and what they are: "listening" or "all"."""
    if seen_s(listening, interval_s) >= RULES.rest_least_s - TIME_EPS_S:
        return listening, "listening"
    return everything, "all"


def seen_s(values: F64, interval_s: float) -> float:
    """Return the seconds that the known samples stand for."""
    return float(np.count_nonzero(~np.isnan(values))) * interval_s


def mean_expressions(probs: F32) -> dict[str, float]:
    """Return the mean probability per expression over the rows that are not NaN; {} for none."""
    rows = probs[~np.isnan(probs).any(axis=1)]
    return _named(rows.mean(axis=0, dtype=np.float64)) if len(rows) else {}


def score_call(
    observations: Observations,
    people: Sequence[tuple[PersonScore, Scored]],
    profile: Profile,
    span_s: float,
    talk_s: float,
    silence_s: float,
) -> tuple[CallScore, Series]:
    """Return the call's figures: the mean over the people seen and listening at each sample.

    With less than 20 s of listening in all, it is the mean over the people seen.

    Args:
        observations: what was seen.
        people: figures, faces and courses of those who are scored.
        profile: how expressions become numbers.
        span_s: the summed time in the call of those people, for the coverage.
        talk_s: seconds in which somebody spoke.
        silence_s: seconds in which nobody spoke; 0 where it is unknown who spoke.
    """
    t_s, interval_s = observations.t_s, observations.sample_interval_s
    courses = [scored.course for _, scored in people]
    engagement, _ = counted(
        mean_over_people([course.listening for course in courses], len(t_s)),
        mean_over_people([course.values for course in courses], len(t_s)),
        interval_s,
    )
    all_faces = [scored.faces for _, scored in people]
    attentive = mean_over_people([faces.attention for faces in all_faces], len(t_s))
    probs = _mean_probs([faces.probs for faces in all_faces], len(t_s))
    score = profile.score(probs)
    labels = [count_labels(faces.probs) for faces in all_faces]
    samples = sum(int(counts.sum()) for counts, _ in labels)
    figures = CallScore(
        engagement=estimate_mean(engagement, interval_s, ENGAGEMENT_SCALE),
        attention=estimate_mean(attentive, interval_s, ENGAGEMENT_SCALE),
        score=None if score is None else estimate_mean(score, interval_s, SCORE_SCALE),
        coverage=_share(sum(person.face_s for person, _ in people), span_s),
        trend_per_min=estimate_trend(t_s, engagement, interval_s),
        stability=1 - sum(changes for _, changes in labels) / samples if samples else None,
        talk_s=talk_s,
        silence_s=silence_s,
        expressions=mean_expressions(probs),
    )
    version = max((course.version for course in courses), default=1)
    least = least_rolling_samples(version, interval_s)
    return figures, build_series(t_s, engagement, attentive, probs, least=least)


def mean_over_people(rows: Sequence[F64], samples: int) -> F64:
    """Return the mean over the people seen at each sample, (samples,); NaN where nobody was."""
    total, count = np.zeros(samples), np.zeros(samples, np.int64)
    for row in rows:
        seen = ~np.isnan(row)
        total[seen] += row[seen]
        count += seen
    return _mean(total, count)


def _mean_probs(rows: Sequence[F32], samples: int) -> F32:
    total, count = np.zeros((samples, len(EXPRESSIONS))), np.zeros(samples, np.int64)
    for row in rows:
        seen = ~np.isnan(row).any(axis=1)
        total[seen] += row[seen]
        count += seen
    return _mean(total, count).astype(np.float32)


def score_windows(
    observations: Observations, participant: int, series: Series, talk: Sequence[Span],
    span: Span, window_s: float,
) -> list[WindowScore]:  # fmt: skip
    """Return one person's means over each window of the call that touches `span`.

    Windows start at 0, window_s, 2 window_s, …; the last ends with the call. Engagement is that of
    listening. `talk` is merged.
    """
    last_s = max(observations.duration_s, span[1])
    edges = np.arange(math.ceil(last_s / window_s - TIME_EPS_S) + 1) * window_s
    cuts = np.searchsorted(observations.t_s, edges - TIME_EPS_S)
    engagement, listened = bin_means(series.listening, cuts)
    _, seen = bin_means(series.engagement, cuts)
    attentive, known = bin_means(series.attention, cuts)
    probs, _ = bin_means(series.probs, cuts)
    windows = []
    for i in range(len(edges) - 1):
        start_s, end_s = float(edges[i]), min(float(edges[i + 1]), last_s)
        if end_s <= span[0] + TIME_EPS_S or start_s >= span[1] - TIME_EPS_S:
            continue
        samples = int(seen[i])
        windows.append(
            WindowScore(
                participant=participant,
                start_s=start_s,
                end_s=end_s,
                engagement=float(engagement[i]) if listened[i] else None,
                attention=float(attentive[i]) if known[i] else None,
                coverage=_share(samples * observations.sample_interval_s, end_s - start_s),
                samples=samples,
                talk_s=overlap_s(talk, start_s, end_s),
                expressions=_named(probs[i]) if samples else {},
            )
        )
    return windows


def _share(part_s: float, whole_s: float) -> float:
    return min(1.0, part_s / whole_s) if whole_s > 0 else 0.0


def _named(values: F64) -> dict[str, float]:
    return dict(zip(EXPRESSIONS, values.tolist(), strict=True))
