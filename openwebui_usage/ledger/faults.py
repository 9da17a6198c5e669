"""Tells whether an error is caused by the database, so that all rows wait, or by one row, which is then set aside.

Also explains errors to admins: the reason in plain words, and what to do.
"""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

_DATABASE_CLASSES = ("08", "25", "28", "3D", "3F", "40", "42", "53", "55", "57", "58")
"""SQLSTATE classes about the connection, the server, the tables or the transaction, never about a row's values
 (https://www.postgresql.org/docs/current/errcodes-appendix.html): connection, transaction state (25006 is a
read-only standby), login, missing database or schema, rollback (deadlocks), rights and missing tables, resources,
locks, intervention (57P01: shut down), I/O."""
_TABLE_STATES = ("23514",)
"""No partition takes the row, or a bound that is about to be lifted: see `ledger.partitioning`."""
_ROW_STATES = ("42804",)
"""A value whose type does not fit its column."""
_SQLITE_DATABASE_CODES = frozenset({1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 17, 22, 23, 24, 26})
"""Error (no such table or column), internal, perm, busy, locked, nomem, readonly, interrupt, ioerr, corrupt, full,
cantopen, protocol, schema, nolfs, auth, format, notadb (https://www.sqlite.org/rescode.html)."""


class NewerLedger(Exception):
    """The ledger's tables are of a revision that this version does not know."""

    def __init__(self, revision: str) -> None:
        """`revision` as Alembic names it."""
        super().__init__(f"the ledger was last used by a newer openwebui-usage (revision {revision})")
        self.revision = revision


def is_rows_fault(error: BaseException) -> bool:
    """Whether an error may have been caused by the values of a row.

    Only a guess: before a row is set aside, `Store.check` must show that the database accepts others.
    """
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return False
        original = error.orig
        state = sqlstate(original)
        if state is not None:
            return state in _ROW_STATES or not state.startswith(_DATABASE_CLASSES + _TABLE_STATES)
        code = getattr(original, "sqlite_errorcode", None)
        if code is not None:
            return code & 0xFF not in _SQLITE_DATABASE_CODES
        # Drivers give no code for a broken connection, nor for a value that they cannot encode.
        return type(original).__name__ not in ("OperationalError", "InterfaceError", "InternalError")
    if isinstance(error, SQLAlchemyError | OSError | MemoryError | NewerLedger):
        return False
    return isinstance(error, ArithmeticError | AttributeError | LookupError | RecursionError | TypeError | ValueError)


def sqlstate(error: object) -> str | None:
    """PostgreSQL's five-character error code, from either of its drivers."""
    for name in ("pgcode", "sqlstate"):
        state = getattr(error, name, None)
        if isinstance(state, str) and len(state) == 5:
            return state
    return None


def reason(error: BaseException) -> str:
    """Why the ledger cannot be written, for admins: one line in plain words, with what to do if that is known."""
    if isinstance(error, NewerLedger):
        return f"{error}; install that version or a later one"
    original = getattr(error, "orig", None) or error
    said = " ".join(str(original).split())[:300] or type(original).__name__
    advice = _advice(original, said.lower())
    return said if advice is None else f"{advice} ({said})"


def _advice(error: BaseException, said: str) -> str | None:
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None and code & 0xFF in _SQLITE_ADVICE:
        return _SQLITE_ADVICE[code & 0xFF]
    state = sqlstate(error)
    if state is not None:
        return next((advice for start, advice in _STATE_ADVICE.items() if state.startswith(start)), None)
    if isinstance(error, OSError) and not isinstance(error, ConnectionError | TimeoutError):
        return _CANNOT_OPEN
    # psycopg2 has no SQLSTATE for a failed login, only the server's message.
    return next((advice for words, advice in _SPOKEN_ADVICE.items() if words in said), None)


_CANNOT_OPEN = "the ledger's file cannot be opened: let the user that runs Open WebUI write it and its folder"
_CANNOT_WRITE = "the ledger's file is read-only: let the user that runs Open WebUI write it and its folder"
_LOCKED = "another process holds the database's lock for long: end it, or wait"
_FULL = "the disk is full: make room"
_DAMAGED = "the ledger's file is damaged: put a backup in its place"
_SQLITE_ADVICE = {
    3: _CANNOT_WRITE,
    5: _LOCKED,
    6: _LOCKED,
    8: _CANNOT_WRITE,
    10: "the disk cannot be read or written: look at the machine's log",
    11: _DAMAGED,
    13: _FULL,
    14: _CANNOT_OPEN,
    26: _DAMAGED,
}
_NO_RIGHT = "the database's user lacks a right: grant CREATE and USAGE on the schema, and all rights on usage_* tables"
_WRONG_LOGIN = "the database refuses the login: correct user and password in DATABASE_URL"
_NO_DATABASE = "the database or its schema does not exist: create it, or correct DATABASE_URL or DATABASE_SCHEMA"
_AWAY = "the database server does not answer: start it, or correct DATABASE_URL"
_NO_MONTH = "no partition of usage_call takes the call: wait a minute, or attach one that does"
_TOO_MANY = "the database server has no connection left: raise max_connections, or lower DATABASE_POOL_SIZE"
_STATE_ADVICE = {
    "42501": _NO_RIGHT,
    "28": _WRONG_LOGIN,
    "3D": _NO_DATABASE,
    "3F": _NO_DATABASE,
    "25006": "the database is read-only, as a standby is: correct DATABASE_URL, or wait for the failover",
    "23514": _NO_MONTH,
    "53100": _FULL,
    "53300": _TOO_MANY,
    "55P03": _LOCKED,
    "57P": _AWAY,
    "08": _AWAY,
}
_SPOKEN_ADVICE = {
    "password authentication failed": _WRONG_LOGIN,
    "no password supplied": _WRONG_LOGIN,
    "no pg_hba.conf entry": _WRONG_LOGIN,
    "role": _WRONG_LOGIN,
    "does not exist": _NO_DATABASE,
    "connection slots": _TOO_MANY,
    "too many clients": _TOO_MANY,
    "connect": _AWAY,
    "server": _AWAY,
    "timeout": _AWAY,
}
