"""The ledger's own SQLite file, next to Open WebUI's.

In PostgreSQL the ledger's tables are in Open WebUI's database. In SQLite they are not: a file has one writer at a
time, so each would wait for the other's lock, and every commit invalidates the caches of all other connections. With
a row per call in Open WebUI's own file, each call slowed the next one down by 0.5 ms.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL

from openwebui_usage.ledger.database import VERSION_TABLE, migrate, writing
from openwebui_usage.ledger.rows import CallRow
from openwebui_usage.ledger.schema import metadata, usage_call, usage_group, usage_revision
from openwebui_usage.ledger.store import Store

log = logging.getLogger(__name__)

_MOVED = "moved"
"""The revision which marks that the tables of Open WebUI's file have been moved."""
_OLD = "open_webui"
_OLD_ROWS = usage_call.name
_LATE = text(f"SELECT * FROM {_OLD}.{_OLD_ROWS} WHERE id NOT IN (SELECT id FROM main.{_OLD_ROWS})")  # noqa: S608
_LOCK_TIMEOUT_MS = 600_000
"""How long a starting worker waits for another one that moves the tables."""


def ledger_file(file: Path) -> Path:
    """The ledger's file next to Open WebUI's: `webui-usage.db` for `webui.db`."""
    return file.with_name(f"{file.stem}-usage.db")


def file_engine(file: Path) -> Engine:
    """An engine on a SQLite file. The file is made at the first connection, readable by its owner only."""
    url = URL.create("sqlite", database=str(file))
    engine = create_engine(url, connect_args={"check_same_thread": False})

    @event.listens_for(engine, "do_connect")
    def make(*_: Any) -> None:
        make_private(file)

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _: Any) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=5000"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def make_private(file: Path) -> None:
    """Make a file that only its owner may read, if it does not exist yet. Raises OSError.

    An existing file is not even opened, because closing it would release all locks that SQLite holds on it in this
    process (https://www.sqlite.org/howtocorrupt.html, 2.2), and the next process that ends would delete the WAL.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def move_from(open_webui: Engine, ledger: Engine) -> None:
    """Move the tables that an earlier version kept in Open WebUI's own file, or rows that it added when it ran again.

    They are copied in one transaction and only then removed there, so that nothing is lost or duplicated, whatever
    happens in between.
    """
    tables = [table.name for table in metadata.sorted_tables]
    if not set(tables) & set(inspect(open_webui).get_table_names()):
        return
    migrate(open_webui)
    migrate(ledger)
    late: list[CallRow] = []
    with ledger.connect() as connection:
        connection.detach()  # It must not return to the pool with these settings.
        connection.exec_driver_sql(f"PRAGMA busy_timeout={_LOCK_TIMEOUT_MS}")
        connection.exec_driver_sql("PRAGMA synchronous=FULL")  # On disk before it is removed from the other file.
        connection.exec_driver_sql(f"ATTACH DATABASE ? AS {_OLD}", (str(open_webui.url.database),))
        connection.commit()
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # One worker at a time.
        if _OLD_ROWS not in _old_tables(connection):
            return
        if _is_in_use(connection):
            late = [CallRow.from_row(row) for row in connection.execute(_LATE)]
        else:
            count = _copy(connection)
            log.info("The ledger has a file of its own now, %s: %d calls were moved", ledger.url.database, count)
        connection.commit()
    if late:
        store = Store(ledger)
        store.record(late, maybe_written=True)
        store.close()
        log.info("%d calls of an earlier version were moved to %s", len(late), ledger.url.database)
    with writing(open_webui) as connection:
        for name in (*tables, VERSION_TABLE):
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {name}")


def _old_tables(connection: Connection) -> set[str]:
    return set(connection.exec_driver_sql(f"SELECT name FROM {_OLD}.sqlite_master").scalars())  # noqa: S608


def _is_in_use(connection: Connection) -> bool:
    """Whether the ledger is already in use, so that rows may only be added to it and its totals."""
    moved = usage_revision.select().where(usage_revision.c.name == _MOVED)
    queries = (moved, usage_call.select().limit(1), usage_group.select().limit(1))
    return any(connection.execute(query).first() is not None for query in queries)


def _copy(connection: Connection) -> int:
    """Copy all rows. Returns the number of calls."""
    calls = 0
    for table in metadata.sorted_tables:
        columns = ", ".join(f'"{column.name}"' for column in table.columns)
        copied = connection.exec_driver_sql(
            f"INSERT OR IGNORE INTO main.{table.name} ({columns}) SELECT {columns} FROM {_OLD}.{table.name}"  # noqa: S608
        )
        if table.name == _OLD_ROWS:
            calls = copied.rowcount
    connection.execute(usage_revision.insert(), {"name": _MOVED, "value": 1})
    return calls
