"""The admin's webhook: where it goes, and what the receiver said."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, Field

from openwebui_usage.api.answers.fields import Count, Done, Moment
from openwebui_usage.ledger.deliveries import Delivery
from openwebui_usage.rules.json_values import iso_utc
from openwebui_usage.webhook import Notifier, TestAnswer

Status = Annotated[int, Field(ge=100, le=999)] | None


class WebhookDelivery(BaseModel):
    """One try to post one notice."""

    id: str = Field(description="The notice's, as the receiver sees it.", examples=["187bdd1f6c0a4d2a5b1f0c9e7a3d2b1c"])
    event: str = Field(description="`soft_limit`, `limit`, `report` or `test`.", examples=["soft_limit"])
    about: str | None = Field(
        description="The group or budget that it tells of, the file of a report.", examples=["GPT"]
    )
    at: Moment
    tries: Count = Field(description="How often it was tried by then.", examples=[1])
    status: Status = Field(description="The HTTP status of the answer; null where there was none.", examples=[204])
    error: str | None = Field(description="Why there was no answer.", examples=[None])

    @classmethod
    def of(cls, delivery: Delivery) -> WebhookDelivery:
        """As the ledger kept it."""
        return cls(
            id=delivery.notice_id,
            event=delivery.event,
            about=delivery.about,
            at=iso_utc(datetime.fromtimestamp(int(delivery.at), UTC)) or "",
            tries=delivery.tries,
            status=delivery.status,
            error=delivery.error,
        )


class UsageWebhook(BaseModel):
    """Where notices go, and how that went."""

    address: str | None = Field(
        description="Without path and query, which may be secret; null where no webhook is set.",
        examples=["https://hooks.example.com/…"],
    )
    signed: bool = Field(description="Whether OPENWEBUI_USAGE_WEBHOOK_SECRET is set.", examples=[True])
    waiting: Count = Field(description="Notices that were not taken yet.", examples=[0])
    deliveries: list[WebhookDelivery] = Field(description="The last ones, the latest first.")

    @classmethod
    def of(cls, notifier: Notifier, waiting: int, deliveries: Sequence[Delivery]) -> UsageWebhook:
        """As it is now."""
        return cls(
            address=notifier.address,
            signed=notifier.is_signed,
            waiting=waiting,
            deliveries=[WebhookDelivery.of(delivery) for delivery in deliveries],
        )


class WebhookTested(Done):
    """A test was posted."""

    taken: bool = Field(description="Whether the receiver took it: its status is 200 to 299.", examples=[True])
    answer: Status = Field(description="The receiver's HTTP status; null where it did not answer.", examples=[204])
    text: str = Field(description="How its answer begins.", examples=[""])
    error: str | None = Field(description="Why there was no answer.", examples=[None])
    seconds: float = Field(ge=0, description="How long that took.", examples=[0.12])

    @classmethod
    def of(cls, answer: TestAnswer) -> WebhookTested:
        """What the receiver said."""
        return cls(
            status=True,
            taken=answer.status is not None and 200 <= answer.status < 300,
            answer=answer.status,
            text=answer.text,
            error=answer.error,
            seconds=round(answer.seconds, 3),
        )
