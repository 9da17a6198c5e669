"""What happens at the limit of a budget: a wall, a word, another model, a wait, or less thinking.

No clock and no database: the caller hands in the numbers.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from openwebui_usage.rules.budgets import Budget

BudgetAction = Literal["block", "warn", "fallback", "slow", "effort"]
"""At the limit further calls are refused, only counted, made with another model, or made later; `effort` does nothing
at the limit itself, but lets models think less from some share of it on.
"""
CarryOver = int | Literal["none", "all"]
"""What of an unused remainder is added to the next period: none, all of it, or up to so much in the budget's unit."""

SLOW_UP_TO: Final = 30
"""Default of the longest wait, in seconds."""
MOST_SECONDS: Final = 300
"""A wait that is longer outlasts what lies between people and Open WebUI: proxies give up after minutes."""
EFFORT_FROM: Final = 80
"""Default of the share of the limit from which on models think less, in percent."""
_FULL_WAIT_AT: Final = 0.5
"""How far over the limit the longest wait is reached, as a share of the limit."""
_LEAST_SECONDS: Final = 1.0


def may_refuse(budget: Budget, model_ids: Collection[str]) -> bool:
    """Whether a budget can keep a call of a model from being made with that model.

    Never with the model that it falls back on itself: the way out would be closed at once.
    """
    if budget.limit is None:
        return False
    if budget.action == "fallback":
        return budget.fallback_model not in model_ids
    return budget.action == "block"


def seconds_to_wait(budget: Budget, used: int) -> float:
    """How long a call waits: not at all below the limit, then from one second at the limit evenly up to the longest
    wait, at half over the limit.
    """
    limit = budget.limit
    if budget.action != "slow" or limit is None or used < limit:
        return 0.0
    over = 1.0 if limit == 0 else (used - limit) / (limit * _FULL_WAIT_AT)
    longest = float(budget.slow_up_to)
    return min(longest, _LEAST_SECONDS + (longest - _LEAST_SECONDS) * min(1.0, over))


def lowers_effort(budget: Budget, used: int) -> bool:
    """Whether models think less, by what is used of the budget."""
    if budget.limit is None or budget.effort_from is None:
        return False
    return used * 100 >= budget.limit * budget.effort_from
