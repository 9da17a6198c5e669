"""Periods, budgets and decisions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openwebui_usage.rules.budgets import (
    Budget,
    Counter,
    ExpectedUsage,
    Refusal,
    Scope,
    Subject,
    crossed,
    decide,
    retry_after,
    subject_of,
)
from openwebui_usage.rules.groups import Group, Sums
from openwebui_usage.rules.money import NANO
from openwebui_usage.rules.periods import Period, period_at
from openwebui_usage.rules.refusal_texts import amount, refusal_message

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)).map(lambda moment: moment.replace(tzinfo=UTC))
KINDS = st.sampled_from(["day", "week", "month"])
ZONES = st.sampled_from(sorted(zone for zone in available_timezones() if "/" in zone or zone == "UTC"))


class TestPeriods:
    @given(MOMENTS, KINDS, ZONES)
    def test_hold_their_moment_and_meet_without_gap_or_overlap(self, moment: datetime, kind: str, zone: str) -> None:
        self.check(moment, kind, zone)

    def check(self, moment: datetime, kind: str, zone: str) -> None:
        period = period_at(kind, zone, moment)  # type: ignore[arg-type]
        assert period.starts_at is not None
        assert period.ends_at is not None
        assert period.starts_at <= moment < period.ends_at
        last = period.ends_at - timedelta(microseconds=1)
        assert period_at(kind, zone, period.starts_at) == period  # type: ignore[arg-type]
        assert period_at(kind, zone, last) == period  # type: ignore[arg-type]
        following = period_at(kind, zone, period.ends_at)  # type: ignore[arg-type]
        assert following.starts_at == period.ends_at
        assert following.key != period.key

    @pytest.mark.parametrize(
        ("kind", "zone", "moment", "starts", "ends"),
        [
            ("day", "UTC", "2024-02-29T23:59", "2024-02-29T00:00", "2024-03-01T00:00"),
            ("month", "UTC", "2024-02-29T12:00", "2024-02-01T00:00", "2024-03-01T00:00"),
            ("month", "Europe/Berlin", "2026-11-30T23:30", "2026-11-30T23:00", "2026-12-31T23:00"),
            ("week", "UTC", "2027-01-01T00:00", "2026-12-28T00:00", "2027-01-04T00:00"),
            ("day", "Europe/Berlin", "2026-03-29T12:00", "2026-03-28T23:00", "2026-03-29T22:00"),  # 23 hours
            ("day", "Europe/Berlin", "2026-10-25T12:00", "2026-10-24T22:00", "2026-10-25T23:00"),  # 25 hours
            ("day", "Asia/Kathmandu", "2026-11-23T18:14", "2026-11-22T18:15", "2026-11-23T18:15"),
        ],
    )
    def test_are_cut_where_people_expect_it(self, kind: str, zone: str, moment: str, starts: str, ends: str) -> None:
        at = datetime.fromisoformat(f"{moment}+00:00")
        period = period_at(kind, zone, at)  # type: ignore[arg-type]
        assert (period.starts_at, period.ends_at) == tuple(
            datetime.fromisoformat(f"{text}+00:00") for text in (starts, ends)
        )

    @pytest.mark.parametrize(
        ("zone", "moment"),
        [
            ("America/St_Johns", "2010-11-07T02:31"),  # Back at 00:01: midnight comes twice.
            ("America/St_Johns", "2010-11-07T02:29"),
            ("America/St_Johns", "2010-11-07T03:30"),
            ("Africa/Cairo", "2026-04-23T22:00"),  # Forth at midnight: there is none.
            ("America/Santiago", "2026-09-06T04:00"),
            ("Asia/Beirut", "2026-03-28T22:00"),
            ("Asia/Beirut", "2026-10-24T21:30"),  # Back at midnight.
            ("America/Havana", "2026-11-01T04:30"),
            ("Pacific/Apia", "2011-12-30T10:00"),  # A day is left out.
            ("Pacific/Apia", "2011-12-30T09:59"),
            ("Australia/Lord_Howe", "2026-04-04T15:00"),  # Half an hour.
            ("Asia/Kathmandu", "2026-11-23T18:15"),
            ("Asia/Pyongyang", "2015-08-14T15:15"),  # Back by half an hour, across midnight.
            ("Asia/Pyongyang", "2018-05-04T14:45"),  # Forth by half an hour, across midnight.
        ],
    )
    def test_hold_their_moment_whatever_the_clocks_do(self, zone: str, moment: str) -> None:
        at = datetime.fromisoformat(f"{moment}+00:00")
        for kind in ("day", "week", "month"):
            for minutes in range(-180, 181, 15):
                self.check(at + timedelta(minutes=minutes), kind, zone)

    def test_the_one_without_end_never_ends(self) -> None:
        assert period_at("total", "UTC", NOW) == Period("total")


GROUP = Group("g1", "gpt-4-group", ("gpt-4*",))
ANN, BOB = Subject("ann", frozenset({"staff"})), Subject("bob")


class TestABudget:
    @pytest.mark.parametrize(
        ("scope", "ann", "bob"),
        [
            (Scope(), "b", "b"),
            (Scope("each_user"), "b:ann", "b:bob"),
            (Scope("user", "ann"), "b", None),
            (Scope("group", "staff"), "b", None),
            (Scope("each_user_of_group", "staff"), "b:ann", None),
        ],
    )
    def test_binds_whom_it_names(self, scope: Scope, ann: str | None, bob: str | None) -> None:
        budget = Budget("b", "b", 1, scope=scope)
        assert [subject_of(budget, who) if scope.binds(who) else None for who in (ANN, BOB)] == [ann, bob]

    @pytest.mark.parametrize(
        ("budget", "covered"),
        [
            (Budget("b", "b", 1), True),
            (Budget("b", "b", 1, models=("gpt-4*",)), True),
            (Budget("b", "b", 1, models=("o1",)), False),
            (Budget("b", "b", 1, group="another name by now", group_id=GROUP.id), True),
            (Budget("b", "b", 1, group="gone", group_id="gone"), False),
            (Budget("b", "b", 1, group=GROUP.name), False),
        ],
    )
    def test_covers_models_or_a_usage_group(self, budget: Budget, covered: bool) -> None:
        assert budget.covers(["my-gpt", "gpt-4o"], [GROUP]) is covered

    def test_counts_in_its_own_unit(self) -> None:
        sums = Sums(calls=3, input=100, completion=50, reasoning=20, output=50, cost_nano=7)
        wanted = ExpectedUsage(input=100, output=50, reasoning=20, cost_nano=7)
        for budget, used in [
            (Budget("b", "b", 1), 170),
            (Budget("b", "b", 1, counting="billed"), 150),
            (Budget("b", "b", 1, unit="usd"), 7),
        ]:
            assert (budget.used(sums), wanted.of(budget)) == (used, used)
        assert Budget("b", "b", 1, unit="requests").used(sums) == 3


@given(st.lists(st.integers(0, 500)), st.integers(1, 1000), st.lists(st.integers(1, 99), max_size=4))
def test_each_mark_is_crossed_once_however_the_use_is_split(
    steps: list[int], limit: int, soft_limits: list[int]
) -> None:
    budget = Budget("b", "b", limit, soft_limits=tuple(soft_limits))
    used, seen = 0, []
    for step in steps:
        seen += crossed(budget, used, used + step)
        used += step
    assert seen == [mark for mark in sorted({*soft_limits, 100}) if mark * limit <= used * 100]


@pytest.mark.parametrize(
    ("used", "reserved", "admitted"), [(0, 0, True), (99, 0, True), (100, 0, False), (50, 50, False)]
)
def test_a_call_is_admitted_while_use_and_reservations_stay_below_the_limit(
    used: int, reserved: int, admitted: bool
) -> None:
    assert decide(100, used, reserved) is admitted


class TestARefusal:
    budget = Budget("b", "gpt-4-group", 1_000_000, period="month")
    refusal = Refusal(Counter(budget, "b", period_at("month", "UTC", NOW)), 1_000_123, 0)

    def test_says_what_of_how_much_and_until_when(self) -> None:
        assert (
            refusal_message(self.refusal, NOW)
            == 'Usage limit reached for "gpt-4-group": 1,000,123 of 1,000,000 tokens. Resets 1 December.'
        )
        assert retry_after(self.refusal, NOW) == 7 * 86400 + 12 * 3600 + 1

    @pytest.mark.parametrize(
        ("changes", "used", "text"),
        [
            ({"unit": "requests", "limit": 50}, 50, "50 of 50 requests. Resets 1 December."),
            ({"unit": "usd", "limit": 25 * NANO}, 25 * NANO + 1, "$25.00 of $25.00. Resets 1 December."),
            ({"limit": 0}, 0, "0 of 0 tokens. Resets 1 December."),
            ({"period": "day"}, 10**6, "1,000,000 of 1,000,000 tokens. Resets 24 November."),
            ({"period": "week"}, 10**6, "1,000,000 of 1,000,000 tokens. Resets 30 November."),
        ],
    )
    def test_names_its_unit_and_its_period(self, changes: dict[str, object], used: int, text: str) -> None:
        budget = replace(self.budget, **changes)  # type: ignore[arg-type]
        refusal = Refusal(Counter(budget, "b", period_at(budget.period, "UTC", NOW)), used, 0)
        assert refusal_message(refusal, NOW) == f'Usage limit reached for "gpt-4-group": {text}'

    def test_over_the_turn_of_the_year_says_which_year(self) -> None:
        eve = datetime(2026, 12, 31, 12, tzinfo=UTC)
        refusal = replace(self.refusal, counter=Counter(self.budget, "b", period_at("month", "UTC", eve)))
        assert refusal_message(refusal, eve).endswith("Resets 1 January 2027.")

    def test_in_another_zone_speaks_of_its_midnight(self) -> None:
        for zone, day in (("Pacific/Auckland", "24 November"), ("Asia/Kathmandu", "24 November")):
            budget = replace(self.budget, period="day", timezone=zone)
            moment = datetime(2026, 11, 23, 5, tzinfo=UTC)
            refusal = Refusal(Counter(budget, "b", period_at("day", zone, moment)), 10**6, 0)
            assert refusal_message(refusal, moment).endswith(f"Resets {day}.")

    def test_after_its_period_can_be_tried_again_at_once(self) -> None:
        assert retry_after(self.refusal, datetime(2027, 1, 1, tzinfo=UTC)) == 1

    def test_without_end_promises_no_reset(self) -> None:
        refusal = replace(self.refusal, counter=Counter(replace(self.budget, period="total"), "b", Period("total")))
        assert refusal_message(refusal, NOW).endswith("1,000,000 tokens.")
        assert retry_after(refusal, NOW) is None

    def test_of_calls_under_way_asks_to_try_again(self) -> None:
        refusal = replace(self.refusal, used=10, reserved=999_990)
        assert refusal_message(refusal, NOW).endswith("Try again in a moment.")
        assert retry_after(refusal, NOW) == 5


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1_000_123, "tokens", "1,000,123"),
        (0, "usd", "$0.00"),
        (12_345 * NANO // 1000, "usd", "$12.35"),
        (2_547_000, "usd", "$0.002547"),
        (1, "usd", "$0.000000001"),  # Something is never shown as nothing.
        (999, "usd", "$0.000000999"),
        (9_999_999, "usd", "$0.010000"),
        (10_000_000, "usd", "$0.01"),
        (123_456_789 * NANO + 5_000_000, "usd", "$123,456,789.01"),
        (10**15, "requests", "1,000,000,000,000,000"),
    ],
)
def test_amounts_read_as_people_write_them(value: int, unit: str, text: str) -> None:
    assert amount(value, unit) == text  # type: ignore[arg-type]
