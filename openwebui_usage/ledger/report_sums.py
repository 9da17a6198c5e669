"""Has the database add up rows of cubes and refusals, by parts of the time and by numbers of dimensions."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from openwebui_usage.ledger.report_spans import Stretch
from openwebui_usage.ledger.schema import CUBE_SUMS
from openwebui_usage.ledger.statements import prefix

_STRETCHES_PER_QUERY = 4000
_HALF = 32

Added = tuple[int, tuple[int, ...], tuple[int, ...]]
"""The number of a part of the time, those of the dimensions, and the sums."""


class TooWide(Exception):
    """A sum leaves 64 bits."""


class TooManyRows(ValueError):
    """A report has more rows than are wanted."""


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
        return [f"CASE WHEN {self.is_apart()} THEN {column} ELSE {self.other} END" for column in columns]

    def is_apart(self) -> str:
        """The condition for `apart`, as SQL."""
        columns = [f'c."{column}"' for column in self.columns]
        if not self.apart:
            return "1 = 0"
        if len(columns) == 1:
            return f"{columns[0]} IN ({', '.join(str(number) for (number,) in sorted(self.apart))})"
        alternatives = (
            " AND ".join(f"{column} = {number}" for column, number in zip(columns, numbers, strict=True))
            for numbers in sorted(self.apart)
        )
        return f"({' OR '.join(f'({alternative})' for alternative in alternatives)})"


class SumReader:
    """Reads sums in one transaction. Only numbers are written into the statements, so nothing needs to be escaped."""

    def __init__(
        self,
        connection: Connection,
        schema: str | None,
        error: int | None,
        *,
        is_wide: bool = True,
        most: int | None = None,
    ) -> None:
        """`error` is the number of the outcome that counts as one; None where no call has had it.

        `is_wide`: sums may leave 64 bits. PostgreSQL takes longer for that; else it may raise `TooWide`, and the
        transaction is over.
        More than `most` groups of a statement raise `TooManyRows`.
        """
        self._connection = connection
        self._prefix = prefix(schema)
        self._errors = "0" if error is None else f"CASE WHEN c.outcome = {error} THEN u.calls ELSE 0 END"
        self._is_wide = is_wide
        self._most = most
        self._is_sqlite = connection.dialect.name == "sqlite"

    def of_cubes(
        self, stretches: Sequence[Stretch], grouping: Grouping, condition: str, *, users_first: bool = False
    ) -> Iterator[Added]:
        """The sums of rows of cubes, in the order of `CUBE_SUMS`, then errors. Groups without calls are left out.

        `users_first`: go from combinations to their rows, instead of through all rows of the time.
        """
        sums = (*(f"u.{name}" for name in CUBE_SUMS), self._errors)
        yield from self._all("usage_cube", stretches, grouping, condition, sums, combinations_first=users_first)

    def ranked(
        self, stretches: Sequence[Stretch], grouping: Grouping, condition: str, most: int | None
    ) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        """The groups of the greatest cost, then tokens, then calls, at most so many: their numbers, and these three."""
        sums = ("u.cost_nano", "u.input + u.completion + u.reasoning", "u.calls")
        count = len(grouping.columns)
        ordered = ", ".join(f"{count + 2 + number} DESC" for number in range(len(sums)))
        ending = "" if most is None else f" ORDER BY {ordered} LIMIT {most}"
        found = self._rows("usage_cube", stretches, grouping, condition, sums, ending)
        return [(tuple(row[1 : count + 1]), tuple(row[count + 1 :])) for row in found]

    def of_refusals(self, stretches: Sequence[Stretch], grouping: Grouping, condition: str) -> Iterator[Added]:
        """The number of calls that were refused."""
        yield from self._all("usage_refusal", stretches, grouping, condition, ("u.calls",), combinations_first=False)

    def _all(
        self,
        table: str,
        stretches: Sequence[Stretch],
        grouping: Grouping,
        condition: str,
        sums: Sequence[str],
        *,
        combinations_first: bool,
    ) -> Iterator[Added]:
        count = len(grouping.columns) + 1
        ending = "" if self._most is None else f" LIMIT {self._most + 1}"
        for start in range(0, len(stretches), _STRETCHES_PER_QUERY):
            some = stretches[start : start + _STRETCHES_PER_QUERY]
            found = self._rows(table, some, grouping, condition, sums, ending, combinations_first=combinations_first)
            if self._most is not None and len(found) > self._most:
                raise TooManyRows
            for row in found:
                yield row[0], row[1:count], row[count:]

    def _rows(
        self,
        table: str,
        stretches: Sequence[Stretch],
        grouping: Grouping,
        condition: str,
        sums: Sequence[str],
        ending: str,
        *,
        combinations_first: bool = False,
    ) -> list[tuple[int, ...]]:
        """The part, the numbers of the dimensions, and the sums."""
        if not stretches:
            return []
        groups = ["r.part + (u.start - r.first) / r.width", *grouping.terms()]
        signed = [f"r.sign * ({value})" for value in sums] if any(each.sign < 0 for each in stretches) else sums
        statement = (
            f"WITH r(cube, first, last, part, width, sign) AS (VALUES {', '.join(map(_as_sql, stretches))}) "  # noqa: S608
            f"SELECT {', '.join(groups)}, {{sums}} FROM {self._tables(table, combinations_first=combinations_first)} "
            f"WHERE {' AND '.join(filter(None, ('c.id = u.combination', condition)))} "
            f"GROUP BY {', '.join(str(number + 1) for number in range(len(groups)))} "
            f"HAVING sum({signed[sums.index('u.calls')]}) > 0{ending}"
        )
        return self._added(statement, signed) if self._is_sqlite else self._cast(statement, signed)

    def _added(self, statement: str, values: Sequence[str]) -> list[tuple[int, ...]]:
        """By SQLite."""
        try:
            return self._run(statement, [f"sum({value})" for value in values])
        except DBAPIError as error:
            if "integer overflow" not in str(error.orig):
                raise
        # Beyond 64 bits its own sum fails: then each half of a number is summed by itself.
        count = len(values)
        halves = [f"sum(({value}) >> {_HALF})" for value in values]
        halves += [f"sum(({value}) & {2**_HALF - 1})" for value in values]
        return [
            (
                *row[: -2 * count],
                *((high << _HALF) + low for high, low in zip(row[-2 * count : -count], row[-count:], strict=True)),
            )
            for row in self._run(statement, halves)
        ]

    def _cast(self, statement: str, values: Sequence[str]) -> list[tuple[int, ...]]:
        """By PostgreSQL, whose sums are decimals: those take ten times as long on their way to Python."""
        if self._is_wide:
            return [tuple(map(int, row)) for row in self._run(statement, [f"sum({value})" for value in values])]
        try:
            return self._run(statement, [f"sum({value})::bigint" for value in values])
        except DBAPIError as error:
            if "out of range" not in str(error.orig):
                raise
            raise TooWide from error

    def _run(self, statement: str, sums: Sequence[str]) -> list[tuple[int, ...]]:
        found = self._connection.exec_driver_sql(statement.format(sums=", ".join(sums)))
        return found.all()  # type: ignore[return-value]

    def _tables(self, table: str, *, combinations_first: bool) -> str:
        """With each table's rows looked up by those of the tables before it."""
        is_in = "u.start >= r.first AND u.start < r.last"
        if table == "usage_cube":
            is_in = f"u.cube = r.cube AND {is_in}"
        rows, combinations = f"{self._prefix}{table} u", f"{self._prefix}usage_combination c"
        if self._is_sqlite:  # It takes the tables of a CROSS JOIN in their order, and goes by an index wherever it can.
            # Where nobody ran ANALYZE it would take the key's, and all rows of the time with it.
            by_combination = f"{rows} INDEXED BY usage_cube_combination"
            tables = (combinations, "r", by_combination) if combinations_first else ("r", rows, combinations)
            return f"{' CROSS JOIN '.join(tables[:-1])} CROSS JOIN {tables[-1]} ON {is_in}"
        if combinations_first:
            return f"{combinations} CROSS JOIN r JOIN {rows} ON {is_in}"
        looked_up = f"SELECT * FROM {rows} WHERE {is_in} OFFSET 0"  # noqa: S608
        return f"r CROSS JOIN LATERAL ({looked_up}) u CROSS JOIN {combinations}"


def _as_sql(stretch: Stretch) -> str:
    return f"({', '.join(map(str, stretch))})"
