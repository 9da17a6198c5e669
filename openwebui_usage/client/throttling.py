"""Who may ask how often: guesses at tokens per address, requests per user, and what an address is behind a proxy."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import math
import re
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

Clock = Callable[[], float]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

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
            self._prove((_network_of(address), token_hash))
        # Of many guesses at once from one address, each waits for the verdict on the one before.
        self._locks = [asyncio.Lock() for _ in range(64)]

    @asynccontextmanager
    async def guess(self, address: str, token_hash: str, wrong: type[Exception]) -> AsyncIterator[None]:
        """Find out within this whether a token is right: raise `wrong` where it is not. Raises `TooMany`."""
        network = _network_of(address)
        brakes = ((self._addresses, network), (self._sites, _network_of(address, 24, 48)), (self._all, ""))
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


def _network_of(address: str, v4: int = 32, v6: int = 64) -> str:
    """The network that an address is in; prefixes of `v4` and `v6` bits."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return str(ipaddress.ip_network((ip, v4 if ip.version == 4 else v6), strict=False))


def parse_networks(text: str) -> list[Network]:
    """`10.0.0.0/8, 127.0.0.1` or `*`. Raises ValueError that names the entry."""
    networks: list[Network] = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        if entry == "*":
            networks += [ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")]
            continue
        try:
            networks.append(ipaddress.ip_network(entry, strict=False))
        except ValueError:
            raise ValueError(f"{entry!r} is no address or network, such as 127.0.0.1 or 10.0.0.0/8") from None
    return networks


def client_address(
    peer: str | None, forwarded: Iterable[str], trusted: Sequence[Network], *, rewritten: bool = False
) -> str:
    """Who asks: the connection's other end, or, where that is a trusted proxy, the last in the chain of
    `X-Forwarded-For` that is none. All before that was written by whoever asks.

    `rewritten`: the server in front put some address of that chain in the place of `peer`. Open WebUI's takes the
    first, which anybody may write; the last comes from its proxy, if there is one.
    """
    address = peer or "unknown"
    if not rewritten and not _is_in(address, trusted):
        return address
    chain = [part.strip() for value in forwarded for part in value.split(",")]
    for part in reversed(chain):
        hop = _plain_address(part)
        if hop is None:
            break
        address = hop
        if not _is_in(hop, trusted):
            break
    return address


def _is_in(address: str, networks: Sequence[Network]) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return any(ip in network for network in networks)


def _plain_address(text: str) -> str | None:
    """Some proxies write a port, or brackets, beside the address."""
    found = re.fullmatch(r"\[([0-9a-fA-F:.]+)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+):\d+", text)
    try:
        return str(ipaddress.ip_address((found[1] or found[2]) if found else text))
    except ValueError:
        return None


_TOKEN_IN_PATH = re.compile(r"(/user/stats/)[^?/\s]+")
_TOKEN_IN_QUERY = re.compile(r"([?&]token=)[^&\s]*")


class TokensHidden(logging.Filter):
    """Takes tokens out of access logs: one stands in the path of `/user/stats/{token}`, and in links with `?token=`."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Never drops a line."""
        if isinstance(record.args, tuple):
            record.args = tuple(hide_tokens(arg) if isinstance(arg, str) else arg for arg in record.args)
        if isinstance(record.msg, str):
            record.msg = hide_tokens(record.msg)
        return True


def hide_tokens(text: str) -> str:
    """`text` without the tokens in its addresses."""
    return _TOKEN_IN_QUERY.sub(r"\1…", _TOKEN_IN_PATH.sub(r"\1…", text))
