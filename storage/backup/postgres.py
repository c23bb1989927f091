"""PostgreSQL's own programs for dumps. One dump is one moment of both schemas."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from sqlalchemy import make_url, text

from storage.engine import open_engine, reading
from storage.errors import BadBackup

INSTALL = "install PostgreSQL's client programs (on Debian: apt install postgresql-client)"


def dump(url: str, target: Path) -> None:
    """Write a dump of a database with `pg_dump`.

    Raises:
        BadBackup: there is no pg_dump, or it refused; the message says what to do.
    """
    _run(url, "pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={target}")


def restore(url: str, source: Path) -> None:
    """Read a dump into an empty database with `pg_restore`, all of it or nothing.

    Raises:
        BadBackup: there is no pg_restore, or it refused; the message says what to do.
    """
    _run(
        url, "pg_restore", "--no-owner", "--no-privileges", "--exit-on-error",
        "--single-transaction", str(source),
    )  # fmt: skip


def check_is_empty(url: str) -> None:
    """Check that a database has no tables.

    Raises:
        BadBackup: it has some.
        DatabaseDown: it does not respond.
    """
    query = """
        SELECT count(*) FROM information_schema.tables
        WHERE table_schema NOT IN ('pg_catalog', 'information_schema')
    """
    engine = open_engine(url)
    try:
        with reading(engine) as session:
            found = session.connection().execute(text(query)).scalar_one()
    finally:
        engine.dispose()
    if found:
        raise BadBackup(
            f"The database {make_url(url).database} is not empty: make a new one with createdb, "
            "and name it in RAPPORT_DATABASE_URL."
        )


def check_program(name: str) -> None:
    """Check that one of PostgreSQL's programs is installed.

    Raises:
        BadBackup: it is not.
    """
    if shutil.which(name) is None:
        raise BadBackup(f"{name} is missing: {INSTALL}, as new as the server or newer.")


def _run(url: str, program: str, *options: str) -> None:
    check_program(program)
    parsed = make_url(url).set(drivername="postgresql")
    # Other users of the computer can read a program's arguments, but not its environment.
    environment = dict(os.environ)
    if parsed.password is not None:
        environment["PGPASSWORD"] = str(parsed.password)
        parsed = parsed._replace(password=None)
    address = parsed.render_as_string(hide_password=False)
    done = subprocess.run(
        [program, f"--dbname={address}", *options],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if "error" in line] or [done.stderr]
        raise BadBackup(
            f"{program} failed: {said[0].strip()} "
            "It has to be as new as the server or newer, and to reach RAPPORT_DATABASE_URL."
        )
