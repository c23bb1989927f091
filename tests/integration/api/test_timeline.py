"""The course of a call: one span has one figure, whoever asks and however finely."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bot.calls.analysis_file import write_analysis
from bot.calls.record import Evidence, name_people, score_evidence, write_evidence
from bot.calls.result_rows import result_rows
from bot.report.chart_data import course
from inference.assess import AssessOptions
from inference.schema.analysis import CallAnalysis
from inference.schema.arrays import EXPRESSIONS
from inference.schema.meeting import SpeakerTurn
from inference.schema.observations import FaceColumns, Observations, Quality
from storage import calls
from storage.engine import transaction
from tests.integration.api.conftest import Service, add_call
from tests.integration.api.test_pages import link

SECONDS = 120


def add_scored(service: Service, *, is_kept: bool = True) -> tuple[str, CallAnalysis]:
    """A call of two minutes in which one of two people is away for half of the time."""
    rng = np.random.default_rng(11)
    samples = 2 * SECONDS
    sample = np.repeat(np.arange(samples, dtype=np.int32), 2)
    track = np.tile(np.array([0, 1], np.int32), samples)
    here = (track == 0) | (sample < samples // 2) & (rng.random(len(sample)) < 0.8)
    sample, track = sample[here], track[here]
    ones = np.ones(len(sample), np.float32)
    probs = rng.dirichlet(np.ones(len(EXPRESSIONS)), len(sample)).astype(np.float32)
    box = np.where(track[:, None] == 0, [10, 10, 110, 110], [400, 10, 500, 110])
    faces = FaceColumns(
        sample=sample, track=track, box=box.astype(np.float32), confidence=ones, probs=probs,
        yaw_deg=0 * ones, pitch_deg=0 * ones, roll_deg=0 * ones, eye_opening=0.3 * ones,
        mouth_opening=0.1 * ones,
    )  # fmt: skip
    t_s = np.arange(samples) / 2
    seen = Observations(t_s, 0.5, SECONDS, 640, 360, faces, (), Quality(), "expression-1")
    turns = (SpeakerTurn(1, 9, "Dana", "z1"), SpeakerTurn(62, 70, "Sam", "z2"))
    evidence = name_people(Evidence(seen, turns=turns))
    analysis = score_evidence(evidence, AssessOptions())
    call_id = add_call(service)
    path = service.files.series_path(call_id)
    write_evidence(path, evidence)
    if is_kept:
        write_analysis(service.files.analysis_path(call_id), call_id, analysis, AssessOptions())
    with transaction(service.engine) as session:
        rows = result_rows(analysis, series_path=service.files.relative(path))
        calls.save_result(session, call_id, rows)
        calls.set_status(session, call_id, "done")
    return call_id, analysis


def test_a_span_has_the_same_figure_at_every_resolution_and_in_the_report(
    service: Service,
) -> None:
    call_id, analysis = add_scored(service)
    whole = analysis.call.engagement
    assert whole is not None

    def engagements(resolution: float) -> list[float]:
        timeline = service.get(f"/calls/{call_id}/timeline", resolution=resolution)
        assert timeline["resolution_s"] == resolution
        return [step["engagement"] for step in timeline["items"]]

    assert engagements(SECONDS) == pytest.approx([whole.value], abs=1e-6)
    assert service.get(f"/calls/{call_id}")["engagement"] == pytest.approx(whole.value)
    fine = np.array(engagements(0.5))
    assert engagements(10) == pytest.approx(fine.reshape(-1, 20).mean(axis=1).tolist(), abs=1e-6)
    assert engagements(5) == pytest.approx(fine.reshape(-1, 10).mean(axis=1).tolist(), abs=1e-6)
    drawn = course(analysis.observations.t_s, analysis.call_series.engagement, SECONDS)
    assert drawn.values == pytest.approx(100 * np.array(engagements(drawn.step_s)), abs=1e-3)


def test_people_come_with_their_coverage_and_talk_while_they_are_in_the_call(
    service: Service,
) -> None:
    call_id, _ = add_scored(service)
    items = service.get(f"/calls/{call_id}/timeline", resolution=10)["items"]
    first, last = items[0]["people"], items[-1]["people"]
    assert items[0]["speakers"] == ["Dana"]
    assert [person["coverage"] for person in first if person["coverage"] == 1.0] == [1.0]
    assert sum(person["talk_s"] for person in first) == pytest.approx(8.0)
    assert all(person["engagement"] is not None for person in last if person["coverage"] > 0)


def test_a_call_that_an_earlier_version_scored_is_scored_from_its_series(
    service: Service,
) -> None:
    kept, _ = add_scored(service)
    first = service.get(f"/calls/{kept}/timeline")["items"]
    service.files.analysis_path(kept).unlink()
    again = service.get(f"/calls/{kept}/timeline")["items"]
    # The series keeps probabilities in steps: the figures differ in the fifth decimal.
    assert [step["engagement"] for step in again] == pytest.approx(
        [step["engagement"] for step in first], abs=1e-4
    )


def test_running_means_are_those_at_the_end_of_a_step(service: Service) -> None:
    call_id, analysis = add_scored(service)

    def last(resolution: float) -> dict[str, float]:
        step = service.get(f"/calls/{call_id}/timeline", resolution=resolution)["items"][-1]
        return {name: step[name] for name in ("rolling_30s", "rolling_60s", "cumulative")}

    whole = analysis.call.engagement
    assert whole is not None
    assert last(0.5) == last(1) == last(10) == last(SECONDS)
    assert last(10)["cumulative"] == pytest.approx(whole.value, abs=1e-6)


def test_a_damaged_analysis_or_another_calls_is_made_again_from_the_series(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    call_id, analysis = add_scored(service)
    expected = [step["engagement"] for step in service.get(f"/calls/{call_id}/timeline")["items"]]
    path = service.files.analysis_path(call_id)
    whole = path.read_bytes()
    write_analysis(path, "another", replace(analysis, turns=()), AssessOptions())
    for content in (whole[:200], b"", path.read_bytes()):
        path.write_bytes(content)
        again = service.get(f"/calls/{call_id}/timeline")["items"]
        assert [step["engagement"] for step in again] == pytest.approx(expected, abs=1e-4)
        assert again[0]["speakers"] == ["Dana"]
    assert call_id in caplog.text


def test_damaged_series_say_to_analyse_again_and_the_page_still_opens(service: Service) -> None:
    call_id, _ = add_scored(service)
    for path in (service.files.analysis_path(call_id), service.files.series_path(call_id)):
        path.write_bytes(path.read_bytes()[:200])
    problem = service.problem(500, f"/api/v1/calls/{call_id}/timeline")
    assert "analyse the call again" in problem["detail"]
    page = service.client.get(link(service, call_id))
    assert page.status_code == 200
    assert "The course cannot be drawn just now" in page.text


def test_a_call_of_an_earlier_version_keeps_the_profile_it_was_scored_with(
    service: Service,
) -> None:
    call_id, _ = add_scored(service)
    first = service.get(f"/calls/{call_id}/timeline")["items"]
    service.files.analysis_path(call_id).unlink()
    service.settings.analysis.profile = "classic"
    again = service.get(f"/calls/{call_id}/timeline")["items"]
    assert [step["engagement"] for step in again] == pytest.approx(
        [step["engagement"] for step in first], abs=1e-4
    )


def test_a_call_that_was_not_analysed_has_no_timeline(service: Service) -> None:
    call_id = add_call(service, analysed=False)
    assert (
        "has not been analysed"
        in service.problem(404, f"/api/v1/calls/{call_id}/timeline")["detail"]
    )


def test_a_timeline_too_long_for_one_answer_is_refused(service: Service) -> None:
    call_id, _ = add_scored(service)
    with transaction(service.engine) as session:
        call = calls.get_call(session, call_id)
        call.duration_ms = 2_000_000_000
        session.add(call)
    service.problem(422, f"/api/v1/calls/{call_id}/timeline", resolution=0.5)


def test_every_response_with_figures_says_by_which_version_they_were_scored(
    service: Service,
) -> None:
    call_id, analysis = add_scored(service)
    listed = service.get("/calls")["items"][0]
    one = service.get(f"/calls/{call_id}")
    answers = [
        listed, *listed["participants"], one, *one["participants"],
        service.get(f"/calls/{call_id}/timeline"), service.get(f"/calls/{call_id}/moments"),
    ]  # fmt: skip
    assert {answer["scoring_version"] for answer in answers} == {analysis.scoring_version}
    assert one["participants"][0]["figures"]["basis"] in ("listening", "all")
