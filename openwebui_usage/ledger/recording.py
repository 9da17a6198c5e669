"""Writes a batch of rows, and adds them to every total and cube that counts them.

It takes few statements, however many rows there are: each call into a driver lets go of the interpreter's lock, and
while the event loop is busy it takes milliseconds to get that back. The statement that adds to the totals also returns
them, with the revision of the definitions.
"""

from __future__ import annotations

import logging
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

from openwebui_usage.ledger.bounds import (
    bounded_counts,
    bounded_seconds,
    bounded_sums,
    bounded_text,
    is_moment,
    usage_text,
)
from openwebui_usage.ledger.combinations import Combinations, Resolved
from openwebui_usage.ledger.cubes import CubeAdditions
from openwebui_usage.ledger.database import Transaction
from openwebui_usage.ledger.definitions import Definitions, read_definitions, read_revision
from openwebui_usage.ledger.rolling import slot_key
from openwebui_usage.ledger.rows import CallInfo, CallRow
from openwebui_usage.ledger.schema import ALL_TIME_KEY, usage_call
from openwebui_usage.ledger.statements import ROWS_PER_STATEMENT, addition, insertion, prefix
from openwebui_usage.rules.budgets import Counter
from openwebui_usage.rules.groups import SUM_FIELDS, Group, Sums
from openwebui_usage.rules.periods import SLOT, rolling_slots
from openwebui_usage.rules.pricing import Cost, is_absurd
from openwebui_usage.rules.tokens import TokenUsage

SUMS = SUM_FIELDS
Key = tuple[str, str]
"""A total's subject and period."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Change:
    """What one commit did to one counter."""

    counter: Counter
    before: Sums
    after: Sums


@dataclass(frozen=True, slots=True)
class Recorded:
    """What one commit did. `groups` are the names of the usage groups that changed."""

    rows: tuple[CallRow, ...]
    groups: frozenset[str] = frozenset()
    changes: tuple[Change, ...] = ()
    notices: int = 0
    """How many now wait in the outbox because of it."""
    totals: Mapping[Key, Sums] = field(default_factory=dict)
    """Every total that changed, as it is now: those of `changes`, and what groups counted in all time."""
    revision: int = -1
    """Of the definitions by which the rows were counted."""


class Written(NamedTuple):
    """What a transaction that is not committed yet did, see `Recorded`, and the combinations that it resolved."""

    groups: frozenset[str]
    changes: tuple[Change, ...]
    totals: Mapping[Key, Sums]
    revision: int
    resolved: Resolved


class Batch:
    """Rows as the definitions of one revision count them, not written yet."""

    def __init__(self, rows: Sequence[CallRow], definitions: Definitions) -> None:
        """Nothing is written before `write`."""
        self._definitions = definitions
        self._calls: list[_Counted] = []
        self._tallies: dict[_Kind, _Tally] = {}
        for row in rows:
            tally = self._tally_of(row)
            cost = _cost(row, definitions)
            counts = bounded_counts(_counts(row.usage))
            tally.add(row, counts, cost)
            self._calls.append(_Counted(row, cost, counts, tally.groups))

    def write(self, transaction: Transaction, schema: str | None, combinations: Combinations) -> Written | None:
        """Write rows, cubes and totals. None where the definitions are others by now: the transaction is to be undone.

        The combinations are to be remembered once it is committed.
        """
        resolved = write_calls(transaction, self._calls, schema, combinations)
        added: dict[Key, tuple[int, ...]] = {}
        counters: dict[Key, Counter] = {}
        for tally in self._tallies.values():
            for counter in tally.counters:
                counters[counter.key] = counter
            for key in tally.keys:
                added[key] = _plus(added[key], tally.sums) if key in added else tally.sums
        revision, after = add_to_totals(transaction, added, schema)
        if revision != self._definitions.revision:
            return None
        totals = {key: Sums(*sums) for key, sums in after.items()}
        changes = [
            Change(counter, Sums(*_minus(after[key], added[key])), totals[key]) for key, counter in counters.items()
        ]
        names = frozenset([group.name for tally in self._tallies.values() for group in tally.counted])
        return Written(names, tuple(changes), totals, revision, resolved)

    def _tally_of(self, row: CallRow) -> _Tally:
        if not is_moment(row.started_at):
            raise ValueError(f"started_at is no time that a call can begin at: {row.started_at!r}")
        moment = self._definitions.moment(row)
        info = row.info
        kind = (info.model, info.called_model, info.user_id, info.user_role, info.user_groups, moment, info.unverified)
        tally = self._tallies.get(kind)
        if tally is None:
            definitions = self._definitions
            counters = definitions.counters_of(row)
            tally = self._tallies[kind] = _Tally(
                definitions.groups_of(row), counters, definitions.keys_after_credit(row, counters), row.started_at
            )
        return tally


class _Counted(NamedTuple):
    """A row as it is written: what it cost, its tokens in 64 bits, and the usage groups that hold its model."""

    row: CallRow
    cost: Cost | None
    counts: tuple[int, ...]
    groups: tuple[Group, ...]


_Values = tuple[Any, ...]
"""What one row says, in the order of `_COLUMNS`."""
_Kind = tuple[str, str, str | None, str | None, tuple[str, ...], float, bool]
"""All of a row that decides what counts it."""


_counts = operator.attrgetter("input", "cached_input", "cache_write", "completion", "reasoning", "output")
"""A call's tokens, in the order in which both tables have them."""


