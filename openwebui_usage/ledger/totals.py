"""Sums of the ledger: stored totals, and sums of rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Integer, Row, bindparam, cast, func, select

from openwebui_usage.ledger.bounds import bounded_sum
from openwebui_usage.ledger.recording import SUMS, Key
from openwebui_usage.ledger.schema import usage_call, usage_total
from openwebui_usage.rules.groups import Sums
from openwebui_usage.rules.periods import Period

IDS_PER_QUERY = 500
_HALF = 32
_SUMMED = [usage_call.c[name] for name in SUMS if name in usage_call.c and name != "estimated_calls"]
_TOTALS = select(usage_total.c.subject, usage_total.c.period, *(usage_total.c[name] for name in SUMS)).where(
    usage_total.c.subject.in_(bindparam("subjects", expanding=True))
    & usage_total.c.period.in_(bindparam("periods", expanding=True))
)


def read_totals(connection: Connection, keys: Iterable[Key]) -> dict[Key, Sums]:
    """The stored sums of counters. Counters that have not counted anything are left out."""
    wanted = set(keys)
    subjects = sorted({subject for subject, _ in wanted})
    periods = sorted({period for _, period in wanted})
    found: dict[Key, Sums] = {}
    for start in range(0, len(subjects), IDS_PER_QUERY):
        part = {"subjects": subjects[start : start + IDS_PER_QUERY], "periods": periods}
        for subject, period, *sums in connection.execute(_TOTALS, part):
            if (subject, period) in wanted:
                found[subject, period] = Sums(*sums)
    return found


def sum_calls(connection: Connection, period: Period, condition: Any) -> Sums:
    """The sums of the rows in a period that satisfy `condition`."""
    row = connection.execute(sum_query(period, condition)).first()
    return Sums() if row is None else sums_of(row)


def sum_query(period: Period, condition: Any, *by: Any) -> Any:
    """One row of sums for each of `by`; `sums_of` reads it.

    The halves of each number are summed separately, because SQLite's sum fails on an overflow of 64 bits.
    """
    unpriced = usage_call.c.cost_nano.is_(None) & ((usage_call.c.input > 0) | (usage_call.c.output > 0))
    columns = [
        func.count().label("calls"),
        func.sum(cast(usage_call.c.estimated, Integer)).label("estimated_calls"),
        func.sum(cast(unpriced, Integer)).label("unpriced_calls"),
    ]
    for column in _SUMMED:
        columns.append(func.sum(column.bitwise_rshift(_HALF)).label(f"{column.name}_high"))
        columns.append(func.sum(column.bitwise_and(2**_HALF - 1)).label(f"{column.name}_low"))
    query = select(*by, *columns).where(condition)
    if period.starts_at is not None:
        query = query.where(usage_call.c.started_at >= period.starts_at.timestamp())
    if period.ends_at is not None:
        query = query.where(usage_call.c.started_at < period.ends_at.timestamp())
    return query.group_by(*by) if by else query


def sums_of(row: Row[Any]) -> Sums:
    """The sums in one row of `sum_query`."""
    values = {name: int(getattr(row, name) or 0) for name in ("calls", "estimated_calls", "unpriced_calls")}
    for column in _SUMMED:
        high, low = getattr(row, f"{column.name}_high"), getattr(row, f"{column.name}_low")
        values[column.name] = bounded_sum((int(high or 0) << _HALF) + int(low or 0))
    return Sums(**values)


def plus(one: Sums, other: Sums) -> Sums:
    """The sum of two sums."""
    return Sums(*(bounded_sum(getattr(one, name) + getattr(other, name)) for name in SUMS))
