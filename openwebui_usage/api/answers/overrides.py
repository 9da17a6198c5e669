"""Exceptions from a budget's limit, as answers have them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from openwebui_usage.api.answers.fields import Amount, to_amount
from openwebui_usage.rules.budgets import Budget, Unit
from openwebui_usage.rules.overrides import Override, OverrideKind

LimitFrom = Literal["budget", "user", "user_group", "role"]
"""Whether a limit is the budget's own, or an exception for the user, a user group or a role."""


class _Limited(BaseModel):
    limit: Amount | None = Field(description="In the budget's `unit`; null for no limit.", examples=[50])


class UserOverride(_Limited):
    """Another limit for one user."""

    user: str = Field(description="The user's id.", examples=["8f1c2b9a-6f1e-4c39-9f5e-3d1f2a7b6c5d"])


class UserGroupOverride(_Limited):
    """Another limit for each member of a user group."""

    user_group: str = Field(description="The user group's id.", examples=["8f1c2b9a-6f1e-4c39-9f5e-3d1f2a7b6c5d"])


class RoleOverride(_Limited):
    """Another limit for each user with a role."""

    role: str = Field(examples=["admin"])


UsageOverride = UserOverride | UserGroupOverride | RoleOverride
_MODELS: dict[OverrideKind, type[UsageOverride]] = {
    "user": UserOverride,
    "user_group": UserGroupOverride,
    "role": RoleOverride,
}


def to_override(override: Override, unit: Unit) -> UsageOverride:
    """From the definition."""
    return _MODELS[override.kind].model_validate({override.kind: override.id, "limit": to_amount(override.limit, unit)})


def limit_from(budget: Budget) -> LimitFrom:
    """Where the limit of a counter's budget comes from."""
    return "budget" if budget.override is None else budget.override.kind
