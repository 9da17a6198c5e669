"""The throttle of one worker, in bounded memory."""

from __future__ import annotations

import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from openwebui_usage.client.throttling import Bucket, Buckets, TooMany

Clock = Callable[[], float]

MOST_REMEMBERED = 10_000
"""Buckets of one rate, and proven pairs. The least recently used is forgotten first."""


ROUNDING = 1e-6
"""Seconds by which sums of floats may be off."""


class MemoryBuckets(Buckets):
    """See `Buckets`."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        """`clock` tells seconds."""
        self._clock = clock
        self._empty_at: defaultdict[str, OrderedDict[str, float]] = defaultdict(OrderedDict)
        """By rate and key, when the bucket will be empty. So no level has to be updated as time passes."""
        self._proven: OrderedDict[str, None] = OrderedDict()

    async def pour(self, buckets: Sequence[Bucket], amount: int, *, refuse: bool) -> None:
        """See `Buckets`."""
        now = self._clock()
        if refuse:
            wait = max(self._wait(bucket, now) for bucket in buckets)
            if wait > ROUNDING:
                raise TooMany(wait)
        for bucket in buckets if amount else ():
            same_rate = self._empty_at[bucket.rate.name]
            same_rate[bucket.key] = max(same_rate.get(bucket.key, now), now) + amount * bucket.rate.every
            _bound(same_rate, bucket.key)

    def remember(self, pairs: Iterable[str]) -> None:
        """See `Buckets`."""
        for pair in pairs:
            self._proven[pair] = None
            _bound(self._proven, pair)

    async def is_proven(self, pair: str) -> bool:
        """See `Buckets`."""
        if pair not in self._proven:
            return False
        self._proven.move_to_end(pair)
        return True

    async def prove(self, pair: str) -> None:
        """See `Buckets`."""
        self.remember([pair])

    async def disprove(self, pair: str) -> None:
        """See `Buckets`."""
        self._proven.pop(pair, None)

    def _wait(self, bucket: Bucket, now: float) -> float:
        """Seconds until one more fits. Not positive if it does now."""
        rate = bucket.rate
        left = max(self._empty_at[rate.name].get(bucket.key, now) - now, 0.0)
        return left - (rate.burst - 1) * rate.every


def _bound(remembered: OrderedDict[str, Any], latest: str) -> None:
    remembered.move_to_end(latest)
    if len(remembered) > MOST_REMEMBERED:
        remembered.popitem(last=False)
