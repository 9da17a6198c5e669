"""How long calls took, as percentiles: from histograms of each quarter of an hour and day, by model and connection.

They are made in the background from the rows of quarters that have been over for a while, so whoever writes calls does
nothing for them, and they stay when rows are removed. What is not in them yet is read from the rows. Where a call is
written later still, within a week, cube 1 has a call more than the histograms of its quarter, which are made again.

Calls that ended with an error are left out: they say how long it takes to fail.
"""

from __future__ import annotations

import math
import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from sqlalchemy import Connection, Engine, delete, func, insert, select, text

from openwebui_usage.ledger.cubes import CUBES, FOLD_AFTER, FOLDED, QUARTER, quarter_of
from openwebui_usage.ledger.database import fetch, reading, sharing
from openwebui_usage.ledger.progress import read_progress, write_progress
from openwebui_usage.ledger.report_filters import Filters
from openwebui_usage.ledger.report_query import (
    NONE,
    NOT_RECORDED,
    OTHER,
    RECORDED_LATE,
    Dimension,
    Report,
    Value,
)
from openwebui_usage.ledger.report_values import Values
from openwebui_usage.ledger.schema import usage_call, usage_cube, usage_latency
from openwebui_usage.ledger.statements import prefix
from openwebui_usage.rules.histograms import Histogram, add_text, interval_of, to_text

LATENCY_DIMENSIONS: frozenset[Dimension] = frozenset(("model", "connection"))
"""What percentiles may be grouped and filtered by."""
DONE = "latency"
"""The name in `usage_progress` of the quarter up to which all quarters are in histograms."""
_DAY = 96
_QUARTERS, _DAYS = 0, 1
"""Values of `span`."""
_LOOKS_BACK = 7 * _DAY
"""Quarters in which calls that came late are looked for."""
_LOOKS_EVERY = 600.0
"""Seconds."""


@dataclass(slots=True)
class Latency:
    """Of some calls."""

    calls: int = 0
    """All of them, also those that ended with an error."""
    duration: Histogram = field(default_factory=Histogram)
    first_token: Histogram = field(default_factory=Histogram)

    def add(self, outcome: str, duration: float, first_token_after: float | None) -> None:
        """One call. Spans are seconds."""
        self.calls += 1
        if outcome != "error":
            self.duration[interval_of(duration)] += 1
            if first_token_after is not None:
                self.first_token[interval_of(first_token_after)] += 1

    def add_stored(self, calls: int, duration: str, first_token: str) -> None:
        """A row of `usage_latency`."""
        self.calls += calls
        add_text(self.duration, duration)
        add_text(self.first_token, first_token)


class LatencyReport(NamedTuple):
    """What belongs to the rows of a report, in their order, and to its totals."""

    rows: list[Latency]
    totals: Latency


_Of = tuple[int, int]
"""The numbers of a model and a connection."""


