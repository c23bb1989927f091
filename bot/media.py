"""What `fetch` leaves in a call's media folder for the steps after it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from inference.types import Attendee
from storage.errors import Missing
from storage.files import MediaFiles, write_atomically

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class SegmentFiles:
    """The fetched files of one stretch of the recording; paths are relative to the media root."""

    video: str | None = None
    audio: str | None = None
    timeline: str | None = None
    transcript: str | None = None
    chat: str | None = None
    participant_audio: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """What `fetch` left for the steps after it. `notes` are plain sentences for the report.

    `aliases` gives the attendee's key for every id that Zoom gave the same person: who leaves and
    comes back has a new one.
    """

    segments: tuple[SegmentFiles, ...]
    attendees: tuple[Attendee, ...] = ()
    aliases: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def write_manifest(files: MediaFiles, call_id: str, manifest: Manifest) -> None:
    """Write the manifest at once or not at all."""
    text = json.dumps(asdict(manifest), ensure_ascii=False, indent=1)
    write_atomically(files.media_path(call_id, MANIFEST), text.encode())


def read_manifest(files: MediaFiles, call_id: str) -> Manifest:
    """Read what `write_manifest` wrote.

    Raises:
        Missing: the call's files were not fetched, or were deleted since.
    """
    path = files.media_folder(call_id) / MANIFEST
    try:
        raw = json.loads(path.read_bytes())
    except FileNotFoundError as exc:
        raise Missing(f"The files of call {call_id} are not on disk.") from exc
    return Manifest(
        segments=tuple(_segment(segment) for segment in raw["segments"]),
        attendees=tuple(Attendee.from_plain(row) for row in raw["attendees"]),
        aliases=raw["aliases"],
        notes=tuple(raw["notes"]),
    )


def _segment(raw: dict[str, Any]) -> SegmentFiles:
    return SegmentFiles(**{**raw, "participant_audio": tuple(raw["participant_audio"])})
