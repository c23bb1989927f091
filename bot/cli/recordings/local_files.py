"""The files that Zoom stores with a recording, given one by one on the command line."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot.calls.manifest import Manifest, SegmentFiles
from bot.calls.record import Evidence
from bot.calls.roster import Roster, make_roster
from bot.calls.selection import own_domains
from bot.calls.side_files import with_side_files
from bot.calls.voices import SOUND_SUFFIXES, SoundFile, known_names, name_in, with_voices
from bot.settings import Settings
from inference.video.reader import probe
from integrations.errors import UnexpectedResponse
from integrations.zoom.chat import parse_chat
from integrations.zoom.participants import parse_participants
from storage.files import MediaFiles

START_FROM_FILE = (
    "Join and leave times were matched to the recording by the time in its file; "
    "set another time with --start."
)
START_NOT_KNOWN = (
    "Join and leave times were not used: set the recording's start with --start, "
    "or as start_time in the list of participants."
)


@dataclass(frozen=True, slots=True)
class SideFiles:
    """The files saved with a recording; any of them may be missing.

    `start_at` is when the recording began, for the participants' join and leave times. A
    "start_time" in the participants' file takes precedence over the time in the recording's file.
    """

    timeline: Path | None = None
    transcript: Path | None = None
    chat: Path | None = None
    participants: Path | None = None
    participant_audio: Path | None = None
    start_at: datetime | None = None

    @property
    def files(self) -> dict[str, Path]:
        """The single files, by what they are."""
        every = {
            "timeline": self.timeline,
            "transcript": self.transcript,
            "chat": self.chat,
            "participants": self.participants,
        }
        return {kind: path for kind, path in every.items() if path is not None}


@dataclass(frozen=True, slots=True)
class LocalRoster:
    """Who took part, when the recording began, and notes on what is uncertain."""

    roster: Roster
    start_at: datetime | None
    notes: tuple[str, ...] = ()


def read_roster(file: Path, sides: SideFiles, settings: Settings) -> LocalRoster:
    """Read the list of participants, and find out when the recording began.

    Raises:
        UnexpectedResponse: the file is not such a list.
        UnreadableMedia: the start was looked up in the recording, which could not be read.
    """
    if sides.participants is None:
        return LocalRoster(Roster(), sides.start_at or _start_for_chat(file, sides))
    try:
        told = parse_participants(sides.participants.read_bytes(), sides.start_at)
    except UnexpectedResponse as exc:
        raise UnexpectedResponse(f"{file_name(sides.participants)}: {exc}") from exc
    roster = make_roster(told.rows, None, own_domains(None, settings.calls))
    start_at = sides.start_at or told.start_time
    notes = told.problems
    if not any(joined or left for stays in roster.presence for joined, left in stays):
        return LocalRoster(roster, start_at or _start_for_chat(file, sides), notes)
    if start_at is None:
        start_at = probe(file).created_at
        notes = (*notes, START_FROM_FILE if start_at else START_NOT_KNOWN)
    return LocalRoster(roster, start_at, notes)


def _start_for_chat(file: Path, sides: SideFiles) -> datetime | None:
    """Return the time in the recording's file, if the chat has times of day to be placed by it."""
    if sides.chat is None or not parse_chat(sides.chat.read_bytes()).needs_start:
        return None
    return probe(file).created_at


def with_local_files(evidence: Evidence, sides: SideFiles, listed: LocalRoster) -> Evidence:
    """Return the evidence with the side files, read in the same way as Zoom's."""
    with tempfile.TemporaryDirectory() as folder:
        for kind, path in sides.files.items():
            (Path(folder) / kind).write_bytes(path.read_bytes())
        segment = SegmentFiles(
            timeline="timeline" if sides.timeline else None,
            transcript="transcript" if sides.transcript else None,
            chat="chat" if sides.chat else None,
            start_at=listed.start_at,
        )
        roster = listed.roster
        manifest = Manifest(
            (segment,), roster.entries, roster.presence, roster.aliases, listed.notes,
            other_names=roster.other_names,
        )  # fmt: skip
        return with_side_files(evidence, manifest, MediaFiles(Path(folder)))


def with_local_sounds(evidence: Evidence, sides: SideFiles) -> Evidence:
    """Return the evidence with the times at which each person is heard in the folder's audio."""
    if sides.participant_audio is None:
        return evidence
    end_s = evidence.observations.duration_s
    sounds = [
        SoundFile(path, file_name(path), 0.0, 0.0, end_s)
        for path in sorted(sides.participant_audio.iterdir())
        if path.suffix.lower() in SOUND_SUFFIXES and not path.name.startswith(".")
    ]
    if not sounds:
        folder = file_name(sides.participant_audio)
        evidence = evidence.with_notes((f"The folder {folder!r} contains no audio files.",))
    # If nothing else says who was there, use the names in the file names.
    named = dict.fromkeys((name_in(sound.file_name), "") for sound in sounds)
    owners = known_names(evidence) or tuple(named)
    return with_voices(evidence, sounds, owners)


def file_name(path: Path, *, whole: bool = False) -> str:
    """Return a file's name (or whole path) as printable text, whatever its bytes."""
    return os.fsencode(path if whole else path.name).decode("utf-8", "replace")
