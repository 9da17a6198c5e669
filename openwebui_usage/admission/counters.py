"""Live counters: what is used and what is reserved at this moment.

The ledger knows what is used. Counters in use are read from it once a second, and every commit of this worker updates
them immediately. Reservations of calls under way exist only here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from openwebui_usage.admission.rates import MemoryRates, Rates
from openwebui_usage.ledger.recording import Change, Key
from openwebui_usage.rules.budgets import Counter, Refusal, decide
from openwebui_usage.rules.groups import Sums

FORGET_SECONDS = 300.0
"""Counters that no call has needed for this long are forgotten."""

RESERVATION_SECONDS = 30.0
"""How long a reservation outlives its call, or the worker that made it, unless a row of the ledger settles it."""

SHARE = 4
"""At most this many calls of unknown size run at the same time when little of a limit is left."""

Load = Callable[[Iterable[Key]], Awaitable[dict[Key, Sums]]]


@dataclass(frozen=True, slots=True)
class Reservation:
    """What a call reserves of one counter, in the budget's unit: what it will probably add."""

    counter: Counter
    limit: int
    amount: int
    share_up_to: int = 0
    """For calls without a known maximum. They reserve one in `SHARE` of what is left, if that is more than `amount`,
    but no more than this. So only a few of them run at the same time when little is left.
    """
    must_fit: int = 0
    """What has to be left for the call to be admitted at all; 0 where the last call may cross the limit."""

    def amount_at(self, used: int) -> int:
        """The amount to reserve when `used` of the limit is used."""
        return max(self.amount, min(self.share_up_to, -(-max(0, self.limit - used) // SHARE)))


@dataclass(frozen=True, slots=True)
class Standing:
    """What is used of a counter, and what calls under way have reserved of it."""

    used: int
    reserved: int


class LiveCounters(Protocol):
    """One contract, three backends: memory for one worker, Redis or the ledger for many."""

    @property
    def rates(self) -> Rates:
        """What calls used within the last minute."""

    async def reserve(
        self, call_id: str, reservations: Sequence[Reservation], replaced: str | None = None
    ) -> Refusal | None:
        """Make all reservations of a call. If one counter refuses, make none and return why.

        `replaced` is the id of a call whose reservations are released for this one.
        """

    async def ask(self, reservations: Sequence[Reservation]) -> Refusal | None:
        """Why a counter would refuse at this moment, if one would. Reserves nothing."""

    async def look(self, counters: Sequence[Counter], call_id: str = "") -> list[Standing]:
        """How each counter stands. What `call_id` itself has reserved is left out."""

    def release(self, call_ids: Iterable[str], changes: Iterable[Change] = ()) -> None:
        """Calls ended: release their reservations, and take over the sums after their commit. From any thread."""

    def let_expire(self, call_ids: Iterable[str]) -> None:
        """Calls ended, but their rows wait to be written: unless released before, their reservations last for
        `RESERVATION_SECONDS` more. From any thread.
        """

    async def forget(self) -> None:
        """A counter was reset or a budget changed: read all sums from the ledger again before the next answer."""

    async def refresh(self) -> None:
        """Read from the ledger what other workers have counted. To be called once a second."""


@dataclass(slots=True)
class _Entry:
    counter: Counter
    sums: Sums
    version: int
    asked_at: float
    reservations: dict[str, int] = field(default_factory=dict)

    @property
    def used(self) -> int:
        return self.counter.budget.used(self.sums)

    @property
    def reserved(self) -> int:
        return sum(self.reservations.values())


class MemoryCounters:
    """Counters of one worker. Of several, each sees what the others used after its next refresh."""

    def __init__(self, load: Load) -> None:
        """`load` reads totals from the ledger."""
        self.rates: Rates = MemoryRates()
        self._load = load
        self._lock = threading.Lock()
        self._entries: dict[Key, _Entry] = {}
        self._reserved: dict[str, tuple[Key, ...]] = {}
        self._expiring: dict[str, float] = {}
        self._version = 0
        self._forgotten = 0

    async def reserve(
        self, call_id: str, reservations: Sequence[Reservation], replaced: str | None = None
    ) -> Refusal | None:
        """See `LiveCounters`."""
        await self._know([reservation.counter for reservation in reservations])
        with self._lock:
            if replaced is not None:
                self._drop(replaced)
            refusal = self._refusal(reservations)
            if refusal is None:
                for reservation in reservations:
                    entry = self._entries[reservation.counter.key]
                    entry.reservations[call_id] = reservation.amount_at(entry.used)
                self._reserved[call_id] = tuple(reservation.counter.key for reservation in reservations)
            return refusal

    async def ask(self, reservations: Sequence[Reservation]) -> Refusal | None:
        """See `LiveCounters`."""
        await self._know([reservation.counter for reservation in reservations])
        with self._lock:
            return self._refusal(reservations)

    async def look(self, counters: Sequence[Counter], call_id: str = "") -> list[Standing]:
        """See `LiveCounters`."""
        await self._know(counters)
        with self._lock:
            entries = [self._entries[counter.key] for counter in counters]
            return [
                Standing(counter.budget.used(entry.sums), entry.reserved - entry.reservations.get(call_id, 0))
                for counter, entry in zip(counters, entries, strict=True)
            ]

    def reserved(self, keys: Iterable[Key]) -> dict[Key, int]:
        """What calls under way have reserved of each counter. From any thread."""
        with self._lock:
            return {key: self._entries[key].reserved if key in self._entries else 0 for key in keys}

    def release(self, call_ids: Iterable[str], changes: Iterable[Change] = ()) -> None:
        """See `LiveCounters`."""
        with self._lock:
            self._version += 1
            for change in changes:
                entry = self._entries.get(change.counter.key)
                if entry is not None:
                    entry.sums, entry.version = change.after, self._version
            for call_id in call_ids:
                self._drop(call_id)

    def let_expire(self, call_ids: Iterable[str]) -> None:
        """See `LiveCounters`."""
        with self._lock:
            ends_at = time.monotonic() + RESERVATION_SECONDS
            for call_id in call_ids:
                if call_id in self._reserved:
                    self._expiring.setdefault(call_id, ends_at)

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
            for call_id in [call_id for call_id, ends_at in self._expiring.items() if ends_at <= now]:
                self._drop(call_id)
            for key, entry in list(self._entries.items()):
                if entry.asked_at < oldest and not entry.reservations:
                    del self._entries[key]
            keys = list(self._entries)
        if keys:
            await self._reload(keys)

    def _refusal(self, reservations: Sequence[Reservation]) -> Refusal | None:
        for reservation in reservations:
            entry = self._entries[reservation.counter.key]
            entry.counter = reservation.counter
            used, reserved = entry.used, entry.reserved
            if not decide(reservation.limit, used, reserved, reservation.must_fit):
                return Refusal(reservation.counter, used, reserved, reservation.must_fit)
        return None

    def _drop(self, call_id: str) -> None:
        self._expiring.pop(call_id, None)
        for key in self._reserved.pop(call_id, ()):
            self._entries[key].reservations.pop(call_id, None)

    async def _know(self, counters: Sequence[Counter]) -> None:
        """Make sure that every counter has an entry that was read from the ledger after the last `forget`."""
        while True:
            now = time.monotonic()
            with self._lock:
                missing = {}
                for counter in counters:
                    entry = self._entries.get(counter.key)
                    if entry is not None:
                        entry.asked_at = now  # Otherwise a refresh might drop it while the others are loaded.
                    if entry is None or entry.version < 0:
                        missing[counter.key] = counter
                version, forgotten = self._version, self._forgotten
            if not missing:
                return
            sums = await self._load(missing)
            with self._lock:
                if forgotten != self._forgotten:
                    continue  # The sums may be from before a reset.
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
                return  # The sums may be from before a reset. The next call reads them again.
            for key in keys:
                entry = self._entries.get(key)
                # A commit during the read has newer sums.
                if entry is not None and entry.version <= version:
                    entry.sums, entry.version = sums[key], version
