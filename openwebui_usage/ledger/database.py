"""Transactions and migrations on an engine that is somebody else's."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, insert, select

from openwebui_usage.ledger.schema import metadata, usage_revision

_MIGRATIONS = Path(__file__).with_name("migrations")
_LOCK = 0x6F777573  # "owus": one number for PostgreSQL's advisory lock
PATIENCE = 0.75
"""Seconds that a call waits for somebody else's lock before its row goes to the spool file."""
_migrating = Lock()
"""Alembic keeps the migration that runs in a global."""


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that changes tables or definitions, alone: committed at the end, rolled back on any error."""
    with _transaction(engine, "pg_advisory_xact_lock") as connection:
        yield connection


@contextmanager
def recording(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes rows. Several may run at once; the definitions stay as they are until it ends.

    It waits `PATIENCE` seconds for a lock, then fails: somebody's stream is waiting for it.
    """
    with _transaction(engine, "pg_advisory_xact_lock_shared", PATIENCE) as connection:
        yield connection


@contextmanager
def _transaction(engine: Engine, lock: str, patience: float | None = None) -> Iterator[Connection]:
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            with _durable(connection, patience):
                # Python's driver would begin as a reader and fail with "database is locked", without waiting, where
                # another process wrote in between.
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                yield connection
                connection.commit()
        else:
            limit = "" if patience is None else f"SET LOCAL lock_timeout = {round(patience * 1000)}; "
            connection.exec_driver_sql(f"{limit}SELECT {lock}({_LOCK})")
            yield connection
            connection.commit()


@contextmanager
def _durable(connection: Connection, patience: float | None) -> Iterator[None]:
    """Settings of one transaction. The connection is the host's own, so it gets back what it had.

    Open WebUI commits with synchronous=NORMAL, which in WAL mode leaves the last commits to a power cut; 2 is FULL.
    """
    database: Any = connection.connection.dbapi_connection
    wanted = {"synchronous": 2}
    if patience is not None:
        wanted["busy_timeout"] = round(patience * 1000)
    before = {name: database.execute(f"PRAGMA {name}").fetchone()[0] for name in wanted}
    changed = {name: value for name, value in wanted.items() if before[name] != value}
    for name, value in changed.items():
        database.execute(f"PRAGMA {name}={value}")
    try:
        yield
    finally:
        connection.rollback()  # After a commit there is nothing to roll back; inside a transaction nothing can be set.
        for name in changed:
            database.execute(f"PRAGMA {name}={before[name]}")


def migrate(engine: Engine, schema: str | None = None) -> None:
    """Bring our tables to the newest revision. Workers that start at once wait for one another."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["schema"] = schema
    with _migrating, writing(engine) as connection:
        if schema:  # ALTER TABLE does not heed the engine's schema_translate_map.
            quoted = connection.dialect.identifier_preparer.quote_identifier(schema)
            connection.exec_driver_sql(f"SET LOCAL search_path TO {quoted}")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        # A table that somebody dropped comes back empty: an unwritable ledger would help nobody.
        metadata.create_all(connection)
        if connection.execute(select(usage_revision.c.value)).first() is None:
            # Higher than any that a worker may remember.
            connection.execute(insert(usage_revision), {"name": "groups", "value": time.time_ns()})
