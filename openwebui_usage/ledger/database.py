"""Transactions and migrations on an engine that is somebody else's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, insert, select, text

from openwebui_usage.ledger.schema import metadata, usage_revision

_MIGRATIONS = Path(__file__).with_name("migrations")
_LOCK = 0x6F777573  # "owus": one number for PostgreSQL's advisory lock


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes: committed at the end, rolled back on any error.

    On SQLite it takes the write lock at once. Python's driver would otherwise begin as a reader and fail with
    "database is locked", without waiting, where another process wrote in between.
    """
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.rollback()
            raise
        connection.commit()


def migrate(engine: Engine, schema: str | None = None) -> None:
    """Bring our tables to the newest revision. Workers that start at once wait for one another."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["schema"] = schema
    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        # A table that somebody dropped comes back empty: an unwritable ledger would help nobody.
        metadata.create_all(connection)
        if connection.execute(select(usage_revision.c.value)).first() is None:
            connection.execute(insert(usage_revision), {"name": "groups", "value": 0})
