"""The commands of `rapport`. Each one reads the settings once and passes them down.

Imports are inside the commands, so that `rapport --help` does not wait for PyTorch.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from bot.cli.networks.commands import evaluate_app, models, train_app
from bot.cli.terminal import fail, out, read_settings

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Engine

app = typer.Typer(
    name="rapport",
    help="Turn Zoom sales calls into evidence a manager can act on, on your own machine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
inbox_app = typer.Typer(help="List and replay stored webhooks.", no_args_is_help=True)
keys_app = typer.Typer(help="Manage keys for the REST API.", no_args_is_help=True)
db_app = typer.Typer(help="Manage the database schema.", no_args_is_help=True)
app.add_typer(inbox_app, name="inbox")
app.add_typer(keys_app, name="keys")
app.add_typer(db_app, name="db")
app.add_typer(train_app, name="train")
app.add_typer(evaluate_app, name="evaluate")


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


@contextmanager
def _database() -> Iterator[Engine]:
    """Open the settings' database; a storage error ends the command with a one-line message."""
    from bot.service.run import open_database
    from storage.errors import StorageError

    settings = read_settings()
    try:
        with open_database(settings) as engine:
            yield engine
    except StorageError as exc:
        raise fail(str(exc)) from exc
    except OSError as exc:
        raise fail(
            f"{settings.data_dir} cannot be used ({exc.strerror}): set RAPPORT_DATA_DIR."
        ) from exc


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on.")] = None,
) -> None:
    """Run the API, the webhook, the worker and the schedules in one process."""
    from bot.service.run import run_service

    settings = read_settings()
    changes = {k: v for k, v in {"host": host, "port": port}.items() if v is not None}
    raise typer.Exit(run_service(settings.model_copy(update=changes), with_api=True))


@app.command()
def worker() -> None:
    """Run only a worker: it takes calls from the queue and serves no requests."""
    from bot.service.run import run_service

    raise typer.Exit(run_service(read_settings(), with_api=False))


@app.command()
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


def _start_time(start: str | None) -> datetime | None:
    from integrations.zoom.text import moment

    start_at = moment(start)
    if start and start_at is None:
        raise fail(f"--start {start} is not a time; write it as 2026-09-10T13:00:05Z.")
    return start_at


