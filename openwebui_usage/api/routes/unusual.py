"""/api/usage/unusual-users."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from openwebui_usage.api.access import Access
from openwebui_usage.api.answers.unusual import UnusualUsage
from openwebui_usage.api.fields import MAX_DOLLARS, MAX_LIMIT
from openwebui_usage.api.routes.errors import problems
from openwebui_usage.ledger import Store
from openwebui_usage.ledger.report_query import Readable
from openwebui_usage.ledger.unusual import UnusualQuery
from openwebui_usage.rules.money import nano_dollars


def add_unusual(router: APIRouter, store: Store, access: Access) -> None:
    """Of everybody for admins and readers, of a team for its leads."""

    @router.get(
        "/unusual-users",
        summary="Users whose last 24 hours are far beyond their own usual day",
        responses=problems(401, 403, 422, 503),
    )
    async def get_unusual_users(
        readable: Annotated[Readable, Depends(access.reader)],
        least_cost: Annotated[
            float, Query(ge=0, le=MAX_DOLLARS, description="US dollars: less in a day is nothing to look at")
        ] = 5,
        least_tokens: Annotated[int, Query(ge=0, le=MAX_LIMIT, description="The same in tokens")] = 1_000_000,
        deviations: Annotated[
            float, Query(ge=1, le=100, description="Robust standard deviations beyond the median day")
        ] = 6,
    ) -> UnusualUsage:
        least = nano_dollars(Decimal(str(least_cost)))
        query = UnusualQuery(datetime.now(UTC), least, least_tokens, deviations, readable)
        return UnusualUsage.of(query, await asyncio.to_thread(store.unusual_users.find, query))
