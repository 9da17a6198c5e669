"""What somebody may use beyond a budget's limit: credit, and what was left of earlier periods.

No clock and no database: the caller hands in the time and the sums of earlier periods.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

from openwebui_usage.rules.budgets import Budget, Subject
from openwebui_usage.rules.periods import Period, PeriodKind, period_at, rolling_slots

MOST_PERIODS: Final = 400
"""For how many periods remainders are carried over: more than a year of days."""
MOST_PERIODS_OF_CREDIT: Final = 4000
"""How many are looked back at where there is credit: ten years of days."""
MOST_DAYS_OF_HOURS: Final = 92
"""How long credit of a budget of an hour may hold: every hour of it is looked back at."""
_DAY = 86_400
_NEVER: Final = float("inf")


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


class EarlierLimit(NamedTuple):
    """The limit that held until a moment, in seconds since the epoch. None: there was none."""

    until: float
    limit: int | None


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


def allowance(
    budget: Budget,
    credits_: Sequence[Credit],
    period: Period,
    used: Mapping[str, int],
    used_until: Mapping[str, int] | None = None,
    earlier_limits: Sequence[EarlierLimit] = (),
) -> Allowance:
    """What may be used beyond the limit in `period`. `used` is what earlier periods used, by their keys.

    A period first uses its limit, then what it was left by the one before, then credit, that which ends first before
    the other. What it leaves of the first two is carried over as the budget says, and of credit all that has not
    ended. Each earlier period is reckoned with the limit that it ended with, from the first one on in which anything
    was used; one that ended without a limit passes on what it was left.

    `earlier_limits` are those of before, the oldest first.

    `used_until` is what this period had used when a credit of it ended, by the credit's id: what the credit covered
    of that stays covered.
    """
    limit = budget.limit
    ordered = that_matter(budget, credits_, period)
    left = {credit.id: credit.amount for credit in ordered}
    carried = 0
    if limit is not None:
        for earlier in _first_used(budget, earlier_periods(budget, ordered, period), used):
            then, spent = _limit_of(earlier, earlier_limits, limit), used.get(earlier.key, 0)
            if then is None:
                continue
            over = max(0, spent - then - carried)
            for credit in ordered:
                if over and _holds_in(credit, budget, earlier):
                    taken = min(over, left[credit.id])
                    left[credit.id] -= taken
                    over -= taken
            carried = _carried(budget, max(0, then + carried - spent))
    covered: list[tuple[float, float | None, int]] = []
    for credit in ordered:
        end = credit.ends_at(budget)
        if limit is not None and end is not None and credit.id in (used_until or {}):
            over = (used_until or {})[credit.id] - limit - carried - sum(amount for _, _, amount in covered)
            covered.append((end, None, max(0, min(over, left[credit.id]))))
    given = [(credit.created_at, credit.ends_at(budget), left[credit.id]) for credit in ordered]
    return Allowance(carried, (*given, *covered))


def that_matter(budget: Budget, credits_: Iterable[Credit], period: Period) -> list[Credit]:
    """The credit that holds in `period` or later, and that which held together with it before: each took a share of
    what was used. That which ends first is first.
    """
    ends = {credit.id: credit.ends_at(budget) or _NEVER for credit in credits_}
    ordered = sorted(credits_, key=lambda credit: (ends[credit.id], credit.id))
    since = _NEVER if period.starts_at is None else period.starts_at.timestamp()
    if since == _NEVER:
        return ordered
    first = len(ordered)
    while first and ends[ordered[first - 1].id] > since:
        first -= 1
        start = _start(budget, ordered[first].created_at)
        since = min(since, start)
    return ordered[first:]


def ended_in(budget: Budget, credits_: Iterable[Credit], period: Period, now: float) -> list[Credit]:
    """The credit that ended within `period`, in order, as far as it matters what it covered: others go on."""
    if budget.limit is None or rolling_slots(budget.period) is not None:
        return []
    start = 0.0 if period.starts_at is None else period.starts_at.timestamp()
    ordered = that_matter(budget, credits_, period)
    ends = [credit.ends_at(budget) or _NEVER for credit in ordered]
    if not ends or ends[-1] <= now:
        return []
    return [credit for credit, end in zip(ordered, ends, strict=True) if start < end <= now]


def earlier_periods(budget: Budget, credits_: Collection[Credit], period: Period) -> list[Period]:
    """The periods before `period` that matter, the newest first: back to the oldest credit, and as many as remainders
    are carried over for.
    """
    since = min((credit.created_at for credit in credits_), default=_NEVER)
    if not any(credit.expires_at is not None for credit in credits_):
        since = _NEVER
    carried = 0 if budget.carry_over == "none" else MOST_PERIODS
    found: list[Period] = []
    start = period.starts_at
    if rolling_slots(budget.period) is not None:
        return found
    while start is not None and len(found) < MOST_PERIODS_OF_CREDIT:
        if len(found) >= carried and start.timestamp() <= since:
            break
        before = _ending_at(budget.period, budget.timezone, start)
        found.append(before)
        start = before.starts_at
    return found


def _first_used(budget: Budget, newest_first: list[Period], used: Mapping[str, int]) -> list[Period]:
    """In order of time. Nothing is carried over from before the first use: nobody had the budget then."""
    if budget.carry_over != "none":
        while newest_first and newest_first[-1].key not in used:
            newest_first.pop()
    return newest_first[::-1]


def _limit_of(period: Period, earlier: Sequence[EarlierLimit], today: int | None) -> int | None:
    """The limit with which a period ended."""
    end = _NEVER if period.ends_at is None else period.ends_at.timestamp()
    return next((limit for until, limit in earlier if until >= end), today)


def _carried(budget: Budget, remainder: int) -> int:
    if budget.carry_over == "all":
        return remainder
    return 0 if budget.carry_over == "none" else min(remainder, budget.carry_over)


@lru_cache(maxsize=20_000)
def _ending_at(kind: PeriodKind, timezone: str, end: datetime) -> Period:
    return period_at(kind, timezone, end - timedelta(seconds=1))


def _start(budget: Budget, moment: float) -> float:
    """Of the period that a moment is in."""
    start = period_at(budget.period, budget.timezone, datetime.fromtimestamp(moment, UTC)).starts_at
    return 0.0 if start is None else start.timestamp()


def _holds_in(credit: Credit, budget: Budget, period: Period) -> bool:
    """Whether a credit could be used in a period."""
    end = credit.ends_at(budget)
    starts_at, ends_at = period.starts_at, period.ends_at
    has_begun = ends_at is None or credit.created_at < ends_at.timestamp()
    return has_begun and (end is None or starts_at is None or starts_at.timestamp() < end)
