"""`rapport analyze FILE`: without a database; prints a table, writes JSON and PDF files."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import get_args

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from bot.calls.info import CallInfo
from bot.calls.privacy import assess_options
from bot.calls.record import Evidence, name_people, score_evidence
from bot.calls.stored import analyzer_options
from bot.cli.recordings.json_output import analysis_json, faces_json
from bot.cli.recordings.local_files import (
    SideFiles,
    file_name,
    read_roster,
    with_local_files,
    with_local_sounds,
)
from bot.cli.recordings.table import print_analysis
from bot.report.pictures import MadePictures, file_pictures
from bot.report.render import ReportFailed, render_report
from bot.settings import Profile, Settings
from inference.analyzer import AnalyzerOptions
from inference.errors import InferenceError
from inference.expression.batch_queue import DeviceQueue
from inference.expression.classifier import ExpressionClassifier
from inference.native_log import native_stdout_to_stderr
from inference.observer import Observer
from inference.recording import Segment, observe_recording
from inference.schema.analysis import CallAnalysis
from inference.schema.observations import Observations
from inference.video.reader import probe
from integrations.errors import IntegrationError
from storage.errors import StorageError
from storage.files import write_atomically

NO_DATE = "The recording does not say when it was made; --start tells Rapport."


def analyze_file(
    file: Path,
    sides: SideFiles,
    *,
    profile: str | None,
    out_dir: Path | None,
    as_json: bool,
    with_faces: bool,
    with_pictures: bool | None = None,
    settings: Settings,
) -> int:
    """Analyse a recording and return the exit status: 0, or 1 after printing what to do.

    Writes `<stem>.rapport.json` and `<stem>.rapport.pdf` to `out_dir`, by default next to the
    file. With `as_json`, standard output contains one JSON object and nothing else, not even lines
    from native libraries. `with_faces` adds every face, view and label to the object.
    `with_pictures` puts small pictures of the moments into the PDF; None uses the setting.
    """
    terminal = Console(stderr=True)
    wanted = profile or settings.analysis.profile
    problem = file_problem(file, sides, wanted)
    if problem is not None:
        return refuse(terminal, problem)
    options = assess_options(settings, wanted)
    folder = out_dir or file.absolute().parent
    stem = file_name(file.with_suffix(""))
    report = folder / f"{file.stem}.rapport.pdf"
    try:
        roster = read_roster(file, sides, settings)
        folder.mkdir(parents=True, exist_ok=True)
        stopwatch = _Stopwatch()
        with native_stdout_to_stderr():
            evidence = Evidence(observe_file(file, analyzer_options(settings), settings, terminal))
            evidence = with_local_files(evidence, sides, roster)
            with stopwatch.naming():
                evidence = name_people(with_local_sounds(evidence, sides))
            analysis = score_evidence(evidence, options)
            elapsed_s = stopwatch.read()
            made = MadePictures({})
            if with_pictures or (with_pictures is None and settings.report_pictures):
                made = file_pictures(file, analysis, settings)
            info = _info(file, stem, roster.start_at, analysis)
            render_report(analysis, info, report, pictures=made.pictures)
        text = _json_text(analysis, elapsed_s, with_faces=with_faces)
        write_atomically(folder / f"{file.stem}.rapport.json", text)
    except OSError as exc:
        return refuse(
            terminal,
            f"{file_name(file)}: could not write the result to {file_name(folder, whole=True)} "
            f"({exc.strerror or exc}); choose another folder with --out.",
        )
    except (InferenceError, IntegrationError, StorageError, ReportFailed) as exc:
        return refuse(terminal, str(exc))
    except KeyboardInterrupt:
        terminal.print("Stopped; nothing was written.")
        return 130
    if as_json:
        sys.stdout.buffer.write(text)
        sys.stdout.flush()
    else:
        print_analysis(analysis, Console())
    for reason in made.missing:
        terminal.print(Text(f"Pictures: {reason}."), soft_wrap=True)
    terminal.print(Text(f"Report: {file_name(report, whole=True)}"), soft_wrap=True)
    return 0


class _Stopwatch:
    """Measures how long the analysis takes: wall-clock and CPU seconds, across all threads."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        self._naming = 0.0

    @contextmanager
    def naming(self) -> Iterator[None]:
        began = time.process_time()
        yield
        self._naming += time.process_time() - began

    def read(self) -> dict[str, float]:
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        return {name: round(s, 3) for name, s in
                (("wall", wall), ("cpu", cpu), ("naming_cpu", self._naming))}  # fmt: skip


