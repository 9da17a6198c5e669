"""Answers reports from the cubes: exactly, at any moment, and with few rows read.

The time is cut into the parts that are asked for, each of those into the fewest whole months, days, hours and quarters
of an hour that some cube has, and the database adds up the rows by part and by the numbers of what is grouped by. What
those numbers mean is looked up afterwards.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise, product
from typing import NamedTuple, TypeVar

from sqlalchemy import Connection, Engine, select

from openwebui_usage.ledger.conversion import CONVERTED, are_converted
from openwebui_usage.ledger.cubes import QUARTER, marks_of
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
from openwebui_usage.ledger.report_spans import runs, stretches
from openwebui_usage.ledger.report_sums import Grouping, SumReader, TooManyRows, TooWide
from openwebui_usage.ledger.report_values import SETS, Values
from openwebui_usage.ledger.schema import usage_progress

_OTHER = -2
"""The number of all groups but the top, where the database adds them up."""
_NOT_RECORDED = -1
"""The number for what was not recorded yet; 0 is for none."""

_FEW_GROUPS = 50
"""Whose rows are found one by one."""

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

    def answer(self, query: ReportQuery, most_rows: int | None = None) -> Report:
        """The report, from one snapshot of the ledger. Raises `TooManyBuckets`, and `TooManyRows` above `most_rows`."""
        starts = query.time.cut(query.bucket)
        try:
            return self._answer(query, starts, most_rows, is_wide=False)
        except TooWide:
            return self._answer(query, starts, most_rows, is_wide=True)

    def _answer(self, query: ReportQuery, starts: Sequence[int], most_rows: int | None, *, is_wide: bool) -> Report:
        with reading(self._engine) as connection:
            report = _Answer(connection, self._schema, query, starts, most_rows, is_wide=is_wide).report()
        if most_rows is not None and len(report.rows) > most_rows:
            raise TooManyRows
        return report


class _Answer:
    """One report, in one transaction."""

    def __init__(
        self,
        connection: Connection,
        schema: str | None,
        query: ReportQuery,
        starts: Sequence[int],
        most_rows: int | None,
        *,
        is_wide: bool,
    ) -> None:
        self._connection = connection
        self._schema = schema
        self._query = query
        self._starts = starts
        self._values = Values(connection)
        self._filters = Filters(self._values, query.filters, query.readable)
        progress = dict(map(tuple, connection.execute(select(usage_progress.c.name, usage_progress.c.value))))
        self._marks = marks_of(progress)
        self._recorded_since = float(progress["recorded_since"]) if "recorded_since" in progress else None
        self._converted = progress.get(CONVERTED) or ""
        error = self._values.number("outcome", "error")
        self._sums = SumReader(connection, schema, error, is_wide=is_wide, most=most_rows)

    def report(self) -> Report:
        query = self._query
        parts = [(start, end, number) for number, (start, end) in enumerate(pairwise((*self._starts, query.time.end)))]
        found = self._sum_top(parts) if self._may_leave_others_to_the_database() else self._sum_all(parts)
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

    def _may_leave_others_to_the_database(self) -> bool:
        """Whether each group is one combination of numbers: a call is not in several, nor do two keys share a name."""
        mixed = {*SETS, "key"}
        group_by = self._query.group_by
        return self._query.top is not None and bool(group_by) and mixed.isdisjoint(group_by)

    def _sum_all(self, parts: Sequence[_Part]) -> dict[tuple[int, _Numbers], _Sums]:
        found = self._sum(parts, self._query.group_by)
        self._values.know(number for _, numbers in found for number in numbers if number > 0)
        return found

    def _sum_top(self, parts: Sequence[_Part]) -> dict[tuple[int, _Numbers], _Sums]:
        """The same sums, but the database adds up all groups outside the top: thousands of users by day would be a
        million rows.
        """
        group_by, top = self._query.group_by, self._top(parts)
        self._values.know(number for numbers in top for number in numbers if number > 0)
        if "user" not in group_by or len(top) > _FEW_GROUPS:
            return self._sum(parts, group_by, _Kept(top))
        # The rows of a few users are quickly found, and what all come to is quickly summed.
        found = self._sum(parts, group_by, _Kept(top, without_others=True))
        others = {part: sums for (part, _), sums in self._sum(parts, ()).items()}
        for (part, _), sums in found.items():
            others[part] = tuple(map(operator.sub, others[part], sums))
        return found | {(part, (_OTHER,) * len(group_by)): sums for part, sums in others.items() if any(sums)}

    def _top(self, parts: Sequence[_Part]) -> frozenset[_Numbers]:
        """The groups that have rows of their own."""
        whole, group_by, top = [(parts[0][0], parts[-1][1], 0)], self._query.group_by, self._query.top or 0
        sums: dict[_Numbers, tuple[int, ...]] = {}
        eras = self._eras(whole, {*group_by, *self._filters.dimensions})
        # One more than are wanted tells whether the last of them is as great as others: then all have to be known.
        for most in (top + 1, None) if len(eras) == 1 else (None,):
            sums = self._ranked(eras, group_by, most)
            if most is None or len(sums) < most:
                break
            last, beyond = sorted(sums.values(), reverse=True)[top - 1 :]
            if last > beyond:
                return frozenset(sorted(sums, key=lambda numbers: sums[numbers], reverse=True)[:top])
        refused = {numbers: found[-1] for (_, numbers), found in self._refused(eras, group_by).items()}
        groups = {*sums, *refused}
        self._values.know(number for numbers in groups for number in numbers if number > 0)
        places = {
            numbers: (tuple(-sum_ for sum_ in (*sums.get(numbers, (0, 0, 0)), refused.get(numbers, 0))),
                      str(self._keys(numbers)[0]))
            for numbers in groups
        }  # fmt: skip
        return frozenset(sorted(groups, key=lambda numbers: places[numbers])[:top])

    def _ranked(
        self, eras: Sequence[_Era], group_by: Sequence[Dimension], most: int | None
    ) -> dict[_Numbers, tuple[int, ...]]:
        """What the top is chosen by, without refusals: of all groups, or of the `most` that are the greatest."""
        found: dict[_Numbers, tuple[int, ...]] = {}
        for era in eras:
            stretches_ = stretches(era.parts, self._columns(group_by), self._marks)
            grouping = Grouping([COLUMNS[dimension] for dimension in group_by])
            for numbers, sums in self._sums.ranked(stretches_, grouping, era.condition, most):
                key = _as_shown(numbers, group_by, recorded=era.recorded)
                known = found.get(key)
                found[key] = sums if known is None else tuple(map(operator.add, known, sums))
        return found

    # -- rows -----------------------------------------------------------------------------------------------------

    def _rows(self, found: dict[tuple[int, _Numbers], _Sums]) -> Iterator[ReportRow]:
        members: dict[_Numbers, list[tuple[int, _Sums]]] = {}
        for (part, numbers), sums in found.items():
            members.setdefault(numbers, []).append((part, sums))
        keys = {numbers: self._keys(numbers) for numbers in members}
        groups: dict[_Key, _Sums] = {}
        for numbers, each in members.items():
            whole = each[0][1] if len(each) == 1 else _total(sums for _, sums in each)
            for key in keys[numbers]:
                _add(groups, key, whole)
        ranked = sorted(sorted(groups, key=str), key=lambda key: _rank(groups[key]), reverse=True)
        places = {key: place for place, key in enumerate(ranked[: self._query.top])}
        shown = [*places, (OTHER,) * len(self._query.group_by)]
        others = len(places)
        rows: dict[tuple[int, int], _Sums] = {}
        for numbers, each in members.items():
            # A call that is in several of the others is among them once.
            for place in {places.get(key, others) for key in keys[numbers]} or (others,):
                for part, sums in each:
                    _add(rows, (part, place), sums)
        for part, place in sorted(rows):
            yield ReportRow(self._starts[part], shown[place], ReportSums._make(rows[part, place]))

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
        self, parts: Sequence[_Part], group_by: Sequence[Dimension], kept: _Kept | None = None
    ) -> dict[tuple[int, _Numbers], _Sums]:
        """What calls and refusals come to, by part and by the numbers of `group_by`; of `kept` alone, where it is
        given, and of all others together.
        """
        eras = self._eras(parts, {*group_by, *self._filters.dimensions})
        found = self._refused(eras, group_by, kept) if self._query.with_refusals else {}
        for era in eras:
            grouping, condition = self._grouped(era, group_by, kept)
            stretches_ = stretches(era.parts, self._columns(group_by), self._marks)
            users_first = self._filters.is_of_few_users or (kept is not None and kept.without_others)
            for part, numbers, sums in self._sums.of_cubes(stretches_, grouping, condition, users_first=users_first):
                _add(found, (part, _as_shown(numbers, group_by, recorded=era.recorded)), (*sums, 0))
        return found

    def _refused(
        self, eras: Sequence[_Era], group_by: Sequence[Dimension], kept: _Kept | None = None
    ) -> dict[tuple[int, _Numbers], _Sums]:
        """What refusals come to."""
        found: dict[tuple[int, _Numbers], _Sums] = {}
        for era in eras:
            grouping, condition = self._grouped(era, group_by, kept)
            for part, numbers, (calls,) in self._sums.of_refusals(runs(era.parts), grouping, condition):
                sums = (*_NOTHING[:-1], calls)
                _add(found, (part, _as_shown(numbers, group_by, recorded=era.recorded)), sums)
        return found

    def _grouped(self, era: _Era, group_by: Sequence[Dimension], kept: _Kept | None) -> tuple[Grouping, str]:
        """How rows are grouped, and which are read."""
        columns = [COLUMNS[dimension] for dimension in group_by]
        if kept is None:
            return Grouping(columns), era.condition
        grouping = Grouping(columns, _as_stored(kept.groups, group_by, recorded=era.recorded), _OTHER)
        if not kept.without_others:
            return grouping, era.condition
        users = {numbers[group_by.index("user")] for numbers in grouping.apart or ()}
        is_of_users = f'c."user" IN ({", ".join(map(str, sorted(users))) or "-1"})'
        condition = " AND ".join(filter(None, (is_of_users, grouping.is_apart(), era.condition)))
        return Grouping(columns), condition

    def _columns(self, group_by: Sequence[Dimension]) -> set[str]:
        """The columns of `usage_combination` that are looked at."""
        return {COLUMNS[dimension] for dimension in (*group_by, *self._filters.dimensions)}

    def _eras(self, parts: Sequence[_Part], dimensions: set[Dimension]) -> list[_Era]:
        """The parts of the time before everything was recorded, and those since: before, 0 means something else.

        Without those in which nothing can fit what is asked for.
        """
        cut: list[tuple[bool, list[_Part]]] = [(True, list(parts))]
        if self._recorded_since is not None and dimensions & RECORDED_LATE:
            since = math.ceil(self._recorded_since / QUARTER)
            before = [(start, min(end, since), part) for start, end, part in parts if start < since]
            after = [(max(start, since), end, part) for start, end, part in parts if end > since]
            cut = [(False, before), (True, after)]
        found = ((recorded, some, self._filters.condition(recorded=recorded)) for recorded, some in cut if some)
        return [_Era(recorded, some, condition) for recorded, some, condition in found if condition is not None]


class _Era(NamedTuple):
    """Parts of the time in which the same was recorded, and the condition for what is asked for."""

    recorded: bool
    parts: list[_Part]
    condition: str


class _Kept(NamedTuple):
    """The groups that have rows of their own."""

    groups: frozenset[_Numbers]
    without_others: bool = False
    """Whether nothing else is read."""


def _as_shown(numbers: _Numbers, group_by: Sequence[Dimension], *, recorded: bool) -> _Numbers:
    """What the ledger has, as what it means: before something was recorded, 0 means that."""
    if recorded:
        return numbers
    pairs = zip(group_by, numbers, strict=True)
    return tuple(_NOT_RECORDED if number == 0 and name in RECORDED_LATE else number for name, number in pairs)


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
    return ReportSums._make(sums).rank


def _total(found: Iterable[_Sums]) -> ReportSums:
    return ReportSums(*map(sum, zip(_NOTHING, *found, strict=True)))
