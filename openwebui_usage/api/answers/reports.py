"""Reports: what calls come to, by time and by who, what, where and how."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from openwebui_usage.api.answers.fields import Count, Dollars
from openwebui_usage.ledger.latency import Latency, LatencyReport
from openwebui_usage.ledger.report_query import (
    NAMED,
    RECORDED_LATE,
    Dimension,
    Named,
    Report,
    ReportQuery,
    ReportSums,
    Value,
)
from openwebui_usage.rules.buckets import Bucket, TimeRange
from openwebui_usage.rules.histograms import Histogram, percentile
from openwebui_usage.rules.money import NANO
from openwebui_usage.rules.periods import zone_of

LocalMoment = Annotated[str, Field(json_schema_extra={"format": "date-time"}, examples=["2026-11-01T00:00:00+01:00"])]
"""ISO 8601, in the report's time zone."""


class NamedValue(BaseModel):
    """A user, a user group or a connection."""

    id: str = Field(examples=["8f1c2b9a-6f1e-4c39-9f5e-3d1f2a7b6c5d"])
    name: str = Field(description="The last one that is known, also of what is gone.", examples=["Ada"])


def named_value(named: Named | None) -> NamedValue | None:
    """None stays None."""
    return None if named is None else NamedValue(id=named.id, name=named.name)


_Named = Annotated[
    NamedValue | str, Field(description="`none`, `not recorded` or `Other` where there is nothing to name.")
]
_Text = Annotated[str, Field(description="`none`, `not recorded` and `Other` stand for themselves.")]


class UsageSums(BaseModel):
    """What calls come to."""

    calls: Count = Field(examples=[3])
    in_: Count = Field(serialization_alias="in", description="Prompt tokens.", examples=[1234])
    out: Count = Field(description="Completion and reasoning tokens, as the providers reported them.", examples=[5678])
    total: Count = Field(description="`in` and `out` together.", examples=[6912])
    cached: Count = Field(description="Prompt tokens that came from a cache.", examples=[1024])
    cache_write: Count = Field(description="Prompt tokens that were written to a cache.", examples=[0])
    completion: Count = Field(description="Completion tokens, as the providers reported them.", examples=[3000])
    reasoning: Count = Field(description="Reasoning tokens, as the providers reported them.", examples=[2678])
    billed: Count = Field(description="All tokens that were billed, each once.", examples=[4234])
    cost: Dollars = Field(description="In US dollars, of the calls whose price is known.", examples=[0.0331])
    cost_input: Dollars = Field(description="The part of `cost` for uncached prompt tokens.", examples=[0.0005])
    cost_cached: Dollars = Field(description="The part of `cost` for cached prompt tokens.", examples=[0.0013])
    cost_cache_write: Dollars = Field(description="The part of `cost` for writing to caches.", examples=[0.0])
    cost_output: Dollars = Field(description="The part of `cost` for answers.", examples=[0.03])
    unpriced_calls: Count = Field(description="Calls whose price nobody knows: they are not in `cost`.", examples=[0])
    estimated_calls: Count = Field(description="Calls whose provider never told what they used.", examples=[0])
    errors: Count = Field(description="Calls that ended with an error.", examples=[0])
    refused: Count = Field(description="Calls that a limit refused. They are not among `calls`.", examples=[0])


def _may_be_left_out(schema: dict[str, Any]) -> None:
    """What may be left out of an answer has no default."""
    for field in schema["properties"].values():
        field.pop("default", None)


class Percentiles(BaseModel):
    """In seconds, each within 5 %; null where no call tells."""

    p50: float | None = Field(ge=0, examples=[2.1])
    p95: float | None = Field(ge=0, examples=[9.4])
    p99: float | None = Field(ge=0, examples=[21.8])


class UsageLatency(BaseModel):
    """How long calls took that did not end with an error."""

    duration: Percentiles = Field(description="From the request to the end of the answer.")
    time_to_first_token: Percentiles = Field(description="From the request to the first token of a stream.")
    from_: Literal["histogram"] = Field(
        serialization_alias="from", description="Not from the calls one by one.", examples=["histogram"]
    )


