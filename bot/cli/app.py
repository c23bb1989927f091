"""The commands of `rapport`. Each one builds its settings once and passes them down.

Imports stand inside the commands: `rapport --help` must not wait for PyTorch.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
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
    help="Turns Zoom sales calls into evidence a manager can act on, on your own machine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
inbox_app = typer.Typer(help="Webhooks as they arrived.", no_args_is_help=True)
keys_app = typer.Typer(help="Keys for the REST API.", no_args_is_help=True)
db_app = typer.Typer(help="The database schema.", no_args_is_help=True)
app.add_typer(inbox_app, name="inbox")
app.add_typer(keys_app, name="keys")
app.add_typer(db_app, name="db")
app.add_typer(train_app, name="train")
app.add_typer(evaluate_app, name="evaluate")


@contextmanager
def _database() -> Iterator[Engine]:
    """The database of the settings; what it refuses ends the command with one sentence."""
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
    """Run a worker alone: it takes calls from the queue, and answers no requests."""
    from bot.service.run import run_service

    raise typer.Exit(run_service(read_settings(), with_api=False))


@app.command()
def demo(
    recording: Annotated[
        Path | None, typer.Option(help="A recording of your own, instead of the made one.")
    ] = None,
    timeline: Annotated[Path | None, typer.Option(help="Its Zoom TIMELINE (JSON).")] = None,
    transcript: Annotated[Path | None, typer.Option(help="Its transcript (VTT).")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Keep everything in this folder (default: a new one).")
    ] = None,
    exit_: Annotated[
        bool, typer.Option("--exit", help="End when the report is there, also on a terminal.")
    ] = False,
) -> None:
    """Put a call through the whole way, against stand-ins for Zoom and Slack on this machine."""
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
        raise fail(f"--start {start} is no time; write it as 2026-09-10T13:00:05Z.")
    return start_at


@app.command()
def analyze(
    file: Annotated[Path, typer.Argument(help="The recording (MP4, MOV, MKV, …).")],
    timeline: Annotated[Path | None, typer.Option(help="Zoom TIMELINE (JSON).")] = None,
    transcript: Annotated[Path | None, typer.Option(help="Transcript (VTT).")] = None,
    chat: Annotated[Path | None, typer.Option(help="Zoom CHAT (TXT).")] = None,
    participants: Annotated[
        Path | None,
        typer.Option(help="Who was there (JSON), as Zoom's past_meetings/…/participants tells."),
    ] = None,
    participant_audio: Annotated[
        Path | None,
        typer.Option(help='Folder with each person\'s own sound: "NAME.m4a", or as Zoom names it.'),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="When the recording began (2026-09-10T13:00:05Z), for join and leave times.",
        ),
    ] = None,
    profile: Annotated[str | None, typer.Option(help="Scoring profile.")] = None,
    out_dir: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for JSON and PDF (default: beside FILE)."),
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
            help="Small pictures of the moments in the PDF (default: RAPPORT_REPORT_PICTURES).",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Analyse one recording without a database: prints a table, writes JSON and PDF."""
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
        Path | None, typer.Option(help="Who was there (JSON), as for `analyze`.")
    ] = None,
    participant_audio: Annotated[
        Path | None, typer.Option(help="Folder with each person's own sound, as for `analyze`.")
    ] = None,
    start: Annotated[
        str | None, typer.Option(metavar="TIME", help="When the recording began, as for `analyze`.")
    ] = None,
    profile: Annotated[str | None, typer.Option(help="Scoring profile.")] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace an MP4 that exists.")] = False,
) -> None:
    """Write the recording with a box, name and expression at each face, and engagement below.

    One pass: names are those that were certain by that second, so a face is "Person 1" until then.
    A paler box is less sure; "not read" stands at faces too small to tell. With
    RAPPORT_CALLS__SCORE_OWN_SIDE=false all are hidden who are not known to be of the other side.
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
    """Say line by line what is set up and what is missing."""
    from bot.cli.service.check import run_checks

    raise typer.Exit(run_checks(read_settings(), out))


@inbox_app.command("list")
def inbox_list(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, newest first.")] = 20,
) -> None:
    """Show the latest webhooks and what became of them."""
    from storage.delivery import inbox
    from storage.engine import reading

    with _database() as engine, reading(engine) as session:
        rows = inbox.recent(session, limit)
    if not rows:
        out.print("No webhook has come yet.")
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
    """Handle a stored webhook once more; the running service starts it within a few seconds."""
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
    out.print(f"Webhook {id_} will be handled again by the running service.")


@keys_app.command("add")
def keys_add(
    name: Annotated[str, typer.Argument(help="Who or what will use the key.")],
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the key alone.")] = False,
) -> None:
    """Make a key for the REST API. It is shown once and stored hashed."""
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
            raise fail(f"There is a key named {name!r} already; revoke it first.") from exc
    if quiet:
        sys.stdout.write(token + "\n")
    else:
        out.print(Text(token), soft_wrap=True)
        use = f"Shown once. Use it as: Authorization: Bearer {token}"
        out.print(Text(use, style="dim"), soft_wrap=True)


@keys_app.command("list")
def keys_list() -> None:
    """Show the names of the keys and when they were made."""
    from storage.access import keys
    from storage.engine import reading

    with _database() as engine, reading(engine) as session:
        rows = keys.list(session)
    if not rows:
        out.print("There is no key yet; make one with `rapport keys add NAME`.")
        return
    table = Table("name", "made (UTC)", box=box.SIMPLE_HEAD)
    for row in rows:
        table.add_row(Text(row.name), f"{row.created_at:%Y-%m-%d %H:%M}")
    out.print(table)


@keys_app.command("revoke")
def keys_revoke(name: Annotated[str, typer.Argument(help="As `rapport keys list` says.")]) -> None:
    """Make a key useless from now on."""
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
    """Bring the schema up to date (the service does so at start unless RAPPORT_MIGRATE=false)."""
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
    """Say whether the schema is up to date."""
    from storage.errors import StorageError
    from storage.migrate import is_current

    try:
        is_up_to_date = is_current(read_settings().resolved_database_url)
    except StorageError as exc:
        raise fail(str(exc)) from exc
    if not is_up_to_date:
        raise fail("The database schema is missing or old. Run `rapport db upgrade`.")
    out.print("The database is up to date.")


app.command()(models)
