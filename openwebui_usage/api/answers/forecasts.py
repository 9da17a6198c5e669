"""When limits will be reached."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, Field

from openwebui_usage.api.answers.fields import Amount, Dollars, Moment, ResetsAt
from openwebui_usage.api.answers.reports import NamedValue, named_value
from openwebui_usage.ledger.forecasts import LimitForecast, UnlimitedUse
from openwebui_usage.rules.budgets import Unit
from openwebui_usage.rules.forecast import NoForecast, Projection
from openwebui_usage.rules.json_values import iso_utc, to_json_amount
from openwebui_usage.rules.money import NANO
from openwebui_usage.rules.periods import PeriodKind


class ProjectedUse(BaseModel):
    """What will be used by `at`, in eight of ten cases from `low` to `high`."""

    at: Moment = Field(description="When the period ends; where it never does, when the month does.")
    low: Amount = Field(examples=[880_000])
    expected: Amount = Field(examples=[912_000])
    high: Amount = Field(examples=[944_000])

    @classmethod
    def of(cls, projection: Projection | None, unit: Unit) -> ProjectedUse | None:
        """None stays None."""
        if projection is None:
            return None
        low, expected, high = (
            to_json_amount(value, unit) for value in (projection.low, projection.expected, projection.high)
        )
        return cls(at=iso_utc(projection.at) or "", low=low, expected=expected, high=high)


class UsageForecast(BaseModel):
    """When one limit will be reached. Amounts are in its unit."""

    name: str = Field(description="The name of the group or budget.", examples=["GPT"])
    kind: Literal["group", "budget"] = Field(examples=["group"])
    user: NamedValue | None = Field(
        description="Whose limit it is; null where several share it. Of a budget that counts users separately, those "
        "who used the most have an entry each."
    )
    unit: Unit = Field(examples=["tokens"])
    used: Amount = Field(description="What is used in the current period.", examples=[540_000])
    limit: Amount = Field(examples=[1_000_000])
    period: PeriodKind = Field(examples=["month"])
    resets_at: ResetsAt
    pace: Dollars | None = Field(description="Per day; null where not one whole day is known.", examples=[31_000.5])
    projection: ProjectedUse | None = Field(description="Null without a pace.")
    reached_at: Moment | None = Field(
        description="When the limit is reached at this pace, now where it is reached; null where it is not, in this "
        "period or in ten years of one that never ends.",
        examples=["2026-11-29T17:20:00Z"],
    )
    reason: NoForecast | None = Field(description="Why there is no pace.", examples=[None])

    @classmethod
    def of(cls, found: LimitForecast) -> UsageForecast:
        """From a forecast of the ledger."""
        counter, expected = found.counter, found.forecast
        budget = counter.budget
        unit, reached_at = budget.unit, expected.reached_at
        pace = expected.pace
        if pace is not None:
            pace = round(pace / NANO, 9) if unit == "usd" else round(pace, 2)
        return cls(
            name=budget.name,
            kind=found.kind,
            user=named_value(found.user),
            unit=unit,
            used=to_json_amount(found.used, unit),
            limit=to_json_amount(budget.limit or 0, unit),
            period=budget.period,
            resets_at=iso_utc(counter.period.ends_at),
            pace=pace,
            projection=ProjectedUse.of(expected.projection, unit),
            reached_at=iso_utc(None if reached_at is None else reached_at.replace(microsecond=0)),
            reason=expected.reason,
        )


class UnlimitedBudgetUse(BaseModel):
    """What is used of a budget that has no limit."""

    name: str = Field(description="The name of the budget.", examples=["Interns"])
    user: NamedValue | None = Field(
        description="Whose sum it is; null where several share it. Of a budget that counts users separately, whoever "
        "used the most."
    )
    unit: Unit = Field(examples=["usd"])
    used: Amount = Field(description="What is used in the current period.", examples=[12.5])
    resets_at: ResetsAt

    @classmethod
    def of(cls, found: UnlimitedUse) -> UnlimitedBudgetUse:
        """As the ledger has it."""
        counter = found.counter
        return cls(
            name=counter.budget.name,
            user=named_value(found.user),
            unit=counter.budget.unit,
            used=to_json_amount(found.used, counter.budget.unit),
            resets_at=iso_utc(counter.period.ends_at),
        )


class UsageForecasts(BaseModel):
    """When limits will be reached."""

    forecasts: list[UsageForecast] = Field(description="In the order in which the limits will be reached.")
    unlimited: list[UnlimitedBudgetUse] = Field(
        default_factory=list, description="What is used of budgets without a limit; none of your own."
    )

    @classmethod
    def of(cls, found: list[LimitForecast], unlimited: Sequence[UnlimitedUse] = ()) -> UsageForecasts:
        """In their order."""
        return cls(
            forecasts=[UsageForecast.of(each) for each in found],
            unlimited=[UnlimitedBudgetUse.of(each) for each in unlimited],
        )
