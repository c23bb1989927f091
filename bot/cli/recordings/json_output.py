"""The output of `rapport analyze --json`: one object, engagement 0–1, null if nothing was seen."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from bot.calls.result_rows import plain, talk_fields
from inference.attribution.people_count import count_people
from inference.schema.analysis import CallAnalysis, Estimate
from inference.scoring.environments import environment_scores
from inference.timeline import series_at

CURVE_STEP_S, MOST_STEPS = 10.0, 360
"""Step of the curves in seconds, longer in a call of over an hour: at most so many points each."""
RUNNING = ("rolling_30s", "rolling_60s", "cumulative")


def analysis_json(analysis: CallAnalysis) -> dict[str, Any]:
    """Return the figures of the call, its participants, its moments and its quality."""
    call = analysis.call
    quality = analysis.quality
    named = [person.is_named for person in analysis.participants]
    people = count_people(analysis.observations, analysis.attributions, named)
    curves = _curves(analysis)
    return {
        "call": plain(
            {
                "duration_s": analysis.duration_s,
                "people": people.count,
                "people_is_exact": people.is_exact,
                "engagement": _value(call.engagement),
                "interval": _interval(call.engagement),
                "attention": _value(call.attention),
                "score": _value(call.score),
                "coverage": call.coverage,
                "trend_per_min": _value(call.trend_per_min),
                "stability": call.stability,
                "talk_s": call.talk_s,
                "silence_s": call.silence_s,
                "talk": asdict(call.talk),
                "expressions": call.expressions,
                "profile": analysis.profile,
                "scoring_version": analysis.scoring_version,
                "model": analysis.observations.model,
                "turns_known": analysis.turns_known,
            }
        ),
        "participants": [
            plain(
                {
                    "name": person.name,
                    "is_named": person.is_named,
                    "name_confidence": person.name_confidence,
                    "camera_off_s": person.camera_off_s,
                    "side": person.side,
                    "engagement": _value(person.score.engagement),
                    "interval": _interval(person.score.engagement),
                    "attention": _value(person.score.attention),
                    "score": _value(person.score.score),
                    "coverage": person.score.coverage,
                    "face_s": person.score.face_s,
                    "trend_per_min": _value(person.score.trend_per_min),
                    "stability": person.score.stability,
                    "baseline_change": _value(person.score.baseline_change),
                    "talk_s": person.score.talk.talk_s,
                    "talk_share": person.score.talk.share,
                    "turns": person.score.talk.turns,
                    "longest_monologue_s": person.score.talk.longest_monologue_s,
                    "talk": talk_fields(asdict(person.score.talk)),
                    "expressions": person.score.expressions,
                    "expression_s": person.score.expression_s,
                    "basis": person.score.basis,
                    "listening_s": person.score.listening_s,
                    "speaking": _value(person.score.speaking),
                    "turns_known": person.score.turns_known,
                    "rest": person.score.rest,
                    "face_word_s": person.score.face_word_s,
                    "environments": {
                        name: {"score": score.value, "interval": _interval(score)}
                        for name, score in environment_scores(
                            person.series.probs, analysis.observations.sample_interval_s
                        ).items()
                    },
                    "more_figures": {
                        "expression_share": shares_of(person.score.expression_s),
                        "curves": curves[person.index],
                    },
                }
            )
            for person in analysis.participants
        ],
        "sides": [_side(asdict(side)) for side in analysis.sides],
        "moments": [
            plain(
                {
                    "start_s": moment.start_s,
                    "end_s": moment.end_s,
                    "kind": moment.kind,
                    "participants": [analysis.participants[i].name for i in moment.participants],
                    "side": moment.side,
                    "speakers": [analysis.participants[i].name for i in moment.speakers],
                    "reason": moment.reason,
                    "before": moment.before,
                    "after": moment.after,
                    "change_s": moment.change_s,
                    "silence_s": moment.silence_s,
                    "what": moment.what,
                    "lasted_s": moment.lasted_s,
                    "said_by": None
                    if moment.said_by is None
                    else analysis.participants[moment.said_by].name,
                    "is_greeting": moment.is_greeting,
                    "lines": [asdict(line) for line in moment.lines],
                }
            )
            for moment in analysis.moments
        ],
        "quality": plain(
            {
                "frames_decoded": quality.frames_decoded,
                "frames_sampled": quality.frames_sampled,
                "frames_lost": quality.frames_lost,
                "lost_share": quality.lost_share,
                "faces_seen": quality.faces_seen,
                "faces_too_small": quality.faces_too_small,
                "has_audio": quality.has_audio,
                "notes": list(quality.notes),
            }
        ),
    }


def shares_of(seconds: Mapping[str, float]) -> dict[str, float]:
    """Return seconds as shares of their sum; {} for none."""
    total_s = sum(seconds.values())
    return {name: value / total_s for name, value in seconds.items()} if total_s else {}


def _curves(analysis: CallAnalysis) -> list[dict[str, Any]]:
    """Return each person's running means as columns: one value a step, null where unknown."""
    step_s = max(CURVE_STEP_S, math.ceil(analysis.duration_s / MOST_STEPS))
    points = series_at(analysis, step_s)
    curves: list[dict[str, Any]] = [
        {"step_s": step_s, **{name: [None] * len(points) for name in RUNNING}}
        for _ in analysis.participants
    ]
    for step, point in enumerate(points):
        for person in point.people:
            for name in RUNNING:
                curves[person.participant][name][step] = getattr(person, name)
    return curves


