"""When a limit will be reached, by how fast it was used lately. No clock and no database.

The pace is the mean of the last seven whole days. Where four weeks are known, each day to come is expected to use as
much more or less than that as its weekday did in them: whoever rests at weekends is not believed to work through the
next one. Days are those of the limit's own time zone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from statistics import fmean
from typing import Literal, NamedTuple

from openwebui_usage.rules.periods import SLOT, Period, period_at, zone_of

WEEK = 7
MOST_DAYS = 4 * WEEK
"""Days that are looked at."""
_MOST_WEEKS = 520
"""Weeks that are looked ahead for a limit that never begins anew."""
_SPREAD = 1.2816
"""Standard deviations: eight of ten outcomes lie within so many, where they are normal."""
_ONE_DAY = timedelta(days=1)

NoForecast = Literal["no_history"]
"""Why there is no pace: not one whole day is known."""


@dataclass(frozen=True, slots=True)
class Projection:
    """What will be used by `at`, in the limit's unit: in eight of ten cases from `low` to `high`."""

    at: datetime
    low: int
    expected: int
    high: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is to be expected of one limit."""

    pace: float | None
    """Per day, in the limit's unit; None where nothing is known."""
    projection: Projection | None
    """To the end of the period, or of the month where that never ends. None without a pace."""
    reached_at: datetime | None
    """None where it is not reached at this pace: in this period, or in ten years where that never ends."""
    reason: NoForecast | None = None


def days_before(now: datetime, timezone: str) -> list[tuple[datetime, datetime]]:
    """Begin and end of each of the `MOST_DAYS` days before today, the latest last."""
    today = now.astimezone(zone_of(timezone)).date()
    starts = [_midnight(today - number * _ONE_DAY, timezone) for number in range(MOST_DAYS, -1, -1)]
    return list(pairwise(starts))


def forecast(days: Sequence[int], used: int, limit: int, period: Period, timezone: str, now: datetime) -> Forecast:
    """What is to be expected. `used` is that of the current `period`.

    `days` are what was used on whole days before today, the latest last; without those before anything was counted.
    """
    known = days[-MOST_DAYS:]
    if not known:
        return Forecast(None, None, now if used >= limit else None, "no_history")
    today = now.astimezone(zone_of(timezone)).date()
    week = _Week(known, today)
    reached_at = now if used >= limit else _reached_at(limit - used, week, timezone, now)
    if reached_at is not None and period.ends_at is not None and reached_at >= period.ends_at:
        reached_at = None
    return Forecast(week.pace, _projection(used, week, period, timezone, now), reached_at)


def rolling_forecast(
    days: Sequence[int], slots: Sequence[tuple[int, int]], length: int, limit: int, timezone: str, now: datetime
) -> Forecast:
    """What is to be expected of a limit that holds for the last `length` quarters of an hour.

    `slots` are those in the window, each with what it used, in order of time; for `days` see `forecast`. Each hour to
    come is expected to use the same, while what is in the window leaves it; the projection is of the whole window.
    """
    known, used = days[-MOST_DAYS:], sum(amount for _, amount in slots)
    if not known:
        return Forecast(None, None, now if used >= limit else None, "no_history")
    week = _Week(known, now.astimezone(zone_of(timezone)).date())
    span = timedelta(seconds=length * SLOT)
    whole = span / _ONE_DAY
    expected, spread = week.pace * whole, week.spread(whole)
    projection = Projection(now + span, round(max(0.0, expected - spread)), round(expected), round(expected + spread))
    return Forecast(week.pace, projection, _reached_while_rolling(slots, length, used, limit, week.pace, now))


