"""The commands about one recording, without a database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.terminal import fail, read_settings

if TYPE_CHECKING:
    from datetime import datetime


def _start_time(start: str | None) -> datetime | None:
    from integrations.zoom.text import moment_with_zone

    start_at = moment_with_zone(start)
    if start and start_at is None:
        raise fail(f"--start {start} is not a time; write it as 2026-09-10T13:00:05Z.")
    return start_at


def analyze(
    file: Annotated[Path, typer.Argument(help="The recording (MP4, MOV, MKV, …).")],
    timeline: Annotated[Path | None, typer.Option(help="Zoom TIMELINE (JSON).")] = None,
    transcript: Annotated[Path | None, typer.Option(help="Transcript (VTT).")] = None,
    chat: Annotated[
        Path | None, typer.Option(help="Chat (TXT): Zoom's, or as its client saved it.")
    ] = None,
    participants: Annotated[
        Path | None,
        typer.Option(
            help="Participants: JSON from Zoom's past_meetings/…/participants, or its portal's CSV."
        ),
    ] = None,
    participant_audio: Annotated[
        Path | None,
        typer.Option(
            help="Folder with each person's own audio: \"NAME.m4a\", or Zoom's file names."
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="When the recording started (2026-09-10T13:00:05Z), for times of day.",
        ),
    ] = None,
    profile: Annotated[str | None, typer.Option(help="Scoring profile.")] = None,
    out_dir: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for JSON and PDF (default: next to FILE)."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
    faces: Annotated[
        bool, typer.Option("--faces", help="Add every face, view and label to the JSON.")
    ] = False,
    pictures: Annotated[
        bool | None,
        typer.Option(
            "--pictures/--no-pictures",
            help="Put small pictures of moments in the PDF (default: RAPPORT_REPORT_PICTURES).",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Analyse one recording without a database: print a table, write JSON and PDF."""
    from bot.cli.recordings.analyze import analyze_file
    from bot.cli.recordings.local_files import SideFiles

    start_at = _start_time(start)
    raise typer.Exit(
        analyze_file(
            file,
            SideFiles(timeline, transcript, chat, participants, participant_audio, start_at),
            profile=profile,
            out_dir=out_dir,
            as_json=as_json,
            with_faces=faces,
            with_pictures=pictures,
            settings=read_settings(),
        )
    )


def annotate(
    file: Annotated[Path, typer.Argument(help="The recording (MP4, MOV, MKV, …).")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="MP4 to write (default: FILE.annotated.mp4)."),
    ] = None,
    timeline: Annotated[Path | None, typer.Option(help="Zoom TIMELINE (JSON).")] = None,
    transcript: Annotated[Path | None, typer.Option(help="Transcript (VTT).")] = None,
    chat: Annotated[Path | None, typer.Option(help="Zoom CHAT (TXT).")] = None,
    participants: Annotated[
        Path | None, typer.Option(help="Participants (JSON or CSV), as for `analyze`.")
    ] = None,
    participant_audio: Annotated[
        Path | None, typer.Option(help="Folder with each person's own audio, as for `analyze`.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="When the recording started, as for `analyze`."),
    ] = None,
    profile: Annotated[str | None, typer.Option(help="Scoring profile.")] = None,
    boxes: Annotated[
        bool | None,
        typer.Option(
            "--boxes/--no-boxes",
            help="Draw a box around each face (default: RAPPORT_ANALYSIS__ANNOTATE_BOXES).",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing MP4.")] = False,
) -> None:
    """Write the recording with box, name and a word for each face, and engagement below.

    Works in one pass: a face is "Person 1" until its name is certain. A paler box means less
    certainty; "not read" marks faces that are too small to classify; below, "not seen" is
    somebody whose camera is off. With
    RAPPORT_CALLS__SCORE_OWN_SIDE=false, everyone not known to be on the other side is hidden.
    """
    from bot.cli.recordings.annotate import annotate_file
    from bot.cli.recordings.local_files import SideFiles

    raise typer.Exit(
        annotate_file(
            file,
            output,
            SideFiles(
                timeline, transcript, chat, participants, participant_audio, _start_time(start)
            ),
            profile=profile,
            overwrite=overwrite,
            boxes=boxes,
            settings=read_settings(),
        )
    )
