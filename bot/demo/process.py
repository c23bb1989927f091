"""Runs Rapport as a child process, set up to talk to the stand-ins."""

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
    """The demo cannot continue; the message says why."""


class RapportProcess:
    """`rapport serve` on one data folder, with stand-ins for Zoom and Slack; or `rapport worker`.

    It logs to a file named after it in that folder. `more` is additional settings, without
    `RAPPORT_`.
    """

    def __init__(
        self,
        data_dir: Path,
        zoom: ZoomStandIn,
        slack: SlackStandIn,
        more: dict[str, str],
        command: str = "serve",
    ) -> None:
        self.data_dir = data_dir
        self.command = command
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_path = data_dir / ("rapport.log" if command == "serve" else f"{command}.log")
        self._log_start = self.log_path.stat().st_size if self.log_path.exists() else 0
        self._environment = _environment(data_dir, self.port, zoom, slack, more)
        self._process: subprocess.Popen[bytes] | None = None
        self._key = ""

    @property
    def key(self) -> str:
        """The API key that `add_key` made."""
        return self._key

    def add_key(self, name: str) -> str:
        """Create an API key with `rapport keys add`, and return it.

        Raises:
            DemoFailed: the command failed.
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
            raise DemoFailed(f"Could not create an API key: {done.stderr.strip()[-2000:]}")
        return self._key

    def start(self) -> None:
        """Start the process; use `wait_until_ready` to wait until it responds."""
        with self.log_path.open("ab") as log:
            # In its own session, so that Ctrl-C reaches only the demo, which then stops it.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bot", self.command],
                cwd=self.data_dir,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        """Wait until /readyz reports that Rapport is ready.

        Raises:
            DemoFailed: the process exited, or did not become ready in time.
        """
        deadline = time.monotonic() + READY_TIMEOUT_S
        last = "it did not respond"
        with httpx.Client(timeout=5.0, trust_env=False) as client:
            while time.monotonic() < deadline:
                self.check_alive()
                try:
                    answer = client.get(f"{self.url}/readyz")
                except httpx.HTTPError:
                    time.sleep(0.2)  # it does not listen yet
                    continue
                if answer.status_code == 200:
                    return
                last = answer.text
                time.sleep(0.5)  # it listens, and is not ready yet
        raise DemoFailed(f"Rapport did not become ready: {last}")

    def check_alive(self) -> None:
        """Check that the process is running.

        Raises:
            DemoFailed: it has exited.
        """
        if self._process is None or self._process.poll() is not None:
            raise DemoFailed("Rapport exited unexpectedly.")

    def get(self, client: httpx.Client, path: str) -> Any:
        """Return the JSON at a path below /api/v1, or None if there is nothing there yet.

        Raises:
            DemoFailed: the process has exited, or refuses the request.
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
            raise DemoFailed(
                f"Rapport responded with {answer.status_code} to {path}: {answer.text}"
            )
        return answer.json()

    @property
    def pid(self) -> int:
        """The id of the process, which must have been started."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """Kill the process at once, as a power cut would; `start` starts it again."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Stop the process, killing it if it takes too long. A second call does nothing."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            pass
        finally:  # Also if an impatient second Ctrl-C interrupts the wait.
            if process.poll() is None:
                process.kill()
                process.wait()

    def log_tail(self) -> str:
        """Return the last lines that the process logged in this demo."""
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
    """Return the caller's environment, with its settings replaced by the demo's."""
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
    # The child runs in the data folder, which has no .env of the operator's, and must find the
    # package even if it is not installed.
    root = str(Path(bot.__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, [root, kept.get("PYTHONPATH", "")]))
    named = {f"RAPPORT_{name}": value for name, value in settings.items()}
    return {**kept, **named, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
