"""/api/usage/me/limit."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Body, Depends
from fastapi.exceptions import RequestValidationError

from openwebui_usage.api.access import Access, Caller
from openwebui_usage.api.answers.own_limit import OwnLimit, OwnLimitAnswer
from openwebui_usage.api.requests import NEW_OWN_LIMITS, NewOwnLimit
from openwebui_usage.api.routes.errors import problems, wrong_field
from openwebui_usage.ledger import Store


def add_own_limit(router: APIRouter, store: Store, access: Access) -> None:
    """For everybody who is signed in: only they see it."""
    user = Depends(access.user)

    async def answer(caller: Caller) -> OwnLimitAnswer:
        limits, now = store.own_limits, datetime.now(UTC)
        found = await asyncio.to_thread(lambda: limits.status(limits.of(caller.id), now))
        return OwnLimitAnswer(limit=OwnLimit.of(found.get(caller.id)))

    @router.get("/me/limit", summary="The limit that you set for yourself", responses=problems(401, 503))
    async def get_own_limit(caller: Annotated[Caller, user]) -> OwnLimitAnswer:
        return await answer(caller)

    @router.put(
        "/me/limit",
        summary="Set a limit for yourself, or remove it: it is shown to you, and refuses nothing",
        responses=problems(400, 401, 422, 503),
    )
    async def put_own_limit(
        caller: Annotated[Caller, user], form: Annotated[NewOwnLimit, Body(openapi_examples=NEW_OWN_LIMITS)]
    ) -> OwnLimitAnswer:
        try:
            limit = form.own_limit()
        except ValueError as error:
            field, _, text = str(error).partition(": ")
            raise RequestValidationError([wrong_field(field, text)]) from error
        await asyncio.to_thread(store.own_limits.put, caller.id, limit)
        return await answer(caller)
