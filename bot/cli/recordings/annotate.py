"""`rapport annotate FILE -o OUT`: the recording with boxes, names, expressions and engagement."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.text import Text

from bot.annotated.encoder import AnnotateFailed, refusal
from bot.annotated.recorder import Recorder, observer_options
from bot.annotated.redaction import wrongly_shown
from bot.annotated.running_names import naming_with, nothing_seen
from bot.calls.privacy import assess_options, shows_everyone
from bot.calls.record import Evidence, name_people, score_evidence
from bot.calls.stored import analyzer_options
from bot.cli.recordings.analyze import file_problem, observe_file, refuse
from bot.cli.recordings.local_files import (
    SideFiles,
    file_name,
    read_roster,
    with_local_files,
    with_local_sounds,
)
from bot.settings import Settings
from bot.text import words
from inference.assess import AssessOptions
from inference.errors import Cancelled, InferenceError
from inference.native_log import native_stdout_to_stderr
from inference.video.reader import probe
from integrations.errors import IntegrationError
from storage.errors import StorageError

SUFFIXES = (".mp4", ".m4v")
PART = ".part"
"""Suffix of an incomplete file."""
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def annotate_file(
    file: Path,
    out: Path | None,
    sides: SideFiles,
    *,
    profile: str | None,
    overwrite: bool,
    boxes: bool | None = None,
    settings: Settings,
) -> int:
    """Write the annotated recording and return the exit status: 0, or 1 after printing why.

    The file gets its name only when it is complete. `out` defaults to FILE.annotated.mp4 next to
    the recording. `boxes` puts boxes around faces; None uses the setting.
    """
    if boxes is not None:
        analysis = settings.analysis.model_copy(update={"annotate_boxes": boxes})
        settings = settings.model_copy(update={"analysis": analysis})
    terminal = Console(stderr=True)
    wanted = profile or settings.analysis.profile
    target = out or file.absolute().with_name(f"{file.stem}.annotated.mp4")
    problem = file_problem(file, sides, wanted) or _target_problem(
        (file, *sides.files.values()), target, overwrite
    )
    if problem is not None:
        return refuse(terminal, problem)
    options = assess_options(settings, wanted)
    part = _part_of(target)
    try:
        with _ended_by_signals(), native_stdout_to_stderr():
            note = _annotate(file, part, target, sides, options, settings, terminal)
    except (AnnotateFailed, InferenceError, IntegrationError, StorageError) as exc:
        if isinstance(exc, Cancelled):
            terminal.print("Stopped; nothing was written.")
            return 130
        return refuse(terminal, str(exc))
    except OSError as exc:
        return refuse(terminal, str(refusal(part, exc)))
    except KeyboardInterrupt:
        terminal.print("Stopped; nothing was written.")
        return 130
    if note:
        terminal.print(Text(note), soft_wrap=True)
    terminal.print(Text(f"Annotated recording: {file_name(target, whole=True)}"), soft_wrap=True)
    return 0


def _annotate(
    file: Path,
    part: Path,
    target: Path,
    sides: SideFiles,
    options: AssessOptions,
    settings: Settings,
    terminal: Console,
) -> str:
    roster = read_roster(file, sides, settings)
    known = with_local_files(Evidence(nothing_seen(probe(file).duration_s)), sides, roster)
    known = with_local_sounds(known, sides)
    recorder = Recorder(
        [file],
        part,
        naming_with(known),
        options,
        settings.analysis.samples_per_s,
        max_pixels=settings.analysis.max_picture_pixels,
        has_boxes=settings.analysis.annotate_boxes,
    )
    try:
        seen = observe_file(
            file,
            observer_options(analyzer_options(settings)),
            settings,
            terminal,
            observer=recorder,
        )
        recorder.finish()
        analysis = score_evidence(name_people(replace(known, observations=seen)), options)
        wrong = wrongly_shown(analysis, recorder.sightings())
        if wrong is not None:
            raise AnnotateFailed(
                f"Nothing was written: over the whole call, a face shown at "
                f"{words.clock(wrong.t_s)} is not certain to be on the other side, and "
                "RAPPORT_CALLS__SCORE_OWN_SIDE=false hides everyone else. Add the list of "
                "participants (--participants) or the TIMELINE, so that faces are named sooner."
            )
        part.replace(target)
    finally:
        recorder.drop()
    if not shows_everyone(options) and not any(p.is_scored for p in analysis.participants):
        return (
            "Every face is hidden: nobody is known to be on the other side "
            "(RAPPORT_CALLS__SCORE_OWN_SIDE=false; --participants tells Rapport the sides)."
        )
    return ""


def _part_of(target: Path) -> Path:
    return target.with_name(target.name + PART)


def _target_problem(read: Sequence[Path], target: Path, overwrite: bool) -> str | None:
    name, folder = file_name(target, whole=True), target.absolute().parent
    part = _part_of(target)
    if target.suffix.lower() not in SUFFIXES:
        return f"{name} does not end in .mp4; the annotated recording is an MP4 file."
    if target.is_dir():
        return f"{name} is a folder; choose a file in it."
    if target.exists() and target.resolve() == read[0].resolve():
        return f"{name} is the recording itself; choose another file with -o."
    if part.is_dir() or any(part.exists() and part.samefile(path) for path in read):
        return (
            f"{file_name(part, whole=True)} already exists, and the unfinished file would have "
            "that name; choose another file with -o."
        )
    if target.exists() and not overwrite:
        return f"{name} already exists; choose another file with -o, or add --overwrite."
    if not folder.is_dir():
        return f"There is no folder {file_name(folder, whole=True)}; create it or choose another."
    if not os.access(folder, os.W_OK):
        return f"You may not write to {file_name(folder, whole=True)}; choose another folder."
    return None


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Make SIGTERM, and a closed terminal, end the work as Ctrl-C does; later signals are ignored.

    The unfinished file is then deleted, which a second signal must not interrupt.
    """
    before = {number: signal.getsignal(number) for number in ENDING}
    heard = [number for number, action in before.items() if action is not signal.SIG_IGN]

    def end(number: int, frame: FrameType | None) -> None:
        for one in heard:
            signal.signal(one, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in heard:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])
