"""Side files of a recording, local and through the service: who was there, who was heard."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pypdf import PdfReader
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from bot.analysis.job import AnalysisInProcess, AnalysisResources
from bot.analysis.turns import Turns
from bot.calls.manifest import read_manifest
from bot.calls.record import Evidence, read_evidence
from bot.cli.app import app
from bot.cli.recordings.local_files import START_NOT_KNOWN
from bot.demo.recording.make import DemoRecording, make_recording
from bot.demo.stand_ins.zoom import ZoomStandIn
from bot.demo.stand_ins.zoom_meeting import (
    FileFixture,
    MeetingFixture,
    ParticipantFixture,
    participant_entry,
)
from bot.pipeline.resources import Resources
from bot.pipeline.steps.analyse import analyse_call
from bot.pipeline.steps.fetch import fetch_call
from bot.pipeline.steps.store import store_call
from bot.service.run import messenger, zoom_client
from bot.settings import CallSettings, Settings, ZoomSettings
from inference.errors import Cancelled
from inference.expression.batch_queue import DeviceQueue
from inference.expression.classifier import ExpressionClassifier
from integrations.zoom.downloads import Downloader
from storage import calls
from storage.engine import open_engine, transaction
from storage.files import MediaFiles
from tests import media
from tests.integration.cli.conftest import one_line
from tests.integration.video.test_voice_activity import sound

CALL_S = 8.0
MAYA_SPEAKS = [(1.0, 3.0), (5.0, 6.0)]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoRecording:
    folder = tmp_path_factory.mktemp("demo")
    return make_recording(folder, seconds=CALL_S, size=(640, 360), fps=5)


@pytest.fixture(scope="module")
def voices(demo: DemoRecording, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the first person's own sound, one that is cut off, and what is no sound."""
    folder = tmp_path_factory.mktemp("audio")
    one, other = (person.name for person in demo.participants)
    media.write_sound(folder / f"Audio only - {one}.m4a", sound(MAYA_SPEAKS, seconds=CALL_S))
    whole = media.write_sound(folder / "whole.m4a", sound(seconds=CALL_S))
    media.cut_off(whole.rename(folder / "no sound.txt"), folder / f"Audio only - {other}.m4a", 0.5)
    media.write_sound(folder / "Audio only - Zed.m4a", sound([], seconds=1.0))
    return folder


@pytest.fixture
def rapport(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)

    def run(*words: str | Path) -> Result:
        result = CliRunner().invoke(app, [str(word) for word in words])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        return result

    return run


def listed(demo: DemoRecording, **more: Any) -> dict[str, Any]:
    meeting = demo.meeting()
    people = [participant_entry(meeting, person) for person in demo.participants]
    return {"page_count": 1, "participants": people, **more}


