"""Fetches the files of a recording: which videos it takes to cover the call, and what is beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bot.calls.manifest import Manifest, PersonAudio, SegmentFiles, SideFile
from bot.calls.roster import Roster
from bot.pipeline.known_recording import delete_all_but, download, length_s, target_path
from bot.pipeline.progress import Progress
from bot.pipeline.resources import Resources
from integrations.coverage import slack_s
from integrations.errors import AuthFailed, NotFound, UnexpectedResponse
from integrations.zoom.recordings import (
    Meeting,
    RecordingFile,
    Segment,
    choose_files,
    view_name,
)
from storage import calls
from storage.engine import transaction

VIDEO, AUDIO, TRANSCRIPT = "video", "audio", "transcript"
SIDE_KINDS = {"TIMELINE": "timeline", "TRANSCRIPT": TRANSCRIPT, "CHAT": "chat"}
"""The side files that are fetched, by Zoom's type."""
PERSON_AUDIO = "participant audio"
"""Each person's own audio, if the account records it: several files per segment."""
NOT_GIVEN = (NotFound, AuthFailed, UnexpectedResponse)
"""How Zoom refuses a file; "deleted" and "not allowed" give the same answer."""


@dataclass
class Fetching:
    """One call's files on their way to the disk."""

    resources: Resources
    call_id: str
    meeting: Meeting
    progress: Progress
    notes: list[str]
    paths: dict[str, Path] = field(default_factory=dict)
    """Of the files on disk, by id."""
    measured_s: dict[str, float] = field(default_factory=dict)
    """Lengths of videos and shared sounds on disk, by file id; 0 if one cannot be read."""
    total_bytes: int = 1
    done_bytes: int = 0

    def videos(self) -> tuple[Segment, ...]:
        """Fetch videos until their real lengths say which of them cover the call.

        Zoom may not say how long a file is, and a file may be shorter than it says. So every video
        without an end is fetched first, and if one turns out to be shorter, the next best is.

        Raises:
            NotFound: there is no video, or not yet.
        """
        room = [file for file in self.meeting.files if not file.is_participant_audio]
        ready = [file for file in room if file.file_type == "MP4" and file.is_ready]
        if not ready:
            raise self._no_video()
        unclear = [file for file in ready if file.recording_end is None]
        wanted = {file.id: file for part in choose_files(self.meeting) for file in part.files}
        self.total_bytes = sum(file.size_bytes or 0 for file in wanted.values()) or 1
        for file in unclear:
            self._measure(VIDEO, file)
        while True:
            segments = choose_files(self.meeting, self.measured_s)
            new = [part for part in segments if part.video and part.video.id not in self.paths]
            if not new:
                return segments
            for part in new:
                assert part.video is not None
                self._measure(VIDEO, part.video)
                # Every file of a recording that was paused is shorter, the sound too.
                if self._is_short(part.video) and part.audio and part.audio.id not in self.paths:
                    self._optional(AUDIO, part.audio)

    def length_s(self, segments: Sequence[Segment]) -> float | None:
        """Return how long the chosen videos are together; None if that is not known."""
        lengths = [self.measured_s.get(part.video.id) for part in segments if part.video]
        return sum(length or 0.0 for length in lengths) if lengths and all(lengths) else None

    def manifest(self, segments: Sequence[Segment], roster: Roster) -> Manifest:
        """Fetch the other files, record what was fetched, and return the list for later steps."""
        files: list[SegmentFiles] = []
        sides: list[SideFile] = []
        for index, part in enumerate(segments):
            assert part.video is not None, "a recording with video has only segments with video"
            audio = self._optional(AUDIO, part.audio) if part.audio else None
            for file in part.files:
                kind = SIDE_KINDS.get(file.file_type)
                path = self._optional(kind, file) if kind else None
                if kind and path:
                    sides.append(SideFile(kind, self._stored(path), index, _after_s(file, part)))
            people = tuple(
                PersonAudio(self._stored(path), file.file_name, _after_s(file, part))
                for file in part.participant_audio
                if (path := self._optional(PERSON_AUDIO, file))
            )
            files.append(
                SegmentFiles(
                    video=self._stored(self.paths[part.video.id]),
                    audio=self._stored(audio) if audio else None,
                    participant_audio=people,
                    start_at=part.recording_start,
                    end_at=part.recording_end,
                )
            )
            for file in part.files:
                if file.id in self.paths:
                    mark_fetched(self.resources, self.call_id, file, self.paths[file.id], index)
        used = {file.id for part in segments for file in part.files}
        for file in self.meeting.files:
            if file.file_type == "MP4" and file.id in self.paths.keys() - used:
                self.notes += self._why_not(file)
        self.paths = {key: path for key, path in self.paths.items() if key in used}
        delete_all_but(self.resources, self.call_id, self.paths.values())
        return Manifest(
            tuple(files), roster.entries, roster.presence, roster.aliases,
            tuple(dict.fromkeys(self.notes)), tuple(sides), roster.other_names,
        )  # fmt: skip

    def _measure(self, kind: str, file: RecordingFile) -> None:
        path = self._get(kind, file)
        length = length_s(file, path)
        if length is not None:
            self.measured_s[file.id] = length

    def _optional(self, kind: str, file: RecordingFile) -> Path | None:
        """Fetch a file that the call is worth reporting without; note it if Zoom refuses it.

        The video came first with the same tokens, so only this file is missing.
        """
        try:
            if kind == AUDIO:
                self._measure(kind, file)
            return self._get(kind, file)
        except NOT_GIVEN:
            self.notes.append(f"Zoom announced a {kind} file but did not provide it.")
            return None

    def _get(self, kind: str, file: RecordingFile) -> Path:
        if file.id not in self.paths:
            path = target_path(self.resources, self.call_id, kind, file)
            before = self.done_bytes

            def on_bytes(n: int) -> None:
                self.progress(min((before + n) / self.total_bytes, 1.0), f"downloading {kind}")

            download(self.resources, self.meeting, file, path, on_bytes)
            self.done_bytes += file.size_bytes or 0
            self.paths[file.id] = path
        return self.paths[file.id]

    def _is_short(self, file: RecordingFile) -> bool:
        if file.recording_end is None or file.id not in self.measured_s:
            return False
        told_s = (file.recording_end - file.recording_start).total_seconds()
        return self.measured_s[file.id] < told_s - slack_s(told_s)

    def _why_not(self, file: RecordingFile) -> list[str]:
        """Return a note if a view was given up because its file is not what Zoom says."""
        view = view_name(file.recording_type).replace("_", " ") or "video"
        if self.measured_s.get(file.id) == 0:
            return [f"The file of the {view} could not be read; another view was analysed."]
        if self._is_short(file):
            told_s = f"{self.measured_s[file.id]:.0f} s"
            return [f"The file of the {view} ends after {told_s}; another view was analysed."]
        return []

    def _stored(self, path: Path) -> str:
        return self.resources.files.relative(path)

    def _no_video(self) -> NotFound:
        if self.meeting.is_processing:
            return NotFound(f"Zoom is still processing the recording of call {self.call_id}.")
        return NotFound(
            f"Zoom has no video file for call {self.call_id}. Switch on gallery view in the "
            "account's recording settings."
        )


def _after_s(file: RecordingFile, part: Segment) -> float:
    return (file.recording_start - part.recording_start).total_seconds()


def mark_fetched(
    resources: Resources, call_id: str, file: RecordingFile, path: Path, index: int = 0
) -> None:
    """Record that a file of a call is on disk, and where."""
    row = calls.NewFile(file.id, index, file.file_type, recording_type=file.recording_type)
    stored = resources.files.relative(path)
    # The file may be named only in Zoom's own response, and so not be stored yet.
    with transaction(resources.engine) as session:
        calls.add_files(session, call_id, [row])
        calls.set_file(session, call_id, file.id, state="fetched", path=stored)
