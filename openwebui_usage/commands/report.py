"""`openwebui-usage report`: what calls come to, as `GET /api/usage/reports` tells it."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from openwebui_usage.client.commands.database import Database, OfOpenWebUI, opened
from openwebui_usage.client.commands.output import print_table
from openwebui_usage.commands.files import need_file, write
from openwebui_usage.commands.filters import Models, Values, asked

if TYPE_CHECKING:
    from openwebui_usage.api.exports import ExportFormat
    from openwebui_usage.ledger.latency import LatencyReport
    from openwebui_usage.ledger.report_query import Report


class BucketOption(StrEnum):
    """As `rules.buckets.Bucket`; Typer before 0.19 knows no literals."""

    ALL = "none"
    QUARTER = "15m"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class CompareOption(StrEnum):
    """What to compare with."""

    PREVIOUS = "previous"


class FormatOption(StrEnum):
    """A table for people, and what the API has."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"
    XLSX = "xlsx"
    PARQUET = "parquet"


_OPTIONS = {"group_by": "--by"}
"""Options that are not named as the parameter of the API is."""
_NUMBERS = ("calls", "in", "out", "total", "billed", "cost", "unpriced_calls", "errors", "refused")
"""Columns of the table; the other formats have all."""


def report(
    by: Annotated[
        str,
        typer.Option(
            help="Up to two of user, user_group, model, called_model, connection, usage_group, kind, key and outcome, "
            "with a comma between."
        ),
    ] = "",
    from_: Annotated[
        str | None, typer.Option("--from", help="A date or an instant of ISO 8601. Default: this month.")
    ] = None,
    to: Annotated[str | None, typer.Option(help="The same, not included.")] = None,
    tz: Annotated[str, typer.Option(help="An IANA time zone: where days begin.")] = "UTC",
    bucket: Annotated[BucketOption, typer.Option(help="What the time is cut into.")] = BucketOption.ALL,
    user: Values = [],  # noqa: B006 - Typer copies it
    user_group: Values = [],  # noqa: B006
    model: Models = [],  # noqa: B006
    called_model: Models = [],  # noqa: B006
    connection: Values = [],  # noqa: B006
    usage_group: Values = [],  # noqa: B006
    kind: Values = [],  # noqa: B006
    key: Values = [],  # noqa: B006
    outcome: Values = [],  # noqa: B006
    top: Annotated[
        int | None, typer.Option(min=1, max=1000, help="So many groups, by cost; the rest is one row, Other.")
    ] = None,
    compare: Annotated[CompareOption | None, typer.Option(help="Add what the time before came to.")] = None,
    latency: Annotated[
        bool,
        typer.Option("--latency", help="Add percentiles of how long calls took. Only by model and connection."),
    ] = False,
    format_: Annotated[FormatOption, typer.Option("--format", help="A table for people, or data.")] = (
        FormatOption.TABLE
    ),
    output: Annotated[Path | None, typer.Option(help="A file to write to. Default: standard output.")] = None,
    database: Database = None,
    open_webui: OfOpenWebUI = False,
) -> None:
    """Tell what calls come to, by time and by who, what, where and how."""
    from openwebui_usage.api.routes.reports import report_request

    filters = {
        "user": user,
        "user_group": user_group,
        "model": model,
        "called_model": called_model,
        "connection": connection,
        "usage_group": usage_group,
        "kind": kind,
        "key": key,
        "outcome": outcome,
    }
    compared: Literal["previous"] | None = "previous" if compare else None
    request = asked(
        filters,
        lambda found: report_request(found, from_, to, tz, bucket.value, [by], top, compared, "json", latency),
        more_outcomes=("refused",),
        options=_OPTIONS,
    )
    need_file(format_.value, output)
    with opened(database, open_webui) as session:
        found = session.store.reports.answer(request.query)
        durations = session.store.latencies.of_report(found) if latency else None
    _tell(found, durations, format_, output)


def _tell(report: Report, latency: LatencyReport | None, format_: FormatOption, output: Path | None) -> None:
    from openwebui_usage.api.answers.reports import report_columns, report_json, report_table
    from openwebui_usage.api.exports import encode

    if format_ is FormatOption.TABLE:
        _print(report, latency)
    elif format_ is FormatOption.JSON:
        answer = report_json(report, latency)
        answer["rows"] = list(answer["rows"])
        write([json.dumps(answer, ensure_ascii=False, indent=2).encode() + b"\n"], output)
    else:
        kind = cast("ExportFormat", format_.value)
        columns = report_columns(report.query, latency=latency is not None)
        write(encode(columns, report_table(report, latency), kind), output)


def _print(report: Report, latency: LatencyReport | None) -> None:
    """The rows and the totals, as text."""
    from openwebui_usage.api.answers.reports import latency_json, report_columns, report_table, sums_json

    query = report.query
    heads = list(report_columns(query, latency=latency is not None))
    durations = heads[len(report_columns(query)) :]
    labels = list(query.group_by) if query.bucket == "none" and query.group_by else ["start", *query.group_by]
    shown = [*labels, *_NUMBERS, *durations]
    table = (dict(zip(heads, row, strict=True)) for row in report_table(report, latency))
    rows = [[_text(name, row[name]) for name in shown] for row in table]
    for name, sums in (("Total", report.totals), ("Previous", report.previous)):
        if sums is not None:
            numbers: dict[str, object] = dict(sums_json(sums))
            if latency is not None and name == "Total":
                told = latency_json(latency.totals)
                parts = ((measure, told[measure]) for measure in told if isinstance(told[measure], dict))
                numbers |= {f"{measure}_{part}": value for measure, of in parts for part, value in of.items()}
            gap = [""] * (len(labels) - 1)
            rows.append([name, *gap, *(_text(column, numbers.get(column)) for column in shown[len(labels) :])])
    time = query.time
    typer.echo(f"From {time.iso(time.start)} to {time.iso(time.end)}, {time.timezone}")
    print_table(shown, rows, right=frozenset(range(len(labels), len(shown))))


def _text(name: str, value: object) -> str:
    if name == "cost" and isinstance(value, float):
        return f"${value:,.4f}"
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.3g} s"
    return f"{value:,}" if isinstance(value, int) else str(value)
