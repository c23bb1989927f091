"""`rapport demo` processes a call end to end, and says what went wrong when it cannot."""

from __future__ import annotations

import io
import json
import re
import shlex
from pathlib import Path

import pytest
from rich.console import Console

from bot.demo.recording.make import make_recording
from bot.demo.run import run_demo, serve_command
from bot.demo.step_board import StepBoard


def demo(
    console: Console,
    data_dir: Path,
    *,
    recording: Path,
    timeline: Path | None = None,
    transcript: Path | None = None,
) -> int:
    return run_demo(
        recording=recording,
        timeline=timeline,
        transcript=transcript,
        data_dir=data_dir,
        keep_serving=False,
        console=console,
    )


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=100)


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_users_own_recording_becomes_a_message_and_a_pdf(
    tmp_path: Path, console: Console
) -> None:
    made = make_recording(tmp_path / "own", seconds=5, size=(320, 180))
    status = demo(
        console,
        tmp_path / "data",
        recording=made.video,
        timeline=made.timeline,
        transcript=made.transcript,
    )
    output = printed(console)
    assert status == 0, output
    for step in ("fetch", "analyse", "store", "report", "notify", "clean up"):
        assert f"✓ {step}" in output
    assert "What a face shows is not what a person feels." in output
    message = json.loads((tmp_path / "data" / "slack" / "message.json").read_text())
    assert message["blocks"][0]["text"]["text"] == made.video.stem
    assert output.rstrip().endswith(f"\n{message['text']}"), "the answer is the last line"
    report = re.search(r"Report \(PDF\): (.+)", output)
    assert report is not None
    assert Path(report[1]).read_bytes().startswith(b"%PDF")
    assert output.count("  curl -H") == 3
    assert "serve --port" in output
    assert "Stopping" in (tmp_path / "data" / "rapport.log").read_text()


@pytest.mark.parametrize("is_installed", [True, False])
def test_the_serve_line_works_where_paths_have_spaces(tmp_path: Path, is_installed: bool) -> None:
    programs = tmp_path / "my programs"
    programs.mkdir()
    python = programs / "python"
    if is_installed:
        (programs / "rapport").touch()
    words = shlex.split(serve_command(python, tmp_path / "my data", 8080))
    program = [str(programs / "rapport")] if is_installed else [str(python), "-m", "bot"]
    expected = [f"RAPPORT_DATA_DIR={tmp_path}/my data", *program, "serve", "--port", "8080"]
    assert words == expected


def test_a_file_that_is_not_a_recording_is_reported_at_once(
    tmp_path: Path, console: Console
) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("not a movie")
    assert demo(console, tmp_path / "data", recording=text) == 1
    assert "notes.mp4" in printed(console)
    assert not (tmp_path / "data" / "rapport.log").exists()


def test_a_missing_file_is_named(tmp_path: Path, console: Console) -> None:
    assert demo(console, tmp_path / "data", recording=tmp_path / "gone.mp4") == 1
    assert "There is no file" in printed(console)


def test_a_terminal_shows_every_step_with_a_bar() -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    with StepBoard(console, ("fetch", "analyse")) as board:
        board.start("fetch", "12 of 40 MB")
        board.update("fetch", 0.3)
        board.finish("fetch")
    output = printed(console)
    assert "fetch" in output
    assert "analyse" in output
    assert "✓" in output


def test_without_a_terminal_each_step_is_printed_once(console: Console) -> None:
    with StepBoard(console, ("fetch",)) as board:
        board.finish("fetch", "4 files")
        board.finish("fetch")
    assert printed(console).count("✓ fetch") == 1
    assert "4 files" in printed(console)
