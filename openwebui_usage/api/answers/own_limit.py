"""The limit that somebody set for themselves."""

from __future__ import annotations

from pydantic import BaseModel, Field

from openwebui_usage.api.answers.budgets import UsageBudgetStatus
from openwebui_usage.api.answers.fields import Amount, Moment
from openwebui_usage.ledger.own_limits import OwnLimitStatus, OwnPeriod
from openwebui_usage.rules.budgets import Unit
from openwebui_usage.rules.json_values import iso_utc, to_json_amount


class OwnLimit(BaseModel):
    """A limit of one's own: nobody else sees it, and it refuses nothing."""

    name: str = Field(examples=["Own limit"])
    limit: Amount = Field(description="In `unit`.", examples=[10])
    unit: Unit = Field(examples=["usd"])
    period: OwnPeriod = Field(examples=["month"])
    timezone: str = Field(description="Where days begin.", examples=["Europe/Berlin"])
    used: Amount = Field(description="In `unit`, of all models, in the current period.", examples=[3.2])
    remaining: Amount = Field(description="In `unit`.", examples=[6.8])
    reached: bool = Field(examples=[False])
    resets_at: Moment

    @classmethod
    def of(cls, status: OwnLimitStatus | None) -> OwnLimit | None:
        """None stays None."""
        if status is None:
            return None
        limit, unit = status.limit, status.limit.unit
        return cls(
            name=limit.name,
            limit=to_json_amount(limit.limit, unit),
            unit=unit,
            period=limit.period,
            timezone=limit.timezone,
            used=to_json_amount(status.used, unit),
            remaining=to_json_amount(max(0, limit.limit - status.used), unit),
            reached=status.used >= limit.limit,
            resets_at=iso_utc(status.resets_at) or "",
        )


class OwnLimitAnswer(BaseModel):
    """Somebody's own limit."""

    limit: OwnLimit | None = Field(description="Null where there is none.")


def own_budgets(status: OwnLimitStatus | None) -> list[UsageBudgetStatus]:
    """The same as the counter shows it: among the budgets that bind whoever set it, though it only warns."""
    own = OwnLimit.of(status)
    if own is None:
        return []
    return [
        UsageBudgetStatus(
            name=own.name,
            scope="own",
            unit=own.unit,
            limit=own.limit,
            used=own.used,
            remaining=own.remaining,
            period=own.period,
            limit_from="budget",
            resets_at=own.resets_at,
            models=["*"],
            group=None,
            action="warn",
            fallback_model=None,
            wait_seconds=0,
            low_effort=False,
        )
    ]
