"""Brings rows of older versions into the cubes, in the background, a few at a time, while calls go on."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, bindparam, func, select, update

from openwebui_usage.ledger.bounds import bounded_counts
from openwebui_usage.ledger.combinations import Combinations, Name, Resolved, Values, names_of_set, set_key
from openwebui_usage.ledger.cubes import CubeAdditions
from openwebui_usage.ledger.database import Transaction, sharing
from openwebui_usage.ledger.progress import read_progress, write_progress
from openwebui_usage.ledger.rows import id_at
from openwebui_usage.ledger.schema import usage_call, usage_group

CONVERTED = "converted"
"""The name in `usage_progress` of the id up to which all rows are in the cubes."""
MOST_MILLISECONDS = 10.0
"""How long one step may keep others from writing: then it ends, after at most `_AT_ONCE` rows more."""
_WAITS = 3600.0
"""Seconds before a row is converted: others that began earlier may not be committed yet."""
_FEWEST, _MOST, _AT_ONCE = 10, 1000, 10
_COUNTS = ("input", "cached_input", "cache_write", "completion", "reasoning", "output")
_READ = (
    "id",
    "started_at",
    "user_id",
    "user_name",
    "model",
    "called_model",
    "task",
    "groups",
    "estimated",
    "unverified",
)
_COLUMNS = [usage_call.c[name] for name in (*_READ, "outcome", "cost_nano", *_COUNTS)]
_SET = update(usage_call).where(usage_call.c.id == bindparam("row_id")).values(combination=bindparam("number"))


@dataclass(frozen=True, slots=True)
class Converted:
    """How far the conversion has come."""

    is_done: bool
    """Whether all rows are in the cubes but those of the last hour, which are looked at later."""
    rows: int = 0
    """How many rows the last step brought there."""


class Conversion:
    """Converts one ledger. Workers that do so at once take turns. Not to be used by two threads at once."""

    def __init__(self, engine: Engine, schema: str | None) -> None:
        """`engine` already knows the schema; `schema` is for what goes to the driver directly."""
        self._engine = engine
        self._schema = schema
        self._combinations = Combinations()
        self._rows_per_step = 100

    def step(self, now: float | None = None) -> Converted:
        """Bring some rows into the cubes, in one short transaction."""
        horizon = id_at((time.time() if now is None else now) - _WAITS)
        with self._engine.connect() as connection:
            cursor = read_progress(connection, CONVERTED) or ""
            if cursor >= horizon:
                return Converted(is_done=True)
            waiting = (usage_call.c.id > cursor) & (usage_call.c.id <= horizon) & usage_call.c.combination.is_(None)
            query = select(*_COLUMNS).where(waiting).order_by(usage_call.c.id).limit(self._rows_per_step)
            rows = connection.execute(query).all()
            names = dict(connection.execute(select(usage_group.c.id, usage_group.c.name)).tuples().all())
        resolved: list[Resolved] = []
        done = 0
        with sharing(self._engine) as connection:
            started = time.perf_counter()
            if (read_progress(connection, CONVERTED, lock=True) or "") != cursor:
                return Converted(is_done=False)  # Another worker was quicker.
            while done < len(rows) and (not done or (time.perf_counter() - started) * 1000 < MOST_MILLISECONDS):
                part = rows[done : done + _AT_ONCE]
                resolved.append(self._convert(connection, part, names))
                done += len(part)
            is_done = done == len(rows) < self._rows_per_step
            write_progress(connection, CONVERTED, horizon if is_done else rows[done - 1].id)
        for each in resolved:
            self._combinations.remember(each)
        if rows:
            self._adapt(done, (time.perf_counter() - started) * 1000)
        return Converted(is_done, done)

    def share_done(self) -> float | None:
        """How much of the time that the ledger's rows cover is converted, 0 to 1; None where nothing is left to do.

        Ids grow with time, so nothing has to be counted.
        """
        with self._engine.connect() as connection:
            cursor = read_progress(connection, CONVERTED) or ""
            first = connection.execute(select(func.min(usage_call.c.id))).scalar()
        done, end = _nanoseconds(cursor or first or ""), time.time_ns() - round(_WAITS * 1e9)
        start = _nanoseconds(first or "")
        if first is None or done >= end - 600 * 10**9:
            return None
        return max(0.0, min(1.0, (done - start) / (end - start))) if end > start else None

    def _convert(self, connection: Connection, rows: Sequence[Row[Any]], group_names: dict[str, str]) -> Resolved:
        transaction = Transaction(connection, connection.connection.cursor())
        wanted = [_values_of(row) for row in rows]
        resolved = self._combinations.resolve(transaction, set(wanted), _names_of(rows, group_names), self._schema)
        added = CubeAdditions()
        numbers = []
        for row, values in zip(rows, wanted, strict=True):
            combination = resolved.combinations[values]
            numbers.append({"row_id": row.id, "number": combination.id})
            if row.unverified:
                added.add_unverified(row.started_at, combination)
            else:
                added.add(row.started_at, combination, sums_of_row(row))
        connection.execute(_SET, numbers)
        added.write(transaction, self._schema, may_be_folded=True)
        return resolved

    def _adapt(self, rows: int, milliseconds: float) -> None:
        """Read about as many rows as there is time for."""
        wanted = rows * MOST_MILLISECONDS / max(milliseconds, 1.0)
        self._rows_per_step = max(_FEWEST, min(_MOST, round((self._rows_per_step + wanted) / 2)))


def are_converted(connection: Connection, converted: str, recorded_since: float, start: float, end: float) -> bool:
    """Whether all calls that older versions wrote between two moments are in the cubes. `converted` is the id up to
    which all are, `recorded_since` when this version came.
    """
    first, last = max(converted, id_at(start)), id_at(min(end, recorded_since))
    if first >= last:
        return True
    left = select(usage_call.c.id).where(
        usage_call.c.id > first, usage_call.c.id < last, usage_call.c.combination.is_(None)
    )
    return connection.execute(left.limit(1)).first() is None


def _nanoseconds(id_: str) -> int:
    try:
        return int(id_[:16], 16)
    except ValueError:
        return 0


def _values_of(row: Row[Any]) -> Values:
    """What an older row is grouped by: it tells who asked what, and which usage groups held the model, and no more."""
    kind = "task" if row.task else None
    return (row.user_id, row.model, row.called_model, None, kind, None, row.outcome, set_key(row.groups.split()), None)


def _names_of(rows: Iterable[Row[Any]], group_names: dict[str, str]) -> dict[Name, str]:
    names: dict[Name, str] = {("user", row.user_id): row.user_name for row in rows if row.user_id and row.user_name}
    held = {id_ for row in rows for id_ in row.groups.split()}
    for row in rows:
        names |= names_of_set("groups", row.groups.split())
    return names | {("usage_group", id_): group_names[id_] for id_ in held if id_ in group_names}


def sums_of_row(row: Row[Any]) -> tuple[int, ...]:
    """What a stored row adds to a cube, in the order of `CUBE_SUMS`, numbers all. Its cost has no parts."""
    counts = bounded_counts(tuple(int(getattr(row, name)) for name in _COUNTS))
    unpriced = int(row.cost_nano is None and bool(row.input or row.output))
    return (1, int(row.estimated), unpriced, *counts, int(row.cost_nano or 0), 0, 0, 0, 0)
