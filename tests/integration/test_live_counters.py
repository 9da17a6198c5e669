"""One contract for the live counters, whether they live in memory or in Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

import pytest
from redis.asyncio import Redis as AsyncRedis

from openwebui_usage.groups import Sums
from openwebui_usage.ledger import live_redis
from openwebui_usage.ledger.live import Demand, LiveCounters, MemoryCounters
from openwebui_usage.ledger.live_redis import RedisCounters
from openwebui_usage.ledger.store import Change, Key
from openwebui_usage.limits import FOREVER, Budget, Counter


@dataclass
class Ledger:
    """What SQL says was used."""

    totals: dict[Key, Sums] = field(default_factory=dict)

    async def load(self, keys: Iterable[Key]) -> dict[Key, Sums]:
        await asyncio.sleep(0)
        return {key: self.totals.get(key, Sums()) for key in keys}

    def commit(self, counter: Counter, tokens: int) -> Change:
        before = self.totals.get(counter.key, Sums())
        after = self.totals[counter.key] = Sums(calls=before.calls + 1, input=before.input + tokens)
        return Change(counter, before, after)


Scenario = Callable[[LiveCounters, Ledger], Awaitable[None]]


@pytest.fixture(params=["memory", "redis"])
def play(request: pytest.FixtureRequest) -> Callable[[Scenario], None]:
    """Run a scenario against one backend."""
    url = request.getfixturevalue("redis").url if request.param == "redis" else None

    async def run(scenario: Scenario) -> None:
        ledger = Ledger()
        if url is None:
            await scenario(MemoryCounters(ledger.load), ledger)
            return
        client = AsyncRedis.from_url(url)
        try:
            await scenario(RedisCounters(client, "test", ledger.load), ledger)
        finally:
            await client.aclose()

    return lambda scenario: asyncio.run(run(scenario))


ONE = Counter(Budget("one", "one", 100), "one", FOREVER)
TWO = Counter(Budget("two", "two", 10), "two", FOREVER)


def demand(counter: Counter, wanted: int) -> Demand:
    return Demand(counter, counter.budget.limit or 0, wanted)


async def soon() -> None:
    """What is told to Redis in the background has arrived."""
    await asyncio.sleep(0.1)


def test_two_calls_cannot_spend_the_same_tokens(play: Callable[[Scenario], None]) -> None:
    async def scenario(live: LiveCounters, ledger: Ledger) -> None:
        answers = await asyncio.gather(*(live.reserve(f"call {n}", [demand(ONE, 10)]) for n in range(50)))
        assert sum(answer is None for answer in answers) == 10
        refused = next(answer for answer in answers if answer is not None)
        assert (refused.counter, refused.used, refused.held) == (ONE, 0, 100)

    play(scenario)


def test_all_counters_hold_or_none_does(play: Callable[[Scenario], None]) -> None:
    async def scenario(live: LiveCounters, ledger: Ledger) -> None:
        assert await live.reserve("a", [demand(ONE, 10), demand(TWO, 10)]) is None
        refused = await live.reserve("b", [demand(ONE, 10), demand(TWO, 10)])
        assert refused is not None
        assert refused.counter == TWO
        refused = await live.reserve("c", [demand(ONE, 90)])
        assert refused is None, "what the refused call wanted of the other counter was not held"

    play(scenario)


def test_what_was_held_becomes_what_was_used(play: Callable[[Scenario], None]) -> None:
    async def scenario(live: LiveCounters, ledger: Ledger) -> None:
        assert await live.reserve("a", [demand(ONE, 100)]) is None
        assert await live.reserve("b", [demand(ONE, 1)]) is not None
        live.release(["a"], [ledger.commit(ONE, 40)])
        await soon()
        assert await live.reserve("b", [demand(ONE, 60)]) is None
        refused = await live.reserve("c", [demand(ONE, 1)])
        assert refused is not None
        assert (refused.used, refused.held) == (40, 60)

    play(scenario)


def test_a_call_without_a_row_gives_everything_back(play: Callable[[Scenario], None]) -> None:
    async def scenario(live: LiveCounters, ledger: Ledger) -> None:
        assert await live.reserve("a", [demand(ONE, 100)]) is None
        live.release(["a"])
        live.release(["a", "never held"])
        await soon()
        assert await live.reserve("b", [demand(ONE, 100)]) is None

    play(scenario)


def test_what_other_workers_counted_is_seen_within_a_second(play: Callable[[Scenario], None]) -> None:
    async def scenario(live: LiveCounters, ledger: Ledger) -> None:
        assert await live.reserve("a", [demand(ONE, 0)]) is None
        ledger.commit(ONE, 100)
        await asyncio.sleep(1.1)
        await live.refresh()
        assert await live.reserve("b", [demand(ONE, 1)]) is not None

    play(scenario)


def test_a_reset_is_seen_at_once(play: Callable[[Scenario], None]) -> None:
    async def scenario(live: LiveCounters, ledger: Ledger) -> None:
        ledger.commit(ONE, 100)
        assert await live.reserve("a", [demand(ONE, 1)]) is not None
        ledger.totals.clear()
        live.forget()
        await soon()
        assert await live.reserve("a", [demand(ONE, 1)]) is None

    play(scenario)


def test_the_reservation_of_a_worker_that_died_ends_by_itself(redis: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_redis, "LEASE_MS", 300)

    async def scenario() -> None:
        ledger, url = Ledger(), redis.url  # type: ignore[attr-defined]
        async with AsyncRedis.from_url(url) as one, AsyncRedis.from_url(url) as other:
            assert await RedisCounters(one, "test", ledger.load).reserve("a", [demand(ONE, 100)]) is None
            survivor = RedisCounters(other, "test", ledger.load)
            assert await survivor.reserve("b", [demand(ONE, 1)]) is not None
            await asyncio.sleep(0.4)
            assert await survivor.reserve("b", [demand(ONE, 1)]) is None

    asyncio.run(scenario())


def test_without_redis_a_worker_counts_by_itself(free_port: int) -> None:
    async def scenario() -> None:
        async with AsyncRedis.from_url(f"redis://127.0.0.1:{free_port}") as nobody:
            live = RedisCounters(nobody, "test", Ledger().load)
            assert await live.reserve("a", [demand(TWO, 10)]) is None
            assert await live.reserve("b", [demand(TWO, 10)]) is not None

    asyncio.run(scenario())


@pytest.fixture
def free_port() -> int:
    """A port that nobody listens on."""
    from tests.support.process import free_port as find

    return find()
