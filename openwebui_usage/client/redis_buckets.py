"""The throttle that all workers share, in Redis: N workers do not admit N times as many guesses and requests.

While Redis is away or hangs, each worker counts by itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.resources
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from openwebui_usage.client.memory_buckets import MemoryBuckets
from openwebui_usage.client.throttling import Bucket, Buckets, TooMany

log = logging.getLogger(__name__)

REDIS_TIMEOUT = 1.0
"""Seconds that a request waits for Redis."""
RETRY_SECONDS = 5.0
"""While Redis is away, one request in this time finds out whether it is back. The others do not wait."""
PROVEN_SECONDS = 30 * 24 * 3600
"""How long Redis remembers that a token was right from a network, since a worker last asked."""


class RedisBuckets(Buckets):
    """See `Buckets`. `redis` is an asynchronous client, plain, Sentinel's or a cluster's."""

    def __init__(self, redis: Any, prefix: str) -> None:
        """All keys begin with `prefix` and share one hash slot."""
        self._redis = redis
        self._prefix = f"{prefix}:{{usage}}:client"
        self._alone = MemoryBuckets()
        """Counts everything of this worker as well, so that guessing does not start from zero when Redis goes away."""
        self._is_away = False
        self._retry_at = 0.0
        self._pour = (importlib.resources.files(__package__) / "lua" / "pour.lua").read_text(encoding="utf-8")

    async def pour(self, buckets: Sequence[Bucket], amount: int, *, refuse: bool) -> None:
        """See `Buckets`."""
        keys = [f"{self._prefix}:{bucket.rate.name}:{bucket.key}" for bucket in buckets]
        rates = [number for bucket in buckets for number in (bucket.rate.burst, bucket.rate.every)]
        wait = await self._ask(
            lambda: self._redis.eval(self._pour, len(keys), *keys, amount, "1" if refuse else "", *rates)
        )
        if wait:
            raise TooMany(float(wait))
        await self._alone.pour(buckets, amount, refuse=refuse and wait is None)

    def remember(self, pairs: Iterable[str]) -> None:
        """See `Buckets`."""
        self._alone.remember(pairs)

    async def is_proven(self, pair: str) -> bool:
        """See `Buckets`."""
        if await self._alone.is_proven(pair):
            return True
        if await self._ask(lambda: self._redis.expire(self._proven_key(pair), PROVEN_SECONDS)):
            await self._alone.prove(pair)
            return True
        return False

    async def prove(self, pair: str) -> None:
        """See `Buckets`."""
        await self._alone.prove(pair)
        await self._ask(lambda: self._redis.set(self._proven_key(pair), "", ex=PROVEN_SECONDS))

    async def disprove(self, pair: str) -> None:
        """See `Buckets`."""
        await self._alone.disprove(pair)
        await self._ask(lambda: self._redis.delete(self._proven_key(pair)))

    def _proven_key(self, pair: str) -> str:
        return f"{self._prefix}:proven:{hashlib.sha256(pair.encode()).hexdigest()}"

    async def _ask(self, command: Callable[[], Awaitable[Any]]) -> Any:
        """The answer of Redis. None if it is away."""
        if self._is_away:
            if time.monotonic() < self._retry_at:
                return None
            self._retry_at = time.monotonic() + RETRY_SECONDS  # Other requests go on without it meanwhile.
        try:
            answer = await asyncio.wait_for(command(), REDIS_TIMEOUT)
        except Exception as error:  # noqa: BLE001 - whatever the client raises
            if not self._is_away:
                log.warning(
                    "Redis is away, this worker counts guesses and requests of the token client by itself: %s",
                    str(error) or type(error).__name__,
                )
            self._is_away = True
            self._retry_at = time.monotonic() + RETRY_SECONDS
            return None
        if self._is_away:
            self._is_away = False
            log.info("Redis is back, all workers count guesses and requests of the token client together again")
        return answer
