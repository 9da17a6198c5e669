"""May this call be made? Budgets are asked before anything is sent, and hold what the call will probably use."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from openwebui_usage import estimate
from openwebui_usage.ledger.definitions import Definitions
from openwebui_usage.ledger.live import Demand, LiveCounters
from openwebui_usage.ledger.recording import Recorded
from openwebui_usage.ledger.store import Store
from openwebui_usage.limits import Budget, Refusal, Subject, Wanted
from openwebui_usage.tokens import TokenUsage

log = logging.getLogger(__name__)

REFRESH_SECONDS = 1.0
STALE_SECONDS = 10.0
"""How long the ledger may be out of reach before `fail_closed` refuses."""
FIRST_GUESS = 500
"""Output tokens that a model is expected to write before it was ever seen to."""
MOST_OUTPUT = 1_000_000
"""Output tokens that no call is believed to write, whatever it asks for: else one could reserve a budget of years."""
MOST_CHOICES = 128
"""What OpenAI takes as `n`: https://platform.openai.com/docs/api-reference/chat/create"""
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
        self._looking = asyncio.Lock()
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
        """Look at the ledger now. Leases are looked after even while it is away."""
        async with self._looking:  # Or an older look might end later, and its answer stand.
            results = await asyncio.gather(self._read(), self._live.refresh(), return_exceptions=True)
        errors = [error for error in results if isinstance(error, Exception)]
        if errors:  # It is tried again in a second.
            log.debug("The ledger could not be looked at: %s", errors[0])
        else:
            self._known_at = time.monotonic()

    async def _read(self) -> None:
        self._definitions = await asyncio.to_thread(self._store.definitions)
        if any(budget.unit == "usd" for budget in self._definitions.budgets):
            # The first price is the dear one: it loads the list of all.
            await asyncio.to_thread(self._definitions.book.is_free, ["gpt-4o"])

    async def changed(self) -> None:
        """An admin changed a definition or reset a counter here: it holds for the next call."""
        await self.refresh()
        await self._live.forget()

    async def admit(
        self,
        lease: str,
        model_ids: tuple[str, ...],
        caller: Subject,
        body: Mapping[str, Any],
        outer: str | None = None,
    ) -> Refusal | None:
        """Reserve what a call will probably use. None: it may be made, and must be settled by its `lease`.

        `outer` is the lease of a call on whose behalf this one is made, and which it replaces: a pipe's own row counts
        only where it called nobody. Raises `LedgerAway` where it cannot be told and that counts as no.
        """
        try:
            demands = self._demands(model_ids, caller, body)
            return await self._live.reserve(lease, demands, outer) if demands else None
        except Exception as error:  # noqa: BLE001 - whatever it is, no call fails by it but where the admin says so
            self._let_through(error)
            return None
        finally:
            if outer is not None:
                self._live.release([outer])

    async def check(self, model_ids: tuple[str, ...], caller: Subject) -> Refusal | None:
        """Whether a call would be admitted at this moment, without holding anything. Raises `LedgerAway`."""
        try:
            demands = self._demands(model_ids, caller)
            return await self._live.ask(demands) if demands else None
        except Exception as error:  # noqa: BLE001 - whatever it is, no call fails by it but where the admin says so
            self._let_through(error)
            return None

    def _let_through(self, error: Exception) -> None:
        if self._fail_closed:
            raise LedgerAway from error
        log.warning("A call was let through unchecked: %s: %s", type(error).__name__, str(error).partition("\n")[0])

    def release(self, lease: str) -> None:
        """A call ended without a row."""
        self._live.release([lease])

    def settled(self, done: Recorded) -> None:
        """Rows are in the ledger: their holds are replaced by what they really used. From the writer's thread."""
        self._live.release([row.id for row in done.rows], done.changes)
        for row in done.rows:
            if row.outcome == "done" and row.usage.output and not row.usage.estimated:
                self._learn(row.called_model, row.usage)

    def _demands(
        self, model_ids: tuple[str, ...], caller: Subject, body: Mapping[str, Any] | None = None
    ) -> list[Demand]:
        """What a call asks of the counters that can refuse it; without a body only whether they do."""
        if self._fail_closed and time.monotonic() - self._known_at > STALE_SECONDS:
            raise LedgerAway
        definitions = self._definitions
        counters = [
            counter
            for counter in definitions.counters(model_ids, caller, datetime.now(UTC))
            if counter.budget.limit is not None and counter.budget.action == "block"
        ]
        counters = [counter for counter in counters if not self._is_exempt(counter.budget, model_ids)]
        if not counters:
            return []
        if body is None:
            return [Demand(counter, counter.budget.limit or 0, 0) for counter in counters]
        wanted = self._wanted(model_ids, body, [counter.budget for counter in counters])
        return [Demand(counter, counter.budget.limit or 0, wanted.of(counter.budget)) for counter in counters]

    def _is_exempt(self, budget: Budget, model_ids: tuple[str, ...]) -> bool:
        return budget.unit == "usd" and budget.free_models_exempt and self._definitions.book.is_free(model_ids)

    def _wanted(self, model_ids: tuple[str, ...], body: Mapping[str, Any], budgets: Sequence[Budget]) -> Wanted:
        if all(budget.unit == "requests" for budget in budgets):
            return Wanted(0, 0)
        prompt = estimate.prompt_tokens(body)
        typical = self._typical.get(model_ids[-1], TokenUsage(output=FIRST_GUESS))
        most = _most_output(body)
        output = (typical.output if most is None else most) * _choices(body)
        reasoning = min(output, typical.reasoning * _choices(body))
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
    """The most that the provider may write of one answer, where the request says so."""
    options = body.get("options")
    places = [body, options] if isinstance(options, Mapping) else [body]
    keys = ("max_completion_tokens", "max_tokens", "max_output_tokens", "num_predict")
    said = [count for place in places for key in keys if (count := _count(place.get(key))) is not None]
    # Where it says so twice, providers differ in which they follow.
    return min(max(said), MOST_OUTPUT) if said else None


def _choices(body: Mapping[str, Any]) -> int:
    """How many answers are asked for."""
    return min(_count(body.get("n")) or 1, MOST_CHOICES)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
