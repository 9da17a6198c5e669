"""What rows of the ledger add to which totals, and the statements that write both.

Two statements write a batch of rows, whatever their number: the rows themselves, and all totals at once. The second
one answers with the totals as they are then, and with the revision of the definitions. Each call into a driver lets go
of the interpreter's lock, and where the event loop is busy it takes milliseconds to get that back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any

from openwebui_usage.groups import Group, Sums
from openwebui_usage.ledger.calls import CallRow
from openwebui_usage.ledger.database import Transaction
from openwebui_usage.ledger.definitions import Definitions, read_revision
from openwebui_usage.ledger.schema import EVER
from openwebui_usage.limits import Counter
from openwebui_usage.pricing import Cost
from openwebui_usage.tokens import TokenUsage

SUMS = tuple(item.name for item in fields(Sums))
Key = tuple[str, str]
"""A total's subject and period."""
_ROWS_PER_STATEMENT = 100
_LONGEST_RAW_USAGE = 10_000
_LONGEST_TEXT = 1000


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


@dataclass(slots=True)
class Batch:
    """Rows as the definitions of one revision count them, not written yet."""

    rows: Sequence[CallRow]
    definitions: Definitions
    _calls: list[dict[str, Any]] = field(default_factory=list)
    _added: dict[Key, dict[str, int]] = field(default_factory=dict)
    _counters: dict[Key, Counter] = field(default_factory=dict)
    _groups: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Count them."""
        definitions = self.definitions
        for row in self.rows:
            cost = _cost(row, definitions)
            groups = () if row.unverified else definitions.covering(row.model_ids).groups
            self._calls.append(_call_values(row, cost, groups))
            for counter in definitions.counters_of(row):
                self._counters[counter.key] = counter
                self._add(counter.key, row, cost)
            for group in groups:
                self._groups.add(group.name)
                if group.period != EVER:
                    self._add((group.id, EVER), row, cost)

    def write(self, transaction: Transaction, schema: str | None) -> Recorded | None:
        """Write rows and totals. None where the definitions are others by now: the transaction is to be undone."""
        _insert(transaction, self._calls, schema)
        revision, after = _increment(transaction, self._added, schema)
        if revision != self.definitions.revision:
            return None
        changes = (
            Change(counter, _minus(after[key], self._added[key]), after[key]) for key, counter in self._counters.items()
        )
        return Recorded(tuple(self.rows), frozenset(self._groups), tuple(changes))

    def _add(self, key: Key, row: CallRow, cost: Cost | None) -> None:
        sums = self._added.get(key)
        if sums is None:
            sums = self._added[key] = dict.fromkeys(SUMS, 0)
        usage = row.usage
        sums["calls"] += 1
        sums["estimated_calls"] += usage.estimated
        sums["input"] += usage.input
        sums["cached_input"] += usage.cached_input
        sums["cache_write"] += usage.cache_write
        sums["completion"] += usage.completion
        sums["reasoning"] += usage.reasoning
        sums["output"] += usage.output
        if cost is not None:
            sums["cost_nano"] += cost.nano
        elif usage.input or usage.output:
            sums["unpriced_calls"] += 1


def insert_probe(transaction: Transaction, schema: str | None) -> None:
    """Write a row that is no call, to see whether the database takes any. To be undone."""
    _insert(transaction, [_call_values(_EMPTY_CALL, None, ())], schema)


_EMPTY_CALL = CallRow(started_at=0, model="", called_model="", usage=TokenUsage())


def _cost(row: CallRow, definitions: Definitions) -> Cost | None:
    if row.outcome == "error" and row.usage.input == row.usage.output == 0:
        return None  # Nothing was used: there is nothing to price.
    return definitions.book.cost(row.model_ids, row.usage, row.raw_usage, row.started_at)


def _call_values(row: CallRow, cost: Cost | None, groups: Iterable[Group]) -> dict[str, Any]:
    usage = row.usage
    return {
        "id": row.id,
        "started_at": row.started_at,
        "user_id": _text(row.user_id),
        "user_name": _text(row.user_name),
        "model": _text(row.model),
        "called_model": _text(row.called_model),
        "chat_id": _text(row.chat_id),
        "message_id": _text(row.message_id),
        "task": _text(row.task),
        "path": _text(row.path),
        "groups": "".join(f" {group.id} " for group in groups),
        "input": usage.input,
        "cached_input": usage.cached_input,
        "cache_write": usage.cache_write,
        "completion": usage.completion,
        "reasoning": usage.reasoning,
        "output": usage.output,
        "estimated": usage.estimated,
        "unverified": row.unverified,
        "outcome": row.outcome,
        "first_token_after": row.first_token_after,
        "thinking": row.thinking,
        "duration": row.duration,
        "cost_nano": None if cost is None else cost.nano,
        "cost_source": None if cost is None else cost.source,
        "raw_usage": _raw(row.raw_usage),
    }


def _text(value: str | None) -> str | None:
    """Text that every database takes: PostgreSQL refuses NUL, and none takes half a surrogate pair.

    Some of it comes from the client, who must not escape the ledger by it.
    """
    if value is None or (len(value) <= _LONGEST_TEXT and value.isprintable()):
        return value
    return value[:_LONGEST_TEXT].replace("\0", "\ufffd").encode(errors="replace").decode()


def _raw(usage: dict[str, Any] | None) -> str | None:
    if usage is None:
        return None
    raw = json.dumps(usage, default=str)
    return raw if len(raw) <= _LONGEST_RAW_USAGE else None


def _insert(transaction: Transaction, calls: Sequence[Mapping[str, Any]], schema: str | None) -> None:
    columns = tuple(calls[0])
    for start in range(0, len(calls), _ROWS_PER_STATEMENT):
        part = calls[start : start + _ROWS_PER_STATEMENT]
        statement = _insertion("usage_call", columns, transaction.mark, schema, len(part))
        transaction.execute(statement, [value for call in part for value in call.values()])


def _increment(
    transaction: Transaction, added: Mapping[Key, Mapping[str, int]], schema: str | None
) -> tuple[int, dict[Key, Sums]]:
    """`total = total + n`, done by the database: two workers never overwrite each other.

    Returns the revision of the definitions, and the totals as they are now.
    """
    if not added:
        return read_revision(transaction.connection), {}
    # In one order everywhere, so that two workers never wait for each other's rows in a circle.
    rows = [(*key, *sums.values()) for key, sums in sorted(added.items())]
    revision, after = 0, {}
    for start in range(0, len(rows), _ROWS_PER_STATEMENT):
        part = rows[start : start + _ROWS_PER_STATEMENT]
        statement = _addition(transaction.mark, schema, len(part))
        found = transaction.execute(statement, [value for row in part for value in row])
        revision = found[0][0]
        after.update({(subject, period): Sums(*total) for _, subject, period, *total in found})
    return revision, after


@lru_cache(maxsize=256)
def _addition(mark: str, schema: str | None, count: int) -> str:
    insertion = _insertion("usage_total", ("subject", "period", *SUMS), mark, schema, count)
    sums = ", ".join(f"{name} = usage_total.{name} + excluded.{name}" for name in SUMS)
    revision = f"SELECT value FROM {_prefix(schema)}usage_revision WHERE name = 'groups'"  # noqa: S608
    columns = f"({revision}), subject, period, {', '.join(SUMS)}"
    return f"{insertion} ON CONFLICT (subject, period) DO UPDATE SET {sums} RETURNING {columns}"


@lru_cache(maxsize=256)
def _insertion(table: str, columns: tuple[str, ...], mark: str, schema: str | None, count: int) -> str:
    """All rows in one statement, as text that both databases read alike."""
    names = ", ".join(f'"{name}"' for name in columns)
    row = f"({', '.join([mark] * len(columns))})"
    return f"INSERT INTO {_prefix(schema)}{table} ({names}) VALUES {', '.join([row] * count)}"  # noqa: S608


def _prefix(schema: str | None) -> str:
    return '"{}".'.format(schema.replace('"', '""')) if schema else ""


def _minus(sums: Sums, added: Mapping[str, int]) -> Sums:
    return Sums(*(getattr(sums, name) - added[name] for name in SUMS))
