"""One contract for the rates, whether they live in memory or in Redis, and several workers on one Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from redis.asyncio import Redis as AsyncRedis

from openwebui_usage.admission import rates as rates_module
from openwebui_usage.admission import redis_link
from openwebui_usage.admission.rates import MemoryRates, Rates, RedisRates, Take
from openwebui_usage.admission.redis_link import RedisLink
from tests.support.services import Redis

Scenario = Callable[[Rates], Awaitable[None]]


@pytest.fixture(params=["memory", "redis"])
def play(request: pytest.FixtureRequest) -> Callable[[Scenario], None]:
    """Run a scenario against one backend."""
    url = request.getfixturevalue("redis").url if request.param == "redis" else None

    async def run(scenario: Scenario) -> None:
        if url is None:
            await scenario(MemoryRates(1))
            return
        client = AsyncRedis.from_url(url)
        try:
            await client.flushdb()
            await scenario(RedisRates(RedisLink(client), "test:{usage}"))
        finally:
            await client.aclose()

    return lambda scenario: asyncio.run(run(scenario))


def test_of_many_at_once_as_many_are_admitted_as_the_limit_says(play: Callable[[Scenario], None]) -> None:
    async def scenario(rates: Rates) -> None:
        answers = await asyncio.gather(*(rates.take(f"call {n}", [Take("a", 10, 1)]) for n in range(50)))
        assert sum(answer is None for answer in answers) == 10
        refused = next(answer for answer in answers if answer is not None)
        assert (refused.position, refused.used) == (0, 10)
        assert 50 < refused.seconds <= 60
        assert await rates.take("other", [Take("b", 10, 1)]) is None

    play(scenario)


def test_all_are_taken_or_none(play: Callable[[Scenario], None]) -> None:
    async def scenario(rates: Rates) -> None:
        assert await rates.take("a", [Take("one", 5, 1), Take("two", 1, 1)]) is None
        refused = await rates.take("b", [Take("one", 5, 1), Take("two", 1, 1)])
        assert refused is not None
        assert (refused.position, refused.used) == (1, 1)
        for n in range(4):
            assert await rates.take(f"c {n}", [Take("one", 5, 1)]) is None

    play(scenario)


def test_what_a_call_really_used_takes_the_place_of_the_estimate(play: Callable[[Scenario], None]) -> None:
    async def scenario(rates: Rates) -> None:
        assert await rates.take("a", [Take("tokens", 1000, 990)]) is None
        assert await rates.take("b", [Take("tokens", 1000, 500, must_fit=20)]) is not None
        rates.settle("a", {"tokens": 100, "another": 7})
        await asyncio.sleep(0.1)
        assert await rates.take("b", [Take("tokens", 1000, 500, must_fit=900)]) is None
        rates.give_back("b")
        await asyncio.sleep(0.1)
        refused = await rates.take("c", [Take("tokens", 1000, 1, must_fit=901)])
        assert refused is not None
        assert refused.used == 100

    play(scenario)


def test_the_window_moves(play: Callable[[Scenario], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates_module, "SECONDS", 1.0)
    monkeypatch.setattr("openwebui_usage.rules.rates.SECONDS", 1.0)

    async def scenario(rates: Rates) -> None:
        assert await rates.take("a", [Take("a", 1, 1)]) is None
        refused = await rates.take("b", [Take("a", 1, 1)])
        assert refused is not None
        assert 0 < refused.seconds <= 1
        await asyncio.sleep(refused.seconds + 0.05)
        assert await rates.take("b", [Take("a", 1, 1)]) is None

    play(scenario)


def test_a_limit_of_nothing_admits_nothing(play: Callable[[Scenario], None]) -> None:
    async def scenario(rates: Rates) -> None:
        refused = await rates.take("a", [Take("a", 0, 1)])
        assert refused is not None
        assert refused.seconds == 60

    play(scenario)


@pytest.fixture(autouse=True)
def _busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many connections at once take their time where other tests run."""
    monkeypatch.setattr(redis_link, "REDIS_TIMEOUT", 30.0)


def test_a_call_that_is_cancelled_while_it_asks_takes_nothing(redis: Redis) -> None:
    async def run() -> None:
        async with AsyncRedis.from_url(redis.url) as client:
            await client.flushdb()
            rates = RedisRates(RedisLink(client), "test:{usage}")
            await client.ping()
            for pause in (0, 0.0001, 0.0003, 0.001, 0.003):
                call = asyncio.create_task(rates.take("a", [Take("a", 1, 1)]))
                await asyncio.sleep(pause)
                call.cancel()
                await asyncio.wait({call})
                rates.give_back("a")
                await asyncio.sleep(0.1)
            assert rates._keys == {}
            assert await rates.take("b", [Take("a", 1, 1)]) is None

    asyncio.run(run())


def test_workers_on_one_redis_hold_a_rate_exactly_and_without_it_by_parts(redis: Redis) -> None:
    async def run() -> None:
        clients = [AsyncRedis.from_url(redis.url) for _ in range(4)]
        await clients[0].flushdb()
        workers: list[Rates] = [RedisRates(RedisLink(client), "test:{usage}") for client in clients]
        calls = [(worker, f"{n} of {number}") for n in range(50) for number, worker in enumerate(workers)]
        answers = await asyncio.gather(*(worker.take(call, [Take("a", 60, 1)]) for worker, call in calls))
        admitted = sum(answer is None for answer in answers)
        print(f"200 calls of 4 workers, 60 a minute: {admitted} admitted, overspent {max(0, admitted - 60)}")
        assert admitted == 60
        for client in clients:
            await client.aclose()
        alone = [MemoryRates(4) for _ in range(4)]
        answers = [await rates.take(f"call {n}", [Take("a", 60, 1)]) for rates in alone for n in range(50)]
        assert sum(answer is None for answer in answers) == 60

    asyncio.run(run())
