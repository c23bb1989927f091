"""The REST API over a real database, once on each kind."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from bot.api.control import Gone, WorkflowStatus
from bot.api.problems import install_problem_handlers
from bot.api.routes import create_api
from bot.calls.result_rows import result_rows
from bot.links import sign_link
from bot.settings import Settings
from inference.assess import AssessOptions, assess
from inference.schema.meeting import RosterEntry, TranscriptLine
from integrations.errors import Unavailable
from storage import calls
from storage.access import keys
from storage.delivery import inbox, notes
from storage.engine import open_engine, transaction
from storage.files import MediaFiles
from tests.integration.api.conftest import (
    CALL,
    SECRET,
    STARTED_AT,
    Service,
    WorkflowsStandIn,
    add_call,
)
from tests.unit.scoring.test_assess import observed


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


def test_a_call_tells_what_slack_refused_and_when_it_is_tried_again(service: Service) -> None:
    call_id = add_call(service)
    assert service.get(f"/calls/{call_id}")["notes"] == []
    later = STARTED_AT + timedelta(days=1)
    with transaction(service.engine) as session:
        notes.put(
            session, call_id, "report_file", text="No PDFs here.", noted_at=STARTED_AT,
            retry_at=later,
        )  # fmt: skip
        notes.put(session, call_id, "old_file", file_id="F1", noted_at=later, retry_at=later)

    (listed,) = service.get("/calls")["items"]
    for call in (listed, service.get(f"/calls/{call_id}")):
        assert call["notes"] == [
            {
                "text": "No PDFs here.",
                "since": "2026-03-04T09:30:00Z",
                "retry_at": "2026-03-05T09:30:00Z",
            }
        ]


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
        {"from": "0001-01-01T00:00:00+14:00"},
        {"to": "9999-12-31T23:59:59-12:00"},
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
        assert "is not responding" in ready.json()["checks"]["database"]
        assert client.get("/healthz").json() == {"status": "ok", "webhooks_refused": {}}
        page = client.get(f"/c/{sign_link('x', SECRET, 1)}")
        assert (page.status_code, "try again" in page.text) == (503, True)
    engine.dispose()


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
    assert moment["lines"] == [line | {"at_change": True, "pause_s": 0.0}]
    assert (moment["change_s"], moment["silence_s"], moment["lasted_s"]) == (7.5, None, 21.0)
    assert (moment["what"], moment["said_by"]) == ("began to smile", 1)
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
    assert set(ready.json()["checks"]) == {"database", "disk", "weights", "workers"}
    assert set(ready.json()["checks"].values()) == {"ok"}
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


def test_talk_of_people_sides_and_the_call_is_told_and_null_in_older_calls(
    service: Service,
) -> None:
    call_id = add_call(service)
    older = service.get(f"/calls/{call_id}")
    assert older["talk"] is None
    assert [person["talk"] for person in older["participants"]] == [None] * 3

    roster = [RosterEntry("Dana", "Dana", "rep"), RosterEntry("Sam", "Sam", "prospect")]
    lines = [TranscriptLine(0, 6, "Dana", "Um, shall we?"), TranscriptLine(9, 12, "Sam", "Yes.")]
    seen = replace(observed({}), duration_s=60.0)
    analysis = assess(seen, [], lines, roster, AssessOptions())
    with transaction(service.engine) as session:
        calls.save_result(session, call_id, result_rows(analysis, series_path="series.npz"))
    call = service.get(f"/calls/{call_id}")
    assert call["talk"]["question_answer_s"] == 3
    dana = call["participants"][0]["talk"]
    assert (dana["words"], dana["questions"], dana["fillers"], dana["turns"]) == (3, 1, 1, 1)
    assert dana["share_of_speech"] == pytest.approx(6 / 9)
    assert call["sides"][0]["talk"] == dana
    assert service.get("/calls")["items"][0]["participants"][0]["talk"] == dana
