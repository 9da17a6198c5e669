"""/api/usage/forecast."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from openwebui_usage.api.access import Access, Caller
from openwebui_usage.api.answers.forecasts import UsageForecasts
from openwebui_usage.api.routes.errors import problems
from openwebui_usage.ledger import Store


def add_forecasts(router: APIRouter, store: Store, access: Access) -> None:
    """Of all limits for admins, of their own for everybody."""

    @router.get(
        "/forecast",
        summary="When each limit will be reached",
        dependencies=[Depends(access.admin)],
        responses=problems(401, 403, 503),
    )
    async def get_forecast() -> UsageForecasts:
        now = datetime.now(UTC)

        def answer() -> UsageForecasts:
            definitions, forecasts = store.definitions(), store.forecasts
            return UsageForecasts.of(forecasts.of_all(definitions, now), forecasts.without_limit(definitions, now))

        return await asyncio.to_thread(answer)

    @router.get("/me/forecast", summary="When your own limits will be reached", responses=problems(401, 503))
    async def get_own_forecast(request: Request, caller: Annotated[Caller, Depends(access.user)]) -> UsageForecasts:
        visible = await access.visibility(request, caller)
        subject, now = await access.subject(caller), datetime.now(UTC)

        def answer() -> UsageForecasts:
            definitions = store.definitions()
            by_id = {group.id: group for group in definitions.groups}
            groups = [group for group in definitions.groups if visible.sees(group)]
            budgets = [budget for budget in definitions.budgets if visible.sees_budget(budget, by_id)]
            return UsageForecasts.of(store.forecasts.of_caller(subject, groups, budgets, definitions, now))

        return await asyncio.to_thread(answer)
