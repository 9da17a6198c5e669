"""/api/usage/calls and /api/usage/me/calls."""

import asyncio
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, HTTPException, Path, Query
from starlette.responses import Response

from openwebui_usage.api.access import Access, Caller
from openwebui_usage.api.answers.calls import UsageCallDetails, UsageCalls, calls_json, details_json
from openwebui_usage.api.call_files import encode_calls
from openwebui_usage.api.connection_names import ConnectionNames, names_for
from openwebui_usage.api.exports import ExportFormat, file_response
from openwebui_usage.api.routes.errors import problems
from openwebui_usage.api.routes.parameters import FILES, Filters, Zone, call_filters, checked_time, checked_zone
from openwebui_usage.ledger import Store
from openwebui_usage.ledger.call_log import MOST_CALLS, CallQuery
from openwebui_usage.ledger.report_query import Readable
from openwebui_usage.rules.periods import zone_of

_EARLIEST = "1970-01-02T00:00:00Z"
_ID = "^[0-9A-Za-z]{1,32}$"


@dataclass(frozen=True, slots=True)
class CallsRequest:
    """What is asked, and as what it is to be answered."""

    query: CallQuery
    limit: int
    before: str | None
    format: Literal["json"] | ExportFormat
    zone: ZoneInfo


def calls_request(
    filters: Annotated[Filters, Depends(call_filters)],
    from_: Annotated[
        str | None,
        Query(
            alias="from",
            description="A date or an instant of ISO 8601, rounded down to a quarter of an hour; by default, any time",
            examples=["2026-11-01"],
        ),
    ] = None,
    to: Annotated[str | None, Query(description="The same, not included, rounded up", examples=["2026-12-01"])] = None,
    tz: Zone = "UTC",
    limit: Annotated[int, Query(ge=1, le=MOST_CALLS, description="Calls on a page")] = 100,
    before: Annotated[
        str | None,
        Query(pattern=_ID, description="`next` of the page before", examples=[None]),
    ] = None,
    format: Annotated[  # noqa: A002
        Literal["json"] | ExportFormat, Query(description="A page as JSON, or the whole list as a file")
    ] = "json",
) -> CallsRequest:
    """The parameters of a list of calls. Raises `RequestValidationError` that names the one that is wrong."""
    time = checked_time(from_ or _EARLIEST, to, tz, datetime.now(UTC))
    query = CallQuery(time.start if from_ else None, time.end if to else None, filters)
    return CallsRequest(query, limit, before, format, zone_of(tz))


def add_calls(router: APIRouter, store: Store, access: Access) -> None:
    """Everybody's for admins and readers, a team's for its leads; one's own for everybody."""
    asked = Depends(calls_request)

    @router.get(
        "/calls",
        summary="The calls themselves, newest first",
        response_model=UsageCalls,
        responses=FILES | problems(401, 403, 422, 503),
    )
    async def get_calls(
        readable: Annotated[Readable, Depends(access.reader)], request: Annotated[CallsRequest, asked]
    ) -> Response:
        return await answer(request, readable, None)

    @router.get(
        "/calls/{id}",
        summary="All that is known of one call",
        response_model=UsageCallDetails,
        responses=problems(401, 403, 404, 422, 503),
    )
    async def get_call(
        id: Annotated[str, Path(pattern=_ID, description="As in the list")],  # noqa: A002
        readable: Annotated[Readable, Depends(access.reader)],
        caller: Annotated[Caller, Depends(access.user)],
        tz: Zone = "UTC",
    ) -> Response:
        zone = checked_zone(tz)

        def details() -> Response:
            found = store.detailed_calls.find(id, readable, store.definitions())
            if found is None:
                raise HTTPException(404, "There is no call of that id, or it is not for you.")
            told = details_json(found, zone, with_budgets=caller.is_admin)
            return Response(json.dumps(told), media_type="application/json")

        return await asyncio.to_thread(details)

    @router.get(
        "/me/calls",
        summary="The same of your own calls: chats, tasks, API keys and all",
        response_model=UsageCalls,
        responses=FILES | problems(401, 422, 503),
    )
    async def get_own_calls(
        caller: Annotated[Caller, Depends(access.user)], request: Annotated[CallsRequest, asked]
    ) -> Response:
        return await answer(request, Readable(user=caller.id), await names_for(caller, store, access))

    async def answer(request: CallsRequest, readable: Readable, names: ConnectionNames | None) -> Response:
        query, zone = replace(request.query, readable=readable), request.zone
        if names is not None:
            query = replace(query, filters=names.in_filters(query.filters))
        if request.format != "json":
            shown = None if names is None else names.in_call
            pieces = encode_calls(store.call_log.batches(query), zone, request.format, shown)
            return file_response(pieces, request.format, f"calls-{datetime.now(zone):%Y-%m-%d}")

        def page() -> Response:
            found = store.call_log.page(query, request.limit, request.before)
            if names is not None:
                found = found._replace(calls=list(map(names.in_call, found.calls)))
            return Response(json.dumps(calls_json(found, zone)), media_type="application/json")

        return await asyncio.to_thread(page)
