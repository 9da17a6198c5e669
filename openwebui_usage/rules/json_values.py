"""Amounts and moments as JSON has them."""

from __future__ import annotations

from datetime import UTC, datetime

from openwebui_usage.rules.budgets import Unit
from openwebui_usage.rules.money import NANO


def to_json_amount(value: int, unit: Unit) -> int | float:
    """A number of a unit for JSON: money in US dollars."""
    return value / NANO if unit == "usd" else value


def iso_utc(moment: datetime | None) -> str | None:
    """A moment for JSON, in UTC."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
