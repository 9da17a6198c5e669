"""Whom a budget would have refused, by the ledger's rows: read in pages, each by itself, in order of time.

No transaction is open for longer than a page takes, and none writes, so calls go on as ever.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, literal, select, tuple_

from openwebui_usage.ledger.combinations import members_of
from openwebui_usage.ledger.definitions import Definitions
from openwebui_usage.ledger.progress import read_progress
from openwebui_usage.ledger.schema import usage_call, usage_combination, usage_dimension
from openwebui_usage.rules.budgets import Budget, Subject
from openwebui_usage.rules.periods import period_at
from openwebui_usage.rules.replay import RefusedUser, Replay

_PAGE = 5_000
_IDS_PER_QUERY = 500
_MOST_MODELS = 10_000
_REST = 0.001
"""Seconds between two pages, in which others get the interpreter's lock."""
_NOBODY: frozenset[str] = frozenset()
_COLUMNS = tuple(
    usage_call.c[name]
    for name in (
        "started_at",
        "id",
        "user_id",
        "user_name",
        "model",
        "called_model",
        "input",
        "completion",
        "reasoning",
        "output",
        "cost_nano",
        "combination",
    )
)


@dataclass(frozen=True, slots=True)
class BudgetPreview:
    """What a budget would have refused."""

    refused: tuple[RefusedUser, ...]
    """Most calls first."""
    counted_from: float
    """Since when calls were counted, in seconds since the epoch: the period in which the first moment lies, began."""
    user_groups_since: float | None
    """Since when the ledger knows who was in which user group; None for ever."""

    @property
    def calls(self) -> int:
        """How many calls it would have refused."""
        return sum(user.calls for user in self.refused)

    @property
    def amount(self) -> int:
        """What those used, in the budget's unit."""
        return sum(user.amount for user in self.refused)


def preview_budget(engine: Engine, budget: Budget, definitions: Definitions, start: float, end: float) -> BudgetPreview:
    """What `budget` would have refused from `start` to `end` (not included), in seconds since the epoch.

    It is in force from the beginning of the period that `start` lies in; one without periods begins at `start`.
    Models and groups are matched as `definitions` have them. Blocks, for seconds where rows are millions.
    """
    period = period_at(budget.period, budget.timezone, datetime.fromtimestamp(start, UTC))
    begin = start if period.starts_at is None else period.starts_at.timestamp()
    replay = Replay(budget, told_from=start)
    rows = _Rows(engine, budget)
    covered: dict[tuple[str, str], bool] = {}
    for row, groups in rows.between(begin, end):
        models = (row.model, row.called_model)
        if models not in covered:
            if len(covered) >= _MOST_MODELS:  # Some providers answer to any name.
                covered.clear()
            covered[models] = budget.covers(models, definitions.groups)
        if covered[models]:
            replay.call(
                row.started_at,
                Subject(row.user_id, groups),
                _amount(budget, row),
                user_name=row.user_name,
                is_exempt=_is_exempt(budget, row, definitions),
            )
    found = sorted(replay.refused.values(), key=lambda user: (-user.calls, user.first_at, user.user_id or ""))
    return BudgetPreview(tuple(found), begin, rows.user_groups_since())


class _Rows:
    """The rows that a budget may count, each with the ids of the user groups that its user was in."""

    def __init__(self, engine: Engine, budget: Budget) -> None:
        self._engine = engine
        scope = budget.scope
        self._needs_groups = scope.kind in ("group", "each_user_of_group")
        self._groups: dict[int, frozenset[str]] = {}
        self._conditions: list[Any] = [usage_call.c.unverified.is_(False)]
        if scope.kind == "user":
            self._conditions.append(usage_call.c.user_id == scope.id)

    def between(self, start: float, end: float) -> Iterator[tuple[Row[Any], frozenset[str]]]:
        """In order of time."""
        call = usage_call.c
        query = select(*_COLUMNS).where(*self._conditions, call.started_at < end).order_by(call.started_at, call.id)
        after: Any = call.started_at >= start
        while True:
            with self._engine.connect() as connection:
                page = connection.execute(query.where(after).limit(_PAGE)).all()
                if self._needs_groups:
                    self._look_up(connection, {row.combination for row in page} - self._groups.keys())
            for row in page:
                yield row, self._groups.get(row.combination, _NOBODY)
            if len(page) < _PAGE:
                return
            last = page[-1]
            # As one comparison of pairs: for an OR, SQLite would go through all later rows and sort them, at each page.
            key, reached = tuple_(call.started_at, call.id), tuple_(literal(last.started_at), literal(last.id))
            after = key > reached
            time.sleep(_REST)

    def user_groups_since(self) -> float | None:
        """When the ledger began to record them."""
        with self._engine.connect() as connection:
            value = read_progress(connection, "recorded_since")
        return None if value is None else float(value)

    def _look_up(self, connection: Connection, combinations: Iterable[int | None]) -> None:
        missing = sorted(number for number in combinations if number is not None)
        joined = usage_combination.join(usage_dimension, usage_combination.c.user_groups == usage_dimension.c.id)
        query = select(usage_combination.c.id, usage_dimension.c.key, usage_dimension.c.name).select_from(joined)
        for start in range(0, len(missing), _IDS_PER_QUERY):
            part: Sequence[int] = missing[start : start + _IDS_PER_QUERY]
            self._groups |= dict.fromkeys(part, _NOBODY)
            for number, key, name in connection.execute(query.where(usage_combination.c.id.in_(part))):
                self._groups[number] = frozenset(members_of(key, name))


def _amount(budget: Budget, row: Row[Any]) -> int:
    """What a row comes to in the budget's unit, as `Budget.used` says of its sums."""
    if budget.unit == "requests":
        return 1
    if budget.unit == "usd":
        return int(row.cost_nano or 0)
    out = row.output if budget.counting == "billed" else row.completion + row.reasoning
    return int(row.input + out)


def _is_exempt(budget: Budget, row: Row[Any], definitions: Definitions) -> bool:
    """Whether the call cost nothing; of one that used nothing the prices of today tell."""
    if budget.unit != "usd" or not budget.free_models_exempt:
        return False
    if row.cost_nano is not None and (row.input or row.output):
        return bool(row.cost_nano == 0)
    models = (row.model,) if row.model == row.called_model else (row.model, row.called_model)
    return definitions.book.is_free(models)
