"""Compares what is derived from rows with the rows: cubes with the rows in them, cubes with one another, group totals.

It looks at a day at a time and keeps nobody from writing. Only what differs twice is reported: a call that is written
between two looks is no difference. Where retention has removed rows, the cubes of that time are compared only with one
another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, delete, func, insert, select, text

from openwebui_usage.ledger.combinations import complete_combinations
from openwebui_usage.ledger.conversion import CONVERTED
from openwebui_usage.ledger.cubes import CUBES, FIELDS, QUARTER, Cube, Span, end_of, quarter_of, start_of
from openwebui_usage.ledger.database import Transaction, writing
from openwebui_usage.ledger.definitions import raise_revision
from openwebui_usage.ledger.folding import read_marks, summed
from openwebui_usage.ledger.progress import read_progress, write_progress
from openwebui_usage.ledger.recording import SUMS
from openwebui_usage.ledger.schema import ALL_TIME_KEY, CUBE_SUMS, usage_call, usage_cube, usage_group, usage_total
from openwebui_usage.ledger.statements import prefix
from openwebui_usage.ledger.totals import sum_query, sums_of
from openwebui_usage.rules.groups import Sums
from openwebui_usage.rules.periods import ALL_TIME

_DAY = 96
_LONG: tuple[Span, ...] = ("third", "month", "year")
"""Spans that are longer than a day."""
Found = dict[tuple[int, int], tuple[int, ...]]
"""Sums in the order of `CUBE_SUMS`, by start and combination."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A sum that differs from its rows."""

    what: str
    """A sentence for people."""
    day: int | None = None
    """The quarter in which the day begins; None for a group's total."""
    group: str | None = None
    """The group's id, for a total."""
    unconverted: str | None = None
    """The first id of the calls that are in no cube."""


