"""Live counters in Redis, shared by all workers. One script makes all reservations of a call, or none.

A sum is valid for one second, then it is read from the ledger again. While Redis is away, each worker counts by itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Any

from openwebui_usage.admission.counters import (
    RESERVATION_SECONDS,
    SHARE,
    Load,
    MemoryCounters,
    Reservation,
    Standing,
)
from openwebui_usage.admission.rates import Rates, RedisRates
from openwebui_usage.admission.redis_link import REDIS_TIMEOUT, RedisAway, RedisLink, lua
from openwebui_usage.ledger.recording import Change, Key
from openwebui_usage.rules.budgets import Budget, Counter, Refusal
from openwebui_usage.rules.groups import Sums

BELIEVED_MS = 1000
RESERVATION_MS = round(RESERVATION_SECONDS * 1000)


class RedisCounters:
    """See `counters.LiveCounters`. `redis` is an asynchronous client, plain, Sentinel's or a cluster's."""

    def __init__(self, redis: Any, prefix: str, load: Load) -> None:
        """All keys begin with `prefix` and share one hash slot."""
        self._link = RedisLink(redis)
        self._prefix = f"{prefix}:{{usage}}"
        self.rates: Rates = RedisRates(self._link, self._prefix)
        self._load = load
        self._alone = MemoryCounters(load)
        self._loop = asyncio.get_running_loop()
        self._reserved: dict[str, tuple[tuple[Counter, ...], float]] = {}
        self._expiring: dict[str, float] = {}
        self._sending: set[asyncio.Task[None]] = set()
        self._reserve = lua("reserve")
        self._settle = lua("settle")
        self._prolong = lua("prolong")
        self._look = lua("look")

    async def reserve(
        self, call_id: str, reservations: Sequence[Reservation], replaced: str | None = None
    ) -> Refusal | None:
        """See `LiveCounters`."""
        if not self._link.is_away:
            # Noted before the request: if its answer is lost, the reservation may exist nevertheless.
            self._reserved[call_id] = (tuple(reservation.counter for reservation in reservations), time.monotonic())
            try:
                refusal = await self._ask(call_id, reservations, replaced)
            except RedisAway as error:
                self._link.go_alone(error)
            except BaseException:  # Cancelled, or the ledger cannot be read: nobody else will release it.
                self.release([call_id])
                raise
            else:
                if refusal is not None:
                    self._reserved.pop(call_id, None)
                return refusal
        return await self._alone.reserve(call_id, reservations, replaced)

    async def ask(self, reservations: Sequence[Reservation]) -> Refusal | None:
        """See `LiveCounters`."""
        if not self._link.is_away:
            try:
                return await self._ask("", reservations)
            except RedisAway as error:
                self._link.go_alone(error)
        return await self._alone.ask(reservations)

    async def look(self, counters: Sequence[Counter], call_id: str = "") -> list[Standing]:
        """See `LiveCounters`."""
        if not self._link.is_away:
            try:
                answer = await self._answer(self._look, counters, [call_id])
            except RedisAway as error:
                self._link.go_alone(error)
            else:
                return [Standing(int(answer[i]), int(answer[i + 1])) for i in range(1, len(answer), 2)]
        return await self._alone.look(counters, call_id)

    def release(self, call_ids: Iterable[str], changes: Iterable[Change] = ()) -> None:
        """See `LiveCounters`. Redis is told soon after. Until then the reservations remain, which is the safe side."""
        call_ids, changes = list(call_ids), list(changes)
        self._alone.release(call_ids, changes)
        self._loop.call_soon_threadsafe(self._send, call_ids, changes)

    def let_expire(self, call_ids: Iterable[str]) -> None:
        """See `LiveCounters`. In Redis, reservations that are not prolonged end by themselves."""
        call_ids = list(call_ids)
        self._alone.let_expire(call_ids)
        self._loop.call_soon_threadsafe(self._no_longer_prolong, call_ids)

    def _no_longer_prolong(self, call_ids: Iterable[str]) -> None:
        for call_id in call_ids:
            if call_id in self._reserved:
                self._expiring.setdefault(call_id, time.monotonic() + RESERVATION_SECONDS)

    async def forget(self) -> None:
        """See `LiveCounters`."""
        await self._alone.forget()
        try:
            async with asyncio.timeout(REDIS_TIMEOUT):
                async for key in self._link.client.scan_iter(match=f"{self._prefix}:used:*", count=1000):
                    await self._link.client.delete(key)
        except Exception as error:  # noqa: BLE001 - whatever the client raises
            self._link.go_alone(error)

    async def refresh(self) -> None:
        """See `LiveCounters`. Sums expire by themselves; reservations of long calls are prolonged here."""
        try:
            await self._link.look_for_it()
            await self._prolong_reservations()
        except Exception as error:  # noqa: BLE001 - whatever the client raises
            self._link.go_alone(error)
        await self._alone.refresh()

    async def _prolong_reservations(self) -> None:
        now = time.monotonic()
        for call_id in [call_id for call_id, ends_at in self._expiring.items() if ends_at <= now]:
            self._forget(call_id)
        old = [
            call_id
            for call_id, (_, since) in self._reserved.items()
            if (now - since) * 1000 > RESERVATION_MS / 2 and call_id not in self._expiring
        ]
        for call_id in old:
            if call_id in self._reserved:  # Otherwise it ended during the wait.
                counters, _ = self._reserved[call_id]
                self._reserved[call_id] = (counters, now)
                keys = [key for counter in counters for key in self._keys(counter)[1:]]
                await self._link.run(self._prolong, keys, [call_id, RESERVATION_MS])

    async def _ask(
        self, call_id: str, reservations: Sequence[Reservation], replaced: str | None = None
    ) -> Refusal | None:
        numbers = [
            number
            for reservation in reservations
            for number in (reservation.limit, reservation.amount, reservation.share_up_to, reservation.must_fit)
        ]
        counters = [reservation.counter for reservation in reservations]
        arguments = [call_id, RESERVATION_MS, replaced or "", SHARE, *numbers]
        answer = await self._answer(self._reserve, counters, arguments)
        if int(answer[0]) == 1:
            return None
        refusing = reservations[int(answer[1]) - 1]
        return Refusal(refusing.counter, int(answer[2]), int(answer[3]), refusing.must_fit)

    async def _answer(self, script: str, counters: Sequence[Counter], arguments: list[Any]) -> Any:
        """What a script answers, once Redis has all sums that it needs."""
        keys = [key for counter in counters for key in self._keys(counter)]
        while True:
            answer = await self._link.run(script, keys, arguments)
            if int(answer[0]) != -1:
                return answer
            missing = [counters[int(position) - 1] for position in answer[1:]]
            sums = await self._load([counter.key for counter in missing])
            for counter in missing:
                await self._tell(counter, sums[counter.key], [])

    def _send(self, call_ids: list[str], changes: list[Change]) -> None:
        ended: dict[Key, tuple[Counter, list[str]]] = {}
        for call_id in call_ids:
            for counter in self._forget(call_id):
                ended.setdefault(counter.key, (counter, []))[1].append(call_id)
        sums = {change.counter.key: change for change in changes if change.counter.budget.limit is not None}
        for key, change in sums.items():
            ended.setdefault(key, (change.counter, []))
        if ended:
            tell = [(counter, sums[key].after if key in sums else None, over) for key, (counter, over) in ended.items()]
            self._spawn(self._tell_all(tell))

    def _forget(self, call_id: str) -> tuple[Counter, ...]:
        """Forget a call. Returns the counters of its reservations."""
        self._expiring.pop(call_id, None)
        return self._reserved.pop(call_id, ((), 0.0))[0]

    async def _tell_all(self, news: list[tuple[Counter, Sums | None, list[str]]]) -> None:
        try:
            for counter, sums, call_ids in news:
                await self._tell(counter, sums, call_ids)
        except RedisAway as error:
            self._link.go_alone(error)  # The reservations end by themselves, and the sums are read again.

    async def _tell(self, counter: Counter, sums: Sums | None, call_ids: list[str]) -> None:
        used = "" if sums is None else counter.budget.used(sums)
        await self._link.run(self._settle, list(self._keys(counter)), [used, BELIEVED_MS, *call_ids])

    def _keys(self, counter: Counter) -> tuple[str, str, str]:
        # After a change of unit or counting, the sum of a budget is a different number.
        budget: Budget = counter.budget
        name = f"{counter.subject}:{counter.period.key}:{budget.unit}:{budget.counting}"
        return f"{self._prefix}:used:{name}", f"{self._prefix}:holds:{name}", f"{self._prefix}:ends:{name}"

    def _spawn(self, work: Any) -> None:
        task = self._loop.create_task(work)
        self._sending.add(task)  # The loop keeps only weak references to tasks.
        task.add_done_callback(self._sending.discard)
