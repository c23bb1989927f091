"""A scored call as compact columns, for one compressed file per call.

Everything that texts, charts and answers say is in it, so that a call is scored once and every
reader gives the same figures. The faces themselves stay in the observations' own file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from inference.errors import InferenceError
from inference.moments.lines import complete_earlier
from inference.schema.analysis import (
    Attribution,
    CallAnalysis,
    CallScore,
    Moment,
    Participant,
    PersonScore,
    Series,
    SideScore,
    WindowScore,
)
from inference.schema.meeting import SpeakerTurn, TranscriptLine
from inference.schema.observations import FaceColumns, Observations, Quality
from inference.scoring.score import build_series, least_rolling_samples
from inference.serialize import Columns, pack_probs, unpack_probs

ANALYSIS_VERSION = 1


class OtherVersion(InferenceError):
    """Another version of this file wrote the columns: score the call again."""


def analysis_to_columns(analysis: CallAnalysis) -> tuple[Columns, dict[str, object]]:
    """Return the arrays of an analysis, and whatever else is needed to read it, ready for JSON.

    Engagement, attention, probabilities and own turns have a row per participant and a last one for
    the call. Rolling and cumulative means follow from them and are computed again when read.
    """
    courses = [*(person.series for person in analysis.participants), analysis.call_series]
    seen = analysis.observations
    arrays: Columns = {
        "t_s": seen.t_s.astype(np.float64),
        "engagement": np.stack([series.engagement for series in courses]).astype(np.float32),
        "attention": np.stack([series.attention for series in courses]).astype(np.float32),
        "probs": pack_probs(np.stack([series.probs for series in courses])),
        "speaking": np.stack([series.speaking for series in courses]),
    }
    meta: dict[str, object] = {
        "version": ANALYSIS_VERSION,
        "observations": {
            "sample_interval_s": seen.sample_interval_s,
            "duration_s": seen.duration_s,
            "width_px": seen.width_px,
            "height_px": seen.height_px,
            "model": seen.model,
            "quality": asdict(seen.quality),
        },
        "profile": analysis.profile,
        "scoring_version": analysis.scoring_version,
        "participants": [_without_series(person) for person in analysis.participants],
        "attributions": [asdict(tie) for tie in analysis.attributions],
        "turns": [asdict(turn) for turn in analysis.turns],
        "transcript": [asdict(line) for line in analysis.transcript],
        "call": asdict(analysis.call),
        "windows": [asdict(window) for window in analysis.windows],
        "moments": [asdict(moment) for moment in analysis.moments],
        "sides": [asdict(side) for side in analysis.sides],
    }
    return arrays, meta


def analysis_from_columns(
    arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]
) -> CallAnalysis:
    """Read what `analysis_to_columns` returned; its observations hold no faces, views or labels.

    Raises:
        OtherVersion: another version of this file wrote the columns. Figures of an earlier
            version of the scoring are read as they are: they are what was reported.
        InferenceError: a column or field is missing or damaged.
    """
    if meta.get("version") != ANALYSIS_VERSION:
        raise OtherVersion(f"The analysis was written as version {meta.get('version')}.")
    try:
        return _read(arrays, meta)
    except (KeyError, ValueError, TypeError, IndexError, ValidationError) as exc:
        raise InferenceError(f"The analysis is damaged ({type(exc).__name__}).") from exc


def _without_series(person: Participant) -> dict[str, object]:
    plain = {
        field.name: getattr(person, field.name)
        for field in fields(person)
        if field.name not in ("score", "series")
    }
    return plain | {"score": asdict(person.score)}


def _read(arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> CallAnalysis:
    t_s = arrays["t_s"].astype(np.float64)
    seen = dict(meta["observations"])
    version = int(meta["scoring_version"])
    least = least_rolling_samples(version, float(seen["sample_interval_s"]))
    # Files of version 1 of the scoring do not say in which samples a person's turn went on.
    speaking = arrays.get("speaking", np.zeros(arrays["engagement"].shape, np.bool_))
    courses = [
        build_series(
            t_s, engagement.astype(np.float64), attention.astype(np.float64), probs, spoke, least
        )
        for engagement, attention, probs, spoke in zip(
            arrays["engagement"], arrays["attention"], unpack_probs(arrays["probs"]), speaking,
            strict=True,
        )
    ]  # fmt: skip
    *series, call_series = courses
    return CallAnalysis(
        observations=Observations(
            t_s=t_s,
            faces=FaceColumns.empty(),
            views=(),
            **seen | {"quality": _QUALITY.validate_python(seen["quality"])},
        ),
        profile=str(meta["profile"]),
        scoring_version=version,
        participants=tuple(
            _participant(person, course)
            for person, course in zip(meta["participants"], series, strict=True)
        ),
        attributions=_ATTRIBUTIONS.validate_python(meta["attributions"]),
        turns=_TURNS.validate_python(meta["turns"]),
        transcript=_LINES.validate_python(meta["transcript"]),
        call=_CALL.validate_python(meta["call"]),
        call_series=call_series,
        windows=_WINDOWS.validate_python(meta["windows"]),
        moments=tuple(_moment(moment) for moment in meta["moments"]),
        sides=_SIDES.validate_python(meta["sides"]),
    )


def _participant(fields: Mapping[str, Any], series: Series) -> Participant:
    return Participant(
        **{
            **fields,
            "score": _PERSON.validate_python(fields["score"]),
            "former_ids": tuple(fields["former_ids"]),
        },
        series=series,
    )


def _moment(fields: Mapping[str, Any]) -> Moment:
    if "change_s" in fields:
        return _MOMENT.validate_python(fields)
    return complete_earlier(_MOMENT.validate_python({**fields, "change_s": fields["start_s"]}))


_QUALITY = TypeAdapter(Quality)
_PERSON = TypeAdapter(PersonScore)
_CALL = TypeAdapter(CallScore)
_ATTRIBUTIONS = TypeAdapter(tuple[Attribution, ...])
_TURNS = TypeAdapter(tuple[SpeakerTurn, ...])
_LINES = TypeAdapter(tuple[TranscriptLine, ...])
_WINDOWS = TypeAdapter(tuple[WindowScore, ...])
_MOMENT = TypeAdapter(Moment)
_SIDES = TypeAdapter(tuple[SideScore, ...])
