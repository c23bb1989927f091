"""Zoom as a server on loopback, a call that it announced, and the steps of the service over it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np
import pytest
from sqlalchemy import Engine

from bot.analysis.job import AnalysisInProcess, AnalysisResources
from bot.analysis.turns import Turns
from bot.calls.manifest import Manifest, read_manifest
from bot.calls.record import Evidence, read_evidence
from bot.demo.stand_ins.zoom import ZoomStandIn
from bot.demo.stand_ins.zoom_meeting import FileFixture, MeetingFixture
from bot.pipeline.resources import Resources
from bot.pipeline.steps.analyse import analyse_call
from bot.pipeline.steps.fetch import fetch_call, fetch_transcript
from bot.service.run import messenger, zoom_client
from bot.settings import AnalysisSettings, CallSettings, Settings, ZoomSettings
from inference.expression.batch_queue import DeviceQueue
from inference.schema.arrays import F32, U8
from integrations.zoom.downloads import Downloader
from integrations.zoom.webhook import parse_event
from storage import calls
from storage.delivery import inbox
from storage.engine import reading, transaction
from storage.files import MediaFiles
from storage.schema.tables import Call
from tests import media

STARTED_AT = datetime(2026, 9, 10, 13, 0, 5, tzinfo=UTC)
SHORTEST_S = 5


def neutral(crops: U8) -> F32:
    return np.full((len(crops), 7), 1 / 7, np.float32)


@dataclass
class Service:
    """The steps of one process, one call at a time."""

    resources: Resources
    zoom: ZoomStandIn
    meeting: MeetingFixture
    folder: Path

    def video(self, seconds: float, view: str, after_s: float = 0.0, **more: object) -> FileFixture:
        """Add a view of the meeting that is as long as its file, unless `duration_s` says more."""
        path = self.folder / f"{view}-{after_s:.0f}-{seconds:.0f}.mp4"
        media.write_clip(path, seconds=seconds, fps=5, keyframe_every=5)
        times = {"duration_s": seconds, "starts_after_s": after_s, "recording_type": view}
        return self._add(FileFixture(path, "MP4", **{**times, **more}))  # type: ignore[arg-type]

    def timeline(self, *turns: tuple[float, float, str], **more: object) -> FileFixture:
        """Add a TIMELINE with turns (start, end, name), in seconds from the start of the file."""
        entries = []
        for start_s, end_s, name in turns:
            entries += [_entry(start_s, name), _entry(end_s)]
        path = self.folder / f"timeline-{len(self.meeting.files)}.json"
        path.write_text(json.dumps({"timeline": entries}))
        return self._add(FileFixture(path, "TIMELINE", **more))  # type: ignore[arg-type]

    def words(self, *cues: tuple[float, str], **more: object) -> FileFixture:
        """Add a transcript with cues of one second (start, "Name: text")."""
        path = self.folder / f"words-{len(self.meeting.files)}.vtt"
        blocks = [f"00:00:{at:06.3f} --> 00:00:{at + 1:06.3f}\n{text}\n" for at, text in cues]
        path.write_text("WEBVTT\n\n" + "\n".join(blocks))
        return self._add(FileFixture(path, "TRANSCRIPT", **more))  # type: ignore[arg-type]

    def chat(self, at_s: int, text: str, **more: object) -> FileFixture:
        """Add a chat with one message."""
        path = self.folder / f"chat-{len(self.meeting.files)}.txt"
        path.write_text(f"00:00:{at_s:02d}\tMaya Lindqvist:\t{text}\n")
        return self._add(FileFixture(path, "CHAT", **more))  # type: ignore[arg-type]

    def _add(self, file: FileFixture) -> FileFixture:
        self.meeting.files.append(file)
        return file

    def announce(self, event: str = "recording.completed") -> str:
        """Store the webhook as the route does, without the intake, and return the call's id."""
        body = self.zoom.webhook_body(self.meeting.uuid, event)
        told = parse_event(body)
        now = datetime.now(UTC)
        with transaction(self.resources.engine) as session:
            inbox.receive(session, told.event, told.uuid, body, now, False)
            new = calls.NewCall(
                self.meeting.uuid, "1", self.meeting.topic, self.meeting.host_email, STARTED_AT
            )
            return calls.announce(session, new).id

    def fetch(self, call_id: str, *, by_hand: bool = False) -> bool:
        return fetch_call(self.resources, call_id, by_hand, lambda share, text: None)

    def fetch_transcript(self, call_id: str) -> Evidence:
        fetch_transcript(self.resources, call_id, lambda share, text: None)
        return self.evidence(call_id)

    def analysed(self) -> Evidence:
        """Announce, fetch and analyse the call."""
        call_id = self.announce()
        assert self.fetch(call_id), self.call(call_id).skipped_reason
        analyse_call(self.resources, call_id, lambda share, text: None)
        return self.evidence(call_id)

    def evidence(self, call_id: str) -> Evidence:
        return read_evidence(self.resources.files.series_path(call_id))

    def call(self, call_id: str) -> Call:
        with reading(self.resources.engine) as session:
            return calls.get_call(session, call_id)

    def manifest(self, call_id: str) -> Manifest:
        return read_manifest(self.resources.files, call_id)

    def media(self, call_id: str) -> list[Path]:
        folder = self.resources.files.media_folder(call_id)
        return sorted(path for path in folder.iterdir() if path.name != "manifest.json")


def _entry(at_s: float, *names: str) -> dict[str, object]:
    users = [{"username": name, "user_id": sum(map(ord, name))} for name in names]
    return {"ts": f"00:00:{at_s:06.3f}", "users": users}


@pytest.fixture
def service(engine: Engine, tmp_path: Path) -> Iterator[Service]:
    """A service with a Zoom app, and an announced meeting to which a test adds files."""
    meeting = MeetingFixture(
        "files/+1==", "Harbourline: pilot", "maya@brightfield.example.com", STARTED_AT, 60.0
    )
    with ZoomStandIn() as zoom:
        zoom.add_meeting(meeting)
        settings = Settings(
            _env_file=None,
            data_dir=tmp_path,
            calls=CallSettings(include_internal=True, min_duration_s=SHORTEST_S),
            analysis=AnalysisSettings(device="cpu"),
            zoom=ZoomSettings(
                account_id=zoom.account_id,
                client_id=zoom.client_id,
                client_secret=zoom.client_secret,
                api_url=f"{zoom.base_url}/v2",
                oauth_url=zoom.base_url,
                insecure_hosts=(f"127.0.0.1:{zoom.port}",),
            ),
        )
        files = MediaFiles(tmp_path / "calls")
        with httpx.Client(follow_redirects=False) as http, DeviceQueue(neutral) as queue:
            resources = Resources(
                settings=settings,
                engine=engine,
                files=files,
                zoom=zoom_client(settings, http),
                downloader=Downloader(
                    http, allowed_hosts=(), insecure_hosts=settings.zoom.insecure_hosts
                ),
                messenger=messenger(settings),
                analysis=AnalysisInProcess(AnalysisResources(files, queue, "test-1")),
                link_secret="secret",
                analysing=Turns(1),
            )
            folder = tmp_path / "zoom"
            folder.mkdir()
            yield Service(resources, zoom, meeting, folder)
