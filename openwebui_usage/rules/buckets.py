"""The time that a report is about: from when to when, and the parts that it is cut into in a time zone.

All of it is in whole quarters of an hour since the epoch, for that is what the ledger keeps sums of: `from` is rounded
down and `to` up. No clock is read here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from openwebui_usage.rules.periods import PeriodKind, period_at, zone_of

Bucket = Literal["none", "15m", "hour", "day", "week", "month"]
"""How long the parts are: `none` is one for all of it; weeks begin on Monday."""
BUCKETS: tuple[Bucket, ...] = get_args(Bucket)
MOST_BUCKETS = 20_000

_QUARTER = 900
"""Seconds."""
_DAY = 96
"""Quarters."""
_LATEST = datetime(9999, 1, 1, tzinfo=UTC)


class TooManyBuckets(ValueError):
    """More than `MOST_BUCKETS`."""


@dataclass(frozen=True, slots=True)
class TimeRange:
    """From `start` to `end` (not included), in quarters of an hour since the epoch; days begin as in `timezone`."""

    start: int
    end: int
    timezone: str = "UTC"

    def cut(self, bucket: Bucket) -> list[int]:
        """Where the parts begin, in order; the first may begin within a day, hour, … and the last end within one.

        Where clocks are changed, a day has 23 or 25 hours; an hour ends there, and a new one begins. A day that a zone
        left out has no part. Raises `TooManyBuckets`.
        """
        starts = [self.start]
        for start in self._cuts(bucket):
            if start >= self.end:
                break
            if start > starts[-1]:
                if len(starts) == MOST_BUCKETS:
                    raise TooManyBuckets
                starts.append(start)
        return starts

    def previous(self) -> TimeRange:
        """The time of the same length before: as many months of the zone, else days, else quarters of an hour."""
        zone = zone_of(self.timezone)
        first, last = self._day(self.start), self._day(self.end)
        start = self.start - (self.end - self.start)
        if first is not None and last is not None:
            start = _midnight(first - (last - first), zone)
            if first.day == last.day == 1:
                months = (last.year - first.year) * 12 + last.month - first.month
                start = _midnight(_months_before(first, months), zone)
        return TimeRange(max(0, start), self.start, self.timezone)

    def iso(self, quarter: int) -> str:
        """A quarter's start as ISO 8601 in the time zone, with its offset from UTC."""
        return datetime.fromtimestamp(quarter * _QUARTER, zone_of(self.timezone)).isoformat()

    def _cuts(self, bucket: Bucket) -> Iterator[int]:
        """Where such parts begin, in order, from `start` or before up to `end` at least."""
        if bucket == "none":
            return iter(())
        if bucket == "15m":
            return iter(range(self.start, self.end))
        return self._hours() if bucket == "hour" else self._periods(bucket)

    def _periods(self, kind: PeriodKind) -> Iterator[int]:
        end = self.start
        while end < self.end:
            ends_at = period_at(kind, self.timezone, _moment(end)).ends_at
            if ends_at is None:
                return
            # A zone's offset was no multiple of a quarter long ago, so its day may begin within one.
            end = max(end + 1, int(ends_at.timestamp()) // _QUARTER)
            yield end

    def _hours(self) -> Iterator[int]:
        zone = zone_of(self.timezone)
        start, offset = self.start, _offset(zone, self.start)
        while start < self.end:
            end = min(start + _DAY, self.end)
            next_offset = _offset(zone, end)
            if next_offset != offset:
                end = _change(zone, start, end)
                next_offset = _offset(zone, end)
            yield from range(start + -(start + offset) % 4, end, 4)
            if next_offset != offset:
                yield end
            start, offset = end, next_offset

    def _day(self, quarter: int) -> date | None:
        """The day that begins with a quarter; None where none does."""
        zone = zone_of(self.timezone)
        day = datetime.fromtimestamp(quarter * _QUARTER, zone).date()
        return day if _midnight(day, zone) == quarter else None


def time_range(start: str | None, end: str | None, timezone: str, now: datetime) -> TimeRange:
    """What `from`, `to` and `tz` of a request mean: by default the month that `now` is in.

    A date is the beginning of that day in the zone, and so is `to`, which is not included; a time without an offset is
    the zone's. Raises ValueError that names the parameter, as in ``from: must be …``.
    """
    zone = _zone(timezone)
    first = None if start is None else _quarter("from", start, zone)
    last = None if end is None else _quarter("to", end, zone, round_up=True)
    if first is None:
        month = now if last is None else _moment(last - 1)
        first = _midnight(month.astimezone(zone).date().replace(day=1), zone)
    if last is None:
        month = now if start is None else max(now, _moment(first))
        last = _midnight(_months_before(month.astimezone(zone).date().replace(day=1), -1), zone)
    if last <= first:
        raise ValueError(f"to: must be after from (got {end} with from {start})")
    return TimeRange(first, last, timezone)


def _zone(timezone: str) -> ZoneInfo:
    try:
        return zone_of(timezone)
    except (ValueError, OSError, KeyError):  # no name of a zone at all; a folder; unknown
        raise ValueError(f"tz: must be an IANA time zone such as Europe/Berlin (got {timezone!r})") from None


def _quarter(name: str, text: str, zone: ZoneInfo, *, round_up: bool = False) -> int:
    wrong = f"{name}: must be a date or an instant of ISO 8601, as in 2026-11-01 or 2026-11-01T12:00:00Z (got {text!r})"
    try:
        moment = datetime.fromisoformat(text)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(wrong) from None
    if not 0 <= moment.timestamp() <= _LATEST.timestamp():
        raise ValueError(f"{name}: must be in the years 1970 to 9998 (got {text!r})")
    whole, rest = divmod(moment - _moment(0), timedelta(seconds=_QUARTER))
    return whole + (round_up and bool(rest))


def _midnight(day: date, zone: ZoneInfo) -> int:
    return int(datetime.combine(day, time(), zone).timestamp()) // _QUARTER


def _months_before(first: date, months: int) -> date:
    number = first.year * 12 + first.month - 1 - months
    return date(number // 12, number % 12 + 1, 1)


def _moment(quarter: int) -> datetime:
    return datetime.fromtimestamp(quarter * _QUARTER, UTC)


def _offset(zone: ZoneInfo, quarter: int) -> int:
    """From UTC, in quarters."""
    offset = datetime.fromtimestamp(quarter * _QUARTER, zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds()) // _QUARTER


def _change(zone: ZoneInfo, before: int, after: int) -> int:
    """The first quarter with another offset than `before`, which `after` has."""
    offset = _offset(zone, before)
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(zone, middle) == offset:
            before = middle
        else:
            after = middle
    return after
