"""Transactions and migrations on an engine that belongs to the host."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from threading import Lock, local
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, insert, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from openwebui_usage.ledger.faults import NewerLedger
from openwebui_usage.ledger.partitioning import partition_if_empty
from openwebui_usage.ledger.schema import metadata, usage_revision

_MIGRATIONS = Path(__file__).with_name("migrations")
VERSION_TABLE = "usage_alembic_version"
_LOCK = 0x6F777573  # "owus": one number for PostgreSQL's advisory lock
_TURN = _LOCK + 1
_FIRST_WITH_JIT = (11,)
"""The version of PostgreSQL."""
LOCK_TIMEOUT = 0.75
"""Seconds that a call waits for another transaction's lock before its row goes to the spool file."""
_migrating = Lock()
"""Alembic keeps the running migration in a global variable."""


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """An exclusive transaction that changes tables or definitions. Committed at the end, rolled back on any error."""
    with _transaction(engine, "pg_advisory_xact_lock") as connection:
        yield connection


@contextmanager
def sharing(engine: Engine) -> Iterator[Connection]:
    """A short transaction that runs concurrently with those that write rows."""
    with _transaction(engine, "pg_advisory_xact_lock_shared") as connection:
        yield connection


@contextmanager
def taking_turns(engine: Engine) -> Iterator[Connection]:
    """A short transaction that only one worker makes at a time. On PostgreSQL it runs concurrently with those that
    write rows, and fails after `LOCK_TIMEOUT` seconds without its turn.
    """
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            limit = round(LOCK_TIMEOUT * 1000)
            limits = f"SET LOCAL lock_timeout = {limit}; SET LOCAL statement_timeout = {2 * limit}"
            connection.exec_driver_sql(f"{limits}; SELECT pg_advisory_xact_lock({_TURN})")
        yield connection
        connection.commit()


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction with a snapshot: it sees the ledger as of its first query, whatever is written meanwhile."""
    with engine.connect() as connection:
        is_sqlite = connection.dialect.name == "sqlite"
        connection.exec_driver_sql(
            "BEGIN" if is_sqlite else "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
        )
        if not is_sqlite and (connection.dialect.server_version_info or ()) >= _FIRST_WITH_JIT:
            # For a report of a year by day it compiled for 1.3 s what then ran for 0.4 s.
            connection.exec_driver_sql("SET LOCAL jit = off")
        yield connection


def fetch(connection: Connection, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Rows as the driver has them, for what reads very many: SQLAlchemy's own take longer to make than to read.

    `values` are for the driver's placeholders, see `placeholder`. Raises SQLAlchemy's errors, also for the driver's.
    """
    found = connection.exec_driver_sql(statement, tuple(values))
    dialect, cursor = connection.dialect, found.cursor
    assert cursor is not None, "a statement that returns rows has a cursor until it is closed"
    try:
        return cursor.fetchall()  # type: ignore[return-value]
    except dialect.loaded_dbapi.Error as error:  # SQLite does its work while rows are fetched.
        raise DBAPIError.instance(statement, None, error, dialect.loaded_dbapi.Error, dialect=dialect) from error
    finally:
        found.close()


def placeholder(connection: Connection) -> str:
    """Stands for a value in a statement for the driver."""
    return "?" if connection.dialect.paramstyle == "qmark" else "%s"


