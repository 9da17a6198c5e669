"""Saved views of the pages."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import BaseModel, Field

from openwebui_usage.api.answers.fields import Done, Moment
from openwebui_usage.ledger.views import View
from openwebui_usage.rules.json_values import iso_utc


class SavedView(BaseModel):
    """What a page showed."""

    name: str = Field(examples=["Cost by model"])
    page: str = Field(description="Which page it is of.", examples=["overview"])
    state: str = Field(
        description="The query of its address, without the question mark.", examples=["range=month&group=model"]
    )
    shared: bool = Field(description="Whether all who read reports of everybody see it.", examples=[False])
    author: str = Field(description="The name of whoever saved it last.", examples=["Ada"])
    is_own: bool = Field(description="Whether that is whoever asks.", examples=[True])
    saved_at: Moment

    @classmethod
    def of(cls, view: View, user_id: str) -> SavedView:
        """As one user sees it."""
        return cls(
            name=view.name,
            page=view.page,
            state=view.state,
            shared=view.is_shared,
            author=view.author_name,
            is_own=view.author == user_id,
            saved_at=iso_utc(datetime.fromtimestamp(int(view.saved_at), UTC)) or "",
        )


class SavedViews(BaseModel):
    """The views that somebody may open."""

    views: list[SavedView] = Field(description="By name.")


class ViewSaved(Done):
    """A view as it is now."""

    view: SavedView
