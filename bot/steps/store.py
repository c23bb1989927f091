"""Step 3: name, score and store what was observed."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from typing import Any

from bot.attendees import RecordedSpan, with_stays
from bot.call_view import assess_options
from bot.evidence import Evidence, name_people, read_evidence, score_evidence, write_evidence
from bot.media import Manifest, SegmentFiles, read_manifest
from bot.parts import Parts
from inference.types import (
    Attendee,
    CallAnalysis,
    Moment,
    Participant,
    SpeakerTurn,
    TranscriptLine,
)
from integrations.zoom.chat import parse_chat
from integrations.zoom.timeline import parse_timeline
from integrations.zoom.transcript import parse_vtt
from storage import calls
from storage.engine import transaction
from storage.errors import Missing
from storage.files import MediaFiles
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
    score_own_side = parts.settings.calls.score_own_side
    if evidence.cast is None or score_own_side:
        # Once the own side's faces are blanked, nothing is left to name them by: names stay.
        evidence = name_people(evidence)
    analysis = score_evidence(evidence, assess_options(parts.settings))
    # Where the own side is not to be scored, nothing of their faces is kept.
    write_evidence(path, replace(evidence, observations=analysis.observations))
    with transaction(parts.engine) as session:
        calls.save_result(
            session, call_id, call_result(analysis, series_path=parts.files.relative(path))
        )


def with_side_files(evidence: Evidence, manifest: Manifest, files: MediaFiles) -> Evidence:
    """The evidence with the TIMELINEs' turns, the transcripts' and chats' lines and the attendees.

    Attendees come with their stays where the manifest tells when each segment was recorded.

    A kind of file that the manifest does not have leaves what the evidence holds already.
    """
    turns: list[SpeakerTurn] = []
    lines: list[TranscriptLine] = []
    chat: list[TranscriptLine] = []
    notes: list[str] = list(manifest.notes)
    total_s = evidence.observations.duration_s
    starts = evidence.segment_starts_s
    ends = (*starts[1:], total_s)
    spans = [
        (starts[index], ends[index]) if index < len(starts) else (total_s, total_s)
        for index in range(len(manifest.segments))
    ]
    for segment, (start_s, end_s) in zip(manifest.segments, spans, strict=True):
        turns += _turns(segment, files, start_s, end_s - start_s, notes)
    attendees = _present(manifest, spans, notes)
    evidence = replace(
        evidence,
        turns=tuple(replace(turn, key=manifest.aliases.get(turn.key, turn.key)) for turn in turns)
        or evidence.turns,
        attendees=attendees or evidence.attendees,
    )
    names = {turn.speaker for turn in evidence.turns} | {who.name for who in evidence.attendees}
    for segment, (start_s, end_s) in zip(manifest.segments, spans, strict=True):
        lines += _lines(segment, files, start_s, end_s - start_s, names, notes)
        chat += _chat(segment, files, start_s, end_s - start_s, notes)
    # One kind may come without the other: a late transcript finds the chat taken up already.
    lines = lines or [line for line in evidence.transcript if not line.is_chat]
    chat = chat or [line for line in evidence.transcript if line.is_chat]
    words = sorted(lines + chat, key=lambda line: line.start_s)
    return replace(evidence, transcript=tuple(words)).with_notes(notes)


def _present(
    manifest: Manifest, spans: Sequence[tuple[float, float]], notes: list[str]
) -> tuple[Attendee, ...]:
    recorded = [
        RecordedSpan(segment.start_at, segment.end_at, start_s, end_s)
        for segment, (start_s, end_s) in zip(manifest.segments, spans, strict=True)
        if segment.start_at is not None
    ]
    if not manifest.presence or not recorded or len(recorded) < len(spans):
        return manifest.attendees
    attendees, problems = with_stays(manifest.attendees, manifest.presence, recorded)
    notes += problems
    return attendees


def _turns(
    segment: SegmentFiles, files: MediaFiles, start_s: float, duration_s: float, notes: list[str]
) -> list[SpeakerTurn]:
    if segment.timeline is None:
        return []
    timeline = parse_timeline(files.read(segment.timeline), duration_s=duration_s)
    notes += timeline.problems
    return [
        SpeakerTurn(start_s + turn.start_s, start_s + turn.end_s, turn.username, key=turn.user_key)
        for turn in timeline.entries
    ]


def _lines(
    segment: SegmentFiles, files: MediaFiles, start_s: float, duration_s: float,
    names: Collection[str], notes: list[str],
) -> list[TranscriptLine]:  # fmt: skip
    if segment.transcript is None:
        return []
    data = files.read(segment.transcript)
    transcript = parse_vtt(data, duration_s=duration_s, names=names)
    notes += transcript.problems
    return [
        TranscriptLine(start_s + line.start_s, start_s + line.end_s, line.speaker, line.text)
        for line in transcript.lines
    ]


def _chat(
    segment: SegmentFiles, files: MediaFiles, start_s: float, duration_s: float, notes: list[str]
) -> list[TranscriptLine]:
    if segment.chat is None:
        return []
    chat = parse_chat(files.read(segment.chat), duration_s=duration_s)
    notes += chat.problems
    return [
        TranscriptLine(
            start_s + message.at_s,
            start_s + message.at_s,
            message.sender or None,
            message.text,
            is_chat=True,
        )
        for message in chat.messages
    ]


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
