"""`rapport demo`: processes one recording end to end, with stand-ins for Zoom and Slack."""

from __future__ import annotations

import json
import secrets
import shlex
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import httpx
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from bot.demo.process import DemoFailed, RapportProcess
from bot.demo.recording.make import make_recording
from bot.demo.stand_ins.slack import SlackStandIn
from bot.demo.stand_ins.zoom import ZoomStandIn
from bot.demo.stand_ins.zoom_meeting import FileFixture, MeetingFixture
from bot.demo.step_board import StepBoard
from bot.report.message import Message, as_text, plain_text
from inference.errors import InferenceError
from inference.video.reader import probe

STEPS = ("fetch", "analyse", "store", "report", "notify", "clean up")
POLL_S = 0.25
INTERRUPTED = 130


def run_demo(
    *,
    recording: Path | None,
    timeline: Path | None,
    transcript: Path | None,
    data_dir: Path | None,
    keep_serving: bool,
    console: Console,
) -> int:
    """Process one call with Rapport, show the result, and return the exit status.

    Args:
        recording: the user's own recording; None generates one.
        timeline: the recording's Zoom TIMELINE, if any.
        transcript: the recording's transcript, if any.
        data_dir: folder for everything; None creates a temporary one, which is kept.
        keep_serving: keep serving until Ctrl-C once the report is ready.
        console: where to print.
    """
    folder = Path(tempfile.mkdtemp(prefix="rapport-demo-")) if data_dir is None else data_dir
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    uuid = f"/{secrets.token_urlsafe(6)}//{secrets.token_urlsafe(4)}Demo=="
    with _ended_as_by_ctrl_c(), ZoomStandIn() as zoom, SlackStandIn() as slack:
        rapport = RapportProcess(folder, zoom, slack, _settings(recording, transcript))
        is_shown = False
        try:
            call_id = _one_call(rapport, zoom, uuid, recording, timeline, transcript, console)
            notification = _show_result(rapport, slack, call_id, console)
            if not keep_serving:
                _show_serve_line(rapport, console)
                _print_line(console, f"\n{notification}")
                return 0
            is_shown = True
            _print_line(console, f"\nRapport keeps serving at {rapport.url} until Ctrl-C.")
            _print_line(console, f"\n{notification}")
            while True:
                rapport.check_alive()
                time.sleep(0.5)  # until Ctrl-C; only the service works
        except KeyboardInterrupt:
            _print_line(console, f"\nStopped. Everything is kept in {folder}")
            return 0 if is_shown else INTERRUPTED
        except (DemoFailed, InferenceError, OSError, httpx.HTTPError) as exc:
            console.print(Text(f"The demo failed: {exc}", style="bold red"))
            tail = rapport.log_tail()
            if tail:
                console.print(Panel(Text(tail), title=str(rapport.log_path), expand=False))
            return 1
        finally:
            rapport.stop()


def _settings(recording: Path | None, transcript: Path | None) -> dict[str, str]:
    """Return the settings that differ from the defaults.

    The made-up call keeps its recording, with boxes; no rule may skip a recording of the user's.
    """
    if recording is None:  # Short enough to be encoded again: the message can offer to watch it.
        return {"ANALYSIS__ANNOTATE": "true", "KEEP_RECORDINGS": "true"}
    settings = {
        "CALLS__INCLUDE_INTERNAL": "true",
        "CALLS__MIN_DURATION_S": "0",
        "CALLS__EXCLUDE_TOPICS": "[]",
    }
    if transcript is None:
        settings["CALLS__TRANSCRIPT_WAIT_S"] = "0"
    return settings


def _one_call(
    rapport: RapportProcess,
    zoom: ZoomStandIn,
    uuid: str,
    recording: Path | None,
    timeline: Path | None,
    transcript: Path | None,
    console: Console,
) -> str:
    """Process the call end to end, showing each step, and return its id."""
    with StepBoard(console, ("recording", "start", "webhook", *STEPS)) as board:
        if recording is None:
            board.start("recording", "generating a sales call")
            meeting = None
        else:
            board.start("recording", str(recording))
            meeting = _own_meeting(uuid, recording, timeline, transcript)
        # Rapport starts up while the recording is generated.
        rapport.add_key(f"demo-{secrets.token_hex(3)}")
        rapport.start()
        if meeting is None:
            made = make_recording(
                rapport.data_dir / "recording",
                on_progress=lambda share: board.update("recording", share),
            )
            meeting = made.meeting(uuid)
        zoom.add_meeting(meeting)
        board.finish("recording", f"{meeting.duration_s:.0f} s, “{meeting.topic}”")
        board.start("start", f"Rapport, with SQLite in {rapport.data_dir}")
        rapport.wait_until_ready()
        board.finish("start", rapport.url)
        board.start("webhook", "URL validation")
        target = f"{rapport.url}/webhooks/zoom"
        if not zoom.validate(target):
            raise DemoFailed("Rapport did not pass Zoom's URL validation.")
        answer = zoom.send(target, uuid)
        if answer.status_code != 204:
            raise DemoFailed(
                f"Rapport responded to the webhook with {answer.status_code}, not 204."
            )
        board.finish("webhook", "validated, signed, accepted")
        return _follow(rapport, uuid, board)


