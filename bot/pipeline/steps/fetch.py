"""Step 1: fetch the recording's files, or say why the call is skipped."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from bot.calls.manifest import (
    Manifest,
    SegmentFiles,
    SideFile,
    read_manifest,
    write_manifest,
)
from bot.calls.record import Evidence, read_evidence, write_evidence
from bot.calls.roster import Roster, make_roster
from bot.calls.selection import (
    announced_s,
    is_internal_only,
    nothing_to_fetch,
    own_domains,
    too_short,
)
from bot.calls.side_files import segment_spans, with_side_files
from bot.pipeline.fetching import NOT_GIVEN, TRANSCRIPT, Fetching, mark_fetched
from bot.pipeline.known_recording import (
    download,
    known_meeting,
    target_path,
)
from bot.pipeline.progress import Progress
from bot.pipeline.resources import Resources
from integrations.coverage import Span, is_beside
from integrations.errors import AuthFailed, NotFound
from integrations.zoom.recordings import (
    Meeting,
    RecordingFile,
    choose_files,
)
from storage import calls
from storage.engine import reading, transaction
from storage.errors import Missing
from storage.schema.tables import Call

INTERNAL = "Only your own side took part."


def fetch_call(resources: Resources, call_id: str, by_hand: bool, progress: Progress) -> bool:
    """Fetch the videos that cover the call, and the files beside them. False = it is skipped.

    Files that are on disk are not fetched again; a broken download resumes where it stopped.
    A call that a person started (`by_hand`) is skipped only if there is nothing to fetch.

    Raises:
        NotFound: Zoom does not have the recording, no longer has it, or is still processing it.
        IntegrationError: Zoom refused or did not respond.
    """
    while True:
        with reading(resources.engine) as session:
            call = calls.get_call(session, call_id)
            announced = {file.zoom_file_id for file in calls.get_files(session, call_id)}
        reason = _fetch(resources, call, announced, by_hand, progress)
        if reason is None:
            return True
        if not resources.settings.keep_recordings:
            resources.files.delete_media(call_id)
        with transaction(resources.engine) as session:
            known = {file.zoom_file_id for file in calls.get_files(session, call_id)}
            # A delivery that came meanwhile joined this run, so its files are looked at too.
            if known <= announced:
                calls.set_status(session, call_id, "skipped", skipped_reason=reason)
                return False


def _fetch(
    resources: Resources, call: Call, announced: Collection[str], by_hand: bool, progress: Progress
) -> str | None:
    """Fetch a call's files and write the manifest, or return why the call is skipped."""
    try:
        meeting = known_meeting(resources, call)
    except NotFound:
        if announced:  # It had files: they were deleted, or Zoom cannot find them just now.
            raise
        return nothing_to_fetch(None)
    if (reason := nothing_to_fetch(meeting)) is not None:
        return reason
    roster, notes = _read_roster(resources, call)
    rules = resources.settings.calls
    sides = [entry.side for entry in roster.entries]
    if not by_hand and not rules.include_internal and is_internal_only(sides):
        return INTERNAL
    host = next((entry.name for entry in roster.entries if entry.is_host), "")
    if host:
        with transaction(resources.engine) as session:
            calls.set_host_name(session, call.id, host)
    fetching = Fetching(resources, call.id, meeting, progress, list(notes))
    segments = fetching.videos()
    # By Zoom's times the call was long enough, or its length was not known before the download.
    if not by_hand and not meeting.is_processing and too_short(announced_s(meeting), rules) is None:
        reason = too_short(fetching.length_s(segments), rules)
        if reason is not None:
            return reason
    manifest = fetching.manifest(segments, roster)
    write_manifest(resources.files, call.id, manifest)
    _mark_unused(resources, call.id, set(announced) - fetching.paths.keys())
    return None


def _mark_unused(resources: Resources, call_id: str, file_ids: set[str]) -> None:
    # Files still "announced" at the end of the run came too late for it and start the next one.
    with transaction(resources.engine) as session:
        known = {file.zoom_file_id for file in calls.get_files(session, call_id)}
        for file_id in sorted(file_ids & known):
            calls.set_file(session, call_id, file_id, state="unused")


