"""/api/usage/journal, and who is in it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from openwebui_usage.api.access import Access, Caller
from openwebui_usage.api.answers.journal import UsageJournal
from openwebui_usage.api.routes.errors import problems
from openwebui_usage.ledger import Store
from openwebui_usage.ledger.journal import MOST_ENTRIES, Actor, set_actor


def add_journal(router: APIRouter, store: Store, access: Access) -> None:
    """For admins alone."""

    @router.get(
        "/journal",
        summary="Who changed what, newest first",
        dependencies=[Depends(access.admin)],
        responses=problems(401, 403, 422, 503),
    )
    async def get_journal(
        limit: Annotated[int, Query(ge=1, le=MOST_ENTRIES, description="Entries on a page")] = 100,
        before: Annotated[
            str | None,
            Query(pattern="^[0-9a-f]{1,32}$", description="`next` of the page before", examples=[None]),
        ] = None,
    ) -> UsageJournal:
        return UsageJournal.of(await asyncio.to_thread(store.journal.entries, limit + 1, before), limit)


def noting_who(access: Access) -> Access:
    """`access`, with what an admin changes noted as that admin's."""
    admin: Any = access.admin

    async def acting(caller: Caller = Depends(admin)) -> Caller:  # noqa: B008 - annotated, it would be unknown
        set_actor(Actor(caller.id, caller.name))
        return caller

    return replace(access, admin=acting)
