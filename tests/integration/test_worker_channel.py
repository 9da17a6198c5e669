"""Workers tell each other through a real Redis what they counted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from redis.asyncio import Redis as AsyncRedis

from openwebui_usage.host.changes import Changes
from openwebui_usage.host.worker_channel import WorkerChannel
from openwebui_usage.rules.groups import Sums
from tests.support.services import Redis

ONE = Changes(users={"ada"}, groups={"G"}, totals={("g", "total"): Sums(calls=1, input=7)}, revision=3, calls={"1"})
TWO = Changes(users={"bob"}, groups={"G"}, totals={("g", "total"): Sums(calls=2, input=9)}, revision=3, calls={"2"})


class End:
    """A worker that writes down what it hears."""

    def __init__(self, redis: Redis, name: str = "test") -> None:
        self._client = AsyncRedis.from_url(redis.url, decode_responses=True)
        self.channel = WorkerChannel(self._client, name)
        self.heard = Changes()
        self.missed = 0

    async def __aenter__(self) -> End:
        self.channel.start(self._hear, self._miss)
        await until(lambda: self.channel.is_open, "it listens")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.channel.stop()
        await self._client.aclose()

    async def _hear(self, changes: Changes) -> None:
        self.heard.add(changes)

    def _miss(self) -> None:
        self.missed += 1


async def until(is_so: Callable[[], bool], what: str) -> None:
    async with asyncio.timeout(30):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert is_so(), what


def play(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 60))  # type: ignore[arg-type]


def test_all_others_hear_what_one_tells(redis: Redis) -> None:
    async def scenario() -> None:
        async with End(redis) as first, End(redis) as second, End(redis) as third, End(redis, "others") as stranger:
            first.channel.tell(ONE)
            first.channel.tell(TWO)
            for other in (second, third):
                await until(lambda: other.heard.calls == {"1", "2"}, "both are heard")  # noqa: B023
                assert other.heard.totals == TWO.totals
                assert other.heard.users == {"ada", "bob"}
            second.channel.tell(Changes.by_admin(["H"]))
            await until(lambda: first.heard.is_defined, "the answer is heard")
            assert first.heard.groups == {"H"}, "nobody hears what they said themselves"
            assert not stranger.heard

    play(scenario)


def test_who_may_have_missed_something_is_told_so(redis: Redis) -> None:
    async def scenario() -> None:
        async with End(redis) as first, End(redis) as second:
            assert (first.missed, second.missed) == (1, 1), "before they listened others may have told something"
            redis.stop()
            first.channel.tell(ONE)
            redis.start()
            await until(lambda: second.missed > 1, "the link is mended")
            await until(lambda: first.missed > 1, "the link is mended")
            first.channel.tell(TWO)
            await until(lambda: "2" in second.heard.calls, "they hear each other again")

    play(scenario)


def test_what_another_version_says_is_as_if_it_was_missed(redis: Redis) -> None:
    async def scenario() -> None:
        async with End(redis) as end:
            for text in ("", "[]", '["a worker", "{}"]', '["a worker", null]', '["w", "{\\"users\\": 5}"]'):
                missed = end.missed
                redis.client.publish("test", text)
                await until(lambda: end.missed == missed + 1, text)  # noqa: B023
            assert not end.heard

    play(scenario)