class Transaction:
    """A transaction that writes rows. Statements that run for every call go directly to the driver, with `execute`.

    On a busy host SQLAlchemy took 0.17 ms of the 0.6 ms that a client waits for a durable row.
    """

    __slots__ = ("_cursor", "connection", "least", "placeholder")

    def __init__(self, connection: Connection, cursor: Any) -> None:
        """`cursor` is the driver's own, in the transaction of `connection`."""
        self.connection = connection
        self._cursor = cursor
        self.placeholder = "?" if connection.dialect.paramstyle == "qmark" else "%s"
        """The placeholder for a value in a statement."""
        self.least = "min" if connection.dialect.name == "sqlite" else "least"
        """The name of the function for the smallest of several values."""

    def execute(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement. Returns its result rows."""
        self._cursor.execute(statement, values)
        return self._cursor.fetchall() if self._cursor.description else []

    def undo(self) -> None:
        """Take everything back. What is executed after this is in no transaction."""
        self.connection.rollback()
        self._cursor.connection.rollback()

    def commit(self) -> None:
        """Commit."""
        if self.connection.in_transaction():  # SQLAlchemy was used as well.
            self.connection.commit()
        else:
            self._cursor.connection.commit()


class Recorder:
    """Makes transactions that write rows. Each thread keeps one connection.

    This saves a third of the calls into the driver. Each of them releases the GIL, and while the event loop is busy it
    takes milliseconds to get that back.
    """

    def __init__(self, engine: Engine) -> None:
        """Connects when the first row is written."""
        self._engine = engine
        self._mine = local()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Several may run at the same time. Definitions cannot change until all have ended.

        Fails after `LOCK_TIMEOUT` seconds without a lock, because a client is waiting. After an error the connection is
        discarded, and the next transaction makes a new one. Raises SQLAlchemy's errors, also for the driver's.
        """
        dialect = self._engine.dialect
        try:
            transaction = self._transaction()
            transaction.execute(_beginning(dialect.name, "pg_advisory_xact_lock_shared", LOCK_TIMEOUT))
            yield transaction
            transaction.commit()
        except dialect.loaded_dbapi.Error as error:
            self.close()
            raise DBAPIError.instance("", None, error, dialect.loaded_dbapi.Error, dialect=dialect) from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close this thread's connection and roll back what is not committed."""
        transaction: Transaction | None = getattr(self._mine, "transaction", None)
        self._mine.transaction = None
        if transaction is not None:
            with suppress(SQLAlchemyError):
                transaction.connection.close()

    def _transaction(self) -> Transaction:
        """What this thread's connection is used by, one transaction after the other."""
        transaction: Transaction | None = getattr(self._mine, "transaction", None)
        if transaction is None:
            connection = self._engine.connect()
            connection.detach()  # It must not return to the host's pool, because its settings are changed.
            if connection.dialect.name == "sqlite":
                database: Any = connection.connection.dbapi_connection
                # With Open WebUI's synchronous=NORMAL, a power cut would lose the last commits in WAL mode.
                database.execute("PRAGMA synchronous=FULL")
                database.execute(f"PRAGMA busy_timeout={round(LOCK_TIMEOUT * 1000)}")
            transaction = self._mine.transaction = Transaction(connection, connection.connection.cursor())
        return transaction


@contextmanager
def _transaction(engine: Engine, lock: str) -> Iterator[Connection]:
    with engine.connect() as connection:
        connection.exec_driver_sql(_beginning(connection.dialect.name, lock))
        yield connection
        connection.commit()


def _beginning(dialect: str, lock: str, patience: float | None = None) -> str:
    if dialect == "sqlite":
        # Python's driver would begin as a reader and fail with "database is locked", without waiting if
        # another process wrote in between.
        return "BEGIN IMMEDIATE"
    limit = "" if patience is None else f"SET LOCAL lock_timeout = {round(patience * 1000)}; "
    return f"{limit}SELECT {lock}({_LOCK})"


def migrate(engine: Engine, schema: str | None = None) -> None:
    """Upgrade the tables to the newest revision. Workers that start at the same time wait for one another.

    Raises `NewerLedger` and changes nothing if a newer version has upgraded them before.
    """
    config = _config()
    config.attributes["schema"] = schema
    with _migrating, writing(engine) as connection:
        if schema:  # ALTER TABLE ignores the engine's schema_translate_map.
            quoted = connection.dialect.identifier_preparer.quote_identifier(schema)
            connection.exec_driver_sql(f"SET LOCAL search_path TO {quoted}")
        config.attributes["connection"] = connection
        known = known_revisions()
        for revision in revisions_of(connection, schema):
            if revision not in known:
                raise NewerLedger(revision)
        command.upgrade(config, "head")
        # A dropped table is made again, empty: a ledger that cannot be written would be worse.
        metadata.create_all(connection)
        if connection.execute(select(usage_revision.c.value)).first() is None:
            # Greater than any revision that a worker may remember.
            connection.execute(insert(usage_revision), {"name": "groups", "value": time.time_ns()})
        partition_if_empty(connection, schema)


@cache
def known_revisions() -> tuple[str, ...]:
    """All revisions that this version knows, the newest first."""
    return tuple(known.revision for known in ScriptDirectory.from_config(_config()).walk_revisions())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config


def revisions_of(connection: Connection, schema: str | None) -> tuple[str, ...]:
    """The revisions of the tables. Empty for an empty database."""
    options = {"version_table": VERSION_TABLE, "version_table_schema": schema}
    return MigrationContext.configure(connection, opts=options).get_current_heads()
