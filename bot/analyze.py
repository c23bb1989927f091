"""`rapport analyze FILE`: no database; a table on the terminal, JSON and PDF in files."""

from __future__ import annotations

import json
import sys
import tempfile
import threading
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from bot.evidence import Evidence, score_evidence
from bot.media import Manifest, SegmentFiles
from bot.report.content import CallInfo
from bot.report.render import render_report
from bot.settings import Profile, Settings
from bot.steps.store import plain, with_side_files
from inference.analyzer import AnalyzerOptions, Segment, observe_recording
from inference.assess import AssessOptions
from inference.batching import DeviceQueue
from inference.errors import InferenceError
from inference.expression.classifier import ExpressionClassifier
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
    file. With `as_json` standard output holds one JSON object and nothing else.
    """
    terminal = Console(stderr=True)
    wanted = profile or settings.analysis.profile
    problem = _problem(file, timeline, transcript, wanted)
    if problem is not None:
        terminal.print(f"[red]Error:[/red] {problem}", highlight=False)
        return 1
    options = AssessOptions(profile=wanted, score_own_side=settings.calls.score_own_side)
    folder = out_dir or file.absolute().parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        evidence = Evidence(_observe(file, options, settings, terminal))
        analysis = score_evidence(_with_words(evidence, timeline, transcript), options)
        report = folder / f"{file.stem}.rapport.pdf"
        render_report(analysis, _info(file), report)
        result = analysis_json(analysis)
        text = json.dumps(result, ensure_ascii=False, allow_nan=False)
        write_atomically(folder / f"{file.stem}.rapport.json", text.encode() + b"\n")
    except (InferenceError, StorageError, OSError) as exc:
        terminal.print(f"[red]Error:[/red] {exc}", highlight=False)
        return 1
    except KeyboardInterrupt:
        terminal.print("Stopped; nothing was written.")
        return 130
    if as_json:
        sys.stdout.write(text + "\n")
    else:
        _print_table(analysis, Console())
    terminal.print(f"Report: {report}", highlight=False, soft_wrap=True)
    return 0


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


def _problem(
    file: Path, timeline: Path | None, transcript: Path | None, profile: str
) -> str | None:
    for path in (file, timeline, transcript):
        if path is not None and not path.is_file():
            return f"There is no file {path}."
    if profile not in get_args(Profile):
        return f"There is no profile {profile!r}; choose one of {', '.join(get_args(Profile))}."
    return None


def _observe(
    file: Path, assess: AssessOptions, settings: Settings, terminal: Console
) -> Observations:
    analysis = settings.analysis
    classifier = ExpressionClassifier.load(analysis.weights, device=analysis.device)
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
        Progress(*columns, console=terminal, transient=True) as bar,
    ):
        task = bar.add_task(f"Analysing {file.name}", total=1.0)
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
        copies: dict[str, str] = {}
        for kind, path in (("timeline", timeline), ("transcript", transcript)):
            if path is not None:
                (Path(folder) / kind).write_bytes(path.read_bytes())
                copies[kind] = kind
        manifest = Manifest((SegmentFiles(**copies),))
        return with_side_files(evidence, manifest, MediaFiles(Path(folder)))


def _info(file: Path) -> CallInfo:
    # The file's own date is the best that is known without Zoom.
    modified = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    return CallInfo(
        call_id=file.stem,
        topic=file.stem,
        started_at=modified,
        timezone=None,
        host_name=None,
        has_transcript=False,
        notes=("Analysed from a file: the date is the file's own.",),
    )


def _value(estimate: Estimate | None) -> float | None:
    return estimate.value if estimate else None


def _interval(estimate: Estimate | None) -> list[float] | None:
    return [estimate.low, estimate.high] if estimate else None


def _of_100(estimate: Estimate | None) -> str:
    if estimate is None:
        return "not seen"
    return f"{estimate.value * 100:.0f}  ({estimate.low * 100:.0f}–{estimate.high * 100:.0f})"


def _print_table(analysis: CallAnalysis, out: Console) -> None:
    table = Table(
        "who", "engagement of 100 (95 %)", "face seen", "attention", "talk", "mostly",
        title=f"{analysis.duration_s:.0f} s, profile {analysis.profile}",
    )  # fmt: skip
    for person in analysis.participants:
        score = person.score
        mostly = max(score.expressions, key=lambda k: score.expressions[k], default="")
        table.add_row(
            person.name,
            _of_100(score.engagement) if person.is_scored else "not scored",
            f"{score.coverage:.0%}",
            f"{score.attention.value * 100:.0f}" if score.attention else "",
            f"{score.talk.talk_s:.0f} s",
            mostly,
        )
    if len(analysis.participants) != 1:
        table.add_section()
        table.add_row(
            "the call",
            _of_100(analysis.call.engagement),
            f"{analysis.call.coverage:.0%}",
            f"{analysis.call.attention.value * 100:.0f}" if analysis.call.attention else "",
            f"{analysis.call.talk_s:.0f} s",
            "",
        )
    out.print(table)
    for moment in analysis.moments[:5]:
        minutes, seconds = divmod(int(moment.start_s), 60)
        out.print(f"{minutes:02d}:{seconds:02d}  {moment.reason}", highlight=False)
    for note in analysis.quality.notes:
        out.print(f"[dim]{note}[/dim]", highlight=False)