class UsageReportTotals(UsageSums):
    """What all calls come to."""

    model_config = ConfigDict(json_schema_extra=_may_be_left_out)

    latency: UsageLatency | None = Field(default=None, description="Only with `latency=true`.")


class UsageReportRow(UsageSums):
    """One group of calls in one part of the time. Of the dimensions it has those that were asked for."""

    model_config = ConfigDict(json_schema_extra=_may_be_left_out)

    start: LocalMoment = Field(description="Where this part of the time begins.")
    user: _Named = Field(default="", examples=[{"id": "8f1c2b9a-6f1e-4c39-9f5e-3d1f2a7b6c5d", "name": "Ada"}])
    user_group: _Named = Field(default="", examples=[{"id": "3d1f2a7b", "name": "Sales"}])
    model: _Text = Field(default="", examples=["gpt-4o"])
    called_model: _Text = Field(default="", examples=["gpt-4o"])
    connection: _Named = Field(default="", examples=[{"id": "5b0c", "name": "https://api.openai.com/v1"}])
    usage_group: _Text = Field(default="", examples=["GPT"])
    kind: _Text = Field(default="", examples=["chat"])
    key: _Text = Field(default="", examples=["none"])
    outcome: _Text = Field(default="", examples=["done"])
    latency: UsageLatency | None = Field(default=None, description="Only with `latency=true`.")


class PreviousUsage(BaseModel):
    """The same sums for the time before, of as many months, days or hours."""

    from_: LocalMoment = Field(serialization_alias="from")
    to: LocalMoment
    totals: UsageSums


class RecordedSince(BaseModel):
    """Since when this ledger knows what earlier versions did not record. Left out where it always did."""

    model_config = ConfigDict(json_schema_extra=_may_be_left_out)

    user_group: LocalMoment = ""
    connection: LocalMoment = ""
    kind: LocalMoment = ""
    key: LocalMoment = ""
    cost_parts: LocalMoment = Field(default="", description="`cost_input` and the others beside `cost`.")
    refused: LocalMoment = ""


class UsageReport(BaseModel):
    """A report. Where no call was, there is no row."""

    model_config = ConfigDict(json_schema_extra=_may_be_left_out)

    from_: LocalMoment = Field(serialization_alias="from", description="Where the time begins, as it was understood.")
    to: LocalMoment = Field(description="Where the time ends, as it was understood; not included.")
    timezone: str = Field(examples=["Europe/Berlin"])
    bucket: Bucket = Field(examples=["day"])
    group_by: list[Dimension] = Field(examples=[["user", "model"]])
    rows: list[UsageReportRow] = Field(description="In order of time, then the greatest group first and `Other` last.")
    totals: UsageReportTotals = Field(description="Sums of all calls that were asked for, each once.")
    previous: PreviousUsage | None = Field(default=None, description="Only with `compare=previous`.")
    recorded_since: RecordedSince
    complete: bool = Field(
        description="False while calls of this time are still brought into reports, after an upgrade: sums grow until "
        "`GET /api/usage/health` says that all are there.",
        examples=[True],
    )


def report_json(report: Report, latency: LatencyReport | None = None) -> dict[str, Any]:
    """A `UsageReport`. Not by its models, and its rows are an iterator: there may be a hundred thousand."""
    query = report.query
    answer: dict[str, Any] = {
        **_range(query.time),
        "timezone": query.time.timezone,
        "bucket": query.bucket,
        "group_by": list(query.group_by),
        "rows": _rows(report, latency),
        "totals": sums_json(report.totals),
        "recorded_since": _recorded_since(report),
        "complete": report.is_complete,
    }
    if report.previous is not None:
        answer["previous"] = {**_range(query.time.previous()), "totals": sums_json(report.previous)}
    if latency is not None:
        answer["totals"]["latency"] = latency_json(latency.totals)
    return answer


