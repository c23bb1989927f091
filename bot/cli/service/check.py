"""`rapport check`: lists what is set up, what is missing, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import httpx
from rich.console import Console
from rich.text import Text

from bot.settings import Settings, unknown_settings
from inference.faces.model_files import ModelFileState, list_model_files
from integrations.errors import IntegrationError
from integrations.slack.messenger import Messenger
from storage.errors import StorageError

ZOOM_SCOPES = (
    "cloud_recording:read:list_recording_files:admin",
    "cloud_recording:read:list_account_recordings:admin",
    "meeting:read:list_past_participants:admin",
)
CLASSIC_SCOPES = frozenset({"recording:read:admin", "meeting:read:admin"})
"""Apps created before granular scopes have these instead."""

LEAST_FREE_BYTES = 5_000_000_000
"""Enough for about ten hours of 720p recordings."""

MEMORY_PER_CALL_BYTES = 1_000_000_000
"""Analysing an hour took 0.65 GB (docs/benchmarks.md); the rest is headroom."""

Verdict = Literal["ok", "optional", "wrong"]
MARKS: dict[Verdict, tuple[str, str]] = {
    "ok": ("✓", "green"),
    "optional": ("–", "yellow"),
    "wrong": ("✗", "red"),
}
"""Each verdict's mark and colour."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was checked, the verdict, and what to do if it is not right."""

    what: str
    verdict: Verdict
    detail: str


def run_checks(settings: Settings, out: Console) -> int:
    """Print every finding. Return 0, or 1 if something is wrong."""
    is_wrong = False
    for check in (
        _names,
        _database,
        _disk,
        _memory,
        _video,
        _recordings,
        _weights,
        _face_models,
        _name_reader,
        _fonts,
        _text,
        _device,
        _webhook,
        _zoom,
        _slack,
        _links,
    ):
        for finding in check(settings):
            is_wrong |= finding.verdict == "wrong"
            mark, style = MARKS[finding.verdict]
            line = Text.assemble((mark, style), " ", (finding.what, "bold"), ": ", finding.detail)
            out.print(line, soft_wrap=True)
    return int(is_wrong)


def _names(settings: Settings) -> Iterator[Finding]:
    for name, meant in unknown_settings().items():
        if meant is None:
            yield Finding("Settings", "optional", f"{name} is not a Rapport setting")
        else:
            yield Finding("Settings", "wrong", f"{name} is not a setting; did you mean {meant}?")


def _database(settings: Settings) -> Iterator[Finding]:
    from storage.migrate import is_current, knows, revision, schema_problem

    url = settings.resolved_database_url
    kind = "SQLite" if url.startswith("sqlite") else "PostgreSQL"
    if kind == "SQLite" and not (settings.data_dir / "rapport.db").exists():
        yield Finding("Database", "ok", "SQLite, will be created at the first start")
        return
    try:
        if is_current(url):
            yield Finding("Database", "ok", f"{kind}, schema up to date")
            yield from _folder(settings)
        elif (found := revision(url)) is not None and not knows(found):
            yield Finding("Database", "wrong", schema_problem(url) or "")
        elif settings.migrate:
            yield Finding("Database", "ok", f"{kind}, schema will be upgraded at the next start")
        else:
            yield Finding(
                "Database", "wrong", "the schema is out of date: run `rapport db upgrade`"
            )
    except StorageError as exc:
        yield Finding("Database", "wrong", f"{exc} The setting is RAPPORT_DATABASE_URL.")


def _folder(settings: Settings) -> Iterator[Finding]:
    from storage.engine import open_engine, reading
    from storage.errors import OtherFolder
    from storage.workers.installation import check_folder

    engine = open_engine(settings.resolved_database_url)
    try:
        with reading(engine) as session:
            check_folder(session, settings.data_dir)
    except OtherFolder as exc:
        yield Finding("Data folder", "wrong", str(exc))
    finally:
        engine.dispose()


def _disk(settings: Settings) -> Iterator[Finding]:
    from bot.service.data_folder import has_other_uses, is_open_to_others
    from storage.files import MediaFiles

    folder = settings.data_dir
    free = MediaFiles(folder).free_bytes()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        probe = folder / ".check"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as exc:
        yield Finding("Disk", "wrong", f"cannot write to {folder}: {exc.strerror}")
        return
    if is_open_to_others(folder):
        what = (
            "give Rapport a folder of its own"
            if has_other_uses(folder)
            else "the next start takes their rights away"
        )
        yield Finding("Data folder", "optional", f"other users can look into {folder}; {what}")
    least = max(LEAST_FREE_BYTES, settings.zoom.disk_reserve_bytes)
    if free < least:
        yield Finding(
            "Disk",
            "wrong",
            f"{free / 1e9:.1f} GB free in {folder}; recordings need about {least / 1e9:.0f} GB",
        )
    else:
        yield Finding("Disk", "ok", f"{free / 1e9:.0f} GB free in {folder}")


