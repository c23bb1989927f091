"""What the `fetch` step leaves in a call's media folder for the later steps."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from bot.calls.roster import Stay
from inference.schema.meeting import RosterEntry
from storage.errors import Missing, StorageError
from storage.files import MediaFiles, write_atomically

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class PersonAudio:
    """One person's own audio file. Only `file_name`, as Zoom spells it, says whose it is."""

    path: str
    file_name: str = ""
    starts_after_s: float = 0.0
    """Offset of its start from the start of its segment."""


@dataclass(frozen=True, slots=True)
class SideFile:
    """A TIMELINE, transcript or chat, and where it lies beside one segment of the recording.

    A file that goes with several segments has an entry for each.
    """

    kind: str
    """"timeline", "transcript" or "chat"."""
    path: str
    segment: int
    """Index of the segment."""
    starts_after_s: float = 0.0
    """Offset of the file's start from the start of the segment; negative if it starts before."""


@dataclass(frozen=True, slots=True)
class SegmentFiles:
    """The fetched files of one segment of the recording; paths are relative to the media root.

    `start_at` and `end_at` are when it was recorded, if known. `timeline`, `transcript` and `chat`
    start with the segment; the service lists these files in the manifest's `side_files` instead.
    """

    video: str | None = None
    audio: str | None = None
    timeline: str | None = None
    transcript: str | None = None
    chat: str | None = None
    participant_audio: tuple[PersonAudio, ...] = ()
    start_at: datetime | None = None
    end_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """What `fetch` left for the later steps. `notes` are plain sentences for the report.

    `presence` is parallel to `roster`: when each person joined and left, in wall-clock time.
    `aliases` maps every id that Zoom gave a person to the key of their entry: Zoom gives a new id
    to someone who leaves and comes back. `other_names` maps every other name of a person to the one
    in the roster. In the stored file `roster` is called "attendees".
    """

    segments: tuple[SegmentFiles, ...]
    roster: tuple[RosterEntry, ...] = ()
    presence: tuple[tuple[Stay, ...], ...] = ()
    aliases: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    side_files: tuple[SideFile, ...] = ()
    other_names: dict[str, str] = field(default_factory=dict)

    def placed(self, kind: str) -> tuple[SideFile, ...]:
        """Return the files of one kind with their places, in the order of the segments."""
        found = [file for file in self.side_files if file.kind == kind]
        for index, segment in enumerate(self.segments):
            path: str | None = getattr(segment, kind)
            if path is not None:
                found.append(SideFile(kind, path, index))
        return tuple(sorted(found, key=lambda file: file.segment))


def write_manifest(files: MediaFiles, call_id: str, manifest: Manifest) -> None:
    """Write the manifest atomically."""
    fields = {
        "segments": [asdict(segment) for segment in manifest.segments],
        "attendees": [asdict(entry) for entry in manifest.roster],
        "presence": manifest.presence,
        "aliases": manifest.aliases,
        "notes": manifest.notes,
        "side_files": [asdict(file) for file in manifest.side_files],
        "other_names": manifest.other_names,
    }
    text = json.dumps(fields, ensure_ascii=False, indent=1, default=_plain)
    write_atomically(files.media_path(call_id, MANIFEST), text.encode())


def read_manifest(files: MediaFiles, call_id: str) -> Manifest:
    """Read what `write_manifest` wrote.

    Raises:
        Missing: the call's files were not fetched, or have been deleted.
        StorageError: the manifest is damaged.
    """
    path = files.media_folder(call_id) / MANIFEST
    try:
        return _from_json(json.loads(path.read_bytes()))
    except FileNotFoundError as exc:
        raise Missing(f"The files of call {call_id} are not on disk.") from exc
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise StorageError(
            f"The list of files of call {call_id} is damaged: analyse the call again."
        ) from exc


def _from_json(raw: dict[str, Any]) -> Manifest:
    return Manifest(
        segments=tuple(_segment(segment) for segment in raw["segments"]),
        roster=tuple(RosterEntry.from_plain(row) for row in raw["attendees"]),
        # Manifests of earlier versions have no times.
        presence=tuple(
            tuple((_moment(joined), _moment(left)) for joined, left in stays)
            for stays in raw.get("presence", ())
        ),
        aliases=raw["aliases"],
        notes=tuple(raw["notes"]),
        # Manifests of earlier versions name these files with their segment.
        side_files=tuple(SideFile(**file) for file in raw.get("side_files", ())),
        other_names=raw.get("other_names", {}),
    )


def _segment(raw: dict[str, Any]) -> SegmentFiles:
    sounds = tuple(
        # Manifests of earlier versions hold only the path.
        PersonAudio(sound) if isinstance(sound, str) else PersonAudio(**sound)
        for sound in raw["participant_audio"]
    )
    times = {name: _moment(raw.get(name)) for name in ("start_at", "end_at")}
    return SegmentFiles(**{**raw, "participant_audio": sounds, **times})


def _plain(value: object) -> str:
    assert isinstance(value, datetime), f"a manifest holds no {type(value)}"
    return value.isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
