"""Whom a budget would have refused. The cubes tell in which periods, and by whom, the limit was reached; the calls of
those are replayed one by one.

They are read in pages, each by itself, in order of time. No transaction is open for longer than a page takes, and none
writes, so calls go on as ever.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Connection, Engine, select

from openwebui_usage.ledger.combinations import members_of
from openwebui_usage.ledger.database import fetch, placeholder, reading
from openwebui_usage.ledger.definitions import Definitions
from openwebui_usage.ledger.errors import TooManyCalls
from openwebui_usage.ledger.progress import read_progress
from openwebui_usage.ledger.reached import Reached, limit_reached
from openwebui_usage.ledger.roles import read_roles
from openwebui_usage.ledger.schema import usage_combination, usage_dimension
from openwebui_usage.ledger.statements import prefix
from openwebui_usage.rules.budgets import Budget, Subject
from openwebui_usage.rules.periods import period_at
from openwebui_usage.rules.replay import RefusedUser, Replay

MOST_REPLAYED = 2_000_000
"""Calls that one preview may look at one by one."""
_PAGE = 5_000
_IDS_PER_QUERY = 500
_MOST_USERS = 500
"""That one query looks for."""
_MOST_REMEMBERED = 50_000
_REST = 0.001
"""Seconds between two pages, in which others get the interpreter's lock."""
_NOBODY: frozenset[str] = frozenset()


class _Row(NamedTuple):
    """What is read of a call."""

    started_at: float
    id: str
    user_id: str | None
    user_name: str | None
    model: str
    called_model: str
    input: int
    completion: int
    reasoning: int
    output: int
    cost_nano: int | None
    combination: int | None


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


def preview_budget(
    engine: Engine, schema: str | None, budget: Budget, definitions: Definitions, start: float, end: float
) -> BudgetPreview:
    """What `budget` would have refused from `start` to `end` (not included), in seconds since the epoch.

    It is in force from the beginning of the period that `start` lies in; one without periods begins at `start`.
    Models and groups are matched as `definitions` have them, roles as users had them at last. Blocks, for seconds where
    many calls have to be replayed. Raises `TooManyCalls`.
    """
    period = period_at(budget.period, budget.timezone, datetime.fromtimestamp(start, UTC))
    begin = start if period.starts_at is None else period.starts_at.timestamp()
    with reading(engine) as connection:
        since = read_progress(connection, "recorded_since")
        roles = read_roles(connection)
        reached: list[Reached] | None = []
        if budget.least_limit is not None and budget.action == "block":
            reached = limit_reached(connection, schema, budget, definitions, begin, end)
    if reached is None:
        reached = [Reached(begin, end, 0)]
    calls = sum(part.calls for part in reached)
    if calls > MOST_REPLAYED:
        raise TooManyCalls(calls)
    replay = Replay(budget, told_from=start)
    rows = _Rows(engine, schema, budget, definitions, roles)
    for part in reached:
        for row, caller in rows.between(part):
            exempt = _is_exempt(budget, row, definitions)
            replay.call(row.started_at, caller, _amount(budget, row), user_name=row.user_name, is_exempt=exempt)
    found = sorted(replay.refused.values(), key=lambda user: (-user.calls, user.first_at, user.user_id or ""))
    return BudgetPreview(tuple(found), begin, None if since is None else float(since))


class _Rows:
    """The rows that a budget counts, each with who called."""

    def __init__(
        self,
        engine: Engine,
        schema: str | None,
        budget: Budget,
        definitions: Definitions,
        roles: Mapping[str, str],
    ) -> None:
        self._engine = engine
        self._table = f"{prefix(schema)}usage_call"
        self._budget = budget
        self._definitions = definitions
        self._needs_groups = budget.needs_groups
        self._roles = roles
        self._groups: dict[int, frozenset[str]] = {}
        self._callers: dict[tuple[object, ...], Subject | None] = {}

    def between(self, part: Reached) -> Iterator[tuple[_Row, Subject]]:
        """In order of time."""
        scope, users = self._budget.scope, part.users
        wanted = [scope.id or ""] if scope.kind == "user" else sorted(users or ())
        conditions = ["NOT unverified", "started_at < {mark}"]
        if users is not None and not users:
            return
        if len(wanted) > _MOST_USERS:
            wanted = []
        if wanted:
            conditions.append(f"user_id IN ({', '.join(['{mark}'] * len(wanted))})")
        # As one comparison of pairs: for an OR, SQLite would go through all later rows and sort them, at each page.
        reached: tuple[float, str] = (part.start, "")
        while True:
            where = " AND ".join(["(started_at, id) > ({mark}, {mark})", *conditions])
            statement = f"SELECT {', '.join(_Row._fields)} FROM {self._table} WHERE {where} "  # noqa: S608
            statement += f"ORDER BY started_at, id LIMIT {_PAGE}"
            with self._engine.connect() as connection:
                statement = statement.format(mark=placeholder(connection))
                page = list(map(_Row._make, fetch(connection, statement, [*reached, part.end, *wanted])))
                if self._needs_groups:
                    self._look_up(connection, {row.combination for row in page} - self._groups.keys())
            for row in page:
                caller = self._caller(row)
                if caller is not None and (users is None or row.user_id in users):
                    yield row, caller
            if len(page) < _PAGE:
                return
            reached = (page[-1].started_at, page[-1].id)
            time.sleep(_REST)

    def _caller(self, row: _Row) -> Subject | None:
        """None where the budget does not count the call. The same for all rows of a combination and user."""
        key: tuple[object, ...] = (row.combination, row.user_id)
        if row.combination is None:
            key = (*key, row.model, row.called_model)
        if key not in self._callers:
            if len(self._callers) >= _MOST_REMEMBERED:  # Some providers answer to any name.
                self._callers.clear()
            is_covered = self._budget.covers((row.model, row.called_model), self._definitions.groups)
            groups = _NOBODY if row.combination is None else self._groups.get(row.combination, _NOBODY)
            role = self._roles.get(row.user_id or "")
            self._callers[key] = Subject(row.user_id, groups, role) if is_covered else None
        return self._callers[key]

    def _look_up(self, connection: Connection, combinations: Iterable[int | None]) -> None:
        missing = sorted(number for number in combinations if number is not None)
        joined = usage_combination.join(usage_dimension, usage_combination.c.user_groups == usage_dimension.c.id)
        query = select(usage_combination.c.id, usage_dimension.c.key, usage_dimension.c.name).select_from(joined)
        for start in range(0, len(missing), _IDS_PER_QUERY):
            part: Sequence[int] = missing[start : start + _IDS_PER_QUERY]
            self._groups |= dict.fromkeys(part, _NOBODY)
            for number, key, name in connection.execute(query.where(usage_combination.c.id.in_(part))):
                self._groups[number] = frozenset(members_of(key, name))


def _amount(budget: Budget, row: _Row) -> int:
    """What a row comes to in the budget's unit, as `Budget.used` says of its sums."""
    if budget.unit == "requests":
        return 1
    if budget.unit == "usd":
        return int(row.cost_nano or 0)
    return row.input + (row.output if budget.counting == "billed" else row.completion + row.reasoning)


def _is_exempt(budget: Budget, row: _Row, definitions: Definitions) -> bool:
    """Whether the call cost nothing; of one that used nothing the prices of today tell."""
    if budget.unit != "usd" or not budget.free_models_exempt:
        return False
    if row.cost_nano is not None and (row.input or row.output):
        return bool(row.cost_nano == 0)
    models = (row.model,) if row.model == row.called_model else (row.model, row.called_model)
    return definitions.book.is_free(models)