def _memory(settings: Settings) -> Iterator[Finding]:
    import psutil

    memory = psutil.virtual_memory()
    needed = settings.analysis.workers * MEMORY_PER_CALL_BYTES
    free = f"{memory.available / 1e9:.1f} of {memory.total / 1e9:.1f} GB free"
    if memory.available < needed:
        yield Finding(
            "Memory",
            "wrong",
            f"{free}; RAPPORT_ANALYSIS__WORKERS={settings.analysis.workers} needs "
            f"{needed / 1e9:.0f} GB",
        )
    else:
        yield Finding("Memory", "ok", free)


def _video(settings: Settings) -> Iterator[Finding]:
    """Encode a black picture as Zoom does and decode it; needs no ffmpeg program."""
    import io

    import av

    clip = io.BytesIO()
    try:
        with av.open(clip, "w", format="mp4") as written:
            stream = written.add_stream("libx264", rate=2)
            stream.width = stream.height = 64
            for frame in (av.VideoFrame(64, 64, "yuv420p"), None):
                written.mux(stream.encode(frame))
        clip.seek(0)
        with av.open(clip, "r") as read:
            decoded = len(list(read.decode(video=0)))
    except (av.FFmpegError, OSError, ValueError) as exc:
        yield Finding("Video", "wrong", f"H.264 cannot be decoded ({exc}): reinstall PyAV")
        return
    if decoded == 1:
        yield Finding("Video", "ok", "PyAV decodes H.264; no ffmpeg program is needed")
    else:
        yield Finding("Video", "wrong", "PyAV decodes H.264 incorrectly: reinstall PyAV")


def _recordings(settings: Settings) -> Iterator[Finding]:
    if settings.analysis.annotate and not settings.keep_recordings:
        yield Finding(
            "Annotated recordings",
            "wrong",
            "none are made unless recordings are kept: set RAPPORT_KEEP_RECORDINGS=true",
        )


def _weights(settings: Settings) -> Iterator[Finding]:
    from inference.errors import InferenceError
    from inference.expression.classifier import ExpressionClassifier

    try:
        classifier = ExpressionClassifier.load(settings.analysis.weights)
        yield Finding("Weights", "ok", classifier.name)
    except InferenceError as exc:
        yield Finding("Weights", "wrong", str(exc))


def _face_models(settings: Settings) -> Iterator[Finding]:
    import numpy as np

    from inference.errors import InferenceError
    from inference.faces.detector import DetectOptions, FaceDetector

    if settings.analysis.faces == "litert":
        findings = list(face_model_findings(list_model_files()))
        if any(finding.verdict == "wrong" for finding in findings):
            yield from findings
            return
    try:
        with FaceDetector(DetectOptions(backend=settings.analysis.faces)) as detector:
            detector.detect(np.zeros((90, 160, 3), np.uint8), None)
    except InferenceError as exc:
        yield Finding("Face models", "wrong", str(exc))
        return
    yield Finding("Face models", "ok", f"MediaPipe's, run by {settings.analysis.faces}")


def _name_reader(settings: Settings) -> Iterator[Finding]:
    """Read an empty strip: the model behind it loads then."""
    import numpy as np

    from inference.errors import InferenceError
    from inference.name_labels.ocr import RapidOcrReader

    try:
        RapidOcrReader().read([np.zeros((48, 96, 3), np.uint8)])
    except InferenceError as exc:
        yield Finding("Name reader", "wrong", str(exc))
        return
    yield Finding("Name reader", "ok", "the model that reads names on tiles works")


def face_model_findings(states: Sequence[ModelFileState]) -> Iterator[Finding]:
    """Yield what to do about each missing or damaged file, or that all are fine."""
    for state in states:
        if not state.fits:
            what = "damaged; run" if state.is_there else "missing; run"
            yield Finding(
                "Face models", "wrong", f"{state.path} is {what} `make install` in Rapport's folder"
            )
    if all(state.fits for state in states):
        yield Finding("Face models", "ok", f"MediaPipe's, in {states[0].path.parent}")


