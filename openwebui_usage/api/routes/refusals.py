"""/api/usage/refusals."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from openwebui_usage.api.access import Access
from openwebui_usage.api.answers.refusals import RefusalReport
from openwebui_usage.api.routes.errors import problems
from openwebui_usage.api.routes.parameters import From, Ids, Models, To, Zone, checked_time, checked_values
from openwebui_usage.ledger import Store
from openwebui_usage.ledger.refusal_report import RefusalQuery
from openwebui_usage.ledger.report_query import Dimension, Readable

MOST = 1000
"""Rows of an answer."""


def add_refusals(router: APIRouter, store: Store, access: Access) -> None:
    """Everybody's for admins and readers, a team's for its leads."""

    @router.get(
        "/refusals",
        summary="Who was refused, by which limit, how often",
        responses=problems(401, 403, 422, 503),
    )
    async def get_refusals(
        readable: Annotated[Readable, Depends(access.reader)],
        from_: From = None,
        to: To = None,
        tz: Zone = "UTC",
        user: Ids = [],  # noqa: B006 - FastAPI copies it
        user_group: Ids = [],  # noqa: B006
        model: Models = [],  # noqa: B006
        called_model: Models = [],  # noqa: B006
        connection: Ids = [],  # noqa: B006
        usage_group: Ids = [],  # noqa: B006
        kind: Ids = [],  # noqa: B006
        key: Ids = [],  # noqa: B006
        limit: Annotated[int, Query(description="Rows of the answer", ge=1, le=MOST)] = 100,
    ) -> RefusalReport:
        filters: dict[Dimension, list[str]] = {
            "user": user,
            "user_group": user_group,
            "model": model,
            "called_model": called_model,
            "connection": connection,
            "usage_group": usage_group,
            "kind": kind,
            "key": key,
        }
        time = checked_time(from_, to, tz, datetime.now(UTC))
        query = RefusalQuery(time, checked_values(filters), readable, limit)
        found = await asyncio.to_thread(lambda: store.refused_calls.find(query, store.definitions()))
        return RefusalReport.of(time, found)
