"""The commands of `rapport`. Each one reads the settings once and passes them down.

Imports are inside the commands, so that `rapport --help` does not wait for PyTorch.
"""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.networks.commands import evaluate_app, models, train_app
from bot.cli.recordings.commands import analyze, annotate
from bot.cli.service.backup_commands import backup, restore
from bot.cli.service.commands import check, serve, worker
from bot.cli.service.data_commands import db_app, inbox_app, keys_app, rescore
from bot.cli.service.status_commands import calls_app, status
from bot.cli.terminal import out

app = typer.Typer(
    name="rapport",
    help="Turn Zoom sales calls into evidence a manager can act on, on your own machine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        out.print(f"rapport {metadata.version('rapport')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    """Options before the command."""


def demo(
    recording: Annotated[
        Path | None, typer.Option(help="Your own recording, instead of the generated one.")
    ] = None,
    timeline: Annotated[Path | None, typer.Option(help="Its Zoom TIMELINE (JSON).")] = None,
    transcript: Annotated[Path | None, typer.Option(help="Its transcript (VTT).")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder for all output (default: a new one).")
    ] = None,
    exit_: Annotated[
        bool, typer.Option("--exit", help="Exit when the report is ready, even on a terminal.")
    ] = False,
) -> None:
    """Process a call from webhook to Slack message, with local stand-ins for Zoom and Slack."""
    from bot.demo.run import run_demo

    keep_serving = sys.stdout.isatty() and not exit_
    raise typer.Exit(
        run_demo(
            recording=recording,
            timeline=timeline,
            transcript=transcript,
            data_dir=data_dir,
            keep_serving=keep_serving,
            console=out,
        )
    )


for command in (
    serve, worker, demo, analyze, annotate, check, status, rescore, backup, restore, models
):  # fmt: skip
    app.command()(command)
for name, group in (
    ("calls", calls_app),
    ("inbox", inbox_app),
    ("keys", keys_app),
    ("db", db_app),
    ("train", train_app),
    ("evaluate", evaluate_app),
):
    app.add_typer(group, name=name)
