"""Whose fault an error of the database is, and what an admin is told of it."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from openwebui_usage.ledger.faults import NewerLedger, is_rows_fault, reason


class PostgresError(Exception):
    """As a driver of PostgreSQL raises it: psycopg2 has `pgcode`, psycopg 3 `sqlstate`."""

    def __init__(self, state: str | None, words: str = "words", name: str = "pgcode") -> None:
        super().__init__(words)
        setattr(self, name, state)


def postgres(state: str | None, words: str = "words", name: str = "pgcode") -> DBAPIError:
    return DBAPIError("INSERT", None, PostgresError(state, words, name))


def sqlite(code: int, words: str = "words") -> DBAPIError:
    error = sqlite3.OperationalError(words)
    error.sqlite_errorcode = code
    return OperationalError("INSERT", None, error)


@pytest.mark.parametrize("name", ["pgcode", "sqlstate"])
@pytest.mark.parametrize(
    ("state", "rows"),
    [
        *(
            (state, False)
            for state in ("08006", "08001", "40001", "40P01", "53100", "53200", "53300", "57014", "57P01")
        ),
        *((state, False) for state in ("57P03", "55P03", "55006", "25006", "28P01", "3D000", "3F000", "58030")),
        *((state, False) for state in ("42501", "42P01", "42703")),
        *((state, True) for state in ("54000", "54001", "22001", "22003", "22P05", "22021", "23502", "23505", "42804")),
        ("XX000", True),
    ],
)
def test_postgres_errors_are_told_apart_by_their_class(state: str, rows: bool, name: str) -> None:
    assert is_rows_fault(postgres(state, name=name)) is rows


@pytest.mark.parametrize(
    ("code", "rows"),
    [
        *((code, False) for code in (5, 6, 8, 10, 11, 13, 14, 26, 1, 7, 15, 17)),
        *((5 | 2 << 8, False), (10 | 12 << 8, False), (8 | 6 << 8, False)),  # extended: snapshot, truncate, dbmoved
        *((code, True) for code in (18, 19, 20, 25, 19 | 7 << 8, 19 | 8 << 8)),
    ],
)
def test_sqlite_errors_are_told_apart_by_their_code(code: int, rows: bool) -> None:
    assert is_rows_fault(sqlite(code)) is rows


class OperationalErrorOfADriver(Exception):
    """Has neither code."""


@pytest.mark.parametrize(
    ("error", "rows"),
    [
        (OperationalError("", None, sqlite3.OperationalError("server closed the connection")), False),
        (IntegrityError("", None, sqlite3.IntegrityError("no")), True),
        (DBAPIError("", None, Exception(), connection_invalidated=True), False),
        (PoolTimeoutError("no connection is free"), False),
        (OSError("no file"), False),
        (MemoryError(), False),
        (NewerLedger("0099"), False),
        (OverflowError("Python int too large to convert to SQLite INTEGER"), True),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "no"), True),
        (ValueError("A string literal cannot contain NUL (0x00) characters."), True),
        (TypeError("unhashable"), True),
        (RuntimeError("anything"), False),
    ],
    ids=repr,
)
def test_errors_without_a_code_are_told_apart_by_their_kind(error: Exception, rows: bool) -> None:
    assert is_rows_fault(error) is rows


LOGIN = 'connection to server at "db" failed: FATAL:  password authentication failed for user "x"'


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (sqlite(8, "attempt to write a readonly database"), "let the user that runs Open WebUI write it"),
        (sqlite(14, "unable to open database file"), "let the user that runs Open WebUI write it"),
        (PermissionError(13, "Permission denied", "/data/webui-usage.db"), "/data/webui-usage.db"),
        (sqlite(13), "the disk is full"),
        (sqlite(26), "put a backup in its place"),
        (sqlite(5), "another process holds the database's lock"),
        (postgres("42501", "permission denied for schema public"), "grant CREATE and USAGE on the schema"),
        (postgres("25006"), "read-only"),
        (postgres("53300"), "max_connections"),
        (postgres("57P03"), "does not answer"),
        (postgres(None, LOGIN), "correct user and password in DATABASE_URL"),
        (postgres(None, 'FATAL:  role "x" does not exist'), "correct user and password in DATABASE_URL"),
        (postgres(None, 'FATAL:  database "x" does not exist'), "create it, or correct DATABASE_URL"),
        (postgres(None, "connection to server failed: Connection refused"), "start it, or correct DATABASE_URL"),
        (NewerLedger("0099"), "newer openwebui-usage (revision 0099)"),
        (NewerLedger("0099"), "install that version or a later one"),
        (RuntimeError("two\nlines"), "two lines"),
        (RuntimeError(), "RuntimeError"),
    ],
    ids=str,
)
def test_an_admin_is_told_what_to_do(error: Exception, words: str) -> None:
    said: Any = reason(error)
    assert words in said
    assert "\n" not in said
