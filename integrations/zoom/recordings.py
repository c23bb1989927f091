"""Recordings as Zoom describes them, both in webhooks and in REST responses.

The two differ in types (a meeting's `id` is a number in one and a string in the other), and entries
of older recordings, TIMELINE above all, lack `id`, `status` and `file_size`. One parser reads them
all. Nothing here depends on the order in which Zoom lists the files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from integrations.coverage import (
    SAME_TIME_S,
    Option,
    Span,
    cover,
    is_beside,
    shared_s,
    slack_s,
)
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
_FAR_S = 10 * 365 * 86_400.0
_EXTENSIONS = {"TIMELINE": "JSON", "TRANSCRIPT": "VTT", "CC": "VTT", "CHAT": "TXT"}
_PLACED = ("TIMELINE", "TRANSCRIPT", "CHAT")
_UNFINISHED = ("processing", "recording")


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
    """None if Zoom gives no end, or one that is not after the start."""
    status: str
    file_name: str
    """For participant audio, the only field that names the participant."""
    is_participant_audio: bool
    is_start_known: bool = True
    """Whether Zoom says when the file starts; if not, `recording_start` is the meeting's."""
    is_on_premises: bool = False
    """Whether the file is on a server of the account (`file_path`) and not in Zoom's cloud."""

    @property
    def is_ready(self) -> bool:
        """Whether the file can be downloaded now. Old entries have no status and are complete."""
        return bool(self.download_url) and self.status not in _UNFINISHED


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
    on_prem: bool = False
    """Whether Zoom says that the recording is on a server of the account."""

    @property
    def is_processing(self) -> bool:
        """Whether Zoom is still processing any of the files."""
        return any(
            # A recording that is still running is an entry without type and address.
            file.status in _UNFINISHED or not (file.file_type or file.download_url)
            for file in self.files
        )

    @property
    def is_on_premises(self) -> bool:
        """Whether the recording is on a server of the account, and no video in Zoom's cloud."""
        return (self.on_prem or any(file.is_on_premises for file in self.files)) and not any(
            file.download_url and file.file_type == "MP4" for file in self.files
        )

    def file(self, file_id: str) -> RecordingFile | None:
        """Return the file with this id, or None if the recording has no such file."""
        return next((file for file in self.files if file.id == file_id), None)


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch of a recording, as long as its video, with the files that share its time.

    A file may belong to several segments, and counts its own times from its own start. Where
    files of a kind are one after another, `more` holds those that are not the longest.
    """

    recording_start: datetime
    recording_end: datetime | None
    video: RecordingFile | None = None
    audio: RecordingFile | None = None
    timeline: RecordingFile | None = None
    transcript: RecordingFile | None = None
    captions: RecordingFile | None = None
    chat: RecordingFile | None = None
    more: tuple[RecordingFile, ...] = ()
    participant_audio: tuple[RecordingFile, ...] = ()

    @property
    def files(self) -> tuple[RecordingFile, ...]:
        """All chosen files, the video first."""
        single = (
            self.video, self.audio, self.timeline, self.transcript, self.captions, self.chat
        )  # fmt: skip
        chosen = (file for file in single if file is not None)
        return (*chosen, *self.more, *self.participant_audio)


def parse_meeting(
    raw: Mapping[str, Any],
    *,
    account_id: str = "",
    download_token: str | None = None,
    told_at: datetime | None = None,
) -> Meeting:
    """Read a recording from a webhook's object, a REST answer, or one entry of a REST list.

    Args:
        raw: the object; unknown fields, and entries that are not objects, are ignored.
        account_id: used if the object itself names none.
        download_token: sent next to a webhook's payload; a REST response carries its own.
        told_at: the time of the webhook, used as the start if it says nothing better.

    Raises:
        UnexpectedResponse: no uuid, or no time at all.
    """
    uuid = clean_text(raw.get("uuid"))
    if not uuid:
        raise UnexpectedResponse("Zoom described a recording without its meeting's UUID.")
    entries = [(entry, False) for entry in _objects(raw.get("recording_files"))]
    entries += [(entry, True) for entry in _objects(raw.get("participant_audio_files"))]
    starts = [at for entry, _ in entries if (at := moment(entry.get("recording_start")))]
    started_at = moment(raw.get("start_time")) or min(starts, default=told_at)
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
        on_prem=raw.get("on_prem") is True,
    )


def meeting_from_event(event: ZoomEvent) -> Meeting:
    """Read the recording that a `recording.…` webhook announces (see `parse_meeting`)."""
    return parse_meeting(
        event.raw,
        account_id=event.account_id,
        download_token=event.download_token,
        told_at=event.sent_at,
    )


def choose_files(
    meeting: Meeting, measured_s: Mapping[str, float] | None = None
) -> tuple[Segment, ...]:
    """Return what to download: videos that cover as much time as possible, each with its files.

    Of several views of one stretch, those that cover most of it win; of views that cover as much,
    the one that shows more faces. Views of different stretches are combined. Other files go with
    each video whose time they share. Files that are not ready, and kinds that Rapport does not
    use, are left out. A recording without video has the segments of its sound or other files.

    Args:
        meeting: its files may be in any order.
        measured_s: lengths in seconds by file id, as far as files were downloaded. They count
            where Zoom gives no end, and where a file is shorter or longer than Zoom says; 0 for a
            file that cannot be read.
    """
    files = _with_starts([file for file in meeting.files if file.is_ready], meeting.started_at)
    spans = _spans(files, measured_s or {})
    room = [file for file in files if not file.is_participant_audio]
    chosen = {
        kind: _covering([file for file in room if file.file_type == kind], spans)
        for kind in ("MP4", "M4A", "TIMELINE", "TRANSCRIPT", "CC", "CHAT")
    }
    used = [file for kind in chosen.values() for file in kind]
    people = [file for file in files if file.is_participant_audio]
    anchors = chosen["MP4"] or chosen["M4A"] or _covering(used or people, spans)
    return tuple(_segment(anchor, chosen, people, spans) for anchor in anchors)


def view_name(recording_type: str) -> str:
    """Return the view type without Zoom's "(CC)", which only means burnt-in captions."""
    return recording_type.lower().removesuffix("(cc)").strip()


