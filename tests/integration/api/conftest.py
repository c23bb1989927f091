"""A service over a real database, once on each kind, with one analysed call to ask about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from bot.api.auth import key_check
from bot.api.control import WorkflowStatus
from bot.api.guard import Checks, Guard, TrustedProxies
from bot.api.problems import install_problem_handlers
from bot.api.routes import create_api
from bot.api.webhook import webhook_check
from bot.settings import Settings
from storage import calls
from storage.access import keys
from storage.calls.results import ResultRows, Row
from storage.engine import transaction
from storage.files import MediaFiles

STARTED_AT = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
SECRET = "a secret that signs links"
CALL = calls.NewCall(
    "a/b+c==", "987", "Offer <b>ÄRGER</b>", "dana@example.com", STARTED_AT, "Dana Weiß",
    "Europe/Berlin", 60_000,
)  # fmt: skip


def window(person: int, start_s: int, engagement: float | None, samples: int) -> Row:
    return {
        "participant": person, "start_ms": start_s * 1000, "end_ms": (start_s + 10) * 1000,
        "engagement": engagement, "coverage": samples / 20, "samples": samples, "talk_ms": 2000,
        "expressions": {"happy": 0.7, "neutral": 0.3} if samples else {},
    }  # fmt: skip


LINE = {
    "start_ms": 6000,
    "end_ms": 8000,
    "speaker": "Dana <i>Weiß</i>",
    "text": "$5 & <script>",
    "is_chat": False,
}
RESULT = ResultRows(
    call={
        "duration_ms": 40_000,
        "profile": "sales",
        "scoring_version": 1,
        "model": "expression-1",
        "engagement": 0.613,
        "engagement_low": 0.55,
        "engagement_high": 0.67,
        "coverage": 0.9,
        "has_transcript": True,
        "quality": {"notes": ["TIMELINE: 3 entries <out> of order were sorted."]},
        "score": {"talk_s": 9.0},
    },
    participants=[
        {
            "position": 0, "name": "Dana <i>Weiß</i>", "side": "rep", "is_host": True,
            "is_named": True, "engagement": 0.6, "engagement_low": 0.5, "engagement_high": 0.7,
            "coverage": 0.5, "talk_ms": 8000, "talk_share": 0.8,
            "score": {"expressions": {"happy": 1.0}},
        },
        {"position": 1, "name": "يوسف", "side": "prospect", "talk_ms": 2000, "talk_share": 0.2},
        {"position": 2, "name": "Eva", "side": "rep", "is_scored": False},
    ],
    windows=[
        window(0, 0, 0.4, 20),
        window(0, 10, 0.8, 10),
        window(1, 0, None, 0),
        window(1, 10, 0.2, 20),
        window(0, 30, 0.9, 20),
    ],
    moments=[
        {
            "start_ms": 5000, "end_ms": 15_000, "kind": "rise", "participants": (0, 1),
            "reason": "Engagement rose.", "before": 0.4, "after": 0.7, "strength": 0.9,
            "lines": [LINE | {"at_change": True, "pause_s": 0.0}], "change_ms": 7500,
            "what": "began to smile", "lasted_ms": 21_000, "said_by": 1,
        }
    ],
    turns=[
        {"start_ms": 0, "end_ms": 8000, "speaker": "Dana <i>Weiß</i>"},
        {"start_ms": 19_000, "end_ms": 21_000, "speaker": "يوسف"},
    ],
    transcript=[LINE],
)  # fmt: skip


@dataclass
class WorkflowsStandIn:
    """Keeps what it was asked and answers what it is told."""

    refusal: Exception | None = None
    known: dict[str, WorkflowStatus] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)
    retold: list[tuple[str, int]] = field(default_factory=list)

    def status(self, workflow_id: str) -> WorkflowStatus | None:
        return self.known.get(workflow_id)

    def reanalyze(self, call_id: str) -> str:
        if self.refusal is not None:
            raise self.refusal
        return f"{call_id}.2"

    def report_again(self, call_id: str, run: int) -> str:
        self.retold.append((call_id, run))
        return f"{call_id}.{run}"

    def cancel(self, call_id: str) -> None:
        self.cancelled.append(call_id)


@dataclass
class Service:
    engine: Engine
    files: MediaFiles
    settings: Settings
    workflows: WorkflowsStandIn
    client: TestClient

    def get(self, path: str, **params: Any) -> Any:
        answer = self.client.get(f"/api/v1{path}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def problem(
        self, expected: int, path: str, method: str = "GET", /, **params: Any
    ) -> dict[str, Any]:
        answer = self.client.request(method, path, params=params)
        assert answer.status_code == expected, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        body: dict[str, Any] = answer.json()
        assert {"type", "title", "status", "detail"} <= body.keys()
        assert body["status"] == expected
        return body


@pytest.fixture
def service(engine: Engine, tmp_path: Path) -> Iterator[Service]:
    settings = Settings(_env_file=None, data_dir=tmp_path, public_url="https://r.example/base/")
    files = MediaFiles(tmp_path / "calls")
    workflows = WorkflowsStandIn()
    app = FastAPI()
    install_problem_handlers(app)
    app.include_router(create_api(engine, settings, files, workflows, link_secret=SECRET))
    checks = Checks(key=key_check(engine), webhook=webhook_check(settings, Counter()))
    app.add_middleware(
        Guard, checks=checks, proxies=TrustedProxies(settings.trusted_proxies), refused=Counter()
    )
    with transaction(engine) as session:
        token = keys.create(session, "test")
    client = TestClient(app, headers={"Authorization": f"Bearer {token}"})
    with client:
        yield Service(engine, files, settings, workflows, client)


def add_call(service: Service, call: calls.NewCall = CALL, *, analysed: bool = True) -> str:
    with transaction(service.engine) as session:
        call_id = calls.announce(session, call).id
        calls.begin_run(session, call_id)
        if analysed:
            report = service.files.write(call_id, "report.pdf", b"%PDF-1.7 report")
            calls.save_result(session, call_id, RESULT)
            calls.set_report_path(session, call_id, service.files.relative(report))
            calls.set_status(session, call_id, "done")
    return call_id
