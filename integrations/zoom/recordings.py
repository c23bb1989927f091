"""Recordings as Zoom describes them, both in webhooks and in REST responses.

The two differ in types (a meeting's `id` is a number in one and a string in the other), and entries
of older recordings, TIMELINE above all, lack `id`, `status` and `file_size`. One parser reads them
all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from integrations.errors import UnexpectedResponse
from integrations.zoom.text import clean_text, moment, whole_number
from integrations.zoom.webhook import ZoomEvent

VIDEO_ORDER = (
    # The gallery is the only cloud layout that shows every face. A shared screen makes faces
    # small, and `shared_screen` alone shows none, so it comes after everything not listed.
    "gallery_view",
    "shared_screen_with_gallery_view",
    "active_speaker",
    "speaker_view",
    "shared_screen_with_speaker_view",
)
_EXTENSIONS = {"TIMELINE": "JSON", "TRANSCRIPT": "VTT", "CC": "VTT", "CHAT": "TXT"}


@dataclass(frozen=True, slots=True)
class RecordingFile:
    """One file of a recording. Field names and values are Zoom's."""

    id: str
    """Zoom's id, or one derived from the meeting, type and time if Zoom gives none."""
    file_type: str
    """MP4, M4A, TIMELINE, TRANSCRIPT, CHAT, CC, … (an open set, in capitals)."""
    recording_type: str
    """gallery_view, audio_only, … (an open set); "" for participant audio and old recordings."""
    file_extension: str
    size_bytes: int | None
    download_url: str
    """A secret in itself: never logged. "" while there is nothing to download."""
    recording_start: datetime
    recording_end: datetime | None
    status: str
    file_name: str
    """For participant audio, the only field that names the participant."""
    is_participant_audio: bool

    @property
    def is_ready(self) -> bool:
        """Whether the file can be downloaded now. Old entries have no status and are complete."""
        return bool(self.download_url) and self.status in ("", "completed")


@dataclass(frozen=True, slots=True)
class Meeting:
    """One meeting instance with the files of its recording; `uuid` is its identity."""

    uuid: str
    number: int | None
    """The number that people dial; every occurrence of a recurring meeting has the same one."""
    topic: str
    host_id: str
    host_email: str
    account_id: str
    started_at: datetime
    timezone: str | None
    duration_min: int
    files: tuple[RecordingFile, ...]
    download_token: str | None
    """From a webhook (valid for 24 h), or REST's `download_access_token`."""

    @property
    def is_processing(self) -> bool:
        """Whether Zoom is still processing any of the files."""
        return any(file.status == "processing" for file in self.files)

    def file(self, file_id: str) -> RecordingFile | None:
        """Return the file with this id, or None if the recording has no such file."""
        return next((file for file in self.files if file.id == file_id), None)


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch of a recording, from a start to a stop, with the best file of each kind."""

    recording_start: datetime
    recording_end: datetime | None
    video: RecordingFile | None = None
    audio: RecordingFile | None = None
    timeline: RecordingFile | None = None
    transcript: RecordingFile | None = None
    captions: RecordingFile | None = None
    chat: RecordingFile | None = None
    participant_audio: tuple[RecordingFile, ...] = ()

    @property
    def files(self) -> tuple[RecordingFile, ...]:
        """All chosen files, the video first."""
        single = (
            self.video, self.audio, self.timeline, self.transcript, self.captions, self.chat
        )  # fmt: skip
        return (*(file for file in single if file is not None), *self.participant_audio)


def parse_meeting(
    raw: Mapping[str, Any], *, account_id: str = "", download_token: str | None = None
) -> Meeting:
    """Read a recording from a webhook's object, a REST answer, or one entry of a REST list.

    Args:
        raw: the object; unknown fields, and entries that are not objects, are ignored.
        account_id: used if the object itself names none.
        download_token: sent next to a webhook's payload; a REST response carries its own.

    Raises:
        UnexpectedResponse: no uuid, or no time at all.
    """
    uuid = clean_text(raw.get("uuid"))
    if not uuid:
        raise UnexpectedResponse("Zoom described a recording without its meeting's UUID.")
    entries = [(entry, False) for entry in _objects(raw.get("recording_files"))]
    entries += [(entry, True) for entry in _objects(raw.get("participant_audio_files"))]
    starts = [at for entry, _ in entries if (at := moment(entry.get("recording_start")))]
    started_at = moment(raw.get("start_time")) or min(starts, default=None)
    if started_at is None:
        raise UnexpectedResponse(f"Zoom sent no start time for the meeting {uuid}.")
    files = [
        _parse_file(entry, uuid, started_at, is_participant_audio)
        for entry, is_participant_audio in entries
        if not entry.get("deleted_time")
    ]
    return Meeting(
        uuid=uuid,
        number=whole_number(raw.get("id")),
        topic=clean_text(raw.get("topic")),
        host_id=clean_text(raw.get("host_id")),
        host_email=clean_text(raw.get("host_email")),
        account_id=clean_text(raw.get("account_id")) or account_id,
        started_at=started_at,
        timezone=clean_text(raw.get("timezone")) or None,
        duration_min=max(0, whole_number(raw.get("duration")) or 0),
        files=_with_own_ids(files),
        download_token=download_token or clean_text(raw.get("download_access_token")) or None,
    )


def meeting_from_event(event: ZoomEvent) -> Meeting:
    """Read the recording that a `recording.…` webhook announces (see `parse_meeting`)."""
    return parse_meeting(
        event.raw, account_id=event.account_id, download_token=event.download_token
    )


def choose_files(meeting: Meeting) -> tuple[Segment, ...]:
    """Return what to download: the best file of each kind, segment by segment in time order.

    A meeting has only one recording running at a time, so files that overlap by more than half
    of the shorter one belong to the same segment, even if Zoom's times differ by seconds.
    Files that are not ready, and kinds that Rapport does not use, are left out.
    """
    groups: list[list[RecordingFile]] = []
    ready = [file for file in meeting.files if file.is_ready]
    # Video and the shared audio come first: they define where segments begin and end.
    for file in sorted(ready, key=lambda file: (_anchor_rank(file), file.recording_start)):
        home = max(groups, key=lambda group: _overlap(group[0], file), default=None)
        if home is not None and _overlap(home[0], file) > 0.5:
            home.append(file)
        else:
            groups.append([file])
    segments = (_segment(group) for group in sorted(groups, key=lambda g: g[0].recording_start))
    return tuple(segment for segment in segments if segment.files)


def view_name(recording_type: str) -> str:
    """Return the view type without Zoom's "(CC)", which only means burnt-in captions."""
    return recording_type.lower().removesuffix("(cc)").strip()


