"""Step 3: name, score and store what was observed."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import Any

from bot.annotated.lifecycle import settle
from bot.calls.corrections import as_correction
from bot.calls.manifest import Manifest, read_manifest
from bot.calls.record import name_people, read_evidence, score_evidence, write_evidence
from bot.calls.side_files import with_side_files
from bot.calls.stored import assess_options
from bot.pipeline.resources import Parts
from inference.schema.analysis import CallAnalysis, Estimate, Moment, Participant, WindowScore
from inference.schema.meeting import SpeakerTurn, TranscriptLine
from storage import calls
from storage.calls import corrections
from storage.calls.results import ResultRows, Row
from storage.engine import reading, transaction
from storage.errors import Missing


def store_call(parts: Parts, call_id: str) -> None:
    """Add words and turns to the evidence, score it, and replace what an earlier run stored."""
    path = parts.files.series_path(call_id)
    evidence = read_evidence(path)
    try:
        manifest = read_manifest(parts.files, call_id)
    except Missing:  # A repeat after the media was deleted: the evidence holds all that it gave.
        manifest = Manifest(())
    evidence = with_side_files(evidence, manifest, parts.files)
    with reading(parts.engine) as session:
        said = corrections.of_call(session, call_id)
    evidence = replace(evidence, corrections=tuple(map(as_correction, said)))
    score_own_side = parts.settings.calls.score_own_side
    if evidence.cast is None or score_own_side:
        # Once the own side's faces are blanked, nothing is left to name them by: names stay.
        evidence = name_people(evidence)
    analysis = score_evidence(evidence, assess_options(parts.settings))
    settle(parts.files, call_id, analysis, assess_options(parts.settings))
    # Where the own side is not to be scored, nothing of their faces is kept.
    write_evidence(path, replace(evidence, observations=analysis.observations))
    with transaction(parts.engine) as session:
        calls.save_result(
            session, call_id, result_rows(analysis, series_path=parts.files.relative(path))
        )
        host = next((p.name for p in analysis.participants if p.is_host and p.is_named), None)
        if host is not None:  # Searches, page and report name the host as people corrected it.
            calls.set_host_name(session, call_id, host)
        corrections.mark_stored(session, call_id, len(said))


def result_rows(analysis: CallAnalysis, *, series_path: str) -> ResultRows:
    """The analysis as rows: milliseconds, plain numbers, None where nothing was seen."""
    return ResultRows(
        call={
            "duration_ms": _ms(analysis.duration_s),
            "profile": analysis.profile,
            "scoring_version": analysis.scoring_version,
            "model": analysis.observations.model,
            **_interval(analysis.call.engagement),
            "coverage": analysis.call.coverage,
            "has_transcript": any(not line.is_chat for line in analysis.transcript),
            "quality": plain(asdict(analysis.quality)),
            "score": plain(asdict(analysis.call)),
            "series_path": series_path,
            "sides": plain([asdict(side) for side in analysis.sides]),
        },
        participants=[_participant(person) for person in analysis.participants],
        windows=[_window(window) for window in analysis.windows],
        moments=[_moment(moment) for moment in analysis.moments],
        turns=[_spoken(turn) for turn in analysis.turns],
        transcript=[_spoken(line) for line in analysis.transcript],
    )


def plain(value: Any) -> Any:
    """A value as JSON can hold it: NaN and infinities become None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def _participant(person: Participant) -> Row:
    score = person.score
    return {
        "position": person.index,
        "pid": person.id,
        "former_pids": person.former_ids,
        "name": person.name,
        "key": person.key,
        "is_named": person.is_named,
        "side": person.side,
        "is_host": person.is_host,
        "is_scored": person.is_scored,
        "name_confidence": person.name_confidence,
        "is_confirmed": person.is_confirmed,
        "is_blanked": person.is_blanked,
        "camera_off_ms": None if person.camera_off_s is None else _ms(person.camera_off_s),
        "first_seen_ms": _ms(person.first_seen_s),
        "last_seen_ms": _ms(person.last_seen_s),
        **_interval(score.engagement),
        "attention": score.attention.value if score.attention else None,
        "coverage": score.coverage,
        "face_ms": _ms(score.face_s),
        "talk_ms": _ms(score.talk.talk_s),
        "talk_share": score.talk.share,
        "score": plain(asdict(score)),
    }


def _interval(engagement: Estimate | None) -> Row:
    return {
        "engagement": engagement.value if engagement else None,
        "engagement_low": engagement.low if engagement else None,
        "engagement_high": engagement.high if engagement else None,
    }


def _window(window: WindowScore) -> Row:
    return _in_ms(asdict(window), "start", "end", "talk")


def _moment(moment: Moment) -> Row:
    row = _in_ms(asdict(moment), "start", "end")
    return row | {"lines": [_spoken(line) for line in moment.lines]}


def _spoken(line: SpeakerTurn | TranscriptLine) -> Row:
    return _in_ms(asdict(line), "start", "end")


def _in_ms(row: dict[str, Any], *times: str) -> dict[str, Any]:
    """The row with these times, named `…_s`, as whole milliseconds, named `…_ms`."""
    return row | {f"{name}_ms": _ms(row.pop(f"{name}_s")) for name in times}


def _ms(seconds: float) -> int:
    return round(seconds * 1000) if math.isfinite(seconds) else 0
