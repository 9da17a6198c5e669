"""Slows down guesses at tokens, by address, and requests, by account.

Everything is counted in leaky buckets, in memory (`memory_buckets`) or in Redis for several workers (`redis_buckets`).
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
    """Not now. `seconds` until it may be tried again."""

    def __init__(self, seconds: float) -> None:
        """Rounded up, for the header `Retry-After`."""
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
    """What one address, network or account has used of a rate. It leaks one each `rate.every` seconds."""

    rate: Rate
    key: str


class Buckets(ABC):
    """All leaky buckets, and which tokens were right from which network. One contract for memory and Redis."""

    async def take(self, *buckets: Bucket) -> None:
        """Count one in each bucket, or in none and raise `TooMany` where one is full."""
        await self.pour(buckets, 1, refuse=True)

    async def check(self, *buckets: Bucket) -> None:
        """Raise `TooMany` where a bucket is full, and count nothing."""
        await self.pour(buckets, 0, refuse=True)

    async def add(self, *buckets: Bucket) -> None:
        """Count one in each bucket, full or not."""
        await self.pour(buckets, 1, refuse=False)

    async def give_back(self, *buckets: Bucket) -> None:
        """Undo a `take`."""
        await self.pour(buckets, -1, refuse=False)

    @abstractmethod
    async def pour(self, buckets: Sequence[Bucket], amount: int, *, refuse: bool) -> None:
        """Change all levels by `amount` in one step. `refuse`: raise `TooMany` instead where one more does not fit."""

    @abstractmethod
    def remember(self, pairs: Iterable[str]) -> None:
        """Start with these proven pairs. Nothing is waited for, so no other worker learns of them."""

    @abstractmethod
    async def is_proven(self, pair: str) -> bool:
        """Whether `prove` was told of this pair of a network and a token's hash."""

    @abstractmethod
    async def prove(self, pair: str) -> None:
        """A token was right from a network."""

    @abstractmethod
    async def disprove(self, pair: str) -> None:
        """It no longer is."""


PER_ADDRESS = Rate("address", burst=10, every=60.0)
"""Wrong tokens from one address (of IPv6 a /64, which is what one customer gets): ten, then one a minute."""
PER_SITE = Rate("site", burst=100, every=6.0)
"""Wrong tokens from its neighbourhood (a /24; of IPv6 a /48, which any tunnel broker gives away): ten times as many."""
EVERYWHERE = Rate("everywhere", burst=300, every=0.1)
"""Wrong tokens from all addresses together, because addresses are cheap. At ten a second it takes a lifetime to guess
one of a hundred tokens among 36^8."""
REJECTED = Rate("rejected", burst=300, every=0.1)
"""Rejected attempts per address. Above this rate valid tokens from there are throttled too: else each attempt would
test a token."""


class Guesses:
    """Slows down whoever tries tokens.

    A token that was right once from an address stays usable there. So a guesser shuts nobody out, not even somebody
    behind the same address, and not with thousands of addresses.
    """

    def __init__(self, buckets: Buckets, proven: Iterable[tuple[str, str]] = ()) -> None:
        """`proven`: addresses, and hashes of tokens that were right from there in an earlier process."""
        self._buckets = buckets
        buckets.remember(_pair(network_of(address), token_hash) for address, token_hash in proven)
        # Many new tokens of one address are looked at one after the other, so that right ones do not fill the buckets.
        self._locks = [asyncio.Lock() for _ in range(64)]

    @asynccontextmanager
    async def guess(self, address: str, token_hash: str, wrong: type[Exception]) -> AsyncIterator[None]:
        """Find out inside the block whether a token is right, and raise `wrong` where it is not. Raises `TooMany`."""
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
        """Counted as wrong before anyone looks, or workers that look at once would admit a guess each."""
        try:
            await self._buckets.take(*levels)
        except TooMany:
            await self._buckets.add(rejected)
            raise
        try:
            yield
        except wrong:
            raise
        except BaseException:  # Nobody knows: the database is away, say, or the connection is gone.
            await self._buckets.give_back(*levels)
            raise
        await self._buckets.give_back(*levels)
        await self._buckets.prove(pair)


def _pair(network: str, token_hash: str) -> str:
    return f"{network} {token_hash}"
