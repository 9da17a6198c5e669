"""The rows themselves, newest first, a page at a time: quick anywhere in a list of any length, whatever is looked for.

Ids begin with the time and the list is in their order, so a page begins with a seek. A filter is first tried on the
next rows. Where few of those fit, cube 0 tells in which quarters of an hour there are calls that do, and only the ids
of those are read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Row, bindparam, func, select, text

from openwebui_usage.ledger.call_facts import CallFacts, Facts
from openwebui_usage.ledger.cubes import QUARTER, UNVERIFIED, quarter_of
from openwebui_usage.ledger.database import reading
from openwebui_usage.ledger.progress import read_progress
from openwebui_usage.ledger.report_filters import Filters
from openwebui_usage.ledger.report_query import RECORDED_LATE, Dimension, Named, Readable
from openwebui_usage.ledger.report_values import Values
from openwebui_usage.ledger.rows import id_at
from openwebui_usage.ledger.schema import usage_call
from openwebui_usage.ledger.statements import prefix

MOST_CALLS = 1000
"""On one page."""
EDGE = 60.0
"""Seconds. An id is made before `started_at` is taken; a process may stand still in between."""
_FIRST_LOOK, _MOST_LOOK = 2_000, 50_000
"""Rows that a filter is tried on at once."""
_RARE = 50
"""Where less than one in so many of them fits, the cube is asked."""
_QUARTERS = 64
"""Quarters with calls that the cube is asked for at once."""
_RANGES = 16
"""Ranges of ids that one query reads."""
_LATELY = 28 * 96
"""Quarters that the cube is asked for first; then for all."""
_EXPORTED_AT_ONCE = 2_000
_FIRST, _LAST = "", "g"
"""Before and after every id."""


@dataclass(frozen=True, slots=True)
class CallQuery:
    """Which calls. Whatever is given as text is an id or a name; of models an id or a glob."""

    start: int | None = None
    """Quarters of an hour since the epoch."""
    end: int | None = None
    """The same, not included."""
    filters: Mapping[Dimension, tuple[str, ...]] = field(default_factory=dict)
    """A call is listed where it fits one value of each. `none` and `not recorded` are values, too."""
    readable: Readable = field(default_factory=Readable)


class Call(NamedTuple):
    """One call as it is listed: its row, and what its combination stands for."""

    row: Row[Any]
    """All columns of `usage_call` but `raw_usage`."""
    facts: Facts
    is_recorded: bool
    """False for the time before connection, kind, key and user groups were recorded."""


class CallPage(NamedTuple):
    """Some calls, newest first."""

    calls: list[Call]
    next: str | None
    """What to give as `before` for the following page; None where this is the last."""


class CallLog:
    """Lists the calls of one ledger. Blocks: call it off the event loop."""

    def __init__(self, engine: Engine, schema: str | None) -> None:
        """`engine` already knows the schema; `schema` is for what is written as text."""
        self._engine = engine
        self._schema = schema

    def page(self, query: CallQuery, limit: int, before: str | None = None) -> CallPage:
        """At most `limit` calls, older than the one whose id is `before`.

        Calls of older versions that are not in the cubes yet are only found without filters.
        """
        return self._page(query, limit, before, CallFacts())

    def all(self, query: CallQuery) -> Iterator[Call]:
        """All calls, read a page at a time as they are asked for: no transaction is longer than a page."""
        facts = CallFacts()
        before: str | None = None
        while True:
            page = self._page(query, _EXPORTED_AT_ONCE, before, facts)
            yield from page.calls
            if page.next is None:
                return
            before = page.next

    def share_left(self, query: CallQuery, id_: str) -> float:
        """How much of the time that `all` goes through is older than a call, 0 to 1."""
        with self._engine.connect() as connection:
            first, last = (connection.execute(select(f(usage_call.c.id))).scalar() for f in (func.min, func.max))
        begins = max(_seconds(first), (query.start or 0) * QUARTER)
        ends = _seconds(last) if query.end is None else min(_seconds(last), query.end * QUARTER)
        return min(1.0, max(0.0, (_seconds(id_) - begins) / (ends - begins))) if ends > begins else 0.0

    def _page(self, query: CallQuery, limit: int, before: str | None, facts: CallFacts) -> CallPage:
        with reading(self._engine) as connection:
            since = read_progress(connection, "recorded_since")
            recorded_from = id_at(math.ceil(float(since) / QUARTER) * QUARTER) if since else _FIRST
            rows = _Search(connection, self._schema, query, recorded_from).rows(limit + 1, before or _LAST)
            known = facts.of(connection, [row.combination for row in rows])
            calls = [
                Call(
                    row,
                    _readable(known.get(row.combination) or _facts_of(connection, row, facts), query.readable),
                    row.id >= recorded_from,
                )
                for row in rows[:limit]
            ]
        return CallPage(calls, calls[-1].row.id if len(rows) > limit else None)


class _Search:
    """Of one page."""

    def __init__(self, connection: Connection, schema: str | None, query: CallQuery, recorded_from: str) -> None:
        self._connection = connection
        self._prefix = prefix(schema)
        self._filters = Filters(Values(connection), query.filters, query.readable)
        self._recorded_from = recorded_from
        self._low, self._high = _FIRST, _LAST
        self._times: list[str] = []
        if query.start is not None:
            self._low = id_at(query.start * QUARTER - EDGE)
            self._times.append(f"r.started_at >= {query.start * QUARTER}")
        if query.end is not None:
            self._high = id_at(query.end * QUARTER)
            self._times.append(f"r.started_at < {query.end * QUARTER}")

    def rows(self, count: int, before: str) -> list[Row[Any]]:
        high = min(before, self._high)
        if not self._filters.dimensions:
            return self._read(count, [(self._low, high)], None)
        eras = [(True, _FIRST, _LAST)]
        if self._recorded_from and self._filters.dimensions & RECORDED_LATE:
            eras = [(True, self._recorded_from, _LAST), (False, _FIRST, self._recorded_from)]
        found: list[Row[Any]] = []
        for recorded, first, last in eras:
            condition = self._filters.condition(recorded=recorded)
            low, top = max(first, self._low), min(last, high)
            if condition is not None and low < top and len(found) < count:
                found += self._filtered(count - len(found), low, top, condition)
        return found

    def _filtered(self, count: int, low: str, high: str, condition: str) -> list[Row[Any]]:
        """The next rows are looked at as long as enough of them fit."""
        found: list[Row[Any]] = []
        look = max(_FIRST_LOOK, count)
        while True:
            end = self._id_after(look, low, high)
            fitting = self._read(count - len(found), [(end or low, high)], condition)
            found += fitting
            if end is None or len(found) == count:
                return found
            high = end
            if len(fitting) < look / _RARE:
                return found + self._rare(count - len(found), low, high, condition)
            look = min(_MOST_LOOK, round((count - len(found)) * look / len(fitting)) + 100)

    def _rare(self, count: int, low: str, high: str, condition: str) -> list[Row[Any]]:
        """By the quarters that the cube has."""
        found: list[Row[Any]] = []
        for ranges in self._ranges(low, high, condition):
            found += self._read(count - len(found), ranges, condition)
            if len(found) == count:
                break
        return found

    def _ranges(self, low: str, high: str, condition: str) -> Iterator[list[tuple[str, str]]]:
        """Ranges of ids that have all calls that fit, the latest first, some at a time."""
        top = high
        ranges: list[tuple[str, str]] = []
        for quarter in self._quarters(quarter_of(_seconds(low)), quarter_of(_seconds(high) + EDGE) + 1, condition):
            first, last = max(low, id_at(quarter * QUARTER - EDGE)), min(top, id_at((quarter + 1) * QUARTER))
            if first >= last:
                continue
            top = first
            if ranges and ranges[-1][0] == last:
                ranges[-1] = (first, ranges[-1][1])
            else:
                ranges.append((first, last))
            if len(ranges) == _RANGES:
                yield ranges
                ranges = []
        if ranges:
            yield ranges

    def _quarters(self, first: int, last: int, condition: str) -> Iterator[int]:
        """The quarters that have calls that fit, the latest first; `last` is not included."""
        statement = text(
            f"SELECT DISTINCT u.start FROM {self._prefix}usage_combination c "  # noqa: S608
            f"CROSS JOIN {self._prefix}usage_cube u WHERE {condition or 'true'} AND u.cube IN (0, {UNVERIFIED}) "
            f"AND u.combination = c.id AND u.start >= :first AND u.start < :last "
            f"ORDER BY u.start DESC LIMIT {_QUARTERS}"
        )
        lately = max(first, last - _LATELY)
        while last > first:
            found = self._connection.execute(statement, {"first": lately, "last": last}).scalars().all()
            yield from map(int, found)
            if len(found) == _QUARTERS:
                last = int(found[-1])
            else:
                last, lately = lately, first

    def _id_after(self, count: int, low: str, high: str) -> str | None:
        """The id of the row that is so many before `high`; None where there are fewer."""
        query = select(usage_call.c.id).where(usage_call.c.id >= low, usage_call.c.id < high)
        found: str | None = self._connection.execute(
            query.order_by(usage_call.c.id.desc()).offset(count - 1).limit(1)
        ).scalar()
        return found

    def _read(self, count: int, ranges: list[tuple[str, str]], condition: str | None) -> list[Row[Any]]:
        """At most `count` rows with ids in one of `ranges`: from the first of each up to the second, not included."""
        within = " OR ".join(f"(r.id >= :low{n} AND r.id < :high{n})" for n in range(len(ranges)))
        where = " AND ".join([f"({within})", *self._times])
        source = f"{self._prefix}usage_call r"
        if condition is not None:
            # In this order: SQLite knows no better one.
            source += f" CROSS JOIN {self._prefix}usage_combination c"
            where += " AND c.id = r.combination" + (f" AND {condition}" if condition else "")
        statement = text(
            f"SELECT {_COLUMNS} FROM {source} WHERE {where} ORDER BY r.id DESC LIMIT :count"  # noqa: S608
        ).bindparams(bindparam("count", count))
        bounds = {f"{name}{n}": id_ for n, pair in enumerate(ranges) for name, id_ in zip(_ENDS, pair, strict=True)}
        return list(self._connection.execute(statement, bounds))


_ENDS = ("low", "high")
_COLUMNS = ", ".join(f'r."{column.name}"' for column in usage_call.columns if column.name != "raw_usage")


def _facts_of(connection: Connection, row: Row[Any], facts: CallFacts) -> Facts:
    """What is known of a call that is in no cube yet."""
    user = None if row.user_id is None else Named(row.user_id, row.user_name or row.user_id)
    names = facts.group_names(connection, row.groups.split())
    return Facts(user, None, "task" if row.task else None, None, names, ())


def _readable(facts: Facts, readable: Readable) -> Facts:
    """Of a user's groups, those that a team's lead may read of."""
    if readable.user_groups is None:
        return facts
    return facts._replace(user_groups=tuple(group for group in facts.user_groups if group.id in readable.user_groups))


def _seconds(id_: str | None) -> float:
    """When a call began, by its id."""
    try:
        return int((id_ or "")[:16], 16) / 1e9
    except ValueError:
        return 0.0 if not id_ or id_ < "a" else 2.0**33
