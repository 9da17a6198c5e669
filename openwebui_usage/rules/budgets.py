"""Budgets: what counts towards which, when one is used up, and for how long.

No clock and no database: the caller hands in the time and the numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from openwebui_usage.rules.actions import SLOW_UP_TO, BudgetAction, CarryOver
from openwebui_usage.rules.groups import DEFAULT_SOFT_LIMITS, Counting, Group, Sums, matches
from openwebui_usage.rules.overrides import Override, SeveralGroups, override_for
from openwebui_usage.rules.periods import MINUTE, Period, PeriodKind

Unit = Literal["tokens", "usd", "requests"]
ScopeKind = Literal["everyone", "each_user", "user", "group", "each_user_of_group", "role", "each_user_of_role"]


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose calls a budget counts: everyone's together, each user's separately, one user's, those of a user group or of
    all users with a role together, or those of each of them separately.
    """

    kind: ScopeKind = "everyone"
    id: str | None = None
    """Of the user or the user group, or the role's name, for the kinds that name one."""

    @property
    def is_shared(self) -> bool:
        """Whether there is one sum for everyone in the scope."""
        return self.kind in ("everyone", "group", "user", "role")

    @property
    def is_of_group(self) -> bool:
        """Whether it depends on who is a member of a user group."""
        return self.kind in ("group", "each_user_of_group")

    @property
    def is_of_role(self) -> bool:
        """Whether it depends on the caller's role."""
        return self.kind in ("role", "each_user_of_role")

    def binds(self, caller: Subject) -> bool:
        """Whether calls of `caller` count."""
        match self.kind:
            case "everyone":
                return True
            case "each_user":
                return caller.user_id is not None
            case "user":
                return caller.user_id == self.id
            case "role" | "each_user_of_role":
                return caller.user_id is not None and caller.role == self.id
            case _:
                return caller.user_id is not None and self.id in caller.user_groups

    def __str__(self) -> str:
        return self.kind if self.id is None else f"{self.kind}:{self.id}"


@dataclass(frozen=True, slots=True)
class Subject:
    """Who makes a call."""

    user_id: str | None = None
    user_groups: frozenset[str] = frozenset()
    """Ids of the host's user groups that the user belongs to."""
    role: str | None = None
    """The host's: `admin`, `user`, …"""


@dataclass(frozen=True, slots=True)
class Budget:
    """How much a scope may use of some models in one period. `limit` is in tokens, requests or nano-USD.

    The budget of a `Counter` is what holds for the counter's subject, see `for_caller`.
    """

    id: str
    name: str
    limit: int | None
    unit: Unit = "tokens"
    scope: Scope = Scope()
    models: tuple[str, ...] = ("*",)
    """Exact ids or globs."""
    group: str | None = None
    """Name of a usage group, instead of `models`. Only for display: `group_id` decides."""
    period: PeriodKind = "total"
    timezone: str = "UTC"
    action: BudgetAction = "block"
    soft_limits: tuple[int, ...] = DEFAULT_SOFT_LIMITS
    counting: Counting = "documented"
    free_models_exempt: bool = True
    """Models that cost nothing stay usable when a money budget is spent."""
    group_id: str | None = None
    reset_at: float | None = None
    """Calls that began before this moment are not counted. Seconds since the epoch."""
    overrides: tuple[Override, ...] = ()
    """Other limits for some of those who are counted separately, see `rules.overrides`."""
    several_groups: SeveralGroups = "highest"
    override: Override | None = None
    """Where `limit` comes from, if that is one of `overrides`. None in a definition."""
    fallback_model: str | None = None
    """Id of the model that calls are made with at the limit, for the action `fallback`."""
    slow_up_to: int = SLOW_UP_TO
    """The longest wait, in seconds, for the action `slow`."""
    effort_from: int | None = None
    """From which share of the limit on models think less, in percent."""
    strict: bool = False
    """Whether the prompt of a call must fit into what is left. Otherwise the last call may cross the limit."""
    cap_output: bool = False
    """Whether an answer may be no longer than what is left."""
    carry_over: CarryOver = "none"

    def for_caller(self, caller: Subject) -> Budget:
        """The budget with the limit that holds for `caller`."""
        override = override_for(self.overrides, caller, self.several_groups) if self.overrides else None
        return self if override is None else replace(self, limit=override.limit, override=override)

    @property
    def needs_prompt_to_fit(self) -> bool:
        """Whether a call is refused where its prompt alone does not fit any more: else an answer that is capped would
        have a single token.
        """
        return self.strict or self.cap_output

    @property
    def least_limit(self) -> int | None:
        """The lowest limit that anybody has. None if nobody has one."""
        limits = (self.limit, *(override.limit for override in self.overrides))
        return min((limit for limit in limits if limit is not None), default=None)

    @property
    def needs_groups(self) -> bool:
        """Whether what it counts, or its limit, depends on the caller's user groups."""
        return self.scope.is_of_group or any(override.kind == "user_group" for override in self.overrides)

    def covers(self, model_ids: Iterable[str], groups: Iterable[Group]) -> bool:
        """Whether a call to a model counts, by its own id or its base model's. `groups` are all usage groups."""
        ids = list(model_ids)
        if self.group is not None or self.group_id is not None:
            return any(group.id == self.group_id and group.holds(ids) for group in groups)
        return any(matches(pattern, model_id) for pattern in self.models for model_id in ids)

    def used(self, sums: Sums) -> int:
        """`sums` in this budget's unit."""
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
        """The primary key of its sums in the ledger."""
        return self.subject, self.period.key


