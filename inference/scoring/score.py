"""Faces and talk of one person, or of the whole call, in figures (docs/scoring.md)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.schema.analysis import CallScore, PersonScore, Series, TalkFigures, WindowScore
from inference.schema.arrays import EXPRESSIONS, F32, F64
from inference.schema.observations import FaceColumns, Observations
from inference.scoring.attention import attention
from inference.scoring.engagement import TIME_EPS_S
from inference.scoring.intervals import estimate_change, estimate_mean, estimate_trend
from inference.scoring.profiles import ENGAGEMENT_SCALE, SCORE_SCALE, Profile
from inference.speech.turns import Span, overlap_s

ROLLING_S = (30.0, 60.0)


@dataclass(frozen=True, slots=True)
class Faces:
    """One person's face over the sampled frames; NaN where it was not seen. All (T,)."""

    present: NDArray[np.bool_]
    """A face was found, classified or not."""
    probs: F32  # (T, 7)
    attention: F64


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


def build_series(t_s: F64, engagement: F64, attentive: F64, probs: F32) -> Series:
    """Return the course of a person or of the call, with rolling and cumulative means.

    A rolling mean is taken over the samples seen in the last 30 or 60 s, the present one included,
    and is NaN where there were none. The cumulative mean is NaN before the first sample seen.
    """
    # From the rounded values, which are what is kept: whoever reads them gets the same means.
    kept = engagement.astype(np.float32)
    engagement = kept.astype(np.float64)
    rolling_30s, rolling_60s = (rolling_mean(t_s, engagement, span_s) for span_s in ROLLING_S)
    return Series(
        engagement=kept,
        attention=attentive.astype(np.float32),
        rolling_30s=rolling_30s,
        rolling_60s=rolling_60s,
        cumulative=rolling_mean(t_s, engagement, math.inf),
        probs=probs,
    )


def rolling_mean(t_s: F64, values: F64, span_s: float) -> F32:
    """Return the mean of the samples in (t - span_s, t] for every t; NaN where none was seen."""
    total, count = running_sums(values)
    end = np.arange(1, len(t_s) + 1)
    start = np.searchsorted(t_s, t_s - span_s + TIME_EPS_S, side="right")
    return _mean(total[end] - total[start], count[end] - count[start]).astype(np.float32)


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
    observations: Observations, faces: Faces, profile: Profile, span: Span, talk: TalkFigures
) -> tuple[PersonScore, Series]:
    """Return one person's figures and course; `span` is their time in the call."""
    interval_s = observations.sample_interval_s
    engagement = profile.engagement(faces.probs)
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
    )
    return figures, build_series(observations.t_s, engagement, faces.attention, faces.probs)


def mean_expressions(probs: F32) -> dict[str, float]:
    """Return the mean probability per expression over the rows that are not NaN; {} for none."""
    rows = probs[~np.isnan(probs).any(axis=1)]
    return _named(rows.mean(axis=0, dtype=np.float64)) if len(rows) else {}


def score_call(
    observations: Observations,
    people: Sequence[tuple[PersonScore, Faces]],
    profile: Profile,
    span_s: float,
    talk_s: float,
    silence_s: float,
) -> tuple[CallScore, Series]:
    """Return the call's figures: the mean over the people scored and seen at each sample.

    Args:
        observations: what was seen.
        people: figures and faces of those who are scored.
        profile: how expressions become numbers.
        span_s: the summed time in the call of those people, for the coverage.
        talk_s: seconds in which somebody spoke.
        silence_s: seconds in which nobody spoke; 0 where it is unknown who spoke.
    """
    t_s, interval_s = observations.t_s, observations.sample_interval_s
    engagement = mean_over_people(
        [profile.engagement(faces.probs) for _, faces in people], len(t_s)
    )
    attentive = mean_over_people([faces.attention for _, faces in people], len(t_s))
    probs = _mean_probs([faces.probs for _, faces in people], len(t_s))
    score = profile.score(probs)
    counted = [count_labels(faces.probs) for _, faces in people]
    samples = sum(int(counts.sum()) for counts, _ in counted)
    figures = CallScore(
        engagement=estimate_mean(engagement, interval_s, ENGAGEMENT_SCALE),
        attention=estimate_mean(attentive, interval_s, ENGAGEMENT_SCALE),
        score=None if score is None else estimate_mean(score, interval_s, SCORE_SCALE),
        coverage=_share(sum(person.face_s for person, _ in people), span_s),
        trend_per_min=estimate_trend(t_s, engagement, interval_s),
        stability=1 - sum(changes for _, changes in counted) / samples if samples else None,
        talk_s=talk_s,
        silence_s=silence_s,
        expressions=mean_expressions(probs),
    )
    return figures, build_series(t_s, engagement, attentive, probs)


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

    Windows start at 0, window_s, 2 window_s, …; the last ends with the call. `talk` is merged.
    """
    last_s = max(observations.duration_s, span[1])
    edges = np.arange(math.ceil(last_s / window_s - TIME_EPS_S) + 1) * window_s
    cuts = np.searchsorted(observations.t_s, edges - TIME_EPS_S)
    engagement, seen = bin_means(series.engagement, cuts)
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
                engagement=float(engagement[i]) if samples else None,
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
