"""What somebody may use beyond a budget's limit: credit, and what was left of earlier periods.

No clock and no database: the caller hands in the time and the sums of earlier periods.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from openwebui_usage.rules.budgets import Budget, Subject
from openwebui_usage.rules.periods import ALL_TIME, Period, PeriodKind, period_at, rolling_slots

MOST_PERIODS: Final = 400
"""Periods that are looked back at: more than a year of days."""
MOST_DAYS_OF_HOURS: Final = 92
"""How long credit of a budget of an hour may hold: every hour of it is looked back at."""
_DAY = 86_400
_NO_PERIOD = frozenset({ALL_TIME.key})


@dataclass(frozen=True, slots=True)
class Credit:
    """A top-up, in the budget's unit: of one user, of each member of a user group, or of all whom the budget counts."""

    id: str
    budget: str
    """Its name."""
    amount: int
    note: str = ""
    user_id: str | None = None
    user_group: str | None = None
    """Id of one of the host's."""
    created_at: float = 0.0
    """Seconds since the epoch; credit holds from then on."""
    expires_at: float | None = None
    """From when on it holds no more. None: with the period that it was given in, where the budget has periods."""
    created_by: str | None = None
    """Name of the admin."""

    def is_for(self, caller: Subject) -> bool:
        """Whether calls of `caller` may use it."""
        if self.user_id is not None:
            return caller.user_id == self.user_id
        return self.user_group is None or self.user_group in caller.user_groups

    @property
    def is_personal(self) -> bool:
        """Whether it is only for some of those whom the budget counts."""
        return self.user_id is not None or self.user_group is not None

    def ends_at(self, budget: Budget) -> float | None:
        """When it ends, in seconds since the epoch; None where it never does."""
        if self.expires_at is not None:
            return self.expires_at
        ends_at = period_at(budget.period, budget.timezone, datetime.fromtimestamp(self.created_at, UTC)).ends_at
        return None if ends_at is None else ends_at.timestamp()


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one subject may use beyond the limit in one period, as it stood when the period began."""

    carried: int = 0
    credits: tuple[tuple[float, float | None, int], ...] = ()
    """Of each credit: from when to when it holds, and what earlier periods have left of it."""

    def at(self, now: float) -> int:
        """What it comes to at a moment, in the budget's unit."""
        return self.carried + sum(
            amount for start, end, amount in self.credits if start <= now and (end is None or now < end)
        )


def wrong_end(period: PeriodKind, start: float, end: float | None) -> str | None:
    """What is wrong with credit that holds from `start` to `end` (None: to the end of its period). None: nothing."""
    if rolling_slots(period) is not None and end is None:
        return "must be given: a window that moves never ends, and the credit raises its limit until then"
    if period == "hour" and end is not None and end - start > MOST_DAYS_OF_HOURS * _DAY:
        return f"must be at most {MOST_DAYS_OF_HOURS} days ahead where the budget is of an hour"
    return None


def in_the_way(before: Budget, after: Budget, credits_: Collection[Credit]) -> tuple[str, str] | None:
    """The field in which a budget cannot be changed as long as it has its credit, and why. None if it can."""
    if before.unit != after.unit and credits_:
        return "unit", f"has credit in {before.unit}; take it back first"
    if after.scope.is_shared and any(credit.is_personal for credit in credits_):
        return "scope", "has credit of a user or a user group; take it back first"
    if before.period != after.period and any(
        wrong_end(after.period, credit.created_at, credit.expires_at) for credit in credits_
    ):
        return "period", f"has credit that does not fit {after.period}; take it back first"
    return None


def looks_back(budget: Budget, credits_: Iterable[Credit]) -> bool:
    """Whether what was used in earlier periods matters."""
    return budget.carry_over != "none" or any(credit.expires_at is not None for credit in credits_)


def allowance(budget: Budget, credits_: Sequence[Credit], period: Period, used: Mapping[str, int]) -> Allowance:
    """What may be used beyond the limit in `period`. `used` is what earlier periods used, by their keys.

    A period first uses its limit, then what it was left by the one before, then credit, that which ends first before
    the other. What it leaves of the first two is carried over as the budget says, and of credit all that has not
    ended. Earlier periods are reckoned with the limit of today, from the first one on in which anything was used.
    """
    limit = budget.limit
    ordered = sorted(credits_, key=lambda credit: (credit.ends_at(budget) or float("inf"), credit.id))
    left = {credit.id: credit.amount for credit in ordered}
    carried = 0
    if limit is not None and period.key not in _NO_PERIOD and looks_back(budget, ordered):
        for earlier in _before(budget, period, ordered, used):
            spent = used.get(earlier.key, 0)
            over = max(0, spent - limit - carried)
            for credit in ordered:
                if over and _holds_in(credit, budget, earlier):
                    taken = min(over, left[credit.id])
                    left[credit.id] -= taken
                    over -= taken
            carried = _carried(budget, max(0, limit + carried - spent))
    return Allowance(carried, tuple((credit.created_at, credit.ends_at(budget), left[credit.id]) for credit in ordered))


def _carried(budget: Budget, remainder: int) -> int:
    if budget.carry_over == "all":
        return remainder
    return 0 if budget.carry_over == "none" else min(remainder, budget.carry_over)


def _before(budget: Budget, period: Period, credits_: Sequence[Credit], used: Mapping[str, int]) -> Sequence[Period]:
    """The earlier periods that matter, in order of time."""
    unseen = set(used)
    unseen.discard(period.key)
    since = min((credit.created_at for credit in credits_), default=float("inf"))
    found: list[Period] = []
    current = period
    while len(found) < MOST_PERIODS and current.starts_at is not None:
        start = current.starts_at
        if not unseen and start.timestamp() <= since:
            break
        current = period_at(budget.period, budget.timezone, datetime.fromtimestamp(start.timestamp() - 1, UTC))
        unseen.discard(current.key)
        found.append(current)
    if budget.carry_over != "none":
        # Nothing is carried over from before the first use: nobody had the budget then.
        while found and found[-1].key not in used:
            found.pop()
    return found[::-1]


def _holds_in(credit: Credit, budget: Budget, period: Period) -> bool:
    """Whether a credit could be used in a period."""
    end = credit.ends_at(budget)
    starts_at, ends_at = period.starts_at, period.ends_at
    has_begun = ends_at is None or credit.created_at < ends_at.timestamp()
    return has_begun and (end is None or starts_at is None or starts_at.timestamp() < end)
