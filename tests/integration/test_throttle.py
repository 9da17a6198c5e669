"""One contract for the throttle of the token client, whether it lives in memory or in Redis, and what workers share."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from redis.asyncio import Redis as AsyncRedis
from redis.crc import key_slot

from openwebui_usage.client import redis_buckets
from openwebui_usage.client.memory_buckets import MemoryBuckets
from openwebui_usage.client.redis_buckets import RedisBuckets
from openwebui_usage.client.throttling import PER_ADDRESS, Bucket, Buckets, Guesses, Rate, TooMany
from tests.support.services import Redis

Scenario = Callable[[Buckets], Awaitable[None]]
SLOW = Rate("slow", burst=3, every=60)
QUICK = Rate("quick", burst=2, every=0.2)
A, B = Bucket(SLOW, "a"), Bucket(SLOW, "b")


class Wrong(Exception):
    """The token is."""


@asynccontextmanager
async def workers(redis: Redis, count: int) -> AsyncIterator[list[RedisBuckets]]:
    """As many workers, each with a client of its own."""
    async with AsyncExitStack() as stack:
        clients = [AsyncRedis.from_url(redis.url) for _ in range(count)]
        for client in clients:
            stack.push_async_callback(client.aclose)
        yield [RedisBuckets(client, "test") for client in clients]


@pytest.fixture(params=["memory", "redis"])
def play(request: pytest.FixtureRequest) -> Callable[[Scenario], None]:
    """Run a scenario against one backend."""
    redis = request.getfixturevalue("redis") if request.param == "redis" else None

    async def run(scenario: Scenario) -> None:
        if redis is None:
            await scenario(MemoryBuckets())
            return
        async with workers(redis, 1) as (buckets,):
            await scenario(buckets)
            assert not buckets._is_away

    return lambda scenario: asyncio.run(run(scenario))


async def fits(buckets: Buckets, *wanted: Bucket) -> bool:
    try:
        await buckets.take(*wanted)
    except TooMany:
        return False
    return True


async def guess(guesses: Guesses, address: str, token: str, right: str = "right") -> str:
    """How a guess ends: `right`, `wrong` or `refused`."""
    try:
        async with guesses.guess(address, token, Wrong):
            await asyncio.sleep(0)
            if token != right:
                raise Wrong
    except Wrong:
        return "wrong"
    except TooMany:
        return "refused"
    return "right"


def test_a_burst_fits_and_then_one_at_a_time(play: Callable[[Scenario], None]) -> None:
    async def scenario(buckets: Buckets) -> None:
        bucket = Bucket(QUICK, "a")
        assert [await fits(buckets, bucket) for _ in range(3)] == [True, True, False]
        await asyncio.sleep(QUICK.every * 1.2)
        assert [await fits(buckets, bucket) for _ in range(2)] == [True, False]
        await asyncio.sleep(QUICK.every * 10)
        assert [await fits(buckets, bucket) for _ in range(3)] == [True, True, False]

    play(scenario)


def test_who_is_refused_is_told_how_long_to_wait(play: Callable[[Scenario], None]) -> None:
    async def scenario(buckets: Buckets) -> None:
        for _ in range(3):
            await buckets.take(A)
        with pytest.raises(TooMany) as wait:
            await buckets.take(A)
        assert 58 <= wait.value.seconds <= 60
        await buckets.add(A)
        with pytest.raises(TooMany) as wait:
            await buckets.check(A, B)
        assert 118 <= wait.value.seconds <= 120

    play(scenario)


def test_of_many_at_once_no_more_fit(play: Callable[[Scenario], None]) -> None:
    async def scenario(buckets: Buckets) -> None:
        taken = await asyncio.gather(*(fits(buckets, A) for _ in range(50)))
        assert sum(taken) == SLOW.burst

    play(scenario)


def test_all_buckets_are_taken_or_none(play: Callable[[Scenario], None]) -> None:
    async def scenario(buckets: Buckets) -> None:
        await buckets.add(A, A, A)
        assert [await fits(buckets, B, A) for _ in range(5)] == [False] * 5
        assert [await fits(buckets, B) for _ in range(4)] == [True, True, True, False]

    play(scenario)


def test_a_check_counts_nothing_and_what_is_given_back_is_free(play: Callable[[Scenario], None]) -> None:
    async def scenario(buckets: Buckets) -> None:
        for _ in range(5):
            await buckets.check(A)
        for _ in range(3):
            await buckets.take(A)
        with pytest.raises(TooMany):
            await buckets.check(A)
        await buckets.give_back(A)
        assert [await fits(buckets, A) for _ in range(2)] == [True, False]
        await buckets.give_back(B)
        assert [await fits(buckets, B) for _ in range(4)] == [True, True, True, False]

    play(scenario)


def test_rates_do_not_mix(play: Callable[[Scenario], None]) -> None:
    async def scenario(buckets: Buckets) -> None:
        await buckets.add(A, A, A)
        assert await fits(buckets, Bucket(QUICK, "a"))

    play(scenario)


def test_a_proven_token_stays_so_until_it_is_wrong(play: Callable[[Scenario], None]) -> None:
    async def scenario(buckets: Buckets) -> None:
        buckets.remember(["before"])
        await buckets.prove("pair")
        assert [await buckets.is_proven(pair) for pair in ("before", "pair", "other")] == [True, True, False]
        await buckets.disprove("pair")
        assert not await buckets.is_proven("pair")

    play(scenario)


def test_wrong_tokens_count_and_right_ones_do_not(play: Callable[[Scenario], None]) -> None:
    async def scenario(buckets: Buckets) -> None:
        guesses = Guesses(buckets)
        for number in range(20):
            assert await guess(guesses, "192.0.2.1", f"{number}", right=f"{number}") == "right"
        said = await asyncio.gather(*(guess(guesses, "192.0.2.1", f"wrong {number}") for number in range(30)))
        assert (said.count("wrong"), said.count("refused")) == (PER_ADDRESS.burst, 30 - PER_ADDRESS.burst)
        assert await guess(guesses, "192.0.2.1", "7", right="7") == "right"
        assert await guess(guesses, "192.0.2.2", "right") == "right"

    play(scenario)


def test_a_database_that_is_away_makes_no_token_wrong(play: Callable[[Scenario], None]) -> None:
    async def scenario(buckets: Buckets) -> None:
        guesses = Guesses(buckets)
        for number in range(20):
            with pytest.raises(OSError, match="away"):
                async with guesses.guess("192.0.2.1", f"{number}", Wrong):
                    raise OSError("away")
        assert await guess(guesses, "192.0.2.1", "right") == "right"

    play(scenario)


def test_two_workers_admit_no_more_guesses_than_one(redis: Redis) -> None:
    async def run() -> None:
        async with workers(redis, 2) as shared:
            two = [Guesses(buckets) for buckets in shared]
            said = await asyncio.gather(
                *(guess(two[number % 2], "192.0.2.1", f"{number}") for number in range(60)),
            )
            assert (said.count("wrong"), said.count("refused")) == (PER_ADDRESS.burst, 60 - PER_ADDRESS.burst)
        alone = [Guesses(MemoryBuckets()) for _ in range(2)]
        said = await asyncio.gather(*(guess(alone[number % 2], "192.0.2.1", f"{number}") for number in range(60)))
        assert said.count("wrong") == 2 * PER_ADDRESS.burst

    asyncio.run(run())


def test_two_workers_share_the_rate_of_requests(redis: Redis) -> None:
    async def run() -> None:
        async with workers(redis, 2) as two:
            taken = await asyncio.gather(*(fits(two[number % 2], A) for number in range(20)))
            assert sum(taken) == SLOW.burst

    asyncio.run(run())


def test_a_token_that_was_right_at_one_worker_stays_usable_at_the_other(redis: Redis) -> None:
    async def run() -> None:
        async with workers(redis, 2) as shared:
            one, other = [Guesses(buckets) for buckets in shared]
            assert await guess(one, "192.0.2.1", "right") == "right"
            for number in range(PER_ADDRESS.burst):
                assert await guess(one, "192.0.2.1", f"{number}") == "wrong"
            assert await guess(other, "192.0.2.1", "new", right="new") == "refused"
            assert await guess(other, "192.0.2.1", "right") == "right"

    asyncio.run(run())


def test_redis_may_go_away_and_come_back(
    redis: Redis, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(redis_buckets, "RETRY_SECONDS", 0.3)

    async def run() -> None:
        async with workers(redis, 2) as (one, other):
            assert await fits(one, A)
            assert await fits(other, A)
            redis.stop()
            try:
                # Each goes on from what it has counted itself.
                assert [await fits(one, A) for _ in range(3)] == [True, True, False]
                assert [await fits(other, A) for _ in range(3)] == [True, True, False]
            finally:
                redis.start()  # Here, not in a thread: it ends with the thread that started it.
            await asyncio.sleep(0.4)
            taken = [await fits(buckets, B) for _ in range(2) for buckets in (one, other)]
            assert taken == [True, True, True, False]

    with caplog.at_level(logging.INFO, "openwebui_usage"):
        asyncio.run(run())
    said = [record.getMessage().partition(",")[0] for record in caplog.records]
    assert sorted(said) == ["Redis is away"] * 2 + ["Redis is back"] * 2


def test_a_redis_that_hangs_holds_up_one_request_in_a_while_and_never_the_event_loop(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_buckets, "REDIS_TIMEOUT", 0.3)
    gaps: list[float] = []

    async def tick() -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.01)
            gaps.append(time.monotonic() - began)

    async def run() -> None:
        async with workers(redis, 1) as (buckets,):
            assert await fits(buckets, A)
            assert not buckets._is_away
            with redis.hanging():
                ticking = asyncio.create_task(tick())
                began = time.monotonic()
                assert [await fits(buckets, A) for _ in range(3)] == [True, True, False]
                took = time.monotonic() - began
                for number in range(200):
                    await buckets.take(Bucket(SLOW, f"{number}"))
                rest = time.monotonic() - began - took
                ticking.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await ticking
            assert 0.3 <= took < 1
            assert rest < 0.3
            assert max(gaps) < 0.25

    asyncio.run(run())


def test_keys_share_a_slot_end_by_themselves_and_hold_no_hash_of_a_token(redis: Redis) -> None:
    async def run() -> None:
        async with workers(redis, 1) as (buckets,):
            guesses = Guesses(buckets)
            await guess(guesses, "192.0.2.1", "right")
            await guess(guesses, "192.0.2.1", "wrong")
            await buckets.take(A)

    asyncio.run(run())
    ttl = {key.decode(): redis.client.ttl(key) for key in redis.client.keys("*")}  # type: ignore[union-attr]
    # That of all guesses together leaks within a tenth of a second.
    assert {name.split(":")[3] for name in ttl} - {"everywhere"} == {"address", "site", "slow", "proven"}
    assert len({key_slot(name.encode()) for name in ttl}) == 1
    assert -1 not in ttl.values()
    assert not any("right" in name for name in ttl)
