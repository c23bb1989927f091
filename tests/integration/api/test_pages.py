"""The signed pages over a real database, once on each kind."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.annotated.lifecycle import NAME
from bot.calls.analysis_file import write_analysis
from bot.calls.info import CallInfo
from bot.calls.privacy import assess_options
from bot.calls.result_rows import result_rows
from bot.links import page_link, sign_link
from bot.settings import Settings
from inference.schema.analysis import CallAnalysis
from storage import calls
from storage.calls.results import ResultRows
from storage.delivery import notes
from storage.engine import transaction
from tests.call_kinds import price_call, price_info
from tests.integration.api.conftest import RESULT, SECRET, Service, add_call


def link(service: Service, call_id: str) -> str:
    url = page_link(service.settings, SECRET, call_id)
    assert url is not None
    assert url.startswith("https://r.example/base/c/")
    return url.removeprefix("https://r.example/base")


def add_analysis(service: Service, analysis: CallAnalysis, info: CallInfo) -> str:
    """Store a call as `store` does: its rows and its analysis."""
    assert info.started_at is not None
    call = calls.NewCall(
        "demo==", "987", info.topic, "host@example.com", info.started_at, info.host_name,
        info.timezone, round(analysis.duration_s * 1000),
    )  # fmt: skip
    call_id = add_call(service, call)
    rows = result_rows(analysis, series_path=f"{call_id}/series.npz")
    path = service.files.analysis_path(call_id)
    write_analysis(path, call_id, analysis, assess_options(service.settings))
    with transaction(service.engine) as session:
        calls.save_result(session, call_id, rows)
    return call_id


def test_a_signed_link_opens_the_page_and_the_report(service: Service) -> None:
    path = link(service, add_analysis(service, price_call(), price_info()))
    service.client.headers.pop("Authorization")
    page = service.client.get(path)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "http" not in page.text.split("</style>")[1]
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    report = service.client.get(f"{path}/report.pdf")
    assert report.content == b"%PDF-1.7 report"
    for address in (path, f"{path}/report.pdf"):  # what link checkers ask first
        assert service.client.head(address).status_code == 200


def test_an_address_with_a_time_starts_the_player_there_and_marks_its_moment(
    service: Service,
) -> None:
    call_id = add_analysis(service, price_call(), price_info())
    path = link(service, call_id)
    assert "autofocus" not in service.client.get(path).text
    assert 'id="t28" class="here"' in service.client.get(f"{path}?t=28").text
    service.files.media_path(call_id, NAME).write_bytes(b"film")
    page = service.client.get(f"{path}?t=23").text
    assert '/annotated.mp4#t=23"' in page
    assert 'id="t28" class="here"' in page
    assert 'href="?t=70">▶ Watch from 1:10' in page
    for time in ("-1", "nan", "1e99", "0:28", "55"):
        other = service.client.get(f"{path}?t={time}")
        assert (other.status_code, "autofocus" in other.text) == (200, False)


def test_without_its_files_a_page_still_has_the_moments_of_its_rows(service: Service) -> None:
    text = service.client.get(link(service, add_call(service))).text
    assert "cannot be read just now" in text
    assert "began to smile" in text
    assert "“$5 &amp; &lt;script&gt;”" in text


def test_a_page_says_what_slack_refused(service: Service) -> None:
    call_id = add_call(service)
    with transaction(service.engine) as session:
        notes.put(
            session, call_id, "report_file", text="No <PDFs> here.", noted_at=datetime.now(UTC),
            retry_at=None,
        )  # fmt: skip
    assert "<li>No &lt;PDFs&gt; here.</li>" in service.client.get(link(service, call_id)).text


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
    nothing = dict.fromkeys(("engagement", "engagement_low", "engagement_high", "coverage"))
    empty = ResultRows(call={**RESULT.call, **nothing, "duration_ms": 0})
    with transaction(service.engine) as session:
        calls.save_result(session, call_id, empty)
    page = service.client.get(link(service, call_id))
    assert (page.status_code, "Nothing stood out." in page.text) == (200, True)


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


def test_the_api_tells_sides_and_how_sure_names_are(service: Service) -> None:
    estimate = {"value": 0.52, "low": 0.47, "high": 0.57, "n_effective": 9.0}
    shown = {
        "speaking": "rep", "spoken_s": 200.0, "seen_s": 160.0, "engagement": estimate,
        "attention": None, "expressions": {"neutral": 1.0}, "shares": {"neutral": 1.0},
        "listening_s": 160.0,
    }  # fmt: skip
    theirs = {
        "side": "prospect", "people": [1], "scored": 1, "engagement": estimate, "attention": None,
        "coverage": 0.8, "face_s": 160.0, "talk_s": 2.0, "expressions": {}, "reactions": [shown],
    }  # fmt: skip
    dana, yusuf, eva = RESULT.participants
    people = [
        {**dana, "is_confirmed": True, "name_confidence": 1.0},
        {**yusuf, "is_named": True, "name_confidence": 0.967, "camera_off_ms": 200_000},
        {**eva, "side": "prospect", "is_blanked": True},
    ]
    moment = {**RESULT.moments[0], "side": "prospect", "speakers": (0,)}
    call = {**RESULT.call, "sides": [theirs]}
    result = replace(RESULT, call=call, participants=people, moments=[moment])
    call_id = add_call(service)
    with transaction(service.engine) as session:
        calls.save_result(session, call_id, result)
    call = service.get(f"/calls/{call_id}")
    assert call["sides"] == [theirs | {"talk": None, "reactions": [shown]}]
    assert [p["name_certainty"] for p in call["participants"]] == [
        "confirmed by a person", "96 % sure", "not named",
    ]  # fmt: skip
    assert call["participants"][1]["camera_off_s"] == 200
    assert "not kept" in call["participants"][2]["note"]
    (told,) = service.get(f"/calls/{call_id}/moments")["items"]
    assert (told["side"], told["speakers"]) == ("prospect", [0])
