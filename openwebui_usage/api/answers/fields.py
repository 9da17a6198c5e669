"""Fields that several answers share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, WithJsonSchema

from openwebui_usage.rules.budgets import Unit
from openwebui_usage.rules.json_values import to_json_amount

Count = Annotated[int, Field(ge=0)]
Dollars = Annotated[float, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]
Amount = Annotated[Count | Dollars, WithJsonSchema({"type": "number", "minimum": 0})]
"""In the unit of a budget: whole tokens or requests, or US dollars."""
Percent = Annotated[int, Field(ge=1, le=99)]
SoftLimits = Annotated[list[Percent], Field(description="Percent at which the webhook is told.", examples=[[80, 95]])]
Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"}, examples=["2026-11-30T23:00:00Z"])]
"""ISO 8601, in UTC."""
ResetsAt = Annotated[
    Moment | None,
    Field(
        description="When the next period begins, or a window that moves has room again; null where this one never "
        "ends, and for a window that has room.",
        examples=["2026-11-30T23:00:00Z"],
    ),
]


class Done(BaseModel):
    """It was done."""

    status: Literal[True]


def to_amount(value: int | None, unit: Unit) -> int | float | None:
    """A number of a unit; money in US dollars."""
    return None if value is None else to_json_amount(value, unit)
