"""When `rapport serve` shows an API key, and what it leaves alone if it cannot start."""

from __future__ import annotations

import os
import pty
import socket
import subprocess
import sys
from pathlib import Path

from tests.places import ROOT
from tests.processes import with_default_signals


def serve(data_dir: Path, stdout: int, port: int = 0) -> subprocess.Popen[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("RAPPORT_")}
    settings = {"RAPPORT_DATA_DIR": str(data_dir), "RAPPORT_PORT": str(port)}
    return subprocess.Popen(
        [sys.executable, "-m", "bot", "serve"],
        cwd=data_dir.parent,
        env=kept | settings | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=with_default_signals,
    )


def said_until_running(process: subprocess.Popen[str]) -> str:
    """Return what a process logs up to the line that it is running; ends it then."""
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if "is running" in line:
            break
    process.terminate()
    process.wait(30)
    process.stderr.close()
    return said


def test_a_terminal_is_shown_the_first_key(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = serve(tmp_path / "var", theirs)
    os.close(theirs)
    said_until_running(process)
    shown = os.read(ours, 1000).decode()
    os.close(ours)
    assert "Your API key, shown once: rpt_" in shown


def test_a_log_is_told_how_to_make_a_key_and_never_shows_one(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as out:
        said = said_until_running(serve(tmp_path / "var", out.fileno()))
    assert "rapport keys add NAME" in said
    assert "rpt_" not in said + (tmp_path / "out").read_text()


def test_on_a_taken_port_nothing_is_started_and_no_key_made(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = serve(tmp_path / "var", subprocess.PIPE, taken.getsockname()[1])
        out, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Choose another port with --port or RAPPORT_PORT" in " ".join(said.split())
    assert out == ""
    assert not (tmp_path / "var" / "rapport.db").exists()
