"""Periods beside days, weeks and months, and windows that move with the time."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from openwebui_usage.admission.budget_status import budget_statuses
from openwebui_usage.admission.counters import MemoryCounters
from openwebui_usage.admission.gate import Gate
from openwebui_usage.admission.request import CallRequest
from openwebui_usage.ledger import CallInfo, Store
from openwebui_usage.ledger.recording import Key
from openwebui_usage.ledger.rolling import remove_old_slots, slot_key
from openwebui_usage.ledger.schema import usage_total
from openwebui_usage.rules.budgets import Budget, Refusal, Scope, Subject, retry_after
from openwebui_usage.rules.forecast import rolling_forecast
from openwebui_usage.rules.groups import Sums
from openwebui_usage.rules.periods import SLOT, checked_period, free_at, period_at, rolling_slots
from openwebui_usage.rules.replay import Replay
from openwebui_usage.rules.tokens import TokenUsage
from openwebui_usage.webhook import notices
from tests.support.recorder import call_row, engine_like_open_webui

MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)).map(lambda moment: moment.replace(tzinfo=UTC))
ZONES = st.sampled_from(sorted(zone for zone in available_timezones() if "/" in zone or zone == "UTC"))
FROM_A_DATE = st.builds(
    lambda days, first: f"{days} days from {first}", st.integers(2, 400), st.dates(datetime(1999, 1, 1).date())
).filter(lambda text: text[-10:] < "9000")
KINDS = st.sampled_from(["hour", "day", "week", "month", "quarter", "year"]) | FROM_A_DATE
ANN = Subject("ann")


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


class TestPeriods:
    @given(MOMENTS, KINDS, ZONES)
    def test_hold_their_moment_and_meet_without_gap_or_overlap(self, moment: datetime, kind: str, zone: str) -> None:
        period = period_at(kind, zone, moment)
        assert period.starts_at is not None
        assert period.ends_at is not None
        assert period.starts_at <= moment < period.ends_at
        assert period_at(kind, zone, period.starts_at) == period
        assert period_at(kind, zone, period.ends_at - timedelta(microseconds=1)) == period
        following = period_at(kind, zone, period.ends_at)
        assert following.starts_at == period.ends_at
        assert following.key != period.key

    @pytest.mark.parametrize(
        ("kind", "zone", "moment", "starts", "ends"),
        [
            ("hour", "UTC", "2026-11-23T12:34:56", "2026-11-23T12:00", "2026-11-23T13:00"),
            ("hour", "Asia/Kathmandu", "2026-11-23T12:34", "2026-11-23T12:15", "2026-11-23T13:15"),
            # The clock shows two to three twice: two periods.
            ("hour", "Europe/Berlin", "2026-10-25T00:30", "2026-10-25T00:00", "2026-10-25T01:00"),
            ("hour", "Europe/Berlin", "2026-10-25T01:30", "2026-10-25T01:00", "2026-10-25T02:00"),
            # Half an hour is left out, or comes twice.
            ("hour", "Australia/Lord_Howe", "2026-10-03T15:40", "2026-10-03T15:30", "2026-10-03T16:00"),
            ("hour", "Australia/Lord_Howe", "2026-04-04T15:10", "2026-04-04T15:00", "2026-04-04T15:30"),
            ("quarter", "UTC", "2024-02-29T23:59", "2024-01-01T00:00", "2024-04-01T00:00"),
            ("quarter", "Europe/Berlin", "2026-12-31T22:59", "2026-09-30T22:00", "2026-12-31T23:00"),
            ("year", "UTC", "2024-02-29T00:00", "2024-01-01T00:00", "2025-01-01T00:00"),
            ("year", "Asia/Tokyo", "2026-12-31T15:00", "2026-12-31T15:00", "2027-12-31T15:00"),
            ("14 days from 2026-11-01", "UTC", "2026-11-01T00:00", "2026-11-01T00:00", "2026-11-15T00:00"),
            ("14 days from 2026-11-01", "UTC", "2026-11-30T12:00", "2026-11-29T00:00", "2026-12-13T00:00"),
            ("14 days from 2026-11-01", "UTC", "2026-10-31T12:00", "2026-10-18T00:00", "2026-11-01T00:00"),
            ("30 days from 2024-02-15", "UTC", "2024-03-01T00:00", "2024-02-15T00:00", "2024-03-16T00:00"),
            ("2 days from 2026-03-28", "Europe/Berlin", "2026-03-29T12:00", "2026-03-27T23:00", "2026-03-29T22:00"),
            ("2 days from 2026-10-24", "Europe/Berlin", "2026-10-24T12:00", "2026-10-23T22:00", "2026-10-25T23:00"),
        ],
    )
    def test_are_cut_where_people_expect_it(self, kind: str, zone: str, moment: str, starts: str, ends: str) -> None:
        period = period_at(kind, zone, at(moment))
        assert (period.starts_at, period.ends_at) == (at(starts), at(ends))

    @pytest.mark.parametrize(
        ("text", "checked"),
        [
            ("month", "month"),
            ("1 days from 2026-11-01", "1 day from 2026-11-01"),
            ("14 day from 2026-11-01", "14 days from 2026-11-01"),
            ("last 1 hours", "last 1 hour"),
            ("last 30 days", "last 30 days"),
        ],
    )
    def test_are_written_in_one_way(self, text: str, checked: str) -> None:
        assert checked_period(text) == checked
        assert checked_period(checked) == checked

    @pytest.mark.parametrize(
        ("text", "wrong"),
        [
            ("fortnight", "must be total, hour, day"),
            ("last 0 hours", "must be total"),
            ("last 5 minutes", "must be total"),
            ("last 400 days", "at most the last 366 days"),
            ("14 days from 2026-02-29", "a date of the calendar"),
            ("4000 days from 2026-11-01", "at most 3660 days"),
            ("14 days from 1800-01-01", "the years 1970 to 9000"),
            ("last \u0665 hours", "must be total"),
        ],
    )
    def test_that_are_none_say_what_would_be_right(self, text: str, wrong: str) -> None:
        with pytest.raises(ValueError, match=wrong):
            checked_period(text)


CALLS = st.lists(st.tuples(st.integers(0, 60 * SLOT), st.integers(0, 5)), max_size=40).map(sorted)


class TestRolling:
    @given(CALLS, st.integers(1, 12), st.integers(1, 12))
    def test_no_span_of_its_length_ever_holds_more_than_the_limit_and_one_call(
        self, calls: list[tuple[int, int]], hours: int, limit: int
    ) -> None:
        replay = Replay(Budget("b", "b", limit, period=f"last {hours} hours"))
        admitted = [call for call in calls if not replay.call(float(call[0]), ANN, call[1])]
        for end, last in admitted:
            within = [amount for moment, amount in admitted if end - hours * 3600 <= moment <= end]
            assert sum(within) < limit + max(last, 5)

    @given(CALLS, st.integers(1, 12), st.integers(0, 12))
    def test_at_the_time_that_it_tells_there_is_room_and_not_before(
        self, calls: list[tuple[int, int]], hours: int, limit: int
    ) -> None:
        length = rolling_slots(f"last {hours} hours")
        assert length is not None
        sums: dict[int, int] = {}
        for moment, amount in calls:
            sums[moment // SLOT] = sums.get(moment // SLOT, 0) + amount
        now = max(sums, default=0)
        slots = [(slot, amount) for slot, amount in sorted(sums.items()) if slot >= now - length]

        def used(slot: int) -> int:
            return sum(amount for each, amount in slots if each >= slot - length)

        moment = free_at(slots, length, limit)
        if moment is None:
            assert not slots or limit == 0
        else:
            slot = int(moment.timestamp()) // SLOT
            assert used(slot) < limit
            assert used(slot - 1) >= limit or used(now) < limit

    def test_is_expected_to_be_reached_though_some_of_it_is_free_before(self) -> None:
        now = datetime(2026, 11, 23, 12, tzinfo=UTC)
        slot, length = int(now.timestamp()) // SLOT, 20
        steady = rolling_forecast([240] * 7, [], length, 40, "UTC", now)
        assert steady.reached_at == now + timedelta(hours=4), "ten an hour"
        assert steady.projection is not None
        assert (steady.projection.at, steady.projection.expected) == (now + timedelta(hours=5), 50)
        early = rolling_forecast([240] * 7, [(slot - 19, 30)], length, 40, "UTC", now)
        assert early.reached_at is not None
        assert early.reached_at > now + timedelta(hours=1), "thirty leave within half an hour"
        assert rolling_forecast([240] * 7, [], length, 60, "UTC", now).reached_at is None


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(engine_like_open_webui(f"sqlite:///{tmp_path}/webui.db"))
    store.migrate()
    return store


def record(store: Store, ago: float, tokens: int = 10, user: str = "ann", **others: Any) -> Any:
    row = call_row(started_at=time.time() - ago, usage=TokenUsage(input=tokens), user_id=user, **others)
    return store.record([row])


def used(store: Store) -> tuple[int, datetime | None]:
    [(counter, sums)] = budget_statuses(store, [ANN], datetime.now(UTC))[ANN]
    return counter.budget.used(sums), counter.period.ends_at


class TestLedger:
    def test_counts_the_window_alone(self, store: Store) -> None:
        store.create_budget(Budget("", "b", 100, scope=Scope("each_user"), period="last 5 hours"))
        for ago in (6 * 3600, 4 * 3600, 1800, 0):
            record(store, ago)
        record(store, 60, user="bob")
        assert used(store) == (30, None)

    def test_a_new_one_begins_with_what_the_window_used_before(self, store: Store) -> None:
        for ago in (6 * 3600, 4 * 3600, 0):
            record(store, ago)
        store.create_budget(Budget("", "b", 100, scope=Scope("each_user"), period="last 5 hours"))
        record(store, 1800)
        assert used(store) == (30, None)
        store.update_budget("b", {"period": "last 1 hour"})
        assert used(store) == (20, None)
        store.update_budget("b", {"period": "total"})
        assert used(store) == (40, None)

    def test_says_when_there_is_room_again(self, store: Store) -> None:
        store.create_budget(Budget("", "b", 20, scope=Scope("each_user"), period="last 5 hours"))
        first = record(store, 4 * 3600).rows[0].started_at
        assert used(store) == (10, None)
        record(store, 0)
        amount, free = used(store)
        assert amount == 20
        assert free == datetime.fromtimestamp((first // SLOT + 1) * SLOT + 5 * 3600, UTC)

    def test_tells_the_webhook_of_the_window(self, store: Store) -> None:
        told: list[dict[str, Any]] = []

        def note(change: Any, now: datetime) -> list[dict[str, Any]]:
            told.extend(notices(change, now))
            return []

        store.notices = note
        store.create_budget(Budget("", "b", 20, scope=Scope("each_user"), period="last 5 hours", soft_limits=()))
        record(store, 36 * 3600, 1000)
        record(store, 0, 15)
        assert told == []
        record(store, 0, 15)
        [notice] = told
        assert (notice["event"], notice["used"], notice["limit"]) == ("limit", 30, 20)
        assert notice["resets_at"] is not None

    @pytest.mark.parametrize(("ago", "told"), [(7, []), (40, ["limit"])])
    def test_tells_a_mark_again_after_a_day_below_it(self, store: Store, ago: float, told: list[str]) -> None:
        store.create_budget(Budget("", "b", 20, scope=Scope("each_user"), period="last 5 hours", soft_limits=()))
        record(store, ago * 3600, 25)
        found: list[str] = []

        def note(change: Any, now: datetime) -> list[dict[str, Any]]:
            made = list(notices(change, now))
            found.extend(notice["event"] for notice in made)
            return made

        store.notices = note
        done = record(store, 0, 25)
        assert found == ["limit"]
        assert done.notices == len(told)

    def test_forgets_slots_that_have_left(self, store: Store) -> None:
        budget = store.create_budget(Budget("", "b", 20, scope=Scope("each_user"), period="last 5 hours"))
        other = store.create_budget(Budget("", "c", 20, scope=Scope("each_user"), period="last 9 hours"))
        for ago in (32 * 3600, 31 * 3600, 0):
            record(store, ago)
        while remove_old_slots(store._engine, store.budgets(), datetime.now(UTC)):
            pass
        with store._engine.connect() as connection:
            count = select(usage_total.c.subject, func.count()).where(usage_total.c.period >= slot_key(0))
            found = count.where(usage_total.c.period < "slot:").group_by(usage_total.c.subject)
            left = dict(map(tuple, connection.execute(found)))
        assert left == {f"{budget.id}:ann": 1, f"{other.id}:ann": 3}
        statuses = budget_statuses(store, [ANN], datetime.now(UTC))[ANN]
        assert [counter.budget.used(sums) for counter, sums in statuses] == [10, 10]


def gate_on(store: Store) -> Gate:
    async def load(keys: Any) -> dict[Key, Sums]:
        return await asyncio.to_thread(store.totals, list(keys))

    return Gate(store, MemoryCounters(load))


class TestGate:
    def ask(self, store: Store, user: str = "ann", *, prompt: bool = False, **who: Any) -> Refusal | None:
        async def play() -> Refusal | None:
            gate = gate_on(store)
            await gate.refresh()
            info = CallInfo("gpt-4o", "gpt-4o", user, **who)
            said = [{"role": "user", "content": "What is there to see in Kathmandu in November?"}]
            request = CallRequest(info, {"messages": said if prompt else [], "max_tokens": 1})
            refusal, checked = await gate.admit("call", request), None
            if refusal is not None and not prompt:
                checked = await gate.check(info)
                assert checked is not None
                assert (checked.used, checked.counter) == (refusal.used, refusal.counter)
            return refusal

        return asyncio.run(play())

    def test_refuses_by_the_window_and_says_when_to_come_back(self, store: Store) -> None:
        store.create_budget(Budget("", "b", 20, scope=Scope("each_user"), period="last 5 hours"))
        record(store, 6 * 3600, 1000)
        record(store, 4 * 3600, 15)
        assert self.ask(store) is None
        record(store, 0, 15)
        refusal = self.ask(store)
        assert refusal is not None
        assert refusal.used == 30
        wait = retry_after(refusal, datetime.now(UTC))
        assert wait is not None
        assert 3600 - SLOT <= wait <= 3600 + SLOT + 1
        assert self.ask(store, "bob") is None

    def test_says_when_there_is_room_for_a_prompt_that_has_to_fit(self, store: Store) -> None:
        store.create_budget(Budget("", "b", 1000, scope=Scope("each_user"), period="last 5 hours", strict=True))
        record(store, 4 * 3600, 995)
        refusal = self.ask(store, prompt=True)
        assert refusal is not None
        assert refusal.is_of_prompt
        wait = retry_after(refusal, datetime.now(UTC))
        assert wait is not None
        assert 3600 - SLOT <= wait <= 3600 + SLOT + 1

    def test_knows_what_it_reserved_and_counted_itself(self, store: Store) -> None:
        store.create_budget(Budget("", "b", 20, scope=Scope("each_user"), period="last 5 hours"))
        record(store, 6 * 3600, 1000)

        async def play() -> None:
            gate = gate_on(store)
            await gate.refresh()
            asked = CallRequest(CallInfo("gpt-4o", "gpt-4o", "ann"), {"messages": [], "max_tokens": 20})
            assert await gate.admit("one", asked) is None
            under_way = await gate.admit("two", asked)
            assert under_way is not None
            assert (under_way.used, retry_after(under_way, datetime.now(UTC))) == (0, 5)
            gate.settled(record(store, 0, 5, id="one"))
            assert await gate.admit("two", asked) is None
            gate.settled(record(store, 0, 15, id="two"))
            reached = await gate.admit("three", asked)
            assert reached is not None
            assert (reached.used, reached.reserved) == (20, 0)

        asyncio.run(play())

    def test_holds_whoever_calls_to_their_own_limit(self, store: Store) -> None:
        overrides = [
            {"kind": "user", "id": "ann", "limit": 50},
            {"kind": "user_group", "id": "research", "limit": 30},
            {"kind": "role", "id": "admin", "limit": None},
        ]
        from openwebui_usage.rules.overrides import overrides_from

        budget = Budget("", "b", 10, scope=Scope("each_user"), overrides=overrides_from(overrides))
        store.create_budget(budget)
        who: dict[str, dict[str, Any]] = {
            "ann": {},
            "ray": {"user_groups": ("research",)},
            "bob": {"user_role": "user"},
            "ada": {"user_role": "admin"},
        }
        admitted: dict[str, int] = dict.fromkeys(who, 0)
        for user, known in who.items():
            while admitted[user] < 8 and self.ask(store, user, **known) is None:
                admitted[user] += 1
                record(store, 0, 10, user, **known)
        assert admitted == {"ann": 5, "ray": 3, "bob": 1, "ada": 8}
