"""The meetings that the Zoom stand-in knows, and Zoom's JSON about them."""

from __future__ import annotations

import uuid as uuids
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ACCOUNT_ID = "Ac0unt-Demo_1A"
DEMO_UUID = "/9qTzRapport//demo4Rw=="
"""Starts with a slash and contains two in a row, so it must be encoded twice in a path."""

CONTENT_TYPES = {
    "MP4": "video/mp4",
    "M4A": "audio/mp4",
    "TIMELINE": "application/json",
    "TRANSCRIPT": "text/vtt",
    "CC": "text/vtt",
    "CHAT": "text/plain",
    "CSV": "text/csv",
    "SUMMARY": "application/json",
}
EXTENSIONS = {
    "TIMELINE": "JSON",
    "SUMMARY": "JSON",
    "TRANSCRIPT": "VTT",
    "CC": "VTT",
    "CHAT": "TXT",
}
RECORDING_TYPES = {
    "MP4": "gallery_view",
    "M4A": "audio_only",
    "TIMELINE": "timeline",
    "TRANSCRIPT": "audio_transcript",
    "CC": "closed_caption",
    "CHAT": "chat_file",
}


def zoom_time(moment: datetime) -> str:
    """Format a time as Zoom does: UTC, whole seconds, Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class FileFixture:
    """One file of a recording, with its bytes on disk.

    `file_size` is the size that Zoom reports, by default the real one; 0 for none. `starts_after_s`
    and `duration_s` place the file's segment in the meeting; no duration means until its end. Zoom
    does not say when an `is_open` file ends, and has no copy of one that `is_on_premises`.
    """

    path: Path
    file_type: str = "MP4"
    recording_type: str | None = None
    starts_after_s: float = 0.0
    duration_s: float | None = None
    status: str = "completed"
    file_size: int | None = None
    file_name: str | None = None
    content_type: str | None = None
    is_open: bool = False
    is_on_premises: bool = False
    id: str = field(default_factory=lambda: str(uuids.uuid4()))

    @property
    def extension(self) -> str:
        """Zoom's `file_extension`, such as MP4."""
        return EXTENSIONS.get(self.file_type, self.file_type)

    @property
    def media_type(self) -> str:
        """The Content-Type of its download."""
        return self.content_type or CONTENT_TYPES.get(self.file_type, "application/octet-stream")


@dataclass
class ParticipantFixture:
    """One person in the meeting. People outside the account have no `zoom_id` and no e-mail.

    The `status` of somebody who was never let in is "in_waiting_room".
    """

    name: str
    user_id: int
    email: str = ""
    zoom_id: str = ""
    is_internal: bool = False
    joins_after_s: float = 0.0
    leaves_after_s: float | None = None
    status: str = "in_meeting"


@dataclass
class MeetingFixture:
    """One meeting instance, its recording and its people."""

    uuid: str
    topic: str
    host_email: str
    started_at: datetime
    duration_s: float
    timezone: str = "Europe/Berlin"
    files: list[FileFixture] = field(default_factory=list)
    participant_audio: list[FileFixture] = field(default_factory=list)
    participants: list[ParticipantFixture] = field(default_factory=list)
    meeting_id: int = 84212345678
    host_id: str = "hOsTiD_demo12345678"

    def file(self, file_id: str) -> FileFixture | None:
        """Return the file with this id, or None."""
        every = [*self.files, *self.participant_audio]
        return next((file for file in every if file.id == file_id), None)


def recording_object(
    meeting: MeetingFixture, files: list[FileFixture], base_url: str, area: str
) -> dict[str, Any]:
    """Build Zoom's recording webhook `object` for `files`, with URLs below /rec/`area`."""
    entries = [_file_entry(meeting, file, base_url, area) for file in files]
    audio = [_audio_entry(meeting, file, base_url, area) for file in meeting.participant_audio]
    recording: dict[str, Any] = {
        "uuid": meeting.uuid,
        "id": meeting.meeting_id,
        "account_id": ACCOUNT_ID,
        "host_id": meeting.host_id,
        "host_email": meeting.host_email,
        "topic": meeting.topic,
        "type": 2,
        "start_time": zoom_time(meeting.started_at),
        "timezone": meeting.timezone,
        "duration": max(1, round(meeting.duration_s / 60)),
        "share_url": f"{base_url}/rec/share/demo",
        "total_size": sum(entry["file_size"] for entry in entries),
        "recording_count": len(entries),
        "password": "",
        "recording_play_passcode": "",
        "auto_delete": False,
        "on_prem": False,
        "recording_files": entries,
    }
    if audio:
        recording["participant_audio_files"] = audio
    return recording


def participant_entry(meeting: MeetingFixture, person: ParticipantFixture) -> dict[str, Any]:
    """Build Zoom's entry for a past participant."""
    leaves = meeting.duration_s if person.leaves_after_s is None else person.leaves_after_s
    return {
        "id": person.zoom_id,
        "name": person.name,
        "user_id": str(person.user_id),
        "registrant_id": "",
        "user_email": person.email,
        "join_time": zoom_time(meeting.started_at + timedelta(seconds=person.joins_after_s)),
        "leave_time": zoom_time(meeting.started_at + timedelta(seconds=leaves)),
        "duration": round(leaves - person.joins_after_s),
        "failover": False,
        "status": person.status,
        "internal_user": person.is_internal,
    }


def _segment_times(meeting: MeetingFixture, file: FileFixture) -> tuple[str, str]:
    start = meeting.started_at + timedelta(seconds=file.starts_after_s)
    length = (
        meeting.duration_s - file.starts_after_s if file.duration_s is None else file.duration_s
    )
    return zoom_time(start), zoom_time(start + timedelta(seconds=length))


def _audio_entry(
    meeting: MeetingFixture, file: FileFixture, base_url: str, area: str
) -> dict[str, Any]:
    start, end = _segment_times(meeting, file)
    entry: dict[str, Any] = {
        "id": file.id,
        "recording_start": start,
        "recording_end": None if file.is_open else end,
        "file_type": file.file_type,
        "file_extension": file.extension,
        "file_size": file.path.stat().st_size if file.file_size is None else file.file_size,
        "play_url": f"{base_url}/rec/play/{file.id}",
        "download_url": f"{base_url}/rec/{area}/{file.id}",
        "status": file.status,
    }
    if file.is_on_premises:
        del entry["download_url"]
        entry["file_path"] = f"/recordings/{file.path.name}"
    if file.file_name is not None:
        entry["file_name"] = file.file_name
    return entry


def _file_entry(
    meeting: MeetingFixture, file: FileFixture, base_url: str, area: str
) -> dict[str, Any]:
    recording_type = file.recording_type or RECORDING_TYPES.get(file.file_type, "")
    return {
        **_audio_entry(meeting, file, base_url, area),
        "meeting_id": meeting.uuid,
        "recording_type": recording_type,
    }
