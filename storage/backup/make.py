"""Makes a backup, also while the service runs.

The order is: the workflow engine's database, then the service's, then the calls' files. So the
engine's copy is never ahead: it repeats a step that the service's copy already knows, and every
step may run twice. The other way round, the engine would take a run for finished whose call is
still `queued`. PostgreSQL dumps both at one moment.

A run between fetching and analysing needs its recording, and a call that finished during the copy
has deleted it. Then everything that changed is copied again.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, create_engine, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from storage import migrate
from storage.backup import postgres, unfinished
from storage.backup.contents import (
    DATABASE,
    DUMP,
    WORKFLOWS,
    Contents,
    StoredFile,
    digest,
    write_contents,
)
from storage.engine import BUSY_TIMEOUT_MS, map_error
from storage.errors import BadBackup, StorageError
from storage.files import TEMPORARY, make_private
from storage.workers.installation import MARKER, check_folder

TRIES = 5
SECONDS_BETWEEN_TRIES = 1.0
KEPT = ("link-secret", MARKER)
"""Small files of the data folder: what signs links, and what ties the folder to the database."""
Read = Callable[[Connection], list[str]]


@dataclass(frozen=True, slots=True)
class Made:
    """A finished backup; `without_recording` are calls in progress whose recording it lacks."""

    contents: Contents
    without_recording: tuple[str, ...]

    @property
    def size_bytes(self) -> int:
        """Size of all its files."""
        return sum(file.size_bytes for file in self.contents.files)


def make_backup(
    data_dir: Path, target: Path, url: str, *, version: str, with_recordings: bool = False
) -> Made:
    """Copy both databases and the calls' files into a new or empty folder.

    Recordings are copied of the calls in progress, or with `with_recordings` of all that have one.

    Args:
        data_dir: the service's data folder.
        target: the backup's folder. If something fails, what was written there is removed.
        url: SQLAlchemy URL of the service's database.
        version: the version of Rapport, kept with the backup.

    Raises:
        BadBackup: the folder is in use or in the data folder, or there is nothing to back up.
        OtherFolder: the data folder is not the one that belongs to the database.
        StorageError: something could not be read or written.
    """
    is_sqlite = make_url(url).get_backend_name() == "sqlite"
    _check_target(target, data_dir)
    if is_sqlite and not _file_of(url).is_file():
        raise BadBackup(
            f"There is nothing to back up: {_file_of(url)} does not exist. Check RAPPORT_DATA_DIR."
        )
    was_there = target.is_dir()
    try:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        target.chmod(0o700)
        copy = _Copy(data_dir, target, url, is_sqlite, with_recordings)
        made_at = datetime.now(UTC)
        lacking = copy.all()
        contents = Contents(
            version=version,
            made_at=made_at.isoformat(timespec="seconds"),
            database="sqlite" if is_sqlite else "postgresql",
            schema=copy.schema,
            calls=copy.calls,
            files=tuple(copy.stored()),
        )
        write_contents(target, contents)
    except BaseException as exc:
        _empty(target, was_there)
        if isinstance(exc, OSError):
            raise StorageError(
                f"The backup could not be written to {target}: {exc.strerror}."
            ) from exc
        if isinstance(exc, sqlite3.Error):
            raise StorageError(f"A database could not be copied: {exc}.") from exc
        raise
    return Made(contents, tuple(lacking))


class _Copy:
    def __init__(
        self, data_dir: Path, target: Path, url: str, is_sqlite: bool, with_recordings: bool
    ) -> None:
        self._data_dir = data_dir
        self._target = target
        self._url = url
        self._is_sqlite = is_sqlite
        self._with_recordings = with_recordings
        self._copied: dict[str, tuple[tuple[int, int], StoredFile]] = {}
        self.schema = ""
        self.calls = 0

    def all(self) -> list[str]:
        """Copy everything, and return the calls in progress whose recording is missing."""
        lacking: list[str] = []
        for attempt in range(TRIES):
            if attempt:
                time.sleep(SECONDS_BETWEEN_TRIES)
            needing = self._databases()
            self._files()
            saved = {path.removeprefix("calls/") for path in self._copied}
            with self._service() as connection:
                lacking = unfinished.lacking_recording(connection, needing, saved)
            if not lacking:
                break
        return lacking

    def stored(self) -> Iterator[StoredFile]:
        for name in (WORKFLOWS, DATABASE, DUMP):
            if (self._target / name).exists():
                yield StoredFile(name, *digest(self._target / name))
        for _, file in self._copied.values():
            yield file

    def _databases(self) -> set[str]:
        """Copy both databases; return the calls whose run needs the recording."""
        if not self._is_sqlite:
            before = self._needing_in_postgres()
            postgres.dump(self._url, self._target / DUMP)
            self._read_service()
            return before | self._needing_in_postgres()
        needing: set[str] = set()
        if (self._data_dir / WORKFLOWS).is_file():
            _copy_sqlite(self._data_dir / WORKFLOWS, self._target / WORKFLOWS)
            with _open(f"sqlite:///{self._target / WORKFLOWS}") as workflows:
                needing = set(unfinished.between_fetch_and_analyse(workflows))
        _copy_sqlite(_file_of(self._url), self._target / DATABASE)
        self._read_service()
        return needing

    def _read_service(self) -> None:
        self.schema = migrate.revision(self._read_url()) or ""
        if not self.schema:
            raise BadBackup("There is nothing to back up: the database has no tables yet.")
        with self._service() as connection, Session(connection) as session:
            check_folder(session, self._data_dir)

    def _needing_in_postgres(self) -> set[str]:
        with self._service() as connection:
            has_engine = connection.exec_driver_sql(
                "SELECT to_regclass('dbos.workflow_status')"
            ).scalar()
            if not has_engine:
                return set()
            return set(unfinished.between_fetch_and_analyse(connection, "dbos."))

    def _read_url(self) -> str:
        return f"sqlite:///{self._target / DATABASE}" if self._is_sqlite else self._url

    @contextmanager
    def _service(self) -> Iterator[Connection]:
        with _open(self._read_url()) as connection:
            yield connection

    def _files(self) -> None:
        with self._service() as connection:
            known = unfinished.all_calls(connection)
            with_media = set(
                known if self._with_recordings else unfinished.unfinished_calls(connection)
            )
        self.calls = len(known)
        wanted = [self._data_dir / name for name in KEPT]
        for call_id in known:
            folder = self._data_dir / "calls" / call_id
            for parent, folders, names in os.walk(folder):
                if Path(parent) == folder and call_id not in with_media and "media" in folders:
                    folders.remove("media")
                wanted += [Path(parent, name) for name in names if not name.startswith(TEMPORARY)]
        found = set()
        for path in wanted:
            name = path.relative_to(self._data_dir).as_posix()
            if self._file(path, name):
                found.add(name)
        for name in self._copied.keys() - found:  # Deleted meanwhile, on purpose.
            (self._target / name).unlink(missing_ok=True)
            del self._copied[name]

    def _file(self, path: Path, name: str) -> bool:
        """Copy a file unless it is copied and unchanged; return False if it is gone."""
        target = self._target / name
        try:
            stat = path.stat()
            state = (stat.st_size, stat.st_mtime_ns)
            if name in self._copied and self._copied[name][0] == state:
                return True
            if not path.is_file():
                return False
            make_private(target.parent)
            shutil.copyfile(path, target)
        except FileNotFoundError:
            return False
        target.chmod(0o600)
        self._copied[name] = (state, StoredFile(name, *digest(target)))
        return True


def _copy_sqlite(source: Path, target: Path) -> None:
    """Copy a SQLite database as it is at one moment, while others write to it."""
    target.unlink(missing_ok=True)
    target.touch(mode=0o600)
    with (
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True)) as live,
        closing(sqlite3.connect(target)) as copy,
    ):
        live.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        live.backup(copy)
        found = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise StorageError(f"{source} is damaged ({found}): restore an earlier backup.")
        # One file then holds everything; the service switches back when it opens it.
        copy.execute("PRAGMA journal_mode = DELETE")


@contextmanager
def _open(url: str) -> Iterator[Connection]:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError as exc:
        raise map_error(exc) from exc
    finally:
        engine.dispose()


def _file_of(url: str) -> Path:
    return Path(make_url(url).database or "")


def _check_target(target: Path, data_dir: Path) -> None:
    if target.resolve().is_relative_to(data_dir.resolve()):
        raise BadBackup(
            f"{target} is in the data folder, and would be lost with it: name another folder."
        )
    if target.exists() and not target.is_dir():
        raise BadBackup(f"{target} is a file: name a new or empty folder.")
    if target.is_dir() and any(target.iterdir()):
        raise BadBackup(f"{target} is not empty: name a new or empty folder.")


def _empty(target: Path, was_there: bool) -> None:
    """Remove what was written, and the folder too if it was made for it."""
    if not was_there:
        shutil.rmtree(target, ignore_errors=True)
        return
    for path in target.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