def _parse_file(
    entry: Mapping[str, Any], uuid: str, started_at: datetime, is_participant_audio: bool
) -> RecordingFile:
    file_extension = clean_text(entry.get("file_extension")).upper()
    file_type = clean_text(entry.get("file_type")).upper() or file_extension
    recording_type = clean_text(entry.get("recording_type"))
    told_at = moment(entry.get("recording_start"))
    recording_start = told_at or started_at
    recording_end = moment(entry.get("recording_end"))
    size = whole_number(entry.get("file_size"))
    name = clean_text(entry.get("file_name"))
    download_url = clean_text(entry.get("download_url"))
    parts = [uuid, file_type, recording_start.isoformat(), name]
    if file_type in ("MP4", "M4A") and recording_type:
        parts.append(recording_type)  # several views may start at once
    identity = "|".join(parts)
    return RecordingFile(
        id=clean_text(entry.get("id"))
        or "derived-" + hashlib.sha256(identity.encode()).hexdigest()[:32],
        file_type=file_type,
        recording_type=recording_type,
        file_extension=file_extension or _EXTENSIONS.get(file_type, file_type),
        size_bytes=size if size is not None and size >= 0 else None,
        download_url=download_url,
        recording_start=recording_start,
        recording_end=recording_end
        if told_at and recording_end and recording_end > told_at
        else None,
        status=clean_text(entry.get("status")).lower(),
        file_name=name,
        is_participant_audio=is_participant_audio,
        is_start_known=told_at is not None,
        is_on_premises=not download_url and bool(entry.get("file_path")),
    )


def _with_own_ids(files: list[RecordingFile]) -> tuple[RecordingFile, ...]:
    seen: dict[str, int] = {}
    unique = list(files)
    for at in sorted(range(len(files)), key=lambda at: _content(files[at])):
        file = files[at]
        again = seen[file.id] = seen.get(file.id, 0) + 1
        unique[at] = file if again == 1 else replace(file, id=f"{file.id}-{again}")
    return tuple(unique)


