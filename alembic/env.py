"""Connects migrations to the database: by the caller's connection, or `-x url=…` by hand."""

from __future__ import annotations

from sqlalchemy import Connection

from alembic import context
from storage.engine import open_engine
from storage.schema.columns import CleanText, Json, UtcDateTime
from storage.schema.tables import Table

DEVELOPMENT_URL = "sqlite:///var/rapport.db"
RENDERED = {
    CleanText: "sa.Text()",
    Json: "sa.JSON()",
    UtcDateTime: "sa.DateTime(timezone=True)",
}
"""Migrations use plain types, so that they do not change when our classes do."""


def render_item(kind: str, item: object, _context: object) -> str | bool:
    """Render our column types as the plain types that they store."""
    if kind == "type" and type(item).__module__ == "sqlmodel.sql.sqltypes":
        return "sa.Text()"
    return RENDERED.get(type(item), False) if kind == "type" else False


def migrate(connection: Connection) -> None:
    """Run the migrations in one transaction, on SQLite too."""
    context.configure(
        connection=connection,
        target_metadata=Table.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        transactional_ddl=True,
        render_item=render_item,
    )
    with context.begin_transaction():
        context.run_migrations()


def main() -> None:
    """Migrate over the caller's connection, or over a new one."""
    given = context.config.attributes.get("connection")
    if given is not None:
        migrate(given)
        return
    url = context.get_x_argument(as_dictionary=True).get("url", DEVELOPMENT_URL)
    engine = open_engine(url, foreign_keys=False)
    with engine.begin() as connection:
        migrate(connection)
    engine.dispose()


main()
