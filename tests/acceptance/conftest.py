"""Rapport as an operator runs it: real processes, Zoom and Slack as servers on loopback.

Nothing here reaches into the service: a test sends signed webhooks, reads the REST API, looks at
what Slack received, and kills the process.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.demo.recording.make import DemoRecording, make_recording
from bot.demo.stand_ins.slack import SlackStandIn
from bot.demo.stand_ins.slack_workspace import DEFAULT_CHANNEL
from bot.demo.stand_ins.zoom import ZoomStandIn
from bot.demo.stand_ins.zoom_meeting import MeetingFixture
from tests.places import ROOT
from tests.processes import with_default_signals

START_TIMEOUT_S = 60.0
CALL_TIMEOUT_S = 90.0
CLIP_S = 14.0
UUID = "/abc//Acceptance+1=="


def wait_until(
    condition: Callable[[], Any],
    what: str,
    timeout_s: float = CALL_TIMEOUT_S,
    every_s: float = 0.05,
) -> Any:
    """Wait for a true value and return it; fail the test with `what` if there is none in time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(every_s)
    pytest.fail(f"not within {timeout_s:.0f} s: {what}")


@dataclass
class Rapport:
    """`rapport serve` over one data folder; may be killed and started again."""

    data_dir: Path
    zoom: ZoomStandIn
    slack: SlackStandIn
    database_url: str | None
    more: dict[str, str] = field(default_factory=dict)
    source: Path = ROOT
    command: str = "serve"
    log_name: str = "test.log"
    process: subprocess.Popen[bytes] | None = None
    url: str = ""
    key: str = ""

    @property
    def log(self) -> str:
        path = self.data_dir / self.log_name
        return path.read_text(errors="replace") if path.exists() else ""

    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("RAPPORT_")}
        settings = {
            "DATA_DIR": str(self.data_dir),
            "PORT": "0",
            "ZOOM__ACCOUNT_ID": self.zoom.account_id,
            "ZOOM__CLIENT_ID": self.zoom.client_id,
            "ZOOM__CLIENT_SECRET": self.zoom.client_secret,
            "ZOOM__WEBHOOK_SECRET": self.zoom.webhook_secret,
            "ZOOM__API_URL": f"{self.zoom.base_url}/v2",
            "ZOOM__OAUTH_URL": self.zoom.base_url,
            "ZOOM__INSECURE_HOSTS": f'["127.0.0.1:{self.zoom.port}"]',
            "ZOOM__DISK_RESERVE_BYTES": "1000000",
            "SLACK__TOKEN": self.slack.token,
            "SLACK__CHANNEL": DEFAULT_CHANNEL,
            "SLACK__API_URL": self.slack.api_url,
            "CALLS__MIN_DURATION_S": "5",
            "CALLS__TRANSCRIPT_WAIT_S": "0",
            "RECONCILE_HOURS": "0",
        }
        if self.database_url is not None:
            settings["DATABASE_URL"] = self.database_url
        named = {f"RAPPORT_{name}": value for name, value in (settings | self.more).items()}
        return kept | named | {"PYTHONPATH": str(self.source), "PYTHONUNBUFFERED": "1"}

    def start(self) -> Rapport:
        """Start the process and wait until it listens."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        if not self.key and self.command == "serve":
            self.add_key()
        already = len(self.log)
        with (self.data_dir / self.log_name).open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bot", self.command],
                cwd=self.data_dir,
                env=self.environment(),
                stdout=log,
                stderr=log,
                preexec_fn=with_default_signals,
            )

        ready = (
            r"Listening on (http://[\w.:]+)" if self.command == "serve" else r"Rapport is (running)"
        )

        def is_ready() -> re.Match[str] | None:
            assert self.process is not None
            if self.process.poll() is not None:
                pytest.fail(f"the service exited unexpectedly:\n{self.log[already:]}")
            return re.search(ready, self.log[already:])

        self.url = wait_until(is_ready, "the process is ready", START_TIMEOUT_S).group(1)
        return self

    def add_key(self, name: str = "test") -> str:
        """Make an API key with the command for it; `get` and `request` use it."""
        made = subprocess.run(
            [sys.executable, "-m", "bot", "keys", "add", name, "--quiet"],
            cwd=self.data_dir,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        self.key = made.stdout.strip()
        return self.key

    def kill(self) -> None:
        """kill -9, as a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def terminate(self) -> float:
        """Send SIGTERM, and return the seconds until the process is gone."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        return time.monotonic() - began

    def get(self, path: str, **params: Any) -> httpx.Response:
        """GET below /api/v1 with the first key."""
        return self.request("GET", path, params=params)

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.request(
            method, f"{self.url}/api/v1{path}", headers=headers, timeout=20, **more
        )

    def announce(self, event: str = "recording.completed") -> httpx.Response:
        """Send the signed webhook."""
        return self.zoom.send(f"{self.url}/webhooks/zoom", UUID, event=event)

    def calls(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.get("/calls").json()["items"]
        return items

    def wait_for_log(self, text: str, every_s: float = 0.05) -> None:
        """Wait until the process has logged a text."""
        wait_until(lambda: text in self.log, f"the log says {text!r}", every_s=every_s)

    def wait_for(self, status: str, run: int = 1) -> dict[str, Any]:
        """Wait until the only call has a status, and return the call."""

        def reached() -> dict[str, Any] | None:
            found = self.calls()
            if not found:
                return None
            if found[0]["status"] == "failed" != status:
                pytest.fail(f"the call failed: {found[0]['failure']}\n{self.log[-3000:]}")
            workflow = self.get(f"/workflows/{found[0]['id']}.{run}")
            return found[0] if found[0]["status"] == status and workflow.is_success else None

        try:
            call: dict[str, Any] = wait_until(reached, f"the call is {status}")
        except pytest.fail.Exception:
            sys.stderr.write(self.log[-5000:])
            raise
        return call


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> DemoRecording:
    """A short recording of a call with its side files."""
    return make_recording(tmp_path_factory.mktemp("recording"), seconds=CLIP_S, size=(640, 360))


@pytest.fixture
def meeting(recording: DemoRecording) -> MeetingFixture:
    """A recorded meeting with everything that Zoom can provide."""
    return recording.meeting(UUID)


@pytest.fixture
def zoom(meeting: MeetingFixture) -> Iterator[ZoomStandIn]:
    """Zoom, with that meeting."""
    with ZoomStandIn() as zoom:
        zoom.add_meeting(meeting)
        yield zoom


@pytest.fixture
def slack() -> Iterator[SlackStandIn]:
    """Slack, with one channel."""
    with SlackStandIn() as slack:
        yield slack


@pytest.fixture(params=["sqlite", "postgresql"])
def any_database(request: pytest.FixtureRequest) -> str | None:
    """None for the embedded SQLite, or the URL of an empty PostgreSQL database."""
    if request.param == "sqlite":
        return None
    url: str = request.getfixturevalue("empty_postgres")
    return url


@pytest.fixture
def empty_postgres() -> Iterator[str]:
    """The URL of an empty PostgreSQL database for this test alone."""
    from tests.conftest import scratch_postgres

    with scratch_postgres() as url:
        yield url.replace("postgresql+psycopg://", "postgresql://")


@contextmanager
def running(rapport: Rapport) -> Iterator[Rapport]:
    """Start a service, and make sure that no process is left behind."""
    try:
        yield rapport.start()
    finally:
        if rapport.process is not None and rapport.process.poll() is None:
            rapport.kill()


@pytest.fixture
def rapport(
    tmp_path: Path, zoom: ZoomStandIn, slack: SlackStandIn, any_database: str | None
) -> Iterator[Rapport]:
    """A running service on SQLite, then on PostgreSQL."""
    with running(Rapport(tmp_path / "data", zoom, slack, any_database)) as service:
        yield service


@pytest.fixture
def embedded(tmp_path: Path, zoom: ZoomStandIn, slack: SlackStandIn) -> Iterator[Rapport]:
    """A service on the embedded database that the test starts itself, with its own settings."""
    service = Rapport(tmp_path / "data", zoom, slack, None)
    yield service
    if service.process is not None and service.process.poll() is None:
        service.kill()
