"""/api/usage/export/focus and /api/usage/cost-centers: who pays."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query
from starlette.responses import Response

from openwebui_usage.api.access import Access
from openwebui_usage.api.answers.focus import FOCUS_COLUMNS, UsageCostCenters, focus_table
from openwebui_usage.api.exports import export_response
from openwebui_usage.api.requests import COST_CENTERS, CostCenters
from openwebui_usage.api.routes.errors import problems
from openwebui_usage.ledger import Store
from openwebui_usage.ledger.cubes import QUARTER

_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}


def add_focus(router: APIRouter, store: Store, access: Access) -> None:
    """For admins alone."""
    admin = Depends(access.admin)

    @router.get(
        "/export/focus",
        summary="What user groups are charged for a month, as FOCUS 1.2",
        dependencies=[admin],
        response_class=Response,
        responses=_CSV | problems(401, 403, 422, 503),
    )
    async def export_focus(
        month: Annotated[
            str | None,
            Query(
                pattern="^(19[7-9]|[2-8][0-9]{2})[0-9]-(0[1-9]|1[0-2])$",
                description="Of UTC; by default, this one",
                examples=["2026-11"],
            ),
        ] = None,
    ) -> Response:
        month = month or f"{datetime.now(UTC):%Y-%m}"
        start, end = month_of(month)

        def rows() -> Iterator[tuple[Any, ...]]:
            yield from focus_table(store.focus.charges(start, end, time.time()), start, end)

        return export_response(FOCUS_COLUMNS, rows(), "csv", f"focus-{month}")

    @router.get(
        "/cost-centers",
        summary="The cost centers of user groups",
        dependencies=[admin],
        responses=problems(401, 403, 503),
    )
    async def get_cost_centers() -> UsageCostCenters:
        return await asyncio.to_thread(lambda: UsageCostCenters.of(store.focus.cost_centers()))

    @router.put(
        "/cost-centers",
        summary="Replace the cost centers of all user groups",
        dependencies=[admin],
        responses=problems(400, 401, 403, 422, 503),
    )
    async def put_cost_centers(
        form: Annotated[CostCenters, Body(openapi_examples=COST_CENTERS)],
    ) -> UsageCostCenters:
        wanted = {entry.user_group: entry.cost_center for entry in form.cost_centers}
        await asyncio.to_thread(store.focus.put_cost_centers, wanted)
        return UsageCostCenters.of(wanted)


def month_of(text: str) -> tuple[int, int]:
    """The quarters of an hour from which and to which a month of UTC is, from a text such as `2026-11`."""
    year, month = map(int, text.split("-"))
    first = datetime(year, month, 1, tzinfo=UTC)
    following = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    return int(first.timestamp()) // QUARTER, int(following.timestamp()) // QUARTER
