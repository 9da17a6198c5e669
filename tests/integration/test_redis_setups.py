"""The contracts of what is kept in Redis, on Redis as people run it, by the clients that Open WebUI itself makes of it.

Open WebUI's own module makes them, loaded from its files without the rest.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from openwebui_usage.admission import redis_counters, redis_link
from openwebui_usage.admission.counters import LiveCounters
from openwebui_usage.admission.redis_counters import RedisCounters
from openwebui_usage.client import redis_buckets
from openwebui_usage.client.memory_buckets import MemoryBuckets
from openwebui_usage.client.redis_buckets import RedisBuckets
from openwebui_usage.client.throttling import Buckets
from tests.integration.test_live_counters import (
    ONE,
    Ledger,
    reservation,
    test_a_call_without_a_row_gives_everything_back,  # noqa: F401 - collected here, on the servers below
    test_a_reset_is_seen_at_once,  # noqa: F401
    test_all_counters_hold_or_none_does,  # noqa: F401
    test_numbers_of_any_size_are_held,  # noqa: F401
    test_two_calls_cannot_spend_the_same_tokens,  # noqa: F401
    test_what_is_of_unknown_size_holds_its_share_of_what_is_left,  # noqa: F401
    test_what_was_held_becomes_what_was_used,  # noqa: F401
    test_who_looks_sees_what_others_reserved,  # noqa: F401
)
from tests.support.host import HostEnvironment
from tests.support.redis_setups import SETUPS, Setup, with_sentinel

pytestmark = pytest.mark.nightly
PREFIX = "team-7:open webui"
"""REDIS_KEY_PREFIX."""
PATIENCE = 30.0


@pytest.fixture(scope="module", params=SETUPS)
def setup(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, new_log: Callable[[str], Path]
) -> Iterator[Setup]:
    running = SETUPS[request.param](tmp_path_factory.mktemp("redis"), new_log(f"redis-{request.param}"))
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine takes seconds for some connections by TLS; that waits have an end is tried elsewhere."""
    for module in (redis_link, redis_counters, redis_buckets):
        monkeypatch.setattr(module, "REDIS_TIMEOUT", PATIENCE)


@pytest.fixture
def connect_to(bare_host: HostEnvironment, monkeypatch: pytest.MonkeyPatch) -> Callable[[Setup], Any]:
    """`connect_to(setup)`: an asynchronous client as Open WebUI makes it of its settings."""

    def make(setup: Setup) -> Any:
        env = ModuleType("open_webui.env")
        settings = {"SENTINEL_HOSTS": "", "SENTINEL_PORT": "", "SENTINEL_MAX_RETRY_COUNT": 2, "CLUSTER": setup.cluster}
        timeouts = {"SOCKET_CONNECT_TIMEOUT": PATIENCE, "SOCKET_TIMEOUT": None, "SOCKET_KEEPALIVE": False}
        pauses = {"HEALTH_CHECK_INTERVAL": None, "RECONNECT_DELAY": 50, "URL": setup.url}
        for name, value in {**settings, **timeouts, **pauses}.items():
            setattr(env, f"REDIS_{name}", value)
        monkeypatch.setitem(sys.modules, "open_webui", ModuleType("open_webui"))
        monkeypatch.setitem(sys.modules, "open_webui.env", env)
        spec = spec_from_file_location("their_redis", bare_host.site_packages / "open_webui" / "utils" / "redis.py")
        assert spec is not None
        assert spec.loader is not None
        theirs = module_from_spec(spec)
        spec.loader.exec_module(theirs)
        return theirs.get_redis_connection(
            setup.url, redis_sentinels=setup.sentinels, redis_cluster=setup.cluster, async_mode=True
        )

    return make


@pytest.fixture
def connect(setup: Setup, connect_to: Callable[[Setup], Any]) -> Callable[[], Any]:
    """A client of the setup that is tried."""
    return lambda: connect_to(setup)


async def empty(client: Any) -> None:
    async for key in client.scan_iter(match=f"{PREFIX}*"):
        await client.delete(key)


Scenario = Callable[[LiveCounters, Ledger], Awaitable[None]]


@pytest.fixture
def play(connect: Callable[[], Any]) -> Callable[[Scenario], None]:
    """In the place of that of test_live_counters.py."""

    async def run(scenario: Scenario) -> None:
        client, ledger = connect(), Ledger()
        await empty(client)
        counters = RedisCounters(client, PREFIX, ledger.load)
        await scenario(counters, ledger)
        assert not counters._link.is_away, "Redis was not asked"
        await client.aclose()

    return lambda scenario: asyncio.run(run(scenario))


def test_the_token_clients_throttle_counts_there_too(connect: Callable[[], Any]) -> None:
    from tests.integration.test_throttle import SLOW, A, fits

    async def run(buckets: Buckets) -> list[bool]:
        return [await fits(buckets, A) for _ in range(SLOW.burst + 1)]

    async def both() -> None:
        client = connect()
        await empty(client)
        buckets = RedisBuckets(client, PREFIX)
        assert await run(buckets) == await run(MemoryBuckets()) == [True] * SLOW.burst + [False]
        assert not buckets._is_away
        await client.aclose()

    asyncio.run(both())


@pytest.fixture
def watched(tmp_path: Path, new_log: Callable[[str], Path]) -> Iterator[Setup]:
    """A master and a replica, of which the master may be killed."""
    running = with_sentinel(tmp_path, new_log("redis-fail-over"))
    yield running
    running.stop()


def test_after_a_fail_over_all_count_together_again(watched: Setup, connect_to: Callable[[Setup], Any]) -> None:
    """Meanwhile calls go on, and each worker counts by itself."""

    async def together_again(worker: RedisCounters) -> None:
        async with asyncio.timeout(60):
            await worker.refresh()
            while worker._link.is_away:
                await asyncio.sleep(0.1)
                await worker.refresh()

    async def scenario() -> None:
        clients, ledger = [connect_to(watched), connect_to(watched)], Ledger()
        one, other = (RedisCounters(client, PREFIX, ledger.load) for client in clients)
        assert await one.reserve("before", [reservation(ONE, 10)]) is None
        master, *_ = watched.processes
        master.kill()
        assert await one.reserve("meanwhile", [reservation(ONE, 10)]) is None
        for worker in (one, other):
            await together_again(worker)
        assert await one.reserve("after", [reservation(ONE, 100)]) is None
        refusal = await other.reserve("too much", [reservation(ONE, 10)])
        assert refusal is not None, "the other worker knows of it, from the new master"
        assert refusal.reserved >= 100
        assert [worker._link.is_away for worker in (one, other)] == [False, False]
        for client in clients:
            await client.aclose()

    asyncio.run(scenario())