def _reached_while_rolling(
    slots: Sequence[tuple[int, int]], length: int, used: int, limit: int, pace: float, now: datetime
) -> datetime | None:
    if used >= limit:
        return now
    if pace <= 0:
        return None
    since, rest = now, float(limit - used)
    leaving = [(datetime.fromtimestamp((slot + length + 1) * SLOT, UTC), amount) for slot, amount in slots]
    for at, amount in [*leaving, (now + timedelta(seconds=length * SLOT), 0)]:
        more = pace * max(0.0, (at - since) / _ONE_DAY)
        if more >= rest:
            return since + (at - since) * (rest / more)
        since, rest = max(since, at), rest - more + amount
    return None


class _Week:
    """What each weekday is expected to use."""

    def __init__(self, known: Sequence[int], today: date) -> None:
        recent = known[-WEEK:]
        self.pace = fmean(recent)
        mean = fmean(known)
        weekdays = [(today - (len(known) - place) * _ONE_DAY).weekday() for place in range(len(known))]
        self._shares = [1.0] * WEEK
        is_weighted = len(known) >= MOST_DAYS and mean > 0
        if is_weighted:
            for weekday in range(WEEK):
                of_weekday = [amount for amount, day in zip(known, weekdays, strict=True) if day == weekday]
                self._shares[weekday] = fmean(of_weekday) / mean
        misses = [amount - mean * self._shares[day] for amount, day in zip(known, weekdays, strict=True)]
        freedom = len(known) - (WEEK if is_weighted else 1)
        # One day alone says nothing of how days differ.
        self._deviation = math.sqrt(sum(miss * miss for miss in misses) / freedom) if freedom else self.pace
        self._recent = len(recent)

    def expected(self, weekday: int) -> float:
        """What a whole day of that name uses."""
        return self.pace * self._shares[weekday]

    def spread(self, days: float) -> float:
        """How far so many days may be from what is expected of them: each by itself, and the pace for all of them."""
        return _SPREAD * self._deviation * math.sqrt(days + days * days / self._recent)


class _Part(NamedTuple):
    """A day to come, or what is left of today."""

    start: datetime
    end: datetime
    weekday: int
    share: float
    """Of the whole day."""


def _parts(now: datetime, timezone: str) -> Iterator[_Part]:
    """What is left of today, then day after day without end."""
    day, start = now.astimezone(zone_of(timezone)).date(), now
    while True:
        begin, end = _midnight(day, timezone), _midnight(day + _ONE_DAY, timezone)
        if end > start:  # Else a zone leaves the day out.
            yield _Part(start, end, day.weekday(), (end - start) / (end - begin))
            start = end
        day += _ONE_DAY


def _projection(used: int, week: _Week, period: Period, timezone: str, now: datetime) -> Projection:
    at = period.ends_at or period_at("month", timezone, now).ends_at or now
    expected, days = float(used), 0.0
    for part in _parts(now, timezone):
        if part.start >= at:
            break
        expected += week.expected(part.weekday) * part.share
        days += part.share
    spread = week.spread(days)
    return Projection(at, round(max(used, expected - spread)), round(expected), round(expected + spread))


def _reached_at(left: int, week: _Week, timezone: str, now: datetime) -> datetime | None:
    """When so much more is used."""
    if week.pace <= 0:
        return None
    parts = _parts(now, timezone)
    today = next(parts)
    rest = float(left)
    if (more := week.expected(today.weekday) * today.share) >= rest:
        return today.start + (today.end - today.start) * (rest / more)
    rest -= more
    weeks = int(rest // (WEEK * week.pace))  # Each week uses the same, on whichever day it begins.
    if weeks > _MOST_WEEKS:
        return None
    rest -= weeks * WEEK * week.pace
    tomorrow = today.end.astimezone(zone_of(timezone)).date()
    for part in _parts(_midnight(tomorrow + weeks * WEEK * _ONE_DAY, timezone), timezone):
        more = week.expected(part.weekday)
        if more > 0 and more >= rest:
            return part.start + (part.end - part.start) * (max(0.0, rest) / more)
        rest -= more
    return None


def _midnight(day: date, timezone: str) -> datetime:
    return datetime.combine(day, time(), zone_of(timezone)).astimezone(UTC)
