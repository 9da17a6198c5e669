"""What calls used within the last minute: in the memory of one worker, or in Redis, exactly for all of them."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from openwebui_usage.admission.redis_link import RedisAway, RedisLink, lua
from openwebui_usage.rules.rates import SECONDS, seconds_until_free, workers_of

log = logging.getLogger(__name__)

_MOST_KEYS = 50_000
_NOTHING: OrderedDict[str, tuple[float, int]] = OrderedDict()
"""Never changed."""


@dataclass(frozen=True, slots=True)
class Take:
    """What a call takes of one rate: `amount` now, of which `must_fit` has to be left."""

    key: str
    limit: int
    amount: int
    must_fit: int = 1


@dataclass(frozen=True, slots=True)
class RateRefusal:
    """Which of several takes was refused, what is used, and after how many seconds it would not be."""

    position: int
    used: int
    seconds: float


class Rates(Protocol):
    """One contract, two backends."""

    async def take(self, call_id: str, takes: Sequence[Take]) -> RateRefusal | None:
        """Take all, or none."""

    def settle(self, call_id: str, amounts: Mapping[str, int]) -> None:
        """A call ended: what it really used, by key. From any thread."""

    def give_back(self, call_id: str) -> None:
        """A call was not made after all. From any thread."""


class MemoryRates:
    """Those of one worker. Of several, each holds its part of the limits."""

    def __init__(self, workers: int | None = None) -> None:
        """`workers`: how many share the limits. None: as many as the environment says."""
        self._workers = workers_of(os.environ) if workers is None else workers
        self._lock = threading.Lock()
        self._taken: dict[str, OrderedDict[str, tuple[float, int]]] = {}
        """By key and call: when, and how much."""
        self._keys: OrderedDict[str, tuple[float, tuple[str, ...]]] = OrderedDict()
        """By call: when, and of what."""

    async def take(self, call_id: str, takes: Sequence[Take]) -> RateRefusal | None:
        """See `Rates`."""
        now = time.monotonic()
        with self._lock:
            self._forget(now - SECONDS)
            for position, take in enumerate(takes):
                taken = self._taken.get(take.key, _NOTHING)
                used = sum(amount for _, amount in taken.values())
                must_fit = max(1, take.must_fit)
                # A part that is too small for any call would admit none.
                room = max(min(must_fit, take.limit), take.limit // self._workers) - must_fit
                if used > room:
                    return RateRefusal(position, used, seconds_until_free(taken.values(), used, room, now))
            for take in takes:
                self._taken.setdefault(take.key, OrderedDict())[call_id] = (now, take.amount)
            self._keys[call_id] = (now, tuple(take.key for take in takes))
        return None

    def settle(self, call_id: str, amounts: Mapping[str, int]) -> None:
        """See `Rates`."""
        with self._lock:
            for key, amount in amounts.items():
                taken = self._taken.get(key, _NOTHING)
                if call_id in taken:
                    taken[call_id] = (taken[call_id][0], amount)

    def give_back(self, call_id: str) -> None:
        """See `Rates`."""
        with self._lock:
            self._drop(call_id)

    def _forget(self, oldest: float) -> None:
        while self._keys:
            call_id, (moment, _) = next(iter(self._keys.items()))
            if moment > oldest and len(self._keys) < _MOST_KEYS:
                return
            self._drop(call_id)

    def _drop(self, call_id: str) -> None:
        for key in self._keys.pop(call_id, (0.0, ()))[1]:
            taken = self._taken.get(key)
            if taken is not None:
                taken.pop(call_id, None)
                if not taken:
                    del self._taken[key]


class RedisRates:
    """See `Rates`. While Redis is away, each worker holds its part of the limits by itself."""

    def __init__(self, link: RedisLink, prefix: str) -> None:
        """All keys begin with `prefix`, which names their hash slot."""
        self._link = link
        self._prefix = prefix
        self._alone = MemoryRates()
        self._loop = asyncio.get_running_loop()
        self._keys: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        self._sending: set[asyncio.Task[None]] = set()
        self._take = lua("rate_take")
        self._settle = lua("rate_settle")

    async def take(self, call_id: str, takes: Sequence[Take]) -> RateRefusal | None:
        """See `Rates`."""
        if not self._link.is_away:
            try:
                return await self._take_of_all(call_id, takes)
            except RedisAway as error:
                self._link.go_alone(error)
        return await self._alone.take(call_id, takes)

    async def _take_of_all(self, call_id: str, takes: Sequence[Take]) -> RateRefusal | None:
        keys = tuple(take.key for take in takes)
        numbers = [number for take in takes for number in (take.limit, take.amount, max(1, take.must_fit))]
        names = [name for key in keys for name in self._names(key)]
        try:
            answer = await self._link.run(self._take, names, [call_id, round(SECONDS * 1000), *numbers])
        except BaseException:  # Away, or cancelled: if only the answer is lost, it is taken nevertheless.
            self._remember(call_id, keys)
            raise
        if int(answer[0]) == 0:
            return RateRefusal(int(answer[1]) - 1, int(answer[2]), int(answer[3]) / 1000)
        self._remember(call_id, keys)
        return None

    def _remember(self, call_id: str, keys: tuple[str, ...]) -> None:
        self._keys[call_id] = keys
        while len(self._keys) > _MOST_KEYS:
            self._keys.popitem(last=False)

    def settle(self, call_id: str, amounts: Mapping[str, int]) -> None:
        """See `Rates`."""
        self._alone.settle(call_id, amounts)
        self._loop.call_soon_threadsafe(self._send, call_id, dict(amounts))

    def give_back(self, call_id: str) -> None:
        """See `Rates`."""
        self._alone.give_back(call_id)
        self._loop.call_soon_threadsafe(self._send, call_id, None)

    def _send(self, call_id: str, amounts: dict[str, int] | None) -> None:
        keys = self._keys.pop(call_id, ())
        tell = [(key, "" if amounts is None else amounts[key]) for key in keys if amounts is None or key in amounts]
        if tell:
            task = self._loop.create_task(self._tell(call_id, tell))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _tell(self, call_id: str, tell: Iterable[tuple[str, int | str]]) -> None:
        try:
            for key, amount in tell:
                await self._link.run(self._settle, self._names(key), [call_id, amount])
        except RedisAway as error:  # Within a minute it is right by itself.
            log.debug("Redis is away, a rate keeps an estimate: %s", error)

    def _names(self, key: str) -> tuple[str, str]:
        return f"{self._prefix}:rate:times:{key}", f"{self._prefix}:rate:amounts:{key}"