def _fonts(settings: Settings) -> Iterator[Finding]:
    from bot.text.fonts import check_fonts

    problems = check_fonts()
    for problem in problems:
        yield Finding("Fonts", "wrong", problem)
    if not problems:
        yield Finding("Fonts", "ok", "names in all usual scripts can be printed")


def _text(settings: Settings) -> Iterator[Finding]:
    from bot.text.draw_text import check_text

    problems = check_text()
    for problem in problems:
        yield Finding("Text", "wrong", problem)
    if not problems:
        yield Finding("Text", "ok", "Arabic letters join, and Hebrew is drawn from right to left")


def _device(settings: Settings) -> Iterator[Finding]:
    import torch

    from inference.errors import InferenceError
    from inference.expression.classifier import resolve_device

    try:
        device = resolve_device(settings.analysis.device)
    except InferenceError as exc:
        yield Finding("GPU", "wrong", f"{exc} The setting is RAPPORT_ANALYSIS__DEVICE.")
        return
    if device.startswith("cuda"):
        yield Finding("GPU", "ok", torch.cuda.get_device_name(torch.device(device)))
    elif device.startswith("mps"):
        yield Finding("GPU", "optional", "an Apple GPU, on which Rapport has not been tested")
    elif torch.cuda.is_available():
        yield Finding("GPU", "optional", "available, but RAPPORT_ANALYSIS__DEVICE selects the CPU")
    else:
        yield Finding("GPU", "optional", "none; the analysis runs on the CPU")


def _webhook(settings: Settings) -> Iterator[Finding]:
    if settings.zoom.webhook_secret is None:
        yield Finding(
            "Zoom webhook",
            "wrong",
            "no secret: copy the Secret Token of the app's event subscription into "
            "RAPPORT_ZOOM__WEBHOOK_SECRET",
        )
    else:
        yield Finding("Zoom webhook", "ok", "the secret is set")


def _zoom(settings: Settings) -> Iterator[Finding]:
    from bot.service.run import zoom_client

    with httpx.Client() as http:
        client = zoom_client(settings, http)
        if client is None:
            yield Finding(
                "Zoom app",
                "wrong",
                "set RAPPORT_ZOOM__ACCOUNT_ID, RAPPORT_ZOOM__CLIENT_ID and "
                "RAPPORT_ZOOM__CLIENT_SECRET from a server-to-server OAuth app",
            )
            return
        try:
            granted = client.scopes()
        except IntegrationError as exc:
            yield Finding("Zoom app", "wrong", str(exc))
            return
    yield Finding("Zoom app", "ok", "Zoom issued an access token")
    missing = [scope for scope in ZOOM_SCOPES if scope not in granted]
    if missing and not granted >= CLASSIC_SCOPES:
        yield Finding("Zoom scopes", "wrong", f"add to the app: {', '.join(missing)}")
    else:
        yield Finding("Zoom scopes", "ok", "complete")


def _slack(settings: Settings) -> Iterator[Finding]:
    from bot.service.run import messenger

    if settings.slack.token is None:
        yield Finding(
            "Slack",
            "optional",
            f"no token: messages are written to {Path(settings.data_dir) / 'outbox'}; "
            "set RAPPORT_SLACK__TOKEN to post them",
        )
        return
    slack = messenger(settings)
    try:
        account = slack.check()
    except IntegrationError as exc:
        yield Finding("Slack", "wrong", str(exc))
        return
    yield Finding("Slack", "ok", f"{account.bot_user} in {account.team}")
    if account.missing_scopes:
        scopes = ", ".join(sorted(account.missing_scopes))
        yield Finding("Slack scopes", "wrong", f"add to the app and reinstall it: {scopes}")
    else:
        yield Finding("Slack scopes", "ok", "complete")
    slack_settings = settings.slack
    channels = {slack_settings.channel or "", slack_settings.ops_channel or ""}
    channels |= set(slack_settings.channel_by_host.values())
    if not settings.slack.channel:
        yield Finding("Slack channel", "wrong", "set RAPPORT_SLACK__CHANNEL to a channel ID")
    for channel in sorted(channels - {""}):
        yield _channel(slack, channel)


def _channel(slack: Messenger, channel: str) -> Finding:
    try:
        slack.check_channel(channel)
    except IntegrationError as exc:
        return Finding("Slack channel", "wrong", f"{channel}: {exc}")
    return Finding("Slack channel", "ok", channel)


def _links(settings: Settings) -> Iterator[Finding]:
    if settings.public_url is None:
        yield Finding(
            "Links",
            "optional",
            "RAPPORT_PUBLIC_URL is not set: Slack messages have no buttons",
        )
    else:
        yield Finding("Links", "ok", settings.public_url)
