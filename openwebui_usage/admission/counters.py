"""What is used and what is held, right now: the numbers that admission looks at.

SQL is the truth of what was used. It is looked at once a second for the counters in use, and every commit of this
worker tells its outcome at once. What calls under way have reserved lives here only.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from openwebui_usage.ledger.recording import Change, Key
from openwebui_usage.rules.budgets import Counter, Refusal, decide
from openwebui_usage.rules.groups import Sums

FORGET_SECONDS = 300.0
"""A counter that no call asked for this long is forgotten."""

LEASE_SECONDS = 30.0
"""How long a reservation outlives its call, or the worker that made it, where no row of the ledger replaces it."""

SHARE = 4
"""How many calls of unknown size run at once, at most, when a limit comes near."""

Load = Callable[[Iterable[Key]], Awaitable[dict[Key, Sums]]]


@dataclass(frozen=True, slots=True)
class Reservation:
    """A counter that a call must be admitted by, and what it will probably add to it, in the budget's unit."""

    counter: Counter
    limit: int
    wanted: int
    share_up_to: int = 0
    """Where nobody says what the call may use at most: it holds one in `SHARE` of what is left of the limit, if that is
    more than what is `wanted`, but no more than this. So few run at once while little is left.
    """

    def held_for(self, used: int) -> int:
        """What to hold where so much is used."""
        return max(self.wanted, min(self.share_up_to, -(-max(0, self.limit - used) // SHARE)))


class LiveCounters(Protocol):
    """One contract, two backends: memory for one worker, Redis for many."""

    async def reserve(self, lease: str, demands: Sequence[Reservation], replaced: str | None = None) -> Refusal | None:
        """Hold what a call wants of every counter, or of none and say which one refuses.

        `replaced` is a lease that ends by this: what it held of the same counters is free for the new one.
        """

    async def ask(self, demands: Sequence[Reservation]) -> Refusal | None:
        """Which counter would refuse at this moment. Holds nothing."""

    def release(self, leases: Iterable[str], changes: Iterable[Change] = ()) -> None:
        """Calls ended: give back what they held, and know what the ledger says since. From any thread."""

    def let_expire(self, leases: Iterable[str]) -> None:
        """Calls ended whose rows wait for the ledger: unless released, they hold for `LEASE_SECONDS` more. From any
        thread.
        """

    async def forget(self) -> None:
        """Somebody reset a counter or changed a budget: whoever asks after this sees the ledger as it is now."""

    async def refresh(self) -> None:
        """Look at the ledger for what other workers counted. Once a second."""


@dataclass(slots=True)
class _Entry:
    counter: Counter
    sums: Sums
    version: int
    asked_at: float
    holds: dict[str, int] = field(default_factory=dict)

    @property
    def used(self) -> int:
        return self.counter.budget.used(self.sums)

    @property
    def held(self) -> int:
        return sum(self.holds.values())


class MemoryCounters:
    """Counters of this worker. Several workers without Redis agree within one refresh."""

    def __init__(self, load: Load) -> None:
        """`load` asks the ledger for totals."""
        self._load = load
        self._lock = threading.Lock()
        self._entries: dict[Key, _Entry] = {}
        self._leases: dict[str, tuple[Key, ...]] = {}
        self._expiring: dict[str, float] = {}
        self._version = 0
        self._forgotten = 0

    async def reserve(self, lease: str, demands: Sequence[Reservation], replaced: str | None = None) -> Refusal | None:
        """See `LiveCounters`."""
        await self._know([demand.counter for demand in demands])
        with self._lock:
            if replaced is not None:
                self._drop(replaced)
            refusal = self._refusal(demands)
            if refusal is None:
                for demand in demands:
                    entry = self._entries[demand.counter.key]
                    entry.holds[lease] = demand.held_for(entry.used)
                self._leases[lease] = tuple(demand.counter.key for demand in demands)
            return refusal

    async def ask(self, demands: Sequence[Reservation]) -> Refusal | None:
        """See `LiveCounters`."""
        await self._know([demand.counter for demand in demands])
        with self._lock:
            return self._refusal(demands)

    def release(self, leases: Iterable[str], changes: Iterable[Change] = ()) -> None:
        """See `LiveCounters`."""
        with self._lock:
            self._version += 1
            for change in changes:
                entry = self._entries.get(change.counter.key)
                if entry is not None:
                    entry.sums, entry.version = change.after, self._version
            for lease in leases:
                self._drop(lease)

    def let_expire(self, leases: Iterable[str]) -> None:
        """See `LiveCounters`."""
        with self._lock:
            ends_at = time.monotonic() + LEASE_SECONDS
            for lease in leases:
                if lease in self._leases:
                    self._expiring.setdefault(lease, ends_at)

    async def forget(self) -> None:
        """See `LiveCounters`."""
        with self._lock:
            self._version += 1
            self._forgotten += 1
            for entry in self._entries.values():
                entry.version = -1

    async def refresh(self) -> None:
        """See `LiveCounters`."""
        now = time.monotonic()
        oldest = now - FORGET_SECONDS
        with self._lock:
            for lease in [lease for lease, ends_at in self._expiring.items() if ends_at <= now]:
                self._drop(lease)
            for key, entry in list(self._entries.items()):
                if entry.asked_at < oldest and not entry.holds:
                    del self._entries[key]
            keys = list(self._entries)
        if keys:
            await self._reload(keys)

    def _refusal(self, demands: Sequence[Reservation]) -> Refusal | None:
        for demand in demands:
            entry = self._entries[demand.counter.key]
            entry.counter = demand.counter
            used, held = entry.used, entry.held
            if not decide(demand.limit, used, held):
                return Refusal(demand.counter, used, held)
        return None

    def _drop(self, lease: str) -> None:
        self._expiring.pop(lease, None)
        for key in self._leases.pop(lease, ()):
            self._entries[key].holds.pop(lease, None)

    async def _know(self, counters: Sequence[Counter]) -> None:
        """Make sure that every counter has an entry that was read from the ledger since the last `forget`."""
        while True:
            now = time.monotonic()
            with self._lock:
                missing = {}
                for counter in counters:
                    entry = self._entries.get(counter.key)
                    if entry is not None:
                        entry.asked_at = now  # Or the next refresh might forget it while we wait for the others.
                    if entry is None or entry.version < 0:
                        missing[counter.key] = counter
                version, forgotten = self._version, self._forgotten
            if not missing:
                return
            sums = await self._load(missing)
            with self._lock:
                if forgotten != self._forgotten:
                    continue  # What we read may be from before a reset.
                for key, counter in missing.items():
                    entry = self._entries.get(key)
                    if entry is None:
                        self._entries[key] = _Entry(counter, sums[key], version, now)
                    elif entry.version < 0:
                        entry.sums, entry.version = sums[key], version

    async def _reload(self, keys: Sequence[Key]) -> None:
        with self._lock:
            version, forgotten = self._version, self._forgotten
        sums = await self._load(keys)
        with self._lock:
            if forgotten != self._forgotten:
                return  # What we read may be from before a reset; whoever asks next reads again.
            for key in keys:
                entry = self._entries.get(key)
                # A commit that ended while we were reading knows better than what we read.
                if entry is not None and entry.version <= version:
                    entry.sums, entry.version = sums[key], version
