"""The rows themselves, newest first, a page at a time: quick anywhere in a list of any length, whatever is looked for.

Ids begin with the time and the list is in their order, so a page begins with a seek. A filter is first tried on the
next rows. Where few of those fit, cube 0 tells in which quarters of an hour there are calls that do, and only the ids
of those are read. A page for which too many rows would have to be looked at ends early: it has what was found by then,
and the next one goes on from there.

Rows come as the driver has them. SQLAlchemy's own take longer to make than all else that is done for a line of a file.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import Connection, Engine, func, select

from openwebui_usage.ledger.call_facts import CallFacts, Facts
from openwebui_usage.ledger.cubes import QUARTER, UNVERIFIED, quarter_of
from openwebui_usage.ledger.database import fetch, placeholder, reading
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
_LONGEST_LOOK = 0.012
"""Seconds after which a page ends with what was found, or goes on until something is."""
_LATELY = 28 * 96
"""Quarters that the cube is asked for first; then for all."""
_FEW_COMBINATIONS = 2_000
"""The cube is asked for each of so many; of more, quarter by quarter."""
_FIRST_WIDTH = 8
"""Quarters that are looked at first where it is asked quarter by quarter."""
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


class StoredCall(NamedTuple):
    """All columns of `usage_call` but `raw_usage`, in order, as the driver has them: flags may be 0 and 1."""

    id: str
    started_at: float
    user_id: str | None
    user_name: str | None
    model: str
    called_model: str
    chat_id: str | None
    message_id: str | None
    task: str | None
    path: str | None
    groups: str
    input: int
    cached_input: int
    cache_write: int
    completion: int
    reasoning: int
    output: int
    estimated: bool
    unverified: bool
    outcome: str
    first_token_after: float | None
    thinking: float | None
    duration: float
    cost_nano: int | None
    cost_source: str | None
    combination: int | None
    effort: str | None
    error: str | None
    cost_input: int | None
    cost_cached: int | None
    cost_cache_write: int | None
    cost_output: int | None
    price_version: str | None


class Call(NamedTuple):
    """One call as it is listed: its row, and what its combination stands for."""

    row: StoredCall
    facts: Facts
    is_recorded: bool
    """False for the time before connection, kind, key and user groups were recorded."""


class CallPage(NamedTuple):
    """Some calls, newest first."""

    calls: list[Call]
    next: str | None
    """What to give as `before` for the following page; None where this is the last."""


class CallBatch(NamedTuple):
    """Rows for a file, newest first, and what is known of them."""

    rows: Sequence[StoredCall]
    facts: Mapping[int, Facts]
    """By combination."""
    others: Mapping[str, Facts]
    """By id, of rows that have no combination yet."""
    recorded_from: str
    """The id from which on connection, kind, key and user groups were recorded."""

    def calls(self) -> Iterator[Call]:
        """One by one."""
        for row in self.rows:
            yield Call(row, self.facts_of(row), row.id >= self.recorded_from)

    def facts_of(self, row: StoredCall) -> Facts:
        """What the combination of one of the rows stands for."""
        known = None if row.combination is None else self.facts.get(row.combination)
        return self.others[row.id] if known is None else known


class CallLog:
    """Lists the calls of one ledger. Blocks: call it off the event loop."""

    def __init__(self, engine: Engine, schema: str | None) -> None:
        """`engine` already knows the schema; `schema` is for what is written as text."""
        self._engine = engine
        self._schema = schema

    def page(self, query: CallQuery, limit: int, before: str | None = None) -> CallPage:
        """At most `limit` calls, older than the one whose id is `before`. With filters it may have fewer, or none,
        though others follow: `next` tells.

        Calls of older versions that are not in the cubes yet are only found without filters.
        """
        batch, next_ = self._read(query, limit, before, CallFacts(), time.monotonic() + _LONGEST_LOOK)
        return CallPage(list(batch.calls()), next_)

    def all(self, query: CallQuery) -> Iterator[Call]:
        """All calls, read as they are asked for."""
        for batch in self.batches(query):
            yield from batch.calls()

    def batches(self, query: CallQuery) -> Iterator[CallBatch]:
        """All calls, some at a time: no transaction is longer than it takes to read those."""
        facts = CallFacts()
        before: str | None = None
        while True:
            batch, before = self._read(query, _EXPORTED_AT_ONCE, before, facts, math.inf)
            yield batch
            if before is None:
                return

    def share_left(self, query: CallQuery, id_: str) -> float:
        """How much of the time that `all` goes through is older than a call, 0 to 1."""
        with self._engine.connect() as connection:
            first, last = (connection.execute(select(f(usage_call.c.id))).scalar() for f in (func.min, func.max))
        begins = max(_seconds(first), (query.start or 0) * QUARTER)
        ends = _seconds(last) if query.end is None else min(_seconds(last), query.end * QUARTER)
        return min(1.0, max(0.0, (_seconds(id_) - begins) / (ends - begins))) if ends > begins else 0.0

    def _read(
        self, query: CallQuery, limit: int, before: str | None, facts: CallFacts, deadline: float
    ) -> tuple[CallBatch, str | None]:
        with reading(self._engine) as connection:
            since = read_progress(connection, "recorded_since")
            recorded_from = id_at(math.ceil(float(since) / QUARTER) * QUARTER) if since else _FIRST
            search = _Search(connection, self._schema, query, recorded_from, deadline)
            rows = search.rows(limit + 1, before or _LAST)
            next_ = search.goes_on_below
            if len(rows) > limit:
                rows, next_ = rows[:limit], rows[limit - 1].id
            known = facts.of(connection, {row.combination for row in rows})
            others = {row.id: _facts_of(connection, row, facts) for row in rows if row.combination not in known}
        if query.readable.user_groups is not None:
            numbers = {row.combination for row in rows if row.combination is not None}
            known = {number: _readable(known[number], query.readable) for number in numbers & known.keys()}
        return CallBatch(rows, known, others, recorded_from), next_


class _Search:
    """Of one page."""

    def __init__(
        self, connection: Connection, schema: str | None, query: CallQuery, recorded_from: str, deadline: float
    ) -> None:
        self._connection = connection
        self._prefix = prefix(schema)
        self._placeholder = placeholder(connection)
        self._filters = Filters(Values(connection), query.filters, query.readable)
        self._recorded_from = recorded_from
        self._deadline = deadline
        self._low, self._high = _FIRST, _LAST
        self._times: list[str] = []
        self.goes_on_below: str | None = None
        """The id that it had come to when it took too long; None where nothing is left below."""
        if query.start is not None:
            self._low = id_at(query.start * QUARTER - EDGE)
            self._times.append(f"r.started_at >= {query.start * QUARTER}")
        if query.end is not None:
            self._high = id_at(query.end * QUARTER)
            self._times.append(f"r.started_at < {query.end * QUARTER}")

    def rows(self, count: int, before: str) -> list[StoredCall]:
        high = min(before, self._high)
        if not self._filters.dimensions:
            return self._read(count, [(self._low, high)], None)
        eras = [(True, _FIRST, _LAST)]
        if self._recorded_from and self._filters.dimensions & RECORDED_LATE:
            eras = [(True, self._recorded_from, _LAST), (False, _FIRST, self._recorded_from)]
        found: list[StoredCall] = []
        for recorded, first, last in eras:
            condition = self._filters.condition(recorded=recorded)
            low, top = max(first, self._low), min(last, high)
            if condition is not None and low < top and len(found) < count:
                found += self._filtered(count - len(found), low, top, condition)
            if self.goes_on_below is not None:
                break
        return found

    def _filtered(self, count: int, low: str, high: str, condition: str) -> list[StoredCall]:
        """The next rows are looked at as long as enough of them fit."""
        found: list[StoredCall] = []
        look = max(_FIRST_LOOK, count)
        while True:
            end = self._id_after(look, low, high)
            fitting = self._read(count - len(found), [(end or low, high)], condition)
            found += fitting
            if end is None or len(found) == count:
                return found
            high = end
            if found and self._is_late():
                self.goes_on_below = high
                return found
            if len(fitting) < look / _RARE:
                return found + self._rare(count - len(found), low, high, condition)
            look = min(_MOST_LOOK, round((count - len(found)) * look / len(fitting)) + 100)

    def _is_late(self) -> bool:
        return time.monotonic() > self._deadline

    def _rare(self, count: int, low: str, high: str, condition: str) -> list[StoredCall]:
        """By the quarters that the cube has."""
        found: list[StoredCall] = []
        for ranges in self._ranges(low, high, condition):
            found += self._read(count - len(found), ranges, condition)
            if len(found) == count:
                break
            if found and self._is_late():
                self.goes_on_below = ranges[-1][0]
                break
        return found

    def _ranges(self, low: str, high: str, condition: str) -> Iterator[list[tuple[str, str]]]:
        """Ranges of ids that have all calls that fit, the latest first, some at a time."""
        top = high
        ranges: list[tuple[str, str]] = []
        most = 1
        for quarter in self._quarters(quarter_of(_seconds(low)), quarter_of(_seconds(high) + EDGE) + 1, condition):
            first, last = max(low, id_at(quarter * QUARTER - EDGE)), min(top, id_at((quarter + 1) * QUARTER))
            if first >= last:
                continue
            top = first
            if ranges and ranges[-1][0] == last:
                ranges[-1] = (first, ranges[-1][1])
            else:
                ranges.append((first, last))
            if len(ranges) == most:
                yield ranges
                ranges = []
                most = min(_RANGES, most * 2)
        if ranges:
            yield ranges
        if self.goes_on_below is not None:
            self.goes_on_below = min(self.goes_on_below, top)

    def _quarters(self, first: int, last: int, condition: str) -> Iterator[int]:
        """The quarters that have calls that fit, the latest first; `last` is not included."""
        combinations = f"{self._prefix}usage_combination c"
        fitting = f"SELECT c.id FROM {combinations} WHERE {condition or 'true'} LIMIT {_FEW_COMBINATIONS + 1}"  # noqa: S608
        if len(self._connection.exec_driver_sql(fitting).all()) > _FEW_COMBINATIONS:
            yield from self._quarters_by_time(first, last, condition)
            return
        tables = f"{combinations} CROSS JOIN {self._prefix}usage_cube u"
        lately = max(first, last - _LATELY)
        while last > first:
            found = self._starts(tables, lately, last, condition)
            yield from found
            if len(found) == _QUARTERS:
                last = found[-1]
            else:
                last, lately = lately, first

    def _quarters_by_time(self, first: int, last: int, condition: str) -> Iterator[int]:
        """Where many combinations fit: looks at all calls of some hours, then of more. May give up, see
        `goes_on_below`.
        """
        tables = f"{self._prefix}usage_cube u CROSS JOIN {self._prefix}usage_combination c"
        width = _FIRST_WIDTH
        while last > first:
            lately = max(first, last - width)
            found = self._starts(tables, lately, last, condition)
            yield from found
            if len(found) == _QUARTERS:
                last = found[-1]
            else:
                last, width = lately, width * 4
            if self._is_late() and last > first:
                self.goes_on_below = id_at(last * QUARTER)
                return

    def _starts(self, tables: str, first: int, last: int, condition: str) -> list[int]:
        """In the order of `tables`: SQLite knows no better one."""
        statement = (
            f"SELECT DISTINCT u.start FROM {tables} WHERE u.cube IN (0, {UNVERIFIED}) AND u.combination = c.id "  # noqa: S608
            f"AND u.start >= {first} AND u.start < {last} AND {condition or 'true'} "
            f"ORDER BY u.start DESC LIMIT {_QUARTERS}"
        )
        return list(map(int, self._connection.exec_driver_sql(statement).scalars()))

    def _id_after(self, count: int, low: str, high: str) -> str | None:
        """The id of the row that is so many before `high`; None where there are fewer."""
        query = select(usage_call.c.id).where(usage_call.c.id >= low, usage_call.c.id < high)
        found: str | None = self._connection.execute(
            query.order_by(usage_call.c.id.desc()).offset(count - 1).limit(1)
        ).scalar()
        return found

    def _read(self, count: int, ranges: list[tuple[str, str]], condition: str | None) -> list[StoredCall]:
        """At most `count` rows with ids in one of `ranges`: from the first of each up to the second, not included."""
        within = " OR ".join(f"(r.id >= {self._placeholder} AND r.id < {self._placeholder})" for _ in ranges)
        where = " AND ".join([f"({within})", *self._times])
        source = f"{self._prefix}usage_call r"
        if condition is not None:
            # In this order: SQLite knows no better one.
            source += f" CROSS JOIN {self._prefix}usage_combination c"
            where += " AND c.id = r.combination" + (f" AND {condition}" if condition else "")
        statement = f"SELECT {_COLUMNS} FROM {source} WHERE {where} ORDER BY r.id DESC LIMIT {count}"  # noqa: S608
        rows = fetch(self._connection, statement, [id_ for pair in ranges for id_ in pair])
        return list(map(StoredCall._make, rows))


_COLUMNS = ", ".join(f'r."{name}"' for name in StoredCall._fields)


def _facts_of(connection: Connection, row: StoredCall, facts: CallFacts) -> Facts:
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
