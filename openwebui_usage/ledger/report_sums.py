"""Has the database add up rows of cubes and refusals, by parts of the time and by numbers of dimensions."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from openwebui_usage.ledger.report_spans import Stretch
from openwebui_usage.ledger.schema import CUBE_SUMS
from openwebui_usage.ledger.statements import prefix

_STRETCHES_PER_QUERY = 500
_HALF = 32

Added = tuple[int, tuple[int, ...], tuple[int, ...]]
"""The number of a part of the time, those of the dimensions, and the sums."""


class Grouping(NamedTuple):
    """What is grouped by: `columns` of `usage_combination`."""

    columns: Sequence[str] = ()
    apart: Collection[tuple[int, ...]] | None = None
    """The numbers that get groups of their own; all others are one group. None: all do."""
    other: int = 0
    """The number that stands for the others in each column."""

    def terms(self) -> list[str]:
        """The terms of GROUP BY, as SQL."""
        columns = [f'c."{column}"' for column in self.columns]
        if self.apart is None or not columns:
            return columns
        alternatives = (
            " AND ".join(f"{column} = {number}" for column, number in zip(columns, numbers, strict=True))
            for numbers in sorted(self.apart)
        )
        condition = " OR ".join(f"({alternative})" for alternative in alternatives)
        if len(columns) == 1 and self.apart:
            condition = f"{columns[0]} IN ({', '.join(str(number) for (number,) in sorted(self.apart))})"
        return [f"CASE WHEN {condition or '1 = 0'} THEN {column} ELSE {self.other} END" for column in columns]


class SumReader:
    """Reads sums in one transaction. Only numbers are written into the statements, so nothing needs to be escaped."""

    def __init__(self, connection: Connection, schema: str | None, error: int | None) -> None:
        """`error` is the number of the outcome that counts as one; None where no call has had it."""
        self._connection = connection
        self._prefix = prefix(schema)
        self._errors = "0" if error is None else f"CASE WHEN c.outcome = {error} THEN u.calls ELSE 0 END"

    def of_cube(
        self, cube: int, stretches: Sequence[Stretch], grouping: Grouping, condition: str, *, users_first: bool
    ) -> Iterator[Added]:
        """The sums of rows of one cube, in the order of `CUBE_SUMS`, then errors.

        `users_first`: go from combinations to their rows, instead of through all rows of the time.
        """
        sums = (*(f"u.{name}" for name in CUBE_SUMS), self._errors)
        where = [f"u.cube = {cube}", condition]
        yield from self._all("usage_cube", stretches, grouping, where, sums, combinations_first=users_first)

    def of_refusals(self, stretches: Sequence[Stretch], grouping: Grouping, condition: str) -> Iterator[Added]:
        """The number of calls that were refused."""
        yield from self._all("usage_refusal", stretches, grouping, [condition], ("u.calls",), combinations_first=False)

    def _all(
        self,
        table: str,
        stretches: Sequence[Stretch],
        grouping: Grouping,
        conditions: Sequence[str],
        sums: Sequence[str],
        *,
        combinations_first: bool,
    ) -> Iterator[Added]:
        # SQLite takes the tables of a CROSS JOIN in their order; PostgreSQL finds its own.
        tables = [f"{self._prefix}usage_combination c"] if combinations_first else []
        tables += ["r", f"{self._prefix}{table} u"]
        tables += [] if combinations_first else [f"{self._prefix}usage_combination c"]
        where = ["u.start >= r.first", "u.start < r.last", "c.id = u.combination", *filter(None, conditions)]
        groups = ["r.part + (u.start - r.first) / r.width", *grouping.terms()]
        for start in range(0, len(stretches), _STRETCHES_PER_QUERY):
            rows = ", ".join(str(tuple(stretch)) for stretch in stretches[start : start + _STRETCHES_PER_QUERY])
            statement = (
                f"WITH r(first, last, part, width) AS (VALUES {rows}) SELECT {', '.join(groups)}, {{sums}} "  # noqa: S608
                f"FROM {' CROSS JOIN '.join(tables)} WHERE {' AND '.join(where)} "
                f"GROUP BY {', '.join(str(number + 1) for number in range(len(groups)))}"
            )
            for part, *values in self._run(statement, sums):
                count = len(grouping.columns)
                yield part, tuple(values[:count]), tuple(values[count:])

    def _run(self, statement: str, sums: Sequence[str]) -> list[tuple[int, ...]]:
        try:
            return self._rows(statement, [f"sum({value})" for value in sums])
        except DBAPIError as error:
            if "integer overflow" not in str(error.orig):
                raise
        # Beyond 64 bits SQLite's own sum fails: then each half of a number is summed by itself.
        count = len(sums)
        halves = [f"sum(({value}) >> {_HALF})" for value in sums]
        halves += [f"sum(({value}) & {2**_HALF - 1})" for value in sums]
        return [
            (
                *row[: -2 * count],
                *((high << _HALF) + low for high, low in zip(row[-2 * count : -count], row[-count:], strict=True)),
            )
            for row in self._rows(statement, halves)
        ]

    def _rows(self, statement: str, sums: Sequence[str]) -> list[tuple[int, ...]]:
        found = self._connection.exec_driver_sql(statement.format(sums=", ".join(sums)))
        if self._connection.dialect.name == "sqlite":
            return found.all()  # type: ignore[return-value]
        return [tuple(map(int, row)) for row in found]  # PostgreSQL's sums are decimals.