def _json_text(analysis: CallAnalysis, elapsed_s: dict[str, float], *, with_faces: bool) -> bytes:
    whole = {**analysis_json(analysis), "elapsed_s": elapsed_s}
    head = json.dumps(whole, ensure_ascii=False, allow_nan=False).removesuffix("}")
    return "".join([head, *(faces_json(analysis) if with_faces else ()), "}\n"]).encode()


def refuse(terminal: Console, problem: str) -> int:
    """Print why a command cannot run, and return its exit status."""
    # As Text, not as markup: a file may be named "[/b].mp4".
    terminal.print(Text.assemble(("Error: ", "red"), problem), soft_wrap=True)
    return 1


def file_problem(file: Path, sides: SideFiles, profile: str) -> str | None:
    """Return why a recording or its side files cannot be read, or None if they can."""
    for path in (file, *sides.files.values()):
        if path.is_dir():
            return f"{file_name(path, whole=True)} is a folder; choose a file in it."
        if not path.is_file():
            return f"There is no file {file_name(path, whole=True)}; check the path."
    folder = sides.participant_audio
    if folder is not None and not folder.is_dir():
        return f"There is no folder {file_name(folder, whole=True)}; check the path."
    for path in (*sides.files.values(), *([folder] if folder else [])):
        if not os.access(path, os.R_OK):
            return f"You may not read {file_name(path, whole=True)}; change its permissions."
    if profile not in get_args(Profile):
        return f"There is no profile {profile!r}; choose one of {', '.join(get_args(Profile))}."
    return None


def observe_file(
    file: Path,
    options: AnalyzerOptions,
    settings: Settings,
    terminal: Console,
    *,
    observer: Observer | None = None,
) -> Observations:
    """Observe one recording, with a progress bar on the terminal and an optional observer.

    Raises:
        UnreadableMedia, NoVideoStream, WeightsInvalid: see `inference.errors`.
    """
    analysis = settings.analysis
    classifier = ExpressionClassifier.load(analysis.weights, device=analysis.device, threads=1)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    stop = threading.Event()
    with (
        DeviceQueue(
            classifier.classify,
            max_batch=analysis.batch_size,
            max_wait_s=analysis.batch_wait_ms / 1000,
            max_pending=analysis.batch_size * 8,
        ) as queue,
        Progress(
            *columns, console=terminal, transient=True, disable=not terminal.is_terminal
        ) as bar,
    ):
        task = bar.add_task("Reading the recording", total=1.0)
        try:
            return observe_recording(
                [Segment(file)],
                options,
                queue,
                model=classifier.name,
                progress=lambda share, text: bar.update(task, completed=share, description=text),
                stop=stop,
                observer=observer,
            )
        except KeyboardInterrupt:
            stop.set()
            raise


def _info(file: Path, topic: str, start_at: datetime | None, analysis: CallAnalysis) -> CallInfo:
    """Return what is known of the call: its date is told, or in the recording, or left out.

    The file's own date is when it was copied.
    """
    started_at = start_at or probe(file).created_at
    return CallInfo(
        call_id=topic,
        topic=topic,
        started_at=started_at,
        timezone=None,
        host_name=None,
        has_transcript=any(not line.is_chat for line in analysis.transcript),
        notes=() if started_at else (NO_DATE,),
    )
