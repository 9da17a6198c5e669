"""Several workers: totals exact, and every page's numbers right, whichever worker served the call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import httpx
import pytest
from socketio.exceptions import ConnectionError as SocketRefused
from sqlalchemy import create_engine, func, select
from sqlalchemy.pool import NullPool

from openwebui_usage.ledger.schema import usage_call
from tests.integration.test_parallel_limits import (
    LIMIT,
    MESSAGES,
    a_minute,
    exceptions,
    line,
    primed,
    report,
    right_and_wrong,
    storm,
)
from tests.support.clients import Client
from tests.support.openwebui import OpenWebUI
from tests.support.process import wait_until
from tests.support.provider import Provider
from tests.support.services import Postgres, Redis
from tests.support.ui import UI

__all__ = ["report"]
GROUP, MODELS = "all of them", ("gpt-4o-mini", "gpt-4o", "o3-mini")


class Deployment:
    """A server, and three people who look at its page."""

    def __init__(self, server: OpenWebUI, database_url: str, stack: ExitStack) -> None:
        self.server, self.database_url = server, database_url
        self.admin = server.admin
        self.admin.add_group(GROUP, ["gpt-4o*", "o3-mini"], 10**9)
        self.clients = [self.admin, self.admin.add_user(), self.admin.add_user()]
        self.pages: list[UI] = [stack.enter_context(client.ui()) for client in self.clients]

    def call(self, count: int) -> int:
        """So many streams at once, from all three; how many of them ended well."""
        return asyncio.run(self._call(count))

    async def _call(self, count: int) -> int:
        clients = [client.asynchronous() for client in self.clients]
        try:
            calls = [_stream(clients[number % 3], MODELS[number % len(MODELS)]) for number in range(count)]
            return sum(await asyncio.gather(*calls))
        finally:
            for client in clients:
                await client.aclose()

    def usage(self, client: Client | None = None) -> dict[str, int]:
        usage: dict[str, int] = (client or self.admin).usage_groups()[GROUP]["usage"]
        return usage

    def rows(self) -> tuple[int, int, int]:
        """Rows, their tokens in, and their tokens out as documented."""
        engine = create_engine(self.database_url, poolclass=NullPool)
        sums = (func.count(), func.sum(usage_call.c.input), func.sum(usage_call.c.completion + usage_call.c.reasoning))
        with engine.connect() as connection:
            count, tokens_in, tokens_out = connection.execute(select(*sums)).one()
        return int(count), int(tokens_in or 0), int(tokens_out or 0)

    def is_shown(self) -> bool:
        """Whether every page shows what the server would tell it now."""
        shown = [_last_shown(page) for page in self.pages]
        return all(self.usage(client) == numbers for client, numbers in zip(self.clients, shown, strict=True))


async def _stream(client: httpx.AsyncClient, model: str) -> bool:
    body = {"model": model, "messages": [{"role": "user", "content": "Hello there"}], "stream": True}
    answer = await client.post("/api/chat/completions", json=body)
    return answer.status_code == httpx.codes.OK and "[DONE]" in answer.text


def _last_shown(page: UI) -> dict[str, int] | None:
    for event in reversed(page.usage):
        if GROUP in event["groups"]:
            usage: dict[str, int] = event["groups"][GROUP]["usage"]
            return usage
    return None


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def slow_models(provider: Provider) -> Provider:
    for model in MODELS:
        provider.behave(model, chunks=20, delay=0.2)
    return provider


def connected_again(client: Client, stack: ExitStack) -> UI:
    """A page. Open WebUI takes a while to find its Redis again, and turns sockets away meanwhile."""
    pages: list[UI] = []

    def connect() -> bool:
        with suppress(SocketRefused):
            pages.append(stack.enter_context(client.ui()))
        return bool(pages)

    wait_until(connect, timeout=30, what="Open WebUI takes sockets again", every=0.5)
    return pages[0]


def billed(provider: Provider, count: int) -> tuple[int, int, int]:
    """What the provider's book says of the same."""
    calls = [call.billed for call in provider.ended_calls(count, timeout=60) if call.billed]
    # As documented, OUT counts reasoning beside completion, which already contains it.
    return (
        len(calls),
        sum(call["prompt"] for call in calls),
        sum(call["completion"] + call["reasoning"] for call in calls),
    )


def check(deployment: Deployment, provider: Provider, count: int) -> None:
    """The rows, the totals and every page agree with the provider's book, and stay so."""
    expected = billed(provider, count)
    wait_until(lambda: deployment.rows() == expected, timeout=10, what=f"the rows say {expected}")
    for _ in range(8):  # Each worker in its turn, more or less.
        usage = deployment.usage()
        assert (usage["calls"], usage["in"], usage["out"]) == expected
    wait_until(
        deployment.is_shown,
        timeout=10,
        what="the pages show the totals",
        details=lambda: f"{[_last_shown(page) for page in deployment.pages]} instead of {deployment.usage()}",
    )
    time.sleep(1.5)
    assert deployment.is_shown()


def counts_and_shows(server: OpenWebUI, database_url: str, provider: Provider, count: int, stack: ExitStack) -> None:
    deployment = Deployment(server, database_url, stack)
    assert deployment.call(count) == count
    check(deployment, provider, count)


