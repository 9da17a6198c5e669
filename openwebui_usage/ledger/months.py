"""PostgreSQL: the partitions of `usage_call`, one for each month of ids, made ahead and dropped when they are too old.

Ids begin with their time, so the months are ranges of ids. What no month has, as the id of a clock that is far out, is
in a partition for the rest. Every change waits for a lock no longer than `LOCK_TIMEOUT_MS` and is tried again later,
because whoever writes a call waits behind it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from openwebui_usage.ledger.faults import sqlstate
from openwebui_usage.ledger.rows import id_at
from openwebui_usage.ledger.statements import prefix

log = logging.getLogger(__name__)

TABLE = "usage_call"
REST = "usage_call_rest"
LOCK_TIMEOUT_MS = 20
AHEAD = 3
"""Months that are made before they begin, so that there is time for many tries."""
_GONE = "usage_call_gone_"
"""How the name of a partition begins that is detached and only has to be dropped."""
_LOCK = 0x6F777574
"""For PostgreSQL's advisory lock: one worker at a time changes partitions."""
_BUSY_STATES = ("55P03", "57014", "40P01")
"""A lock was not to be had in time, the statement was cancelled, a deadlock."""
_MOST_REST = 10_000
"""Rows. Each new partition has the rest read for rows that belong to it, while others wait."""
_BOUNDS = re.compile(r"FROM \((?:'(?P<low>[^']*)'|MINVALUE)\) TO \('(?P<high>[^']*)'\)")
_LOWEST = ""


@dataclass(frozen=True, slots=True)
class Partition:
    """A part of `usage_call`: the rows with ids from `low` up to `high`, not included."""

    name: str
    low: str
    high: str


def qualified(name: str, schema: str | None) -> str:
    """The name of a table or index as statements need it."""
    return f'{prefix(schema)}"{name}"'


def is_partitioned(connection: Connection, schema: str | None) -> bool:
    """Whether `usage_call` is a table of months yet."""
    query = text("SELECT CAST(relkind AS text) FROM pg_class WHERE oid = to_regclass(:name)")
    return connection.execute(query, {"name": qualified(TABLE, schema)}).scalar() == "p"


def partitions(connection: Connection, schema: str | None) -> list[Partition]:
    """All but that for the rest, in the order of ids."""
    query = text(
        "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
        "WHERE i.inhparent = to_regclass(:name)"
    )
    found = []
    for name, bounds in connection.execute(query, {"name": qualified(TABLE, schema)}):
        match = _BOUNDS.search(bounds or "")
        if match:
            found.append(Partition(name, match["low"] or _LOWEST, match["high"]))
    return sorted(found, key=lambda partition: partition.high)


def month_of(moment: datetime, later: int = 0) -> datetime:
    """The first moment of the month (UTC), or of the one that is so many months later."""
    number = moment.year * 12 + moment.month - 1 + later
    return datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)


def make_month(connection: Connection, schema: str | None, parent: str, first: datetime) -> None:
    """Make the partition of a month, and attach it: that keeps nobody from reading or writing other partitions."""
    name, parent = qualified(f"{TABLE}_{first:%Y_%m}", schema), qualified(parent, schema)
    low, high = id_at(first.timestamp()), id_at(month_of(first, 1).timestamp())
    connection.exec_driver_sql(f"CREATE TABLE {name} (LIKE {parent} INCLUDING DEFAULTS)")
    connection.exec_driver_sql(f"ALTER TABLE {parent} ATTACH PARTITION {name} FOR VALUES FROM ('{low}') TO ('{high}')")


def make_ahead(connection: Connection, schema: str | None, now: datetime) -> None:
    """Make the partitions of this month and those to come that are not there yet."""
    known = partitions(connection, schema)
    for later in range(AHEAD + 1):
        first = month_of(now, later)
        low, high = id_at(first.timestamp()), id_at(month_of(first, 1).timestamp())
        if any(partition.low < high and low < partition.high for partition in known):
            continue
        if not _rest_has(connection, schema, low, high):
            make_month(connection, schema, TABLE, first)


def drop_before(engine: Engine, schema: str | None, horizon: str) -> bool | None:
    """Drop the oldest partition that has no id from `horizon` on: detach it, or drop one that is detached, in one short
    transaction. None where there is no such partition, False where it cannot be done now.
    """
    with engine.connect() as connection:
        if connection.dialect.name != "postgresql" or not is_partitioned(connection, schema):
            return None
        gone = _gone(connection, schema)
        old = [partition for partition in partitions(connection, schema) if partition.high <= horizon]
        if not gone and not old:
            return None
    try:
        with changing(engine) as connection_:
            if connection_ is None:
                return False
            if gone:
                connection_.exec_driver_sql(f"DROP TABLE IF EXISTS {qualified(gone, schema)}")
                return True
            name = qualified(old[0].name, schema)
            connection_.exec_driver_sql(f"ALTER TABLE {qualified(TABLE, schema)} DETACH PARTITION {name}")
            new_name = _GONE + old[0].name.removeprefix(f"{TABLE}_")
            connection_.exec_driver_sql(f'ALTER TABLE {name} RENAME TO "{new_name}"')
    except DBAPIError as error:
        if not is_busy(error):
            raise
        return False
    log.info("The calls in %s are older than calls are kept, and removed", old[0].name)
    return True


@contextmanager
def changing(engine: Engine) -> Iterator[Connection | None]:
    """A transaction that changes partitions. None where another worker is at it."""
    with engine.connect() as connection:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
        is_mine = connection.exec_driver_sql(f"SELECT pg_try_advisory_xact_lock({_LOCK})").scalar()
        yield connection if is_mine else None
        connection.commit()


def is_busy(error: DBAPIError) -> bool:
    """Whether it may work the next time."""
    return sqlstate(error.orig) in _BUSY_STATES


def _gone(connection: Connection, schema: str | None) -> str | None:
    query = text(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND NOT relispartition AND starts_with(relname, :start) AND "
        "relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass(:name)) ORDER BY relname LIMIT 1"
    )
    values = {"start": _GONE, "name": qualified(TABLE, schema)}
    name: str | None = connection.execute(query, values).scalar()
    return name


def _rest_has(connection: Connection, schema: str | None, low: str, high: str) -> bool:
    """Whether the rest has rows of this month, as where an older version ran for months, or is too large to be read:
    then it keeps them.
    """
    rest = qualified(REST, schema)
    found = text(f"SELECT 1 FROM {rest} WHERE id >= :low AND id < :high LIMIT 1")  # noqa: S608
    if connection.execute(found, {"low": low, "high": high}).first() is not None:
        return True
    count = f"SELECT count(*) FROM (SELECT 1 FROM {rest} LIMIT {_MOST_REST + 1}) AS counted"  # noqa: S608
    return int(connection.exec_driver_sql(count).scalar_one()) > _MOST_REST
