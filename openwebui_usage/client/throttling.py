"""Who may ask how often: guesses at tokens per address, and requests per user."""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from openwebui_usage.client.addresses import network_of

Clock = Callable[[], float]

MOST_REMEMBERED = 10_000
"""Addresses, users and proven tokens; who was not seen for longest is forgotten first."""


class TooMany(Exception):
    """Not now. `seconds` until it may be tried again."""

    def __init__(self, seconds: float) -> None:
        """Rounded up, for the header `Retry-After`."""
        super().__init__()
        self.seconds = max(1, math.ceil(seconds))


@dataclass(frozen=True, slots=True)
class Rate:
    """So many at once, and then one each `every` seconds."""

    burst: int
    every: float


class Buckets:
    """Leaky buckets by key, in bounded memory."""

    def __init__(self, rate: Rate, clock: Clock = time.monotonic) -> None:
        """All are empty."""
        self._rate = rate
        self._clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, key: str) -> None:
        """Raise `TooMany` where a bucket is full."""
        excess = self._level(key) + 1 - self._rate.burst
        if excess > 0:
            raise TooMany(excess * self._rate.every)

    def add(self, key: str) -> None:
        """One more."""
        self._levels[key] = (self._level(key) + 1, self._clock())
        self._levels.move_to_end(key)
        if len(self._levels) > MOST_REMEMBERED:
            self._levels.popitem(last=False)

    def take(self, key: str) -> None:
        """One more, or `TooMany`."""
        self.check(key)
        self.add(key)

    def _level(self, key: str) -> float:
        level, at = self._levels.get(key, (0.0, 0.0))
        return max(0.0, level - (self._clock() - at) / self._rate.every) if level else 0.0


PER_ADDRESS = Rate(burst=10, every=60.0)
"""Wrong tokens from one address (of IPv6 a /64, which is what one customer gets): ten, then one a minute."""
PER_SITE = Rate(burst=100, every=6.0)
"""From its neighbourhood (a /24; of IPv6 a /48, which a tunnel gives to anybody): ten times as many."""
EVERYWHERE = Rate(burst=300, every=0.1)
"""From all addresses together, for addresses are cheap: at ten a second, to guess one of a hundred tokens among 36^8
takes a lifetime."""
AT_ALL = EVERYWHERE
"""Tries from one address that were not even looked at. Whoever goes on at this rate takes those along who were right
from there: else each try would be one at their tokens."""


class Guesses:
    """Slows down whoever tries tokens.

    A token that was right once from an address stays usable there, so that nobody is shut out by a guesser, be it a
    neighbour behind the same address or somebody with thousands of them.
    """

    def __init__(self, proven: Iterable[tuple[str, str]] = (), clock: Clock = time.monotonic) -> None:
        """`proven`: addresses, and hashes of tokens that were right from there before this process was."""
        self._addresses = Buckets(PER_ADDRESS, clock)
        self._sites = Buckets(PER_SITE, clock)
        self._all = Buckets(EVERYWHERE, clock)
        self._tries = Buckets(AT_ALL, clock)
        self._proven: OrderedDict[tuple[str, str], None] = OrderedDict()
        for address, token_hash in proven:
            self._prove((network_of(address), token_hash))
        # Of many guesses at once from one address, each waits for the verdict on the one before.
        self._locks = [asyncio.Lock() for _ in range(64)]

    @asynccontextmanager
    async def guess(self, address: str, token_hash: str, wrong: type[Exception]) -> AsyncIterator[None]:
        """Find out within this whether a token is right: raise `wrong` where it is not. Raises `TooMany`."""
        network = network_of(address)
        brakes = ((self._addresses, network), (self._sites, network_of(address, 24, 48)), (self._all, ""))
        key = (network, token_hash)
        self._tries.check(network)
        if key in self._proven:
            async with self._verdict(key, brakes, wrong):
                yield
            return
        async with self._locks[hash(network) % len(self._locks)]:
            if key not in self._proven:
                try:
                    for buckets, name in brakes:
                        buckets.check(name)
                except TooMany:
                    self._tries.add(network)
                    raise
            async with self._verdict(key, brakes, wrong):
                yield

    @asynccontextmanager
    async def _verdict(
        self, key: tuple[str, str], brakes: Iterable[tuple[Buckets, str]], wrong: type[Exception]
    ) -> AsyncIterator[None]:
        try:
            yield
        except wrong:
            self._proven.pop(key, None)
            for buckets, name in brakes:
                buckets.add(name)
            raise
        self._prove(key)

    def _prove(self, key: tuple[str, str]) -> None:
        self._proven[key] = None
        self._proven.move_to_end(key)
        if len(self._proven) > MOST_REMEMBERED:
            self._proven.popitem(last=False)
