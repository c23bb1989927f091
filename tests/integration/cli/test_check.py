"""`rapport check`: what is set up, what is missing, and what Zoom and Slack refuse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import Result

from bot.cli.service.check import face_model_findings
from bot.demo.stand_ins.slack import SlackStandIn
from bot.demo.stand_ins.slack_workspace import DEFAULT_CHANNEL
from bot.demo.stand_ins.zoom import ZoomStandIn
from inference.faces.model_files import FACE_MESH, MODEL_FILES, list_model_files
from tests.integration.cli.conftest import Run


def findings(result: Result) -> dict[str, list[tuple[str, str]]]:
    """Return the mark and text of every line, by what was checked."""
    found: dict[str, list[tuple[str, str]]] = {}
    for line in result.stdout.splitlines():
        mark, _, rest = line.partition(" ")
        what, _, detail = rest.partition(": ")
        found.setdefault(what, []).append((mark, detail))
    return found


def test_check_lists_what_is_missing(rapport: Run) -> None:
    result = rapport("check")
    assert result.exit_code == 1
    found = findings(result)
    assert {what: lines[0][0] for what, lines in found.items()} == {
        "Database": "✓", "Disk": "✓", "Memory": found["Memory"][0][0], "Video": "✓",
        "Weights": "✓", "Face models": "✓", "Name reader": "✓", "Fonts": "✓", "Text": "✓",
        "GPU": found["GPU"][0][0],
        "Zoom webhook": "✗", "Zoom app": "✗", "Slack": "–", "Links": "–",
    }  # fmt: skip
    assert "RAPPORT_ZOOM__WEBHOOK_SECRET" in found["Zoom webhook"][0][1]
    assert "RAPPORT_ZOOM__ACCOUNT_ID" in found["Zoom app"][0][1]
    assert "RAPPORT_SLACK__TOKEN" in found["Slack"][0][1]


def test_check_reports_what_is_wrong_with_this_machine(rapport: Run, tmp_path: Path) -> None:
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(b"no")
    taken = tmp_path / "taken"
    taken.touch()
    found = findings(
        rapport(
            "check",
            DATA_DIR=str(taken / "var"),
            DATABASE_URL="postgresql://nobody@127.0.0.1:9/rapport",
            ANALYSIS__DEVICE="abacus",
            ANALYSIS__WORKERS="100000",
            ANALYSIS__WEIGHTS=str(weights),
            GREETING="hello",
            ZOOM__WEBHOOK_SECRT="x",
        )
    )
    assert found["Settings"] == [
        ("–", "RAPPORT_GREETING is not a Rapport setting"),
        (
            "✗",
            "RAPPORT_ZOOM__WEBHOOK_SECRT is not a setting; "
            "did you mean RAPPORT_ZOOM__WEBHOOK_SECRET?",
        ),
    ]
    for what, said in (
        ("Database", "RAPPORT_DATABASE_URL"),
        ("Disk", "cannot write to"),
        ("Memory", "RAPPORT_ANALYSIS__WORKERS"),
        ("Weights", "weights.safetensors"),
        ("GPU", "abacus"),
    ):
        mark, detail = found[what][0]
        assert mark == "✗"
        assert said in detail


def test_check_reports_every_missing_or_damaged_face_model(tmp_path: Path) -> None:
    (tmp_path / FACE_MESH.name).write_bytes(b"half a model")
    found = list(face_model_findings(list_model_files(tmp_path)))
    assert [finding.verdict for finding in found] == ["wrong"] * len(MODEL_FILES)
    for finding in found:
        assert "`make install`" in finding.detail
        assert ("damaged" in finding.detail) == (FACE_MESH.name in finding.detail)


@pytest.fixture
def stand_ins() -> Iterator[tuple[ZoomStandIn, SlackStandIn]]:
    with ZoomStandIn() as zoom, SlackStandIn() as slack:
        yield zoom, slack


def connected(zoom: ZoomStandIn, slack: SlackStandIn, **changes: str) -> dict[str, str]:
    settings = {
        "ZOOM__ACCOUNT_ID": zoom.account_id,
        "ZOOM__CLIENT_ID": zoom.client_id,
        "ZOOM__CLIENT_SECRET": zoom.client_secret,
        "ZOOM__WEBHOOK_SECRET": zoom.webhook_secret,
        "ZOOM__API_URL": f"{zoom.base_url}/v2",
        "ZOOM__OAUTH_URL": zoom.base_url,
        "SLACK__TOKEN": slack.token,
        "SLACK__CHANNEL": DEFAULT_CHANNEL,
        "SLACK__API_URL": slack.api_url,
        "PUBLIC_URL": "https://rapport.example.com",
    }
    return settings | changes


def test_check_is_green_when_zoom_and_slack_are_connected(
    rapport: Run, stand_ins: tuple[ZoomStandIn, SlackStandIn]
) -> None:
    result = rapport("check", **connected(*stand_ins))
    assert result.exit_code == 0, result.stdout
    assert "✗" not in result.stdout
    marks = {what: lines[0][0] for what, lines in findings(result).items()}
    for what in ("Zoom webhook", "Zoom app", "Zoom scopes", "Slack", "Slack scopes", "Links"):
        assert marks[what] == "✓"


def test_check_reports_what_zoom_and_slack_refuse(
    rapport: Run, stand_ins: tuple[ZoomStandIn, SlackStandIn]
) -> None:
    zoom, slack = stand_ins
    wrong = {"ZOOM__CLIENT_SECRET": "wrong-secret", "SLACK__TOKEN": "xoxb-wrong"}
    result = rapport("check", **connected(zoom, slack, **wrong))
    assert result.exit_code == 1
    found = findings(result)
    assert found["Zoom app"][0][0] == found["Slack"][0][0] == "✗"
    assert "client secret" in found["Zoom app"][0][1]
    assert "RAPPORT_SLACK__TOKEN" in found["Slack"][0][1]
    assert not {"Zoom scopes", "Slack scopes", "Slack channel"} & set(found)
    assert "wrong-secret" not in result.output
    assert "xoxb-wrong" not in result.output


def test_check_names_missing_scopes_and_channels(rapport: Run) -> None:
    scopes = ("cloud_recording:read:list_recording_files:admin",)
    with (
        ZoomStandIn(scopes=scopes) as zoom,
        SlackStandIn(scopes=("chat:write", "channels:history")) as slack,
    ):
        changes = {
            "SLACK__CHANNEL": "C0WRONG",
            "SLACK__CHANNEL_BY_HOST": json.dumps({"ana@acme.com": DEFAULT_CHANNEL}),
        }
        result = rapport("check", **connected(zoom, slack, **changes))
    assert result.exit_code == 1
    found = findings(result)
    assert found["Zoom scopes"] == [
        (
            "✗",
            "add to the app: cloud_recording:read:list_account_recordings:admin, "
            "meeting:read:list_past_participants:admin",
        )
    ]
    assert found["Slack scopes"] == [("✗", "add to the app and reinstall it: files:write")]
    channels = {detail.partition(":")[0]: mark for mark, detail in found["Slack channel"]}
    assert channels == {"C0WRONG": "✗", DEFAULT_CHANNEL: "✓"}


def test_check_reports_when_zoom_and_slack_do_not_respond(
    rapport: Run, stand_ins: tuple[ZoomStandIn, SlackStandIn]
) -> None:
    zoom, slack = stand_ins
    nowhere = {
        "ZOOM__OAUTH_URL": "http://127.0.0.1:9",
        "SLACK__API_URL": "http://127.0.0.1:9/api/",
    }
    found = findings(rapport("check", **connected(zoom, slack, **nowhere)))
    assert found["Zoom app"][0][0] == found["Slack"][0][0] == "✗"


def test_an_impossible_setting_is_named_in_one_plain_sentence(rapport: Run) -> None:
    refused = rapport("check", ANALYSIS__SAMPLES_PER_S="99")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.strip() == (
        "RAPPORT_ANALYSIS__SAMPLES_PER_S: samples_per_s must be above 0 and at most 30, not 99.0"
    )