def _follow(rapport: RapportProcess, uuid: str, board: StepBoard) -> str:
    """Show the workflow's steps until it is done, and return the call's id."""
    call_id = None
    with httpx.Client(timeout=10.0, trust_env=False) as client:
        while True:
            if call_id is None:
                listed = rapport.get(client, "/calls") or {"items": []}
                found = [call["id"] for call in listed["items"] if call["zoom_uuid"] == uuid]
                call_id = found[0] if found else None
            state = None if call_id is None else rapport.get(client, f"/workflows/{call_id}.1")
            if call_id is not None and state is not None and _show_state(state, board):
                return str(call_id)
            time.sleep(POLL_S)  # between two looks at the call's progress


def _show_state(state: dict[str, Any], board: StepBoard) -> bool:
    """Update the board with the workflow's state; return True when it is done.

    Raises:
        DemoFailed: the workflow failed, or skipped the call.
    """
    status, step = state["status"], state.get("step")
    if status in ("failed", "skipped"):
        raise DemoFailed(f"The call was {status}: {state.get('error') or state.get('detail')}")
    if status == "done":
        for name in STEPS:
            board.finish(name)
        return True
    if step in STEPS:
        for name in STEPS[: STEPS.index(step)]:
            board.finish(name)
        board.start(step, state.get("detail") or "")
        board.update(step, state.get("progress") or 0.0)
    return False


def _own_meeting(
    uuid: str, recording: Path, timeline: Path | None, transcript: Path | None
) -> MeetingFixture:
    """Build a meeting around the user's own recording.

    Raises:
        DemoFailed: a file is missing.
        InferenceError: the recording cannot be read.
    """
    given = [(recording, "MP4"), (timeline, "TIMELINE"), (transcript, "TRANSCRIPT")]
    for path, _ in given:
        if path is not None and not path.is_file():
            raise DemoFailed(f"There is no file {path}.")
    # A file of unknown length is treated as a long one, so that no rule skips it.
    duration_s = probe(recording).duration_s or 3600.0
    return MeetingFixture(
        uuid=uuid,
        topic=recording.stem,
        host_email="host@example.com",
        started_at=datetime.now(UTC) - timedelta(seconds=duration_s),
        duration_s=duration_s,
        timezone="UTC",
        files=[FileFixture(path.resolve(), kind) for path, kind in given if path is not None],
    )


def _show_result(
    rapport: RapportProcess, slack: SlackStandIn, call_id: str, console: Console
) -> str:
    """Print the Slack message, the PDF's location, and what to try next.

    Returns:
        the message's notification, which begins with the call's answer.

    Raises:
        DemoFailed: nothing was posted.
    """
    posts = [message for message in slack.messages if not message.is_reply]
    if not posts or not slack.files:
        raise DemoFailed("The call is done, but Slack did not receive its message and PDF.")
    message = Message(posts[-1].text, posts[-1].blocks)
    channel = slack.workspace.channels[posts[-1].channel]
    console.rule(f"Slack: #{channel}", align="left")
    _print_line(console, as_text(message).rstrip())
    console.rule()
    posted = slack.files[-1]
    copy = rapport.data_dir / "slack" / Path(posted.name).name
    copy.parent.mkdir(exist_ok=True)
    copy.write_bytes(posted.content)
    content = {"text": message.text, "blocks": message.blocks}
    as_json = copy.with_name("message.json")
    as_json.write_text(json.dumps(content, ensure_ascii=False, indent=2), encoding="utf-8")
    stored = rapport.data_dir / "calls" / call_id / "report.pdf"
    _print_line(console, f"Report (PDF): {stored if stored.exists() else copy}")
    _print_line(console, f"As posted:    {copy}")
    _print_line(console, f"Message:      {as_json}")
    _print_line(console, "\nTry:")
    header = f'-H "Authorization: Bearer {rapport.key}"'
    call_url = f"{rapport.url}/api/v1/calls/{call_id}"
    _print_line(console, f"  curl {header} {rapport.url}/api/v1/calls")
    _print_line(console, f"  curl {header} {call_url}/moments")
    _print_line(console, f"  curl {header} {call_url}/report.pdf -o report.pdf")
    return plain_text(message.text)


def _show_serve_line(rapport: RapportProcess, console: Console) -> None:
    _print_line(console, "\nThese work while Rapport is serving the same folder:")
    command = serve_command(Path(sys.executable), rapport.data_dir, rapport.port)
    _print_line(console, f"  {command}")


def serve_command(python: Path, data_dir: Path, port: int) -> str:
    """Return the shell command that serves a data folder, with paths quoted where needed."""
    rapport = python.with_name("rapport")
    program = [str(rapport)] if rapport.exists() else [str(python), "-m", "bot"]
    command = shlex.join([*program, "serve", "--port", str(port)])
    return f"RAPPORT_DATA_DIR={shlex.quote(str(data_dir))} {command}"


def _print_line(console: Console, line: str) -> None:
    """Print a line without wrapping, so that a command or path can be copied from it."""
    console.print(Text(line), soft_wrap=True)


@contextmanager
def _ended_as_by_ctrl_c() -> Iterator[None]:
    """Make SIGTERM and a closed terminal stop the demo as Ctrl-C does, leaving no process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    ending = (signal.SIGTERM, signal.SIGHUP)
    before = {
        number: signal.signal(number, interrupt)
        for number in ending
        if signal.getsignal(number) is not signal.SIG_IGN  # as under nohup
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
