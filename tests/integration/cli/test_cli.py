"""The commands of `rapport` as an operator types them: their output and their errors."""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from inference.schema.arrays import EXPRESSIONS
from storage.access import keys
from storage.delivery import inbox
from storage.engine import open_engine, transaction
from tests import media
from tests.integration.cli.conftest import Analyze, Run, one_line

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
    assert len(listed.splitlines()) == 2
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
        ("LINK_SECRET", "fifteen letters"),
        ("LINK_SECRET", "short" + " " * 20),
        ("PUBLIC_URL", "rapport.example.com"),
        ("PUBLIC_URL", "ftp://rapport.example.com"),
        ("PUBLIC_URL", "https://"),
        ("PUBLIC_URL", "https://rapport.example.com:eighty"),
        ("PUBLIC_URL", "https://rapport .example.com"),
        ("PUBLIC_URL", "https://rapport.example.com/?a=b"),
        ("TRUSTED_PROXIES", '["proxy"]'),
    ],
)
def test_a_wrong_setting_is_named(rapport: Run, name: str, value: str) -> None:
    refused = rapport("keys", "list", **{name: value})
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert one_line(refused.stderr).startswith(f"RAPPORT_{name}: ")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("ZOOM__WEBHOOK_SECRT", "ZOOM__WEBHOOK_SECRET"),
        ("ZOOM_CLIENT_ID", "ZOOM__CLIENT_ID"),
        ("SLACK__TOEKN", "SLACK__TOKEN"),
        ("DATADIR", "DATA_DIR"),
        ("WEBHOOK_SECRET", "ZOOM__WEBHOOK_SECRET"),
        ("RETENTION_DAY", "RETENTION_DAYS"),
    ],
)
def test_a_misspelt_setting_stops_the_command_with_the_one_that_was_meant(
    rapport: Run, tmp_path: Path, name: str, meant: str
) -> None:
    said = f"RAPPORT_{name}: is not a setting; did you mean RAPPORT_{meant}?"
    refused = rapport("serve", **{name: "x"})
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert one_line(refused.stderr) == said
    (tmp_path / ".env").write_text(f"RAPPORT_{name}=x\n")
    assert one_line(rapport("serve").stderr) == said


@pytest.mark.parametrize("name", ["HOME", "USER", "VERSION", "TEST_POSTGRES_URL", "IMAGE_TAG"])
def test_a_variable_that_is_like_no_setting_stops_nothing(rapport: Run, name: str) -> None:
    assert rapport("keys", "list", **{name: "x"}).exit_code == 0


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


def test_a_report_has_the_date_of_the_recording_and_never_that_of_its_copy(
    tmp_path: Path, analyze: Analyze
) -> None:
    clip = media.write_clip(tmp_path / "clip.mp4", seconds=2, fps=4)
    dated = tmp_path / "dated.mp4"
    with av.open(str(clip)) as read, av.open(str(dated), "w") as written:
        written.metadata["creation_time"] = "2024-05-06T07:08:09Z"
        stream = written.add_stream_from_template(read.streams.video[0])
        for packet in read.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                written.mux(packet)
    copied_at = datetime(2019, 2, 3, tzinfo=UTC).timestamp()
    for file in (clip, dated):
        os.utime(file, (copied_at, copied_at))

    told = analyze(dated).report()
    assert "Monday 6 May 2024, 07:08 UTC" in told
    assert "2019" not in told
    told = analyze(clip).report()
    assert not re.search(r"20\d\d|19[0-9]{2}", told)
    assert "The recording does not say when it was made; --start tells Rapport." in told


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