def fetch_transcript(resources: Resources, call_id: str, progress: Progress) -> None:
    """Fetch the transcripts announced after the recording, and add them to the evidence."""
    with reading(resources.engine) as session:
        call = calls.get_call(session, call_id)
    meeting = known_meeting(resources, call)
    path = resources.files.series_path(call_id)
    evidence = read_evidence(path)
    try:
        manifest = read_manifest(resources.files, call_id)
    except Missing:  # The media was deleted when the call was done; the evidence remains.
        manifest = Manifest(_recorded(evidence, meeting))
    notes = manifest.notes
    words: list[SideFile] = []
    for file, places in _transcripts(meeting, manifest, evidence):
        target = target_path(resources, call_id, TRANSCRIPT, file)
        try:
            download(resources, meeting, file, target, lambda n: progress(0.5, TRANSCRIPT))
        except NOT_GIVEN:
            # As in `fetch_call`: the call is worth reporting without it, so its report stays.
            notes = (*notes, "Zoom announced a transcript file but did not provide it.")
            _mark_unused(resources, call_id, {file.id})
            continue
        stored = resources.files.relative(target)
        words += [SideFile(TRANSCRIPT, stored, index, after_s) for index, after_s in places]
        mark_fetched(resources, call_id, file, target)
    segments = manifest.segments
    others = manifest.side_files
    if words:
        segments = tuple(replace(segment, transcript=None) for segment in segments)
        others = tuple(file for file in others if file.kind != TRANSCRIPT)
    manifest = replace(manifest, segments=segments, side_files=(*others, *words), notes=notes)
    write_manifest(resources.files, call_id, manifest)
    if evidence.has_side_files:  # the others were read by `analyse`, and stay as they are
        bare = tuple(
            SegmentFiles(start_at=one.start_at, end_at=one.end_at, transcript=one.transcript)
            for one in segments
        )
        manifest = Manifest(bare, notes=notes, side_files=manifest.placed(TRANSCRIPT))
    write_evidence(path, with_side_files(evidence, manifest, resources.files))


def _recorded(evidence: Evidence, meeting: Meeting) -> tuple[SegmentFiles, ...]:
    """Return the segments that were analysed, with their times; an earlier version kept none."""
    spans = evidence.recorded or [
        (part.recording_start, part.recording_end) for part in choose_files(meeting)
    ]
    return tuple(SegmentFiles(start_at=start_at, end_at=end_at) for start_at, end_at in spans)


def _transcripts(
    meeting: Meeting, manifest: Manifest, evidence: Evidence
) -> list[tuple[RecordingFile, list[tuple[int, float]]]]:
    """Return each transcript with the segments that it goes with, and its offset from each."""
    found: dict[str, tuple[RecordingFile, list[tuple[int, float]]]] = {}
    told = choose_files(meeting)
    spans = segment_spans(evidence, manifest)
    for index, segment in enumerate(manifest.segments):
        if segment.start_at is None:  # from an earlier version, which kept no times
            nearby = told[index : index + 1]
            starts_at = nearby[0].recording_start if nearby else meeting.started_at
        else:
            nearby, starts_at = told, segment.start_at
        length_s = spans[index][1] - spans[index][0]
        if segment.end_at is not None:
            length_s = max(length_s, (segment.end_at - starts_at).total_seconds())
        for part in nearby:
            for file in part.files:
                if file.file_type != "TRANSCRIPT":
                    continue
                after_s = (file.recording_start - starts_at).total_seconds()
                own: Span = (after_s, after_s + _told_s(file))
                if is_beside(own, (0.0, length_s)) or segment.start_at is None:
                    places = found.setdefault(file.id, (file, []))[1]
                    if (index, after_s) not in places:
                        places.append((index, after_s))
    return list(found.values())


def _told_s(file: RecordingFile) -> float:
    if file.recording_end is None:
        return float("inf")
    return (file.recording_end - file.recording_start).total_seconds()


def transcript_wait_s(resources: Resources, call_id: str) -> float:
    """Return the seconds to wait for a transcript: 0 if one was fetched or none is waited for."""
    manifest = read_manifest(resources.files, call_id)
    if manifest.placed(TRANSCRIPT):
        return 0.0
    wait_s = float(resources.settings.calls.transcript_wait_s)
    if wait_s > 0:
        with transaction(resources.engine) as session:
            calls.set_status(session, call_id, "waiting")
    return wait_s


def _read_roster(resources: Resources, call: Call) -> tuple[Roster, tuple[str, ...]]:
    """Return who took part, each person once, and notes on what could not be found or used."""
    if resources.zoom is None:
        return Roster(), ()
    try:
        listed = resources.zoom.participants(call.zoom_uuid)
    except (NotFound, AuthFailed) as exc:
        return Roster(), (f"Zoom did not say who took part: {exc}",)
    own = own_domains(call.host_email, resources.settings.calls)
    return make_roster(listed.rows, call.host_email, own), listed.problems
