"""Periods of limits: days, weeks and months of a given time zone, or all time. The caller passes the time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

PeriodKind = Literal["total", "day", "week", "month"]
"""After how long a limit starts again from zero. `total`: never."""


@dataclass(frozen=True, slots=True)
class Period:
    """One period in one time zone. `key` identifies it in the ledger; `ends_at` is None for all time."""

    key: str
    starts_at: datetime | None = None
    ends_at: datetime | None = None


ALL_TIME = Period("total")


def period_at(kind: PeriodKind, timezone: str, moment: datetime) -> Period:
    """The period that contains `moment`. Days begin at local midnight, weeks on Monday (ISO 8601), months on the first.

    If summer time begins at midnight and skips it, the day begins with the first minute that exists.
    """
    if kind == "total":
        return ALL_TIME
    zone = zone_of(timezone)
    first = _first_day(kind, moment.astimezone(zone).date())
    # If clocks change across midnight, the local date and the day that contains the moment differ for a while.
    while moment < _midnight(first, zone):
        first = _first_day(kind, first - timedelta(days=1))
    while moment >= _midnight(following := _following(kind, first), zone):
        first = following
    return Period(f"{_name(kind, first)} {timezone}", _midnight(first, zone), _midnight(following, zone))


def _first_day(kind: PeriodKind, day: date) -> date:
    if kind == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if kind == "month" else day


def _following(kind: PeriodKind, first: date) -> date:
    if kind == "month":
        return (first + timedelta(days=32)).replace(day=1)
    return first + timedelta(days=7 if kind == "week" else 1)


def _name(kind: PeriodKind, first: date) -> str:
    if kind == "week":
        year, week, _ = first.isocalendar()
        return f"{year}-W{week:02}"
    return f"{first:%Y-%m}" if kind == "month" else first.isoformat()


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


@lru_cache(maxsize=256)
def zone_of(name: str) -> ZoneInfo:
    """The time zone of an IANA name such as ``Europe/Berlin``. Raises what `ZoneInfo` raises."""
    return ZoneInfo(name)
