"""Restores a backup into an empty data folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from sqlalchemy import inspect, make_url

from storage import migrate
from storage.backup import postgres
from storage.backup.contents import (
    DATABASE,
    DUMP,
    WORKFLOWS,
    Contents,
    check_files,
    is_newer,
    read_contents,
)
from storage.engine import open_engine, transaction
from storage.errors import BadBackup, StorageError
from storage.files import make_private
from storage.schema.tables import Lease
from storage.workers import leases

IN_ANY_FOLDER = {"lost+found"}
"""What a newly made disk holds."""


def restore_backup(source: Path, data_dir: Path, url: str, *, version: str) -> Contents:
    """Restore both databases and the calls' files, and return what the backup held.

    Everything is checked before anything is written; if writing fails, what was written is removed.

    Args:
        source: the folder that `make_backup` wrote.
        data_dir: a new or empty folder.
        url: SQLAlchemy URL of the service's database; PostgreSQL's has to be empty too.
        version: this version of Rapport.

    Raises:
        BadBackup: no backup, a damaged one, one of a newer version or of the other kind of
            database; or the folder or database is not empty. The message says what to do.
        StorageError: something could not be written.
    """
    contents = read_contents(source)
    if is_newer(contents.version, version) or not migrate.knows(contents.schema):
        raise BadBackup(
            f"The backup was made by a newer Rapport ({contents.version}; this is {version}): "
            "install that version, and restore with it."
        )
    is_sqlite = make_url(url).get_backend_name() == "sqlite"
    if is_sqlite != (contents.database == "sqlite"):
        raise BadBackup(
            "The backup is of a PostgreSQL database: set RAPPORT_DATABASE_URL to an empty one."
            if is_sqlite
            else "The backup is of a SQLite database: unset RAPPORT_DATABASE_URL."
        )
    if data_dir.exists() and not data_dir.is_dir():
        raise BadBackup(f"{data_dir} is a file: set RAPPORT_DATA_DIR to a new or empty folder.")
    found = {path.name for path in data_dir.iterdir()} if data_dir.is_dir() else set()
    if found - IN_ANY_FOLDER:
        raise BadBackup(
            f"{data_dir} is not empty, and a restore replaces nothing: move it away, or set "
            "RAPPORT_DATA_DIR to a new folder."
        )
    if not is_sqlite:
        postgres.check_program("pg_restore")
        postgres.check_is_empty(url)
    check_files(source, contents)
    was_there = data_dir.is_dir()
    try:
        _copy(source, contents, data_dir, url)
        _end_leases(url)
    except BaseException as exc:
        _remove(contents, data_dir, was_there)
        if isinstance(exc, OSError):
            raise StorageError(f"{data_dir} could not be written: {exc.strerror}.") from exc
        raise
    return contents


def _copy(source: Path, contents: Contents, data_dir: Path, url: str) -> None:
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The databases come last: without them nothing can be started on half of a restore.
    databases = (WORKFLOWS, DATABASE, DUMP)
    files = [file.path for file in contents.files if file.path not in databases]
    for path in files:
        target = data_dir / path
        make_private(target.parent)
        shutil.copyfile(source / path, target)
        target.chmod(0o600)
    if contents.database == "postgresql":
        postgres.restore(url, source / DUMP)
        return
    targets = {WORKFLOWS: data_dir / WORKFLOWS, DATABASE: Path(make_url(url).database or "")}
    if targets[DATABASE].exists():
        raise BadBackup(f"{targets[DATABASE]} exists already: move it away.")
    for file in contents.files:
        if file.path in targets:
            make_private(targets[file.path].parent)
            shutil.copyfile(source / file.path, targets[file.path])
            targets[file.path].chmod(0o600)


def _end_leases(url: str) -> None:
    """Let the processes that ran during the backup start at once, or be taken over."""
    engine = open_engine(url)
    try:
        with transaction(engine) as session:
            # The backup of an earlier version has no such table.
            if inspect(session.connection()).has_table(Lease.__tablename__):
                leases.end_all(session)
    finally:
        engine.dispose()


def _remove(contents: Contents, data_dir: Path, was_there: bool) -> None:
    if not was_there:
        shutil.rmtree(data_dir, ignore_errors=True)
        return
    for top in {Path(file.path).parts[0] for file in contents.files}:
        if (data_dir / top).is_dir():
            shutil.rmtree(data_dir / top, ignore_errors=True)
        else:
            (data_dir / top).unlink(missing_ok=True)
