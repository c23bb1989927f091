"""The commands of `rapport` as an operator types them: their output and their errors."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from bot.cli.app import app
from bot.cli.service.check import face_model_findings
from bot.demo.stand_ins.slack import SlackStandIn
from bot.demo.stand_ins.slack_workspace import DEFAULT_CHANNEL
from bot.demo.stand_ins.zoom import ZoomStandIn
from inference.faces.model_files import FACE_MESH, MODEL_FILES, list_model_files
from inference.schema.arrays import EXPRESSIONS
from storage.access import keys
from storage.delivery import inbox
from storage.engine import open_engine, transaction

Run = Callable[..., Result]


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test its own folder, without the machine's settings or a `.env`."""
    for name in list(os.environ):
        if name.startswith("RAPPORT_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAPPORT_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path / "var"


@pytest.fixture
def rapport(data_dir: Path) -> Run:
    def run(*words: str | Path, **settings: str) -> Result:
        env = {f"RAPPORT_{name}": value for name, value in settings.items()}
        result = CliRunner().invoke(app, [str(word) for word in words], env=env)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        return result

    return run


def one_line(text: str) -> str:
    lines = text.strip().splitlines()
    assert len(lines) == 1, text
    return lines[0]


# Keys.


def test_a_key_is_created_listed_and_revoked(rapport: Run, data_dir: Path) -> None:
    assert "There are no keys yet" in rapport("keys", "list").stdout
    token = one_line(rapport("keys", "add", "crm [prod]", "--quiet").stdout)
    with transaction(open_engine(f"sqlite:///{data_dir / 'rapport.db'}")) as session:
        assert keys.verify(session, token) == "crm [prod]"
    listed = rapport("keys", "list").stdout
    assert "crm [prod]" in listed
    assert token not in listed
    again = rapport("keys", "add", "crm [prod]")
    assert (again.exit_code, again.stdout) == (1, "")
    assert one_line(again.stderr) == (
        "Error: There is already a key named 'crm [prod]'; revoke it first."
    )
    assert rapport("keys", "revoke", "crm [prod]").exit_code == 0
    gone = rapport("keys", "revoke", "crm [prod]")
    assert gone.exit_code == 1
    assert "There is no key named 'crm [prod]'" in one_line(gone.stderr)


def test_a_key_is_shown_once_on_its_own_line(rapport: Run) -> None:
    shown = rapport("keys", "add", "crm").stdout.splitlines()
    assert shown[0].startswith("rpt_")
    assert shown[1].endswith(f"Authorization: Bearer {shown[0]}")
    assert rapport("keys", "add", "  ").exit_code == 1


# Inbox and database.


def test_an_empty_inbox_says_so_and_has_nothing_to_replay(rapport: Run) -> None:
    assert rapport("inbox", "list").stdout.strip() == "No webhooks have arrived yet."
    refused = rapport("inbox", "replay", "7")
    assert refused.exit_code == 1
    assert "There is no webhook 7" in one_line(refused.stderr)


def test_webhooks_are_listed_newest_first_and_replayed_by_number(
    rapport: Run, data_dir: Path
) -> None:
    assert rapport("db", "upgrade").exit_code == 0
    engine = open_engine(f"sqlite:///{data_dir / 'rapport.db'}")
    with transaction(engine) as session:
        for number, event in enumerate(("recording.completed", "meeting.[bold]ended")):
            at = datetime(2026, 9, 10, 13, number, tzinfo=UTC)
            row = inbox.receive(session, event, "uuid", b"{}", at, is_stale=number == 1)
            assert row.id is not None
            inbox.mark(session, row.id, "ignored")
        emptied = inbox.receive(session, "recording.completed", "uuid", b"", at, is_stale=False)
        assert emptied.id is not None
        inbox.mark(session, emptied.id, "deleted")
    listed = rapport("inbox", "list", "--limit", "2").stdout
    assert "2026-09-10 13:01:00" in listed
    assert "meeting.[bold]ended" in listed
    assert "ignored (late)" in " ".join(listed.split())
    assert "13:00:00" not in listed
    assert rapport("inbox", "replay", "1").exit_code == 0
    with transaction(engine) as session:
        assert [row.id for row in inbox.pending(session)] == [1]
    refused = rapport("inbox", "replay", "3")
    assert refused.exit_code == 1
    assert "emptied when its call was deleted" in one_line(refused.stderr)


def test_the_schema_is_missing_until_it_is_created(rapport: Run) -> None:
    before = rapport("db", "status")
    assert before.exit_code == 1
    assert "rapport db upgrade" in one_line(before.stderr)
    assert rapport("db", "upgrade").stdout == "The database is up to date.\n"
    assert rapport("db", "status").stdout == "The database is up to date.\n"


@pytest.mark.parametrize("words", [("keys", "list"), ("db", "status"), ("db", "upgrade")])
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("banana", "RAPPORT_DATABASE_URL"),
        ("mysql://localhost/rapport", "use sqlite or postgresql"),
        ("postgresql://nobody@127.0.0.1:9/rapport", "is not responding"),
    ],
)
def test_an_unusable_database_is_reported_in_one_sentence(
    rapport: Run, words: tuple[str, ...], url: str, said: str
) -> None:
    refused = rapport(*words, DATABASE_URL=url)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert said in one_line(refused.stderr)


