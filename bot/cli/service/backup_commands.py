"""The commands that save and restore everything the service keeps."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from bot.cli.terminal import fail, out, read_settings, say


def backup(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A new or empty folder, on another disk.")
    ],
    recordings: Annotated[
        bool,
        typer.Option("--recordings", help="Also copy the recordings of calls that are done."),
    ] = False,
) -> None:
    """Save the databases and the calls' files; the service may keep running.

    It holds all that `rapport restore` needs, also recordings of calls in progress.

    Keep it private: it contains the names, words and scores of all calls.
    """
    from storage.backup.make import make_backup
    from storage.errors import StorageError

    settings = read_settings()
    try:
        made = make_backup(
            settings.data_dir,
            folder,
            settings.resolved_database_url,
            version=metadata.version("rapport"),
            with_recordings=recordings,
        )
    except StorageError as exc:
        raise fail(str(exc)) from exc
    for call_id in made.without_recording:
        say(
            call_id,
            "its recording is not on disk, so it fails after a restore; then analyse it again",
        )
    calls = made.contents.calls
    out.print(
        Text(
            f"Saved {calls} call{'' if calls == 1 else 's'} ({made.size_bytes / 1e6:.1f} MB) in "
            f"{folder}. `rapport restore {folder}` puts them into an empty data folder."
        ),
        soft_wrap=True,
    )


def restore(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder that `rapport backup` wrote.")
    ],
) -> None:
    """Restore a backup into RAPPORT_DATA_DIR, which has to be new or empty.

    With PostgreSQL, the database in RAPPORT_DATABASE_URL has to be empty too.

    Calls that were in progress go on when the service starts.

    To go back to a backup, stop the service and move the old data folder away first.
    """
    from storage.backup.restore import restore_backup
    from storage.errors import StorageError

    settings = read_settings()
    try:
        contents = restore_backup(
            folder,
            settings.data_dir,
            settings.resolved_database_url,
            version=metadata.version("rapport"),
        )
    except StorageError as exc:
        raise fail(str(exc)) from exc
    calls = contents.calls
    out.print(
        Text(
            f"Restored {calls} call{'' if calls == 1 else 's'} as of {contents.made:%Y-%m-%d %H:%M}"
            f" UTC into {settings.data_dir}. Start the service with `rapport serve`, as the user "
            "that owns that folder. Calls that were in progress then go on, and within "
            "RAPPORT_RECONCILE_HOURS Zoom is asked for recordings that are missing."
        ),
        soft_wrap=True,
    )