@dataclass(frozen=True, slots=True)
class ExpectedUsage:
    """An estimate of what a call will use, made before the call."""

    input: int
    output: int
    reasoning: int = 0
    """Subset of `output`."""
    cost_nano: int | None = None
    """None if no price is known."""

    def of(self, budget: Budget) -> int:
        """The estimate in a budget's unit."""
        match budget.unit:
            case "requests":
                return 1
            case "usd":
                return self.cost_nano or 0
            case "tokens":
                return self.input + self.output + (self.reasoning if budget.counting == "documented" else 0)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call was refused: which limit, and how much of it is used and reserved."""

    counter: Counter
    used: int
    reserved: int
    """Reserved by calls that are still under way."""
    must_fit: int = 0
    """What the call's prompt alone would have used, where the budget is strict."""

    @property
    def is_of_prompt(self) -> bool:
        """Whether something is left, but less than the prompt needs, however long one waits within the period; or the
        prompt would never fit.
        """
        limit = self.counter.budget.limit or 0
        return self.used < limit < self.used + self.must_fit or limit < self.must_fit


def decide(limit: int, used: int, reserved: int, must_fit: int = 0) -> bool:
    """Whether one more call is admitted. `reserved` is what calls under way have reserved, `must_fit` what has to be
    left, all in the limit's unit.
    """
    return used + max(1, must_fit) + reserved <= limit


def crossed(budget: Budget, before: int, after: int) -> list[int]:
    """The soft limits and the limit itself, in percent, that a change from `before` to `after` has crossed."""
    limit = budget.limit
    if not limit:
        return []
    return [mark for mark in sorted({*budget.soft_limits, 100}) if before * 100 < mark * limit <= after * 100]


def subject_of(budget: Budget, caller: Subject) -> str:
    """The key of the sum that a call of `caller` adds to: one for a shared budget, else one per user.

    At most 100 characters.
    """
    if budget.scope.is_shared:
        return budget.id
    user = str(caller.user_id)
    if len(user) > 64 or not user.isprintable():  # Open WebUI makes no such id, but any id must be counted.
        user = hashlib.sha256(user.encode(errors="surrogatepass")).hexdigest()
    return f"{budget.id}:{user}"


def retry_after(refusal: Refusal, now: datetime) -> int | None:
    """Seconds until the call may be tried again. None if waiting will not help."""
    limit = refusal.counter.budget.limit or 0
    ends_at = refusal.counter.period.ends_at
    if refusal.used < limit and not refusal.is_of_prompt and refusal.counter.budget.period != MINUTE:
        return 5
    if ends_at is None or refusal.must_fit > limit:
        return None
    return max(1, int((ends_at - now).total_seconds()) + 1)


def budget_of_group(group: Group) -> Budget:
    """The limit of a usage group as a budget, so that both follow the same rules."""
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
