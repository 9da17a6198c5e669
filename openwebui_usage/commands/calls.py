"""`openwebui-usage calls` and `export calls`: the calls themselves, as `GET /api/usage/calls` has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from openwebui_usage.client.commands.database import Database, OfOpenWebUI, opened
from openwebui_usage.client.commands.output import print_table
from openwebui_usage.commands.files import need_file, write
from openwebui_usage.commands.filters import Models, Values, asked

if TYPE_CHECKING:
    from openwebui_usage.api.exports import ExportFormat
    from openwebui_usage.api.routes.calls import CallsRequest
    from openwebui_usage.ledger.call_log import Call, CallBatch, CallLog, CallQuery


class CallsFormat(StrEnum):
    """A table for people, and data for pipes."""

    TABLE = "table"
    CSV = "csv"
    JSONL = "jsonl"


class FileFormat(StrEnum):
    """What a file may be."""

    CSV = "csv"
    JSONL = "jsonl"
    XLSX = "xlsx"
    PARQUET = "parquet"


_From = Annotated[str | None, typer.Option("--from", help="A date or an instant of ISO 8601. Default: any time.")]
_To = Annotated[str | None, typer.Option(help="The same, not included.")]
_Zone = Annotated[str, typer.Option(help="An IANA time zone: where days begin, and what times are told in.")]
_SHOWN = ("started_at", "user", "model", "kind", "in", "out", "cost", "duration", "outcome", "error")
"""Columns of the table; the other formats have all."""
_NUMBERS = frozenset(("in", "out", "cost", "duration"))

export = typer.Typer(help="Everything, as files.", no_args_is_help=True)


def calls(
    from_: _From = None,
    to: _To = None,
    tz: _Zone = "UTC",
    user: Values = [],  # noqa: B006 - Typer copies it
    user_group: Values = [],  # noqa: B006
    model: Models = [],  # noqa: B006
    called_model: Models = [],  # noqa: B006
    connection: Values = [],  # noqa: B006
    usage_group: Values = [],  # noqa: B006
    kind: Values = [],  # noqa: B006
    key: Values = [],  # noqa: B006
    outcome: Values = [],  # noqa: B006
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
    format_: Annotated[CallsFormat, typer.Option("--format", help="A table for people, or data.")] = CallsFormat.TABLE,
    database: Database = None,
    open_webui: OfOpenWebUI = False,
) -> None:
    """List the latest calls, newest first."""
    from openwebui_usage.api.answers.calls import CALL_COLUMNS, call_table
    from openwebui_usage.api.exports import encode

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
    request = _request(from_, to, tz, filters)
    with opened(database, open_webui) as session:
        found = call_table(islice(_read(session.store.call_log, request.query, limit), limit), request.zone)
        if format_ is CallsFormat.TABLE:
            heads = list(CALL_COLUMNS)
            rows = [[_text(name, dict(zip(heads, row, strict=True))[name]) for name in _SHOWN] for row in found]
            print_table(_SHOWN, rows, right=frozenset(_SHOWN.index(name) for name in _NUMBERS))
        else:
            write(encode(CALL_COLUMNS, found, cast("ExportFormat", format_.value)), None)


@export.command("calls")
def export_calls(
    format_: Annotated[FileFormat, typer.Option("--format", help="What the file is.")] = FileFormat.CSV,
    output: Annotated[Path | None, typer.Option(help="The file to write to. Default: standard output.")] = None,
    from_: _From = None,
    to: _To = None,
    tz: _Zone = "UTC",
    user: Values = [],  # noqa: B006 - Typer copies it
    user_group: Values = [],  # noqa: B006
    model: Models = [],  # noqa: B006
    called_model: Models = [],  # noqa: B006
    connection: Values = [],  # noqa: B006
    usage_group: Values = [],  # noqa: B006
    kind: Values = [],  # noqa: B006
    key: Values = [],  # noqa: B006
    outcome: Values = [],  # noqa: B006
    database: Database = None,
    open_webui: OfOpenWebUI = False,
) -> None:
    """Write all calls to a file, newest first, however many there are."""
    from openwebui_usage.api.call_files import encode_calls

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
    request = _request(from_, to, tz, filters)
    need_file(format_.value, output)
    with opened(database, open_webui) as session:
        log: CallLog = session.store.call_log
        write(encode_calls(_told(log, request.query), request.zone, format_.value), output)


def _request(from_: str | None, to: str | None, tz: str, filters: dict[str, list[str]]) -> CallsRequest:
    from openwebui_usage.api.routes.calls import calls_request

    return asked(filters, lambda found: calls_request(found, from_, to, tz))


def _read(log: CallLog, query: CallQuery, limit: int) -> Iterator[Call]:
    """A page is no longer than it has to be."""
    from openwebui_usage.ledger.call_log import MOST_CALLS

    page = log.page(query, min(limit, MOST_CALLS))
    return iter(page.calls) if page.next is None or len(page.calls) == limit else log.all(query)


def _told(log: CallLog, query: CallQuery) -> Iterable[CallBatch]:
    """All calls, with a progress bar on a terminal: how much of the time is done, and how many calls."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield from log.batches(query)
        return
    columns = (BarColumn(), TextColumn("{task.fields[calls]:,} calls"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task, calls = progress.add_task("", total=1.0, calls=0), 0
        for batch in log.batches(query):
            yield batch
            calls += len(batch.rows)
            if batch.rows:
                progress.update(task, completed=1.0 - log.share_left(query, batch.rows[-1].id), calls=calls)


def _text(name: str, value: object) -> str:
    if value is None:
        return ""
    if name == "cost":
        return f"${value:,.4f}"
    if name == "started_at":
        return str(value)[:19].replace("T", " ")
    if name == "duration":
        return f"{value:.1f} s"
    return f"{value:,}" if isinstance(value, int) else str(value)
