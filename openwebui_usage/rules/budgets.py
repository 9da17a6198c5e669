"""Budgets: what counts towards which, when one is used up, and for how long.

No clock and no database: the caller hands in the time and the numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from openwebui_usage.rules.groups import DEFAULT_SOFT_LIMITS, Action, Counting, Group, Sums, matches
from openwebui_usage.rules.periods import Period, PeriodKind

Unit = Literal["tokens", "usd", "requests"]
ScopeKind = Literal["everyone", "each_user", "user", "group", "each_user_of_group"]


@dataclass(frozen=True, slots=True)
class Scope:
    """Who a budget binds: everyone together, each user alone, one user, a user group together, or each of it."""

    kind: ScopeKind = "everyone"
    id: str | None = None
    """The user's or the user group's, where the kind needs one."""

    @property
    def is_shared(self) -> bool:
        """Whether all whom it binds draw on one sum."""
        return self.kind in ("everyone", "group", "user")

    def binds(self, caller: Subject) -> bool:
        """Whether a call of `caller` counts."""
        match self.kind:
            case "everyone":
                return True
            case "each_user":
                return caller.user_id is not None
            case "user":
                return caller.user_id == self.id
            case _:
                return caller.user_id is not None and self.id in caller.user_groups

    def __str__(self) -> str:
        return self.kind if self.id is None else f"{self.kind}:{self.id}"


@dataclass(frozen=True, slots=True)
class Subject:
    """Who calls."""

    user_id: str | None = None
    user_groups: frozenset[str] = frozenset()
    """Ids of the host's user groups that the user is a member of."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How much a scope may use of some models in one period. `limit` is in tokens, requests or nano-USD."""

    id: str
    name: str
    limit: int | None
    unit: Unit = "tokens"
    scope: Scope = Scope()
    models: tuple[str, ...] = ("*",)
    """Exact ids or globs."""
    group: str | None = None
    """A usage group's name, instead of `models`. What counts is its id."""
    period: PeriodKind = "total"
    timezone: str = "UTC"
    action: Action = "block"
    soft_limits: tuple[int, ...] = DEFAULT_SOFT_LIMITS
    counting: Counting = "documented"
    free_models_exempt: bool = True
    """Models that cost nothing stay usable when a money budget is spent."""
    group_id: str | None = None
    reset_at: float | None = None
    """Calls that began before are not counted; seconds since the epoch."""

    def covers(self, model_ids: Iterable[str], groups: Iterable[Group]) -> bool:
        """Whether a call of these models counts; `groups` are all usage groups."""
        ids = list(model_ids)
        if self.group is not None or self.group_id is not None:
            return any(group.id == self.group_id and group.holds(ids) for group in groups)
        return any(matches(pattern, model_id) for pattern in self.models for model_id in ids)

    def used(self, sums: Sums) -> int:
        """What `sums` come to in this budget's unit."""
        match self.unit:
            case "tokens":
                return sums.total(self.counting)
            case "usd":
                return sums.cost_nano
            case "requests":
                return sums.calls


@dataclass(frozen=True, slots=True)
class Counter:
    """One sum that is compared with a limit: a budget, for one subject, in one period."""

    budget: Budget
    subject: str
    period: Period

    @property
    def key(self) -> tuple[str, str]:
        """How the ledger addresses it."""
        return self.subject, self.period.key


@dataclass(frozen=True, slots=True)
class ExpectedUsage:
    """What a call will use, as far as one can tell before it is made."""

    input: int
    output: int
    reasoning: int = 0
    """Subset of `output`."""
    cost_nano: int | None = None
    """None: no price is known."""

    def of(self, budget: Budget) -> int:
        """The same in a budget's unit."""
        match budget.unit:
            case "requests":
                return 1
            case "usd":
                return self.cost_nano or 0
            case "tokens":
                return self.input + self.output + (self.reasoning if budget.counting == "documented" else 0)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call may not be made."""

    counter: Counter
    used: int
    held: int
    """What calls still under way have reserved."""


def decide(limit: int, used: int, held: int) -> bool:
    """Whether one more call is admitted: while what was used and what is reserved stay below the limit."""
    return used + held < limit


def crossed(budget: Budget, before: int, after: int) -> list[int]:
    """Which marks, in percent of the limit, lie between `before` and `after`; the limit itself is 100."""
    limit = budget.limit
    if not limit:
        return []
    return [mark for mark in sorted({*budget.soft_limits, 100}) if before * 100 < mark * limit <= after * 100]


def subject_of(budget: Budget, caller: Subject) -> str:
    """Whose sum: the budget's own where it is shared, else one for each user. At most 100 characters."""
    if budget.scope.is_shared:
        return budget.id
    user = str(caller.user_id)
    if len(user) > 64 or not user.isprintable():  # No id of Open WebUI's; but none may keep a call uncounted.
        user = hashlib.sha256(user.encode(errors="surrogatepass")).hexdigest()
    return f"{budget.id}:{user}"


def retry_after(refusal: Refusal, now: datetime) -> int | None:
    """Seconds until the call may be tried again; None where no time will help."""
    if refusal.used < (refusal.counter.budget.limit or 0):
        return 5
    ends_at = refusal.counter.period.ends_at
    return None if ends_at is None else max(1, int((ends_at - now).total_seconds()) + 1)


def budget_of_group(group: Group) -> Budget:
    """A usage group's own limit, as the budget that it is."""
    return Budget(
        id=group.id,
        name=group.name,
        limit=group.limit,
        models=group.models,
        period=group.period,
        timezone=group.timezone,
        action=group.action,
        soft_limits=group.soft_limits,
        counting=group.counting,
        reset_at=group.reset_at,
    )
