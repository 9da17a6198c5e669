"""Who changed what, and when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, Field

from openwebui_usage.api.answers.fields import Moment
from openwebui_usage.ledger.journal import Change, Entry, Section
from openwebui_usage.rules.json_values import iso_utc


class Author(BaseModel):
    """Who made a change."""

    id: str | None = Field(description="The user's; null for a command.", examples=["8f1c2b9a"])
    name: str = Field(examples=["Ada"])


class JournalEntry(BaseModel):
    """One change."""

    id: str = Field(examples=["18c5f0a1b2c3d4e5f60718293a4b5c6d"])
    at: Moment
    by: Author
    section: Section = Field(examples=["budget"])
    name: str = Field(description="Of what was changed; of credit, the budget's.", examples=["Fair share"])
    change: Change = Field(examples=["changed"])
    before: dict[str, Any] | None = Field(
        description="What of it was before; of a change, the fields that differ.", examples=[{"limit": 10}]
    )
    after: dict[str, Any] | None = Field(description="What of it is now.", examples=[{"limit": 20}])

    @classmethod
    def of(cls, entry: Entry) -> JournalEntry:
        """From the ledger."""
        return cls(
            id=entry.id,
            at=iso_utc(datetime.fromtimestamp(int(entry.at), UTC)) or "",
            by=Author(id=entry.user_id, name=entry.user_name),
            section=entry.section,
            name=entry.name,
            change=entry.change,
            before=None if entry.before is None else dict(entry.before),
            after=None if entry.after is None else dict(entry.after),
        )


class UsageJournal(BaseModel):
    """A page of the journal, the newest first."""

    entries: list[JournalEntry]
    next: str | None = Field(description="`before` of the next page; null where this is the last.", examples=[None])

    @classmethod
    def of(cls, entries: Sequence[Entry], limit: int) -> UsageJournal:
        """`entries` has one more than `limit` where there is a next page."""
        page = entries[:limit]
        return cls(
            entries=[JournalEntry.of(entry) for entry in page], next=page[-1].id if len(entries) > limit else None
        )
