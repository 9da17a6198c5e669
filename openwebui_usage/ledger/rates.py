"""How rates stand, by the rows of the last minute: those are what all workers have written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Row, select

from openwebui_usage.ledger.definitions import Definitions
from openwebui_usage.ledger.rows import id_at, time_of
from openwebui_usage.ledger.schema import usage_call
from openwebui_usage.rules.budgets import Budget, Counter, Subject, subject_of
from openwebui_usage.rules.groups import Sums
from openwebui_usage.rules.periods import MINUTE, Period
from openwebui_usage.rules.rates import SECONDS

_Row = Row[Any]
_MOST_ROWS = 20_000
_COLUMNS = ("user_id", "model", "called_model", "input", "completion", "reasoning", "output", "cost_nano", "id")


def rate_standings(
    connection: Connection, definitions: Definitions, callers: Sequence[Subject], now: datetime
) -> dict[Subject, list[tuple[Counter, Sums]]]:
    """For each caller, each rate that binds them, with the sums of the model of which it holds most. The period of one
    whose limit is reached ends when there is room again.
    """
    since = now - timedelta(seconds=SECONDS)
    query = select(*(usage_call.c[name] for name in _COLUMNS)).where(
        (usage_call.c.id >= id_at(since.timestamp())) & ~usage_call.c.unverified
    )
    rows = connection.execute(query.limit(_MOST_ROWS)).all()
    by_user: dict[str | None, list[_Row]] = {}
    for row in rows:
        by_user.setdefault(row.user_id, []).append(row)
    of_everyone = {
        budget.id: _most(budget, definitions, rows) for budget in definitions.rates if budget.scope.kind == "everyone"
    }
    found: dict[Subject, list[tuple[Counter, Sums]]] = {}
    for caller in callers:
        found[caller] = []
        for budget in definitions.rates:
            if budget.scope.binds(caller):
                # Rows don't tell members and roles: of a group's or a role's calls, everybody sees their own.
                own = by_user.get(caller.user_id, ())
                sums, counted = of_everyone.get(budget.id) or _most(budget, definitions, own)
                binding = budget.for_caller(caller)
                period = Period(MINUTE, since, _free_at(binding, sums, counted))
                found[caller].append((Counter(binding, subject_of(budget, caller), period), sums))
    return found


def _most(budget: Budget, definitions: Definitions, rows: Iterable[_Row]) -> tuple[Sums, Sequence[_Row]]:
    """The sums of the model of which `rows` hold most, and its rows."""
    of_models: dict[str, list[_Row]] = {}
    for row in rows:
        if budget.covers((row.model, row.called_model), definitions.groups):
            of_models.setdefault(row.called_model, []).append(row)
    found = [(_sum(of_model), of_model) for of_model in of_models.values()]
    return max(found, key=lambda each: budget.used(each[0]), default=(Sums(), ()))


def _sum(rows: Sequence[_Row]) -> Sums:
    return Sums(
        calls=len(rows),
        input=sum(row.input for row in rows),
        completion=sum(row.completion for row in rows),
        reasoning=sum(row.reasoning for row in rows),
        output=sum(row.output for row in rows),
        cost_nano=sum(row.cost_nano or 0 for row in rows),
    )


def _free_at(budget: Budget, sums: Sums, rows: Iterable[_Row]) -> datetime | None:
    """When there is room again; None where there is some now, or never will be."""
    used, limit = budget.used(sums), budget.limit
    if not limit or used < limit:
        return None
    for row in sorted(rows, key=attrgetter("id")):
        used -= budget.used(_sum([row]))
        if used < limit:
            return datetime.fromtimestamp(time_of(row.id) + SECONDS, UTC)
    return None
