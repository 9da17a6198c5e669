"""Bodies and answers of the endpoints."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from openwebui_usage.api.fields import MAX_DOLLARS, Amount, Id, Limit, Models, Name, Pattern, Rate, SoftLimits, Timezone
from openwebui_usage.rules.budgets import Budget, Counter, Scope, ScopeKind, Unit
from openwebui_usage.rules.groups import DEFAULT_SOFT_LIMITS, Action, Counting, GroupUsage, Sums
from openwebui_usage.rules.json_values import iso_utc, to_json_amount
from openwebui_usage.rules.money import dollars, nano_dollars
from openwebui_usage.rules.periods import Period, PeriodKind, period_at
from openwebui_usage.rules.pricing import Price


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewGroup(_Body):
    """The body of POST /api/usage/groups."""

    name: Name
    models: Models
    limit: Limit = None
    period: PeriodKind = "total"
    timezone: Timezone = "UTC"
    action: Action = "block"
    soft_limits: SoftLimits = list(DEFAULT_SOFT_LIMITS)
    counting: Counting | None = None


class GroupChanges(_Body):
    """The body of PUT /api/usage/groups/{name}: a field left out stays, `"limit": null` removes the limit."""

    models: Models = []
    limit: Limit = None
    period: PeriodKind = "total"
    timezone: Timezone = "UTC"
    action: Action = "block"
    soft_limits: SoftLimits = []
    counting: Counting = "documented"


class ScopeBody(_Body):
    """Who a budget binds. `id` is a user's or a user group's, where the kind needs one."""

    kind: ScopeKind
    id: Id | None = None

    @model_validator(mode="after")
    def _has_id(self) -> ScopeBody:
        if (self.id is None) != (self.kind in ("everyone", "each_user")):
            need = "needs the id of a user or of a user group" if self.id is None else "takes no id"
            raise PydanticCustomError("scope", 'kind "{kind}" {need}', {"kind": self.kind, "need": need})
        return self


class BudgetChanges(_Body):
    """The body of PUT /api/usage/budgets/{name}: a field left out stays."""

    limit: Amount = None
    unit: Unit = "tokens"
    scope: ScopeBody = ScopeBody(kind="everyone")
    models: Models = ["*"]
    group: Name | None = None
    period: PeriodKind = "total"
    timezone: Timezone = "UTC"
    action: Action = "block"
    soft_limits: SoftLimits = list(DEFAULT_SOFT_LIMITS)
    counting: Counting = "documented"
    free_models_exempt: bool = True

    def changes(self, before: Budget) -> dict[str, Any]:
        """The fields that were given, as `Budget` has them. Raises ValueError for those that do not go together."""
        given: dict[str, Any] = {name: getattr(self, name) for name in self.model_fields_set if name != "name"}
        if "scope" in given:
            given["scope"] = Scope(self.scope.kind, self.scope.id)
        if given.get("group") is not None and "models" in given:
            raise ValueError("group: give either a usage group or models, not both")
        if "models" in given:
            given["group"] = None
        for name in ("models", "soft_limits"):
            if name in given:
                given[name] = tuple(given[name])
        unit: Unit = given.get("unit", before.unit)
        if "limit" in given:
            given["limit"] = _in_unit(self.limit, unit)
        elif unit != before.unit:
            raise ValueError("limit: must be given together with another unit")
        return given


class NewBudget(BudgetChanges):
    """The body of POST /api/usage/budgets."""

    name: Name
    limit: Amount


class NewPrice(_Body):
    """The body of PUT /api/usage/prices: US dollars per million tokens, and per request."""

    model: Pattern
    input: Rate
    output: Rate
    cached_input: Rate = None
    cache_write: Rate = None
    request: Rate = Decimal(0)

    @model_validator(mode="after")
    def _is_complete(self) -> NewPrice:
        for name in ("input", "output", "request"):
            if getattr(self, name) is None:
                raise PydanticCustomError("price", "{name} must be a number, not null", {"name": name})
        return self

    def price(self) -> Price:
        """As the price book has it."""
        return Price(self.model, self.input, self.output, self.cached_input, self.cache_write, self.request)


def _in_unit(limit: Decimal | None, unit: Unit) -> int | None:
    if limit is None:
        return None
    if unit == "usd":
        if limit > MAX_DOLLARS:
            raise ValueError(f"limit: must be at most {MAX_DOLLARS} US dollars (got {limit})")
        return nano_dollars(limit)
    if limit != limit.to_integral_value():
        raise ValueError(f"limit: must be a whole number of {unit} (got {limit})")
    return int(limit)


def group_json(entry: GroupUsage, period: Period | None = None) -> dict[str, Any]:
    """A group as every answer and the socket event show it.

    `usage.in`, `.out` and `.total` are as documented, of the current period; `all_time` is the same without end.
    `period` is the current one, where it is known already.
    """
    group, sums = entry.group, entry.sums
    total = sums.total(group.counting)
    period = period or period_at(group.period, group.timezone, datetime.now(UTC))
    return {
        "models": list(group.models),
        "limit": group.limit,
        "usage": {
            **_counts(sums, group.counting),
            "cached": sums.cached_input,
            "completion": sums.completion,
            "reasoning": sums.reasoning,
            "billed": sums.input + sums.output,
            "calls": sums.calls,
            "estimated_calls": sums.estimated_calls,
            # What is unpriced is not the same as 0.
            "cost": None if sums.unpriced_calls and not sums.cost_nano else dollars(sums.cost_nano),
            "unpriced_calls": sums.unpriced_calls,
        },
        "all_time": _counts(entry.ever, group.counting),
        "counting": group.counting,
        "period": group.period,
        "timezone": group.timezone,
        "action": group.action,
        "soft_limits": list(group.soft_limits),
        "resets_at": iso_utc(period.ends_at),
        "remaining": None if group.limit is None else max(0, group.limit - total),
    }


def budget_json(budget: Budget) -> dict[str, Any]:
    """A budget as admins see it."""
    return {
        "name": budget.name,
        "scope": {"kind": budget.scope.kind, "id": budget.scope.id},
        "models": list(budget.models),
        "group": budget.group,
        "unit": budget.unit,
        "limit": _shown(budget.limit, budget.unit),
        "period": budget.period,
        "timezone": budget.timezone,
        "action": budget.action,
        "soft_limits": list(budget.soft_limits),
        "counting": budget.counting,
        "free_models_exempt": budget.free_models_exempt,
    }


def budget_status_json(counter: Counter, sums: Sums, models: list[str]) -> dict[str, Any]:
    """How a budget stands for whoever asks: what is used and left, and when it begins anew.

    `models` are those of the budget that may be told.
    """
    budget = counter.budget
    used = budget.used(sums)
    remaining = None if budget.limit is None else max(0, budget.limit - used)
    return {
        "name": budget.name,
        "scope": budget.scope.kind,
        "unit": budget.unit,
        "limit": _shown(budget.limit, budget.unit),
        "used": _shown(used, budget.unit),
        "remaining": _shown(remaining, budget.unit),
        "period": budget.period,
        "resets_at": iso_utc(counter.period.ends_at),
        "models": models if budget.group is None else None,
        "group": budget.group,
        "action": budget.action,
    }


def price_json(price: Price) -> dict[str, Any]:
    """A price as admins see it."""
    return {
        "model": price.pattern,
        "input": float(price.input),
        "output": float(price.output),
        "cached_input": None if price.cached_input is None else float(price.cached_input),
        "cache_write": None if price.cache_write is None else float(price.cache_write),
        "request": float(price.request),
    }


def _counts(sums: Sums, counting: Counting) -> dict[str, int]:
    return {"in": sums.input, "out": sums.out(counting), "total": sums.total(counting)}


def _shown(value: int | None, unit: Unit) -> int | float | None:
    return None if value is None else to_json_amount(value, unit)
