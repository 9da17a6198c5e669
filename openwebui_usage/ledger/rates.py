"""How rates stand, by the rows of the last minute: those are what all workers have written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select

from openwebui_usage.ledger.definitions import Definitions
from openwebui_usage.ledger.rows import id_at
from openwebui_usage.ledger.schema import usage_call
from openwebui_usage.rules.budgets import Budget, Counter, Subject, subject_of
from openwebui_usage.rules.groups import Sums
from openwebui_usage.rules.periods import MINUTE, Period
from openwebui_usage.rules.rates import SECONDS

_MOST_ROWS = 20_000
_COLUMNS = ("user_id", "model", "called_model", "input", "completion", "reasoning", "output", "cost_nano")


def rate_standings(
    connection: Connection, definitions: Definitions, callers: Sequence[Subject], now: datetime
) -> dict[Subject, list[tuple[Counter, Sums]]]:
    """For each caller, each rate that binds them, with the sums of the model of which it holds most."""
    since = now - timedelta(seconds=SECONDS)
    query = select(*(usage_call.c[name] for name in _COLUMNS)).where(
        (usage_call.c.id >= id_at(since.timestamp())) & ~usage_call.c.unverified
    )
    rows = connection.execute(query.limit(_MOST_ROWS)).all()
    by_user: dict[str | None, list[Row[Any]]] = {}
    for row in rows:
        by_user.setdefault(row.user_id, []).append(row)
    of_everyone = {
        budget.id: _most(budget, definitions, rows) for budget in definitions.rates if budget.scope.kind == "everyone"
    }
    period = Period(MINUTE, since)
    # Rows don't tell members and roles: of a group's or a role's calls, everybody sees their own.
    return {
        caller: [
            (
                Counter(budget.for_caller(caller), subject_of(budget, caller), period),
                of_everyone.get(budget.id) or _most(budget, definitions, by_user.get(caller.user_id, ())),
            )
            for budget in definitions.rates
            if budget.scope.binds(caller)
        ]
        for caller in callers
    }


def _most(budget: Budget, definitions: Definitions, rows: Iterable[Row[Any]]) -> Sums:
    """The sums of the model of which `rows` hold most."""
    sums: dict[str, Sums] = {}
    for _, model, called_model, input_, completion, reasoning, output, cost in rows:
        if not budget.covers((model, called_model), definitions.groups):
            continue
        before = sums.get(called_model, Sums())
        sums[called_model] = Sums(
            calls=before.calls + 1,
            input=before.input + input_,
            completion=before.completion + completion,
            reasoning=before.reasoning + reasoning,
            output=before.output + output,
            cost_nano=before.cost_nano + (cost or 0),
        )
    return max(sums.values(), key=budget.used, default=Sums())
