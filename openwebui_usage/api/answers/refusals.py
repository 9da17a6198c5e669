"""Who was refused, and who would have been."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import BaseModel, Field

from openwebui_usage.api.answers.fields import Amount, Count, Moment
from openwebui_usage.api.answers.reports import NamedValue, named_value
from openwebui_usage.ledger.preview import BudgetPreview
from openwebui_usage.ledger.refusal_report import RefusalSum
from openwebui_usage.ledger.refusals import LimitKind
from openwebui_usage.ledger.report_query import Named
from openwebui_usage.rules.buckets import TimeRange
from openwebui_usage.rules.budgets import Budget, Unit
from openwebui_usage.rules.json_values import iso_utc, to_json_amount


class Limit(BaseModel):
    """What refused a call."""

    kind: LimitKind = Field(examples=["group"])
    id: str = Field(examples=["0f8d3c2b1a094e5f8d7c6b5a49382716"])
    name: str = Field(description="The one of today; of a limit that is gone the last one.", examples=["GPT"])
    is_gone: bool = Field(description="Whether it was deleted since.", examples=[False])


class Refusals(BaseModel):
    """The calls of one user for one model that one limit refused."""

    user: NamedValue | None = Field(description="Null where nobody was signed in.")
    model: str = Field(examples=["gpt-4o"])
    limit: Limit
    unit: Unit = Field(examples=["tokens"])
    calls: Count = Field(examples=[3])
    amount: Amount = Field(description="What they would probably have used, in `unit`.", examples=[4200])
    first_at: Moment
    last_at: Moment

    @classmethod
    def of(cls, found: RefusalSum) -> Refusals:
        """In JSON's amounts and moments."""
        return cls(
            user=named_value(found.user),
            model=found.model,
            limit=Limit(kind=found.limit_kind, id=found.limit_id, name=found.limit_name, is_gone=found.limit_is_gone),
            unit=found.unit,
            calls=found.calls,
            amount=to_json_amount(found.amount, found.unit),
            first_at=_moment(found.first_at),
            last_at=_moment(found.last_at),
        )


class _OfATime(BaseModel):
    from_: str = Field(
        serialization_alias="from",
        description="Included, in the time zone that was asked for.",
        examples=["2026-11-01T00:00:00+00:00"],
        json_schema_extra={"format": "date-time"},
    )
    to: str = Field(
        description="Not included.",
        examples=["2026-12-01T00:00:00+00:00"],
        json_schema_extra={"format": "date-time"},
    )
    timezone: str = Field(examples=["UTC"])


class RefusalReport(_OfATime):
    """Who was refused, by what, how often."""

    refusals: list[Refusals] = Field(description="Most calls first.")

    @classmethod
    def of(cls, time: TimeRange, found: list[RefusalSum]) -> RefusalReport:
        """From what the ledger found."""
        return cls(
            from_=time.iso(time.start),
            to=time.iso(time.end),
            timezone=time.timezone,
            refusals=[Refusals.of(each) for each in found],
        )


class RefusedPerson(BaseModel):
    """Whom a budget would have refused."""

    user: NamedValue | None = Field(description="Null where nobody was signed in.")
    first_at: Moment
    calls: Count = Field(description="Calls that would have been refused.", examples=[12])
    amount: Amount = Field(description="What those calls used, in `unit`.", examples=[34_000])


class RefusalPreview(_OfATime):
    """What a budget would have refused, had there been one."""

    counted_from: Moment = Field(description="When it would have begun to count: with the period that `from` lies in.")
    user_groups_since: Moment | None = Field(
        description="Since when it is recorded who was in which user group; null: ever since.",
        examples=["2026-11-14T08:00:00Z"],
    )
    unit: Unit = Field(examples=["tokens"])
    refused: list[RefusedPerson] = Field(description="Most calls first.")
    calls: Count = Field(description="Calls of all these people.", examples=[12])
    amount: Amount = Field(description="What all these calls used, in `unit`.", examples=[34_000])

    @classmethod
    def of(cls, budget: Budget, time: TimeRange, found: BudgetPreview) -> RefusalPreview:
        """From rows of the ledger."""
        unit = budget.unit
        return cls(
            from_=time.iso(time.start),
            to=time.iso(time.end),
            timezone=time.timezone,
            counted_from=_moment(found.counted_from),
            user_groups_since=None if found.user_groups_since is None else _moment(found.user_groups_since),
            unit=unit,
            refused=[
                RefusedPerson(
                    user=None
                    if user.user_id is None
                    else named_value(Named(user.user_id, user.user_name or user.user_id)),
                    first_at=_moment(user.first_at),
                    calls=user.calls,
                    amount=to_json_amount(user.amount, unit),
                )
                for user in found.refused
            ],
            calls=found.calls,
            amount=to_json_amount(found.amount, unit),
        )


def _moment(seconds: float) -> str:
    return iso_utc(datetime.fromtimestamp(seconds, UTC)) or ""
