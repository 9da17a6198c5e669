"""Throttles wrong tokens by address, and requests by account.

Both are counted in leaky buckets, in memory (`memory_buckets`) or in Redis for several workers (`redis_buckets`).
"""

from __future__ import annotations

import asyncio
import math
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from openwebui_usage.client.addresses import network_of


class TooMany(Exception):
    """Refused for now. It may be tried again in `seconds`."""

    def __init__(self, seconds: float) -> None:
        """`seconds` are rounded up, for the header `Retry-After`."""
        super().__init__()
        self.seconds = max(1, math.ceil(seconds))


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` at once, and then one each `every` seconds. `name` tells what is counted."""

    name: str
    burst: int
    every: float


@dataclass(frozen=True, slots=True)
class Bucket:
    """Counts for one address, network or account, and leaks one every `rate.every` seconds."""

    rate: Rate
    key: str


class Buckets(ABC):
    """All buckets, and which tokens have been right from which networks. One contract, kept in memory or in Redis.

    A pair is a network and the hash of a token in one string.
    """

    async def take(self, *buckets: Bucket) -> None:
        """Count one in each bucket. If one of them is full, raise `TooMany` and count nothing."""
        await self.pour(buckets, 1, refuse=True)

    async def check(self, *buckets: Bucket) -> None:
        """Raise `TooMany` if a bucket is full. Count nothing."""
        await self.pour(buckets, 0, refuse=True)

    async def add(self, *buckets: Bucket) -> None:
        """Count one in each bucket, full or not."""
        await self.pour(buckets, 1, refuse=False)

    async def give_back(self, *buckets: Bucket) -> None:
        """Undo a `take`."""
        await self.pour(buckets, -1, refuse=False)

    @abstractmethod
    async def pour(self, buckets: Sequence[Bucket], amount: int, *, refuse: bool) -> None:
        """Change all levels by `amount` in one step. `refuse`: raise `TooMany` instead if one more does not fit."""

    @abstractmethod
    def remember(self, pairs: Iterable[str]) -> None:
        """Start with these proven pairs. They are not shared with other workers."""

    @abstractmethod
    async def is_proven(self, pair: str) -> bool:
        """Whether the token has been right from the network."""

    @abstractmethod
    async def prove(self, pair: str) -> None:
        """Note that the token was right from the network."""

    @abstractmethod
    async def disprove(self, pair: str) -> None:
        """Note that the token is no longer right."""


PER_ADDRESS = Rate("address", burst=10, every=60.0)
"""Wrong tokens from one address (of IPv6 a /64, which is what one customer gets): ten, then one a minute."""
PER_SITE = Rate("site", burst=100, every=6.0)
"""Wrong tokens from its neighbourhood (a /24; of IPv6 a /48, which any tunnel broker gives away): ten times as many."""
EVERYWHERE = Rate("everywhere", burst=300, every=0.1)
"""Wrong tokens from all addresses together, because addresses are cheap. At ten a second it takes a lifetime to guess
one of a hundred tokens among 36^8."""
REJECTED = Rate("rejected", burst=300, every=0.1)
"""Rejected attempts per address. Above this rate valid tokens from that address are throttled, too: otherwise each
attempt would test a token."""


class Guesses:
    """Throttles wrong tokens.

    A token that has been right from an address stays usable there. So guessing locks nobody out, not even from behind
    the same address, or with thousands of addresses.
    """

    def __init__(self, buckets: Buckets, proven: Iterable[tuple[str, str]] = ()) -> None:
        """`proven`: addresses and hashes of tokens that were right from there before this process started."""
        self._buckets = buckets
        buckets.remember(_pair(network_of(address), token_hash) for address, token_hash in proven)
        # New tokens from one address are checked one after the other, so that right ones do not fill the buckets.
        self._locks = [asyncio.Lock() for _ in range(64)]

    @asynccontextmanager
    async def guess(self, address: str, token_hash: str, wrong: type[Exception]) -> AsyncIterator[None]:
        """Check the token inside the block, and raise `wrong` there if it is not right. Raises `TooMany`."""
        network = network_of(address)
        pair, rejected = _pair(network, token_hash), Bucket(REJECTED, network)
        levels = (
            Bucket(PER_ADDRESS, network),
            Bucket(PER_SITE, network_of(address, 24, 48)),
            Bucket(EVERYWHERE, ""),
        )
        await self._buckets.check(rejected)
        if await self._buckets.is_proven(pair):
            async with self._still_right(pair, levels, wrong):
                yield
            return
        async with self._locks[hash(network) % len(self._locks)]:
            if await self._buckets.is_proven(pair):
                async with self._still_right(pair, levels, wrong):
                    yield
            else:
                async with self._first_time(pair, levels, rejected, wrong):
                    yield

    @asynccontextmanager
    async def _still_right(self, pair: str, levels: Sequence[Bucket], wrong: type[Exception]) -> AsyncIterator[None]:
        try:
            yield
        except wrong:
            await self._buckets.disprove(pair)
            await self._buckets.add(*levels)
            raise

    @asynccontextmanager
    async def _first_time(
        self, pair: str, levels: Sequence[Bucket], rejected: Bucket, wrong: type[Exception]
    ) -> AsyncIterator[None]:
        """Counted as wrong before it is checked, or several workers could check one guess too many each."""
        try:
            await self._buckets.take(*levels)
        except TooMany:
            await self._buckets.add(rejected)
            raise
        try:
            yield
        except wrong:
            raise
        except BaseException:  # Neither right nor wrong: for example, the database is away.
            await self._buckets.give_back(*levels)
            raise
        await self._buckets.give_back(*levels)
        await self._buckets.prove(pair)


def _pair(network: str, token_hash: str) -> str:
    return f"{network} {token_hash}"
