"""Errors from storage.

StorageError
├── Duplicate      a row with this identity already exists
├── Missing        no such row or file
├── BadBackup      a backup that cannot be made or restored so
├── BadCursor      a page cursor that did not come from this service
├── OtherFolder    the data folder is not the one that belongs to the database
└── DatabaseDown   the database did not respond or was locked too long: worth retrying

LeaseLost, a BaseException: another process has taken over this one's calls
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


class OtherFolder(StorageError):
    """The data folder is not the one that belongs to the database; the message says what to do."""


class LeaseLost(BaseException):
    """Another process has taken over this one's calls, so nothing was changed.

    Not an `Exception`: whoever catches those would go on, and the workflow engine would record it
    as the outcome of a step that the other process is in.
    """
