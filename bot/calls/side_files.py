"""The files that Zoom writes next to the video, placed on the call's time line."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace

from bot.calls.manifest import Manifest, SegmentFiles
from bot.calls.record import Evidence
from bot.calls.roster import RecordedSpan, with_stays
from inference.schema.meeting import RosterEntry, SpeakerTurn, TranscriptLine
from inference.speech.turns import Span
from integrations.zoom.chat import parse_chat
from integrations.zoom.timeline import parse_timeline
from integrations.zoom.transcript import parse_vtt
from storage.files import MediaFiles

log = logging.getLogger(__name__)


def with_side_files(evidence: Evidence, manifest: Manifest, files: MediaFiles) -> Evidence:
    """Return the evidence with the turns, the lines of transcript and chat, and the roster.

    Roster entries get their stays if the manifest says when each segment was recorded. If the
    manifest lacks a kind of file, the evidence keeps what it has of that kind.
    """
    turns: list[SpeakerTurn] = []
    lines: list[TranscriptLine] = []
    chat: list[TranscriptLine] = []
    notes: list[str] = list(manifest.notes)
    spans = segment_spans(evidence, manifest)
    for segment, (start_s, end_s) in zip(manifest.segments, spans, strict=True):
        turns += _turns(segment, files, start_s, end_s - start_s, notes)
    roster = _roster(manifest, spans, notes)
    evidence = replace(
        evidence,
        turns=tuple(replace(turn, key=manifest.aliases.get(turn.key, turn.key)) for turn in turns)
        or evidence.turns,
        roster=roster or evidence.roster,
    )
    names = {turn.speaker for turn in evidence.turns} | {who.name for who in evidence.roster}
    for segment, (start_s, end_s) in zip(manifest.segments, spans, strict=True):
        lines += _lines(segment, files, start_s, end_s - start_s, names, notes)
        chat += _chat(segment, files, start_s, end_s - start_s, notes)
    # One may come without the other: when a transcript is late, the chat is here already.
    lines = lines or [line for line in evidence.transcript if not line.is_chat]
    chat = chat or [line for line in evidence.transcript if line.is_chat]
    words = sorted(lines + chat, key=lambda line: line.start_s)
    evidence = replace(evidence, transcript=tuple(words), has_side_files=True)
    for note in notes:  # they count and name files, never people
        log.info("side files: %s", note)
    return evidence.with_notes(notes)


def segment_spans(evidence: Evidence, manifest: Manifest) -> list[Span]:
    """Return the span of each segment of the manifest on the call's time line, in seconds."""
    total_s = evidence.observations.duration_s
    starts = evidence.segment_starts_s
    ends = (*starts[1:], total_s)
    return [
        (starts[index], ends[index]) if index < len(starts) else (total_s, total_s)
        for index in range(len(manifest.segments))
    ]


def _roster(manifest: Manifest, spans: Sequence[Span], notes: list[str]) -> tuple[RosterEntry, ...]:
    recorded = [
        RecordedSpan(segment.start_at, segment.end_at, start_s, end_s)
        for segment, (start_s, end_s) in zip(manifest.segments, spans, strict=True)
        if segment.start_at is not None
    ]
    if not manifest.presence or not recorded or len(recorded) < len(spans):
        return manifest.roster
    roster, problems = with_stays(manifest.roster, manifest.presence, recorded)
    notes += problems
    return roster


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
    data = files.read(segment.chat)
    chat = parse_chat(data, duration_s=duration_s, start_at=segment.start_at)
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
