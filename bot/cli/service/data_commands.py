"""The commands about what is stored: webhooks, scores, API keys and the schema."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from bot.cli.terminal import fail, out, read_settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

inbox_app = typer.Typer(help="List and replay stored webhooks.", no_args_is_help=True)
keys_app = typer.Typer(help="Manage keys for the REST API.", no_args_is_help=True)
db_app = typer.Typer(help="Manage the database schema.", no_args_is_help=True)


@contextmanager
def _database() -> Iterator[Engine]:
    """Open the settings' database; a storage error ends the command with a one-line message."""
    from bot.service.data_folder import open_database
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


def rescore(
    call: Annotated[
        str | None, typer.Argument(metavar="CALL", help="The call's id; see `rapport calls list`.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every call that is done.")] = False,
    version: Annotated[
        int | None, typer.Option(help="Version of docs/scoring.md (default: the newest).")
    ] = None,
) -> None:
    """Score stored calls by another version; the running service edits report and message."""
    from bot.pipeline.rescoring import NotDone, request_rescore
    from inference.scoring.profiles import SCORING_VERSION, SCORING_VERSIONS
    from storage.errors import StorageError
    from storage.files import MediaFiles

    wanted = SCORING_VERSION if version is None else version
    if wanted not in SCORING_VERSIONS:
        known = " and ".join(map(str, SCORING_VERSIONS))
        raise fail(f"There is no version {wanted} of the scoring; there are {known}.")
    if (call is None) != all_:
        raise fail("Name one call, or use --all.")
    with _database() as engine:
        files = MediaFiles(read_settings().data_dir / "calls")
        started = 0
        asked = _done_calls(engine) if call is None else [call]
        for call_id in asked:
            try:
                started += request_rescore(engine, files, call_id, wanted) is not None
            except (NotDone, StorageError) as exc:
                if not all_:
                    raise fail(str(exc)) from exc
                out.print(Text(f"{call_id}: {exc}"), soft_wrap=True)
    if all_ and not asked:
        out.print("No call is done yet.")
        return
    if not started:
        out.print(f"Nothing to do: the figures follow version {wanted} already.")
        return
    calls_ = "1 call" if started == 1 else f"{started} calls"
    out.print(f"The running service will score {calls_} by version {wanted}.")


def _done_calls(engine: Engine) -> list[str]:
    """Return the ids of all calls that are done, latest first."""
    from storage.calls import CallFilter, find_calls
    from storage.engine import reading

    ids: list[str] = []
    cursor: str | None = None
    while True:
        with reading(engine) as session:
            page = find_calls(session, CallFilter(status="done"), cursor=cursor, limit=500)
        ids += [call.id for call in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return ids


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
    for row in rows:
        outcome = f"{row.outcome} (late)" if row.is_stale else row.outcome
        line = (
            f"{row.id}  {row.received_at:%Y-%m-%d %H:%M:%S} UTC  {row.event}  {row.call_id or '-'}"
        )
        # Never cut, as a table would be in a pipe: ids are copied into other commands.
        out.print(Text(f"{line}  {outcome}"), soft_wrap=True)


@inbox_app.command("replay")
def inbox_replay(
    id_: Annotated[
        int, typer.Argument(metavar="ID", help="The webhook's id in `rapport inbox list`.")
    ],
) -> None:
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
    from bot.service.data_folder import prepare_data_folder
    from storage.errors import StorageError
    from storage.migrate import upgrade

    settings = read_settings()
    try:
        prepare_data_folder(settings.data_dir)
        upgrade(settings.resolved_database_url)
    except (StorageError, OSError) as exc:
        raise fail(str(exc)) from exc
    out.print("The database is up to date.")


@db_app.command("status")
def db_status() -> None:
    """Check whether the schema is up to date."""
    from storage.errors import StorageError
    from storage.migrate import schema_problem

    try:
        problem = schema_problem(read_settings().resolved_database_url)
    except StorageError as exc:
        raise fail(str(exc)) from exc
    if problem:
        raise fail(problem)
    out.print("The database is up to date.")
