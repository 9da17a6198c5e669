"""Users whose last day is far beyond their own usual one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, Field

from openwebui_usage.api.answers.fields import Count, Dollars, Moment
from openwebui_usage.api.answers.reports import NamedValue
from openwebui_usage.ledger.cubes import QUARTER
from openwebui_usage.ledger.unusual import UnusualQuery, UnusualUser
from openwebui_usage.rules.json_values import iso_utc
from openwebui_usage.rules.money import dollars
from openwebui_usage.rules.outliers import DAYS, Comparison

Unusual = Literal["cost", "tokens"]


class ComparedCost(BaseModel):
    """In US dollars."""

    last_day: Dollars = Field(description="In the last 24 hours.", examples=[41.5])
    usual_day: Dollars = Field(description="The median of the days with calls; 0 where there were none.", examples=[3])
    threshold: Dollars = Field(description="From which on a day is unusual.", examples=[9.5])
    days: Count = Field(description="With calls, that the usual day is made of.", examples=[21])

    @classmethod
    def of(cls, found: Comparison) -> ComparedCost:
        """From nano-dollars."""
        last, usual, threshold = (dollars(value) or 0 for value in (found.last, found.usual, found.threshold))
        return cls(last_day=last, usual_day=usual, threshold=threshold, days=found.days)


class ComparedTokens(BaseModel):
    """IN and OUT together, as documented."""

    last_day: Count = Field(description="In the last 24 hours.", examples=[9_400_000])
    usual_day: Count = Field(description="The median of the days with calls; 0 where there were none.", examples=[80])
    threshold: Count = Field(description="From which on a day is unusual.", examples=[1_000_000])
    days: Count = Field(description="With calls, that the usual day is made of.", examples=[21])

    @classmethod
    def of(cls, found: Comparison) -> ComparedTokens:
        """As they are."""
        return cls(last_day=found.last, usual_day=found.usual, threshold=found.threshold, days=found.days)


class UnusualUse(BaseModel):
    """Somebody whose last day is far beyond their own usual one."""

    user: NamedValue
    calls: Count = Field(description="In the last 24 hours.", examples=[310])
    unusual: list[Unusual] = Field(description="What is beyond its threshold.", examples=[["cost", "tokens"]])
    cost: ComparedCost
    tokens: ComparedTokens

    @classmethod
    def of(cls, found: UnusualUser) -> UnusualUse:
        """In JSON's amounts."""
        compared: dict[Unusual, Comparison] = {"cost": found.cost, "tokens": found.tokens}
        return cls(
            user=NamedValue(id=found.user.id, name=found.user.name),
            calls=found.calls,
            unusual=[name for name, comparison in compared.items() if comparison.is_unusual],
            cost=ComparedCost.of(found.cost),
            tokens=ComparedTokens.of(found.tokens),
        )


class UnusualUsage(BaseModel):
    """Who used far more than usual."""

    from_: Moment = Field(serialization_alias="from", description="Where the last 24 hours begin.")
    to: Moment = Field(description="Where they end.")
    days: Count = Field(description="That were looked at before.", examples=[DAYS])
    users: list[UnusualUse] = Field(description="Those furthest beyond their usual day first.")

    @classmethod
    def of(cls, query: UnusualQuery, found: list[UnusualUser]) -> UnusualUsage:
        """As the ledger's days say."""
        last = query.last_day
        return cls(
            from_=_moment(last.start), to=_moment(last.end), days=DAYS, users=[UnusualUse.of(user) for user in found]
        )


def _moment(quarter: int) -> str:
    return iso_utc(datetime.fromtimestamp(quarter * QUARTER, UTC)) or ""
