"""When a limit is reached: by the last week's pace, and by what weekdays are like where four weeks are known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openwebui_usage.rules.forecast import MOST_DAYS, Forecast, days_before, forecast
from openwebui_usage.rules.periods import PeriodKind, period_at

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
"""A Wednesday."""
WORK = (100, 100, 0, 0, 100, 100, 100)
"""From a Thursday to the Wednesday after: nothing at the weekend."""


def of(
    days: list[int], used: int = 0, limit: int = 10**9, period: PeriodKind = "month", now: datetime = NOON
) -> Forecast:
    return forecast(days, used, limit, period_at(period, "UTC", now), "UTC", now)


def weeks_until(day: datetime, count: int = 4) -> list[int]:
    """So many weeks of work, up to the day before `day`."""
    before = [day - timedelta(days=number) for number in range(count * 7, 0, -1)]
    return [0 if each.weekday() >= 5 else 100 for each in before]


def test_even_use_goes_on() -> None:
    found = of([70] * 28, used=1000, limit=1500)
    assert found.pace == 70
    assert found.projection is not None
    assert found.projection.at == datetime(2026, 12, 1, tzinfo=UTC)
    assert (found.projection.low, found.projection.expected, found.projection.high) == (1875, 1875, 1875), (
        "half of today and twelve days more, which never differed"
    )
    # Half of today uses 35, six days 420: 45 more are reached at 45/70 of the seventh.
    assert found.reached_at == datetime(2026, 11, 25, tzinfo=UTC) + timedelta(days=45 / 70)
    assert found.reason is None


def test_a_weekend_uses_what_weekends_do_where_four_weeks_are_known() -> None:
    friday = datetime(2026, 11, 20, 0, tzinfo=UTC)
    found = of(weeks_until(friday), used=0, limit=150, now=friday)
    assert found.pace == pytest.approx(500 / 7)
    assert found.reached_at == datetime(2026, 11, 23, 12, tzinfo=UTC), "not on Saturday, but on Monday"
    assert found.projection is not None
    assert found.projection.expected == 7 * 100, "Friday, five days of the week after, and Monday"
    assert found.projection.low == found.projection.high == 700, "each weekday was always the same"


def test_a_weekend_is_a_day_like_any_other_where_less_is_known() -> None:
    friday = datetime(2026, 11, 20, 0, tzinfo=UTC)
    found = of(weeks_until(friday)[1:], limit=150, now=friday)
    assert found.reached_at is not None
    assert found.reached_at == friday + timedelta(days=150 / (500 / 7))
    assert found.projection is not None
    assert found.projection.low < found.projection.expected == round(11 * 500 / 7) < found.projection.high


def test_what_is_new_has_no_pace_and_says_why() -> None:
    found = of([], used=40)
    assert found == Forecast(None, None, None, "no_history")
    assert of([], used=40, limit=40).reached_at == NOON


def test_what_nobody_uses_is_never_reached() -> None:
    found = of([0] * 28)
    assert (found.pace, found.reached_at) == (0, None)
    assert found.projection is not None
    assert (found.projection.low, found.projection.expected, found.projection.high) == (0, 0, 0)


def test_the_pace_is_the_last_weeks_and_the_range_is_as_wide_as_days_differ() -> None:
    found = of([10] * 21 + [80, 120] * 3 + [100])
    assert found.pace == 100
    quiet, wild = of([90, 110] * 4), of([0, 200] * 4)
    assert quiet.projection is not None
    assert wild.projection is not None
    assert wild.projection.high - wild.projection.low > 3 * (quiet.projection.high - quiet.projection.low)


def test_one_day_is_enough_for_a_guess() -> None:
    found = of([50])
    assert found.pace == 50
    assert found.projection is not None
    assert found.projection.low == 0 < found.projection.expected == 625 < found.projection.high


def test_a_limit_that_is_reached_after_the_period_is_not_reached() -> None:
    assert of([70] * 28, used=0, limit=100, period="day").reached_at is None
    assert of([70] * 28, used=0, limit=100, period="week").reached_at is not None


def test_what_is_reached_is_reached_now() -> None:
    assert of([70] * 28, used=100, limit=100).reached_at == NOON
    assert of([0] * 28, used=0, limit=0).reached_at == NOON


def test_a_limit_without_periods_is_reached_one_day_and_projected_to_the_end_of_the_month() -> None:
    found = of([10] * 28, limit=10 * 365, period="total")
    assert found.reached_at == NOON + timedelta(days=365)
    assert found.projection is not None
    assert found.projection.at == datetime(2026, 12, 1, tzinfo=UTC)
    assert of([1] * 28, limit=10**6, period="total").reached_at is None, "not in ten years"


def test_days_are_those_of_the_limits_own_zone() -> None:
    # In Berlin, whose clocks are set back on that day: it has 25 hours.
    now = datetime(2026, 10, 25, 11, tzinfo=UTC)
    days = days_before(now, "Europe/Berlin")
    assert len(days) == MOST_DAYS
    assert days[-1] == (datetime(2026, 10, 23, 22, tzinfo=UTC), datetime(2026, 10, 24, 22, tzinfo=UTC))
    found = forecast([100] * 28, 0, 24, period_at("day", "Europe/Berlin", now), "Europe/Berlin", now)
    assert found.reached_at == now + timedelta(hours=6)
    assert found.projection is not None
    assert found.projection.expected == 48


@given(
    st.lists(st.integers(0, 10**6), max_size=40),
    st.integers(0, 10**7),
    st.integers(0, 10**7),
    st.sampled_from(["day", "week", "month", "total"]),
    st.sampled_from(["UTC", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Santiago"]),
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),
)
def test_its_numbers_go_together(
    days: list[int], used: int, limit: int, kind: PeriodKind, timezone: str, moment: datetime
) -> None:
    now = moment.replace(tzinfo=UTC)
    period = period_at(kind, timezone, now)
    found = forecast(days, used, limit, period, timezone, now)
    if found.reached_at is not None:
        assert found.reached_at >= now
        assert period.ends_at is None or found.reached_at < period.ends_at
    if found.projection is None:
        assert (days, found.pace) == ([], None)
        return
    assert used <= found.projection.low <= found.projection.expected <= found.projection.high
    if kind != "total" and used < limit:
        # Rounded to whole units, which a limit may lie between.
        assert (found.reached_at is not None) == (found.projection.expected >= limit) or (
            abs(found.projection.expected - limit) <= 1
        )