def _content(file: RecordingFile) -> tuple[Any, ...]:
    """Return what Zoom says about a file in every answer, as a key for sorting."""
    end_s = file.recording_end.timestamp() if file.recording_end else 0.0
    return (
        file.is_participant_audio, file.recording_start, end_s, file.file_type,
        file.recording_type, file.file_name, file.size_bytes or 0, file.file_extension, file.id,
    )  # fmt: skip


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _with_starts(files: list[RecordingFile], started_at: datetime) -> list[RecordingFile]:
    """Put files without a start where the first video begins, else the first file."""
    known = [file for file in files if file.is_start_known]
    videos = [file for file in known if file.file_type == "MP4"]
    first_at = min((file.recording_start for file in videos or known), default=started_at)
    return [
        file if file.is_start_known else replace(file, recording_start=first_at) for file in files
    ]


def _spans(files: Sequence[RecordingFile], measured_s: Mapping[str, float]) -> dict[str, Span]:
    """Return what each file covers, in seconds since 1970; without any end, for ten years."""
    starts = sorted({file.recording_start for file in files if file.file_type == "MP4"})
    ends = {(file.recording_start, file.recording_end) for file in files if file.recording_end}
    sounds = [
        ((file.recording_start, file.recording_end), measured_s[file.id])
        for file in files
        if file.file_type == "M4A" and not file.is_participant_audio and measured_s.get(file.id)
    ]
    spans: dict[str, Span] = {}
    for file in files:
        start_at, end_at = file.recording_start, file.recording_end
        if end_at is None:  # While its length is unknown: as its neighbours, or until the next.
            near = timedelta(seconds=SAME_TIME_S)
            beside = [end for at, end in ends if abs(at - start_at) <= near]
            later = (at for at in starts if at - start_at > near)
            end_at = max(beside, default=None) or next(later, None)
        start_s = start_at.timestamp()
        told_s = end_at.timestamp() - start_s if end_at else _FAR_S
        # A pause is missing from every file, so no video can be longer than the sound.
        heard_s = min(
            (s for at, s in sounds if at == (start_at, file.recording_end)), default=told_s
        )
        length_s = measured_s.get(file.id, min(told_s, heard_s))
        if file.recording_end is not None and abs(length_s - told_s) <= slack_s(told_s):
            length_s = told_s
        spans[file.id] = (start_s, start_s + max(0.0, length_s))
    return spans


def _covering(files: Sequence[RecordingFile], spans: Mapping[str, Span]) -> list[RecordingFile]:
    """Choose among files of one type those that cover all their time, in time order."""
    by_id = {file.id: file for file in files}
    options = [
        Option(
            file.id,
            spans[file.id],
            rank := _rank(file),
            is_last_resort=rank[0] > len(VIDEO_ORDER),
            size=file.size_bytes or 0,
        )
        for file in files
    ]
    return [by_id[chosen] for chosen in cover(options)]


def _segment(
    anchor: RecordingFile,
    chosen: Mapping[str, Sequence[RecordingFile]],
    people: Sequence[RecordingFile],
    spans: Mapping[str, Span],
) -> Segment:
    own = spans[anchor.id]

    def beside(files: Sequence[RecordingFile]) -> list[RecordingFile]:
        """Return the files that share time with the segment, the one that shares most first."""
        near = [file for file in files if file is anchor or is_beside(own, spans[file.id])]
        return sorted(near, key=lambda file: (-shared_s(own, spans[file.id]), _content(file)))

    kinds = {kind: beside(files) for kind, files in chosen.items()}
    first = {kind: next(iter(files), None) for kind, files in kinds.items()}
    return Segment(
        recording_start=anchor.recording_start,
        recording_end=anchor.recording_end,
        video=anchor if anchor.file_type == "MP4" else None,
        audio=first["M4A"],
        timeline=first["TIMELINE"],
        transcript=first["TRANSCRIPT"],
        captions=first["CC"],
        chat=first["CHAT"],
        more=tuple(file for kind in _PLACED for file in kinds[kind][1:]),
        participant_audio=tuple(file for file in people if is_beside(own, spans[file.id])),
    )


def _rank(file: RecordingFile) -> tuple[int, bool]:
    """Return how much of the faces a view shows (less is better), and whether it has captions."""
    if file.file_type != "MP4":
        return int(file.file_type == "M4A" and file.recording_type != "audio_only"), False
    name = view_name(file.recording_type)
    rank = VIDEO_ORDER.index(name) if name in VIDEO_ORDER else len(VIDEO_ORDER)
    return rank + (name == "shared_screen"), name != file.recording_type.lower()
