"""The running service can be watched: its figures, its status and its log as JSON."""

from __future__ import annotations

import json
import subprocess
import sys

import httpx

from tests.acceptance.conftest import Rapport

KEY = "a key that only Prometheus has"


def test_figures_status_and_log_show_a_call_on_its_way(embedded: Rapport) -> None:
    embedded.more = {"METRICS_KEY": KEY, "LOG_FORMAT": "json"}
    embedded.start()
    embedded.announce()
    embedded.wait_for_log("run 1: fetch")

    headers = {"Authorization": f"Bearer {KEY}"}
    said = httpx.get(f"{embedded.url}/metrics", headers=headers, timeout=20).text
    assert "rapport_webhook_seconds_count 1.0" in said
    assert 'rapport_process_up{process="' in said
    assert '-serve"} 1.0' in said
    status = subprocess.run(
        [sys.executable, "-m", "bot", "status"],
        cwd=embedded.data_dir, env=embedded.environment() | {"COLUMNS": "80"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert status.returncode == 0, status.stdout + status.stderr
    assert "-serve: running, heartbeat" in status.stdout
    lines = [json.loads(line) for line in embedded.log.splitlines()]
    fetch = next(line for line in lines if "fetch" in line["message"])
    assert fetch["run"] == 1
    assert fetch["call"] in status.stdout
