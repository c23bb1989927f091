"""Calls that are reported to Slack, once on each kind of database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine, update
from sqlmodel import col

from bot.analysis.job import AnalysisInProcess, AnalysisResources
from bot.analysis.turns import Turns
from bot.calls.analysis_file import write_analysis
from bot.calls.privacy import assess_options
from bot.demo.stand_ins.slack import SlackStandIn
from bot.demo.stand_ins.slack_workspace import DEFAULT_CHANNEL, SlackMessage
from bot.pipeline.resources import Resources
from bot.pipeline.steps.clean_up import finish_call
from bot.pipeline.steps.notify import notify_call
from bot.service.left_to_do import retry_due
from bot.service.run import messenger
from bot.settings import Settings, SlackSettings
from inference.expression.batch_queue import DeviceQueue
from integrations.zoom.downloads import Downloader
from storage import calls
from storage.delivery import notes
from storage.engine import reading, transaction
from storage.files import MediaFiles
from storage.schema.tables import CallNote, Delivery
from tests.analysis_builder import make_call

ALWAYS = 1000
COMPLETE = "/api/files.completeUploadExternal"


@pytest.fixture(scope="module")
def one_slack() -> Iterator[SlackStandIn]:
    with SlackStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def slack(one_slack: SlackStandIn) -> SlackStandIn:
    """Slack without messages and files: starting one for each test takes longer than the tests."""
    one_slack.faults.clear()
    one_slack.workspace.channels = {DEFAULT_CHANNEL: "sales-calls"}
    for message in one_slack.messages:
        one_slack.workspace.channels.setdefault(message.channel, "")
        one_slack.workspace.call("chat.delete", {"channel": message.channel, "ts": message.ts})
    for file in one_slack.files:
        one_slack.workspace.call("files.delete", {"file": file.id})
    one_slack.workspace.channels = {DEFAULT_CHANNEL: "sales-calls"}
    one_slack.requests.clear()
    return one_slack


@pytest.fixture
def resources(engine: Engine, slack: SlackStandIn, tmp_path: Path) -> Iterator[Resources]:
    settings = Settings(
        _env_file=None,
        data_dir=tmp_path,
        public_url="https://rapport.example.com",
        slack=SlackSettings(token=slack.token, channel=DEFAULT_CHANNEL, api_url=slack.api_url),
    )
    files = MediaFiles(tmp_path / "calls")
    with httpx.Client() as http, DeviceQueue(lambda crops: crops.astype("float32")) as queue:
        yield Resources(
            settings=settings,
            engine=engine,
            files=files,
            zoom=None,
            downloader=Downloader(http, allowed_hosts=[], insecure_hosts=[], reserve_bytes=0),
            messenger=messenger(settings),
            analysis=AnalysisInProcess(AnalysisResources(files, queue, "expression-1")),
            link_secret="a secret that signs links",
            analysing=Turns(1),
        )


@pytest.fixture
def call_id(resources: Resources) -> str:
    """An analysed call with its report, in its first run."""
    new = calls.NewCall("a/b==", "98", "Renewal", "dana@example.com", datetime.now(UTC))
    with transaction(resources.engine) as session:
        call_id = calls.announce(session, new).id
        calls.begin_run(session, call_id)
    report(resources, call_id, version=1)
    media = resources.files.media_folder(call_id)
    (media / "recording.mp4").write_bytes(b"x" * 1000)
    return call_id


def report(resources: Resources, call_id: str, version: int) -> None:
    """Store an analysis and a PDF, different for each version."""
    analysis = make_call(duration_s=300, seed=version)
    resources.files.write(call_id, "series.npz", b"")
    write_analysis(
        resources.files.analysis_path(call_id), call_id, analysis,
        assess_options(resources.settings),
    )  # fmt: skip
    path = resources.files.write(call_id, "report.pdf", b"%%PDF-1.7 report %d" % version)
    with transaction(resources.engine) as session:
        call = calls.get_call(session, call_id)
        call.series_path = resources.files.relative(resources.files.series_path(call_id))
        calls.set_report_path(session, call_id, resources.files.relative(path))


def run(resources: Resources, call_id: str, version: int) -> None:
    """Report a call: notify and clean up, as the workflow's last steps."""
    let_time_pass(resources)
    with transaction(resources.engine) as session:
        number = calls.begin_run(session, call_id, force=True)
        number = number or calls.get_call(session, call_id).run
    if version > 1:
        report(resources, call_id, version)
    notify_call(resources, call_id)
    finish_call(resources, call_id, number)


def noted(resources: Resources, call_id: str) -> list[CallNote]:
    with reading(resources.engine) as session:
        return notes.list_for(session, [call_id])[call_id]


def let_time_pass(resources: Resources) -> None:
    """Let the time of every retry come, and whatever Slack may still be doing settle."""
    past = datetime.now(UTC) - timedelta(minutes=1)
    with transaction(resources.engine) as session:
        session.execute(
            update(CallNote).where(col(CallNote.retry_at).is_not(None)).values(retry_at=past)
        )
        session.execute(update(Delivery).values(updated_at=past))


def retry_now(resources: Resources) -> None:
    let_time_pass(resources)
    retry_due(resources)


def posts(slack: SlackStandIn) -> list[SlackMessage]:
    return [message for message in slack.messages if not message.is_reply]


def assert_done(resources: Resources, call_id: str) -> None:
    """Check that the call is done without a failure, and that its recording is deleted."""
    with reading(resources.engine) as session:
        call = calls.get_call(session, call_id)
    assert (call.status, call.failure) == ("done", None)
    assert not resources.files.media_folder(call_id, make=False).exists()
