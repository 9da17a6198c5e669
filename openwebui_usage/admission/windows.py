"""Rolling budgets in the gate. The live counters hold totals that only grow; here these become windows: see
`ledger.rolling`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

from openwebui_usage.admission.counters import LiveCounters, Reservation, Standing
from openwebui_usage.ledger.recording import Change, Key
from openwebui_usage.ledger.store import Store
from openwebui_usage.rules.budgets import Counter, Refusal
from openwebui_usage.rules.groups import Sums
from openwebui_usage.rules.periods import rolling_slots, slot_of

REMEMBER_SECONDS = 60.0
"""Within a slot it only changes by rows that are written very late."""
_MOST_REMEMBERED = 20_000


class _Left(NamedTuple):
    slot: int
    read_at: float
    sums: Sums


class WindowedCounters:
    """See `LiveCounters`. What has left the windows is read from the ledger and remembered for a while."""

    def __init__(self, store: Store, live: LiveCounters) -> None:
        """`live` holds the totals."""
        self.rates = live.rates
        self._store = store
        self._live = live
        self._left: dict[Key, _Left] = {}

    async def reserve(
        self, call_id: str, reservations: Sequence[Reservation], replaced: str | None = None
    ) -> Refusal | None:
        """See `LiveCounters`."""
        left = await self._has_left([reservation.counter for reservation in reservations])
        return await self._told(await self._live.reserve(call_id, _raised(reservations, left), replaced), left)

    async def ask(self, reservations: Sequence[Reservation]) -> Refusal | None:
        """See `LiveCounters`."""
        left = await self._has_left([reservation.counter for reservation in reservations])
        return await self._told(await self._live.ask(_raised(reservations, left)), left)

    async def look(self, counters: Sequence[Counter], call_id: str = "") -> list[Standing]:
        """See `LiveCounters`."""
        left = await self._has_left(counters)
        standings = await self._live.look(counters, call_id)
        return [
            replace(standing, used=max(0, standing.used - left[counter.key])) if counter.key in left else standing
            for counter, standing in zip(counters, standings, strict=True)
        ]

    def release(self, call_ids: Iterable[str], changes: Iterable[Change] = ()) -> None:
        """See `LiveCounters`."""
        self._live.release(call_ids, changes)

    def let_expire(self, call_ids: Iterable[str]) -> None:
        """See `LiveCounters`."""
        self._live.let_expire(call_ids)

    async def forget(self) -> None:
        """See `LiveCounters`."""
        self._left.clear()
        await self._live.forget()

    async def refresh(self) -> None:
        """See `LiveCounters`."""
        await self._live.refresh()

    async def _has_left(self, counters: Sequence[Counter]) -> dict[Key, int]:
        """What has left the windows of rolling counters, in their units. Others are left out."""
        rolling = [counter for counter in counters if rolling_slots(counter.budget.period) is not None]
        if not rolling:
            return {}
        now, clock = datetime.now(UTC), time.monotonic()
        slot = slot_of(now)
        known = {counter.key: self._left.get(counter.key) for counter in rolling}
        missing = [
            counter
            for counter in rolling
            if (left := known[counter.key]) is None or left.slot != slot or left.read_at + REMEMBER_SECONDS < clock
        ]
        if missing:
            found = await asyncio.to_thread(self._store.has_left, missing, now)
            if len(self._left) > _MOST_REMEMBERED:
                self._left.clear()
            for counter in missing:
                self._left[counter.key] = known[counter.key] = _Left(slot, clock, found.get(counter.key, Sums()))
        return {
            counter.key: counter.budget.used(left.sums)
            for counter in rolling
            if (left := known[counter.key]) is not None
        }

    async def _told(self, refusal: Refusal | None, left: Mapping[Key, int]) -> Refusal | None:
        """A refusal as people understand it: what is used in the window, and when there is room again."""
        if refusal is None or refusal.counter.key not in left:
            return refusal
        counter, used = refusal.counter, max(0, refusal.used - left[refusal.counter.key])
        limit = counter.budget.limit or 0
        if max(1, refusal.must_fit) <= limit < used + max(1, refusal.must_fit):
            # There is room when so little is used that what has to fit still does.
            needed = replace(counter, budget=replace(counter.budget, limit=limit + 1 - max(1, refusal.must_fit)))
            until = await asyncio.to_thread(self._store.until_free, needed, datetime.now(UTC))
            counter = replace(counter, period=until.period)
        return replace(refusal, counter=counter, used=used)


def _raised(reservations: Sequence[Reservation], left: Mapping[Key, int]) -> Sequence[Reservation]:
    """What a total may come to, so that the window holds no more than the limit."""
    if not left:
        return reservations
    return [replace(each, limit=each.limit + left.get(each.counter.key, 0)) for each in reservations]
