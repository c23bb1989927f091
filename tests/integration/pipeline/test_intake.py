"""Webhooks about recordings: what each starts, and that none is refused or lost."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import Engine

from bot.api.problems import install_problem_handlers
from bot.api.webhook import create_webhook
from bot.pipeline.deliveries import Deliveries
from bot.pipeline.intake import Intake
from bot.pipeline.workflow import CallPipeline
from bot.settings import CallSettings, Settings, ZoomSettings
from integrations.zoom.webhook import sign
from storage import calls
from storage.delivery import inbox
from storage.engine import reading
from storage.schema.tables import Call, InboxRow
from tests.zoom_payloads import START, webhooks, zoom_time

SECRET = "webhook-secret"


@dataclass
class Starts:
    """Stands in for the workflow engine, and keeps what it was asked to start."""

    started: list[tuple[str, int]] = field(default_factory=list)

    def start(self, call_id: str, run: int, *, by_hand: bool = False) -> str:
        self.started.append((call_id, run))
        return f"{call_id}.{run}"

    def start_refresh(self, call_id: str, run: int) -> str:
        return f"{call_id}.{run}"

    def announce_transcript(self, call_id: str, run: int) -> None:
        """Nobody waits for a transcript here."""


@dataclass
class Route:
    """The webhook route over a real database."""

    engine: Engine
    client: TestClient
    starts: Starts
    rules: CallSettings

    def post(self, delivery: dict[str, Any]) -> InboxRow:
        """Deliver a signed webhook, check that it was accepted, and return its inbox row."""
        body = json.dumps(delivery).encode()
        sent_at = str(int(time.time()))
        headers = {
            "x-zm-request-timestamp": sent_at,
            "x-zm-signature": sign(body, sent_at, SECRET),
        }
        answer = self.client.post("/webhooks/zoom", content=body, headers=headers)
        assert answer.status_code == 204, answer.text
        deadline = time.monotonic() + 20
        while True:  # decided soon after the answer
            with reading(self.engine) as session:
                row = inbox.recent(session, 1)[0]
            if row.outcome != "pending":
                return row
            assert time.monotonic() < deadline, row.event
            time.sleep(0.005)

    def call(self, row: InboxRow) -> Call:
        with reading(self.engine) as session:
            assert row.call_id is not None
            return calls.get_call(session, row.call_id)


@pytest.fixture
def route(engine: Engine) -> Iterator[Route]:
    rules = CallSettings(min_duration_s=60)
    wanted = Settings(
        _env_file=None, calls=rules, zoom=ZoomSettings(webhook_secret=SecretStr(SECRET))
    )
    starts = Starts()
    intake = Intake(engine, wanted, cast(CallPipeline, starts))
    deliveries = Deliveries(engine, intake)
    deliveries.start()
    app = FastAPI()
    install_problem_handlers(app)
    app.include_router(create_webhook(wanted, deliveries, Counter()))
    with TestClient(app) as client:
        yield Route(engine, client, starts, rules)


def view(start_s: float, end_s: float | None, **more: Any) -> dict[str, Any]:
    return {
        "id": f"{start_s}",
        "file_type": "MP4",
        "recording_type": "gallery_view",
        "recording_start": zoom_time(START + timedelta(seconds=start_s)),
        "recording_end": None if end_s is None else zoom_time(START + timedelta(seconds=end_s)),
        "download_url": "https://example.zoom.us/rec/webhook_download/x",
        **more,
    }


def completed(*files: dict[str, Any], **more: Any) -> dict[str, Any]:
    about = {
        "uuid": "/a//b==", "topic": "Pilot", "start_time": zoom_time(START), "duration": 1,
        "recording_files": [*files], **more,
    }  # fmt: skip
    return {"event": "recording.completed", "event_ts": 1789012345678, "payload": {"object": about}}


def test_a_recording_with_an_open_segment_is_never_skipped_as_too_short(route: Route) -> None:
    row = route.post(completed(view(0, 30), view(60, None)))
    assert route.starts.started == [(row.call_id, 1)]


def test_a_short_recording_is_skipped_and_started_once_there_is_more(route: Route) -> None:
    row = route.post(completed(view(0, 30)))
    assert route.call(row).skipped_reason is not None
    assert route.starts.started == []
    route.post(completed(view(60, 120), view(0, 30)))
    assert route.starts.started == [(row.call_id, 1)]


def test_a_recording_kept_on_premises_is_skipped_at_once(route: Route) -> None:
    at_home = view(0, 600, file_path="/recordings/x.mp4")
    del at_home["download_url"]
    row = route.post(completed(at_home, on_prem=True))
    assert row.outcome.startswith("skipped: The recording is kept on premises")
    assert route.starts.started == []


def test_zoom_is_asked_about_a_recording_that_it_announces_without_files(route: Route) -> None:
    row = route.post(completed(recording_files=None))
    assert route.starts.started == [(row.call_id, 1)]


def test_a_delivery_without_a_start_is_dated_by_the_time_it_was_sent(route: Route) -> None:
    row = route.post(completed(start_time=None, recording_files=[]))
    assert route.call(row).started_at.year == 2026


def test_a_call_cannot_be_too_long_for_the_database(route: Route) -> None:
    row = route.post(completed(view(0, 600), duration=10**15))
    assert route.call(row).duration_ms > 0


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.sampled_from(("recording.completed", "recording.transcript_completed")).flatmap(webhooks))
def test_no_documented_delivery_is_refused_or_lost(route: Route, delivery: dict[str, Any]) -> None:
    row = route.post(delivery)
    understood = ("started ", "skipped: ", "joined ", "notified ", "kept for the recording")
    assert row.outcome.startswith(understood)
    call = route.call(row)
    if row.outcome.startswith("started "):
        assert (call.id, call.run) in route.starts.started
