"""`/metrics`: who may read it, and what it says."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from sqlmodel import update

from bot.api.health import create_health
from bot.api.problems import install_problem_handlers
from bot.demo.stand_ins.slack import SlackStandIn
from bot.monitoring.metrics import Figures, metrics_text
from bot.monitoring.overview import Queue
from bot.settings import Settings
from integrations.errors import IntegrationError
from integrations.slack.client import SlackMessenger
from integrations.zoom.client import ZoomClient
from storage import calls
from storage.access import keys
from storage.engine import transaction
from storage.files import MediaFiles
from storage.schema.columns import utc_now
from storage.schema.tables import Call
from storage.workers import leases

KEY = "a key that only Prometheus has"
LINE = re.compile(
    r'[a-z_]+(\{[a-z]+="(\\.|[^"\\\n])*"(,[a-z]+="(\\.|[^"\\\n])*")*\})? [-+0-9.e]+(inf)?'
)
EMPTY = Queue({}, [], [], 0, None)


@pytest.fixture
def client(engine: Engine, tmp_path: Path) -> Iterator[TestClient]:
    """A service with a key for its metrics."""
    with TestClient(app(engine, tmp_path, KEY)) as client:
        yield client


def app(engine: Engine, folder: Path, key: str | None) -> FastAPI:
    settings = Settings(_env_file=None, data_dir=folder, metrics_key=key)
    app = FastAPI()
    install_problem_handlers(app)
    app.include_router(
        create_health(engine, settings, MediaFiles(folder / "calls"), {"signature": 3})
    )
    return app


def read(client: TestClient, key: str = KEY) -> dict[str, float]:
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    assert all(LINE.fullmatch(line) for line in lines), answer.text
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_only_the_key_for_metrics_opens_them(client: TestClient, engine: Engine) -> None:
    with transaction(engine) as session:
        api_key = keys.create(session, "dashboard")

    assert client.get("/metrics").status_code == 401
    for wrong in (api_key, KEY[:-1], "", "ключ"):
        headers = {"Authorization": f"Bearer {wrong}".encode()}
        assert client.get("/metrics", headers=headers).status_code == 401
    assert read(client)


def test_without_a_key_there_are_no_metrics(engine: Engine, tmp_path: Path) -> None:
    with TestClient(app(engine, tmp_path, None)) as client:
        answer = client.get("/metrics", headers={"Authorization": "Bearer "})

    assert answer.status_code == 404
    assert "RAPPORT_METRICS_KEY" in answer.json()["detail"]


def test_queue_and_its_age_are_those_of_the_calls(client: TestClient, engine: Engine) -> None:
    now = utc_now()
    with transaction(engine) as session:
        for number, status in enumerate(("queued", "queued", "running", "failed")):
            new = calls.NewCall(f"{number}==", "1", "Renewal", "maya@brightfield.example.com", now)
            call_id = calls.announce(session, new).id
            calls.begin_run(session, call_id)
            calls.set_status(session, call_id, status)  # type: ignore[arg-type]
        session.exec(update(Call).values(updated_at=now - timedelta(minutes=10)))

    found = read(client)

    assert found["rapport_queue_length"] == 2
    assert found["rapport_queue_oldest_seconds"] == pytest.approx(600, abs=60)
    assert found['rapport_calls{status="failed"}'] == 1
    assert found['rapport_calls{status="done"}'] == 0
    assert found['rapport_webhooks_refused_total{reason="signature"}'] == 3


def test_a_running_process_is_up_and_one_that_died_is_not(
    client: TestClient, engine: Engine
) -> None:
    add_process(engine, "abc-serve", silent_s=5)
    add_process(engine, "abc-worker", silent_s=600)

    found = read(client)

    assert found['rapport_process_up{process="abc-serve"}'] == 1
    assert found['rapport_process_up{process="abc-worker"}'] == 0
    age_s = found['rapport_process_heartbeat_age_seconds{process="abc-worker"}']
    assert age_s == pytest.approx(600, abs=30)


def test_the_service_is_ready_while_a_process_gives_heartbeats(
    client: TestClient, engine: Engine
) -> None:
    add_process(engine, "abc-worker", silent_s=600)
    silent = client.get("/readyz")
    add_process(engine, "abc-serve", silent_s=5)
    ready = client.get("/readyz")

    assert silent.status_code == 503
    assert "No process has given a heartbeat for 6" in silent.json()["checks"]["workers"]
    assert ready.status_code == 200
    assert ready.json()["workers"]["running"] == 1
    assert ready.json()["workers"]["oldest_heartbeat_s"] == pytest.approx(5, abs=30)


def add_process(engine: Engine, name: str, silent_s: float) -> None:
    with transaction(engine) as session:
        lease = leases.lock(session, name)
        leases.take(session, lease, "this computer")
        lease.heartbeat_at -= timedelta(seconds=silent_s)


def test_errors_are_counted_by_the_service_that_caused_them() -> None:
    figures = Figures()
    with SlackStandIn() as slack:
        slack.faults.status("/api/auth.test", 503, times=2)
        messenger = SlackMessenger(slack.token, slack.api_url)
        for _ in range(2):
            _count(figures, messenger.check)
    with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(401))) as http:
        zoom = ZoomClient(http, account_id="a", client_id="b", client_secret="c")
        _count(figures, lambda: zoom.recording("u=="))
    figures.count_error(ValueError("not theirs"))

    text = metrics_text(EMPTY, [], {}, 0, figures)

    assert 'rapport_service_errors_total{service="slack",error="Unavailable"} 2.0' in text
    assert 'rapport_service_errors_total{service="zoom",error="AuthFailed"} 1.0' in text
    assert text.count("rapport_service_errors_total{") == 2


def _count(figures: Figures, ask: object) -> None:
    assert callable(ask)
    with pytest.raises(IntegrationError) as raised:
        ask()
    figures.count_error(raised.value)


def test_times_of_webhooks_are_a_histogram() -> None:
    figures = Figures()
    threads = [threading.Thread(target=figures.time_webhook, args=(s,)) for s in (0.02, 0.3, 5.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    lines = metrics_text(EMPTY, [], {}, 0, figures).splitlines()

    assert 'rapport_webhook_seconds_bucket{le="0.025"} 1.0' in lines
    assert 'rapport_webhook_seconds_bucket{le="3"} 2.0' in lines
    assert 'rapport_webhook_seconds_bucket{le="+Inf"} 3.0' in lines
    assert "rapport_webhook_seconds_count 3.0" in lines
    assert "rapport_webhook_seconds_sum 5.32" in lines
