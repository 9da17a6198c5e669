"""Who may read reports beside admins."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from openwebui_usage.api.answers.fields import Done
from openwebui_usage.api.readers import FixedReaders
from openwebui_usage.ledger.reader_store import StoredReaders

UserGroups = Annotated[list[str], Field(description="By name or id.", examples=[["Finance"]])]
SetBy = Annotated[
    Literal["admins", "environment"],
    Field(description="`environment`: by a variable, which wins over what admins set here.", examples=["admins"]),
]


class ReaderGroups(BaseModel):
    """User groups whose members may read reports."""

    user_groups: UserGroups
    set_by: SetBy

    @classmethod
    def of(cls, fixed: frozenset[str] | None, stored: tuple[str, ...]) -> ReaderGroups:
        """What the environment says, else what admins set."""
        if fixed is None:
            return cls(user_groups=list(stored), set_by="admins")
        return cls(user_groups=sorted(fixed), set_by="environment")


class UsageReaders(BaseModel):
    """Who may read reports beside admins."""

    of_everybody: ReaderGroups = Field(description="Their members read reports of everybody.")
    of_own_groups: ReaderGroups = Field(
        description="Their members read reports of the members of the user groups that they are in themselves."
    )

    @classmethod
    def of(cls, fixed: FixedReaders, stored: StoredReaders) -> UsageReaders:
        """As it holds now."""
        return cls(
            of_everybody=ReaderGroups.of(fixed.of_everybody, stored.of_everybody),
            of_own_groups=ReaderGroups.of(fixed.of_own_groups, stored.of_own_groups),
        )


class ReadersChanged(Done):
    """Who may read reports now."""

    readers: UsageReaders
