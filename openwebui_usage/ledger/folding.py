"""Adds quarters of an hour that are over to the cubes of longer spans and fewer dimensions, see `ledger.cubes`."""

from __future__ import annotations

import time
from functools import lru_cache

from sqlalchemy import Connection, Engine, func, select

from openwebui_usage.ledger.bounds import MOST_SUM
from openwebui_usage.ledger.combinations import complete_combinations
from openwebui_usage.ledger.cubes import (
    CUBES,
    FIELDS,
    FOLD_AFTER,
    FOLDED,
    FOLDED_MORE,
    KEYS,
    MARKS,
    Cube,
    Marks,
    marks_of,
    quarter_of,
)
from openwebui_usage.ledger.database import Transaction, sharing
from openwebui_usage.ledger.progress import read_progress, write_progress
from openwebui_usage.ledger.schema import CUBE_SUMS, usage_cube, usage_progress
from openwebui_usage.ledger.statements import addition, prefix


class Folding:
    """Folds the cubes of one ledger. Any number of workers may do so at once: each quarter is folded by one of them."""

    def __init__(self, engine: Engine, schema: str | None) -> None:
        """`engine` already knows the schema; `schema` is for what goes to the driver directly."""
        self._engine = engine
        self._schema = schema

    def step(self, now: float | None = None) -> bool:
        """Fold the next quarter, in one short transaction. False where none is left that is over for long enough."""
        limit = quarter_of(time.time() if now is None else now) - FOLD_AFTER
        if self._fold_next(FOLDED, limit):
            return True
        with self._engine.connect() as connection:
            limit = read_marks(connection).folded
        return self._fold_next(FOLDED_MORE, limit)

    def _fold_next(self, mark: str, limit: int) -> bool:
        """Fold the next quarter before `limit` into the cubes of one mark."""
        with self._engine.connect() as connection:  # Nobody is kept from writing where there is nothing to do.
            folded = int(read_progress(connection, mark) or 0)
            if folded >= limit:
                return False
            expected = _next(connection, folded, limit)
        if expected is not None and mark == FOLDED_MORE:
            # By itself: a call that waits for the mark may hold the same combinations.
            with sharing(self._engine) as connection:
                transaction = Transaction(connection, connection.connection.cursor())
                complete_combinations(transaction, expected, expected + 1, self._schema)
        with sharing(self._engine) as connection:
            folded = int(read_progress(connection, mark, lock=True) or 0)
            quarter = _next(connection, folded, limit)
            if quarter != expected:
                return True  # Another worker was quicker, or a call came late.
            if quarter is None:
                write_progress(connection, mark, str(max(folded, limit)))
                return False
            fold(connection, quarter, mark, self._schema)
            write_progress(connection, mark, str(quarter + 1))
        return True


def _next(connection: Connection, folded: int, limit: int) -> int | None:
    """The first quarter from `folded` on, before `limit`, that had calls."""
    quarters = usage_cube.c.start
    waiting = (usage_cube.c.cube == 0) & (quarters >= folded) & (quarters < limit)
    found: int | None = connection.execute(select(func.min(quarters)).where(waiting)).scalar()
    return found


def fold(connection: Connection, quarter: int, mark: str, schema: str | None) -> None:
    """Add what cube 0 has of a quarter to the other cubes of a mark."""
    for cube in CUBES[1:]:
        if cube.mark == mark:
            values = {"start": cube.start_of(quarter), "quarter": quarter}
            statement = _folding(cube, connection.dialect.name, schema)
            connection.exec_driver_sql(*_with_places(connection, statement, values))


def read_marks(connection: Connection) -> Marks:
    """How far the cubes are folded."""
    query = select(usage_progress.c.name, usage_progress.c.value).where(usage_progress.c.name.in_(MARKS))
    return marks_of(dict(connection.execute(query).tuples().all()))


@lru_cache(maxsize=64)
def _folding(cube: Cube, dialect: str, schema: str | None) -> str:
    """The statement as text, for the database makes the sums by itself and adds them to what is there."""
    sums = ", ".join(summed(f"c.{name}", dialect) for name in CUBE_SUMS)
    cubes, combinations = (f"{prefix(schema)}usage_{name}" for name in ("cube", "combination"))
    combination = f"k.{FIELDS[cube.family]}"
    least = "min" if dialect == "sqlite" else "least"
    return (
        f"INSERT INTO {cubes} ({', '.join((*KEYS, *CUBE_SUMS))}) "  # noqa: S608
        f"SELECT {cube.id}, {{start}}, {combination}, {sums} FROM {cubes} c "
        f"JOIN {combinations} k ON k.id = c.combination WHERE c.cube = 0 AND c.start = {{quarter}} "
        f"GROUP BY {combination}" + addition("usage_cube", KEYS, CUBE_SUMS, least)
    )


def summed(column: str, dialect: str) -> str:
    """A sum that stays within 64 bits: SQLite's own fails where it leaves them, so each half is summed by itself."""
    if dialect != "sqlite":
        return f"CAST(least(sum({column}), {MOST_SUM}) AS bigint)"
    return f"min(sum({column} >> 32) * 4294967296 + sum({column} & 4294967295), {MOST_SUM})"


def _with_places(connection: Connection, statement: str, values: dict[str, int]) -> tuple[str, tuple[int, ...]]:
    place = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    return statement.format(start=place, quarter=place), (values["start"], values["quarter"])