def _side(side: dict[str, Any]) -> Any:
    return plain(side | {"talk": talk_fields(side["talk"])})


def faces_json(analysis: CallAnalysis) -> Iterator[str]:
    """Yield the fields "views", "labels" and "faces" as pieces of JSON text, each after a comma.

    A row of "faces" is one face in one sampled frame. `name` is exactly as in the roster; if nobody
    is named it is null and `confidence` is 0. Boxes are in pixels of the frame. An hour with five
    people is 36 000 rows, 4 MB.
    """
    seen = analysis.observations
    last = len(seen.t_s)

    def at(sample: int) -> float:
        return round(float(seen.t_s[sample]) if sample < last else seen.duration_s, 3)

    def box(corners: Any) -> list[float]:
        return [round(float(edge), 1) for edge in corners]

    views = []
    for view in seen.views:
        tiles = [
            {
                "box": box(tile),
                "has_video": bool(view.has_video[k]) if len(view.has_video) else None,
                "seat": int(view.cameras[k]) if len(view.cameras) else -1,
            }
            for k, tile in enumerate(view.tiles)
        ]
        start_s, end_s = at(view.start_sample), at(view.end_sample)
        views.append({"start_s": start_s, "end_s": end_s, "kind": view.kind, "tiles": tiles})
    yield f', "views": {_text(views)}'
    labels = []
    for label in seen.labels:
        if not label.text:
            continue  # identified by its shape, if at all
        tiles_of_view = seen.views[label.view].tiles
        whole = (0, 0, seen.width_px, seen.height_px)
        labels.append(
            {
                "start_s": at(label.start_sample),
                "end_s": at(label.end_sample),
                "box": box(tiles_of_view[label.tile] if len(tiles_of_view) else whole),
                "text": label.text,
                "confidence": round(label.confidence, 3),
            }
        )
    yield f', "labels": {_text(labels)}'
    names = {
        tie.track: (analysis.participants[tie.participant].name, round(tie.confidence, 4))
        for tie in analysis.attributions
        if analysis.participants[tie.participant].is_named
    }
    faces = seen.faces
    yield ', "faces": ['
    for row, (sample, track) in enumerate(
        zip(faces.sample.tolist(), faces.track.tolist(), strict=True)
    ):
        name, confidence = names.get(track, (None, 0.0))
        face = {
            "t_s": at(sample),
            "box": box(faces.box[row]),
            "track": track,
            "name": name,
            "confidence": confidence,
        }
        yield (", " if row else "") + _text(face)
    yield "]"


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _value(estimate: Estimate | None) -> float | None:
    return estimate.value if estimate else None


def _interval(estimate: Estimate | None) -> list[float] | None:
    return [estimate.low, estimate.high] if estimate else None