class Check:
    """Compares the sums of one ledger with its rows, and mends them. Blocks: call it off the event loop."""

    def __init__(self, engine: Engine, schema: str | None) -> None:
        """`engine` already knows the schema; `schema` is for what goes to the driver directly."""
        self._engine = engine
        self._schema = schema

    def days(self) -> list[int]:
        """The days that have sums or rows, and those on which the spans that they are in begin; each as the quarter in
        which it begins (UTC).
        """
        floor = "" if self._engine.dialect.name == "sqlite" else "floor"
        schema, seconds = prefix(self._schema), _DAY * QUARTER
        with self._engine.connect() as connection:
            summed_days = connection.exec_driver_sql(
                f"SELECT DISTINCT start / {_DAY} FROM {schema}usage_cube"  # noqa: S608
            )
            days = {int(day) * _DAY for (day,) in summed_days}
            days_of_rows = connection.exec_driver_sql(
                f"SELECT DISTINCT CAST({floor}(started_at) AS bigint) / {seconds} FROM {schema}usage_call"  # noqa: S608
            )
            days |= {int(day) * _DAY for (day,) in days_of_rows}
        return sorted(days.union(*({start_of(span, day) for day in days} for span in _LONG)))

    def differences(self, told: Callable[[int], None] = lambda day: None) -> Iterator[Difference]:
        """Look at everything; `told` hears of each day that was looked at."""
        yield from self._unconverted()
        for day in self.days():
            for look in (self._rows_of_day, self._cubes_of_day):
                if look(day) and (found := look(day)):
                    yield found
            told(day)
        yield from self._totals()

    def repair(self, difference: Difference) -> None:
        """Make it as the rows say, while nobody writes. Where rows are gone, cube 0 is what the others are made of."""
        with writing(self._engine) as connection:
            if difference.unconverted is not None:  # From there on the conversion goes over all rows once more.
                write_progress(connection, CONVERTED, difference.unconverted[:-1])
            elif difference.group is not None:
                _repair_total(connection, difference.group)
            elif difference.day is not None:
                self._repair_day(connection, difference.day)

    def _unconverted(self) -> Iterator[Difference]:
        """Calls that an older version wrote behind the conversion, as one that runs beside this one may."""
        with self._snapshot() as connection:
            converted = read_progress(connection, CONVERTED) or ""
            left = (usage_call.c.id <= converted) & usage_call.c.combination.is_(None)
            count, first = connection.execute(select(func.count(), func.min(usage_call.c.id)).where(left)).one()
        if count:
            what = f"{count:,} calls of an older version are in no report; repaired, they are a minute later"
            yield Difference(what, unconverted=first)

    def _rows_of_day(self, day: int) -> Difference | None:
        with self._snapshot() as connection:
            since = self._first_quarter(connection)
            start, end = max(day, since), day + _DAY
            if start >= end:
                return None
            made, kept = self._from_rows(connection, start, end), self._from_cube(connection, CUBES[0], start, end)
        differ = _differing(made, kept)
        if not differ:
            return None
        return Difference(f"{_date(day)}: {len(differ)} sums of a quarter of an hour are not what their rows say", day)

    def _cubes_of_day(self, day: int) -> Difference | None:
        """All spans within this day, and the longer ones that begin on it."""
        with self._snapshot() as connection:
            marks = read_marks(connection)
            for cube in CUBES[1:]:
                start, end = day, day + _DAY
                if cube.span in _LONG:
                    end = end_of(cube.span, day)
                    if cube.start_of(day) != day:
                        continue  # Once is enough.
                made = self._folded(connection, cube, start, min(end, marks.of(cube)))
                kept = self._from_cube(connection, cube, start, end)
                if _differing(made, kept):
                    what = f"{_date(day)}: sums {cube.family} of a {cube.span} are not those of its parts"
                    return Difference(what, day)
        return None

    def _totals(self) -> Iterator[Difference]:
        with self._engine.connect() as connection:
            groups = connection.execute(select(usage_group.c.id, usage_group.c.name)).all()
        for group in groups:
            if all(self._total_differs(group.id) for _ in range(2)):
                what = f'The total of the usage group "{group.name}" is not what its rows say'
                yield Difference(what, group=group.id)

    def _total_differs(self, group_id: str) -> bool:
        with self._snapshot() as connection:
            if self._rows_are_gone(connection):
                return False
            made, kept = _made_total(connection, group_id), _kept_total(connection, group_id)
        return made != kept

    @contextmanager
    def _snapshot(self) -> Iterator[Connection]:
        """A connection whose statements all see the same."""
        with self._engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN")
                yield connection
            else:
                yield connection.execution_options(isolation_level="REPEATABLE READ")

    def _first_quarter(self, connection: Connection) -> int:
        """From here on all rows are there."""
        if not self._rows_are_gone(connection):
            return 0
        first = connection.execute(select(func.min(usage_call.c.started_at))).scalar()
        return 2**31 - 1 if first is None else quarter_of(first) + 1

    def _rows_are_gone(self, connection: Connection) -> bool:
        """Whether there are sums of a time of which there are no rows."""
        first = connection.execute(select(func.min(usage_call.c.started_at))).scalar()
        start = connection.execute(select(func.min(usage_cube.c.start)).where(usage_cube.c.cube == 0)).scalar()
        return start is not None and (first is None or start < quarter_of(first))

    def _from_rows(self, connection: Connection, start: int, end: int) -> Found:
        dialect = connection.dialect.name
        quarter = f"CAST({'' if dialect == 'sqlite' else 'floor'}(started_at) AS bigint) / {QUARTER}"
        counted = {
            "calls": "count(*)",
            "estimated_calls": "sum(CASE WHEN estimated THEN 1 ELSE 0 END)",
            "unpriced_calls": "sum(CASE WHEN cost_nano IS NULL AND (input > 0 OR output > 0) THEN 1 ELSE 0 END)",
        }
        sums = ", ".join(counted.get(name) or f"coalesce({summed(name, dialect)}, 0)" for name in CUBE_SUMS)
        query = text(
            f"SELECT {quarter} AS quarter, combination, {sums} FROM {prefix(self._schema)}usage_call "  # noqa: S608
            "WHERE started_at >= :start AND started_at < :end AND NOT unverified AND combination IS NOT NULL "
            "GROUP BY 1, 2"
        )
        found = connection.execute(query, {"start": start * QUARTER, "end": end * QUARTER})
        return {(int(quarter), int(number)): tuple(map(int, values)) for quarter, number, *values in found}

    def _from_cube(self, connection: Connection, cube: Cube, start: int, end: int) -> Found:
        columns = [usage_cube.c[name] for name in ("start", "combination", *CUBE_SUMS)]
        span = (usage_cube.c.cube == cube.id) & (usage_cube.c.start >= start) & (usage_cube.c.start < end)
        found = connection.execute(select(*columns).where(span))
        return {(int(quarter), int(number)): tuple(map(int, values)) for quarter, number, *values in found}

    def _folded(self, connection: Connection, cube: Cube, start: int, end: int) -> Found:
        """What cube 0 has from `start` to `end`, as another cube would have it."""
        dialect = connection.dialect.name
        sums = ", ".join(summed(f"c.{name}", dialect) for name in CUBE_SUMS)
        field, schema = f"k.{FIELDS[cube.family]}", prefix(self._schema)
        spans = {"quarter": "c.start", "hour": "c.start - c.start % 4", "day": "c.start - c.start % 96"}
        span = spans.get(cube.span, str(start))
        query = text(
            f"SELECT {span} AS span, {field} AS number, {sums} FROM {schema}usage_cube c "  # noqa: S608
            f"JOIN {schema}usage_combination k ON k.id = c.combination "
            "WHERE c.cube = 0 AND c.start >= :start AND c.start < :end GROUP BY 1, 2"
        )
        found = connection.execute(query, {"start": start, "end": end})
        return {(int(quarter), int(number)): tuple(map(int, values)) for quarter, number, *values in found}

    def _repair_day(self, connection: Connection, day: int) -> None:
        start, end = max(day, self._first_quarter(connection)), day + _DAY
        if start < end:
            _replace(connection, CUBES[0], start, end, self._from_rows(connection, start, end))
        marks = read_marks(connection)
        transaction = Transaction(connection, connection.connection.cursor())
        complete_combinations(transaction, day, day + _DAY, self._schema)
        for cube in CUBES[1:]:
            first, last = day, day + _DAY
            if cube.span in _LONG:
                first, last = cube.start_of(day), end_of(cube.span, cube.start_of(day))
            _replace(connection, cube, first, last, self._folded(connection, cube, first, min(last, marks.of(cube))))


