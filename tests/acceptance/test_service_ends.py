"""What `rapport serve` does when one of its parts stops unexpectedly."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.processes import with_default_signals

SERVE_WITH_A_FAILING_SERVER = """
import sys, threading, uvicorn

def fail(self, sockets=None):
    raise RuntimeError("the event loop is gone")

uvicorn.Server.run = fail
sys.argv = ["rapport", "serve", "--port", "0"]
from bot.__main__ import main
main()
"""


def test_a_service_without_its_api_ends_with_an_error(tmp_path: Path) -> None:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("RAPPORT_")}
    ended = subprocess.run(
        [sys.executable, "-c", SERVE_WITH_A_FAILING_SERVER],
        env=kept | {"RAPPORT_DATA_DIR": str(tmp_path / "var"), "PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=with_default_signals,
    )

    assert ended.returncode == 1, ended.stderr
    assert "the event loop is gone" in ended.stderr
    assert "The HTTP server stopped unexpectedly" in ended.stderr