@app.command()
def analyze(
    file: Annotated[Path, typer.Argument(help="The recording (MP4, MOV, MKV, …).")],
    timeline: Annotated[Path | None, typer.Option(help="Zoom TIMELINE (JSON).")] = None,
    transcript: Annotated[Path | None, typer.Option(help="Transcript (VTT).")] = None,
    chat: Annotated[Path | None, typer.Option(help="Zoom CHAT (TXT).")] = None,
    participants: Annotated[
        Path | None,
        typer.Option(
            help="Participants (JSON), as returned by Zoom's past_meetings/…/participants."
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
            help="When the recording started (2026-09-10T13:00:05Z), for join and leave times.",
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


@app.command()
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
        Path | None, typer.Option(help="Participants (JSON), as for `analyze`.")
    ] = None,
    participant_audio: Annotated[
        Path | None, typer.Option(help="Folder with each person's own audio, as for `analyze`.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="When the recording started, as for `analyze`."),
    ] = None,
    profile: Annotated[str | None, typer.Option(help="Scoring profile.")] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing MP4.")] = False,
) -> None:
    """Write the recording with a box, name and expression on each face, and engagement below.

    Works in one pass: a face is "Person 1" until its name is certain. A paler box means less
    certainty; "not read" marks faces that are too small to classify. With
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
            settings=read_settings(),
        )
    )


@app.command()
def check() -> None:
    """Check the setup, and list what is configured and what is missing."""
    from bot.cli.service.check import run_checks

    raise typer.Exit(run_checks(read_settings(), out))


@inbox_app.command("list")
def inbox_list(
    limit: Annotated[
        int, typer.Option(min=1, max=10_000, help="Number of webhooks to show, newest first.")
    ] = 20,
) -> None:
    """Show the latest webhooks and their outcomes."""
    from storage.delivery import inbox
    from storage.engine import reading

    with _database() as engine, reading(engine) as session:
        rows = inbox.recent(session, limit)
    if not rows:
        out.print("No webhooks have arrived yet.")
        return
    table = Table("id", "received (UTC)", "event", "outcome", "call", box=box.SIMPLE_HEAD)
    for row in rows:
        table.add_row(
            str(row.id),
            f"{row.received_at:%Y-%m-%d %H:%M:%S}",
            Text(row.event),
            Text(f"{row.outcome} (late)" if row.is_stale else row.outcome),
            Text(row.call_id or ""),
        )
    out.print(table)


@inbox_app.command("replay")
def inbox_replay(id_: Annotated[int, typer.Argument(metavar="ID")]) -> None:
    """Process a stored webhook again; the running service picks it up within a few seconds."""
    from storage.delivery import inbox
    from storage.engine import transaction
    from storage.errors import Missing

    with _database() as engine:
        try:
            with transaction(engine) as session:
                if inbox.get(session, id_).outcome == "deleted":
                    raise fail(f"Webhook {id_} was emptied when its call was deleted.")
                inbox.mark(session, id_, inbox.PENDING)
        except Missing as exc:
            raise fail(f"There is no webhook {id_}; see `rapport inbox list`.") from exc
    out.print(f"The running service will process webhook {id_} again.")


@keys_app.command("add")
def keys_add(
    name: Annotated[str, typer.Argument(help="Who or what will use the key.")],
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only the key.")] = False,
) -> None:
    """Create a key for the REST API. It is shown once and stored hashed."""
    from storage.access import keys
    from storage.engine import transaction
    from storage.errors import Duplicate

    if not name.strip():
        raise fail("A key needs a name: who or what will use it.")
    with _database() as engine:
        try:
            with transaction(engine) as session:
                token = keys.create(session, name.strip())
        except Duplicate as exc:
            raise fail(f"There is already a key named {name!r}; revoke it first.") from exc
    if quiet:
        sys.stdout.write(token + "\n")
    else:
        out.print(Text(token), soft_wrap=True)
        use = f"Shown once. Use it as: Authorization: Bearer {token}"
        out.print(Text(use, style="dim"), soft_wrap=True)


@keys_app.command("list")
def keys_list() -> None:
    """Show the names of the keys and when they were created."""
    from storage.access import keys
    from storage.engine import reading

    with _database() as engine, reading(engine) as session:
        rows = keys.list(session)
    if not rows:
        out.print("There are no keys yet; create one with `rapport keys add NAME`.")
        return
    table = Table("name", "created (UTC)", box=box.SIMPLE_HEAD)
    for row in rows:
        table.add_row(Text(row.name), f"{row.created_at:%Y-%m-%d %H:%M}")
    out.print(table)


@keys_app.command("revoke")
def keys_revoke(
    name: Annotated[str, typer.Argument(help="The key's name, as in `rapport keys list`.")],
) -> None:
    """Revoke a key: it stops working at once."""
    from storage.access import keys
    from storage.engine import transaction
    from storage.errors import Missing

    with _database() as engine:
        try:
            with transaction(engine) as session:
                keys.revoke(session, name)
        except Missing as exc:
            raise fail(f"There is no key named {name!r}; see `rapport keys list`.") from exc
    out.print(Text(f"The key {name!r} no longer works."))


@db_app.command("upgrade")
def db_upgrade() -> None:
    """Upgrade the schema (the service does so at startup unless RAPPORT_MIGRATE=false)."""
    from storage.errors import StorageError
    from storage.migrate import upgrade

    settings = read_settings()
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        upgrade(settings.resolved_database_url)
    except (StorageError, OSError) as exc:
        raise fail(str(exc)) from exc
    out.print("The database is up to date.")


@db_app.command("status")
def db_status() -> None:
    """Check whether the schema is up to date."""
    from storage.errors import StorageError
    from storage.migrate import is_current

    try:
        is_up_to_date = is_current(read_settings().resolved_database_url)
    except StorageError as exc:
        raise fail(str(exc)) from exc
    if not is_up_to_date:
        raise fail("The database schema is missing or out of date. Run `rapport db upgrade`.")
    out.print("The database is up to date.")


app.command()(models)
