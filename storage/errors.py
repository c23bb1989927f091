"""What can go wrong in storage.

StorageError
├── Duplicate      a row with this identity exists already
├── Missing        no such row or file
├── BadCursor      a page cursor that this service did not give
└── DatabaseDown   the database did not answer or was locked too long: worth another try
"""

from __future__ import annotations


class StorageError(Exception):
    """Any failure of storage. Positional arguments only, so that pickling keeps them."""


class Duplicate(StorageError):
    """A row with this identity exists already."""


class Missing(StorageError):
    """No such row or file."""


class BadCursor(StorageError):
    """A page cursor that this service did not give."""


class DatabaseDown(StorageError):
    """The database did not answer, or stayed locked past its timeout."""
