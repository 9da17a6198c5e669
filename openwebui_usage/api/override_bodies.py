"""Exceptions from a budget's limit, as bodies have them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from openwebui_usage.api.fields import Amount, Id
from openwebui_usage.rules.overrides import KINDS, Override, OverrideKind

MOST_OVERRIDES = 1000


class OverrideBody(BaseModel):
    """Another limit for one user, the members of one user group, or everybody with a role: one of the three."""

    model_config = ConfigDict(extra="forbid")

    user: Id | None = Field(default=None, description="A user's id.", examples=[None])
    user_group: Id | None = Field(
        default=None,
        description="The id of a user group of Open WebUI.",
        examples=["8f1c2b9a-6f1e-4c39-9f5e-3d1f2a7b6c5d"],
    )
    role: Id | None = Field(default=None, description="A role of Open WebUI: `admin` or `user`.", examples=[None])
    limit: Amount

    @model_validator(mode="after")
    def _is_of_one(self) -> OverrideBody:
        if sum(getattr(self, kind) is not None for kind in KINDS) != 1:
            raise PydanticCustomError("override", "must name one of user, user_group and role")
        return self

    @property
    def kind(self) -> OverrideKind:
        """Which of the three it names."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def id(self) -> str:
        """Of the user or user group, or the role's name."""
        return str(getattr(self, self.kind))


def overrides_of(
    bodies: Iterable[OverrideBody], in_unit: Callable[[Decimal | None], int | None]
) -> tuple[Override, ...]:
    """As the ledger has them; `in_unit` converts a limit. Raises ValueError."""
    overrides = []
    for position, body in enumerate(bodies):
        try:
            limit = in_unit(body.limit)
        except ValueError as error:
            raise ValueError(f"overrides: entry {position}, {error}") from error
        overrides.append(Override(body.kind, body.id, limit))
    return tuple(overrides)
