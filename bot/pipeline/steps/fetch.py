"""Step 1: fetch the recording's files, or say why the call is skipped."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from bot.calls.manifest import Manifest, PersonAudio, SegmentFiles, read_manifest, write_manifest
from bot.calls.record import read_evidence, write_evidence
from bot.calls.roster import Roster, make_roster
from bot.calls.selection import is_internal_only, own_domains
from bot.calls.side_files import with_side_files
from bot.pipeline.progress import Progress
from bot.pipeline.resources import Resources
from integrations.errors import AuthFailed, IntegrationError, NotFound, UnexpectedResponse
from integrations.zoom.downloads import Access, AccessSource
from integrations.zoom.recordings import (
    Meeting,
    RecordingFile,
    Segment,
    choose_files,
    meeting_from_event,
)
from integrations.zoom.webhook import RECORDING_COMPLETED, TRANSCRIPT_COMPLETED, parse_event
from storage import calls
from storage.delivery import inbox
from storage.engine import reading, transaction
from storage.errors import Missing
from storage.schema.tables import Call

SINGLE_KINDS = ("video", "audio", "timeline", "transcript", "chat")
PERSON_AUDIO = "participant audio"
"""Each person's own audio, if the account records it: several files per segment."""


def fetch_call(resources: Resources, call_id: str, by_hand: bool, progress: Progress) -> bool:
    """Fetch every useful file, segment by segment. False = the call is skipped.

    Files that are on disk are not fetched again; a broken download resumes where it stopped.
    A call that a person started (`by_hand`) is never skipped.

    Raises:
        NotFound: Zoom does not have the recording, or no longer has it.
        IntegrationError: Zoom refused or did not respond.
    """
    with reading(resources.engine) as session:
        call = calls.get_call(session, call_id)
        announced = [file.zoom_file_id for file in calls.get_files(session, call_id)]
    meeting = known_meeting(resources, call)
    roster, notes = _read_roster(resources, call)
    if (
        not by_hand
        and not resources.settings.calls.include_internal
        and is_internal_only([entry.side for entry in roster.entries])
    ):
        with transaction(resources.engine) as session:
            calls.set_status(
                session, call_id, "skipped", skipped_reason="Only your own side took part."
            )
        return False
    host = next((entry.name for entry in roster.entries if entry.is_host), "")
    if host:
        with transaction(resources.engine) as session:
            calls.set_host_name(session, call_id, host)
    segments = choose_files(meeting)
    wanted = [
        (index, kind, file)
        for index, segment in enumerate(segments)
        for kind in SINGLE_KINDS
        if (file := getattr(segment, kind)) is not None
    ]
    wanted += [
        (index, PERSON_AUDIO, file)
        for index, segment in enumerate(segments)
        for file in segment.participant_audio
    ]
    if not any(kind == "video" for _, kind, _ in wanted):
        raise NotFound(
            f"Zoom has no video file for call {call_id}. Switch on gallery view in the "
            "account's recording settings, or wait until Zoom has processed the recording."
        )
    fetched = [_no_files_yet(segment) for segment in segments]
    total_bytes = sum(file.size_bytes or 0 for _, _, file in wanted) or 1
    done_bytes = 0
    given: set[str] = set()
    for index, kind, file in wanted:
        path = _target(resources, call_id, index, kind, file)

        def on_bytes(n: int, before: int = done_bytes, kind: str = kind) -> None:
            progress(min((before + n) / total_bytes, 1.0), f"downloading {kind}")

        try:
            _download(resources, meeting, file, path, on_bytes)
        except (NotFound, AuthFailed, UnexpectedResponse):
            # Zoom gives the same answer for "deleted" and "not allowed". The video came first with
            # the same tokens, so only this file is missing, and the call is worth reporting anyway.
            if kind == "video":
                raise
            notes = (*notes, f"Zoom announced a {kind} file but did not provide it.")
            continue
        given.add(file.id)
        done_bytes += file.size_bytes or 0
        stored = resources.files.relative(path)
        fetched[index] = _with_file(fetched[index], segments[index], kind, file, stored)
        _mark_fetched(resources, call_id, file, path)
    manifest = Manifest(tuple(fetched), roster.entries, roster.presence, roster.aliases, notes)
    write_manifest(resources.files, call_id, manifest)
    _mark_unused(resources, call_id, set(announced) - given)
    return True


def _no_files_yet(segment: Segment) -> SegmentFiles:
    return SegmentFiles(start_at=segment.recording_start, end_at=segment.recording_end)


def _with_file(
    files: SegmentFiles, segment: Segment, kind: str, file: RecordingFile, path: str
) -> SegmentFiles:
    if kind == PERSON_AUDIO:
        after_s = (file.recording_start - segment.recording_start).total_seconds()
        sound = PersonAudio(path, file.file_name, after_s)
        return replace(files, participant_audio=(*files.participant_audio, sound))
    changes: dict[str, Any] = {kind: path}
    return replace(files, **changes)