@pytest.mark.timeout(600)
def test_redis_may_go_away_and_come_back(
    start_openwebui: Callable[..., OpenWebUI],
    postgres: Postgres,
    redis: Redis,
    slow_models: Provider,
    stack: ExitStack,
) -> None:
    """Open WebUI itself needs its Redis to begin a chat, so all have begun when it goes."""
    url = postgres.new_database()
    server = start_openwebui(workers=2, database_url=url, redis_url=redis.url)
    deployment = Deployment(server, url, stack)

    for model in MODELS:
        slow_models.behave(model, chunks=50, delay=0.2)
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(deployment.call, 40)
        wait_until(lambda: len(slow_models.calls()) == 40, timeout=60, what="all calls have begun")
        redis.stop()
        wait_until(lambda: deployment.rows()[0] > 20, timeout=60, what="calls are counted without Redis")
        redis.start()
        assert ended.result() == 40
    assert deployment.rows() == billed(slow_models, 40)
    # Open WebUI kept in Redis who is connected: pages connect again.
    deployment.pages = [connected_again(client, stack) for client in deployment.clients]
    assert deployment.call(10) == 10
    check(deployment, slow_models, 50)


# A deployment of several workers takes long to start: first its rows are counted, then the same has limits to keep.


@pytest.fixture(scope="module")
def on_postgres_and_redis(
    new_openwebui: Callable[..., OpenWebUI], postgres: Postgres, redis_process: Redis
) -> Iterator[tuple[OpenWebUI, str]]:
    """Four workers, and where their rows are."""
    url = postgres.new_database()
    redis_process.clear()
    server = new_openwebui(workers=4, database_url=url, redis_url=redis_process.url)
    try:
        yield server.start(), url
    finally:
        server.discard()


@pytest.mark.timeout(600)
def test_four_workers_on_postgres_and_redis(
    on_postgres_and_redis: tuple[OpenWebUI, str], slow_models: Provider, stack: ExitStack
) -> None:
    counts_and_shows(*on_postgres_and_redis, slow_models, 200, stack)


@pytest.mark.timeout(600)
def test_a_page_is_told_once_whichever_of_four_workers_counts(
    on_postgres_and_redis: tuple[OpenWebUI, str], stack: ExitStack
) -> None:
    server, _ = on_postgres_and_redis
    server.admin.add_group("told once", ["gpt-4o-mini"])
    pages = [stack.enter_context(client.ui()) for client in (server.admin, server.admin.add_user())]

    def told(page: UI) -> list[int]:
        found = [event["groups"].get("told once") for event in list(page.usage)]
        return [group["usage"]["calls"] for group in found if group and group["usage"]["calls"]]

    for number in range(1, 9):  # Each on a connection of its own, so that all workers have some.
        client = Client(server.url, server.admin.token)
        client.chat("gpt-4o-mini")
        client.close()
        wait_until(lambda: all(told(page)[-1:] == [number] for page in pages), timeout=15, what=f"call {number}")  # noqa: B023
    time.sleep(1.5)
    assert [told(page) for page in pages] == [[*range(1, 9)]] * 2


@pytest.mark.timeout(600)
def test_four_workers_on_redis_keep_a_limit(
    on_postgres_and_redis: tuple[OpenWebUI, str],
    provider: Provider,
    redis_process: Redis,
    report: Callable[[str], None],
) -> None:
    server, _ = on_postgres_and_redis
    logged_before = len(server.log_text())
    right_and_wrong(server, provider, report, "4 workers, PostgreSQL and Redis")
    primed(server, provider, report, "4 workers, PostgreSQL and Redis")
    exceptions(server, provider, report, "4 workers, PostgreSQL and Redis")
    a_minute(server, provider, report, "4 workers, PostgreSQL and Redis")
    assert "Redis is away" not in server.log_text()[logged_before:]
    reserved = [key for key in redis_process.client.keys("*{usage}:holds:*") if redis_process.client.hlen(key)]
    assert reserved == [], "everything that was reserved was released"


@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_four_workers_as_an_admin_starts_them(
    start_openwebui: Callable[..., OpenWebUI],
    postgres: Postgres,
    redis: Redis,
    slow_models: Provider,
    stack: ExitStack,
) -> None:
    """None of them is a fork."""
    url = postgres.new_database()
    server = start_openwebui(workers=4, database_url=url, redis_url=redis.url, fresh=True)
    counts_and_shows(server, url, slow_models, 200, stack)


@pytest.fixture(scope="module")
def on_sqlite(new_openwebui: Callable[..., OpenWebUI]) -> Iterator[OpenWebUI]:
    """Two workers, without Redis."""
    server = new_openwebui(workers=2)
    try:
        yield server.start()
    finally:
        server.discard()


@pytest.mark.timeout(600)
def test_two_workers_on_sqlite_without_redis(on_sqlite: OpenWebUI, slow_models: Provider, stack: ExitStack) -> None:
    counts_and_shows(on_sqlite, f"sqlite:///{on_sqlite.ledger_file}", slow_models, 100, stack)


@pytest.mark.timeout(600)
def test_two_workers_without_redis_overspend_by_a_tenth_at_most(
    on_sqlite: OpenWebUI, provider: Provider, report: Callable[[str], None]
) -> None:
    """Near the limit they reserve in the ledger; before, all of them together at most a tenth of what is left."""
    answers, used = storm(on_sqlite, provider, prompt=4 + 2)  # As we estimate it.
    report(line(f"{on_sqlite.workers} workers, SQLite, no Redis", answers, used))
    assert used <= LIMIT * 1.1
    body = {"model": "bounded", "messages": MESSAGES}

    def all_refuse() -> bool:
        answers = []
        for _ in range(16):  # Each on a connection of its own, so that all workers are asked.
            client = Client(on_sqlite.url, on_sqlite.admin.token)
            answers.append(client.post("/api/chat/completions", json=body).status_code)
            client.close()
        return set(answers) == {429}

    wait_until(all_refuse, timeout=15, what="all workers know that the limit is reached")
