"""May this call be made? Budgets are asked before anything is sent, and hold what the call will probably use."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from openwebui_usage import estimate
from openwebui_usage.groups import Sums
from openwebui_usage.ledger.definitions import Definitions
from openwebui_usage.ledger.live import Demand, LiveCounters
from openwebui_usage.ledger.store import Key, Recorded, Store
from openwebui_usage.limits import Budget, Counter, Refusal, Subject, Wanted
from openwebui_usage.tokens import TokenUsage

log = logging.getLogger(__name__)

REFRESH_SECONDS = 1.0
STALE_SECONDS = 10.0
"""How long the ledger may be out of reach before `fail_closed` refuses."""
FIRST_GUESS = 500
"""Output tokens that a model is expected to write before it was ever seen to."""
_WEIGHT = 0.2


class LedgerAway(Exception):
    """The ledger cannot be asked, and the admin wants no call that is not checked."""


class Gate:
    """Admits calls. One per worker; `run` keeps it up to date."""

    def __init__(self, store: Store, live: LiveCounters, *, fail_closed: bool = False) -> None:
        """`fail_closed`: refuse while the ledger is away, instead of letting calls through."""
        self._store = store
        self._live = live
        self._fail_closed = fail_closed
        self._definitions = Definitions()
        self._known_at = float("-inf")
        self._typical: dict[str, TokenUsage] = {}

    @property
    def definitions(self) -> Definitions:
        """Groups, budgets and prices, at most a second old."""
        return self._definitions

    async def run(self) -> None:
        """Look at the ledger once a second, for as long as the worker lives."""
        while True:
            await self.refresh()
            await asyncio.sleep(REFRESH_SECONDS)

    async def refresh(self) -> None:
        """Look at the ledger now."""
        try:
            self._definitions = await asyncio.to_thread(self._store.definitions)
            await self._live.refresh()
            self._known_at = time.monotonic()
            if any(budget.unit == "usd" for budget in self._definitions.budgets):
                # The first price is the dear one: it loads the list of all.
                await asyncio.to_thread(self._definitions.book.is_free, ["gpt-4o"])
        except Exception as error:  # noqa: BLE001 - it is tried again in a second
            log.debug("The ledger could not be looked at: %s", error)

    async def changed(self) -> None:
        """An admin changed a definition or reset a counter here: it holds for the next call."""
        self._live.forget()
        await self.refresh()

    async def admit(
        self, lease: str, model_ids: tuple[str, ...], caller: Subject, body: Mapping[str, Any]
    ) -> Refusal | None:
        """Reserve what a call will probably use. None: it may be made, and must be settled by its `lease`.

        Raises `LedgerAway` where it cannot be told and that counts as no.
        """
        demands = self._demands(model_ids, caller, body)
        if demands is None:
            return None
        try:
            return await self._live.reserve(lease, demands)
        except Exception as error:
            if self._fail_closed:
                raise LedgerAway from error
            log.warning("A call was let through unchecked, for the ledger is away: %s", str(error).partition("\n")[0])
            return None

    async def check(self, model_ids: tuple[str, ...], caller: Subject) -> Refusal | None:
        """Whether a call would be admitted at this moment, without holding anything."""
        lease = f"check-{id(caller)}-{time.monotonic_ns()}"
        refusal = await self.admit(lease, model_ids, caller, {})
        self._live.release([lease])
        return refusal

    def release(self, lease: str) -> None:
        """A call ended without a row."""
        self._live.release([lease])

    def settled(self, done: Recorded) -> None:
        """Rows are in the ledger: their holds are replaced by what they really used. From the writer's thread."""
        self._live.release([row.id for row in done.rows], done.changes)
        for row in done.rows:
            if row.outcome == "done" and row.usage.output and not row.usage.estimated:
                self._learn(row.called_model, row.usage)

    async def used(self, counters: Sequence[Counter]) -> dict[Key, Sums]:
        """What the ledger says of some counters."""
        return await asyncio.to_thread(self._store.totals, [counter.key for counter in counters])

    def _demands(self, model_ids: tuple[str, ...], caller: Subject, body: Mapping[str, Any]) -> list[Demand] | None:
        if self._fail_closed and time.monotonic() - self._known_at > STALE_SECONDS:
            raise LedgerAway
        definitions = self._definitions
        counters = [
            counter
            for counter in definitions.counters(model_ids, caller, datetime.now(UTC))
            if counter.budget.limit is not None and counter.budget.action == "block"
        ]
        if not counters:
            return None
        wanted = self._wanted(model_ids, body, [counter.budget for counter in counters])
        return [
            Demand(counter, counter.budget.limit or 0, wanted.of(counter.budget))
            for counter in counters
            if not self._is_exempt(counter.budget, model_ids)
        ]

    def _is_exempt(self, budget: Budget, model_ids: tuple[str, ...]) -> bool:
        return budget.unit == "usd" and budget.free_models_exempt and self._definitions.book.is_free(model_ids)

    def _wanted(self, model_ids: tuple[str, ...], body: Mapping[str, Any], budgets: Sequence[Budget]) -> Wanted:
        if all(budget.unit == "requests" for budget in budgets):
            return Wanted(0, 0)
        prompt = estimate.prompt_tokens(body)
        typical = self._typical.get(model_ids[-1], TokenUsage(output=FIRST_GUESS))
        most = _most_output(body)
        output = typical.output if most is None else most
        reasoning = min(output, typical.reasoning)
        cost = None
        if any(budget.unit == "usd" for budget in budgets):
            price = self._definitions.book.cost(model_ids, TokenUsage(input=prompt, output=output))
            cost = None if price is None else price.nano
        return Wanted(prompt, output, reasoning, cost)

    def _learn(self, model: str, usage: TokenUsage) -> None:
        known = self._typical.get(model, usage)
        mix: Callable[[int, int], int] = lambda old, new: round(old + _WEIGHT * (new - old))  # noqa: E731
        self._typical[model] = TokenUsage(
            output=mix(known.output, usage.output), reasoning=mix(known.reasoning, usage.reasoning)
        )


def _most_output(body: Mapping[str, Any]) -> int | None:
    """The most that the provider may write, where the request says so."""
    options = body.get("options")
    places = [body, options] if isinstance(options, Mapping) else [body]
    for place in places:
        for key in ("max_completion_tokens", "max_tokens", "max_output_tokens", "num_predict"):
            most = place.get(key)
            if isinstance(most, int) and not isinstance(most, bool) and most > 0:
                return most
    return None
