"""What the token client answers, as its users know it: the documented fields, and those that its page needs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from openwebui_usage.client.account_status import AccountStatus
from openwebui_usage.rules.money import NANO, dollars

Count = Annotated[int, Field(ge=0)]
Dollars = Annotated[float, Field(ge=0)]
Moment = Annotated[str, Field(description="ISO 8601, in UTC.", examples=["2026-11-27T12:00:00"])]


class ChatNumbers(BaseModel):
    """What one answer took."""

    prompt_tokens: Count = Field(examples=[50])
    reasoning_tokens: Count = Field(examples=[150])
    completion_tokens: Count = Field(description="Of the answer itself.", examples=[100])
    total_tokens: Count = Field(description="All three together.", examples=[300])
    cost: Dollars | None = Field(description="In US dollars; null where no price is known.", examples=[0.01575])
    user_total_cost: Dollars | None = Field(
        description="All that the user has cost; null while the ledger cannot be read.", examples=[0.01575]
    )
    request_count: Count | None = Field(
        description="All that the user has asked; null while the ledger cannot be read.", examples=[1]
    )
    thinking_time: Annotated[float, Field(ge=0)] = Field(description="Seconds.", examples=[3.2])


class ChatAnswer(ChatNumbers):
    """A whole answer."""

    content: str = Field(examples=["The answer."])


class ChatPiece(BaseModel):
    """A piece of what the model thinks or says."""

    type: Literal["thinking", "content"]
    text: str


class ChatDone(ChatAnswer):
    """The end of a stream."""

    type: Literal["done"]


class ChatBroken(ChatAnswer):
    """The end of a stream that the provider broke off."""

    type: Literal["error"]
    error: str = Field(examples=["The provider broke off in the middle of the answer."])


class AccountStats(BaseModel):
    """What a user has used."""

    name: str = Field(examples=["Somebody Else"])
    total_tokens: Count = Field(description="All that was billed, each once.", examples=[300])
    total_cost: Dollars = Field(description="In US dollars.", examples=[0.01575])
    request_count: Count = Field(examples=[1])
    usage_limit: Dollars | None = Field(description="In US dollars; null for none.", examples=[5.0])
    is_active: bool = Field(description="False for a user who is shut out.", examples=[True])
    last_used: Moment | None
    last_ip: str | None = Field(examples=["127.0.0.1"])

    @classmethod
    def of(cls, status: AccountStatus) -> AccountStats:
        """As the ledger has it."""
        account = status.account
        last = account.last_used
        return cls(
            name=account.name,
            total_tokens=status.tokens,
            total_cost=status.sums.cost_nano / NANO,
            request_count=status.requests,
            usage_limit=dollars(status.allowed_nano),
            is_active=account.is_active,
            last_used=None if last is None else datetime.fromtimestamp(last, UTC).strftime("%Y-%m-%dT%H:%M:%S"),
            last_ip=account.last_ip,
        )


class About(BaseModel):
    """Who answers here."""

    model: str = Field(examples=["o1"])
    demo: bool = Field(description="Whether no real model answers.", examples=[False])
    reasons: bool = Field(description="Whether the model takes an effort.", examples=[True])
    priced: bool = Field(description="Whether its price is known.", examples=[True])


class Readiness(BaseModel):
    """Whether questions are taken."""

    status: Literal["ok", "starting"]


class Failure(BaseModel):
    """Why there is no answer."""

    error: str = Field(description="For people, in English.")


_EVENTS = (ChatPiece, ChatDone, ChatBroken)
EVENTS: dict[str, Any] = {"oneOf": [event.model_json_schema(mode="serialization") for event in _EVENTS]}
"""What stands behind `data:` in an event of a stream, as JSON Schema."""
