"""The files that Zoom writes next to the video, placed on the call's time line."""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from bot.calls.manifest import Manifest, SideFile
from bot.calls.record import Evidence
from bot.calls.roster import RecordedSpan, with_stays
from inference.name_labels.text_match import folded
from inference.schema.meeting import RosterEntry, SpeakerTurn, TranscriptLine
from inference.speech.turns import Span
from integrations.zoom.chat import parse_chat
from integrations.zoom.text import count
from integrations.zoom.timeline import parse_timeline
from integrations.zoom.transcript import Transcript, parse_vtt
from storage.files import MediaFiles

log = logging.getLogger(__name__)

LATE_S, LATE_SHARE = 30.0, 0.05
"""By how much a line of the transcript may start after the recording's end, in seconds and as a
share of its length; the larger counts. Transcripts run on a little where a video was trimmed."""
_ANOTHER_CALLS = "TRANSCRIPT: it was not used, because it is another call's: "
_NAME_PARTS = re.compile(r"[\s,./|()\[\]@_-]+")


def with_side_files(evidence: Evidence, manifest: Manifest, files: MediaFiles) -> Evidence:
    """Return the evidence with the turns, the lines of transcript and chat, and the roster.

    Roster entries get their stays if the manifest says when each segment was recorded. If the
    manifest lacks a kind of file, the evidence keeps what it has of that kind.
    """
    notes: list[str] = list(manifest.notes)
    spans = segment_spans(evidence, manifest)
    turns = _turns(manifest, spans, files, notes)
    renamed = _names_in_use(manifest, turns)
    roster = tuple(_called(who, renamed) for who in _roster(manifest, spans, notes))
    turns = [_spoken_by(turn, renamed) for turn in turns]
    evidence = replace(
        evidence,
        turns=tuple(replace(turn, key=manifest.aliases.get(turn.key, turn.key)) for turn in turns)
        or evidence.turns,
        roster=roster or evidence.roster,
        recorded=tuple((segment.start_at, segment.end_at) for segment in manifest.segments)
        or evidence.recorded,
    )
    names = {turn.speaker for turn in evidence.turns} | {who.name for who in evidence.roster}
    lines = _lines(manifest, spans, files, names | renamed.keys(), notes)
    if _names_others(lines, manifest, evidence.turns):
        speakers = count(len({line.speaker for line in lines} - {None}), "speaker")
        notes.append(f"{_ANOTHER_CALLS}of its {speakers}, none is on the list of participants.")
        lines = []
    chat = _chat(manifest, spans, files, notes)
    # One may come without the other: when a transcript is late, the chat is here already.
    lines = lines or [line for line in evidence.transcript if not line.is_chat]
    chat = chat or [line for line in evidence.transcript if line.is_chat]
    words = [
        replace(line, speaker=renamed.get(line.speaker or "", line.speaker))
        for line in sorted(lines + chat, key=lambda line: line.start_s)
    ]
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


@dataclass(frozen=True, slots=True)
class _Window:
    """The part of a file that lies beside a segment, in seconds of the file, and where it goes."""

    start_s: float
    end_s: float
    ahead_s: float
    """What to add to a time in the file to get the call's."""

    def shared_s(self, start_s: float, end_s: float) -> float:
        """Return how much of a span is inside; negative if it is apart."""
        return min(end_s, self.end_s) - max(start_s, self.start_s)


def _windows(
    manifest: Manifest, kind: str, spans: Sequence[Span]
) -> Iterator[tuple[SideFile, list[_Window], float]]:
    """Yield each file of a kind with its parts and the time in it at which the last one ends.

    Where two segments share time, it belongs to the first, so that nothing is said twice.
    """
    groups: list[list[SideFile]] = []
    last: dict[str, list[SideFile]] = {}
    for file in manifest.placed(kind):
        group = last.get(file.path)
        if group is None or file.starts_after_s >= group[-1].starts_after_s:
            group = last[file.path] = []  # it starts anew with this segment
            groups.append(group)
        group.append(file)
    for files in groups:
        windows: list[_Window] = []
        used_s = 0.0
        for file in files:
            start_s, end_s = spans[file.segment]
            last_s = end_s - start_s - file.starts_after_s
            first_s = max(used_s, -file.starts_after_s)
            if last_s >= first_s:
                windows.append(_Window(first_s, last_s, start_s + file.starts_after_s))
                used_s = last_s
        yield files[0], windows, used_s


def _turns(
    manifest: Manifest, spans: Sequence[Span], files: MediaFiles, notes: list[str]
) -> list[SpeakerTurn]:
    turns: list[SpeakerTurn] = []
    outside = 0
    for file, windows, last_s in _windows(manifest, "timeline", spans):
        timeline = parse_timeline(files.read(file.path), duration_s=last_s)
        notes += timeline.problems
        for turn in timeline.entries:
            parts = [one for one in windows if one.shared_s(turn.start_s, turn.end_s) > 0]
            outside += not parts
            turns += [
                SpeakerTurn(
                    part.ahead_s + max(turn.start_s, part.start_s),
                    part.ahead_s + min(turn.end_s, part.end_s),
                    turn.username,
                    key=turn.user_key,
                )
                for part in parts
            ]
    _note_outside(outside, "TIMELINE", "turn", notes)
    return turns