def _parse_file(
    entry: Mapping[str, Any], uuid: str, started_at: datetime, is_participant_audio: bool
) -> RecordingFile:
    file_type = clean_text(entry.get("file_type")).upper()
    recording_start = moment(entry.get("recording_start")) or started_at
    size = whole_number(entry.get("file_size"))
    name = clean_text(entry.get("file_name"))
    identity = "|".join((uuid, file_type, recording_start.isoformat(), name))
    return RecordingFile(
        id=clean_text(entry.get("id"))
        or "derived-" + hashlib.sha256(identity.encode()).hexdigest()[:32],
        file_type=file_type,
        recording_type=clean_text(entry.get("recording_type")),
        file_extension=clean_text(entry.get("file_extension")).upper()
        or _EXTENSIONS.get(file_type, file_type),
        size_bytes=size if size is not None and size >= 0 else None,
        download_url=clean_text(entry.get("download_url")),
        recording_start=recording_start,
        recording_end=moment(entry.get("recording_end")),
        status=clean_text(entry.get("status")).lower(),
        file_name=name,
        is_participant_audio=is_participant_audio,
    )


def _with_own_ids(files: list[RecordingFile]) -> tuple[RecordingFile, ...]:
    seen: dict[str, int] = {}
    unique = []
    for file in files:
        seen[file.id] = seen.get(file.id, 0) + 1
        again = seen[file.id]
        unique.append(file if again == 1 else replace(file, id=f"{file.id}-{again}"))
    return tuple(unique)


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _anchor_rank(file: RecordingFile) -> int:
    if file.is_participant_audio:
        return 3
    return {"MP4": 0, "M4A": 1}.get(file.file_type, 2)


def _overlap(one: RecordingFile, other: RecordingFile) -> float:
    """Return the share of the shorter file that both cover, 0–1.

    Files with an unknown end match if their starts are equal.
    """
    if one.recording_start == other.recording_start:
        return 1.0
    far = datetime.max.replace(tzinfo=UTC)
    first_end, second_end = one.recording_end or far, other.recording_end or far
    both = min(first_end, second_end) - max(one.recording_start, other.recording_start)
    shorter = min(first_end - one.recording_start, second_end - other.recording_start)
    return both / shorter if shorter > timedelta(0) else float(both == timedelta(0))


def _segment(group: list[RecordingFile]) -> Segment:
    room = [file for file in group if not file.is_participant_audio]

    def first(file_type: str) -> RecordingFile | None:
        return next((file for file in room if file.file_type == file_type), None)

    videos = [file for file in room if file.file_type == "MP4"]
    sounds = [file for file in room if file.file_type == "M4A"]
    return Segment(
        recording_start=group[0].recording_start,
        recording_end=group[0].recording_end,
        video=min(videos, key=_video_rank, default=None),
        audio=min(sounds, key=lambda file: file.recording_type != "audio_only", default=None),
        timeline=first("TIMELINE"),
        transcript=first("TRANSCRIPT"),
        captions=first("CC"),
        chat=first("CHAT"),
        participant_audio=tuple(file for file in group if file.is_participant_audio),
    )


def _video_rank(file: RecordingFile) -> tuple[int, bool, int]:
    name = view_name(file.recording_type)
    rank = VIDEO_ORDER.index(name) if name in VIDEO_ORDER else len(VIDEO_ORDER)
    has_captions = name != file.recording_type.lower()
    return rank + (name == "shared_screen"), has_captions, -(file.size_bytes or 0)
