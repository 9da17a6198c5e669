"""What the most expensive chats of somebody came to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from openwebui_usage.api.answers.fields import Count
from openwebui_usage.api.answers.reports import LocalMoment, UsageSums, sums_json
from openwebui_usage.ledger.chats import UserChats
from openwebui_usage.rules.buckets import TimeRange
from openwebui_usage.rules.periods import zone_of


class ChatUsage(UsageSums):
    """One chat: all calls that were made for it, its title and other tasks included."""

    id: str = Field(examples=["2f6b7c1e-0d3a-4a57-9a57-6f3c3f2f1d10"])
    title: str | None = Field(
        description="As Open WebUI has it; null where the chat is gone, or is not yours.", examples=["Holidays"]
    )
    last_at: LocalMoment = Field(description="When its last call began.")


class UsageChats(BaseModel):
    """The most expensive chats, the greatest cost first."""

    from_: LocalMoment = Field(serialization_alias="from", description="As it was used.")
    to: LocalMoment = Field(description="As it was used; not included.")
    timezone: str = Field(examples=["Europe/Berlin"])
    chats: list[ChatUsage]
    unverified_calls: Count = Field(
        description="Calls that only the browser saw (direct connections): they are in no chat and no report.",
        examples=[0],
    )


def chats_json(time: TimeRange, found: UserChats, titles: Mapping[str, str]) -> dict[str, Any]:
    """A `UsageChats`."""
    return {
        "from": time.iso(time.start),
        "to": time.iso(time.end),
        "timezone": time.timezone,
        "chats": [
            {
                "id": chat.chat_id,
                "title": titles.get(chat.chat_id),
                "last_at": datetime.fromtimestamp(chat.last_at, zone_of(time.timezone)).isoformat(),
                **sums_json(chat.sums),
            }
            for chat in found.chats
        ],
        "unverified_calls": found.unverified_calls,
    }