def _lines(
    manifest: Manifest, spans: Sequence[Span], files: MediaFiles,
    names: Collection[str], notes: list[str],
) -> list[TranscriptLine]:  # fmt: skip
    lines: list[TranscriptLine] = []
    outside = 0
    for file, windows, last_s in _windows(manifest, "transcript", spans):
        transcript = parse_vtt(files.read(file.path), duration_s=last_s, names=names)
        late = _late_cues(transcript, max(last_s, _recorded_s(manifest, file)))
        cues = len(transcript.lines) + len(transcript.late_starts_s)
        if late >= min(2, cues) > 0:
            lines_late = f"{late} of {count(cues, 'line')}"
            notes.append(f"{_ANOTHER_CALLS}{lines_late} start after the end of the recording.")
            continue
        notes += transcript.problems
        for line in transcript.lines:
            part = _fitting(windows, line.start_s, line.end_s)
            if part is None:
                outside += 1
                continue
            start_s = part.ahead_s + max(line.start_s, part.start_s)
            end_s = part.ahead_s + min(line.end_s, part.end_s)
            lines.append(TranscriptLine(start_s, max(start_s, end_s), line.speaker, line.text))
    _note_outside(outside, "TRANSCRIPT", "line", notes)
    return lines


def _late_cues(transcript: Transcript, recorded_s: float) -> int:
    """Return how many cues start so late that the transcript cannot be of this recording."""
    limit_s = recorded_s + max(LATE_S, LATE_SHARE * recorded_s)
    return sum(start_s > limit_s for start_s in transcript.late_starts_s)


def _recorded_s(manifest: Manifest, first: SideFile) -> float:
    """Return when the recording beside a file ends by Zoom's clock, in the file's seconds.

    A video that was cut off or not chosen is shorter than that. 0 if it is not known.
    """
    start_at = manifest.segments[first.segment].start_at
    ends = [segment.end_at for segment in manifest.segments if segment.end_at is not None]
    if start_at is None or not ends:
        return 0.0
    return (max(ends) - start_at).total_seconds() - first.starts_after_s


def _names_others(
    lines: Sequence[TranscriptLine], manifest: Manifest, turns: Sequence[SpeakerTurn]
) -> bool:
    """Whether a transcript names speakers, and none of them is anybody who is known to be there.

    One part of a name in common is enough: people shorten their names.
    """
    speakers = {line.speaker for line in lines if line.speaker}
    there = {who.name for who in manifest.roster} | manifest.other_names.keys()
    if not speakers or not there:
        return False
    there |= {turn.speaker for turn in turns}
    return _parts_of(speakers).isdisjoint(_parts_of(there))


def _parts_of(names: Collection[str]) -> set[str]:
    """Return the names and their parts, initials apart, as letters and digits alone."""
    parts = {folded(part) for name in names for part in _NAME_PARTS.split(name)}
    return ({part for part in parts if len(part) > 1} | {folded(name) for name in names}) - {""}


def _chat(
    manifest: Manifest, spans: Sequence[Span], files: MediaFiles, notes: list[str]
) -> list[TranscriptLine]:
    lines: list[TranscriptLine] = []
    outside = 0
    for file, windows, last_s in _windows(manifest, "chat", spans):
        start_at = manifest.segments[file.segment].start_at
        if start_at is not None:
            start_at += timedelta(seconds=file.starts_after_s)
        chat = parse_chat(files.read(file.path), duration_s=last_s, start_at=start_at)
        notes += chat.problems
        for message in chat.messages:
            part = _fitting(windows, message.at_s, message.at_s)
            if part is None:
                outside += 1
                continue
            at_s = part.ahead_s + message.at_s
            lines.append(
                TranscriptLine(at_s, at_s, message.sender or None, message.text, is_chat=True)
            )
    _note_outside(outside, "CHAT", "message", notes)
    return lines


def _fitting(windows: Sequence[_Window], start_s: float, end_s: float) -> _Window | None:
    """Return the window that has most of a span; None if it touches none."""
    best = max(windows, key=lambda one: one.shared_s(start_s, end_s), default=None)
    return best if best is not None and best.shared_s(start_s, end_s) >= 0 else None


def _note_outside(number: int, kind: str, noun: str, notes: list[str]) -> None:
    if number:
        was = "was" if number == 1 else "were"
        notes.append(f"{kind}: {count(number, noun)} outside the analysed video {was} left out.")


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


def _names_in_use(manifest: Manifest, turns: Sequence[SpeakerTurn]) -> dict[str, str]:
    """Return by which name each person with several is called here: every name to that one.

    It is the name under which they speak for longest, as the tiles show it, or the display name.
    Names that speak with different ids may be of different people: then only one is the person's.
    """
    names: dict[str, list[str]] = defaultdict(list)
    for name, listed in manifest.other_names.items():
        names[listed].append(name)
    talk_s: dict[str, float] = defaultdict(float)
    keys: dict[str, set[str]] = defaultdict(set)
    for turn in turns:
        talk_s[turn.speaker] += turn.end_s - turn.start_s
        keys[turn.speaker].add(turn.key)
    in_use: dict[str, str] = {}
    for listed, others in names.items():
        called = max([*others, listed], key=lambda name: talk_s[name])
        for name in (listed, *others):
            if not keys[name] or keys[name] == keys[called]:
                in_use[name] = called
    return in_use


def _spoken_by(turn: SpeakerTurn, names: dict[str, str]) -> SpeakerTurn:
    name = names.get(turn.speaker, turn.speaker)
    return replace(turn, speaker=name, key=name if turn.key == turn.speaker else turn.key)


def _called(who: RosterEntry, names: dict[str, str]) -> RosterEntry:
    name = names.get(who.name, who.name)
    return replace(who, name=name, key=name if who.key == who.name else who.key)
