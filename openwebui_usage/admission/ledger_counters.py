"""Live counters of several workers that share a ledger and no Redis.

Each worker counts in its own memory and tells the others nothing, as long as all of them can have reserved only a
small part of what is left of a limit. Nearer to the limit a call is admitted in a transaction of the database, which
knows what every worker has reserved. A worker that is alone never asks.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from openwebui_usage.admission.counters import Load, MemoryCounters, Reservation, Standing
from openwebui_usage.admission.rates import Rates
from openwebui_usage.ledger.recording import Change, Key
from openwebui_usage.ledger.reservations import RESERVED_SECONDS, WORKER_SECONDS, Denied, Others, Reservations, Wish
from openwebui_usage.rules.budgets import Counter, Refusal

log = logging.getLogger(__name__)

UNTOLD = 10
"""All workers together may have reserved one part in so many of what is left before they tell each other."""
DATABASE_TIMEOUT = 2.0
"""Seconds that a call waits for the database. Enough for an event loop that is busy with hundreds of calls."""
_AGAIN = 3
"""How often what has an end is said again before it ends."""


class _Asked(NamedTuple):
    wishes: Sequence[Wish]
    answer: asyncio.Future[Denied | None]


class LedgerCounters:
    """See `counters.LiveCounters`. While the database is away, each worker counts by itself."""

    def __init__(self, load: Load, shared: Reservations) -> None:
        """`load` reads totals from the ledger; `shared` are this worker's reservations there."""
        self._mine = MemoryCounters(load)
        self.rates: Rates = self._mine.rates
        self._shared = shared
        self._loop = asyncio.get_running_loop()
        self._others = Others()
        self._appear_at = self._tell_at = float("-inf")
        self._is_away = False
        self._told: set[Key] = set()
        """Counters of which the others know what this worker has reserved."""
        self._changed: set[Key] = set()
        """Those of which they know it no longer."""
        self._asked: list[_Asked] = []
        self._turn: asyncio.Task[None] | None = None

    async def reserve(
        self, call_id: str, reservations: Sequence[Reservation], replaced: str | None = None
    ) -> Refusal | None:
        """See `LiveCounters`. What this worker refuses by itself, the others would not admit either."""
        refusal = await self._mine.reserve(call_id, reservations, replaced)
        if replaced is not None:
            self._tell_of_changes()
        if refusal is not None or not self._others.count or self._is_away:
            return refusal
        try:
            wishes = await self._near_their_limit(reservations)
            denied = await self._ask_others(wishes) if wishes else None
        except BaseException:  # Cancelled.
            self.release([call_id])
            raise
        if denied is None:
            return None
        self._mine.release([call_id])
        wish = wishes[denied.position]
        return Refusal(wish.counter, denied.used, denied.reserved, wish.must_fit)

    async def ask(self, reservations: Sequence[Reservation]) -> Refusal | None:
        """See `LiveCounters`. By what this worker knows."""
        return await self._mine.ask(reservations)

    async def look(self, counters: Sequence[Counter], call_id: str = "") -> list[Standing]:
        """See `LiveCounters`. By what this worker knows."""
        return await self._mine.look(counters, call_id)

    def release(self, call_ids: Iterable[str], changes: Iterable[Change] = ()) -> None:
        """See `LiveCounters`. The others are told soon after. Until then they refuse more, which is the safe side."""
        self._mine.release(call_ids, changes)
        if self._told:
            with contextlib.suppress(RuntimeError):  # The loop is closed: the host is going down.
                self._loop.call_soon_threadsafe(self._tell_of_changes)

    def let_expire(self, call_ids: Iterable[str]) -> None:
        """See `LiveCounters`."""
        self._mine.let_expire(call_ids)

    async def forget(self) -> None:
        """See `LiveCounters`."""
        await self._mine.forget()

    async def refresh(self) -> None:
        """See `LiveCounters`. Also looks who else is there, and keeps up what this worker has reserved."""
        await self._mine.refresh()
        now = time.monotonic()
        try:
            if now >= self._appear_at:
                await asyncio.to_thread(self._shared.appear)
                self._appear_at = now + WORKER_SECONDS / _AGAIN
            self._others = await asyncio.to_thread(self._shared.others)
        except Exception as error:  # noqa: BLE001 - whatever the database says
            self._count_alone(error)
            return
        if self._is_away and self._turn is None:
            self._is_away = False
            log.info("The database tells again what other workers have reserved")
        if now >= self._tell_at:
            self._tell_of_changes()

    async def _near_their_limit(self, reservations: Sequence[Reservation]) -> list[Wish]:
        """What a call has to ask the others for, once it is reserved here."""
        standings = await self._mine.look([reservation.counter for reservation in reservations])
        parts, told = (1 + self._others.count) * UNTOLD, self._others.told
        return [
            Wish(each.counter, each.limit, each.amount_at(standing.used), each.must_fit)
            for each, standing in zip(reservations, standings, strict=True)
            if standing.reserved * parts > each.limit - standing.used or each.counter.key in told
        ]

    async def _ask_others(self, wishes: Sequence[Wish]) -> Denied | None:
        """Reserve in the ledger. None where that is done, and where the database does not answer in time."""
        answer: asyncio.Future[Denied | None] = self._loop.create_future()
        self._asked.append(_Asked(wishes, answer))
        self._take_turn()
        try:
            return await asyncio.wait_for(answer, DATABASE_TIMEOUT)
        except TimeoutError as error:
            self._count_alone(error)
            return None

    def _tell_of_changes(self) -> None:
        self._changed |= self._told
        if self._changed and not self._is_away:
            self._take_turn()

    def _take_turn(self) -> None:
        if self._turn is None:
            self._turn = self._loop.create_task(self._take_turns())

    async def _take_turns(self) -> None:
        """One transaction after the other, each for all calls that came during the one before."""
        try:
            while self._asked or self._changed:
                await self._reserve_all()
        except Exception as error:  # noqa: BLE001 - whatever the database says
            self._count_alone(error)
        finally:
            self._turn = None
            asked, self._asked = self._asked, []
            for each in asked:
                if not each.answer.done():
                    each.answer.set_result(None)

    async def _reserve_all(self) -> None:
        asked = [each for each in self._asked if not each.answer.done()]
        self._asked = []
        keys = self._changed | {wish.counter.key for each in asked for wish in each.wishes}
        self._changed = set()
        own = self._mine.reserved(keys)
        for each in asked:
            for wish in each.wishes:
                own[wish.counter.key] = max(0, own[wish.counter.key] - wish.amount)
        self._told |= keys  # Before they are: if the answer is lost, the others may know nevertheless.
        try:
            answers = await asyncio.to_thread(self._shared.reserve, own, [each.wishes for each in asked])
        except BaseException:
            self._asked = asked + self._asked
            raise
        for each, denied in zip(asked, answers, strict=True):
            if not each.answer.done():
                each.answer.set_result(denied)
        if not asked:
            self._told -= {key for key in keys if not own[key]}
        self._tell_at = time.monotonic() + RESERVED_SECONDS / _AGAIN

    def _count_alone(self, error: BaseException) -> None:
        if not self._is_away and self._others.count:
            self._is_away = True
            reason = str(error).partition("\n")[0] or type(error).__name__
            log.warning(
                "The database does not tell what other workers have reserved, this one counts alone: %s", reason
            )
