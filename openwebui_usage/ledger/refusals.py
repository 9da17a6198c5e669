"""Calls that a limit refused, counted per quarter of an hour: kept in memory for a moment, then written."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal, NamedTuple

from sqlalchemy import Connection, delete

from openwebui_usage.ledger.bounds import MOST_SUM, bounded_count, bounded_sum, bounded_text
from openwebui_usage.ledger.combinations import Combinations, Name, Resolved, Values, names_of, values_of
from openwebui_usage.ledger.cubes import quarter_of
from openwebui_usage.ledger.database import Transaction
from openwebui_usage.ledger.progress import read_progress, write_progress
from openwebui_usage.ledger.rows import CallInfo, id_at, new_id
from openwebui_usage.ledger.schema import usage_progress, usage_refusal
from openwebui_usage.ledger.statements import ROWS_PER_STATEMENT, insertion
from openwebui_usage.rules.budgets import Budget, Unit
from openwebui_usage.rules.groups import Group

log = logging.getLogger(__name__)

MOST_KEPT = 10_000
"""Counters that wait in memory. While the database is away nobody is counted in a further one."""

LimitKind = Literal["group", "budget"]
_MARK = "refused:"
_MARKS_KEPT = 30 * 86_400.0
"""Seconds after which the mark of a process that has ended is removed."""


class RefusalKey(NamedTuple):
    """Which counter of refusals: one for each quarter of an hour, what was called by whom, and limit."""

    quarter: int
    values: Values
    limit_kind: LimitKind
    limit_id: str


@dataclass(slots=True)
class RefusalCount:
    """What one counter has counted. `amount` is what the calls would probably have used, in `unit`."""

    names: Mapping[Name, str]
    """Of what was called by whom."""
    limit_name: str
    unit: Unit
    calls: int
    amount: int
    first_at: float
    last_at: float

    def add(self, other: RefusalCount) -> None:
        """Count the calls of another one of the same key. Amounts are only added in one unit: the later one stays."""
        self.calls += other.calls
        later, earlier = (other, self) if other.last_at >= self.last_at else (self, other)
        self.amount = later.amount + (earlier.amount if earlier.unit == later.unit else 0)
        self.names, self.limit_name, self.unit = later.names, later.limit_name, later.unit
        self.first_at, self.last_at = min(self.first_at, other.first_at), later.last_at


class Mark(NamedTuple):
    """What tells that a batch is in the database: written with it, as the `writer`'s text in `usage_progress`."""

    writer: str
    batch: str


Write = Callable[[Mapping[RefusalKey, RefusalCount], Mark], None]


