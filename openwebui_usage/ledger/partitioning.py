"""PostgreSQL: makes a plain `usage_call` one of months, while calls go on; see `ledger.months`.

A table that has rows becomes the partition of everything before a month that is about to begin. That they are all older
is stated as a constraint and checked beside the writers, which takes as long as reading the table. Then a lock of some
milliseconds suffices to put the new table in the place of the old one.
"""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from openwebui_usage.ledger.months import (
    AHEAD,
    REST,
    TABLE,
    changing,
    is_busy,
    is_partitioned,
    make_ahead,
    make_month,
    month_of,
    qualified,
)
from openwebui_usage.ledger.rows import id_at

log = logging.getLogger(__name__)

BEFORE = "usage_call_before"
BOUND = "usage_call_before_bound"
"""The constraint that all ids are of the time before."""
_NEW = "usage_call_new"
_LEAST_TIME = timedelta(days=3)
"""Between the statement of the bound and the bound itself."""
_GIVEN_UP = timedelta(days=1)
"""Before the bound: then a later one is taken, because calls that are newer could not be written."""
_VALIDATION_LOCK_TIMEOUT_MS = 5_000
_START_LOCK_TIMEOUT_MS = 2_000
_LEAST_VERSION = (12,)
"""Of PostgreSQL: before, partitions could not be attached beside those who write."""
_OBSTACLES = text("""
    SELECT 'a view of it' WHERE EXISTS (
        SELECT FROM pg_depend WHERE refclassid = 'pg_class'::regclass AND refobjid = to_regclass(:name)
        AND classid = 'pg_rewrite'::regclass)
    UNION ALL SELECT 'a trigger' WHERE EXISTS (
        SELECT FROM pg_trigger WHERE tgrelid = to_regclass(:name) AND NOT tgisinternal)
    UNION ALL SELECT 'a row policy' WHERE EXISTS (SELECT FROM pg_policy WHERE polrelid = to_regclass(:name))
    UNION ALL SELECT 'a publication of it' WHERE EXISTS (
        SELECT FROM pg_publication_rel WHERE prrelid = to_regclass(:name))
    UNION ALL SELECT 'a foreign key' WHERE EXISTS (
        SELECT FROM pg_constraint WHERE contype = 'f' AND to_regclass(:name) IN (conrelid, confrelid))
    UNION ALL SELECT 'a table that inherits from it' WHERE EXISTS (
        SELECT FROM pg_inherits WHERE to_regclass(:name) IN (inhrelid, inhparent))
    UNION ALL SELECT 'a right to one of its columns' WHERE EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = to_regclass(:name) AND attacl IS NOT NULL)
    UNION ALL SELECT 'another owner' WHERE EXISTS (
        SELECT FROM pg_class WHERE oid = to_regclass(:name) AND pg_get_userbyid(relowner) <> current_user)
""")


