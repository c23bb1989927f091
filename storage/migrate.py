"""Migrates a database's schema to the current version."""

from __future__ import annotations

from pathlib import Path

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from alembic import command
from storage.engine import map_error, open_engine
from storage.errors import StorageError

ADVISORY_LOCK = 0x52415050
"""Key of the PostgreSQL lock held while migrating: "RAPP"."""


def scripts_folder() -> Path:
    """Return the folder of the migrations, in the installed package or in the repository."""
    here = Path(__file__).resolve().parent
    # In an installed wheel ../alembic is the library, which does not have our env.py.
    for folder in (here / "_alembic", here.parent / "alembic"):
        if (folder / "env.py").is_file() and (folder / "versions").is_dir():
            return folder
    raise StorageError("The migrations are missing from this installation: reinstall rapport.")


def alembic_config(connection: Connection | None = None) -> Config:
    """Build alembic's configuration for an open connection, without an ini file."""
    config = Config()
    config.set_main_option("script_location", str(scripts_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def upgrade(url: str, revision: str = "head") -> None:
    """Migrate the schema to a revision, in one transaction.

    Two processes may do this at once: the second waits, then finds nothing to do.

    Raises:
        DatabaseDown: the database does not respond; worth retrying.
        StorageError: the database was made by a newer version of Rapport.
    """
    engine = open_engine(url, foreign_keys=False)
    try:
        # On SQLite, starting the transaction takes the lock (BEGIN IMMEDIATE).
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(
                    text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK}
                )
            command.upgrade(alembic_config(connection), revision)
    except SQLAlchemyError as exc:
        raise map_error(exc) from exc
    except CommandError as exc:
        raise StorageError(
            f"The database cannot be migrated ({exc}): a newer Rapport probably created it."
        ) from exc
    finally:
        engine.dispose()


def is_current(url: str) -> bool:
    """Return whether the schema is the one this version needs. Creates nothing.

    Raises:
        DatabaseDown: the database does not respond.
        StorageError: the URL is not valid.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as exc:
        raise StorageError("The database URL is not valid: check RAPPORT_DATABASE_URL.") from exc
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
        return False
    return {revision(url)} == set(ScriptDirectory.from_config(alembic_config()).get_heads())


def schema_problem(url: str) -> str | None:
    """Return what is wrong with the schema and what to do, in sentences; None = it is current.

    Creates nothing.

    Raises:
        DatabaseDown: the database does not respond.
        StorageError: the URL is not valid.
    """
    if is_current(url):
        return None
    path = make_url(url).database or ""
    if make_url(url).get_backend_name() == "sqlite" and not Path(path).is_file():
        return (
            f"There is no database at {path}: run this in the folder that the service is started "
            "in, or set RAPPORT_DATA_DIR. For a new installation, `rapport serve` or "
            "`rapport db upgrade` makes it."
        )
    found = revision(url)
    if found is None:
        return (
            "The database is empty: check RAPPORT_DATABASE_URL. For a new installation, "
            "`rapport serve` or `rapport db upgrade` fills it."
        )
    if not knows(found):
        return (
            f"A newer Rapport made the database (schema {found}): install that version, or restore "
            "a backup from before."
        )
    return (
        "The database is of an earlier version: stop the service, then `rapport serve` or "
        "`rapport db upgrade` upgrades it."
    )


def revision(url: str) -> str | None:
    """Return the revision of a database's schema; None if it has no tables yet.

    Raises:
        DatabaseDown: the database does not respond.
    """
    engine = open_engine(url)
    try:
        with engine.execution_options(rapport_reads=True).connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    except SQLAlchemyError as exc:
        raise map_error(exc) from exc
    finally:
        engine.dispose()


def knows(revision: str) -> bool:
    """Return whether this version has a revision; if not, a newer version made it."""
    scripts = ScriptDirectory.from_config(alembic_config())
    return revision in {script.revision for script in scripts.walk_revisions()}
