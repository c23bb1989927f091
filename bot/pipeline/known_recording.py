"""What is known about a call's recording, and its files: described, downloaded, measured.

A file on disk is named by its id, so a file that an earlier run left is never taken for another.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

from bot.pipeline.resources import Resources
from inference.errors import InferenceError
from inference.speech.voice_activity import sound_length_s
from inference.video.reader import probe
from integrations.errors import AuthFailed, IntegrationError, NotFound, UnexpectedResponse
from integrations.zoom.downloads import Access, AccessSource
from integrations.zoom.recordings import Meeting, RecordingFile, meeting_from_event
from integrations.zoom.webhook import RECORDING_COMPLETED, TRANSCRIPT_COMPLETED, parse_event
from storage.delivery import inbox
from storage.engine import reading
from storage.schema.tables import Call

_PLAIN_ID = re.compile(r"[0-9a-z][0-9a-z-]{7,63}")
"""Zoom's ids are UUIDs. Without capitals, because some file systems do not tell them apart."""
_FETCHED = re.compile(
    r"(?:\d\d-)?(?:video|audio|timeline|transcript|chat|participant-audio)[-.].*",
)
"""Names of fetched files, also as earlier versions wrote them."""


def known_meeting(resources: Resources, call: Call) -> Meeting:
    """Return the recording as the newest webhooks and, if a Zoom app is set up, Zoom describe it.

    Raises:
        NotFound: no webhook described it and Zoom has no such recording.
        IntegrationError: Zoom did not answer, and no webhook named a file.
    """
    described: list[Meeting] = []
    current: dict[tuple[object, ...], str] = {}
    with reading(resources.engine) as session:
        events = (RECORDING_COMPLETED, TRANSCRIPT_COMPLETED)
        for body in inbox.bodies_for(session, call.zoom_uuid, events):
            with contextlib.suppress(UnexpectedResponse):  # the inbox says so of that delivery
                described.append(meeting_from_event(parse_event(body)))
    if resources.zoom is not None:
        try:
            described.append(resources.zoom.recording(call.zoom_uuid))
            current = {_what(file): file.id for file in described[-1].files}
        except NotFound:
            if not described:
                raise
        except IntegrationError:
            # Without an answer, a webhook without files does not mean that there are none.
            if not any(meeting.files for meeting in described):
                raise
    if not described:
        raise NotFound("Zoom has no recording of this meeting.")
    files: dict[str, RecordingFile] = {}
    for meeting in described:
        for file in meeting.files:
            if current.get(_what(file), file.id) != file.id:
                continue  # Zoom has made it again since that webhook, under another id
            known = files.get(file.id)
            files[file.id] = file if known is None else _together(known, file)
    on_prem = any(meeting.on_prem for meeting in described)
    return replace(described[0], files=tuple(files.values()), on_prem=on_prem)


def _what(file: RecordingFile) -> tuple[object, ...]:
    """Return what tells a file from others of its recording, apart from its id."""
    return (
        file.file_type, file.recording_type, file.recording_start, file.recording_end,
        file.file_name, file.is_participant_audio,
    )  # fmt: skip


def _together(newer: RecordingFile, older: RecordingFile) -> RecordingFile:
    """Return what two descriptions of one file say; a webhook's URL works with its own token."""
    base, other = (newer, older) if newer.is_ready or not older.is_ready else (older, newer)
    if not base.is_start_known and other.is_start_known:
        base = replace(base, recording_start=other.recording_start, is_start_known=True)
    if base.recording_start == other.recording_start and base.is_start_known:
        base = replace(base, recording_end=base.recording_end or other.recording_end)
    return replace(base, size_bytes=base.size_bytes or other.size_bytes)


def target_path(resources: Resources, call_id: str, kind: str, file: RecordingFile) -> Path:
    """Return where a file is stored: its kind, its id (if odd, a digest of it), its extension."""
    extension = "".join(ch for ch in file.file_extension.lower() if ch.isascii() and ch.isalnum())
    own = file.id
    if not _PLAIN_ID.fullmatch(own):
        own = hashlib.sha256(own.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    name = f"{kind.replace(' ', '-')}-{own}.{extension[:8] or 'bin'}"
    return resources.files.media_path(call_id, name)


def download(
    resources: Resources,
    meeting: Meeting,
    file: RecordingFile,
    path: Path,
    on_bytes: Callable[[int], None],
) -> None:
    """Download one file with the webhook's token, then with fresh ones; at once if it is there.

    Raises:
        IntegrationError: see `Downloader.download`.
    """
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

    def received(size_bytes: int) -> None:
        resources.check()
        on_bytes(size_bytes)

    path.parent.mkdir(parents=True, exist_ok=True)
    resources.downloader.download(file, path, tokens, on_progress=received, stop=resources.stop)
    resources.check()


def length_s(file: RecordingFile, path: Path) -> float | None:
    """Return a downloaded file's length in seconds; 0 if it cannot be read, None if not stated."""
    try:
        return probe(path).duration_s if file.file_type == "MP4" else sound_length_s(path)
    except InferenceError:
        return 0.0


def delete_all_but(resources: Resources, call_id: str, used: Collection[Path]) -> None:
    """Delete fetched files that the call does not use: other views, and those of earlier runs."""
    for path in resources.files.media_folder(call_id).iterdir():
        if _FETCHED.fullmatch(path.name) and path not in used:
            path.unlink(missing_ok=True)
