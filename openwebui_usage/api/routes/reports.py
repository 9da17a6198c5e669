"""/api/usage/reports and /api/usage/me/report."""

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.exceptions import RequestValidationError
from starlette.responses import Response

from openwebui_usage.api.access import Access, Caller
from openwebui_usage.api.answers.reports import UsageReport, report_columns, report_json, report_table
from openwebui_usage.api.connection_names import ConnectionNames, names_for
from openwebui_usage.api.exports import ExportFormat, export_response
from openwebui_usage.api.routes.encoding import json_bytes
from openwebui_usage.api.routes.errors import problems
from openwebui_usage.api.routes.parameters import FILES, Filters, From, To, Zone, call_filters, checked_time, wrong
from openwebui_usage.ledger import Store
from openwebui_usage.ledger.latency import LATENCY_DIMENSIONS, LatencyReport
from openwebui_usage.ledger.report_query import (
    MOST_GROUPED_BY,
    REPORT_DIMENSIONS,
    Dimension,
    Readable,
    Report,
    ReportQuery,
)
from openwebui_usage.ledger.report_sums import TooManyRows
from openwebui_usage.rules.buckets import MOST_BUCKETS, Bucket, TooManyBuckets

MOST_TOP = 1000
MOST_ROWS = 100_000
"""Of a report as JSON, which is made in memory."""
MOST_ROWS_OF_A_FILE = 1_000_000
"""A spreadsheet has no more."""

ReportFormat = Literal["json"] | ExportFormat


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What is asked, and as what it is to be answered."""

    query: ReportQuery
    format: ReportFormat
    latency: bool = False


def report_request(
    filters: Annotated[Filters, Depends(call_filters)],
    from_: From = None,
    to: To = None,
    tz: Zone = "UTC",
    bucket: Annotated[
        Bucket, Query(description=f"What the time is cut into, at most {MOST_BUCKETS} parts. Weeks begin on Monday")
    ] = "none",
    group_by: Annotated[
        list[str],
        Query(
            description=f"Up to {MOST_GROUPED_BY} of {', '.join(REPORT_DIMENSIONS)}; repeated, or with a comma between",
            examples=[["user", "model"]],
        ),
    ] = [],  # noqa: B006 - FastAPI copies it
    top: Annotated[
        int | None,
        Query(
            ge=1,
            le=MOST_TOP,
            description="How many groups have rows of their own, by cost, then tokens; the rest is one row, `Other`. "
            f"A report has at most {MOST_ROWS} rows as JSON, and {MOST_ROWS_OF_A_FILE} as a file",
            examples=[10],
        ),
    ] = None,
    compare: Annotated[
        Literal["previous"] | None, Query(description="`previous` adds what the time before came to")
    ] = None,
    format: Annotated[ReportFormat, Query(description="JSON, or the rows as a file")] = "json",  # noqa: A002
    latency: Annotated[
        bool,
        Query(
            description="Adds percentiles of how long calls took. Only by model and connection, and for those who may "
            "read everybody's calls"
        ),
    ] = False,
) -> ReportRequest:
    """The parameters of a report. Raises `RequestValidationError` that names the one that is wrong."""
    time = checked_time(from_, to, tz, datetime.now(UTC))
    query = ReportQuery(time, bucket, _dimensions(group_by), filters, top, compare is not None)
    try:
        time.cut(bucket)
    except TooManyBuckets:
        text = f"must cut the time into at most {MOST_BUCKETS} parts: take a longer one, or less time (got {bucket})"
        raise RequestValidationError([wrong("query", "bucket", text)]) from None
    others = sorted({*query.group_by, *filters} - LATENCY_DIMENSIONS)
    if latency and others:
        raise _no_latency(f"is known by model and connection alone (got {', '.join(others)})")
    return ReportRequest(query, format, latency)


def _no_latency(text: str) -> RequestValidationError:
    return RequestValidationError([wrong("query", "latency", text)])


def _dimensions(texts: list[str]) -> tuple[Dimension, ...]:
    names = dict.fromkeys(name.strip() for text in texts for name in text.split(",") if name.strip())
    known: dict[str, Dimension] = {name: name for name in REPORT_DIMENSIONS}
    if len(names) > MOST_GROUPED_BY or not names.keys() <= known.keys():
        text = f"must be up to {MOST_GROUPED_BY} of {', '.join(REPORT_DIMENSIONS)} (got {', '.join(names)})"
        raise RequestValidationError([wrong("query", "group_by", text)])
    return tuple(known[name] for name in names)


def add_reports(router: APIRouter, store: Store, access: Access) -> None:
    """Everybody's for admins and readers, a team's for its leads; one's own for everybody."""
    asked = Depends(report_request)

    @router.get(
        "/reports",
        summary="What calls come to, by time and by who, what, where and how",
        response_model=UsageReport,
        responses=FILES | problems(401, 403, 422, 503),
    )
    async def get_report(
        readable: Annotated[Readable, Depends(access.reader)], request: Annotated[ReportRequest, asked]
    ) -> Response:
        return await answer(request, readable, None)

    @router.get(
        "/me/report",
        summary="The same of your own calls: chats, tasks, API keys and all",
        response_model=UsageReport,
        responses=FILES | problems(401, 422, 503),
    )
    async def get_own_report(
        caller: Annotated[Caller, Depends(access.user)], request: Annotated[ReportRequest, asked]
    ) -> Response:
        return await answer(request, Readable(user=caller.id), await names_for(caller, store, access))

    async def answer(request: ReportRequest, readable: Readable, names: ConnectionNames | None) -> Response:
        query = replace(request.query, readable=readable)
        if request.latency and readable != Readable():
            raise _no_latency("is known of everybody's calls together alone")
        if names is not None:
            query = replace(query, filters=names.in_filters(query.filters))

        def find(most: int) -> tuple[Report, LatencyReport | None]:
            found = _made(store, query, most)
            latency = store.latencies.of_report(found) if request.latency else None
            return found if names is None else names.in_report(found), latency

        if request.format == "json":
            return await asyncio.to_thread(
                lambda: Response(json_bytes(report_json(*find(MOST_ROWS))), media_type="application/json")
            )
        report, latency = await asyncio.to_thread(find, MOST_ROWS_OF_A_FILE)
        name = f"usage-{query.time.iso(query.time.start)[:10]}"
        columns = report_columns(query, latency=request.latency)
        return export_response(columns, report_table(report, latency), request.format, name)


def _made(store: Store, query: ReportQuery, most: int) -> Report:
    """Blocks. Raises `RequestValidationError` where there are more rows."""
    try:
        return store.reports.answer(query, most)
    except TooManyRows:
        needed = "given" if query.top is None else "smaller"
        text = f"must be {needed} here, or the parts longer or the time less: there are more than {most:,} rows"
        raise RequestValidationError([wrong("query", "top", text)]) from None
