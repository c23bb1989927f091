"""The REST API and the signed pages over a real database, once on each kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from bot.api.links import page_link, report_link, sign_link
from bot.api.problems import install_problem_handlers
from bot.api.routes import create_api
from bot.api.workflows import Gone, WorkflowStatus
from bot.evidence import Evidence, write_evidence
from bot.settings import Settings
from inference.types import FaceColumns, Observations, Quality, SpeakerTurn
from integrations.errors import Unavailable
from storage import calls, inbox, keys
from storage.engine import open_engine, transaction
from storage.files import MediaFiles

STARTED_AT = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
SECRET = "a secret that signs links"
CALL = calls.NewCall(
    "a/b+c==", "987", "Offer <b>ÄRGER</b>", "dana@example.com", STARTED_AT, "Dana Weiß",
    "Europe/Berlin", 60_000,
)  # fmt: skip


def window(person: int, start_s: int, engagement: float | None, samples: int) -> calls.WindowResult:
    return calls.WindowResult(
        person, start_s * 1000, (start_s + 10) * 1000, engagement, None, samples / 20, samples,
        2000, {"happy": 0.7, "neutral": 0.3} if samples else {},
    )  # fmt: skip


RESULT = calls.CallResult(
    duration_ms=40_000,
    profile="sales",
    scoring_version=1,
    model="expression-1",
    engagement=0.613,
    engagement_low=0.55,
    engagement_high=0.67,
    coverage=0.9,
    has_transcript=True,
    quality={"notes": ["TIMELINE: 3 entries <out> of order were sorted."]},
    score={"talk_s": 9.0},
    participants=[
        calls.ParticipantResult(
            0, "Dana <i>Weiß</i>", side="rep", is_host=True, is_named=True, engagement=0.6,
            engagement_low=0.5, engagement_high=0.7, coverage=0.5, talk_ms=8000, talk_share=0.8,
            score={"expressions": {"happy": 1.0}},
        ),
        calls.ParticipantResult(1, "يوسف", side="prospect", talk_ms=2000, talk_share=0.2),
        calls.ParticipantResult(2, "Eva", side="rep", is_scored=False),
    ],
    windows=[
        window(0, 0, 0.4, 20),
        window(0, 10, 0.8, 10),
        window(1, 0, None, 0),
        window(1, 10, 0.2, 20),
        window(0, 30, 0.9, 20),
    ],
    moments=[
        calls.MomentResult(
            5000, 15_000, "rise", (0, 1), "Engagement rose.", 0.4, 0.7, 0.9,
            (calls.TranscriptLineResult(6000, 8000, "Dana <i>Weiß</i>", "$5 & <script>"),),
        )
    ],
    turns=[calls.TurnResult(0, 8000, "Dana <i>Weiß</i>"), calls.TurnResult(19_000, 21_000, "يوسف")],
    transcript=[calls.TranscriptLineResult(6000, 8000, "Dana <i>Weiß</i>", "$5 & <script>")],
)  # fmt: skip


@dataclass
class WorkflowsStandIn:
    """Keeps what it was asked and answers what it is told."""

    refusal: Exception | None = None
    known: dict[str, WorkflowStatus] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)

    def status(self, workflow_id: str) -> WorkflowStatus | None:
        return self.known.get(workflow_id)

    def reanalyze(self, call_id: str) -> str:
        if self.refusal is not None:
            raise self.refusal
        return f"{call_id}.2"

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


def test_nothing_is_readable_without_a_key(service: Service) -> None:
    service.client.headers.pop("Authorization")
    parts = ("", "/timeline", "/moments", "/transcript", "/report.pdf")
    for path in ("/calls", "/workflows/x.1", *(f"/calls/x{part}" for part in parts)):
        for header in ({}, {"Authorization": "Bearer rpt_no"}, {"Authorization": "Basic eDp5"}):
            answer = service.client.get(f"/api/v1{path}", headers=header)
            assert answer.status_code == 401
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["www-authenticate"].startswith("Bearer")


def test_changes_need_a_key_too_and_a_revoked_one_is_none(service: Service) -> None:
    call_id = add_call(service)
    with transaction(service.engine) as session:
        keys.revoke(session, "test")
    service.problem(401, f"/api/v1/calls/{call_id}", "DELETE")
    service.problem(401, f"/api/v1/calls/{call_id}/reanalyze", "POST")
    assert service.workflows.cancelled == []


def test_a_call_tells_all_its_figures(service: Service) -> None:
    call_id = add_call(service)
    call = service.get(f"/calls/{call_id}")
    assert call["zoom_uuid"] == "a/b+c=="
    assert call["topic"] == CALL.topic
    assert call["started_at"] == "2026-03-04T09:30:00Z"
    assert (call["status"], call["duration_s"], call["workflow_id"]) == (
        "done",
        40.0,
        f"{call_id}.1",
    )
    assert (call["engagement"], call["interval"], call["coverage"]) == (0.613, [0.55, 0.67], 0.9)
    assert (call["has_report"], call["profile"], call["figures"]) == (
        True,
        "sales",
        {"talk_s": 9.0},
    )
    dana, yusuf, eva = call["participants"]
    assert (dana["name"], dana["interval"], dana["talk_s"]) == ("Dana <i>Weiß</i>", [0.5, 0.7], 8.0)
    assert dana["expressions"] == {"happy": 1.0}
    assert (yusuf["engagement"], yusuf["interval"], eva["is_scored"]) == (None, None, False)


def test_calls_are_listed_filtered_and_paged(service: Service) -> None:
    add_call(service)
    for number in range(1, 4):
        started_at = STARTED_AT + timedelta(days=number)
        other = replace(CALL, zoom_uuid=f"u{number}", topic="Demo", started_at=started_at)
        add_call(service, other, analysed=False)

    def found(**params: Any) -> list[str]:
        return [call["zoom_uuid"] for call in service.get("/calls", **params)["items"]]

    assert found() == ["u3", "u2", "u1", "a/b+c=="]
    assert found(text="ärger") == found(participant="WEISS") == ["a/b+c=="]
    assert found(min_engagement=0.6, max_engagement=0.62) == ["a/b+c=="]
    assert found(**{"from": "2026-03-06", "to": "2026-03-07"}) == ["u2"]
    assert found(**{"from": "2026-03-05T10:30:00+01:00", "to": "2026-03-05T09:30:01Z"}) == ["u1"]
    assert found(host="dana", status="queued", text="demo") == ["u3", "u2", "u1"]
    assert found(host="nobody@example.com") == []
    first = service.get("/calls", limit=3)
    rest = service.get("/calls", limit=3, cursor=first["next_cursor"])
    assert [call["zoom_uuid"] for call in rest["items"]] == ["a/b+c=="]
    assert rest["items"][0]["participants"][1]["name"] == "يوسف"
    assert rest["next_cursor"] is None


def test_every_error_is_a_problem_document(service: Service) -> None:
    call_id = add_call(service, analysed=False)
    service.problem(404, "/api/v1/calls/nobody")
    service.problem(404, "/api/v1/calls/%00")
    service.problem(404, "/api/v1/nothing")
    service.problem(404, f"/api/v1/calls/{call_id}/report.pdf")
    service.problem(404, "/api/v1/workflows/nobody.1")
    service.problem(405, "/api/v1/calls", "PUT")
    service.problem(400, "/api/v1/calls", cursor="xyz")
    for wrong in (
        {"limit": 0},
        {"limit": "many"},
        {"from": "yesterday"},
        {"min_engagement": 61},
        {"max_engagement": "nan"},
        {"status": "lost"},
        {"text": ""},
    ):
        body = service.problem(422, "/api/v1/calls", **wrong)
        assert body["errors"][0]["at"] == f"query.{next(iter(wrong))}"
    for resolution in (0, 0.1, "inf", 1e9):
        service.problem(422, f"/api/v1/calls/{call_id}/timeline", resolution=resolution)


def test_a_database_that_is_down_is_a_problem_too(tmp_path: Path) -> None:
    engine = open_engine("postgresql://nobody@127.0.0.1:1/none")
    app = FastAPI()
    install_problem_handlers(app)
    settings = Settings(_env_file=None, data_dir=tmp_path)
    files = MediaFiles(tmp_path)
    app.include_router(create_api(engine, settings, files, WorkflowsStandIn(), link_secret=SECRET))
    with TestClient(app) as client:
        answer = client.get("/api/v1/calls", headers={"Authorization": "Bearer rpt_x"})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        ready = client.get("/readyz")
        assert ready.status_code == 503
        assert "does not answer" in ready.json()["checks"]["database"]
        assert client.get("/healthz").json() == {"status": "ok"}
        page = client.get(f"/c/{sign_link('x', SECRET, 1)}")
        assert (page.status_code, "try again" in page.text) == (503, True)
    engine.dispose()


def test_the_timeline_adds_windows_up_by_their_samples(service: Service) -> None:
    call_id = add_call(service)
    timeline = service.get(f"/calls/{call_id}/timeline")
    assert timeline["resolution_s"] == 10
    first, second, third, fourth = timeline["items"]
    assert (first["start_s"], first["end_s"], first["engagement"]) == (0, 10, 0.4)
    assert first["people"][0]["expression"] == "happy"
    assert first["people"][1]["engagement"] is None
    assert second["engagement"] == pytest.approx((0.8 * 10 + 0.2 * 20) / 30)
    assert (second["speakers"], third["speakers"], third["people"]) == (["يوسف"], ["يوسف"], [])
    assert (fourth["start_s"], fourth["speakers"]) == (30, [])
    coarse = service.get(f"/calls/{call_id}/timeline", resolution=25)
    assert coarse["resolution_s"] == 20
    dana = coarse["items"][0]["people"][0]
    assert dana["engagement"] == pytest.approx((0.4 * 20 + 0.8 * 10) / 30)
    assert (dana["coverage"], dana["talk_s"]) == (0.75, 4.0)
    assert coarse["items"][0]["speakers"] == ["Dana <i>Weiß</i>", "يوسف"]


def test_a_finer_timeline_comes_from_the_series(service: Service) -> None:
    call_id = add_call(service)
    service.problem(404, f"/api/v1/calls/{call_id}/timeline", resolution=1)
    observations = Observations(
        t_s=np.arange(80) / 2,
        sample_interval_s=0.5,
        duration_s=40.0,
        width_px=640,
        height_px=360,
        faces=FaceColumns.empty(),
        views=(),
        quality=Quality(frames_sampled=80),
        model="expression-1",
    )
    path = service.files.series_path(call_id)
    write_evidence(path, Evidence(observations, turns=(SpeakerTurn(0.0, 3.5, "Dana"),)))
    stored = service.files.relative(path)
    with transaction(service.engine) as session:
        calls.save_result(session, call_id, replace(RESULT, series_path=stored))
    timeline = service.get(f"/calls/{call_id}/timeline", resolution=2)
    assert len(timeline["items"]) == 20
    assert timeline["items"][1] == {
        "start_s": 2.0,
        "end_s": 4.0,
        "engagement": None,
        "attention": None,
        "speakers": ["Dana"],
        "people": [],
    }
    path.write_bytes(b"damaged")
    body = service.problem(500, f"/api/v1/calls/{call_id}/timeline", resolution=2)
    assert "analyse the call again" in body["detail"]


def test_moments_transcript_and_report_are_told(service: Service) -> None:
    call_id = add_call(service)
    (moment,) = service.get(f"/calls/{call_id}/moments")["items"]
    assert (moment["start_s"], moment["kind"], moment["before"]) == (5.0, "rise", 0.4)
    assert moment["names"] == ["Dana <i>Weiß</i>", "يوسف"]
    transcript = service.get(f"/calls/{call_id}/transcript")
    line = {
        "start_s": 6.0,
        "end_s": 8.0,
        "speaker": "Dana <i>Weiß</i>",
        "text": "$5 & <script>",
        "is_chat": False,
    }
    assert transcript == {"call_id": call_id, "has_transcript": True, "items": [line]}
    assert moment["lines"] == [line]
    report = service.client.get(f"/api/v1/calls/{call_id}/report.pdf")
    assert (report.content, report.headers["content-type"]) == (
        b"%PDF-1.7 report",
        "application/pdf",
    )
    assert "no-store" in report.headers["cache-control"]


def test_a_run_can_be_followed(service: Service) -> None:
    status = WorkflowStatus("x.1", "x", 1, "running", "analyse", 0.5, "half", None)
    service.workflows.known["x.1"] = status
    assert service.get("/workflows/x.1") == {
        "id": "x.1",
        "call_id": "x",
        "run": 1,
        "status": "running",
        "step": "analyse",
        "progress": 0.5,
        "detail": "half",
        "error": None,
    }


def test_reanalysis_starts_a_run_or_says_why_not(service: Service) -> None:
    call_id = add_call(service)
    path = f"/api/v1/calls/{call_id}/reanalyze"
    answer = service.client.post(path)
    assert answer.status_code == 202
    assert answer.json() == {"workflow_id": f"{call_id}.2", "call_id": call_id}
    assert answer.headers["location"] == f"/api/v1/workflows/{call_id}.2"
    service.problem(404, "/api/v1/calls/nobody/reanalyze", "POST")
    service.workflows.refusal = Gone("Zoom no longer has the recording.")
    assert "no longer" in service.problem(409, path, "POST")["detail"]
    service.workflows.refusal = Unavailable("Zoom did not answer.")
    service.problem(503, path, "POST")


def test_a_deleted_call_leaves_no_row_and_no_file(service: Service) -> None:
    call_id = add_call(service)
    service.files.media_path(call_id, "video.mp4").write_bytes(b"x")
    with transaction(service.engine) as session:
        inbox.receive(session, "recording.completed", CALL.zoom_uuid, b"{}", STARTED_AT, False)
    answer = service.client.delete(f"/api/v1/calls/{call_id}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert service.workflows.cancelled == [call_id]
    assert list(service.files.root.iterdir()) == []
    service.problem(404, f"/api/v1/calls/{call_id}")
    service.problem(404, f"/api/v1/calls/{call_id}", "DELETE")
    with transaction(service.engine) as session:
        assert [row.raw_body for row in inbox.recent(session)] == [b""]


def test_readiness_tells_what_is_wrong_without_a_key(service: Service) -> None:
    service.client.headers.pop("Authorization")
    ready = service.client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["checks"] == {"database": "ok", "disk": "ok", "weights": "ok"}
    service.settings.zoom.disk_reserve_bytes = 10**18
    service.settings.analysis.weights = Path("nowhere.safetensors")
    body = service.problem(503, "/readyz")
    assert "disk" in body["detail"]
    assert "GB are free" in body["checks"]["disk"]
    assert "missing" in body["checks"]["weights"]


def test_openapi_describes_every_route_with_examples(service: Service) -> None:
    schema = service.client.get("/openapi.json").json()
    for path in ("", "/timeline", "/moments", "/transcript", "/report.pdf"):
        operation = schema["paths"][f"/api/v1/calls/{{call_id}}{path}"]["get"]
        assert operation["security"] == [{"API key": []}]
        assert "application/problem+json" in operation["responses"]["422"]["content"]
        assert operation["summary"]
    assert schema["components"]["schemas"]["Call"]["examples"][0]["engagement"] == 0.61
    assert "/c/{token}" not in schema["paths"]


def link(service: Service, call_id: str) -> str:
    url = page_link(service.settings, SECRET, call_id)
    assert url is not None
    assert url.startswith("https://r.example/base/c/")
    assert report_link(service.settings, SECRET, call_id) == f"{url}/report.pdf"
    return url.removeprefix("https://r.example/base")


def test_a_signed_link_opens_the_page_and_the_report(service: Service) -> None:
    path = link(service, add_call(service))
    service.client.headers.pop("Authorization")
    page = service.client.get(path)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    text = page.text
    assert "<b>61</b>" in text
    assert "likely between 55 and 67" in text
    assert "10:30–10:30 (Europe/Berlin)" in text
    assert "10:30:05 by the clock" in text
    assert "Wednesday 4 March 2026" in text
    assert "not scored, as set up" in text
    assert "Expressions are not feelings" in text
    assert "<bdi>يوسف</bdi>" in text
    for typed in ("<b>ÄRGER", "<i>Weiß", "<script", "<out>"):
        assert typed not in text
    assert "$5 &amp; &lt;script&gt;" in text
    assert "http" not in text.split("</style>")[1]
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    report = service.client.get(f"{path}/report.pdf")
    assert report.content == b"%PDF-1.7 report"
    for address in (path, f"{path}/report.pdf"):  # what link checkers ask first
        assert service.client.head(address).status_code == 200


def test_a_page_says_what_a_call_waits_for_or_why_it_failed(service: Service) -> None:
    call_id = add_call(service, analysed=False)
    path = link(service, call_id)
    assert "waiting to be analysed" in service.client.get(path).text
    assert service.client.get(f"{path}/report.pdf").status_code == 404
    with transaction(service.engine) as session:
        calls.set_status(session, call_id, "failed", failure="No <video> was found.")
    assert "No &lt;video&gt; was found." in service.client.get(path).text


def test_a_call_without_faces_words_or_people_has_a_page(service: Service) -> None:
    call_id = add_call(service)
    empty = replace(
        RESULT, engagement=None, engagement_low=None, engagement_high=None, coverage=None,
        participants=(), windows=(), moments=(), turns=(), transcript=(), duration_ms=0,
    )  # fmt: skip
    with transaction(service.engine) as session:
        calls.save_result(session, call_id, empty)
    page = service.client.get(link(service, call_id))
    assert page.status_code == 200
    assert "no face was seen well enough" in page.text


def test_an_old_link_says_that_it_has_expired(service: Service) -> None:
    call_id = add_call(service)
    old = sign_link(call_id, SECRET, 30, now=datetime.now(UTC) - timedelta(days=32))
    for path in (f"/c/{old}", f"/c/{old}/report.pdf"):
        answer = service.client.get(path)
        assert (answer.status_code, "has expired" in answer.text) == (410, True)
    fresh = sign_link(call_id, SECRET, 30, now=datetime.now(UTC) - timedelta(days=29))
    assert service.client.get(f"/c/{fresh}").status_code == 200


def test_a_link_signed_by_others_or_changed_opens_nothing(service: Service) -> None:
    call_id = add_call(service)
    good = sign_link(call_id, SECRET, 30)
    header, claims, signature = good.split(".")
    unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0"
    for token in (
        sign_link(call_id, "another secret", 30),
        good[:-4],
        f"{header}.{claims}.{signature[::-1]}",
        f"{unsigned}.{claims}.",
        "x",
    ):
        answer = service.client.get(f"/c/{token}")
        assert (answer.status_code, "does not work" in answer.text) == (404, True)


def test_a_link_to_a_deleted_call_opens_nothing(service: Service) -> None:
    call_id = add_call(service)
    path = link(service, call_id)
    service.client.delete(f"/api/v1/calls/{call_id}")
    answer = service.client.get(path)
    assert (answer.status_code, "deleted" in answer.text) == (404, True)


def test_links_of_one_day_are_the_same_and_need_a_public_address(tmp_path: Path) -> None:
    morning = datetime(2026, 3, 4, 1, tzinfo=UTC)
    assert sign_link("x", SECRET, 30, morning) == sign_link(
        "x", SECRET, 30, morning + timedelta(hours=22)
    )
    settings = Settings(_env_file=None, data_dir=tmp_path)
    assert page_link(settings, SECRET, "x") is None
    assert report_link(settings, SECRET, "x") is None
