"""The parts that a report's time is cut into, in any time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openwebui_usage.rules.buckets import MOST_BUCKETS, Bucket, TimeRange, TooManyBuckets, time_range

NOW = datetime(2026, 11, 28, 12, 34, 56, tzinfo=UTC)


def parts(start: str, end: str, timezone: str, bucket: Bucket) -> list[tuple[str, float]]:
    """Where each part begins, and how many hours it has."""
    time = time_range(start, end, timezone, NOW)
    starts = time.cut(bucket)
    return [(time.iso(first), (last - first) / 4) for first, last in zip(starts, [*starts[1:], time.end], strict=True)]


class TestDays:
    def test_have_23_and_25_hours_where_clocks_are_changed(self) -> None:
        assert parts("2026-03-28", "2026-03-31", "Europe/Berlin", "day") == [
            ("2026-03-28T00:00:00+01:00", 24),
            ("2026-03-29T00:00:00+01:00", 23),
            ("2026-03-30T00:00:00+02:00", 24),
        ]
        assert parts("2026-10-25", "2026-10-26", "Europe/Berlin", "day") == [("2026-10-25T00:00:00+02:00", 25)]

    def test_change_by_half_an_hour_on_lord_howe_island(self) -> None:
        assert parts("2026-04-05", "2026-04-06", "Australia/Lord_Howe", "day") == [("2026-04-05T00:00:00+11:00", 24.5)]
        assert parts("2026-10-04", "2026-10-05", "Australia/Lord_Howe", "day") == [("2026-10-04T00:00:00+10:30", 23.5)]

    def test_begin_at_a_quarter_of_an_hour_in_nepal(self) -> None:
        time = time_range("2026-11-01", "2026-11-02", "Asia/Kathmandu", NOW)
        assert time.start * 900 == datetime(2026, 10, 31, 18, 15, tzinfo=UTC).timestamp()
        assert time.iso(time.start) == "2026-11-01T00:00:00+05:45"

    def test_leave_out_the_one_that_samoa_left_out(self) -> None:
        assert parts("2011-12-29", "2012-01-01", "Pacific/Apia", "day") == [
            ("2011-12-29T00:00:00-10:00", 24),
            ("2011-12-31T00:00:00+14:00", 24),
        ]

    def test_begin_at_one_where_there_is_no_midnight(self) -> None:
        assert parts("2018-11-03", "2018-11-05", "America/Sao_Paulo", "day") == [
            ("2018-11-03T00:00:00-03:00", 24),
            ("2018-11-04T01:00:00-02:00", 23),
        ]

    def test_may_be_cut_at_both_ends(self) -> None:
        assert parts("2026-11-01T10:07", "2026-11-02T10:07", "Asia/Tokyo", "day") == [
            ("2026-11-01T10:00:00+09:00", 14),
            ("2026-11-02T00:00:00+09:00", 10.25),
        ]


class TestHours:
    def test_come_twice_and_never_where_clocks_are_changed(self) -> None:
        assert parts("2026-10-25T01:00", "2026-10-25T04:00", "Europe/Berlin", "hour") == [
            ("2026-10-25T01:00:00+02:00", 1),
            ("2026-10-25T02:00:00+02:00", 1),
            ("2026-10-25T02:00:00+01:00", 1),
            ("2026-10-25T03:00:00+01:00", 1),
        ]
        assert [start[11:16] for start, _ in parts("2026-03-29", "2026-03-29T04:00", "Europe/Berlin", "hour")] == [
            "00:00",
            "01:00",
            "03:00",
        ]

    def test_have_30_minutes_on_lord_howe_island(self) -> None:
        assert parts("2026-04-05T01:00", "2026-04-05T03:00", "Australia/Lord_Howe", "hour") == [
            ("2026-04-05T01:00:00+11:00", 1),
            ("2026-04-05T01:30:00+10:30", 0.5),
            ("2026-04-05T02:00:00+10:30", 1),
        ]
        assert parts("2026-10-04T01:00", "2026-10-04T04:00", "Australia/Lord_Howe", "hour") == [
            ("2026-10-04T01:00:00+10:30", 1),
            ("2026-10-04T02:30:00+11:00", 0.5),
            ("2026-10-04T03:00:00+11:00", 1),
        ]

    def test_are_full_hours_of_the_zone(self) -> None:
        assert parts("2026-11-01T00:20", "2026-11-01T02:00", "Asia/Kathmandu", "hour") == [
            ("2026-11-01T00:15:00+05:45", 0.75),
            ("2026-11-01T01:00:00+05:45", 1),
        ]


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    assert [start[:10] for start, _ in parts("2026-11-01", "2026-11-12", "Europe/Paris", "week")] == [
        "2026-11-01",
        "2026-11-02",
        "2026-11-09",
    ]
    assert parts("2026-02-15", "2026-04-02", "America/New_York", "month") == [
        ("2026-02-15T00:00:00-05:00", 14 * 24),
        ("2026-03-01T00:00:00-05:00", 31 * 24 - 1),
        ("2026-04-01T00:00:00-04:00", 24),
    ]


@given(
    st.sampled_from(
        ["UTC", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Monrovia", "Europe/Dublin"]
    ),
    st.sampled_from(["15m", "hour", "day", "week", "month"]),
    st.integers(0, 2_200_000),
    st.integers(1, 3000),
)
def test_parts_are_whole_and_in_order(timezone: str, bucket: Bucket, start: int, length: int) -> None:
    """Each begins where the one before ends, and all quarters of an hour of a part have the same local name."""
    time, zone = TimeRange(start, start + length, timezone), ZoneInfo(timezone)
    starts = time.cut(bucket)
    assert starts[0] == start
    assert starts == sorted(set(starts))
    assert starts[-1] < time.end
    names = {"hour": "%Y-%m-%d %H %z", "day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m"}
    if bucket in names and start > 110_000:  # Liberia's offset was no multiple of a quarter until 1972.
        for first, last in zip(starts, [*starts[1:], time.end], strict=True):
            ends = (
                datetime.fromtimestamp(quarter * 900, zone).strftime(names[bucket]) for quarter in (first, last - 1)
            )
            assert len(set(ends)) == 1
        local = [datetime.fromtimestamp(first * 900, zone).strftime(names[bucket]) for first in starts]
        assert len(set(local)) == len(local)


class TestWhatIsAskedFor:
    def test_is_this_month_by_default(self) -> None:
        time = time_range(None, None, "Europe/Berlin", NOW)
        assert (time.iso(time.start), time.iso(time.end)) == ("2026-11-01T00:00:00+01:00", "2026-12-01T00:00:00+01:00")

    def test_ends_with_this_month_or_begins_with_the_month_of_its_end(self) -> None:
        time = time_range("2026-09-15", None, "UTC", NOW)
        assert (time.iso(time.start)[:10], time.iso(time.end)[:10]) == ("2026-09-15", "2026-12-01")
        time = time_range("2027-02-03", None, "UTC", NOW)
        assert (time.iso(time.start)[:10], time.iso(time.end)[:10]) == ("2027-02-03", "2027-03-01")
        time = time_range(None, "2026-09-01", "UTC", NOW)
        assert (time.iso(time.start)[:10], time.iso(time.end)[:10]) == ("2026-08-01", "2026-09-01")

    @pytest.mark.parametrize(
        "text", ["2026-11-01T10:00:00Z", "2026-11-01T11:00:00+01:00", "2026-11-01T11:00", "2026-11-01 11:00:00"]
    )
    def test_may_be_an_instant_with_or_without_an_offset(self, text: str) -> None:
        time = time_range(text, "2026-11-02", "Europe/Berlin", NOW)
        assert time.iso(time.start) == "2026-11-01T11:00:00+01:00"

    def test_is_rounded_to_quarters_of_an_hour_outwards(self) -> None:
        time = time_range("2026-11-01T10:14:59.5Z", "2026-11-01T10:30:00.001Z", "UTC", NOW)
        assert (time.iso(time.start), time.iso(time.end)) == ("2026-11-01T10:00:00+00:00", "2026-11-01T10:45:00+00:00")

    @pytest.mark.parametrize(
        ("start", "end", "timezone", "problem"),
        [
            ("yesterday", None, "UTC", "from: must be a date or an instant"),
            (None, "2026-13-01", "UTC", "to: must be a date or an instant"),
            ("", None, "UTC", "from: must be"),
            ("1969-12-31", None, "UTC", "from: must be in the years 1970 to 9998"),
            (None, "9999-12-31", "Pacific/Apia", "to: must be in the years 1970 to 9998"),
            ("0001-01-01", None, "Asia/Tokyo", "from: must be"),
            ("2026-11-02", "2026-11-02", "UTC", "to: must be after from"),
            (None, None, "Europe/Atlantis", "tz: must be an IANA time zone"),
            (None, None, "", "tz: must be an IANA time zone"),
            (None, None, "../../etc/passwd", "tz: must be an IANA time zone"),
            (None, None, "a\0b", "tz: must be an IANA time zone"),
            (None, None, "Europe", "tz: must be an IANA time zone"),
            (None, None, "x" * 5000, "tz: must be an IANA time zone"),
        ],
    )
    def test_is_named_where_it_is_wrong(self, start: str | None, end: str | None, timezone: str, problem: str) -> None:
        with pytest.raises(ValueError, match=f"^{problem}"):
            time_range(start, end, timezone, NOW)


class TestTheTimeBefore:
    @pytest.mark.parametrize(
        ("start", "end", "before"),
        [
            ("2026-11-01", "2026-12-01", "2026-10-01T00:00:00+02:00"),
            ("2026-01-01", "2026-04-01", "2025-10-01T00:00:00+02:00"),
            ("2026-10-25", "2026-10-26", "2026-10-24T00:00:00+02:00"),
            ("2026-10-26", "2026-11-02", "2026-10-19T00:00:00+02:00"),
            ("2026-10-25T12:00", "2026-10-26T00:00", "2026-10-25T01:00:00+02:00"),
        ],
    )
    def test_has_as_many_months_or_days_or_hours(self, start: str, end: str, before: str) -> None:
        time = time_range(start, end, "Europe/Berlin", NOW)
        assert time.previous().end == time.start
        assert time.iso(time.previous().start) == before

    def test_does_not_begin_before_1970(self) -> None:
        assert TimeRange(10, 100).previous() == TimeRange(0, 10)


def test_there_are_at_most_20_000_parts() -> None:
    start = 1_900_000
    assert len(TimeRange(start, start + MOST_BUCKETS).cut("15m")) == MOST_BUCKETS
    for bucket, quarters in (("15m", 1), ("hour", 4), ("day", 96)):
        with pytest.raises(TooManyBuckets):
            TimeRange(start, start + quarters * MOST_BUCKETS + quarters, "Asia/Kathmandu").cut(bucket)  # type: ignore[arg-type]


def test_the_longest_time_is_refused_at_once() -> None:
    began = datetime.now(UTC)
    time = time_range("1970-01-02", "9998-12-31", "Europe/Berlin", NOW)
    with pytest.raises(TooManyBuckets):
        time.cut("hour")
    assert datetime.now(UTC) - began < timedelta(seconds=2)
