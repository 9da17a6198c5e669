"""What budgets of a user group or a role count after credit of theirs has ended.

Rows don't tell who was a member or had a role, so what had been used by then cannot be read from them, see
`ledger.ended_credit`. It is what the period has counted without what it counted afterwards, and that is a total of its
own, for as long as the budget has other credit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from openwebui_usage.rules.budgets import Budget, Counter, Subject
from openwebui_usage.rules.credits import Credit
from openwebui_usage.rules.periods import rolling_slots

Ends = Mapping[str, Sequence[tuple[float, Credit]]]
"""Credit and when it ends, in seconds since the epoch, by the id of its budget."""


def key_after(credit: Credit) -> str:
    """The period of the total."""
    return f"after {credit.id}"


def is_known_by_totals(budget: Budget) -> bool:
    """Whether a budget's totals alone tell what it counts."""
    return budget.scope.is_of_group or budget.scope.is_of_role


def ends_of(budgets: Iterable[Budget], credits_of: Callable[[str], Iterable[Credit]]) -> Ends:
    """The credit whose end has to be noticed. `credits_of` tells that of a budget, by its name."""
    found: dict[str, list[tuple[float, Credit]]] = {}
    for budget in budgets:
        if is_known_by_totals(budget) and rolling_slots(budget.period) is None:
            ends = [(end, credit) for credit in credits_of(budget.name) if (end := credit.ends_at(budget)) is not None]
            if ends:
                found[budget.id] = ends
    return found


def keys_after(ends: Ends, counters: Iterable[Counter], caller: Subject, moment: float) -> list[tuple[str, str]]:
    """The totals of this kind that a call adds to which began at `moment`."""
    found = []
    for counter in counters:
        starts_at = counter.period.starts_at
        for end, credit in ends.get(counter.budget.id, ()):
            if (starts_at is None or starts_at.timestamp() < end) and end <= moment and credit.is_for(caller):
                found.append((counter.subject, key_after(credit)))
    return found
