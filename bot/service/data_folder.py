"""The data folder and the database: made for the service's user alone, and brought up to date."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from bot.settings import Settings
from storage import migrate
from storage.engine import open_engine
from storage.files import OTHERS, tighten

log = logging.getLogger(__name__)


@contextmanager
def open_database(settings: Settings) -> Iterator[Engine]:
    """Open the settings' database, upgrading its schema unless that is turned off."""
    prepare_data_folder(settings.data_dir)
    if settings.migrate:
        migrate.upgrade(settings.resolved_database_url)
    # Of a frozen process, transactions end when its lease does: both would hold up the takeover.
    engine = open_engine(settings.resolved_database_url, idle_timeout_s=settings.takeover_s)
    try:
        yield engine
    finally:
        engine.dispose()


def prepare_data_folder(folder: Path) -> None:
    """Create the data folder if it is missing, and keep other users out of all that is in it.

    From then on this process creates files and folders without rights for anyone but its user. An
    existing folder loses the rights of its group and of others, with everything in it. Where that
    is not possible, or the folder has other uses (`/`, the home folder, a folder like `/tmp`), a
    warning says what to do.

    Raises:
        OSError: the folder cannot be created.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)  # above the data folder, the rights are usual
    os.umask(OTHERS)
    folder.mkdir(exist_ok=True)
    if not is_open_to_others(folder):
        return
    if has_other_uses(folder) or tighten(folder):
        log.warning(
            "Other users of this computer can read parts of %s: give Rapport a folder of its own, "
            "and run chmod -R go-rwx on it",
            folder,
        )


def is_open_to_others(folder: Path) -> bool:
    """Return whether anyone but the owner has any right to a folder."""
    return bool(folder.stat().st_mode & OTHERS)


def has_other_uses(folder: Path) -> bool:
    """Return whether a folder's rights are not Rapport's to change."""
    real = folder.resolve()
    is_shared = bool(real.stat().st_mode & stat.S_ISVTX)  # as /tmp
    return is_shared or real in (Path(real.anchor), Path.home().resolve())
