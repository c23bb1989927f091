"""Correcting names and sides over a real database, once on each kind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bot.calls.record import Evidence, name_people, read_evidence, score_evidence, write_evidence
from bot.calls.result_rows import result_rows
from inference.assess import AssessOptions
from inference.schema.meeting import RosterEntry, SpeakerTurn
from inference.schema.observations import FaceColumns, Observations, Quality
from storage import calls
from storage.access import keys
from storage.engine import transaction
from tests.integration.api.conftest import CALL, Service, add_call

BOXES = ((100, 100, 200, 200), (400, 100, 500, 200))


def add_analysed(service: Service) -> str:
    """A call of a minute: two faces that nobody could name; Dana and Sam speak."""
    samples = 120
    rows = np.arange(2 * samples)
    ones = np.ones(2 * samples, np.float32)
    faces = FaceColumns(
        sample=(rows // 2).astype(np.int32),
        track=(rows % 2).astype(np.int32),
        box=np.tile(np.array(BOXES, np.float32), (samples, 1)),
        confidence=ones,
        probs=np.full((2 * samples, 7), 1 / 7, np.float32),
        yaw_deg=0 * ones,
        pitch_deg=0 * ones,
        roll_deg=0 * ones,
        eye_opening=ones,
        mouth_opening=0 * ones,
    )
    observations = Observations(
        np.arange(samples) / 2, 0.5, 60.0, 640, 360, faces, (), Quality(), "expression-1"
    )
    evidence = name_people(
        Evidence(
            observations,
            turns=(SpeakerTurn(1, 9, "Dana", "z1"), SpeakerTurn(12, 20, "Sam", "z2")),
            roster=(RosterEntry("Dana", "z1", "rep", is_host=True), RosterEntry("Sam", "z2")),
        )
    )
    call_id = add_call(service)
    path = service.files.series_path(call_id)
    write_evidence(path, evidence)
    result = result_rows(
        score_evidence(evidence, AssessOptions()), series_path=service.files.relative(path)
    )
    with transaction(service.engine) as session:
        calls.save_result(session, call_id, result)
        calls.set_status(session, call_id, "done")
    return call_id


def people(service: Service, call_id: str) -> dict[str, Any]:
    return {p["name"]: p for p in service.get(f"/calls/{call_id}")["participants"]}


def patch(service: Service, call_id: str, pid: str, **change: str) -> Any:
    return service.client.patch(f"/api/v1/calls/{call_id}/participants/{pid}", json=change)


def refusal(service: Service, status: int, call_id: str, pid: str, **change: Any) -> str:
    answer = patch(service, call_id, pid, **change)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    detail: str = answer.json()["detail"]
    return detail


def test_a_correction_is_kept_and_reports_the_call_again(service: Service) -> None:
    call_id = add_analysed(service)
    face = people(service, call_id)["Person 1"]
    assert (face["name_certainty"], face["name_confidence"]) == ("not named", 0)
    answer = patch(service, call_id, face["id"], name="Sam", side="prospect")
    assert answer.status_code == 202
    sam = people(service, call_id)["Sam"]["id"]
    assert answer.json() == {
        "call_id": call_id, "id": sam, "name": "Sam", "side": "prospect", "is_new": True,
        "workflow_id": f"{call_id}.2",
    }  # fmt: skip
    assert answer.headers["location"] == f"/api/v1/workflows/{call_id}.2"
    assert service.workflows.retold == [(call_id, 2)]
    name, side = service.get(f"/calls/{call_id}/corrections")["items"]
    assert (name["field"], name["old_value"], name["new_value"]) == ("name", "Person 1", "Sam")
    assert (name["participant"], name["made_by"]) == (face["id"], "test")
    assert name["made_at"].endswith("Z")
    assert (side["old_value"], side["new_value"], side["participant"]) == (
        "unknown", "prospect", sam,
    )  # fmt: skip


def test_the_same_correction_twice_is_kept_once(service: Service) -> None:
    call_id = add_analysed(service)
    pid = people(service, call_id)["Person 1"]["id"]
    for is_new in (True, False):
        answer = patch(service, call_id, pid, name="Eve")
        assert (answer.status_code, answer.json()["is_new"]) == (202, is_new)
        assert answer.json()["workflow_id"] == f"{call_id}.2"
    assert len(service.get(f"/calls/{call_id}/corrections")["items"]) == 1
    # The run was counted but is not known to be queued: it is queued again, which changes nothing.
    assert set(service.workflows.retold) == {(call_id, 2)}


def test_several_corrections_in_a_row_stand_together(service: Service) -> None:
    call_id = add_analysed(service)
    known = people(service, call_id)
    assert patch(service, call_id, known["Person 1"]["id"], name="Eve").json()["name"] == "Eve"
    again = patch(service, call_id, known["Person 1"]["id"], side="rep").json()
    assert (again["name"], again["side"], again["id"]) == ("Eve", "rep", known["Person 1"]["id"])
    index = str(known["Dana"]["index"])
    assert patch(service, call_id, index, side="unknown").json()["name"] == "Dana"
    away = patch(service, call_id, known["Person 1"]["id"], name="").json()
    assert away["name"] == "Person 1"


def test_a_name_that_cannot_be_is_refused_with_a_reason(service: Service) -> None:
    call_id = add_analysed(service)
    known = people(service, call_id)
    patch(service, call_id, known["Person 1"]["id"], name="Sam")
    told = refusal(service, 409, call_id, known["Person 2"]["id"], name="Sam")
    assert "seen at the same time" in told
    assert "Zoom's own records" in refusal(service, 409, call_id, known["Dana"]["id"], name="")
    waiting = add_call(service, replace(CALL, zoom_uuid="other"), analysed=False)
    assert "no result yet" in refusal(service, 409, waiting, "0", name="Eve")


def test_a_call_whose_last_analysis_failed_is_not_said_to_be_worked_on(service: Service) -> None:
    call_id = add_analysed(service)
    path = service.files.series_path(call_id)
    write_evidence(path, replace(read_evidence(path), identities=None))
    with transaction(service.engine) as session:
        calls.set_status(session, call_id, "failed", failure="The disk is full.")
    assert "must be analysed again" in refusal(service, 409, call_id, "0", name="Eve")
    with transaction(service.engine) as session:
        calls.set_status(session, call_id, "running")
    assert "is being analysed again" in refusal(service, 409, call_id, "0", name="Eve")


@pytest.mark.parametrize(
    "change",
    [{}, {"side": "boss"}, {"name": None}, {"name": 7}, {"name": "x" * 201}, {"nom": "Eve"},
     {"name": "\u202e"}],
)  # fmt: skip
def test_a_change_that_says_nothing_clear_is_refused(
    service: Service, change: dict[str, Any]
) -> None:
    call_id = add_analysed(service)
    refusal(service, 422, call_id, "0", **change)
    assert service.get(f"/calls/{call_id}/corrections")["items"] == []


def test_nobody_is_corrected_without_a_key_or_where_nobody_is(service: Service) -> None:
    call_id = add_analysed(service)
    refusal(service, 404, call_id, "f0000000000", name="Eve")
    refusal(service, 404, call_id, "99", name="Eve")
    refusal(service, 404, "nobody", "0", name="Eve")
    service.problem(404, "/api/v1/calls/nobody/corrections")
    with transaction(service.engine) as session:
        keys.revoke(session, "test")
    refusal(service, 401, call_id, "0", name="Eve")
    service.problem(401, f"/api/v1/calls/{call_id}/corrections")


def test_a_call_told_by_an_earlier_version_can_be_corrected_by_position(service: Service) -> None:
    call_id = add_analysed(service)
    with transaction(service.engine) as session:
        for row in calls.get_participants(session, call_id):
            row.pid, row.former_pids = "", []
            session.add(row)
    dana = people(service, call_id)["Dana"]
    assert dana["id"] == str(dana["index"])
    assert patch(service, call_id, dana["id"], side="prospect").json()["name"] == "Dana"


def test_a_correction_stands_beside_the_evidence_not_in_it(service: Service) -> None:
    call_id = add_analysed(service)
    before = read_evidence(service.files.series_path(call_id)).identities
    patch(service, call_id, "0", name="Eve")
    assert read_evidence(service.files.series_path(call_id)).identities == before
