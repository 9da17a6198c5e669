"""Amounts and times in the form that the API's JSON uses."""

from __future__ import annotations

from datetime import UTC, datetime

from openwebui_usage.rules.budgets import Unit
from openwebui_usage.rules.money import NANO


def to_json_amount(value: int, unit: Unit) -> int | float:
    """An amount for JSON: money in US dollars, everything else unchanged."""
    return value / NANO if unit == "usd" else value


def iso_utc(moment: datetime | None) -> str | None:
    """A time in ISO 8601 and UTC: `2026-11-28T09:00:00Z`. None stays None."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
