"""Who asks, and what that person may see. The host answers both."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from openwebui_usage.api.directory import Directory
from openwebui_usage.api.visibility import Visibility
from openwebui_usage.ledger.report_query import Readable
from openwebui_usage.rules.budgets import Subject
from openwebui_usage.rules.effort import Choice


@dataclass(frozen=True, slots=True)
class Caller:
    """A signed-in, verified user."""

    id: str
    name: str
    is_admin: bool
    role: str | None = None
    """The host's, as budgets ask for it."""


@dataclass(frozen=True, slots=True)
class PageModel:
    """A model as the page's script knows it."""

    id: str
    name: str
    base: str | None
    effort: Choice | None
    """What the menu shows where nobody has chosen: a level, which is sent then, or "default", for which nothing is.
    None where the model takes no effort, or has a control of its own.
    """
    efforts: tuple[Choice, ...] = ()
    """What the menu offers, in order."""


@dataclass(frozen=True, slots=True)
class Access:
    """`user` and `admin` are FastAPI dependencies that return a `Caller`, or raise 401 and 403."""

    user: Callable[..., Any]
    admin: Callable[..., Any]
    visibility: Callable[[Request, Caller], Awaitable[Visibility]]
    """What a caller may know of groups and budgets; admins everything."""
    page_models: Callable[[Request, Caller], Awaitable[list[PageModel]]]
    """The models that a caller can use."""
    user_groups: Callable[[Caller], Awaitable[tuple[str, ...]]]
    """Ids of the host's user groups that a caller is a member of."""
    chat_titles: Callable[[Caller, Collection[str]], Awaitable[Mapping[str, str]]]
    """Titles of some chats by id, of those alone that are the caller's."""
    readable: Callable[[Caller], Awaitable[Readable | None]]
    """Whose calls a caller may read reports of; None for nobody's but their own."""
    reader: Callable[..., Any]
    """A dependency that returns whose calls a caller may read reports of, as `Readable`, or raises 401 and 403."""
    directory: Directory
    """What admins choose from."""

    async def subject(self, caller: Caller) -> Subject:
        """A caller as budgets see them."""
        return Subject(caller.id, frozenset(await self.user_groups(caller)), caller.role)