def test_a_recording_is_analysed_with_all_its_side_files(
    demo: DemoRecording, voices: Path, tmp_path: Path, rapport: Callable[..., Result]
) -> None:
    participants = tmp_path / "participants.json"
    participants.write_text(json.dumps(listed(demo)))
    done = rapport(
        "analyze", demo.video, "--timeline", demo.timeline, "--transcript", demo.transcript,
        "--chat", demo.chat, "--participants", participants, "--participant-audio", voices,
        "--start", "2026-09-10T13:00:00Z", "--out", tmp_path, "--json", "--faces",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    found = json.loads(one_line(done.stdout))
    assert json.loads((tmp_path / "gallery.rapport.json").read_text()) == found
    roster = {person.name for person in demo.participants}
    assert len(found["faces"]) > CALL_S
    for row in found["faces"]:
        assert set(row) == {"t_s", "box", "track", "name", "confidence"}
        assert row["name"] is None or row["name"] in roster
        assert (row["confidence"] == 0) == (row["name"] is None)
    assert {"start_s", "end_s", "kind", "tiles"} == set(found["views"][0])
    assert isinstance(found["labels"], list)
    assert found["elapsed_s"]["cpu"] > found["elapsed_s"]["naming_cpu"] > 0
    notes = " ".join(found["quality"]["notes"])
    other = demo.participants[1].name
    assert f"The audio file 'Audio only - {other}.m4a' was not used: " in notes
    assert (
        "The audio file 'Audio only - Zed.m4a' was not used: its name fits no participant" in notes
    )

    truth = tmp_path / "truth.json"
    tile = [0, 0, 640, 360]
    rows = [{"t_s": float(t), "name": "Somebody Else", "box": tile} for t in range(8)]
    truth.write_text(json.dumps({"participants": [], "faces": rows}))
    words = ("evaluate", "attribution", "--truth", truth, "--result")
    measured = json.loads(
        one_line(rapport(*words, tmp_path / "gallery.rapport.json", "--json").stdout)
    )
    assert measured["naming"]["right_s"] == 0
    assert measured["cpu_s_per_min"] > 0
    printed = rapport(*words, tmp_path / "gallery.rapport.json")
    assert "Somebody Else" in printed.stdout
    for path, content in ((truth, "{"), (tmp_path / "none.json", None)):
        if content is not None:
            path.write_text(content)
        refused = rapport("evaluate", "attribution", "--truth", path, "--result", path, "--json")
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert one_line(refused.stderr).startswith("Error: The truth ")


def test_without_the_recordings_start_join_times_are_not_used_and_the_report_says_so(
    demo: DemoRecording, tmp_path: Path, rapport: Callable[..., Result]
) -> None:
    participants = tmp_path / "participants.json"
    participants.write_text(json.dumps(listed(demo)))
    words = ("analyze", demo.video, "--participants", participants, "--out", tmp_path, "--json")
    found = json.loads(one_line(rapport(*words).stdout))
    assert START_NOT_KNOWN in found["quality"]["notes"]
    assert "faces" not in found


CLIENT_CHAT = """15:00:03 From {0} to Everyone:
\tHere is the link
15:00:04 From {1} to {0} (Direct Message):
\tnot for the report
15:00:05 From {1} to Everyone: Thanks
"""
CSV = """Name (original name),Email,Join time,Leave time,Duration (minutes),Guest
{0},{0}@example.com,09/10/2026 03:00:02 PM,09/10/2026 03:01:00 PM,1,No
{1},,09/10/2026 03:00:04 PM,09/10/2026 03:01:00 PM,1,Yes
,,09/10/2026 03:00:04 PM,09/10/2026 03:01:00 PM,1,Yes
"""


def test_a_saved_chat_and_an_exported_list_are_used_and_what_is_not_is_reported(
    demo: DemoRecording, tmp_path: Path, rapport: Callable[..., Result],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    names = [person.name for person in demo.participants]
    chat, participants = tmp_path / "chat.txt", tmp_path / "participants.csv"
    chat.write_text(CLIENT_CHAT.format(*names), encoding="utf-8")
    participants.write_text(CSV.format(*names), encoding="utf-8")
    words = ("analyze", demo.video, "--chat", chat, "--participants", participants,
             "--out", tmp_path)  # fmt: skip
    caplog.set_level("INFO")
    start = ("--start", "2026-09-10T15:00:01+02:00")
    found = json.loads(one_line(rapport(*words, *start, "--json").stdout))
    private = "CHAT: 1 direct message was left out as private."
    nameless = "PARTICIPANTS: 1 row without a name was left out."
    assert found["quality"]["notes"] == [nameless, private]
    assert f"side files: {private}" in caplog.text
    pages = PdfReader(tmp_path / "gallery.rapport.pdf").pages
    report = " ".join(" ".join(page.extract_text() for page in pages).split())
    assert private in report
    assert "not for the report" not in str(found) + caplog.text + report
    assert {person["name"] for person in found["participants"]} >= set(names)

    table = " ".join(rapport(*words).stdout.split())
    assert private in table
    for part in ("CHAT: 2 messages with a time of day were left out", "a CSV does not tell its"):
        assert part in table
    assert "not for the report" not in table


def test_side_files_that_cannot_be_used_are_refused_in_one_sentence(
    demo: DemoRecording, tmp_path: Path, rapport: Callable[..., Result]
) -> None:
    wrong = tmp_path / "participants.json"
    wrong.write_text("{")
    for words, said in (
        (("--participants", wrong), "participants.json: The list of participants is not JSON."),
        (("--participants", tmp_path / "none.json"), "There is no file"),
        (("--participant-audio", wrong), "There is no folder"),
        (("--start", "noon"), "--start noon is not a time"),
    ):
        refused = rapport("analyze", demo.video, *words, "--out", tmp_path, "--json")
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert said in one_line(refused.stderr)


# Through the service.


@pytest.fixture
def meeting(demo: DemoRecording, voices: Path) -> MeetingFixture:
    one, other = (person.name for person in demo.participants)
    meeting = demo.meeting("side-files==")
    meeting.participant_audio = [
        FileFixture(voices / f"Audio only - {name}.m4a", "M4A", file_name=f"Audio only - {name}")
        for name in (one, other)
    ]
    meeting.participants.append(
        ParticipantFixture("Late Guest", 16_800_000, joins_after_s=4.0, leaves_after_s=7.0)
    )
    return meeting


@pytest.fixture
def engine(tmp_path: Path, migrated_sqlite: Path) -> Iterator[Engine]:
    """SQLite alone: nothing here depends on the database."""
    shutil.copy(migrated_sqlite, tmp_path / "rapport.db")
    engine = open_engine(f"sqlite:///{tmp_path / 'rapport.db'}")
    yield engine
    engine.dispose()


@pytest.fixture
def resources(tmp_path: Path, engine: Engine, meeting: MeetingFixture) -> Iterator[Resources]:
    with ZoomStandIn() as zoom:
        zoom.add_meeting(meeting)
        settings = Settings(
            data_dir=tmp_path,
            calls=CallSettings(include_internal=True),
            zoom=ZoomSettings(
                account_id=zoom.account_id,
                client_id=zoom.client_id,
                client_secret=zoom.client_secret,
                api_url=f"{zoom.base_url}/v2",
                oauth_url=zoom.base_url,
                insecure_hosts=(f"127.0.0.1:{zoom.port}",),
            ),
        )
        classifier = ExpressionClassifier.load(None, device="cpu", threads=1)
        files = MediaFiles(tmp_path / "calls")
        with (
            httpx.Client(follow_redirects=False) as http,
            DeviceQueue(classifier.classify) as queue,
        ):
            yield Resources(
                settings=settings,
                engine=engine,
                files=files,
                zoom=zoom_client(settings, http),
                downloader=Downloader(
                    http,
                    allowed_hosts=(),
                    insecure_hosts=settings.zoom.insecure_hosts,
                    reserve_bytes=0,
                ),
                messenger=messenger(settings),
                analysis=AnalysisInProcess(AnalysisResources(files, queue, classifier.name)),
                link_secret="secret",
                analysing=Turns(1),
            )


def announced(resources: Resources, meeting: MeetingFixture) -> str:
    with transaction(resources.engine) as session:
        return calls.announce(
            session,
            calls.NewCall(
                meeting.uuid, str(meeting.meeting_id), meeting.topic, meeting.host_email,
                datetime(2026, 9, 10, 13, tzinfo=UTC),
            ),
        ).id  # fmt: skip


def test_the_service_hears_each_person_and_knows_when_they_were_there(
    resources: Resources, meeting: MeetingFixture
) -> None:
    call_id = announced(resources, meeting)
    told: list[tuple[float, str]] = []
    assert fetch_call(resources, call_id, False, lambda share, text: None)
    sounds = read_manifest(resources.files, call_id).segments[0].participant_audio
    assert [each.file_name for each in sounds] == [f.file_name for f in meeting.participant_audio]
    analyse_call(resources, call_id, lambda share, text: told.append((share, text)))
    store_call(resources, call_id)

    evidence: Evidence = read_evidence(resources.files.series_path(call_id))
    one, other = meeting.participants[:2]
    assert {voice.speaker for voice in evidence.voices} == {one.name}
    for voice, span in zip(evidence.voices, MAYA_SPEAKS, strict=True):
        assert (voice.start_s, voice.end_s) == pytest.approx(span, abs=0.25)
    stays = {person.name: person.stays for person in evidence.roster}
    assert stays["Late Guest"] == ((4.0, 7.0),)
    notes = evidence.observations.quality.notes
    assert any(f"'Audio only - {other.name}' was not used: " in note for note in notes)
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert any(text == "listening to each person" for _, text in told)


def test_listening_ends_when_the_service_is_asked_to_stop(
    resources: Resources, meeting: MeetingFixture
) -> None:
    call_id = announced(resources, meeting)
    fetch_call(resources, call_id, False, lambda share, text: None)

    def stop_at_the_sound(share: float, text: str) -> None:
        if text == "listening to each person":
            resources.stop.set()

    with pytest.raises(Cancelled):
        analyse_call(resources, call_id, stop_at_the_sound)


@pytest.mark.parametrize("called", ["Dana", "Dana Whitfield"])
def test_a_renamed_person_of_the_portals_export_speaks_under_either_name(
    called: str, tmp_path: Path, rapport: Callable[..., Result]
) -> None:
    video = media.write_clip(tmp_path / "call.mp4", seconds=6, fps=2)
    users = [{"username": called, "user_id": 16779264}]
    spoken = [{"ts": "00:00:01.000", "users": users}, {"ts": "00:00:04.000", "users": []}]
    (tmp_path / "timeline.json").write_text(json.dumps({"timeline": spoken}))
    export = "Name (original name),Email,Guest\nDana (Dana Whitfield),dana@acme.example.com,Yes\n"
    (tmp_path / "list.csv").write_text(export)
    done = rapport(
        "analyze", video, "--timeline", tmp_path / "timeline.json",
        "--participants", tmp_path / "list.csv", "--out", tmp_path, "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    (dana,) = json.loads(one_line(done.stdout))["participants"]
    assert (dana["name"], dana["side"], dana["talk_s"]) == (called, "prospect", 3.0)
