"""Periods of limits: of the calendar of a time zone, of some days from a date, rolling, or all time. The caller passes
the time.

A rolling one reaches back from now. What it counts is known per slot, a quarter of an hour: at any moment it has the
current slot and as many before it as fit into its length, so that no span of that length ever holds more than a limit.
A slot leaves it as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

CalendarPeriod = Literal["total", "hour", "day", "week", "month", "quarter", "year"]
"""After how long a limit starts again from zero. `total`: never."""
PeriodKind = str
"""A `CalendarPeriod`, `14 days from 2026-11-01`, `last 5 hours` or `last 30 days`, as `checked_period` has it."""

SLOT = 900
"""Seconds."""
CALENDAR: tuple[CalendarPeriod, ...] = ("total", "hour", "day", "week", "month", "quarter", "year")
MOST_DAYS = 3660
"""Of a period that begins at a date."""
MOST_ROLLING_DAYS = 366
MINUTE = "minute"
"""Of budgets alone, see `rules.rates`."""
FORMS = f"{', '.join(CALENDAR)}, {MINUTE}, 14 days from 2026-11-01, last 5 hours or last 30 days"
PATTERN = (
    rf"^({MINUTE}|{'|'.join(CALENDAR)}|"
    r"[1-9]\d{0,3} days? from \d{4}-\d{2}-\d{2}|last [1-9]\d{0,3} (hour|day)s?)$"
)
_FROM = re.compile(r"(\d+) days? from (\d{4}-\d{2}-\d{2})")
_LAST = re.compile(r"last (\d+) (hour|day)s?")
_ONE_DAY = timedelta(days=1)
_ONE_HOUR = timedelta(hours=1)
_SLOTS_PER: dict[str, int] = {"hour": 4, "day": 96}


@dataclass(frozen=True, slots=True)
class Period:
    """One period in one time zone. `key` identifies it in the ledger; `ends_at` is None for all time.

    Of a rolling one `key` is that of all time, see `ledger.rolling`, and `ends_at` is when a limit that is reached has
    room again, where that was asked for.
    """

    key: str
    starts_at: datetime | None = None
    ends_at: datetime | None = None


ALL_TIME = Period("total")


def checked_period(text: str) -> PeriodKind:
    """A period in the one way to write it. Raises ValueError, which says what would be right."""
    if text == MINUTE or text in CALENDAR:
        return text
    if not re.fullmatch(PATTERN, text, re.ASCII):
        raise ValueError(f"must be {FORMS}")
    if found := _FROM.fullmatch(text):
        days = int(found[1])
        if days > MOST_DAYS:
            raise ValueError(f"must have at most {MOST_DAYS} days")
        try:
            first = date.fromisoformat(found[2])
        except ValueError:
            raise ValueError("must have a date of the calendar, such as 2026-11-01") from None
        if not 1970 <= first.year <= 9000:
            raise ValueError("must begin in the years 1970 to 9000")
        return f"{days} {_plural('day', days)} from {first.isoformat()}"
    _, number, unit = text.split(" ")
    count, name = int(number), unit.rstrip("s")
    if count * _SLOTS_PER[name] > MOST_ROLLING_DAYS * _SLOTS_PER["day"]:
        raise ValueError(f"must be at most the last {MOST_ROLLING_DAYS} days")
    return f"last {count} {_plural(name, count)}"


@lru_cache(maxsize=256)
def rolling_slots(kind: PeriodKind) -> int | None:
    """How many slots a rolling period has beside the current one. None if it does not roll."""
    found = _LAST.fullmatch(kind)
    return None if found is None else int(found[1]) * _SLOTS_PER[found[2]]


def slot_of(moment: datetime) -> int:
    """The slot that a moment is in, as a number since the epoch."""
    return int(moment.timestamp()) // SLOT


def free_at(slots: Iterable[tuple[int, int]], length: int, limit: int) -> datetime | None:
    """When a rolling period of `length` slots holds less than `limit` again, if nothing is added.

    `slots` are those in it, each with its amount, in order of time. None if it never will: the limit is zero.
    """
    known = list(slots)
    used = sum(amount for _, amount in known)
    for slot, amount in known:
        used -= amount
        if used < limit:
            return datetime.fromtimestamp((slot + length + 1) * SLOT, UTC)
    return None


def period_at(kind: PeriodKind, timezone: str, moment: datetime) -> Period:
    """The period that contains `moment`. Hours begin at the clock's full hour, days at local midnight, weeks on Monday
    (ISO 8601), months, quarters and years on their first day. Those that begin at a date meet it, and go on to both
    sides.

    If summer time begins at midnight and skips it, the day begins with the first minute that exists. An hour that the
    clock shows twice is two periods.
    """
    if kind == "total":
        return ALL_TIME
    length = rolling_slots(kind)
    if length is not None:
        return Period(ALL_TIME.key, datetime.fromtimestamp((slot_of(moment) - length) * SLOT, UTC))
    zone = zone_of(timezone)
    if kind == "hour":
        return _hour(timezone, zone, moment)
    calendar = _calendar(kind)
    first = calendar.first_day(moment.astimezone(zone).date())
    # If clocks change across midnight, the local date and the day that contains the moment differ for a while.
    while moment < _midnight(first, zone):
        first = calendar.first_day(first - _ONE_DAY)
    while first < (following := calendar.following(first)) and moment >= _midnight(following, zone):
        first = following
    return Period(f"{calendar.name(first)} {timezone}", _midnight(first, zone), _midnight(following, zone))


@dataclass(frozen=True, slots=True)
class _Calendar:
    """Periods of whole days."""

    kind: str
    days: int = 1
    origin: date = date(1970, 1, 1)

    def first_day(self, day: date) -> date:
        match self.kind:
            case "week":
                return day - timedelta(days=day.weekday())
            case "month":
                return day.replace(day=1)
            case "quarter":
                return day.replace(month=day.month - (day.month - 1) % 3, day=1)
            case "year":
                return day.replace(month=1, day=1)
            case "day":
                return day
            case _:
                return day - timedelta(days=(day - self.origin).days % self.days)

    def following(self, first: date) -> date:
        try:
            match self.kind:
                case "month" | "quarter" | "year":
                    months = {"month": 1, "quarter": 3, "year": 12}[self.kind]
                    year, month = divmod(first.month - 1 + months, 12)
                    return first.replace(year=first.year + year, month=month + 1)
                case "week":
                    return first + timedelta(days=7)
                case _:
                    return first + timedelta(days=self.days)
        except (OverflowError, ValueError):
            return date.max

    def name(self, first: date) -> str:
        match self.kind:
            case "week":
                year, week, _ = first.isocalendar()
                return f"{year}-W{week:02}"
            case "month":
                return f"{first:%Y-%m}"
            case "quarter":
                return f"{first:%Y}-Q{(first.month + 2) // 3}"
            case "year":
                return f"{first:%Y}"
            case "day":
                return first.isoformat()
            case _:
                return f"{first.isoformat()}+{self.days}"


@lru_cache(maxsize=256)
def _calendar(kind: PeriodKind) -> _Calendar:
    found = _FROM.fullmatch(kind)
    return _Calendar(kind) if found is None else _Calendar("days", int(found[1]), date.fromisoformat(found[2]))


def _hour(timezone: str, zone: ZoneInfo, moment: datetime) -> Period:
    """What a change of the clocks cuts is two periods, and so is an hour that comes twice."""
    local = moment.astimezone(zone)
    start = (moment - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)).astimezone(
        UTC
    )
    end = start + _ONE_HOUR
    offset = local.utcoffset()
    if start.astimezone(zone).utcoffset() != offset:
        start = _change(start, moment, zone)
    if (end - timedelta(microseconds=1)).astimezone(zone).utcoffset() != offset:
        end = _change(moment, end, zone)
    return Period(f"{start:%Y-%m-%dT%H:%M:%S} {timezone}", start, end)


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The second from `before` to `after` at which the offset of the zone is another."""
    low, high = int(before.timestamp()), int(after.timestamp()) + 1
    old = before.astimezone(zone).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, UTC).astimezone(zone).utcoffset() == old:
            low = middle
        else:
            high = middle
    return datetime.fromtimestamp(high, UTC)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _plural(name: str, count: int) -> str:
    return name if count == 1 else f"{name}s"


@lru_cache(maxsize=256)
def zone_of(name: str) -> ZoneInfo:
    """The time zone of an IANA name such as ``Europe/Berlin``. Raises what `ZoneInfo` raises."""
    return ZoneInfo(name)
