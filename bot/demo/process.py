"""Rapport itself as a child process, set up to talk to the stand-ins."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

import bot
from bot.demo.stand_ins.slack import SlackStandIn
from bot.demo.stand_ins.slack_workspace import DEFAULT_CHANNEL
from bot.demo.stand_ins.zoom import ZoomStandIn

READY_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 8.0
LOG_TAIL_LINES = 25


class DemoFailed(Exception):
    """The demo cannot go on; the message says why."""


class RapportProcess:
    """`rapport serve` over one data folder, with Zoom and Slack being the stand-ins.

    Its log goes to `rapport.log` in that folder. `more` are further settings, without `RAPPORT_`.
    """

    def __init__(
        self, data_dir: Path, zoom: ZoomStandIn, slack: SlackStandIn, more: dict[str, str]
    ) -> None:
        self.data_dir = data_dir
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_path = data_dir / "rapport.log"
        self._log_start = self.log_path.stat().st_size if self.log_path.exists() else 0
        self._environment = _environment(data_dir, self.port, zoom, slack, more)
        self._process: subprocess.Popen[bytes] | None = None
        self._key = ""

    @property
    def key(self) -> str:
        """The API key that `add_key` made."""
        return self._key

    def add_key(self, name: str) -> str:
        """Make an API key with `rapport keys add`, and give it.

        Raises:
            DemoFailed: the command did not work.
        """
        done = subprocess.run(
            [sys.executable, "-m", "bot", "keys", "add", name, "--quiet"],
            cwd=self.data_dir,
            env=self._environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        self._key = done.stdout.strip()
        if done.returncode != 0 or not self._key:
            raise DemoFailed(f"No API key could be made: {done.stderr.strip()[-2000:]}")
        return self._key

    def start(self) -> None:
        """Start it; `wait_until_ready` says when it answers."""
        with self.log_path.open("ab") as log:
            # A session of its own, so that Ctrl-C reaches the demo alone, which then ends it.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bot", "serve"],
                cwd=self.data_dir,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        """Wait for /readyz.

        Raises:
            DemoFailed: it ended, or says that it cannot work.
        """
        deadline = time.monotonic() + READY_TIMEOUT_S
        last = "it did not answer"
        with httpx.Client(timeout=5.0, trust_env=False) as client:
            while time.monotonic() < deadline:
                self.check_alive()
                try:
                    answer = client.get(f"{self.url}/readyz")
                except httpx.HTTPError:
                    time.sleep(0.2)
                    continue
                if answer.status_code == 200:
                    return
                last = answer.text
                time.sleep(0.5)
        raise DemoFailed(f"Rapport did not become ready: {last}")

    def check_alive(self) -> None:
        """Make sure that the process runs.

        Raises:
            DemoFailed: it has ended.
        """
        if self._process is None or self._process.poll() is not None:
            raise DemoFailed("Rapport ended by itself.")

    def get(self, client: httpx.Client, path: str) -> Any:
        """The JSON of a path below /api/v1, or None where there is nothing yet.

        Raises:
            DemoFailed: it has ended, or refuses.
        """
        self.check_alive()
        try:
            answer = client.get(
                f"{self.url}/api/v1{path}", headers={"Authorization": f"Bearer {self._key}"}
            )
        except httpx.HTTPError:
            return None
        if answer.status_code == 404:
            return None
        if answer.status_code != 200:
            raise DemoFailed(f"Rapport answered {answer.status_code} to {path}: {answer.text}")
        return answer.json()

    def stop(self) -> None:
        """End it, by force where it does not end in time. A second call does nothing."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            pass
        finally:  # Also when an impatient second Ctrl-C comes while it ends.
            if process.poll() is None:
                process.kill()
                process.wait()

    def log_tail(self) -> str:
        """The last lines that it logged in this demo."""
        if not self.log_path.exists():
            return ""
        with self.log_path.open("rb") as log:
            log.seek(self._log_start)
            text = log.read().decode("utf-8", "replace")
        return "\n".join(text.splitlines()[-LOG_TAIL_LINES:])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _environment(
    data_dir: Path, port: int, zoom: ZoomStandIn, slack: SlackStandIn, more: dict[str, str]
) -> dict[str, str]:
    """The caller's environment with the demo's settings in place of any of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAPPORT_")}
    settings = {
        "DATA_DIR": str(data_dir),
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "RECONCILE_HOURS": "0",
        "ZOOM__ACCOUNT_ID": zoom.account_id,
        "ZOOM__CLIENT_ID": zoom.client_id,
        "ZOOM__CLIENT_SECRET": zoom.client_secret,
        "ZOOM__WEBHOOK_SECRET": zoom.webhook_secret,
        "ZOOM__API_URL": f"{zoom.base_url}/v2",
        "ZOOM__OAUTH_URL": zoom.base_url,
        "ZOOM__INSECURE_HOSTS": f'["127.0.0.1:{zoom.port}"]',
        "ZOOM__DISK_RESERVE_BYTES": "100000000",
        "SLACK__TOKEN": slack.token,
        "SLACK__CHANNEL": DEFAULT_CHANNEL,
        "SLACK__API_URL": slack.api_url,
        **more,
    }
    # The child runs in the data folder, where no .env of the operator's stands, and finds the
    # package also when it is not installed.
    root = str(Path(bot.__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, [root, kept.get("PYTHONPATH", "")]))
    named = {f"RAPPORT_{name}": value for name, value in settings.items()}
    return {**kept, **named, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
