"""Errors from storage.

StorageError
├── Duplicate      a row with this identity already exists
├── Missing        no such row or file
├── BadBackup      a backup that cannot be made or restored so
├── BadCursor      a page cursor that did not come from this service
└── DatabaseDown   the database did not respond or was locked too long: worth retrying
"""

from __future__ import annotations


class StorageError(Exception):
    """Any failure of storage. Takes positional arguments only, so that it pickles."""


class Duplicate(StorageError):
    """A row with this identity already exists."""


class Missing(StorageError):
    """No such row or file."""


class BadBackup(StorageError):
    """A backup cannot be made or restored in this way; the message says what to do."""


class BadCursor(StorageError):
    """The page cursor did not come from this service."""


class DatabaseDown(StorageError):
    """The database did not respond, or stayed locked past its timeout."""
