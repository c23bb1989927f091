"""The annotated recording over REST and behind signed links."""

from __future__ import annotations

import json
from pathlib import Path

from bot.annotated.lifecycle import NAME, SHOWN
from bot.links import sign_link
from tests.integration.api.conftest import SECRET, Service, add_call

FILM = bytes(range(256)) * 20


def put(service: Service, call_id: str, *, shows_all: bool = True) -> Path:
    path = service.files.media_path(call_id, NAME)
    path.write_bytes(FILM)
    shown = {"shows_all": shows_all, "shown": []}
    service.files.media_path(call_id, SHOWN).write_text(json.dumps(shown))
    return path


def test_it_is_given_whole_and_in_parts_to_holders_of_a_key(service: Service) -> None:
    call_id = add_call(service)
    put(service, call_id)
    url = f"/api/v1/calls/{call_id}/annotated.mp4"
    whole = service.client.get(url)
    assert (whole.status_code, whole.headers["content-type"]) == (200, "video/mp4")
    assert whole.content == FILM
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["cache-control"] == "private, no-store"
    part = service.client.get(url, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, FILM[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(FILM)}"
    end = service.client.get(url, headers={"Range": "bytes=-10"})
    assert (end.status_code, end.content) == (206, FILM[-10:])
    assert service.client.get(url, headers={"Range": "bytes=99999-"}).status_code == 416
    service.client.headers.pop("Authorization")
    assert service.client.get(url).status_code == 401


def test_where_there_is_none_the_answer_says_what_to_switch_on(service: Service) -> None:
    call_id = add_call(service)
    path = f"/api/v1/calls/{call_id}/annotated.mp4"
    off = service.problem(404, path)["detail"]
    assert "RAPPORT_ANALYSIS__ANNOTATE=true and RAPPORT_KEEP_RECORDINGS=true" in off
    service.settings.analysis.annotate = True
    try:
        assert "RAPPORT_KEEP_RECORDINGS=true" in service.problem(404, path)["detail"]
        service.settings.keep_recordings = True
        assert "Analyse the call again" in service.problem(404, path)["detail"]
    finally:
        service.settings.analysis.annotate = False
    service.problem(404, "/api/v1/calls/nope/annotated.mp4")


def test_deleting_the_media_or_the_call_takes_it_away(service: Service) -> None:
    call_id = add_call(service)
    path = put(service, call_id)
    service.files.delete_media(call_id)
    service.problem(404, f"/api/v1/calls/{call_id}/annotated.mp4")
    path = put(service, call_id)
    assert service.client.delete(f"/api/v1/calls/{call_id}").status_code == 204
    assert not path.exists()


def test_a_page_plays_it_where_there_is_one(service: Service) -> None:
    call_id = add_call(service)
    page = f"/c/{sign_link(call_id, SECRET, 30)}"
    service.client.headers.pop("Authorization")
    assert "<video" not in service.client.get(page).text
    assert service.client.get(f"{page}/annotated.mp4").status_code == 404
    put(service, call_id)
    shown = service.client.get(page)
    assert f'src="{page.removeprefix("/c/")}/annotated.mp4"' in shown.text
    assert "media-src 'self'" in shown.headers["content-security-policy"]
    part = service.client.get(f"{page}/annotated.mp4", headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.content) == (206, FILM[:10])
    assert part.headers["referrer-policy"] == "no-referrer"
    old = sign_link(call_id, "another secret", 30)
    assert service.client.get(f"/c/{old}/annotated.mp4").status_code == 404


def test_one_that_shows_everybody_is_not_given_once_the_own_side_is_not_scored(
    service: Service,
) -> None:
    call_id = add_call(service)
    put(service, call_id)
    service.settings.calls.score_own_side = False
    try:
        service.problem(404, f"/api/v1/calls/{call_id}/annotated.mp4")
        put(service, call_id, shows_all=False)
        answer = service.client.get(f"/api/v1/calls/{call_id}/annotated.mp4")
        assert answer.status_code == 200
    finally:
        service.settings.calls.score_own_side = True
