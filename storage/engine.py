"""Opens database engines, and transactions that raise storage's own errors."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
    StatementError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlmodel import Session

from storage.errors import DatabaseDown, Duplicate, Missing, StorageError

BUSY_TIMEOUT_MS = 15_000
"""How long SQLite waits for another writer: longer than any of our transactions."""

BUSY = "The database is not responding: database is locked"

CONNECT_TIMEOUT_S = 5
"""How long PostgreSQL may take to accept a connection."""

IDLE_TIMEOUT_S = 60
"""How long a transaction may stand still on PostgreSQL, by default: one of a frozen process would
keep its locks for ever. No transaction of ours waits for anything but the database and the disk."""


def open_engine(
    url: str, *, foreign_keys: bool = True, idle_timeout_s: int = IDLE_TIMEOUT_S
) -> Engine:
    """Create an engine for a SQLite or PostgreSQL URL, without connecting.

    Creates the folder of a SQLite file. SQLite runs in WAL mode with foreign keys on (migrations
    switch them off, because rebuilding a table would cascade). PostgreSQL connections are tested
    before use, so that callers do not notice a restarted server.

    Raises:
        StorageError: the URL is for another database, or is not a URL.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as exc:
        raise StorageError("The database URL is not valid: check RAPPORT_DATABASE_URL.") from exc
    if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        if parsed.database and parsed.database != ":memory:":
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(
            parsed,
            connect_args={"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False},
        )
        event.listen(engine, "connect", _sqlite_connect(foreign_keys))
        event.listen(engine, "begin", _sqlite_begin)
        _turns[engine] = _Turns()
        return engine
    if parsed.drivername in ("postgresql", "postgresql+psycopg"):
        return create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": CONNECT_TIMEOUT_S,
                "options": f"-c idle_in_transaction_session_timeout={idle_timeout_s}s",
            },
        )
    raise StorageError(
        f"{parsed.drivername} databases are not supported: use sqlite or postgresql."
    )


class _Turns:
    """Whose turn it is to write to a SQLite file, within this process.

    SQLite itself lets writers ask again and again, up to a tenth of a second apart, and whoever
    asks at the right moment is next: one of many may wait for seconds. Here they queue, and an
    urgent one goes before the others.
    """

    def __init__(self) -> None:
        self._queue = threading.Lock()  # at its head is the only one that is not urgent and looks
        self._changed = threading.Condition()
        self._is_taken = False
        self._urgent = 0

    @contextmanager
    def take(self, is_urgent: bool) -> Iterator[None]:
        deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1000
        if not is_urgent and not self._queue.acquire(timeout=BUSY_TIMEOUT_MS / 1000):
            raise DatabaseDown(BUSY)
        try:
            self._wait(is_urgent, deadline)
        finally:
            if not is_urgent:
                self._queue.release()
        try:
            yield
        finally:
            with self._changed:
                self._is_taken = False
                self._changed.notify_all()

    def _wait(self, is_urgent: bool, deadline: float) -> None:
        with self._changed:
            self._urgent += is_urgent
            try:
                is_free = self._changed.wait_for(
                    lambda: not self._is_taken and (is_urgent or not self._urgent),
                    deadline - time.monotonic(),
                )
            finally:
                self._urgent -= is_urgent
            if not is_free:
                self._changed.notify_all()
                raise DatabaseDown(BUSY)
            self._is_taken = True


_turns: WeakKeyDictionary[Engine, _Turns] = WeakKeyDictionary()
"""The SQLite engines of this process."""

Fence = Callable[[Session], None]
_fences: WeakKeyDictionary[Engine, Fence] = WeakKeyDictionary()
"""What each transaction on an engine has to pass first."""


def set_fence(engine: Engine, fence: Fence | None) -> None:
    """Let every transaction on an engine begin with `fence`, which raises if none may be made."""
    if fence is None:
        _fences.pop(engine, None)
    else:
        _fences[engine] = fence


@contextmanager
def transaction(engine: Engine, *, is_urgent: bool = False) -> Iterator[Session]:
    """Open a session that commits at the end, or rolls back if an error leaves the block.

    SQLite takes the write lock at the start, so that a transaction that reads and then writes
    cannot fail because its read is out of date. Rows stay readable afterwards.

    Args:
        engine: the database. Transactions on one engine must not be nested.
        is_urgent: on SQLite, go before the other writers of this process.

    Raises:
        DatabaseDown: the database does not respond or stayed locked; worth retrying.
        Duplicate, Missing: a row with this identity exists, or the row it points to does not.
        StorageError: the database rejected something else.
        LeaseLost: this process may change nothing any more.
    """
    turns = _turns.get(engine)
    with (
        nullcontext() if turns is None else turns.take(is_urgent),
        _mapped_errors(),
        Session(engine, expire_on_commit=False) as session,
        session.begin(),
    ):
        if (fence := _fences.get(engine)) is not None:
            fence(session)
        yield session


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """Open a session for reading: it commits nothing, and on SQLite never waits for a writer.

    Raises:
        DatabaseDown: the database does not respond; worth retrying.
        StorageError: the database rejected something else.
    """
    with (
        _mapped_errors(),
        Session(engine.execution_options(rapport_reads=True), expire_on_commit=False) as session,
    ):
        yield session


def ping(engine: Engine) -> None:
    """Query the database for its schema version.

    Raises:
        DatabaseDown: it does not respond.
        StorageError: it has no schema.
    """
    with reading(engine) as session:
        session.connection().exec_driver_sql("SELECT version_num FROM alembic_version").all()


@contextmanager
def _mapped_errors() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as exc:
        raise map_error(exc) from exc


def map_error(error: SQLAlchemyError) -> StorageError:
    """Return the storage error for a SQLAlchemy error; its text contains no row data."""
    if isinstance(error, PoolTimeout):
        return DatabaseDown("All database connections are in use: try again later.")
    if isinstance(error, StatementError) and not isinstance(error, DBAPIError):
        return StorageError(f"A value could not be stored: {error.orig}")
    if not isinstance(error, DBAPIError):
        return StorageError(f"The database operation failed: {type(error).__name__}.")
    detail = str(error.orig).splitlines()[0] if str(error.orig) else type(error.orig).__name__
    sqlstate = getattr(error.orig, "sqlstate", None)
    if isinstance(error, IntegrityError):
        if sqlstate == "23505" or "UNIQUE constraint" in detail:
            return Duplicate(f"A row with this identity already exists: {detail}")
        if sqlstate == "23503" or "FOREIGN KEY constraint" in detail:
            return Missing(f"The row that this one refers to does not exist: {detail}")
        return StorageError(f"The database rejected a row: {detail}")
    if sqlstate == "42P01" or "no such table" in detail or "no such column" in detail:
        return StorageError("The database schema is not up to date: run `rapport db upgrade`.")
    if isinstance(error, (OperationalError, InterfaceError)) or error.connection_invalidated:
        return DatabaseDown(f"The database is not responding: {detail}")
    return StorageError(f"The database operation failed: {detail}")


def _sqlite_connect(foreign_keys: bool) -> Any:
    def on_connect(connection: sqlite3.Connection, _record: object) -> None:
        # The driver starts its transactions late and not for DDL; ours start in _sqlite_begin.
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")
        # The file remembers the mode; checking first avoids the exclusive lock of setting it.
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            connection.execute("PRAGMA journal_mode = WAL")

    return on_connect


def _sqlite_begin(connection: Connection) -> None:
    reads = connection.get_execution_options().get("rapport_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
