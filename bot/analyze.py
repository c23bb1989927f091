"""`rapport analyze FILE`: no database; a table on the terminal, JSON and PDF in files."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from bot.evidence import Evidence, score_evidence
from bot.media import Manifest, SegmentFiles
from bot.report.content import CallInfo
from bot.report.render import ReportFailed, render_report
from bot.report.table import print_analysis
from bot.settings import Profile, Settings
from bot.steps.store import plain, with_side_files
from inference.analyzer import AnalyzerOptions, Segment, observe_recording
from inference.assess import AssessOptions
from inference.batching import DeviceQueue
from inference.errors import InferenceError
from inference.expression.classifier import ExpressionClassifier
from inference.native_log import native_stdout_to_stderr
from inference.types import CallAnalysis, Estimate, Observations
from storage.errors import StorageError
from storage.files import MediaFiles, write_atomically


def analyze_file(
    file: Path,
    *,
    timeline: Path | None,
    transcript: Path | None,
    profile: str | None,
    out_dir: Path | None,
    as_json: bool,
    settings: Settings,
) -> int:
    """Analyse a recording and give the exit status: 0, or 1 with one sentence on what to do.

    Writes `<stem>.rapport.json` and `<stem>.rapport.pdf` into `out_dir`, by default beside the
    file. With `as_json` standard output holds one JSON object and nothing else, not even a line
    that a native library writes.
    """
    terminal = Console(stderr=True)
    wanted = profile or settings.analysis.profile
    problem = _problem(file, timeline, transcript, wanted)
    if problem is not None:
        return _refuse(terminal, problem)
    options = AssessOptions(profile=wanted, score_own_side=settings.calls.score_own_side)
    folder = out_dir or file.absolute().parent
    stem = file_name(file.with_suffix(""))
    report = folder / f"{file.stem}.rapport.pdf"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with native_stdout_to_stderr():
            evidence = Evidence(_observe(file, options, settings, terminal))
            analysis = score_evidence(_with_words(evidence, timeline, transcript), options)
            render_report(analysis, _info(file, stem, analysis), report)
        text = json.dumps(analysis_json(analysis), ensure_ascii=False, allow_nan=False) + "\n"
        write_atomically(folder / f"{file.stem}.rapport.json", text.encode())
    except OSError as exc:
        return _refuse(
            terminal,
            f"{file_name(file)}: the result cannot be written to {file_name(folder, whole=True)} "
            f"({exc.strerror or exc}); name another folder with --out.",
        )
    except (InferenceError, StorageError, ReportFailed) as exc:
        return _refuse(terminal, str(exc))
    except KeyboardInterrupt:
        terminal.print("Stopped; nothing was written.")
        return 130
    if as_json:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.flush()
    else:
        print_analysis(analysis, Console())
    terminal.print(Text(f"Report: {file_name(report, whole=True)}"), soft_wrap=True)
    return 0


def _refuse(terminal: Console, problem: str) -> int:
    # As text, not as markup: a file may be named "[/b].mp4".
    terminal.print(Text.assemble(("Error: ", "red"), problem), soft_wrap=True)
    return 1


def analysis_json(analysis: CallAnalysis) -> dict[str, Any]:
    """The analysis as one JSON object: engagement 0–1, null where nothing was observed."""
    call = analysis.call
    quality = analysis.quality
    return {
        "call": plain(
            {
                "duration_s": analysis.duration_s,
                "engagement": _value(call.engagement),
                "interval": _interval(call.engagement),
                "attention": _value(call.attention),
                "score": _value(call.score),
                "coverage": call.coverage,
                "trend_per_min": _value(call.trend_per_min),
                "stability": call.stability,
                "talk_s": call.talk_s,
                "silence_s": call.silence_s,
                "expressions": call.expressions,
                "profile": analysis.profile,
                "scoring_version": analysis.scoring_version,
                "model": analysis.observations.model,
            }
        ),
        "participants": [
            plain(
                {
                    "name": person.name,
                    "is_named": person.is_named,
                    "name_confidence": person.name_confidence,
                    "side": person.side,
                    "engagement": _value(person.score.engagement),
                    "interval": _interval(person.score.engagement),
                    "attention": _value(person.score.attention),
                    "score": _value(person.score.score),
                    "coverage": person.score.coverage,
                    "face_s": person.score.face_s,
                    "trend_per_min": _value(person.score.trend_per_min),
                    "stability": person.score.stability,
                    "baseline_change": _value(person.score.baseline_change),
                    "talk_s": person.score.talk.talk_s,
                    "talk_share": person.score.talk.share,
                    "turns": person.score.talk.turns,
                    "longest_monologue_s": person.score.talk.longest_monologue_s,
                    "expressions": person.score.expressions,
                    "expression_s": person.score.expression_s,
                }
            )
            for person in analysis.participants
        ],
        "moments": [
            plain(
                {
                    "start_s": moment.start_s,
                    "end_s": moment.end_s,
                    "kind": moment.kind,
                    "participants": [analysis.participants[i].name for i in moment.participants],
                    "reason": moment.reason,
                    "before": moment.before,
                    "after": moment.after,
                    "lines": [asdict(line) for line in moment.lines],
                }
            )
            for moment in analysis.moments
        ],
        "quality": plain(
            {
                "frames_decoded": quality.frames_decoded,
                "frames_sampled": quality.frames_sampled,
                "frames_lost": quality.frames_lost,
                "lost_share": quality.lost_share,
                "faces_seen": quality.faces_seen,
                "faces_too_small": quality.faces_too_small,
                "has_audio": quality.has_audio,
                "notes": list(quality.notes),
            }
        ),
    }


def file_name(path: Path, *, whole: bool = False) -> str:
    """The name of a file (or its whole path) as text that can be printed, whatever its bytes."""
    return os.fsencode(path if whole else path.name).decode("utf-8", "replace")


def _problem(
    file: Path, timeline: Path | None, transcript: Path | None, profile: str
) -> str | None:
    for path in (file, timeline, transcript):
        if path is not None and path.is_dir():
            return f"{file_name(path, whole=True)} is a folder; name one file in it."
        if path is not None and not path.is_file():
            return f"There is no file {file_name(path, whole=True)}; check its name and folder."
    for path in (timeline, transcript):
        if path is not None and not os.access(path, os.R_OK):
            return f"{file_name(path, whole=True)} may not be read by you; change its permissions."
    if profile not in get_args(Profile):
        return f"There is no profile {profile!r}; choose one of {', '.join(get_args(Profile))}."
    return None


def _observe(
    file: Path, assess: AssessOptions, settings: Settings, terminal: Console
) -> Observations:
    analysis = settings.analysis
    classifier = ExpressionClassifier.load(analysis.weights, device=analysis.device, threads=1)
    options = AnalyzerOptions(
        samples_per_s=analysis.samples_per_s, min_face_px=analysis.min_face_px, assess=assess
    )
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
            )
        except KeyboardInterrupt:
            stop.set()
            raise


def _with_words(evidence: Evidence, timeline: Path | None, transcript: Path | None) -> Evidence:
    """The evidence with the side files, read as a recording's own would be."""
    with tempfile.TemporaryDirectory() as folder:
        for kind, path in (("timeline", timeline), ("transcript", transcript)):
            if path is not None:
                (Path(folder) / kind).write_bytes(path.read_bytes())
        segment = SegmentFiles(
            timeline="timeline" if timeline else None,
            transcript="transcript" if transcript else None,
        )
        manifest = Manifest((segment,))
        return with_side_files(evidence, manifest, MediaFiles(Path(folder)))


def _info(file: Path, topic: str, analysis: CallAnalysis) -> CallInfo:
    # The file's own date is the best that is known without Zoom.
    modified = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    return CallInfo(
        call_id=topic,
        topic=topic,
        started_at=modified,
        timezone=None,
        host_name=None,
        has_transcript=any(not line.is_chat for line in analysis.transcript),
        notes=("Analysed from a file: the date is the file's own.",),
    )


def _value(estimate: Estimate | None) -> float | None:
    return estimate.value if estimate else None


def _interval(estimate: Estimate | None) -> list[float] | None:
    return [estimate.low, estimate.high] if estimate else None