def test_a_data_folder_that_is_a_file_is_named(rapport: Run, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.touch()
    refused = rapport("keys", "list", DATA_DIR=str(taken))
    assert refused.exit_code == 1
    assert str(taken) in one_line(refused.stderr)


# Settings.


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "abc"),
        ("ANALYSIS__PROFILE", "party"),
        ("CALLS__TOPICS", '["("]'),
        ("CALLS__HOSTS", "ana@example.com"),
        ("SLACK__CHANNEL_BY_HOST", "{"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_wrong_setting_is_named(rapport: Run, name: str, value: str) -> None:
    refused = rapport("keys", "list", **{name: value})
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert one_line(refused.stderr).startswith(f"RAPPORT_{name}: ")


def test_a_wrong_line_in_the_env_file_is_named(rapport: Run, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("RAPPORT_CALLS__OWN_DOMAINS=acme.com\n")
    refused = rapport("keys", "list")
    assert refused.exit_code == 2
    assert one_line(refused.stderr).startswith("RAPPORT_CALLS__OWN_DOMAINS: is not JSON")
    (tmp_path / ".env").write_bytes(b"RAPPORT_HOST=\xff\n")
    assert one_line(rapport("keys", "list").stderr).startswith(".env: cannot be read")


def test_an_impossible_port_is_refused(rapport: Run) -> None:
    assert rapport("serve", "--port", "70000").exit_code == 2


# Files.


def test_analyze_refuses_a_missing_file_and_a_wrong_profile(rapport: Run, tmp_path: Path) -> None:
    missing = rapport("analyze", tmp_path / "no.mp4", "--json")
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert "There is no file" in one_line(missing.stderr)
    clip = tmp_path / "call.mp4"
    clip.touch()
    refused = rapport("analyze", clip, "--profile", "party")
    assert refused.exit_code == 1
    assert "'party'" in one_line(refused.stderr)
    side = rapport("analyze", clip, "--timeline", tmp_path)
    assert "is a folder" in one_line(side.stderr)


@pytest.fixture
def faces(tmp_path: Path) -> tuple[Path, Path]:
    """Write seven pictures of noise in several sizes and colours, with various labels."""
    folder = tmp_path / "faces"
    folder.mkdir()
    rng = np.random.default_rng(1)
    lines = ["file,emotion"]
    for number, emotion in enumerate([*EXPRESSIONS[:6], "Neutral", "contempt"]):
        shape = (30 + 9 * number, 48) if number % 2 else (48, 40, 3)
        cv2.imwrite(str(folder / f"{number}.png"), rng.integers(0, 255, shape, dtype=np.uint8))
        lines.append(f"{number}.png,{emotion}")
    labels = tmp_path / "labels.csv"
    labels.write_text("\n".join(lines) + "\n")
    return folder, labels


def test_evaluate_prints_one_json_object_with_the_documented_keys(
    rapport: Run, faces: tuple[Path, Path]
) -> None:
    images, labels = faces
    words = ("evaluate", "expression", "--images", images, "--labels", labels)
    result = json.loads(one_line(rapport(*words, "--json").stdout))
    assert set(result) == {
        "n", "accuracy", "macro_f1", "ece", "per_class", "confusion", "labels", "intervals",
    }  # fmt: skip
    assert result["n"] == 7
    assert result["labels"] == list(EXPRESSIONS)
    assert sum(map(sum, result["confusion"])) == 7
    assert set(result["per_class"]) == set(EXPRESSIONS)
    assert {"precision", "recall", "f1"} <= set(result["per_class"]["happy"])
    printed = rapport(*words)
    assert printed.exit_code == 0
    assert "7 faces: accuracy" in printed.stdout
    assert one_line(printed.stderr).startswith("1 skipped")
    labels.write_text("file,emotion\n0.png,contempt\n")
    assert json.loads(rapport(*words, "--json").stdout)["n"] == 0


def test_evaluate_refuses_missing_files(rapport: Run, faces: tuple[Path, Path]) -> None:
    images, labels = faces
    for words in (
        ("--images", images, "--labels", images / "no.csv"),
        ("--images", images / "no", "--labels", labels),
        ("--images", images, "--labels", images / "0.png"),
        ("--images", images, "--labels", labels, "--weights", labels),
    ):
        refused = rapport("evaluate", "expression", *words, "--json")
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert one_line(refused.stderr).startswith("Error: ")


# What is set up.


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
        "Weights": "✓", "Face models": "✓", "Fonts": "✓", "Text": "✓",
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
            ZOOM__WEBHOOK_SECRT="x",
        )
    )
    assert found["Settings"] == [
        ("–", "RAPPORT_ZOOM__WEBHOOK_SECRT is not a Rapport setting (typo?)")
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
