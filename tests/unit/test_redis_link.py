"""What all that is counted in Redis asks it through: how many ask at once, and how long they wait."""

from __future__ import annotations

import asyncio

import pytest

from openwebui_usage.admission import redis_link
from openwebui_usage.admission.redis_link import MOST_AT_ONCE, RedisAway, RedisLink

CALLS = 5 * MOST_AT_ONCE


class Client:
    """Answers once `answers` is set; `busy` is set while as many as may are under way."""

    def __init__(self) -> None:
        self.answers, self.busy = asyncio.Event(), asyncio.Event()
        self.asked = self.under_way = self.most = 0

    async def eval(self, script: str, count: int, *arguments: object) -> object:
        self.asked += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        if self.under_way == MOST_AT_ONCE:
            self.busy.set()
        try:
            await self.answers.wait()
            await asyncio.sleep(0)
        finally:
            self.under_way -= 1
        return arguments[-1]


def test_many_calls_at_once_share_few_connections() -> None:
    async def scenario() -> None:
        client = Client()
        link = RedisLink(client)
        calls = [asyncio.create_task(link.run("", ["key"], [number])) for number in range(CALLS)]
        await client.busy.wait()
        client.answers.set()
        assert await asyncio.gather(*calls) == list(range(CALLS))
        assert client.most == MOST_AT_ONCE

    asyncio.run(scenario())


def test_all_wait_once_for_a_redis_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those whose turn has not come."""
    monkeypatch.setattr(redis_link, "REDIS_TIMEOUT", 0.05)

    async def scenario() -> None:
        client = Client()
        link = RedisLink(client)
        calls = (link.run("", ["key"], [number]) for number in range(CALLS))
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(answer) for answer in answers} == {RedisAway}
        assert (client.asked, client.under_way) == (MOST_AT_ONCE, 0)
        client.answers.set()
        assert await link.run("", ["key"], ["later"]) == "later"

    asyncio.run(scenario())


def test_whoever_waits_for_a_turn_does_not_take_redis_for_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine makes all of them wait for longer together than one may wait for an answer."""
    monkeypatch.setattr(redis_link, "REDIS_TIMEOUT", 0.2)

    class Slow(Client):
        async def eval(self, script: str, count: int, *arguments: object) -> object:
            await asyncio.sleep(0.05)
            return arguments[-1]

    async def scenario() -> None:
        link = RedisLink(Slow())
        calls = [link.run("", ["key"], [number]) for number in range(CALLS)]
        assert await asyncio.gather(*calls) == list(range(CALLS))

    asyncio.run(scenario())
