"""Credit beside the limits of budgets."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import BaseModel, Field

from openwebui_usage.api.answers.fields import Amount, Done, Moment
from openwebui_usage.rules.budgets import Unit
from openwebui_usage.rules.credits import Credit
from openwebui_usage.rules.json_values import iso_utc, to_json_amount


class UsageCredit(BaseModel):
    """A top-up."""

    id: str = Field(examples=["18c5f0a1b2c3d4e5f60718293a4b5c6d"])
    budget: str = Field(examples=["Fair share"])
    user: str | None = Field(description="The id of the one user that may use it.", examples=[None])
    user_group: str | None = Field(
        description="The id of the user group whose members may use it, each the whole of it.", examples=[None]
    )
    amount: Amount = Field(description="In the budget's unit.", examples=[20])
    note: str = Field(examples=["Thesis"])
    created_at: Moment
    created_by: str | None = Field(description="The name of the admin.", examples=["Ada"])
    expires_at: Moment | None = Field(
        description="From when on it holds no more; null: with the period that it was given in.", examples=[None]
    )
    active: bool = Field(description="Whether it holds at the moment.", examples=[True])

    @classmethod
    def of(cls, credit: Credit, unit: Unit, *, active: bool) -> UsageCredit:
        """`unit` is the budget's."""
        return cls(
            id=credit.id,
            budget=credit.budget,
            user=credit.user_id,
            user_group=credit.user_group,
            amount=to_json_amount(credit.amount, unit),
            note=credit.note,
            created_at=_moment(credit.created_at),
            created_by=credit.created_by,
            expires_at=None if credit.expires_at is None else _moment(credit.expires_at),
            active=active,
        )


class UsageCredits(BaseModel):
    """All that were given for a budget, the newest first."""

    credits: list[UsageCredit]


class CreditGiven(Done):
    """Credit as it was given."""

    credit: UsageCredit


def _moment(seconds: float) -> str:
    return iso_utc(datetime.fromtimestamp(int(seconds), UTC)) or ""
