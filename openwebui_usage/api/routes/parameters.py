"""Parameters that several endpoints share, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import Query
from fastapi.exceptions import RequestValidationError

from openwebui_usage.api.exports import MEDIA_TYPES
from openwebui_usage.ledger.report_query import Dimension
from openwebui_usage.ledger.rows import CallKind, Outcome
from openwebui_usage.rules.buckets import TimeRange, time_range
from openwebui_usage.rules.periods import zone_of

From = Annotated[
    str | None,
    Query(
        alias="from",
        description="A date or an instant of ISO 8601, rounded down to a quarter of an hour; by default, this month",
        examples=["2026-11-01"],
    ),
]
To = Annotated[str | None, Query(description="The same, not included, rounded up", examples=["2026-12-01"])]
Zone = Annotated[str, Query(description="An IANA time zone: where days and months begin", examples=["Europe/Berlin"])]

MOST_VALUES = 100
"""Values of one filter."""
Filters = Mapping[Dimension, tuple[str, ...]]
Ids = Annotated[
    list[str], Query(description="Only these: ids or names, or `none`", max_length=MOST_VALUES, examples=[[]])
]
Models = Annotated[list[str], Query(description="Only these: ids or globs", max_length=MOST_VALUES, examples=[[]])]
_Kinds = Annotated[list[CallKind | Literal["none", "not recorded"]], Query(description="Only these", examples=[[]])]
_Outcomes = Annotated[list[Outcome | Literal["refused"]], Query(description="Only these", examples=[[]])]


FILES: dict[int | str, dict[str, Any]] = {
    200: {"content": {kind.partition(";")[0]: {"schema": {"type": "string"}} for kind in MEDIA_TYPES.values()}}
}
"""What a route may answer beside JSON, for its documentation."""


def checked_time(
    start: str | None, end: str | None, timezone: str, now: datetime, place: Literal["query", "body"] = "query"
) -> TimeRange:
    """What `from`, `to` and `tz` mean. Raises `RequestValidationError` that names the one that is wrong."""
    try:
        return time_range(start, end, timezone, now)
    except ValueError as error:
        name, _, text = str(error).partition(": ")
        raise RequestValidationError([wrong(place, name, text)]) from error


def checked_zone(timezone: str) -> ZoneInfo:
    """What `tz` means where it stands alone. Raises as `checked_time` does."""
    checked_time("1970-01-02T00:00:00Z", None, timezone, datetime.now(UTC))
    return zone_of(timezone)


def call_filters(
    user: Ids = [],  # noqa: B006 - FastAPI copies it
    user_group: Ids = [],  # noqa: B006
    model: Models = [],  # noqa: B006
    called_model: Models = [],  # noqa: B006
    connection: Ids = [],  # noqa: B006
    usage_group: Ids = [],  # noqa: B006
    kind: _Kinds = [],  # noqa: B006
    key: Ids = [],  # noqa: B006
    outcome: _Outcomes = [],  # noqa: B006
) -> Filters:
    """What calls are chosen by. Raises as `checked_values` does."""
    filters: Mapping[Dimension, list[str]] = {
        "user": user,
        "user_group": user_group,
        "model": model,
        "called_model": called_model,
        "connection": connection,
        "usage_group": usage_group,
        "kind": list(kind),
        "key": key,
        "outcome": list(outcome),
    }
    return checked_values(filters)


def checked_values(filters: Mapping[Dimension, Sequence[str]]) -> Filters:
    """Filters that have a value. Raises `RequestValidationError` for texts that no database takes."""
    without_nul({str(name): values for name, values in filters.items()})
    return {name: tuple(values) for name, values in filters.items() if values}


def without_nul(texts: Mapping[str, Sequence[str]]) -> None:
    """Raises `RequestValidationError` for a parameter that no database takes."""
    for name, values in texts.items():
        if any("\0" in value for value in values):
            raise RequestValidationError([wrong("query", name, "must not contain NUL")])


def wrong(place: Literal["query", "body"], name: str, text: str) -> dict[str, Any]:
    """An entry of the `detail` of a 422."""
    return {"type": name, "loc": (place, name), "msg": text}
