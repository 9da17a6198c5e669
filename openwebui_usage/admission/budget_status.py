"""How the budgets that bind a user stand: what is used, what is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from openwebui_usage.ledger import Store
from openwebui_usage.ledger.definitions import Definitions
from openwebui_usage.rules.budgets import Counter, Subject, subject_of
from openwebui_usage.rules.groups import Sums

BudgetStatus = tuple[Counter, Sums]


def budget_statuses(store: Store, callers: Sequence[Subject], now: datetime) -> Mapping[Subject, list[BudgetStatus]]:
    """For each of some users, every budget that binds him with its sums. Blocks; two queries however many users.

    Budgets which a user shares with others show their common sum; nobody's own is shown to another.
    """
    definitions = store.definitions()
    counters = {caller: _counters(definitions, caller, now) for caller in callers}
    keys = {counter.key for found in counters.values() for counter in found}
    totals = store.totals(keys) if keys else {}
    return {caller: [(counter, totals[counter.key]) for counter in found] for caller, found in counters.items()}


def _counters(definitions: Definitions, caller: Subject, now: datetime) -> list[Counter]:
    return [
        Counter(budget, subject_of(budget, caller), definitions.period(budget, now))
        for budget in definitions.budgets
        if budget.scope.binds(caller)
    ]