def _mark_fetched(resources: Resources, call_id: str, file: RecordingFile, path: Path) -> None:
    row = calls.NewFile(file.id, 0, file.file_type, recording_type=file.recording_type)
    stored = resources.files.relative(path)
    with transaction(resources.engine) as session:
        # The file may be named only in Zoom's own response, and so not be stored yet.
        calls.add_files(session, call_id, [row])
        calls.set_file(session, call_id, file.id, state="fetched", path=stored)


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
    segments = choose_files(meeting)
    try:
        manifest = read_manifest(resources.files, call_id)
    except Missing:  # The media was deleted when the call was done; the evidence remains.
        manifest = Manifest(tuple(_no_files_yet(segment) for segment in segments))
    notes = manifest.notes
    fetched = list(manifest.segments)
    fetched += [_no_files_yet(segment) for segment in segments[len(fetched) :]]
    for index, segment in enumerate(segments):
        if segment.transcript is None:
            continue
        path = _target(resources, call_id, index, "transcript", segment.transcript)
        try:
            _download(
                resources, meeting, segment.transcript, path, lambda n: progress(0.5, "transcript")
            )
        except (NotFound, AuthFailed, UnexpectedResponse):
            # As in `fetch_call`: the call is worth reporting without it, so its report stays.
            notes = (*notes, "Zoom announced a transcript file but did not provide it.")
            _mark_unused(resources, call_id, {segment.transcript.id})
            continue
        fetched[index] = replace(fetched[index], transcript=resources.files.relative(path))
        _mark_fetched(resources, call_id, segment.transcript, path)
    manifest = replace(manifest, segments=tuple(fetched), notes=notes)
    write_manifest(resources.files, call_id, manifest)
    path = resources.files.series_path(call_id)
    evidence = read_evidence(path)
    if evidence.has_side_files:  # the others were read by `analyse`, and stay as they are
        words = tuple(SegmentFiles(transcript=segment.transcript) for segment in fetched)
        manifest = Manifest(words, notes=notes)
    write_evidence(path, with_side_files(evidence, manifest, resources.files))


def transcript_wait_s(resources: Resources, call_id: str) -> float:
    """Return the seconds to wait for a transcript: 0 if one was fetched or none is waited for."""
    manifest = read_manifest(resources.files, call_id)
    if any(segment.transcript for segment in manifest.segments):
        return 0.0
    wait_s = float(resources.settings.calls.transcript_wait_s)
    if wait_s > 0:
        with transaction(resources.engine) as session:
            calls.set_status(session, call_id, "waiting")
    return wait_s


def known_meeting(resources: Resources, call: Call) -> Meeting:
    """Return the recording as the newest webhooks and, if a Zoom app is set up, Zoom describe it.

    Raises:
        NotFound: no webhook described it and Zoom has no such recording.
    """
    described: list[Meeting] = []
    with reading(resources.engine) as session:
        events = (RECORDING_COMPLETED, TRANSCRIPT_COMPLETED)
        for body in inbox.bodies_for(session, call.zoom_uuid, events):
            described.append(meeting_from_event(parse_event(body)))
    if resources.zoom is not None:
        try:
            described.append(resources.zoom.recording(call.zoom_uuid))
        except IntegrationError:
            if not described:
                raise
    if not described:
        raise NotFound("Zoom has no recording of this meeting.")
    files: dict[str, RecordingFile] = {}
    for meeting in described:
        for file in meeting.files:
            # A webhook's URLs work with its own token; Zoom's own response fills the gaps.
            files.setdefault(file.id, file)
    return replace(described[0], files=tuple(files.values()))


def _download(
    resources: Resources,
    meeting: Meeting,
    file: RecordingFile,
    path: Path,
    on_bytes: Callable[[int], None],
) -> None:
    tokens: list[AccessSource] = []
    if meeting.download_token:
        tokens.append(lambda: meeting.download_token or "")
    zoom = resources.zoom
    if zoom is not None:

        def fresh() -> Access:
            current = zoom.recording(meeting.uuid)
            known = current.file(file.id)
            return Access(current.download_token or "", known.download_url if known else None)

        tokens += [fresh, zoom.access_token]
    if not tokens:
        raise AuthFailed(
            "The webhook carried no download token and no Zoom app is set up: "
            "set RAPPORT_ZOOM__ACCOUNT_ID, __CLIENT_ID and __CLIENT_SECRET."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    resources.downloader.download(file, path, tokens, on_progress=on_bytes, stop=resources.stop)


def _target(resources: Resources, call_id: str, index: int, kind: str, file: RecordingFile) -> Path:
    extension = "".join(ch for ch in file.file_extension.lower() if ch.isalnum()) or "bin"
    name = f"{index:02d}-{kind}"
    if kind == PERSON_AUDIO:
        name += "-" + hashlib.sha256(file.id.encode()).hexdigest()[:12]
    return resources.files.media_path(call_id, f"{name.replace(' ', '-')}.{extension}")


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
