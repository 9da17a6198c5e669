"""Answers reports from the cubes: exactly, at any moment, and with few rows read.

The time is cut into the parts that are asked for, each of those into the fewest whole months, days, hours and quarters
of an hour that some cube has, and the database adds up the rows by part and by the numbers of what is grouped by. What
those numbers mean is looked up afterwards.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import pairwise, product
from typing import TypeVar

from sqlalchemy import Connection, Engine, select

from openwebui_usage.ledger.conversion import CONVERTED, are_converted
from openwebui_usage.ledger.cubes import FOLDED, QUARTER
from openwebui_usage.ledger.database import reading
from openwebui_usage.ledger.report_filters import Filters
from openwebui_usage.ledger.report_query import (
    COLUMNS,
    NONE,
    NOT_RECORDED,
    OTHER,
    RECORDED_LATE,
    REPORT_SUMS,
    Dimension,
    Report,
    ReportQuery,
    ReportRow,
    ReportSums,
    Value,
)
from openwebui_usage.ledger.report_spans import family_of, runs, stretches
from openwebui_usage.ledger.report_sums import Grouping, SumReader
from openwebui_usage.ledger.report_values import SETS, Values
from openwebui_usage.ledger.schema import usage_progress

_OTHER = -2
"""The number of all groups but the top, where the database adds them up."""
_NOT_RECORDED = -1
"""The number for what was not recorded yet; 0 is for none."""

_Part = tuple[int, int, int]
"""Start, end and number of a part of the time."""
_Numbers = tuple[int, ...]
"""What a row is of, in the order of `group_by`."""
_Key = tuple[Value, ...]
_Sums = tuple[int, ...]
"""In the order of `REPORT_SUMS`."""
_Anything = TypeVar("_Anything")
_NOTHING: _Sums = (0,) * len(REPORT_SUMS)


class Reports:
    """Answers reports on one ledger. Blocks: call it off the event loop."""

    def __init__(self, engine: Engine, schema: str | None) -> None:
        """`engine` already knows the schema; `schema` is for what goes to the driver directly."""
        self._engine = engine
        self._schema = schema

    def answer(self, query: ReportQuery) -> Report:
        """The report, from one snapshot of the ledger. Raises `TooManyBuckets`."""
        starts = query.time.cut(query.bucket)
        with reading(self._engine) as connection:
            return _Answer(connection, self._schema, query, starts).report()


class _Answer:
    """One report, in one transaction."""

    def __init__(self, connection: Connection, schema: str | None, query: ReportQuery, starts: Sequence[int]) -> None:
        self._connection = connection
        self._schema = schema
        self._query = query
        self._starts = starts
        self._values = Values(connection)
        self._filters = Filters(self._values, query.filters, query.readable)
        progress = dict(map(tuple, connection.execute(select(usage_progress.c.name, usage_progress.c.value))))
        self._folded = int(progress.get(FOLDED, 0))
        self._recorded_since = float(progress["recorded_since"]) if "recorded_since" in progress else None
        self._converted = progress.get(CONVERTED) or ""
        self._sums = SumReader(connection, schema, self._values.number("outcome", "error"))

    def report(self) -> Report:
        query = self._query
        parts = [(start, end, number) for number, (start, end) in enumerate(pairwise((*self._starts, query.time.end)))]
        found = self._sum_top(parts) if self._may_leave_others_to_the_database(parts) else self._sum_all(parts)
        previous = None
        if query.compare_previous:
            before = query.time.previous()
            previous = _total(self._sum([(before.start, before.end, 0)], ()).values())
        return Report(
            query,
            tuple(self._rows(found)),
            _total(found.values()),
            previous,
            self._recorded_since,
            self._is_complete(),
        )

    def _is_complete(self) -> bool:
        since, query = self._recorded_since, self._query
        start = (query.time.previous() if query.compare_previous else query.time).start
        return since is None or are_converted(
            self._connection, self._converted, since, start * QUARTER, query.time.end * QUARTER
        )

    def _may_leave_others_to_the_database(self, parts: Sequence[_Part]) -> bool:
        """Whether each group is one combination of numbers: a call is not in several, nor do two keys share a name."""
        mixed = {*SETS, "key"}
        return self._query.top is not None and len(parts) > 1 and mixed.isdisjoint(self._query.group_by)

    def _sum_all(self, parts: Sequence[_Part]) -> dict[tuple[int, _Numbers], _Sums]:
        found = self._sum(parts, self._query.group_by)
        self._values.know(number for _, numbers in found for number in numbers if number > 0)
        return found

    def _sum_top(self, parts: Sequence[_Part]) -> dict[tuple[int, _Numbers], _Sums]:
        """The same sums, but the database adds up all groups outside the top: thousands of users by day would be a
        million rows.
        """
        whole = {numbers: sums for (_, numbers), sums in self._sum_all([(parts[0][0], parts[-1][1], 0)]).items()}
        ranked = sorted(whole, key=lambda numbers: (_rank(whole[numbers]), str(self._keys(numbers)[0])))
        return self._sum(parts, self._query.group_by, frozenset(ranked[: self._query.top]))

    # -- rows -----------------------------------------------------------------------------------------------------

    def _rows(self, found: dict[tuple[int, _Numbers], _Sums]) -> Iterator[ReportRow]:
        keys = {numbers: self._keys(numbers) for numbers in {numbers for _, numbers in found}}
        groups: dict[_Key, _Sums] = {}
        for (_, numbers), sums in found.items():
            for key in keys[numbers]:
                _add(groups, key, sums)
        ranked = sorted(groups, key=lambda key: (_rank(groups[key]), str(key)))
        top = self._query.top
        others = (len(ranked), (OTHER,) * len(self._query.group_by))
        places: dict[_Key, tuple[int, _Key]] = {
            key: (place, key) if top is None or place < top else others for place, key in enumerate(ranked)
        }
        rows: dict[tuple[int, tuple[int, _Key]], _Sums] = {}
        for (part, numbers), sums in found.items():
            # A call that is in several of the others is among them once.
            for place in {places[key] for key in keys[numbers]} or (others,):
                _add(rows, (part, place), sums)
        for (part, (_, key)), sums in sorted(rows.items(), key=lambda row: (row[0][0], row[0][1][0])):
            yield ReportRow(self._starts[part], key, ReportSums(*sums))

    def _keys(self, numbers: _Numbers) -> list[_Key]:
        """The rows that a call of these numbers is in; none for those that the database added up as the others."""
        if _OTHER in numbers:
            return []
        shown = [
            self._shown(dimension, number) for dimension, number in zip(self._query.group_by, numbers, strict=True)
        ]
        return list(product(*shown))

    def _shown(self, dimension: Dimension, number: int) -> tuple[Value, ...]:
        if number <= 0:
            return (NONE if number == 0 else NOT_RECORDED,)
        return self._values.shown(dimension, number, self._filters.of_members(dimension))

    # -- sums -----------------------------------------------------------------------------------------------------

    def _sum(
        self, parts: Sequence[_Part], group_by: Sequence[Dimension], kept: frozenset[_Numbers] | None = None
    ) -> dict[tuple[int, _Numbers], _Sums]:
        """What calls and refusals come to, by part and by the numbers of `group_by`; of `kept` alone, where it is
        given, and of all others together.
        """
        dimensions = {*group_by, *self._filters.dimensions}
        found: dict[tuple[int, _Numbers], _Sums] = {}
        for recorded, some in self._eras(parts, dimensions):
            condition = self._filters.condition(recorded=recorded)
            if condition is None or not some:
                continue
            apart = None if kept is None else _as_stored(kept, group_by, recorded=recorded)
            for part, numbers, sums in self._read(some, group_by, dimensions, condition, apart):
                if not any(sums):
                    continue
                if not recorded:
                    numbers = tuple(
                        _NOT_RECORDED if number == 0 and dimension in RECORDED_LATE else number
                        for dimension, number in zip(group_by, numbers, strict=True)
                    )
                _add(found, (part, numbers), sums)
        return found

    def _eras(self, parts: Sequence[_Part], dimensions: set[Dimension]) -> Iterable[tuple[bool, list[_Part]]]:
        """The parts of the time before everything was recorded (False), where 0 means just that, and after (True)."""
        if self._recorded_since is None or not dimensions & RECORDED_LATE:
            return [(True, list(parts))]
        since = math.ceil(self._recorded_since / QUARTER)
        before = [(start, min(end, since), part) for start, end, part in parts if start < since]
        after = [(max(start, since), end, part) for start, end, part in parts if end > since]
        return [(False, before), (True, after)]

    def _read(
        self,
        parts: Sequence[_Part],
        group_by: Sequence[Dimension],
        dimensions: Iterable[Dimension],
        condition: str,
        apart: Collection[_Numbers] | None,
    ) -> Iterator[tuple[int, _Numbers, _Sums]]:
        columns = Grouping([COLUMNS[dimension] for dimension in group_by], apart, _OTHER)
        family = family_of(COLUMNS[dimension] for dimension in dimensions)
        users_first = self._filters.is_of_few_users
        for cube, some in stretches(parts, family, self._folded).items():
            added = self._sums.of_cube(cube, some, columns, condition, users_first=users_first)
            yield from ((part, numbers, (*sums, 0)) for part, numbers, sums in added)
        added = self._sums.of_refusals(runs(parts), columns, condition)
        yield from ((part, numbers, (*_NOTHING[:-1], *sums)) for part, numbers, sums in added)


def _as_stored(kept: Iterable[_Numbers], group_by: Sequence[Dimension], *, recorded: bool) -> list[_Numbers]:
    """The numbers as the ledger stores them in one era. Before something was recorded, 0 means just that."""
    found = []
    for numbers in kept:
        pairs = list(zip(group_by, numbers, strict=True))
        unknown = [number for dimension, number in pairs if dimension in RECORDED_LATE and number <= 0]
        if all((number == 0) is recorded for number in unknown):
            found.append(tuple(max(0, number) for number in numbers))
    return found


def _add(found: dict[_Anything, _Sums], key: _Anything, sums: _Sums) -> None:
    known = found.get(key)
    found[key] = sums if known is None else tuple(map(operator.add, known, sums))


def _rank(sums: _Sums) -> tuple[int, ...]:
    """The greater, the nearer to the top."""
    return tuple(-number for number in ReportSums(*sums).rank)


def _total(found: Iterable[_Sums]) -> ReportSums:
    return ReportSums(*map(sum, zip(_NOTHING, *found, strict=True)))
