"""When reports are sent by themselves, and which time each of them is of. No clock is read here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

from openwebui_usage.rules.buckets import TimeRange
from openwebui_usage.rules.periods import PeriodKind, period_at

Schedule = Literal["daily", "weekly", "monthly"]
SCHEDULES: tuple[Schedule, ...] = get_args(Schedule)

_PERIODS: Mapping[Schedule, PeriodKind] = {"daily": "day", "weekly": "week", "monthly": "month"}
_QUARTER = 900


@dataclass(frozen=True, slots=True)
class ReportPeriod:
    """What one report is of. `name` is like `2026-11`, `2026-W48` or `2026-11-28`."""

    time: TimeRange
    name: str


def latest_period(schedule: Schedule, timezone: str, moment: datetime) -> ReportPeriod:
    """The latest period that was over at `moment`: days begin at midnight in the zone, weeks on Monday."""
    kind = _PERIODS[schedule]
    end = _start(kind, timezone, moment)
    start = _start(kind, timezone, end - timedelta(seconds=1))
    name, _, _ = period_at(kind, timezone, start).key.partition(" ")
    return ReportPeriod(TimeRange(_quarter(start), _quarter(end), timezone), name)


def _start(kind: PeriodKind, timezone: str, moment: datetime) -> datetime:
    start = period_at(kind, timezone, moment).starts_at
    assert start is not None, "only the period of all time has no start"
    return start


def _quarter(moment: datetime) -> int:
    return int(moment.timestamp()) // _QUARTER
