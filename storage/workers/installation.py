"""Which data folder belongs to a database: the one with the marker file that the database names.

Calls are half in the database and half in files. A process that saw another folder would take
calls from the queue and leave their files where nobody finds them.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from sqlalchemy import Engine, inspect
from sqlmodel import Session

from storage.engine import reading, transaction
from storage.errors import OtherFolder
from storage.files import kept_text
from storage.schema.tables import Installation
from storage.schema.upsert import insert_or_ignore

MARKER = "installation"
"""The marker file, which holds the folder's random id."""


def claim_folder(engine: Engine, data_dir: Path) -> str:
    """Return the id of the data folder, after checking that it is the database's.

    A database that names no folder yet, because it is new or of an earlier version, gets this one.

    Raises:
        OtherFolder: another folder belongs to the database.
    """
    with transaction(engine) as session:
        if session.get(Installation, 1) is None:
            folder_id = kept_text(data_dir / MARKER, lambda: secrets.token_hex(4))
            new = {"position": 1, "folder_id": folder_id}
            session.exec(insert_or_ignore(session, Installation, [new]))
    with reading(engine) as session:
        check_folder(session, data_dir)
        known = session.get(Installation, 1)
    assert known is not None, "the row was written above"
    return known.folder_id


def check_folder(session: Session, data_dir: Path) -> None:
    """Check that a data folder is the one that the database names, if it names one.

    Raises:
        OtherFolder: it is another.
    """
    if not inspect(session.connection()).has_table(Installation.__tablename__):
        return  # a database of an earlier version, which is not upgraded yet
    known = session.get(Installation, 1)
    if known is not None:
        check_marker(data_dir, known.folder_id)


def check_marker(data_dir: Path, folder_id: str) -> None:
    """Check that a data folder has an id, without asking the database.

    Raises:
        OtherFolder: it has another, or none: it is not mounted, or was moved or deleted.
    """
    marker = data_dir / MARKER
    try:
        found = marker.read_text().strip()
    except (OSError, UnicodeDecodeError):
        found = ""
    if found != folder_id:
        raise OtherFolder(
            f"{data_dir} is not the data folder of this database: set RAPPORT_DATA_DIR to the "
            "folder that the other processes use (if this is it, mount its disk; if only its "
            f"marker is lost, write {folder_id} into {marker})."
        )
