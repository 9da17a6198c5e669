"""What somebody sees of their own usage."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from openwebui_usage.api.access import Caller, PageModel
from openwebui_usage.api.answers.budgets import UsageBudgetStatus
from openwebui_usage.api.answers.groups import UsageGroup
from openwebui_usage.api.answers.reports import NamedValue
from openwebui_usage.ledger.report_query import Readable
from openwebui_usage.rules.effort import Choice


class OwnUsage(BaseModel):
    """What was used, and what is left."""

    budgets: list[UsageBudgetStatus] = Field(description="The budgets that bind whoever asks.")
    groups: dict[str, UsageGroup] = Field(description="The groups that whoever asks may see, by name.")


class SelectableModel(BaseModel):
    """A model that whoever asks can use."""

    name: str = Field(description="As Open WebUI's model selector shows it; not unique.", examples=["o3-mini"])
    base: str | None = Field(description="The model that a workspace model is built on.", examples=[None])
    effort: Choice | None = Field(
        description="What the menu shows where nobody has chosen; null where there is nothing to choose.",
        examples=["medium"],
    )
    efforts: list[Choice] = Field(
        default_factory=list,
        description="What the menu offers, in order; left out where there is nothing to choose.",
        examples=[["low", "medium", "high"]],
    )

    @classmethod
    def of(cls, model: PageModel) -> SelectableModel:
        """Without `efforts` where there are none."""
        if not model.efforts:
            return cls(name=model.name, base=model.base, effort=model.effort)
        return cls(name=model.name, base=model.base, effort=model.effort, efforts=list(model.efforts))


class PageData(OwnUsage):
    """All that the page's script needs."""

    models: dict[str, SelectableModel] = Field(description="The models by their ids.")
    words: dict[str, str] = Field(
        description="What counter and menu say, in the language that was asked for.",
        examples=[{"effort": "Reasoning effort", "remaining": "Remaining"}],
    )


class OwnAccess(BaseModel):
    """Who asks, and what that person may do: which pages there are to open."""

    user: NamedValue
    admin: bool = Field(description="Whether groups, budgets, prices and all else may be changed.", examples=[False])
    reports: Literal["everybody", "teams", "own"] = Field(description="Whose calls may be read.", examples=["own"])

    @classmethod
    def of(cls, caller: Caller, readable: Readable | None) -> OwnAccess:
        """`readable` is what `Access.readable` says of the caller."""
        reports: Literal["everybody", "teams", "own"] = "own"
        if readable is not None:
            reports = "everybody" if readable.user_groups is None else "teams"
        return cls(user=NamedValue(id=caller.id, name=caller.name), admin=caller.is_admin, reports=reports)