class Partitioning:
    """Keeps the calls of one ledger in a table for each month, on PostgreSQL alone.

    Every worker does so; each step is done by one of them.
    """

    def __init__(self, engine: Engine, schema: str | None) -> None:
        """`engine` already knows the schema; `schema` is for what goes to the driver directly."""
        self._engine = engine
        self._schema = schema
        self._running: Any = None
        """The driver's connection on which a step runs."""
        self._told: set[str] = set()

    def step(self, now: datetime | None = None) -> bool:
        """Do the next step. False where nothing is to be done, or has to be tried later."""
        if self._engine.dialect.name != "postgresql":
            return False
        now = now or datetime.now(UTC)
        try:
            with changing(self._engine) as connection:
                if connection is None:
                    return False
                self._running = connection.connection.dbapi_connection
                return self._work(connection, now)
        except DBAPIError as error:
            if not is_busy(error):
                self._tell(f"The partitions of usage_call could not be changed: {_first_line(error)}")
            return False
        finally:
            self._running = None

    def cancel(self) -> None:
        """End a step that takes long. From another thread."""
        running = self._running
        if running is not None:
            running.cancel()

    def _work(self, connection: Connection, now: datetime) -> bool:
        if is_partitioned(connection, self._schema):
            make_ahead(connection, self._schema, now)
            return False
        bound = _bound(connection, self._schema)
        obstacles = _obstacles(connection, self._schema)
        if obstacles:
            self._tell(f"usage_call stays one table, without a part for each month. In the way: {', '.join(obstacles)}")
            if bound is not None:
                _drop_bound(connection, self._schema)
            return False
        if bound is None:
            return self._state_bound(connection, now)
        month, is_validated = bound
        if now > month - _GIVEN_UP:
            _drop_bound(connection, self._schema)
        elif not is_validated:
            connection.detach()  # This takes long, and the host's pool may be small.
            # Nobody waits behind this one: it may wait for a vacuum to end.
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_VALIDATION_LOCK_TIMEOUT_MS}")
            connection.exec_driver_sql(f"ALTER TABLE {qualified(TABLE, self._schema)} VALIDATE CONSTRAINT {BOUND}")
        else:
            _switch(connection, self._schema, month)
            log.info("usage_call has a part for each month from %s on; older calls are in %s", f"{month:%Y-%m}", BEFORE)
        return True

    def _state_bound(self, connection: Connection, now: datetime) -> bool:
        table = qualified(TABLE, self._schema)
        month = month_of(now + _LEAST_TIME, 1)
        later = text(f"SELECT id FROM {table} WHERE id >= :bound ORDER BY id LIMIT 1")  # noqa: S608
        found = connection.execute(later, {"bound": id_at(month.timestamp())}).scalar()
        if found is not None:
            self._tell(f"usage_call stays one table, without a part for each month. A call is of the future: {found}")
            return False
        check = f"CHECK (id < '{id_at(month.timestamp())}')"
        connection.exec_driver_sql(f"ALTER TABLE {table} ADD CONSTRAINT {BOUND} {check} NOT VALID")
        return True

    def _tell(self, what: str) -> None:
        """Once."""
        if what not in self._told:
            self._told.add(what)
            log.warning("%s", what)


def partition_if_empty(connection: Connection, schema: str | None, now: datetime | None = None) -> None:
    """Make a table that has no rows one of months, at the start, while nobody writes. A bound that is past is lifted.

    A fault of this leaves the table as it is.
    """
    if connection.dialect.name != "postgresql" or is_partitioned(connection, schema):
        return
    now = now or datetime.now(UTC)
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_START_LOCK_TIMEOUT_MS}")
            bound = _bound(connection, schema)
            if bound is not None and now > bound[0] - _GIVEN_UP:
                _drop_bound(connection, schema)
            is_empty = connection.exec_driver_sql(f"SELECT 1 FROM {qualified(TABLE, schema)} LIMIT 1").first() is None  # noqa: S608
            if is_empty and not _obstacles(connection, schema):
                _switch(connection, schema, None, now)
    except DBAPIError as error:
        log.warning("The partitions of usage_call could not be changed: %s", _first_line(error))


def _obstacles(connection: Connection, schema: str | None) -> list[str]:
    """What would be lost, or would be about the old table alone, if another one took its place."""
    version = connection.dialect.server_version_info or ()
    if version < _LEAST_VERSION:
        return ["PostgreSQL is older than version 12"]
    return list(connection.execute(_OBSTACLES, {"name": qualified(TABLE, schema)}).scalars())