def _differing(made: Found, kept: Found) -> set[tuple[int, int]]:
    zero = (0,) * len(CUBE_SUMS)
    return {key for key in made.keys() | kept.keys() if made.get(key, zero) != kept.get(key, zero)}


def _replace(connection: Connection, cube: Cube, start: int, end: int, sums: Found) -> None:
    span = (usage_cube.c.cube == cube.id) & (usage_cube.c.start >= start) & (usage_cube.c.start < end)
    connection.execute(delete(usage_cube).where(span))
    rows = [
        {"cube": cube.id, "start": quarter, "combination": number, **dict(zip(CUBE_SUMS, values, strict=True))}
        for (quarter, number), values in sorted(sums.items())
    ]
    if rows:
        connection.execute(insert(usage_cube), rows)


def _made_total(connection: Connection, group_id: str) -> Sums:
    reset_at = connection.execute(select(usage_group.c.reset_at).where(usage_group.c.id == group_id)).scalar()
    position = func.strpos if connection.dialect.name == "postgresql" else func.instr
    counted = (position(usage_call.c.groups, f" {group_id} ") > 0) & usage_call.c.unverified.is_(False)
    if reset_at is not None:
        counted &= usage_call.c.started_at >= reset_at
    return sums_of(connection.execute(sum_query(ALL_TIME, counted)).one())


def _kept_total(connection: Connection, group_id: str) -> Sums:
    mine = (usage_total.c.subject == group_id) & (usage_total.c.period == ALL_TIME_KEY)
    found = connection.execute(select(*(usage_total.c[name] for name in SUMS)).where(mine)).first()
    return Sums() if found is None else Sums(*map(int, found))


def _repair_total(connection: Connection, group_id: str) -> None:
    made = _made_total(connection, group_id)
    mine = (usage_total.c.subject == group_id) & (usage_total.c.period == ALL_TIME_KEY)
    connection.execute(delete(usage_total).where(mine))
    values = {name: getattr(made, name) for name in SUMS}
    connection.execute(insert(usage_total), {"subject": group_id, "period": ALL_TIME_KEY, **values})
    raise_revision(connection)  # Workers keep totals in memory, until a definition changes.


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * QUARTER, UTC).date().isoformat()