class PendingRefusals:
    """Refusals that are not written yet. What a crash takes of them is lost: they are statistics, and no usage."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        """At most `most` counters are kept."""
        self._most = most
        self._lock = threading.Lock()
        self._counts: dict[RefusalKey, RefusalCount] = {}
        self._writing = threading.Lock()
        self._writer = _MARK + uuid.uuid4().hex[:16]
        self._batch: tuple[Mapping[RefusalKey, RefusalCount], Mark] | None = None
        """Was being written when the database failed. It stays as it is: perhaps it is there already."""
        self.lost = 0
        """Calls that no counter had room for, since the start."""

    def __len__(self) -> int:
        batch = self._batch
        return len(self._counts) + (len(batch[0]) if batch else 0)

    def note(self, info: CallInfo, groups: Sequence[Group], budget: Budget, amount: int) -> None:
        """A limit refused a call. `groups` are the usage groups that hold its model, of which one may be the limit."""
        now = time.time()
        kind: LimitKind = "group" if any(group.id == budget.id for group in groups) else "budget"
        key = RefusalKey(quarter_of(now), values_of(info, "refused", groups), kind, budget.id)
        count = RefusalCount(
            names_of(info, groups), budget.name, budget.unit, 1, bounded_count(amount), first_at=now, last_at=now
        )
        with self._lock:
            self._add(key, count)

    def write(self, write: Write) -> None:
        """Have all that waits written. What `write` raises is passed on; the next time it gets the same batch first,
        with the same mark. Of several threads that come at once, each waits for the one before.
        """
        with self._writing:
            for _ in range(2):  # What failed the last time, and what has come since.
                if self._batch is None:
                    self._batch = self._take()
                if self._batch is not None:
                    write(*self._batch)
                    self._batch = None

    def _take(self) -> tuple[Mapping[RefusalKey, RefusalCount], Mark] | None:
        with self._lock:
            taken, self._counts = self._counts, {}
        return (taken, Mark(self._writer, new_id())) if taken else None

    def _add(self, key: RefusalKey, count: RefusalCount) -> None:
        known = self._counts.get(key)
        if known is not None:
            known.add(count)
        elif len(self) < self._most:
            self._counts[key] = count
        else:
            if not self.lost:
                log.warning("Refused calls of more kinds wait for the database than are kept: some are not counted")
            self.lost += count.calls


def is_written(connection: Connection, mark: Mark) -> bool:
    """Whether a batch is in the database already, because only the answer to its commit was lost. If not, it will be
    when this transaction is committed.
    """
    last = read_progress(connection, mark.writer)
    if last == mark.batch:
        return True
    if last is None:  # The first one of this process: a good time to clear away those of processes that have ended.
        old = usage_progress.c.name.startswith(_MARK) & (usage_progress.c.value < id_at(time.time() - _MARKS_KEPT))
        connection.execute(delete(usage_progress).where(old))
    write_progress(connection, mark.writer, mark.batch)
    return False


_KEYS = ("start", "combination", "limit_kind", "limit_id")
_COLUMNS = tuple(usage_refusal.columns.keys())


def write_refusals(
    transaction: Transaction,
    counts: Mapping[RefusalKey, RefusalCount],
    schema: str | None,
    combinations: Combinations,
) -> Resolved:
    """Add to the counters in the database. The combinations are to be remembered once this is committed."""
    names: dict[Name, str] = {}
    for count in counts.values():
        names |= count.names
    resolved = combinations.resolve(transaction, {key.values for key in counts}, names, schema)
    # In one order everywhere, so that two workers never wait for each other's rows in a circle.
    rows = sorted(
        (
            (
                key.quarter,
                resolved.combinations[key.values].id,
                key.limit_kind,
                key.limit_id,
                (bounded_text(count.limit_name) or "")[:100],
                count.unit,
                bounded_sum(count.calls),
                bounded_sum(count.amount),
                count.first_at,
                count.last_at,
            )
            for key, count in counts.items()
        ),
        key=lambda row: row[: len(_KEYS)],
    )
    for start in range(0, len(rows), ROWS_PER_STATEMENT):
        part = rows[start : start + ROWS_PER_STATEMENT]
        inserted = insertion("usage_refusal", _COLUMNS, transaction.placeholder, schema, len(part))
        transaction.execute(inserted + _addition(transaction.least), list(chain.from_iterable(part)))
    return resolved


def _addition(least: str) -> str:
    greatest = "max" if least == "min" else "greatest"
    table = "usage_refusal"
    # An admin may have changed the unit within the quarter: what was asked is then told in the later one alone.
    amount = (
        f"CASE WHEN {table}.unit = excluded.unit "
        f"THEN {least}({table}.amount + excluded.amount, {MOST_SUM}) ELSE excluded.amount END"
    )
    changes: Iterable[str] = (
        f"calls = {least}({table}.calls + excluded.calls, {MOST_SUM})",
        f"amount = {amount}",
        "unit = excluded.unit",
        "limit_name = excluded.limit_name",
        f"first_at = {least}({table}.first_at, excluded.first_at)",
        f"last_at = {greatest}({table}.last_at, excluded.last_at)",
    )
    return f" ON CONFLICT ({', '.join(_KEYS)}) DO UPDATE SET {', '.join(changes)}"