def _bound(connection: Connection, schema: str | None) -> tuple[datetime, bool] | None:
    """The month before which all ids are stated to be, and whether that was checked."""
    query = text(
        "SELECT pg_get_constraintdef(oid), convalidated FROM pg_constraint "
        "WHERE conrelid = to_regclass(:name) AND conname = :bound"
    )
    found = connection.execute(query, {"name": qualified(TABLE, schema), "bound": BOUND}).first()
    match = re.search(r"'([0-9a-f]{16})'", found[0]) if found else None
    if found is None or match is None:
        return None
    return datetime.fromtimestamp(int(match[1], 16) // 10**9, UTC), bool(found[1])


def _drop_bound(connection: Connection, schema: str | None) -> None:
    connection.exec_driver_sql(f"ALTER TABLE {qualified(TABLE, schema)} DROP CONSTRAINT {BOUND}")


def _switch(connection: Connection, schema: str | None, month: datetime | None, now: datetime | None = None) -> None:
    """Put a table of months in the place of the plain one, which becomes the partition of all before `month`.

    None where it has no rows: then it is dropped.

    All that can be done before others have to wait is done before.
    """
    old, new, before = (qualified(name, schema) for name in (TABLE, _NEW, BEFORE))
    connection.exec_driver_sql(f"CREATE TABLE {new} (LIKE {old} INCLUDING DEFAULTS) PARTITION BY RANGE (id)")
    indexes = _copy_indexes(connection, schema)
    _copy_rights(connection, schema)
    first, count = (month, AHEAD) if month is not None else (month_of(now or datetime.now(UTC), -1), AHEAD + 2)
    for later in range(count):
        make_month(connection, schema, _NEW, month_of(first, later))
    connection.exec_driver_sql(f"CREATE TABLE {qualified(REST, schema)} PARTITION OF {new} DEFAULT")
    changes = [f"LOCK TABLE {old} IN ACCESS EXCLUSIVE MODE"]
    if month is None:
        changes.append(f"DROP TABLE {old}")
    else:
        changes.append(f'ALTER TABLE {old} RENAME TO "{BEFORE}"')
        changes += [_renaming(schema, name, _suffixed(name, "_before")) for name in indexes]
    changes.append(f'ALTER TABLE {new} RENAME TO "{TABLE}"')
    changes += [_renaming(schema, _suffixed(name, "_new"), name) for name in indexes]
    if month is not None:
        bound = id_at(month.timestamp())
        changes.append(f"ALTER TABLE {old} ATTACH PARTITION {before} FOR VALUES FROM (MINVALUE) TO ('{bound}')")
        changes.append(f"ALTER TABLE {before} DROP CONSTRAINT {BOUND}")
    # At once: others wait from the first of them on.
    connection.exec_driver_sql("; ".join(changes))


def _copy_indexes(connection: Connection, schema: str | None) -> list[str]:
    """Make the indexes of the plain table on the new one, under names of their own. Returns those of the old ones."""
    query = text(
        "SELECT c.relname, i.indisprimary, pg_get_indexdef(i.indexrelid) FROM pg_index i "
        "JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = to_regclass(:name) AND i.indisvalid"
    )
    names, new = [], qualified(_NEW, schema)
    for name, is_primary, definition in connection.execute(query, {"name": qualified(TABLE, schema)}).all():
        copy = _suffixed(name, "_new")
        if is_primary:
            connection.exec_driver_sql(f'ALTER TABLE {new} ADD CONSTRAINT "{copy}" PRIMARY KEY (id)')
        else:
            kind = "UNIQUE INDEX" if definition.startswith("CREATE UNIQUE") else "INDEX"
            how = definition.partition(" USING ")[2]
            connection.exec_driver_sql(f'CREATE {kind} "{copy}" ON {new} USING {how}')
        names.append(name)
    return names


def _copy_rights(connection: Connection, schema: str | None) -> None:
    """Whoever may read the plain table may read the new one."""
    query = text(
        "SELECT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, "
        "a.privilege_type, CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END "
        "FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a WHERE c.oid = to_regclass(:name)"
    )
    for grantee, right, option in connection.execute(query, {"name": qualified(TABLE, schema)}).all():
        connection.exec_driver_sql(f"GRANT {right} ON {qualified(_NEW, schema)} TO {grantee}{option}")


def _renaming(schema: str | None, name: str, new_name: str) -> str:
    return f'ALTER INDEX {qualified(name, schema)} RENAME TO "{new_name}"'


def _suffixed(name: str, suffix: str) -> str:
    """PostgreSQL cuts names after 63 bytes."""
    return name[: 63 - len(suffix)] + suffix


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]
