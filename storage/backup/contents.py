"""What a backup holds: a list of its files with their checksums, written last."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from storage.errors import BadBackup
from storage.files import write_atomically

CONTENTS = "backup.json"
FORMAT = 1
CHUNK_BYTES = 1 << 20

DATABASE = "rapport.db"
WORKFLOWS = "workflows.db"
DUMP = "postgresql.dump"
"""Of PostgreSQL: one dump with both schemas, in pg_dump's custom format."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file of a backup; the path is relative to the backup's folder."""

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Contents:
    """The list of a backup's files. `database` is "sqlite" or "postgresql"."""

    version: str
    """Of the Rapport that made it."""
    made_at: str
    """ISO 8601, in UTC."""
    database: str
    schema: str
    """Revision of the service's tables."""
    calls: int
    files: tuple[StoredFile, ...]
    format: int = FORMAT

    @property
    def made(self) -> datetime:
        """When the backup was begun."""
        return datetime.fromisoformat(self.made_at).astimezone(UTC)


def write_contents(folder: Path, contents: Contents) -> None:
    """Write the list. Without it a backup counts as unfinished.

    Raises:
        StorageError: it could not be written.
    """
    write_atomically(folder / CONTENTS, json.dumps(asdict(contents), indent=1).encode())


def read_contents(folder: Path) -> Contents:
    """Return the list of a backup's files.

    Raises:
        BadBackup: the folder is no backup, an unfinished one, or its list is damaged.
    """
    try:
        raw = json.loads((folder / CONTENTS).read_bytes())
    except FileNotFoundError as exc:
        raise BadBackup(
            f"{folder} is not a finished backup: it has no {CONTENTS}. "
            "Name the folder that `rapport backup` wrote."
        ) from exc
    except OSError as exc:
        raise BadBackup(f"{folder / CONTENTS} cannot be read: {exc.strerror}.") from exc
    except ValueError as exc:
        raise _damaged_list(folder) from exc
    if isinstance(raw, dict) and isinstance(raw.get("format"), int) and raw["format"] > FORMAT:
        raise BadBackup(
            f"The backup was made by a newer Rapport ({raw.get('version')}): "
            "install that version, and restore with it."
        )
    try:
        contents = Contents(**{**raw, "files": tuple(StoredFile(**file) for file in raw["files"])})
        is_complete = contents.made.year > 0 and contents.database in ("sqlite", "postgresql")
        is_safe = all(_is_inside(file.path) for file in contents.files)
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise _damaged_list(folder) from exc
    if not (is_complete and is_safe):
        raise _damaged_list(folder)
    return contents


def check_files(folder: Path, contents: Contents) -> None:
    """Compare every file of a backup with its checksum.

    Raises:
        BadBackup: a file is missing or differs; the message names it.
    """
    for file in contents.files:
        try:
            found = digest(folder / file.path)
        except OSError as exc:
            raise BadBackup(
                f"The backup is damaged: {file.path} cannot be read ({exc.strerror}). "
                "Use another backup."
            ) from exc
        if found != (file.size_bytes, file.sha256):
            raise BadBackup(
                f"The backup is damaged: {file.path} is not what was saved. Use another backup."
            )


def digest(path: Path) -> tuple[int, str]:
    """Return a file's size in bytes and its SHA-256."""
    total = hashlib.sha256()
    size = 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            total.update(chunk)
            size += len(chunk)
    return size, total.hexdigest()


def is_newer(version: str, than: str) -> bool:
    """Return whether a version such as "0.2.0" comes after another."""
    return _numbers(version) > _numbers(than)


def _numbers(version: str) -> list[int]:
    released = re.match(r"[\d.]*", version)
    return [int(part) for part in (released[0] if released else "").split(".") if part]


def _is_inside(path: str) -> bool:
    parts = Path(path).parts
    return bool(parts) and not Path(path).is_absolute() and ".." not in parts


def _damaged_list(folder: Path) -> BadBackup:
    return BadBackup(f"The backup is damaged: {folder / CONTENTS} cannot be understood.")
