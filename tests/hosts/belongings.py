"""What belongs to Open WebUI, to tell that nothing of ours is left in it: its database, its files, its environment."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from typing import Any

CHANGES_WITH_USE = {("user", "last_active_at"), ("user", "updated_at"), ("config", "updated_at")}
"""Columns that say when somebody was there, and when an upgrade brought the settings into rows of their own."""
MADE_BY_AN_UPGRADE = ("id", "version_id", "created_at", "updated_at")
"""Columns of new tables in which an upgrade of Open WebUI writes random ids and its own time."""
_DATABASES = (".db", ".db-shm", ".db-wal", ".sqlite3", ".log")


def schema(database: Path) -> dict[str, str]:
    """How each table and index was made, by its name."""
    return {str(name): str(sql) for name, sql in _read(database, "SELECT name, sql FROM sqlite_master")}


def rows(database: Path, known: Collection[str]) -> dict[str, list[str]]:
    """All rows of each table, in an order of their own. `known` are tables that were there before an upgrade."""
    found = {}
    for (table,) in _read(database, "SELECT name FROM sqlite_master WHERE type = 'table'"):
        columns = [
            column
            for _, column, *_ in _read(database, f'PRAGMA table_info("{table}")')
            if (table, column) not in CHANGES_WITH_USE
            and not (column == "version_id" or (table not in known and column in MADE_BY_AN_UPGRADE))
        ]
        chosen = ", ".join(f'"{column}"' for column in columns)
        found[table] = sorted(map(repr, _read(database, f'SELECT {chosen} FROM "{table}"')))
    return found


def files(folder: Path, without: Collection[str] = ()) -> dict[str, str]:
    """A digest of each file below `folder`, by its path. Databases are looked at in another way."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(_DATABASES) and not {*path.parts} & {"__pycache__", *without}
    }


def _read(database: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
        return connection.execute(query).fetchall()
