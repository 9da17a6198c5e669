"""The status of the budgets that apply to a user: what is used, and what is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice

from openwebui_usage.ledger import Store
from openwebui_usage.ledger.credits import raised
from openwebui_usage.ledger.definitions import Definitions
from openwebui_usage.rules.budgets import Counter, Subject, subject_of
from openwebui_usage.rules.groups import Sums
from openwebui_usage.rules.periods import rolling_slots
from openwebui_usage.rules.rates import is_rate

BudgetStatus = tuple[Counter, Sums]


def budget_statuses(store: Store, callers: Sequence[Subject], now: datetime) -> Mapping[Subject, list[BudgetStatus]]:
    """For each caller, every budget that applies, with its sums. Blocks. Takes two queries for any number of callers,
    and some more where a budget rolls.

    A shared budget has the sum of all its users. No user gets a sum that belongs to another.
    """
    definitions = store.definitions()
    counters = {caller: counters_of(definitions, caller, now) for caller in callers}
    if definitions.any_may_exceed:
        counters = _with_allowances(store, definitions, counters, now)
    keys = {counter.key for found in counters.values() for counter in found}
    totals = store.totals(keys) if keys else {}
    found = [(counter, totals[counter.key]) for of_caller in counters.values() for counter in of_caller]
    if any(rolling_slots(counter.budget.period) for counter, _ in found):
        found = store.in_windows(found, now)
    statuses = iter(found)
    rates = store.rate_standings(definitions, callers, now) if definitions.rates else {}
    return {
        caller: [*islice(statuses, len(of_caller)), *rates.get(caller, ())] for caller, of_caller in counters.items()
    }


def _with_allowances(
    store: Store, definitions: Definitions, counters: Mapping[Subject, list[Counter]], now: datetime
) -> dict[Subject, list[Counter]]:
    """The same, with the limits that hold with credit and remainders."""
    asked = [(counter, caller) for caller, found in counters.items() for counter in found]
    given = iter(store.allowances(asked, definitions))
    return {caller: [raised(counter, next(given), now) for counter in found] for caller, found in counters.items()}


def counters_of(definitions: Definitions, caller: Subject, now: datetime) -> list[Counter]:
    """The counter of each budget that applies to a user, in the budgets' order."""
    return [
        Counter(budget.for_caller(caller), subject_of(budget, caller), definitions.period(budget, now))
        for budget in definitions.budgets
        if budget.scope.binds(caller) and not is_rate(budget)
    ]
