"""Live counters for all workers, in Redis: one script admits a call, with every counter or with none.

A sum is believed for one second, then read from the ledger again. While Redis is away each worker counts for itself.
"""

from __future__ import annotations

import asyncio
import importlib.resources
import logging
import time
from collections.abc import Iterable, Sequence
from typing import Any

from openwebui_usage.admission.counters import LEASE_SECONDS, SHARE, Load, MemoryCounters, Reservation
from openwebui_usage.ledger.recording import Change, Key
from openwebui_usage.rules.budgets import Budget, Counter, Refusal
from openwebui_usage.rules.groups import Sums

log = logging.getLogger(__name__)

BELIEVED_MS = 1000
LEASE_MS = round(LEASE_SECONDS * 1000)
REDIS_TIMEOUT = 2.0
"""How long Redis may take to answer. Long enough for an event loop that is busy with hundreds of calls."""


class RedisCounters:
    """See `live.LiveCounters`. `redis` is an asynchronous client, plain, Sentinel's or a cluster's."""

    def __init__(self, redis: Any, prefix: str, load: Load) -> None:
        """All keys begin with `prefix` and share one hash slot."""
        self._redis = redis
        self._prefix = f"{prefix}:{{usage}}"
        self._load = load
        self._alone = MemoryCounters(load)
        self._is_away = False
        self._loop = asyncio.get_running_loop()
        self._leases: dict[str, tuple[tuple[Counter, ...], float]] = {}
        self._expiring: dict[str, float] = {}
        self._sending: set[asyncio.Task[None]] = set()
        self._reserve = _script("reserve")
        self._settle = _script("settle")
        self._prolong = _script("prolong")

    async def reserve(self, lease: str, demands: Sequence[Reservation], replaced: str | None = None) -> Refusal | None:
        """See `LiveCounters`."""
        if not self._is_away:
            # Noted before it is asked for: where the answer is lost, the hold may stand all the same.
            self._leases[lease] = (tuple(demand.counter for demand in demands), time.monotonic())
            try:
                refusal = await self._ask(lease, demands, replaced)
            except _RedisAway as error:
                self._go_alone(error)
            except BaseException:  # Cancelled, or the ledger cannot be read: nobody will release it.
                self.release([lease])
                raise
            else:
                if refusal is not None:
                    self._leases.pop(lease, None)
                return refusal
        return await self._alone.reserve(lease, demands, replaced)

    async def ask(self, demands: Sequence[Reservation]) -> Refusal | None:
        """See `LiveCounters`."""
        if not self._is_away:
            try:
                return await self._ask("", demands)
            except _RedisAway as error:
                self._go_alone(error)
        return await self._alone.ask(demands)

    def release(self, leases: Iterable[str], changes: Iterable[Change] = ()) -> None:
        """See `LiveCounters`. Redis is told soon after: until then the holds stand, which errs to the safe side."""
        leases, changes = list(leases), list(changes)
        self._alone.release(leases, changes)
        self._loop.call_soon_threadsafe(self._send, leases, changes)

    def let_expire(self, leases: Iterable[str]) -> None:
        """See `LiveCounters`: what is not prolonged ends in Redis by itself."""
        leases = list(leases)
        self._alone.let_expire(leases)
        self._loop.call_soon_threadsafe(self._no_longer_prolong, leases)

    def _no_longer_prolong(self, leases: Iterable[str]) -> None:
        for lease in leases:
            if lease in self._leases:
                self._expiring.setdefault(lease, time.monotonic() + LEASE_SECONDS)

    async def forget(self) -> None:
        """See `LiveCounters`."""
        await self._alone.forget()
        try:
            async with asyncio.timeout(REDIS_TIMEOUT):
                async for key in self._redis.scan_iter(match=f"{self._prefix}:used:*", count=1000):
                    await self._redis.delete(key)
        except Exception as error:  # noqa: BLE001 - whatever the client raises
            self._go_alone(error)

    async def refresh(self) -> None:
        """See `LiveCounters`: sums look after themselves, leases of long calls are prolonged here."""
        try:
            if self._is_away:
                await asyncio.wait_for(self._redis.ping(), REDIS_TIMEOUT)
                self._is_away = False
                log.info("Redis is back, all workers count together again")
            await self._prolong_leases()
        except Exception as error:  # noqa: BLE001 - whatever the client raises
            self._go_alone(error)
        await self._alone.refresh()

    async def _prolong_leases(self) -> None:
        now = time.monotonic()
        for lease in [lease for lease, ends_at in self._expiring.items() if ends_at <= now]:
            self._forget(lease)
        old = [
            lease
            for lease, (_, since) in self._leases.items()
            if (now - since) * 1000 > LEASE_MS / 2 and lease not in self._expiring
        ]
        for lease in old:
            if lease in self._leases:  # Else it ended while we were waiting.
                counters, _ = self._leases[lease]
                self._leases[lease] = (counters, now)
                keys = [key for counter in counters for key in self._keys(counter)[1:]]
                await self._run(self._prolong, keys, [lease, LEASE_MS])

    async def _ask(self, lease: str, demands: Sequence[Reservation], replaced: str | None = None) -> Refusal | None:
        keys = [key for demand in demands for key in self._keys(demand.counter)]
        arguments = [number for demand in demands for number in (demand.limit, demand.wanted, demand.share_up_to)]
        while True:
            answer = await self._run(self._reserve, keys, [lease, LEASE_MS, replaced or "", SHARE, *arguments])
            if int(answer[0]) == 1:
                return None
            if int(answer[0]) == 0:
                return Refusal(demands[int(answer[1]) - 1].counter, int(answer[2]), int(answer[3]))
            missing = [demands[int(position) - 1].counter for position in answer[1:]]
            sums = await self._load([counter.key for counter in missing])
            for counter in missing:
                await self._tell(counter, sums[counter.key], [])

    def _send(self, leases: list[str], changes: list[Change]) -> None:
        ended: dict[Key, tuple[Counter, list[str]]] = {}
        for lease in leases:
            for counter in self._forget(lease):
                ended.setdefault(counter.key, (counter, []))[1].append(lease)
        sums = {change.counter.key: change for change in changes if change.counter.budget.limit is not None}
        for key, change in sums.items():
            ended.setdefault(key, (change.counter, []))
        if ended:
            tell = [(counter, sums[key].after if key in sums else None, over) for key, (counter, over) in ended.items()]
            self._spawn(self._tell_all(tell))

    def _forget(self, lease: str) -> tuple[Counter, ...]:
        """Returns what it held."""
        self._expiring.pop(lease, None)
        return self._leases.pop(lease, ((), 0.0))[0]

    async def _tell_all(self, news: list[tuple[Counter, Sums | None, list[str]]]) -> None:
        try:
            for counter, sums, leases in news:
                await self._tell(counter, sums, leases)
        except _RedisAway as error:
            self._go_alone(error)  # The leases end by themselves, and the sums are read anew.

    async def _tell(self, counter: Counter, sums: Sums | None, leases: list[str]) -> None:
        used = "" if sums is None else counter.budget.used(sums)
        await self._run(self._settle, list(self._keys(counter)), [used, BELIEVED_MS, *leases])

    async def _run(self, script: str, keys: list[str], arguments: list[Any]) -> Any:
        try:
            return await asyncio.wait_for(self._redis.eval(script, len(keys), *keys, *arguments), REDIS_TIMEOUT)
        except Exception as error:
            raise _RedisAway(str(error) or type(error).__name__) from error

    def _keys(self, counter: Counter) -> tuple[str, str, str]:
        # A budget whose unit or counting was changed is another number.
        budget: Budget = counter.budget
        name = f"{counter.subject}:{counter.period.key}:{budget.unit}:{budget.counting}"
        return f"{self._prefix}:used:{name}", f"{self._prefix}:holds:{name}", f"{self._prefix}:ends:{name}"

    def _go_alone(self, error: BaseException) -> None:
        if not self._is_away:
            self._is_away = True
            log.warning("Redis is away, this worker counts by itself: %s", str(error) or type(error).__name__)

    def _spawn(self, work: Any) -> None:
        task = self._loop.create_task(work)
        self._sending.add(task)  # The loop itself keeps only weak references.
        task.add_done_callback(self._sending.discard)


class _RedisAway(Exception):
    """Redis did not answer, or not as expected."""


def _script(name: str) -> str:
    return (importlib.resources.files("openwebui_usage.admission") / "lua" / f"{name}.lua").read_text(encoding="utf-8")
