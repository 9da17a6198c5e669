"""Budgets, as admins define them and as they stand for those whom they bind."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from openwebui_usage.api.answers.fields import Amount, Done, Moment, ResetsAt, SoftLimits, to_amount
from openwebui_usage.api.answers.overrides import LimitFrom, UsageOverride, limit_from, to_override
from openwebui_usage.rules.actions import BudgetAction, lowers_effort, seconds_to_wait
from openwebui_usage.rules.budgets import Budget, Counter, ScopeKind, Unit
from openwebui_usage.rules.groups import Counting, Sums
from openwebui_usage.rules.json_values import iso_utc, to_json_amount
from openwebui_usage.rules.overrides import SeveralGroups
from openwebui_usage.rules.periods import PeriodKind


class BudgetScope(BaseModel):
    """Whom a budget binds."""

    kind: ScopeKind = Field(examples=["each_user"])
    id: str | None = Field(
        description="The id of the user or user group, or the role, for the kinds that name one.", examples=[None]
    )


class UsageBudget(BaseModel):
    """A budget, as admins see it."""

    name: str = Field(examples=["Fair share"])
    scope: BudgetScope
    models: list[str] = Field(description="Ids or globs.", examples=[["*"]])
    group: str | None = Field(description="The usage group that it counts in place of `models`.", examples=[None])
    unit: Unit = Field(examples=["requests"])
    limit: Amount | None = Field(description="In `unit`; null where it only counts.", examples=[200])
    period: PeriodKind = Field(examples=["day"])
    timezone: str = Field(description="Where days begin.", examples=["UTC"])
    action: BudgetAction = Field(examples=["block"])
    fallback_model: str | None = Field(
        description="With which model calls are made at the limit, for the action `fallback`.", examples=[None]
    )
    slow_up_to: int = Field(ge=1, description="The longest wait for the action `slow`, in seconds.", examples=[30])
    effort_from: Annotated[int, Field(ge=1, le=100)] | None = Field(
        description="From which percent of the limit on models reason with low effort; null: never.", examples=[None]
    )
    strict: bool = Field(
        description="Whether a call is refused where its prompt alone does not fit into what is left.",
        examples=[False],
    )
    cap_output: bool = Field(description="Whether an answer may be no longer than what is left.", examples=[False])
    carry_over: Literal["none", "all"] | Amount = Field(
        description="What of an unused remainder the next period begins with, at most; an amount is in `unit`.",
        examples=["none"],
    )
    soft_limits: SoftLimits
    counting: Counting = Field(examples=["documented"])
    free_models_exempt: bool = Field(
        description="Whether models that cost nothing stay usable when a budget of money is spent.", examples=[True]
    )
    overrides: list[UsageOverride] = Field(
        description="Exceptions: other limits for some of those it counts.",
        examples=[[{"user_group": "8f1c2b9a-6f1e-4c39-9f5e-3d1f2a7b6c5d", "limit": 30}]],
    )
    reset_at: Moment | None = Field(
        description="When its counters were last set to zero; calls that began before count no more.", examples=[None]
    )
    several_groups: SeveralGroups = Field(
        description="Which exception holds for a member of several user groups that have one.", examples=["highest"]
    )

    @classmethod
    def of(cls, budget: Budget) -> UsageBudget:
        """From the definition."""
        return cls(
            name=budget.name,
            scope=BudgetScope(kind=budget.scope.kind, id=budget.scope.id),
            models=list(budget.models),
            group=budget.group,
            unit=budget.unit,
            limit=to_amount(budget.limit, budget.unit),
            period=budget.period,
            timezone=budget.timezone,
            action=budget.action,
            fallback_model=budget.fallback_model,
            slow_up_to=budget.slow_up_to,
            effort_from=budget.effort_from,
            strict=budget.strict,
            cap_output=budget.cap_output,
            carry_over=budget.carry_over
            if isinstance(budget.carry_over, str)
            else to_json_amount(budget.carry_over, budget.unit),
            soft_limits=list(budget.soft_limits),
            counting=budget.counting,
            free_models_exempt=budget.free_models_exempt,
            overrides=[to_override(override, budget.unit) for override in budget.overrides],
            reset_at=None if budget.reset_at is None else iso_utc(datetime.fromtimestamp(int(budget.reset_at), UTC)),
            several_groups=budget.several_groups,
        )


class UsageBudgets(BaseModel):
    """All budgets."""

    budgets: list[UsageBudget]


class BudgetChanged(Done):
    """A budget as it is now."""

    budget: UsageBudget


class UsageBudgetStatus(BaseModel):
    """A budget that binds whoever asks: what is used and left, and when it begins anew."""

    name: str = Field(examples=["Fair share"])
    scope: ScopeKind | Literal["own"] = Field(
        description="`own`: a limit that whoever asks has set for themselves.", examples=["each_user"]
    )
    unit: Unit = Field(examples=["requests"])
    limit: Amount | None = Field(description="In `unit`; null where it only counts.", examples=[200])
    used: Amount = Field(description="What is used in the current period, in `unit`.", examples=[3])
    remaining: Amount | None = Field(
        description="What is left, in `unit`; null where there is no limit.", examples=[197]
    )
    period: PeriodKind = Field(examples=["day"])
    resets_at: ResetsAt
    models: list[str] | None = Field(
        description="Ids or globs of what it counts; null where it counts a `group`.", examples=[["*"]]
    )
    group: str | None = Field(description="The usage group that it counts.", examples=[None])
    action: BudgetAction = Field(examples=["block"])
    fallback_model: str | None = Field(
        description="With which model calls are made at the limit, where whoever asks may use it.", examples=[None]
    )
    wait_seconds: float = Field(ge=0, description="How long each call waits at the moment.", examples=[0])
    low_effort: bool = Field(description="Whether models reason with low effort at the moment.", examples=[False])
    limit_from: LimitFrom = Field(
        description="Whether `limit` is the budget's own, or an exception for the user, a user group or a role.",
        examples=["budget"],
    )

    @classmethod
    def of(
        cls, counter: Counter, sums: Sums, models: list[str], fallback_model: str | None = None
    ) -> UsageBudgetStatus:
        """`sums` are what the counter has counted, `models` and `fallback_model` what of the budget may be told."""
        budget = counter.budget
        used = budget.used(sums)
        remaining = None if budget.limit is None else max(0, budget.limit - used)
        return cls(
            name=budget.name,
            scope=budget.scope.kind,
            unit=budget.unit,
            limit=to_amount(budget.limit, budget.unit),
            used=to_json_amount(used, budget.unit),
            remaining=to_amount(remaining, budget.unit),
            period=budget.period,
            resets_at=iso_utc(counter.period.ends_at),
            models=models if budget.group is None else None,
            group=budget.group,
            action=budget.action,
            fallback_model=fallback_model,
            wait_seconds=round(seconds_to_wait(budget, used), 1),
            low_effort=lowers_effort(budget, used),
            limit_from=limit_from(budget),
        )
