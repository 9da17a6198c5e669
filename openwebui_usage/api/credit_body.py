"""The body that gives credit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from openwebui_usage.api.fields import MAX_DOLLARS, MAX_LIMIT, Id, positive_amount
from openwebui_usage.rules.budgets import Budget
from openwebui_usage.rules.credits import Credit, wrong_end
from openwebui_usage.rules.money import nano_dollars
from openwebui_usage.rules.periods import MINUTE

MAX_NOTE = 500


def _moment(value: object) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        if moment is not None and moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise PydanticCustomError(
        "expires_at", "must be an instant of ISO 8601 with its zone, such as 2026-12-31T23:00:00Z, or null"
    )


def _note(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_NOTE or not _is_text(value):
        raise PydanticCustomError("note", "must be a text of at most {most} characters", {"most": MAX_NOTE})
    return value.strip()


def _is_text(value: str) -> bool:
    """Whether every database can store it."""
    return "\0" not in value and value.encode(errors="replace").decode() == value


class NewCredit(BaseModel):
    """Credit to give: to one user, to each member of a user group, or to all whom the budget counts."""

    model_config = ConfigDict(extra="forbid")

    user: Id | None = Field(default=None, description="The id of a user.", examples=[None])
    user_group: Id | None = Field(default=None, description="The id of a user group of Open WebUI.", examples=[None])
    amount: Annotated[
        Decimal,
        BeforeValidator(positive_amount("amount")),
        Field(gt=0, le=MAX_LIMIT, description="In the budget's unit.", examples=[20]),
    ]
    note: Annotated[str, BeforeValidator(_note), Field(max_length=MAX_NOTE, examples=["Thesis"])] = ""
    expires_at: Annotated[
        datetime | None,
        BeforeValidator(_moment),
        Field(
            description="From when on it holds no more; null: with the period that it is given in. Of a budget whose "
            "window moves it is needed: until then, the credit raises every window.",
            examples=["2099-12-31T23:00:00Z"],
        ),
    ] = None

    def credit(self, budget: Budget, author: str, now: datetime) -> Credit:
        """As the ledger has it. Raises ValueError, with the field first, for what the budget cannot have."""
        if self.user is not None and self.user_group is not None:
            raise ValueError("user: give either a user or a user group, not both")
        if budget.period == MINUTE:
            raise ValueError("amount: a budget of a minute takes no credit")
        if budget.scope.is_shared and (self.user is not None or self.user_group is not None):
            field = "user" if self.user is not None else "user_group"
            raise ValueError(f"{field}: must be left out: the budget has one sum for all whom it counts")
        if self.expires_at is not None and self.expires_at <= now:
            raise ValueError("expires_at: must be in the future")
        end = None if self.expires_at is None else self.expires_at.timestamp()
        wrong = wrong_end(budget.period, now.timestamp(), end)
        if wrong is not None:
            raise ValueError(f"expires_at: {wrong}")
        if budget.unit == "usd":
            if self.amount > MAX_DOLLARS:
                raise ValueError(f"amount: must be at most {MAX_DOLLARS} US dollars (got {self.amount})")
            amount = nano_dollars(self.amount)
            if not amount:
                raise ValueError("amount: must be at least 0.000000001 US dollars")
        elif self.amount != self.amount.to_integral_value():
            raise ValueError(f"amount: must be a whole number of {budget.unit} (got {self.amount.normalize():f})")
        else:
            amount = int(self.amount)
        return Credit(
            id="",
            budget=budget.name,
            amount=amount,
            note=self.note,
            user_id=self.user,
            user_group=self.user_group,
            expires_at=end,
            created_by=author,
        )


NEW_CREDITS: Mapping[str, Mapping[str, Any]] = {
    "Once, for all": {"value": {"amount": 20, "note": "Week of the conference"}},
    "For one user, until the end of the year": {
        "value": {"user": "8f1c2b9a", "amount": 20, "note": "Thesis", "expires_at": "2099-12-31T23:00:00Z"}
    },
}
