"""Statements as text that both databases read alike, for what is done once for every call."""

from __future__ import annotations

from functools import lru_cache

from openwebui_usage.ledger.bounds import MOST_SUM

ROWS_PER_STATEMENT = 100


def prefix(schema: str | None) -> str:
    """What stands before the name of a table: PostgreSQL's schema, where ours are in one of its own."""
    return '"{}".'.format(schema.replace('"', '""')) if schema else ""


@lru_cache(maxsize=512)
def insertion(table: str, columns: tuple[str, ...], placeholder: str, schema: str | None, count: int) -> str:
    """Insert `count` rows in one statement."""
    names = ", ".join(f'"{name}"' for name in columns)
    row = f"({', '.join([placeholder] * len(columns))})"
    return f"INSERT INTO {prefix(schema)}{table} ({names}) VALUES {', '.join([row] * count)}"  # noqa: S608


@lru_cache(maxsize=16)
def addition(table: str, keys: tuple[str, ...], sums: tuple[str, ...], least: str) -> str:
    """What follows an insertion, to add to the sums of rows that are there already.

    A sum that is full stays full: beyond 64 bits SQLite would go on with floats, and PostgreSQL refuse the row.
    """
    added = ", ".join(f"{name} = {least}({table}.{name} + excluded.{name}, {MOST_SUM})" for name in sums)
    return f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {added}"
