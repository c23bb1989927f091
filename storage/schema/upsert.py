"""INSERT … ON CONFLICT, which SQLite and PostgreSQL share but SQLAlchemy has in two places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session

from storage.schema.tables import Table


def insert_or_ignore(
    session: Session, table: type[Table], rows: Sequence[Mapping[str, Any]]
) -> postgresql.Insert | sqlite.Insert:
    """Build a statement that inserts rows and skips those that conflict with any existing row."""
    return _insert(session, table).values(list(rows)).on_conflict_do_nothing()


def insert_or_update(
    session: Session, table: type[Table], row: Mapping[str, Any], keys: Sequence[str]
) -> postgresql.Insert | sqlite.Insert:
    """Build a statement that inserts a row, or updates the existing row with the same keys."""
    changes = {name: value for name, value in row.items() if name not in keys}
    return (
        _insert(session, table)
        .values(dict(row))
        .on_conflict_do_update(index_elements=list(keys), set_=changes)
    )


def _insert(session: Session, table: type[Table]) -> postgresql.Insert | sqlite.Insert:
    if session.get_bind().dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)