class _Tally:
    """What rows of one kind come to, and where that is added."""

    __slots__ = ("after_credit", "counted", "counters", "groups", "slot", "sums")

    def __init__(
        self, groups: tuple[Group, ...], counters: Sequence[Counter], after_credit: Sequence[Key], started_at: float
    ) -> None:
        self.groups = groups
        self.counted = [group for group in groups if group.reset_at is None or started_at >= group.reset_at]
        self.counters = counters
        self.after_credit = after_credit
        self.slot = slot_key(int(started_at) // SLOT)
        self.sums = (0,) * len(SUMS)

    @property
    def keys(self) -> Iterable[Key]:
        """A group keeps the sum of all time, too, and a rolling budget that of the slot."""
        for counter in self.counters:
            yield counter.key
            if rolling_slots(counter.budget.period) is not None:
                yield counter.subject, self.slot
        yield from self.after_credit
        yield from ((group.id, ALL_TIME_KEY) for group in self.counted if group.period != ALL_TIME_KEY)

    def add(self, row: CallRow, counts: tuple[int, ...], cost: Cost | None) -> None:
        """Add one call, whose tokens are `counts`."""
        usage = row.usage
        added = (
            1,
            bool(usage.estimated),
            *counts,
            0 if cost is None else _costs(cost)[0],
            cost is None and bool(usage.input or usage.output),
        )
        self.sums = _plus(self.sums, added)


def insert_probe(transaction: Transaction, schema: str | None) -> None:
    """Write a row that is no call, to see whether the database takes any. To be undone."""
    read_definitions(transaction.connection)
    write_calls(transaction, [_Counted(_EMPTY_CALL, None, (0,) * 6, ())], schema, Combinations())
    add_to_totals(transaction, {("", ""): (0,) * len(SUMS)}, schema)


_EMPTY_CALL = CallRow(CallInfo("", ""), started_at=0, usage=TokenUsage())


def _cost(row: CallRow, definitions: Definitions) -> Cost | None:
    if row.outcome == "error" and row.usage.input == row.usage.output == 0:
        return None  # Nothing was used: there is nothing to price.
    try:
        return definitions.cost_of(row)
    except Exception as error:  # noqa: BLE001 - a call without a price is better than no call
        log.warning("A call of %s has no price: %s", bounded_text(str(row.info.model)), error)
        return None


def _source(row: CallRow, cost: Cost | None) -> str | None:
    if cost is not None:
        return cost.source[:32]
    return "not-believed" if is_absurd(row.raw_usage, row.usage) else None


def _costs(cost: Cost) -> tuple[int, ...]:
    """The sum and, where they are known, its four parts."""
    return bounded_counts((cost.nano, *(cost.parts or ())))


_NOTHING_KNOWN = (None,) * 4
_COLUMNS = tuple(usage_call.columns.keys())


def _call_values(counted: _Counted, combination: int | None) -> _Values:
    row, cost = counted.row, counted.cost
    info, usage = row.info, row.usage
    nano, *parts = (None,) if cost is None else _costs(cost)
    return (
        row.id,
        row.started_at,
        bounded_text(info.user_id),
        bounded_text(info.user_name),
        bounded_text(info.model),
        bounded_text(info.called_model),
        bounded_text(info.chat_id),
        bounded_text(info.message_id),
        bounded_text(info.task),
        bounded_text(info.path),
        "".join([f" {group.id} " for group in counted.groups]),
        *counted.counts,
        bool(usage.estimated),
        bool(info.unverified),
        row.outcome,
        bounded_seconds(row.first_token_after),
        bounded_seconds(row.thinking),
        bounded_seconds(row.duration) or 0.0,
        nano,
        _source(row, cost),
        usage_text(row.raw_usage),
        combination,
        _short(row.effort, 16),
        _short(row.error, 100),
        *(parts or _NOTHING_KNOWN),
        None if cost is None else _short(cost.version, 64),
    )


def _short(text: str | None, length: int) -> str | None:
    return text and (bounded_text(text) or "")[:length]


def write_calls(
    transaction: Transaction, calls: Sequence[_Counted], schema: str | None, combinations: Combinations
) -> Resolved:
    """Insert rows, and add them to the cubes."""
    resolved = combinations.of_calls(
        transaction, [(call.row.info, call.row.outcome, call.groups) for call in calls], schema
    )
    rows, added = [], CubeAdditions()
    for call, combination in zip(calls, resolved.of_calls, strict=True):
        rows.append(_call_values(call, combination.id))
        if call.row.info.unverified:
            added.add_unverified(call.row.started_at, combination)
        else:
            added.add(call.row.started_at, combination, _cube_sums(call))
    _insert(transaction, rows, schema)
    added.write(transaction, schema)
    return resolved


def _cube_sums(call: _Counted) -> tuple[int, ...]:
    """In the order of `CUBE_SUMS`. Numbers all: PostgreSQL takes no truth value for one."""
    cost, usage = call.cost, call.row.usage
    return (
        1,
        int(bool(usage.estimated)),
        int(cost is None and bool(usage.input or usage.output)),
        *call.counts,
        *(_NO_COSTS if cost is None else (_costs(cost) + _NO_COSTS)[: len(_NO_COSTS)]),
    )


_NO_COSTS = (0,) * 5


def _insert(transaction: Transaction, calls: Sequence[_Values], schema: str | None) -> None:
    for start in range(0, len(calls), ROWS_PER_STATEMENT):
        part = calls[start : start + ROWS_PER_STATEMENT]
        statement = insertion("usage_call", _COLUMNS, transaction.placeholder, schema, len(part))
        transaction.execute(statement, list(chain.from_iterable(part)))


def add_to_totals(
    transaction: Transaction, added: Mapping[Key, tuple[int, ...]], schema: str | None
) -> tuple[int, dict[Key, tuple[int, ...]]]:
    """`total = total + n`, in the order of `SUMS`, done by the database: two workers never overwrite each other.

    Returns the revision of the definitions, and the totals as they are now, in the same order.
    """
    if not added:
        return read_revision(transaction.connection), {}
    # In one order everywhere, so that two workers never wait for each other's rows in a circle.
    rows = [(*key, *bounded_sums(sums)) for key, sums in sorted(added.items())]
    revision, after = 0, dict[Key, tuple[int, ...]]()
    for start in range(0, len(rows), ROWS_PER_STATEMENT):
        part = rows[start : start + ROWS_PER_STATEMENT]
        statement = _addition(transaction.placeholder, schema, len(part), transaction.least)
        found = transaction.execute(statement, list(chain.from_iterable(part)))
        revision = found[0][0]
        after.update({row[1:3]: row[3:] for row in found})
    return revision, after


@lru_cache(maxsize=256)
def _addition(placeholder: str, schema: str | None, count: int, least: str) -> str:
    inserted = insertion("usage_total", ("subject", "period", *SUMS), placeholder, schema, count)
    added = addition("usage_total", ("subject", "period"), SUMS, least)
    revision = f"SELECT value FROM {prefix(schema)}usage_revision WHERE name = 'groups'"  # noqa: S608
    return f"{inserted}{added} RETURNING ({revision}), subject, period, {', '.join(SUMS)}"


def _plus(sums: tuple[int, ...], others: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(map(operator.add, sums, others))


def _minus(sums: tuple[int, ...], added: tuple[int, ...]) -> tuple[int, ...]:
    values = tuple(map(operator.sub, sums, added))
    return values if min(values) >= 0 else tuple([max(0, value) for value in values])
