"""Step 3: name, score and store what was observed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from bot.annotated.of_call import settle
from bot.call_view import assess_options
from bot.corrections import as_correction
from bot.evidence import name_people, read_evidence, score_evidence, write_evidence
from bot.media import Manifest, read_manifest
from bot.parts import Parts
from bot.side_files import with_side_files
from inference.types import CallAnalysis, Moment, Participant, TranscriptLine
from storage import calls, corrections
from storage.engine import reading, transaction
from storage.errors import Missing
from storage.results import (
    CallResult,
    MomentResult,
    ParticipantResult,
    TranscriptLineResult,
    TurnResult,
    WindowResult,
)


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
            session, call_id, call_result(analysis, series_path=parts.files.relative(path))
        )
        host = next((p.name for p in analysis.participants if p.is_host and p.is_named), None)
        if host is not None:  # Searches, page and report name the host as people corrected it.
            calls.set_host_name(session, call_id, host)
        corrections.mark_stored(session, call_id, len(said))


def call_result(analysis: CallAnalysis, *, series_path: str) -> CallResult:
    """The analysis as rows: milliseconds, plain numbers, None where nothing was seen."""
    engagement = analysis.call.engagement
    return CallResult(
        duration_ms=_ms(analysis.duration_s),
        profile=analysis.profile,
        scoring_version=analysis.scoring_version,
        model=analysis.observations.model,
        engagement=engagement.value if engagement else None,
        engagement_low=engagement.low if engagement else None,
        engagement_high=engagement.high if engagement else None,
        coverage=analysis.call.coverage,
        has_transcript=any(not line.is_chat for line in analysis.transcript),
        quality=plain(asdict(analysis.quality)),
        score=plain(asdict(analysis.call)),
        series_path=series_path,
        participants=[_participant(person) for person in analysis.participants],
        windows=[
            WindowResult(
                participant=window.participant,
                start_ms=_ms(window.start_s),
                end_ms=_ms(window.end_s),
                engagement=window.engagement,
                attention=window.attention,
                coverage=window.coverage,
                samples=window.samples,
                talk_ms=_ms(window.talk_s),
                expressions=window.expressions,
            )
            for window in analysis.windows
        ],
        moments=[_moment(moment) for moment in analysis.moments],
        turns=[
            TurnResult(_ms(turn.start_s), _ms(turn.end_s), turn.speaker, turn.key)
            for turn in analysis.turns
        ],
        transcript=_line_rows(analysis.transcript),
        sides=plain([asdict(side) for side in analysis.sides]),
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


def _participant(person: Participant) -> ParticipantResult:
    score = person.score
    return ParticipantResult(
        position=person.index,
        name=person.name,
        key=person.key,
        is_named=person.is_named,
        side=person.side,
        is_host=person.is_host,
        is_scored=person.is_scored,
        name_confidence=person.name_confidence,
        first_seen_ms=_ms(person.first_seen_s),
        last_seen_ms=_ms(person.last_seen_s),
        engagement=score.engagement.value if score.engagement else None,
        engagement_low=score.engagement.low if score.engagement else None,
        engagement_high=score.engagement.high if score.engagement else None,
        attention=score.attention.value if score.attention else None,
        coverage=score.coverage,
        face_ms=_ms(score.face_s),
        talk_ms=_ms(score.talk.talk_s),
        talk_share=score.talk.share,
        score=plain(asdict(score)),
        pid=person.id,
        former_pids=person.former_ids,
        is_confirmed=person.is_confirmed,
        is_blanked=person.is_blanked,
        camera_off_ms=None if person.camera_off_s is None else _ms(person.camera_off_s),
    )


def _moment(moment: Moment) -> MomentResult:
    return MomentResult(
        start_ms=_ms(moment.start_s),
        end_ms=_ms(moment.end_s),
        kind=moment.kind,
        participants=moment.participants,
        reason=moment.reason,
        before=moment.before,
        after=moment.after,
        strength=moment.strength,
        lines=tuple(_line_rows(moment.lines)),
        side=moment.side,
        speakers=moment.speakers,
    )


def _line_rows(lines: Sequence[TranscriptLine]) -> list[TranscriptLineResult]:
    return [
        TranscriptLineResult(
            _ms(line.start_s), _ms(line.end_s), line.speaker, line.text, line.is_chat
        )
        for line in lines
    ]


def _ms(seconds: float) -> int:
    return round(seconds * 1000) if math.isfinite(seconds) else 0
