"""Synthetic analyses of calls that never took place: plausible, deterministic, quick to make.

`make_call` lays out people, faces, talk, a transcript and moments; the figures are computed from
the series it draws, plainly, without `inference.assess`, so that reports and messages can be tested
apart from the scoring.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from bot.calls.info import CallInfo
from inference.moments.lines import Words
from inference.schema.analysis import (
    CallAnalysis,
    CallScore,
    Estimate,
    Moment,
    Participant,
    PersonScore,
    Series,
    SideScore,
    TalkFigures,
    WindowScore,
)
from inference.schema.arrays import EXPRESSIONS, F32, F64, Bools
from inference.schema.meeting import SpeakerTurn, TranscriptLine
from inference.schema.observations import FaceColumns, Observations, Quality
from inference.scoring.engagement import plain_course, within
from inference.scoring.face_words import FaceRest, face_words, word_seconds
from inference.scoring.profiles import PROFILES
from inference.scoring.score import Faces, Scored
from inference.scoring.sides import SidePerson, score_sides

STARTED_AT = datetime(2026, 11, 19, 14, 0, tzinfo=UTC)

WEIGHTS = np.array([0.0, 0.0, 1 / 9, 1.0, 2 / 9, 7 / 9, 4 / 9], np.float32)
"""Engagement per expression on 0–1, in EXPRESSIONS order."""

SENTENCES = (
    "So what would that cost us for forty seats, from $5 to $9 a month?",
    "Honestly, the migration is what worries me. Last year it took a quarter.",
    "That is exactly the report my team builds by hand every Friday.",
    "Could you say that again? I lost you for a second.",
    "We can start with two teams and grow from there.",
    "I would need our security people to look at this first.",
    "Right. And who else would have to agree on your side?",
    "That makes sense to me.",
)


@dataclass(frozen=True)
class PersonSpec:
    """One person to put into a call. `talk` is a weight; 0 never speaks."""

    name: str
    coverage: float = 0.85
    level: float = 0.55
    talk: float = 1.0
    side: str = "unknown"
    is_host: bool = False
    is_scored: bool = True
    is_named: bool = True


def make_info(topic: str = "Acme renewal: pricing and rollout", **changes: object) -> CallInfo:
    """Details of a call on 19 November 2026, 15:00 in Berlin."""
    values: dict[str, object] = {
        "call_id": "call-1", "topic": topic, "timezone": "Europe/Berlin",
        "started_at": STARTED_AT,
        "host_name": "Ana Ruiz", "has_transcript": True, "notes": (),
    }  # fmt: skip
    return CallInfo(**{**values, **changes})  # type: ignore[arg-type]


def sales_pair() -> tuple[PersonSpec, ...]:
    """A seller and two buyers."""
    return (
        PersonSpec("Ana Ruiz", 0.92, 0.60, 2.4, "rep", is_host=True),
        PersonSpec("Tom Becker", 0.83, 0.50, 1.2, "prospect"),
        PersonSpec("Priya Nair", 0.61, 0.47, 0.5, "prospect"),
    )


def make_call(
    people: Sequence[PersonSpec] | None = None,
    *,
    duration_s: float = 1800.0,
    seed: int = 7,
    interval_s: float = 0.5,
    has_turns: bool = True,
    has_transcript: bool = True,
    quotes: Sequence[str] = SENTENCES,
    profile: str = "sales",
    quality: Quality | None = None,
) -> CallAnalysis:
    """A call in which each person is seen and heard as their spec says."""
    specs = tuple(sales_pair() if people is None else people)
    rng = np.random.default_rng(seed)
    t_s = np.arange(0.0, duration_s, interval_s)
    turns = _turns(specs, duration_s, rng) if has_turns else ()
    transcript = (
        tuple(
            TranscriptLine(turn.start_s, turn.end_s, turn.speaker, quotes[i % len(quotes)])
            for i, turn in enumerate(turns)
        )
        if has_transcript
        else ()
    )
    participants = tuple(
        _participant(index, spec, t_s, turns, rng) for index, spec in enumerate(specs)
    )
    scored = [p for p in participants if p.is_scored]
    call_series = _call_series(scored, t_s)
    sampled = len(t_s)
    observations = Observations(
        t_s=t_s, sample_interval_s=interval_s, duration_s=duration_s, width_px=1280,
        height_px=720, faces=FaceColumns.empty(), views=(), model="expression-1",
        quality=quality
        or Quality(
            frames_decoded=sampled * 12, frames_sampled=sampled,
            faces_seen=int(sum(p.score.face_s for p in participants) / interval_s),
        ),
    )  # fmt: skip
    engagement = _estimate(call_series.engagement)
    talk_s = sum(turn.end_s - turn.start_s for turn in turns)
    call = CallScore(
        engagement=engagement, attention=_estimate(call_series.attention), score=None,
        coverage=float(np.mean([p.score.coverage for p in scored])) if scored else 0.0,
        trend_per_min=_trend(call_series.rolling_60s, t_s), stability=0.87 if scored else None,
        talk_s=talk_s, silence_s=max(0.0, duration_s - talk_s),
        expressions=_expressions(call_series.probs),
    )  # fmt: skip
    return CallAnalysis(
        observations=observations, profile=profile, scoring_version=1, participants=participants,
        attributions=(), turns=turns, transcript=transcript, call=call, call_series=call_series,
        windows=_windows(participants, t_s, duration_s), moments=_moments(
            participants, call_series, t_s, transcript
        ),
        sides=_sides(observations, participants, turns),
    )  # fmt: skip


def _sides(
    observations: Observations, participants: Sequence[Participant], turns: Sequence[SpeakerTurn]
) -> tuple[SideScore, ...]:
    people = [
        SidePerson(
            p.side, p.is_scored, p.score,
            Scored(
                Faces(np.isfinite(p.series.engagement), p.series.probs,
                      p.series.attention.astype(np.float64)),
                plain_course(p.series.engagement.astype(np.float64), turns_known=True, version=1),
            ),
            [(turn.start_s, turn.end_s) for turn in turns if turn.key == p.key],
            observations.duration_s,
        )
        for p in participants
    ]  # fmt: skip
    return score_sides(observations, people, PROFILES["sales"])


def _turns(
    specs: Sequence[PersonSpec], duration_s: float, rng: np.random.Generator
) -> tuple[SpeakerTurn, ...]:
    weights = np.array([spec.talk for spec in specs])
    if weights.sum() == 0:
        return ()
    turns, now = [], 2.0
    while now < duration_s - 3:
        who = specs[int(rng.choice(len(specs), p=weights / weights.sum()))]
        end = min(now + float(rng.gamma(2.0, 9.0)) + 1.5, duration_s)
        turns.append(SpeakerTurn(now, end, who.name, who.name))
        now = end + float(rng.exponential(1.2))
    return tuple(turns)


def _participant(
    index: int,
    spec: PersonSpec,
    t_s: F64,
    turns: Sequence[SpeakerTurn],
    rng: np.random.Generator,
) -> Participant:
    count = len(t_s)
    # Slow swings over minutes, two dips and some noise: what a real course looks like.
    minutes = t_s / 60
    drift = 0.10 * np.sin(minutes / 3.1 + index) + 0.06 * np.sin(minutes / 1.3 + 2 * index)
    dip = -0.22 * np.exp(-(((t_s / max(t_s[-1], 1) - 0.42) / 0.035) ** 2))
    happy = np.clip(spec.level - 0.35 + drift + dip + rng.normal(0, 0.05, count), 0.01, 0.9)
    probs = rng.dirichlet([1, 0.3, 0.6, 1, 2, 1.2, 14], count).astype(np.float32)
    probs *= (1 - happy)[:, None].astype(np.float32)
    probs[:, EXPRESSIONS.index("happy")] += happy.astype(np.float32)
    seen = _seen(count, spec.coverage, rng)
    probs[~seen] = np.nan
    engagement = probs @ WEIGHTS
    attention = np.where(seen, np.clip(0.75 + drift + rng.normal(0, 0.08, count), 0, 1), np.nan)
    hide = not spec.is_scored
    if hide:
        probs, engagement = np.full_like(probs, np.nan), np.full_like(engagement, np.nan)
        attention = np.full_like(attention, np.nan)
    series = _series(engagement, attention.astype(np.float32), probs, t_s)
    own = [turn for turn in turns if turn.key == spec.name]
    all_talk = sum(turn.end_s - turn.start_s for turn in turns)
    talk = sum(turn.end_s - turn.start_s for turn in own)
    mean = _expressions(probs)
    interval = float(t_s[1] - t_s[0])
    face_s = 0.0 if hide else float(seen.sum() * interval)
    listening = ~within(t_s, [(turn.start_s, turn.end_s) for turn in own])
    score = PersonScore(
        engagement=_estimate(engagement), attention=_estimate(series.attention), score=None,
        coverage=0.0 if hide else float(seen.mean()), face_s=face_s,
        trend_per_min=_trend(series.rolling_60s, t_s),
        stability=float(rng.uniform(0.8, 0.95)) if mean else None,
        baseline_change=_shift(_estimate(engagement), engagement, t_s),
        expression_s={name: share * face_s for name, share in mean.items()}, expressions=mean,
        listening_s=0.0 if hide else float((seen & listening).sum() * interval),
        face_word_s=word_seconds(face_words(probs, FaceRest()), listening, interval),
        talk=TalkFigures(
            talk, talk / all_talk if all_talk else 0.0, len(own),
            max((turn.end_s - turn.start_s for turn in own), default=0.0),
        ),
    )  # fmt: skip
    where = np.flatnonzero(seen)
    return Participant(
        index=index, name=spec.name, key=spec.name, is_named=spec.is_named, side=spec.side,
        is_host=spec.is_host, is_scored=spec.is_scored,
        name_confidence=0.95 if spec.is_named else 0.0,
        first_seen_s=float(t_s[where[0]]) if len(where) else float("nan"),
        last_seen_s=float(t_s[where[-1]]) if len(where) else float("nan"),
        score=score, series=series,
    )  # fmt: skip


def _seen(count: int, coverage: float, rng: np.random.Generator) -> Bools:
    """A camera that goes off in stretches: True about `coverage` of the time."""
    seen = np.full(count, coverage > 0)
    if coverage in (0, 1):
        return seen
    stretches = max(1, min(8, count // 120))
    each, off = count // stretches, int(count * (1 - coverage)) // stretches
    for number in range(stretches):
        start = number * each + int(rng.integers(0, each - off + 1))
        seen[start : start + off] = False
    return seen


def _series(engagement: F32, attention: F32, probs: F32, t_s: F64) -> Series:
    interval = float(t_s[1] - t_s[0])
    return Series(
        engagement=engagement.astype(np.float32), attention=attention.astype(np.float32),
        rolling_30s=_rolling(engagement, round(30 / interval)),
        rolling_60s=_rolling(engagement, round(60 / interval)),
        cumulative=_rolling(engagement, len(engagement)), probs=probs,
        speaking=np.zeros(len(t_s), np.bool_),
    )  # fmt: skip


def _rolling(values: F32, width: int) -> F32:
    """Mean of the samples of the last `width` that were seen; NaN where this one was not."""
    known = np.isfinite(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(known)])
    end = np.arange(1, len(values) + 1)
    start = np.maximum(0, end - width)
    mean = (sums[end] - sums[start]) / np.maximum(1, counts[end] - counts[start])
    return np.where(known, mean, np.nan).astype(np.float32)


def _call_series(scored: Sequence[Participant], t_s: F64) -> Series:
    if not scored:
        none = np.full(len(t_s), np.nan, np.float32)
        return _series(none, none, np.full((len(t_s), 7), np.nan, np.float32), t_s)
    return _series(
        _nanmean([p.series.engagement for p in scored]),
        _nanmean([p.series.attention for p in scored]),
        _nanmean([p.series.probs for p in scored]),
        t_s,
    )


def _nanmean(rows: Sequence[F32]) -> F32:
    stack = np.stack(rows)
    known = np.isfinite(stack)
    total = np.where(known, stack, 0).sum(axis=0)
    count = known.sum(axis=0)
    return np.where(count > 0, total / np.maximum(1, count), np.nan).astype(np.float32)


def _estimate(values: F32) -> Estimate | None:
    known = values[np.isfinite(values)]
    if not len(known):
        return None
    worth = max(2.0, len(known) / 250)
    half = 1.96 * float(known.std()) / worth**0.5
    mean = float(known.mean())
    return Estimate(mean, max(0.0, mean - half), min(1.0, mean + half), worth)


def _trend(values: F32, t_s: F64) -> Estimate | None:
    known = np.isfinite(values)
    if known.sum() < 60:
        return None
    slope = float(np.polyfit(t_s[known] / 60, values[known], 1)[0])
    return Estimate(slope, slope - 0.002, slope + 0.002, 20.0)


def _shift(mean: Estimate | None, values: F32, t_s: F64) -> Estimate | None:
    first = values[t_s < 120]
    first = first[np.isfinite(first)]
    if mean is None or len(first) < 20:
        return None
    change = mean.value - float(first.mean())
    return Estimate(change, change - 0.05, change + 0.05, 10.0)


def _expressions(probs: F32) -> dict[str, float]:
    known = probs[np.isfinite(probs[:, 0])]
    if not len(known):
        return {}
    mean = known.mean(axis=0)
    return {name: float(v / mean.sum()) for name, v in zip(EXPRESSIONS, mean, strict=True)}


def _windows(
    participants: Sequence[Participant], t_s: F64, duration_s: float
) -> tuple[WindowScore, ...]:
    windows = []
    for person in participants:
        for start in np.arange(0.0, duration_s, 10.0):
            values = person.series.engagement[(t_s >= start) & (t_s < start + 10)]
            known = values[np.isfinite(values)]
            windows.append(
                WindowScore(
                    person.index, float(start), min(float(start) + 10, duration_s),
                    float(known.mean()) if len(known) else None, None,
                    len(known) / max(1, len(values)), len(values), 0.0, {},
                )
            )  # fmt: skip
    return tuple(windows)


def _moments(
    participants: Sequence[Participant],
    call: Series,
    t_s: F64,
    transcript: Sequence[TranscriptLine],
) -> tuple[Moment, ...]:
    duration_s = float(t_s[-1])
    found = []
    plan = ((0.40, "fall"), (0.72, "rise"), (0.55, "to_happy"), (0.25, "to_angry"), (0.88, "fall"))
    scored = [p for p in participants if p.score.engagement is not None]
    for rank, (share, kind) in enumerate(plan):
        if not scored:
            break
        start = round(duration_s * share, 1)
        who = scored[rank % len(scored)]
        low, high = 0.38 + 0.01 * rank, 0.61 - 0.01 * rank
        before, after = (high, low) if kind in ("fall", "to_angry") else (low, high)
        found.append(
            Moment(
                start, start + 18.0, kind, (who.index,), f"{who.name} {WHAT[kind]}",
                before, after, 1.0 - 0.1 * rank, start + 5.0, Words(transcript).around(start + 5.0),
                who.side, _speakers(participants, transcript, start), what=WHAT[kind],
            )
        )  # fmt: skip
    if transcript and not scored:
        start = round(duration_s * 0.5, 1)
        found.append(
            Moment(start, start + 14.0, "silence", (), "Nobody spoke for 14 seconds",
                   None, None, 0.4, start, Words(transcript).around(start), silence_s=14.0)
        )  # fmt: skip
    return tuple(found)


WHAT = {
    "fall": "stopped smiling", "rise": "smiled more", "to_happy": "began to smile",
    "to_angry": "looked tense",
}  # fmt: skip


def _speakers(
    participants: Sequence[Participant], transcript: Sequence[TranscriptLine], start_s: float
) -> tuple[int, ...]:
    for line in transcript:
        if line.start_s < start_s + 10 and line.end_s > start_s:
            return tuple(p.index for p in participants if p.name == line.speaker)
    return ()
