"""Usage groups."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Self

from pydantic import BaseModel, Field

from openwebui_usage.api.answers.fields import Count, Dollars, Done, ResetsAt, SoftLimits
from openwebui_usage.rules.groups import Action, Counting, GroupUsage, Sums
from openwebui_usage.rules.json_values import iso_utc
from openwebui_usage.rules.money import dollars
from openwebui_usage.rules.periods import CalendarPeriod, Period, period_at


class TokenCounts(BaseModel):
    """Tokens, as a group counts them."""

    in_: Count = Field(serialization_alias="in", description="Prompt tokens.", examples=[1234])
    out: Count = Field(description="Tokens of answers and reasoning, by the group's `counting`.", examples=[5678])
    total: Count = Field(description="`in` and `out` together.", examples=[6912])

    @classmethod
    def of(cls, sums: Sums, counting: Counting) -> Self:
        """As documented: `in`, `out` and `total`."""
        return cls(in_=sums.input, out=sums.out(counting), total=sums.total(counting))


class PeriodUsage(TokenCounts):
    """What the models of a group used in its current period."""

    cached: Count = Field(description="Prompt tokens that came from a cache.", examples=[1024])
    completion: Count = Field(description="Completion tokens, as the providers reported them.", examples=[3000])
    reasoning: Count = Field(description="Reasoning tokens, as the providers reported them.", examples=[2678])
    billed: Count = Field(description="All tokens that were billed, each once.", examples=[4234])
    calls: Count = Field(examples=[3])
    estimated_calls: Count = Field(description="Calls whose provider never told what they used.", examples=[0])
    cost: Dollars | None = Field(
        description="In US dollars; null where no call has a known price, which is not the same as 0.",
        examples=[0.0331],
    )
    unpriced_calls: Count = Field(description="Calls whose price nobody knows: they are not in `cost`.", examples=[0])

    @classmethod
    def of(cls, sums: Sums, counting: Counting) -> Self:
        """All that is kept."""
        return cls(
            in_=sums.input,
            out=sums.out(counting),
            total=sums.total(counting),
            cached=sums.cached_input,
            completion=sums.completion,
            reasoning=sums.reasoning,
            billed=sums.input + sums.output,
            calls=sums.calls,
            estimated_calls=sums.estimated_calls,
            cost=None if sums.unpriced_calls and not sums.cost_nano else dollars(sums.cost_nano),
            unpriced_calls=sums.unpriced_calls,
        )


class UsageGroup(BaseModel):
    """A usage group, and what its models used. The socket event tells the same."""

    models: list[str] = Field(
        description="Ids or globs; to users who are no admins, ids of models that they can use.",
        examples=[["gpt-4o*"]],
    )
    limit: Count | None = Field(description="Tokens in a period; null for no limit.", examples=[1_000_000])
    usage: PeriodUsage
    all_time: TokenCounts = Field(description="The same counts for all periods together.")
    counting: Counting = Field(examples=["documented"])
    period: CalendarPeriod = Field(examples=["month"])
    timezone: str = Field(description="Where days begin.", examples=["Europe/Berlin"])
    action: Action = Field(examples=["block"])
    soft_limits: SoftLimits
    resets_at: ResetsAt
    remaining: Count | None = Field(
        description="What is left of `limit`; null where there is none.", examples=[993_088]
    )

    @classmethod
    def of(cls, entry: GroupUsage, period: Period | None = None, models: Sequence[str] | None = None) -> UsageGroup:
        """`period` is the current one, where it is known already; `models` are those that may be told, where that is
        not all of them.
        """
        group, sums = entry.group, entry.sums
        period = period or period_at(group.period, group.timezone, datetime.now(UTC))
        return UsageGroup(
            models=list(group.models if models is None else models),
            limit=group.limit,
            usage=PeriodUsage.of(sums, group.counting),
            all_time=TokenCounts.of(entry.ever, group.counting),
            counting=group.counting,
            period=group.period,
            timezone=group.timezone,
            action=group.action,
            soft_limits=list(group.soft_limits),
            resets_at=iso_utc(period.ends_at),
            remaining=None if group.limit is None else max(0, group.limit - sums.total(group.counting)),
        )


class NamedUsageGroup(UsageGroup):
    """A usage group with its name."""

    name: str = Field(examples=["GPT"])


class UsageGroups(BaseModel):
    """Usage groups by name."""

    groups: dict[str, UsageGroup]


class GroupChanged(Done):
    """A usage group as it is now."""

    group: NamedUsageGroup

    @classmethod
    def of(cls, entry: GroupUsage) -> GroupChanged:
        """All of its models are told."""
        return cls(status=True, group=NamedUsageGroup(name=entry.group.name, **dict(UsageGroup.of(entry))))