def report_columns(query: ReportQuery, *, latency: bool = False) -> Mapping[str, type]:
    """The columns of a report as a table: a row's fields in order; of a name the id stands in a column of its own, and
    so does each percentile.
    """
    columns: dict[str, type] = {"start": str}
    for dimension in query.group_by:
        columns[dimension] = str
        if dimension in NAMED:
            columns[f"{dimension}_id"] = str
    columns |= {name: type(value) for name, value in sums_json(ReportSums()).items()}
    if latency:
        columns |= {f"{measure}_{name}": float for measure in _MEASURES for name in _SHARES}
    return columns


def report_table(report: Report, latency: LatencyReport | None = None) -> Iterator[list[Any]]:
    """The rows for `report_columns`."""
    time = report.query.time
    for number, row in enumerate(report.rows):
        values: list[Any] = [time.iso(row.start)]
        for dimension, value in zip(report.query.group_by, row.values, strict=True):
            values.append(value.name if isinstance(value, Named) else value)
            if dimension in NAMED:
                values.append(value.id if isinstance(value, Named) else None)
        values += sums_json(row.sums).values()
        if latency is not None:
            told = latency_json(latency.rows[number])
            values += [told[measure][name] for measure in _MEASURES for name in _SHARES]
        yield values


def _rows(report: Report, latency: LatencyReport | None) -> Iterator[dict[str, Any]]:
    starts: dict[int, str] = {}
    dimensions = report.query.group_by
    for number, (moment, values, sums) in enumerate(report.rows):
        start = starts.get(moment)
        if start is None:
            start = starts[moment] = report.query.time.iso(moment)
        row: dict[str, Any] = {"start": start}
        for dimension, value in zip(dimensions, values, strict=True):
            row[dimension] = _value(value)
        row.update(sums_json(sums))
        if latency is not None:
            row["latency"] = latency_json(latency.rows[number])
        yield row


def _value(value: Value) -> str | dict[str, str]:
    return {"id": value.id, "name": value.name} if isinstance(value, Named) else value


def sums_json(sums: ReportSums) -> dict[str, int | float]:
    """A `UsageSums`."""
    # Unpacked at once, and derived here: there may be a hundred thousand.
    (calls, estimated, unpriced, input_, cached, cache_write, completion, reasoning, output,
     nano, nano_input, nano_cached, nano_cache_write, nano_output, errors, refused) = sums  # fmt: skip
    out = completion + reasoning
    return {
        "calls": calls,
        "in": input_,
        "out": out,
        "total": input_ + out,
        "cached": cached,
        "cache_write": cache_write,
        "completion": completion,
        "reasoning": reasoning,
        "billed": input_ + output,
        "cost": nano / NANO,
        "cost_input": nano_input / NANO,
        "cost_cached": nano_cached / NANO,
        "cost_cache_write": nano_cache_write / NANO,
        "cost_output": nano_output / NANO,
        "unpriced_calls": unpriced,
        "estimated_calls": estimated,
        "errors": errors,
        "refused": refused,
    }


_SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_MEASURES = ("duration", "time_to_first_token")


def latency_json(latency: Latency) -> dict[str, Any]:
    """A `UsageLatency`."""
    return {
        "duration": _percentiles(latency.duration),
        "time_to_first_token": _percentiles(latency.first_token),
        "from": "histogram",
    }


def _percentiles(histogram: Histogram) -> dict[str, float | None]:
    found = {name: percentile(histogram, share) for name, share in _SHARES.items()}
    return {name: value and float(f"{value:.4g}") for name, value in found.items()}


def _range(time: TimeRange) -> dict[str, str]:
    return {"from": time.iso(time.start), "to": time.iso(time.end)}


def _recorded_since(report: Report) -> dict[str, str]:
    if report.recorded_since is None:
        return {}
    since = datetime.fromtimestamp(int(report.recorded_since), zone_of(report.query.time.timezone)).isoformat()
    return dict.fromkeys((*sorted(RECORDED_LATE), "cost_parts", "refused"), since)
