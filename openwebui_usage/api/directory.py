"""Models, users and user groups of the deployment, for admins who choose among them. The host knows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from fastapi import Request

MOST_ENTRIES = 50
"""Users or user groups of one answer."""


@dataclass(frozen=True, slots=True)
class DeployedModel:
    """A model that the deployment offers."""

    id: str
    name: str
    base: str | None
    """The model that a workspace model is built on."""
    called: str
    """The id that a provider is asked for, and that prices are looked up by."""
    connection: str | None
    """What people know its connections by; None where nobody knows them, or a pipe makes the call."""
    provider_url: str | None
    """The base URL of its connections, where they have one in common."""
    is_free: bool
    """Whether an admin said that its connections cost nothing."""


@dataclass(frozen=True, slots=True)
class Person:
    """A user of the host."""

    id: str
    name: str
    email: str
    role: str


@dataclass(frozen=True, slots=True)
class UserGroup:
    """A user group of the host."""

    id: str
    name: str


class Directory(Protocol):
    """What the host knows. Users and user groups come by name, or only those of some `ids`."""

    async def models(self, request: Request) -> Sequence[DeployedModel]:
        """All models, whoever may use them. `request` is the one of an admin that is answered."""

    async def users(self, search: str, ids: Sequence[str], most: int) -> Sequence[Person]:
        """At most `most` users whose name or address contains `search`; without one, any."""

    async def user_groups(self, search: str, ids: Sequence[str], most: int) -> Sequence[UserGroup]:
        """At most `most` user groups whose name contains `search`; without one, any."""