class LatencyFolding:
    """Makes the histograms of one ledger. Workers that do it at once take turns. For one thread at a time."""

    def __init__(self, engine: Engine, schema: str | None) -> None:
        """`engine` already knows the schema; `schema` is for what goes to the driver directly."""
        self._engine = engine
        self._schema = schema
        self._looked_at = float("-inf")
        self._late: dict[int, int] = {}
        """Quarters that are to be made again, and how many calls the cube has of them."""
        self._tried: dict[int, int] = {}
        """Quarters that were made again, and how many calls the cube had of them then."""

    def step(self, now: float | None = None) -> bool:
        """Make the histograms of the next quarter, in one short transaction. False where nothing is left to do."""
        limit = quarter_of(time.time() if now is None else now) - FOLD_AFTER
        with self._engine.connect() as connection:
            value = read_progress(connection, DONE)
            done = self._first_quarter(connection) if value is None else int(value)
            if done is not None and done < limit:
                done = self._skip_empty(connection, done, limit)
        if done is None:
            return False
        if done < limit:
            self._make(done, value, done + 1)
            return True
        if value is None or int(value) < limit:
            self._make(None, value, limit)
        return self._make_late(limit)

    def _make(self, quarter: int | None, seen: str | None, done: int) -> None:
        """The histograms of a quarter, where no other worker was quicker; then that of its day, if that is over."""
        made = {} if quarter is None else self._of_rows(quarter)
        with sharing(self._engine) as connection:
            if read_progress(connection, DONE, lock=True) != seen:
                return
            if quarter is not None:
                _store(connection, _QUARTERS, quarter, made)
            # Quarters between the last one and this have no calls, however many there are.
            days = {part // _DAY for part in (None if seen is None else int(seen), quarter) if part is not None}
            for day in sorted(day for day in days if day < done // _DAY):
                _store_day(connection, day * _DAY)
            write_progress(connection, DONE, str(done))

    def _make_late(self, limit: int) -> bool:
        """The same of a quarter to which calls were added later."""
        if not self._late and time.monotonic() - self._looked_at > _LOOKS_EVERY:
            self._looked_at = time.monotonic()
            self._late = self._look_for_late(limit)
        if not self._late:
            return False
        quarter, calls = next(reversed(self._late.items()))
        made = self._of_rows(quarter)
        with sharing(self._engine) as connection:
            read_progress(connection, DONE, lock=True)
            kept = _calls_by_quarter(connection, quarter, quarter + 1).get(quarter, 0)
            if sum(latency.calls for latency in made.values()) > kept:  # Otherwise its rows are being removed.
                _store(connection, _QUARTERS, quarter, made)
                if quarter < limit - limit % _DAY:
                    _store_day(connection, quarter - quarter % _DAY)
        del self._late[quarter]  # Only now: where it failed, it is tried again.
        self._tried[quarter] = calls
        return True

    def _look_for_late(self, limit: int) -> dict[int, int]:
        cube = next(cube.id for cube in CUBES if (cube.family, cube.span) == ("by_model", "quarter"))
        with reading(self._engine) as connection:
            end = min(limit, int(read_progress(connection, FOLDED) or 0), int(read_progress(connection, DONE) or 0))
            start = end - _LOOKS_BACK
            column = usage_cube.c
            query = select(column.start, func.sum(column.calls)).where(
                column.cube == cube, column.start >= start, column.start < end
            )
            expected = {int(quarter): int(calls) for quarter, calls in connection.execute(query.group_by(column.start))}
            found = _calls_by_quarter(connection, start, end)
        self._tried = {quarter: calls for quarter, calls in self._tried.items() if quarter >= start}
        return {
            quarter: calls
            for quarter, calls in expected.items()
            if calls > found.get(quarter, 0) and self._tried.get(quarter) != calls
        }

    def _first_quarter(self, connection: Connection) -> int | None:
        first = connection.execute(select(func.min(usage_call.c.started_at))).scalar()
        return None if first is None else quarter_of(first)

    def _skip_empty(self, connection: Connection, done: int, limit: int) -> int:
        """The first quarter from `done` on that has calls."""
        query = select(func.min(usage_call.c.started_at)).where(usage_call.c.started_at >= done * QUARTER)
        first = connection.execute(query).scalar()
        return limit if first is None else min(limit, quarter_of(first))

    def _of_rows(self, quarter: int) -> dict[_Of, Latency]:
        found: dict[_Of, Latency] = defaultdict(Latency)
        with reading(self._engine) as connection:
            for _, of, values in _rows(connection, self._schema, quarter, quarter + 1, ""):
                found[of].add(*values)
        return found


class Latencies:
    """Answers for one ledger. Blocks: call it off the event loop."""

    def __init__(self, engine: Engine, schema: str | None) -> None:
        """`engine` already knows the schema; `schema` is for what goes to the driver directly."""
        self._engine = engine
        self._schema = schema

    def of_report(self, report: Report) -> LatencyReport:
        """How long the calls of its rows took. It is by `LATENCY_DIMENSIONS` alone, and of everybody."""
        starts = report.query.time.cut(report.query.bucket)
        found: dict[tuple[int, tuple[Value, ...]], Latency] = defaultdict(Latency)
        with reading(self._engine) as connection:
            read = _Read(connection, self._schema, report)
            for first, last, recorded, condition in read.eras():
                for span, start, end in read.spans(starts, first, last):
                    for quarter, of, values in _stored(connection, span, start, end, condition):
                        key = starts[bisect_right(starts, quarter) - 1], read.key(of, recorded=recorded)
                        found[key].add_stored(*values)
                start = max(first, read.done)
                for quarter, of, call in _rows(connection, self._schema, start, last, condition):
                    key = starts[bisect_right(starts, quarter) - 1], read.key(of, recorded=recorded)
                    found[key].add(*call)
        totals = Latency()
        for latency in found.values():
            totals.calls += latency.calls
            totals.duration.update(latency.duration)
            totals.first_token.update(latency.first_token)
        return LatencyReport([found.get((row.start, row.values), Latency()) for row in report.rows], totals)


class _Read:
    """What is read for one report, in one transaction."""

    def __init__(self, connection: Connection, schema: str | None, report: Report) -> None:
        self._query = report.query
        self._shown = {row.values for row in report.rows}
        self._values = Values(connection)
        self._filters = Filters(self._values, report.query.filters, report.query.readable)
        self._since = None if report.recorded_since is None else math.ceil(report.recorded_since / QUARTER)
        self._keys: dict[tuple[_Of, bool], tuple[Value, ...]] = {}
        self.done = int(read_progress(connection, DONE) or 0)

    def eras(self) -> Iterator[tuple[int, int, bool, str]]:
        """Start, end and whether everything was recorded, with the condition on what is counted."""
        asked, since = self._query.time, self._since
        eras = [(asked.start, asked.end, True)]
        if since is not None and since > asked.start:
            eras = [(asked.start, min(since, asked.end), False), (min(since, asked.end), asked.end, True)]
        for start, end, recorded in eras:
            condition = self._filters.condition(recorded=recorded)
            if condition is not None and start < end:
                yield start, end, recorded, condition

    def spans(self, starts: Sequence[int], first: int, last: int) -> list[tuple[int, int, int]]:
        """Days and quarters to read, as runs: the span, the start and the end."""
        last = min(last, self.done)
        days_end = self.done - self.done % _DAY
        found: list[tuple[int, int, int]] = []
        for start, end in pairwise((*starts, self._query.time.end)):
            start, end = max(start, first), min(end, last)
            if start >= end:
                continue
            day, after = -(-start // _DAY) * _DAY, min(end - end % _DAY, days_end)
            pieces = [(_QUARTERS, start, end)]
            if day < after:
                pieces = [(_QUARTERS, start, day), (_DAYS, day, after), (_QUARTERS, after, end)]
            for span, begin, stop in pieces:
                if begin >= stop:
                    continue
                if found and found[-1][0] == span and found[-1][2] == begin:
                    found[-1] = (span, found[-1][1], stop)
                else:
                    found.append((span, begin, stop))
        return found

    def key(self, of: _Of, *, recorded: bool) -> tuple[Value, ...]:
        """The values of the row that calls belong to."""
        known = self._keys.get((of, recorded))
        if known is None:
            numbers = dict(zip(("model", "connection"), of, strict=True))
            known = tuple(self._value(name, numbers[name], recorded=recorded) for name in self._query.group_by)
            if self._query.top is not None and known not in self._shown:
                known = (OTHER,) * len(known)
            self._keys[of, recorded] = known
        return known

    def _value(self, dimension: Dimension, number: int, *, recorded: bool) -> Value:
        if number == 0:
            return NONE if recorded or dimension not in RECORDED_LATE else NOT_RECORDED
        self._values.know([number])
        return self._values.shown(dimension, number)[0]


def _rows(
    connection: Connection, schema: str | None, start: int, end: int, condition: str
) -> Iterator[tuple[int, _Of, tuple[str, float, float | None]]]:
    """Calls of some quarters: the quarter, of what they are, and what `Latency.add` takes."""
    if start >= end:
        return
    before = prefix(schema)
    statement = (
        f"SELECT r.started_at, c.model, c.connection, r.outcome, r.duration, r.first_token_after "  # noqa: S608
        f"FROM {before}usage_call r CROSS JOIN {before}usage_combination c "
        f"WHERE r.started_at >= {start * QUARTER} AND r.started_at < {end * QUARTER} "
        f"AND NOT r.unverified AND c.id = r.combination" + (f" AND {condition}" if condition else "")
    )
    for started_at, model, connection_, *call in fetch(connection, statement):
        outcome, duration, first_token_after = call
        yield quarter_of(started_at), (model, connection_), (outcome, duration, first_token_after)


def _stored(
    connection: Connection, span: int, start: int, end: int, condition: str
) -> Iterator[tuple[int, _Of, tuple[int, str, str]]]:
    """Histograms: the quarter that they begin with, of what they are, and what `Latency.add_stored` takes."""
    table = usage_latency.alias("c").c
    query = select(table.start, table.model, table.connection, table.calls, table.duration, table.first_token)
    query = query.where(table.span == span, table.start >= start, table.start < end)
    if condition:
        query = query.where(text(condition))
    for quarter, model, connection_, *values in connection.execute(query):
        calls, duration, first_token = values
        yield int(quarter), (model, connection_), (int(calls), duration, first_token)


def _store(connection: Connection, span: int, start: int, made: Mapping[_Of, Latency]) -> None:
    """In place of what is there."""
    table = usage_latency.c
    connection.execute(delete(usage_latency).where(table.span == span, table.start == start))
    rows = [
        {
            "span": span,
            "start": start,
            "model": model,
            "connection": connection_,
            "calls": latency.calls,
            "duration": to_text(latency.duration),
            "first_token": to_text(latency.first_token),
        }
        for (model, connection_), latency in sorted(made.items())
    ]
    if rows:
        connection.execute(insert(usage_latency), rows)


def _store_day(connection: Connection, start: int) -> None:
    """What its quarters come to."""
    made: dict[_Of, Latency] = defaultdict(Latency)
    for _, of, values in _stored(connection, _QUARTERS, start, start + _DAY, ""):
        made[of].add_stored(*values)
    _store(connection, _DAYS, start, made)


def _calls_by_quarter(connection: Connection, start: int, end: int) -> dict[int, int]:
    table = usage_latency.c
    query = select(table.start, func.sum(table.calls)).where(
        table.span == _QUARTERS, table.start >= start, table.start < end
    )
    return {int(quarter): int(calls) for quarter, calls in connection.execute(query.group_by(table.start))}
