"""/api/usage/me/chats."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.exceptions import RequestValidationError
from starlette.responses import Response

from openwebui_usage.api.access import Access, Caller
from openwebui_usage.api.answers.chats import UsageChats, chats_json
from openwebui_usage.api.routes.errors import problems
from openwebui_usage.api.routes.parameters import From, To, Zone, checked_time, wrong
from openwebui_usage.ledger import Store
from openwebui_usage.ledger.cubes import QUARTER

MOST_CHATS = 100
MOST_DAYS = 366
_AT_ONCE = 2
"""Requests that read rows. Others wait, but not in the threads that calls are admitted by."""


def add_own_chats(router: APIRouter, store: Store, access: Access) -> None:
    """For everybody who is signed in, of their own chats."""
    reading = asyncio.Semaphore(_AT_ONCE)

    @router.get(
        "/me/chats",
        summary="Your most expensive chats",
        response_model=UsageChats,
        responses=problems(401, 422, 503),
    )
    async def get_own_chats(
        caller: Annotated[Caller, Depends(access.user)],
        from_: From = None,
        to: To = None,
        tz: Zone = "UTC",
        limit: Annotated[int, Query(description="Chats of the answer", ge=1, le=MOST_CHATS)] = 20,
    ) -> Response:
        time = checked_time(from_, to, tz, datetime.now(UTC))
        if time.end - time.start > MOST_DAYS * 86_400 // QUARTER:
            raise RequestValidationError([wrong("query", "from", f"must be at most {MOST_DAYS} days before to")])
        async with reading:
            found = await asyncio.to_thread(store.chats.of_user, caller.id, time.start, time.end, limit)
        titles = await access.chat_titles(caller, [chat.chat_id for chat in found.chats])
        return Response(json.dumps(chats_json(time, found, titles)), media_type="application/json")
