"""One contract for the live counters, whether they live in memory, in Redis or beside others on one ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import pytest
from redis.asyncio import Redis as AsyncRedis
from redis.crc import key_slot

from openwebui_usage.admission import counters
from openwebui_usage.admission import redis_counters as live_redis
from openwebui_usage.admission.counters import SHARE, LiveCounters, MemoryCounters, Reservation, Standing
from openwebui_usage.admission.ledger_counters import LedgerCounters
from openwebui_usage.admission.redis_counters import RedisCounters
from openwebui_usage.admission.windows import WindowedCounters
from openwebui_usage.ledger.recording import Change, Key
from openwebui_usage.ledger.reservations import Reservations
from openwebui_usage.rules.budgets import Budget, Counter
from openwebui_usage.rules.groups import Sums
from openwebui_usage.rules.periods import ALL_TIME
from tests.support.recorder import engine_like_open_webui
from tests.support.services import Redis
from tests.support.tables import give_tables


@dataclass
class Ledger:
    """What SQL says was used."""

    totals: dict[Key, Sums] = field(default_factory=dict)
    delay: float = 0

    async def load(self, keys: Iterable[Key]) -> dict[Key, Sums]:
        found = self.now(keys)
        await asyncio.sleep(self.delay)
        return found

    def now(self, keys: Iterable[Key]) -> dict[Key, Sums]:
        return {key: self.totals.get(key, Sums()) for key in keys}

    def commit(self, counter: Counter, tokens: int) -> Change:
        before = self.totals.get(counter.key, Sums())
        after = self.totals[counter.key] = Sums(calls=before.calls + 1, input=before.input + tokens)
        return Change(counter, before, after)


Scenario = Callable[[LiveCounters, Ledger], Awaitable[None]]


@pytest.fixture(params=["memory", "redis", "ledger", "ledger in postgres"])
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Scenario], None]:
    """Run a scenario against one backend."""
    url = request.getfixturevalue("redis").url if request.param == "redis" else None
    database = f"sqlite:///{tmp_path}/webui-usage.db"
    if request.param == "ledger in postgres":
        database = request.getfixturevalue("postgres").new_database()

    async def run(scenario: Scenario) -> None:
        ledger = Ledger()
        if request.param == "memory":
            await scenario(MemoryCounters(ledger.load), ledger)
            return
        if url is None:
            engine = engine_like_open_webui(database)
            give_tables(engine)
            Reservations(engine).appear()  # Another worker.
            live = LedgerCounters(ledger.load, Reservations(engine, lambda _, keys: ledger.now(keys)))
            await live.refresh()
            await scenario(live, ledger)
            engine.dispose()
            return
        client = AsyncRedis.from_url(url)
        try:
            await scenario(RedisCounters(client, "test", ledger.load), ledger)
        finally:
            await client.aclose()

    return lambda scenario: asyncio.run(run(scenario))


ONE = Counter(Budget("one", "one", 100), "one", ALL_TIME)
TWO = Counter(Budget("two", "two", 10), "two", ALL_TIME)


def reservation(counter: Counter, amount: int) -> Reservation:
    return Reservation(counter, counter.budget.limit or 0, amount)


def test_what_is_of_unknown_size_holds_its_share_of_what_is_left(play: Callable[[Scenario], None]) -> None:
    async def scenario(live: LiveCounters, ledger: Ledger) -> None:
        unknown = Reservation(ONE, 100, 1, share_up_to=1000)
        answers = await asyncio.gather(*(live.reserve(f"first {n}", [unknown]) for n in range(50)))
        assert sum(answer is None for answer in answers) == SHARE
        refused = next(answer for answer in answers if answer is not None)
        assert (refused.used, refused.reserved) == (0, 100)
        change = ledger.commit(ONE, 90)
        live.release([f"first {n}" for n in range(50)], [change])
        await soon()
        answers = [await live.reserve(f"second {n}", [unknown]) for n in range(50)]
        assert sum(answer is None for answer in answers) == SHARE, "of the ten that are left, three each"
        live.release([f"second {n}" for n in range(50)], [])
        await soon()
        answers = [await live.reserve(f"third {n}", [Reservation(ONE, 100, 1, share_up_to=2)]) for n in range(50)]
        assert sum(answer is None for answer in answers) == 5, "no more than it may well use"
        assert await live.ask([Reservation(ONE, 100, 0)]) is not None

    play(scenario)


async def soon() -> None:
    """What is told to Redis in the background has arrived."""
    await asyncio.sleep(0.1)


def test_two_calls_cannot_spend_the_same_tokens(play: Callable[[Scenario], None]) -> None:
    async def scenario(live: LiveCounters, ledger: Ledger) -> None:
        answers = await asyncio.gather(*(live.reserve(f"call {n}", [reservation(ONE, 10)]) for n in range(50)))
        assert sum(answer is None for answer in answers) == 10
        refused = next(answer for answer in answers if answer is not None)
        assert (refused.counter, refused.used, refused.reserved) == (ONE, 0, 100)

    play(scenario)


def test_all_counters_hold_or_none_does(play: Callable[[Scenario], None]) -> None:
    async def scenario(live: LiveCounters, ledger: Ledger) -> None:
        assert await live.reserve("a", [reservation(ONE, 10), reservation(TWO, 10)]) is None
        refused = await live.reserve("b", [reservation(ONE, 10), reservation(TWO, 10)])
        assert refused is not None
        assert refused.counter == TWO
        refused = await live.reserve("c", [reservation(ONE, 90)])
        assert refused is None, "nothing was reserved of the other counter for the refused call"

    play(scenario)


def test_what_a_call_reserved_whose_row_waits_ends_after_a_while(
    play: Callable[[Scenario], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counters, "RESERVATION_SECONDS", 0.4)
    monkeypatch.setattr(live_redis, "RESERVATION_SECONDS", 0.4)
    monkeypatch.setattr(live_redis, "RESERVATION_MS", 400)

    async def scenario(live: LiveCounters, ledger: Ledger) -> None:
        for call_id in ("spooled", "replayed", "running"):
            assert await live.reserve(call_id, [reservation(ONE, 30)]) is None
        live.let_expire(["spooled", "replayed", "unknown"])
        live.release(["replayed"], [ledger.commit(ONE, 30)])
        await soon()
        assert await live.reserve("next", [reservation(ONE, 10)]) is None
        assert await live.reserve("more", [reservation(ONE, 1)]) is not None, "until then it is held"
        for _ in range(6):
            await asyncio.sleep(0.1)
            await live.refresh()
        assert await live.reserve("more", [reservation(ONE, 30)]) is None
        refused = await live.reserve("last", [reservation(ONE, 1)])
        assert refused is not None
        assert (refused.used, refused.reserved) == (30, 70), "calls that still run keep their reservations"

    play(scenario)


def test_what_was_held_becomes_what_was_used(play: Callable[[Scenario], None]) -> None:
    async def scenario(live: LiveCounters, ledger: Ledger) -> None:
        assert await live.reserve("a", [reservation(ONE, 100)]) is None
        assert await live.reserve("b", [reservation(ONE, 1)]) is not None
        live.release(["a"], [ledger.commit(ONE, 40)])
        await soon()
        assert await live.reserve("b", [reservation(ONE, 60)]) is None
        refused = await live.reserve("c", [reservation(ONE, 1)])
        assert refused is not None
        assert (refused.used, refused.reserved) == (40, 60)

    play(scenario)


def test_a_call_without_a_row_gives_everything_back(play: Callable[[Scenario], None]) -> None:
    async def scenario(live: LiveCounters, ledger: Ledger) -> None:
        assert await live.reserve("a", [reservation(ONE, 100)]) is None
        live.release(["a"])
        live.release(["a", "never reserved"])
        await soon()
        assert await live.reserve("b", [reservation(ONE, 100)]) is None

    play(scenario)


def test_what_other_workers_counted_is_seen_within_a_second(play: Callable[[Scenario], None]) -> None:
    async def scenario(live: LiveCounters, ledger: Ledger) -> None:
        assert await live.reserve("a", [reservation(ONE, 0)]) is None
        ledger.commit(ONE, 100)
        await asyncio.sleep(1.1)
        await live.refresh()
        assert await live.reserve("b", [reservation(ONE, 1)]) is not None

    play(scenario)


def test_a_reset_is_seen_at_once(play: Callable[[Scenario], None]) -> None:
    async def scenario(live: LiveCounters, ledger: Ledger) -> None:
        ledger.commit(ONE, 100)
        assert await live.reserve("a", [reservation(ONE, 1)]) is not None
        ledger.totals.clear()
        await live.forget()
        assert await live.reserve("a", [reservation(ONE, 1)]) is None

    play(scenario)


def test_a_reset_is_not_undone_by_a_look_that_began_before_it(play: Callable[[Scenario], None]) -> None:
    async def scenario(live: LiveCounters, ledger: Ledger) -> None:
        ledger.commit(ONE, 100)
        assert await live.reserve("a", [reservation(ONE, 1)]) is not None
        ledger.delay = 0.1
        look = asyncio.create_task(live.refresh())
        await asyncio.sleep(0.05)
        ledger.totals.clear()
        await live.forget()
        await look
        assert await live.reserve("a", [reservation(ONE, 1)]) is None

    play(scenario)


def test_a_question_holds_nothing(play: Callable[[Scenario], None]) -> None:
    async def scenario(live: LiveCounters, ledger: Ledger) -> None:
        for _ in range(3):
            assert await live.ask([reservation(ONE, 100)]) is None
        assert await live.reserve("a", [reservation(ONE, 100)]) is None
        assert await live.ask([reservation(ONE, 1)]) is not None

    play(scenario)


def test_a_call_takes_over_what_the_one_around_it_held(play: Callable[[Scenario], None]) -> None:
    async def scenario(live: LiveCounters, ledger: Ledger) -> None:
        assert await live.reserve("pipe", [reservation(TWO, 10)]) is None
        assert await live.reserve("stranger", [reservation(TWO, 10)]) is not None
        assert await live.reserve("inner", [reservation(ONE, 10), reservation(TWO, 10)], "pipe") is None
        live.release(["pipe"])
        await soon()
        refused = await live.reserve("stranger", [reservation(TWO, 1)])
        assert refused is not None
        assert refused.reserved == 10

    play(scenario)


def test_the_newest_sum_stands_in_whatever_order_commits_are_told(play: Callable[[Scenario], None]) -> None:
    async def scenario(live: LiveCounters, ledger: Ledger) -> None:
        assert await live.reserve("a", [reservation(ONE, 1)]) is None
        changes = [ledger.commit(ONE, 30) for _ in range(3)]
        for change in changes:
            live.release([], [change])
        live.release(["a"])
        await soon()
        assert await live.ask([reservation(ONE, 1)]) is None
        live.release([], [ledger.commit(ONE, 10)])
        await soon()
        refused = await live.ask([reservation(ONE, 1)])
        assert refused is not None
        assert refused.used == 100

    play(scenario)


def test_a_budget_in_another_unit_is_another_number(play: Callable[[Scenario], None]) -> None:
    requests = Counter(replace(ONE.budget, unit="requests", limit=2), "one", ALL_TIME)

    async def scenario(live: LiveCounters, ledger: Ledger) -> None:
        ledger.commit(ONE, 100)
        assert await live.reserve("a", [reservation(ONE, 1)]) is not None
        assert await live.reserve("a", [reservation(requests, 1)]) is None
        assert await live.reserve("b", [reservation(requests, 1)]) is not None

    play(scenario)


def test_a_raised_limit_holds_at_once(play: Callable[[Scenario], None]) -> None:
    async def scenario(live: LiveCounters, ledger: Ledger) -> None:
        assert await live.reserve("a", [reservation(ONE, 100)]) is None
        assert await live.reserve("b", [reservation(ONE, 1)]) is not None
        raised = Counter(replace(ONE.budget, limit=200), "one", ALL_TIME)
        assert await live.reserve("b", [reservation(raised, 1)]) is None

    play(scenario)


def test_numbers_of_any_size_are_held(play: Callable[[Scenario], None]) -> None:
    large = Counter(replace(ONE.budget, limit=10**15), "one", ALL_TIME)

    async def scenario(live: LiveCounters, ledger: Ledger) -> None:
        assert await live.reserve("a", [reservation(large, 10**15 - 1)]) is None
        assert await live.reserve("b", [reservation(large, 1)]) is None
        refused = await live.reserve("c", [reservation(large, 1)])
        assert refused is not None
        assert (refused.used, refused.reserved) == (0, 10**15)

    play(scenario)


class TestRedis:
    def test_the_reservation_of_a_worker_that_died_ends_by_itself(
        self, redis: Redis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(live_redis, "RESERVATION_MS", 300)

        async def scenario() -> None:
            ledger = Ledger()
            async with AsyncRedis.from_url(redis.url) as one, AsyncRedis.from_url(redis.url) as other:
                assert await RedisCounters(one, "test", ledger.load).reserve("a", [reservation(ONE, 100)]) is None
                survivor = RedisCounters(other, "test", ledger.load)
                assert await survivor.reserve("b", [reservation(ONE, 1)]) is not None
                await asyncio.sleep(0.4)
                assert await survivor.reserve("b", [reservation(ONE, 1)]) is None

        asyncio.run(scenario())

    def test_the_reservation_of_a_long_call_lasts_by_redis_own_clock(
        self, redis: Redis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(live_redis, "RESERVATION_MS", 400)
        monkeypatch.setattr("time.time", lambda: 0.0)  # This machine's clock is wrong.

        async def scenario() -> None:
            async with AsyncRedis.from_url(redis.url) as client:
                live = RedisCounters(client, "test", Ledger().load)
                assert await live.reserve("a", [reservation(ONE, 100)]) is None
                for _ in range(4):
                    await asyncio.sleep(0.25)
                    await live.refresh()
                assert await live.reserve("b", [reservation(ONE, 1)]) is not None
                live.release(["a"])
                await live.refresh()
                await soon()
                assert await live.reserve("b", [reservation(ONE, 1)]) is None

        asyncio.run(scenario())

    def test_while_it_is_away_a_worker_counts_by_itself_until_it_is_back(self, redis: Redis) -> None:
        async def scenario() -> None:
            async with AsyncRedis.from_url(redis.url) as client, AsyncRedis.from_url(redis.url) as others:
                live, other = (RedisCounters(each, "test", Ledger().load) for each in (client, others))
                redis.stop()
                assert await live.reserve("a", [reservation(TWO, 10)]) is None
                assert await live.reserve("b", [reservation(TWO, 10)]) is not None, "it still holds to the limit"
                await live.refresh()
                assert await live.reserve("c", [reservation(TWO, 1)]) is not None
                redis.start()
                await live.refresh()
                assert await live.reserve("d", [reservation(ONE, 100)]) is None
                assert await other.reserve("e", [reservation(ONE, 1)]) is not None, "they count together again"

        asyncio.run(scenario())

    def test_a_call_that_is_cancelled_while_it_asks_holds_nothing(self, redis: Redis) -> None:
        async def scenario() -> None:
            async with AsyncRedis.from_url(redis.url) as client:
                live = RedisCounters(client, "test", Ledger().load)
                assert await live.ask([reservation(ONE, 1)]) is None
                for pause in (0, 0.0001, 0.0003, 0.001, 0.003):
                    call = asyncio.create_task(live.reserve("a", [reservation(ONE, 100)]))
                    await asyncio.sleep(pause)
                    if not call.cancel():
                        live.release(["a"])
                    await asyncio.wait({call})
                    if not call.cancelled():
                        live.release(["a"])
                await soon()
                assert live._reserved == {}
                assert await live.reserve("b", [reservation(ONE, 100)]) is None

        asyncio.run(scenario())

    def test_all_keys_of_a_call_lie_in_one_slot_of_a_cluster(self, redis: Redis) -> None:
        async def scenario() -> None:
            async with AsyncRedis.from_url(redis.url) as client:
                live = RedisCounters(client, "test", Ledger().load)
                assert await live.reserve("a", [reservation(ONE, 1), reservation(TWO, 1)]) is None
                names = [name.decode() async for name in client.scan_iter()]
                assert len(names) == 6
                assert len({key_slot(name.encode()) for name in names}) == 1

        asyncio.run(scenario())

    def test_nothing_is_left_behind_for_ever(self, redis: Redis) -> None:
        async def scenario() -> None:
            async with AsyncRedis.from_url(redis.url) as client:
                live = RedisCounters(client, "test", Ledger().load)
                assert await live.reserve("a", [reservation(ONE, 1)]) is None
                assert all([await client.pttl(name) > 0 async for name in client.scan_iter()])

        asyncio.run(scenario())


def test_who_looks_sees_what_others_reserved(play: Callable[[Scenario], None]) -> None:
    async def scenario(live: LiveCounters, ledger: Ledger) -> None:
        ledger.commit(ONE, 20)
        assert await live.look([ONE, TWO]) == [Standing(20, 0), Standing(0, 0)]
        assert await live.reserve("a", [reservation(ONE, 10), reservation(TWO, 3)]) is None
        assert await live.reserve("b", [reservation(ONE, 5)]) is None
        assert await live.look([ONE, TWO], "a") == [Standing(20, 5), Standing(0, 0)]
        assert await live.look([ONE], "b") == [Standing(20, 10)]
        live.release(["a"])
        await soon()
        assert await live.look([ONE, TWO]) == [Standing(20, 5), Standing(0, 0)]

    play(scenario)


def test_what_must_fit_must_be_left_beside_what_others_reserved(play: Callable[[Scenario], None]) -> None:
    async def scenario(live: LiveCounters, ledger: Ledger) -> None:
        ledger.commit(ONE, 20)
        fits = Reservation(ONE, 100, 1, must_fit=80)
        assert await live.reserve("a", [replace(fits, must_fit=81)]) is not None
        assert await live.reserve("b", [fits]) is None
        refusal = await live.reserve("c", [fits])
        assert refusal is not None
        assert (refusal.used, refusal.reserved, refusal.must_fit) == (20, 1, 80)
        answers = await asyncio.gather(
            *(live.reserve(f"d {n}", [Reservation(ONE, 100, 10, must_fit=10)]) for n in range(50))
        )
        assert sum(answer is None for answer in answers) == 7, "of the 79 that are left"

    play(scenario)


ROLLING = Counter(Budget("rolling", "rolling", 100, period="last 5 hours"), "rolling", ALL_TIME)


class Windows:
    """A ledger in which much of what a rolling counter counted has left its window."""

    def __init__(self, left: int) -> None:
        self.left = left

    def has_left(self, counters: Iterable[Counter], now: datetime) -> dict[Key, Sums]:
        return {counter.key: Sums(input=self.left) for counter in counters}

    def until_free(self, counter: Counter, now: datetime) -> Counter:
        return replace(counter, period=replace(counter.period, ends_at=now))


def test_a_rolling_counter_holds_its_window_alone(play: Callable[[Scenario], None]) -> None:
    async def scenario(live: LiveCounters, ledger: Ledger) -> None:
        ledger.commit(ROLLING, 1060)
        windowed = WindowedCounters(Windows(1000), live)  # type: ignore[arg-type]
        answers = await asyncio.gather(*(windowed.reserve(f"call {n}", [reservation(ROLLING, 10)]) for n in range(20)))
        assert sum(answer is None for answer in answers) == 4, "60 of 100 are used"
        refused = next(answer for answer in answers if answer is not None)
        assert (refused.used, refused.reserved) == (60, 40)
        assert await windowed.look([ROLLING]) == [Standing(60, 40)]
        windowed.release([f"call {n}" for n in range(20)], [ledger.commit(ROLLING, 45)])
        await soon()
        refused = await windowed.ask([reservation(ROLLING, 0)])
        assert refused is not None
        assert (refused.used, refused.reserved) == (105, 0)
        assert refused.counter.period.ends_at is not None, "it says when there is room again"

    play(scenario)


def test_what_leaves_a_window_makes_room(play: Callable[[Scenario], None]) -> None:
    async def scenario(live: LiveCounters, ledger: Ledger) -> None:
        ledger.commit(ROLLING, 1100)
        windows = Windows(1000)
        windowed = WindowedCounters(windows, live)  # type: ignore[arg-type]
        assert await windowed.reserve("first", [reservation(ROLLING, 10)]) is not None
        windows.left = 1030
        await windowed.forget()
        answers = [await windowed.reserve(f"next {n}", [reservation(ROLLING, 10)]) for n in range(5)]
        assert sum(answer is None for answer in answers) == 3

    play(scenario)
